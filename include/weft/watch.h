/* SPDX-License-Identifier: MIT */
/*
 * Watches: a value of which only the latest state matters, such as a configuration, a price or a progress. Writers
 * replace it, and readers see what it is, or wait until it is another than they have seen. What lay between two looks
 * of a reader is never seen by it.
 *
 *     static int limit = 10, now;
 *     static weft_watch limits = WEFT_WATCH_INIT(limit);
 *
 *     weft_watch_reader seen = {0};                        it has seen nothing yet
 *     while (weft_watch_changed(&limits, &seen, &now) == 0)
 *         use(now);                                        at once with the 10, then after each weft_watch_send()
 *
 * The watch, its value and the readers are the caller's storage, and nothing is ever allocated. A reader is the number
 * of the version that was seen last: readers need not be known to the watch nor said farewell to, and a copy of one is
 * another that has seen as much. The watch of a zeroed struct has no value, but versions. A reader that several tasks
 * use at the same time shows each version to one of them.
 *
 * weft_watch_close() says that no other value will come: readers still get what they have not seen, then WEFT_ECLOSED.
 *
 * Threads: every call may be made by any task, of any runtime, and by any plain thread; there may be several writers.
 * weft_watch_changed() suspends the task, or blocks the plain thread. Values are copied under a lock of a few
 * instructions: keep them below a few hundred bytes.
 */
#ifndef WEFT_WATCH_H
#define WEFT_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

/* 48 bytes. What is in it is weft's; it must not be moved or copied. */
typedef struct weft_watch {
    void *value;
    size_t size;
    uint64_t opaque[4];
} weft_watch;

/* What one reader has seen, 8 bytes. Zeroed: nothing, so that weft_watch_changed() returns the first value at once. */
typedef struct weft_watch_reader {
    uint64_t opaque[1];
} weft_watch_reader;

/* A watch of the variable `place`, whose value is the first one; it suits static storage. From here on the variable is
 * not to be touched but by the calls below. */
#define WEFT_WATCH_INIT(place)                                                                                         \
    {                                                                                                                  \
        &(place), sizeof(place),                                                                                       \
        {                                                                                                              \
            0, 0, 0, 0                                                                                                 \
        }                                                                                                              \
    }

/* The same for `size` bytes at `place`, which must live as long as the watch; NULL and 0: no value, versions only. */
WEFT_API void weft_watch_init(weft_watch *w, void *place, size_t size) WEFT_NONNULL(1);

/* The watch will not be used any more; it need not be called where nobody can wait. Returns 0, or WEFT_EBUSY: somebody
 * waits, and nothing has changed; debug mode reports it. A wait that is over but has not returned yet still uses the
 * watch (undefined otherwise). Does not suspend. */
WEFT_API int weft_watch_fini(weft_watch *w) WEFT_NONNULL(1);

/* Replaces the value by a copy of `*value`, also by an equal one, and wakes all that wait. Returns 0, or WEFT_ECLOSED;
 * WEFT_EINVAL: `value` is NULL although the watch has one. Never waits, does not suspend. */
WEFT_API WEFT_CHECK int weft_watch_send(weft_watch *w, const void *value) WEFT_NONNULL(1);

/* Copies the latest value to `*out`, be the watch closed or not. Does not suspend. */
WEFT_API void weft_watch_get(weft_watch *w, void *out) WEFT_NONNULL(1, 2);

/* From here on the reader has seen what there is: weft_watch_changed() waits for the next. Does not suspend. */
WEFT_API void weft_watch_mark_seen(weft_watch *w, weft_watch_reader *reader) WEFT_NONNULL(1, 2);

/* Waits until there is a version that the reader has not seen, and copies the latest to `*out`, which may be NULL.
 * Returns 0, or WEFT_ECLOSED (and it has seen the last), WEFT_ECANCELED (then it has seen nothing new), WEFT_ENOTASK
 * (on a thread of a runtime that runs no task). Suspends; a plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_watch_changed(weft_watch *w, weft_watch_reader *reader, void *out) WEFT_NONNULL(1, 2);

/* The same without waiting: WEFT_EEMPTY where there is nothing new. Does not suspend. */
WEFT_API WEFT_CHECK int weft_watch_try_changed(weft_watch *w, weft_watch_reader *reader, void *out) WEFT_NONNULL(1, 2);

/* No other value will come. Wakes all that wait. Returns 0, or WEFT_ECLOSED when it was closed before. Does not
 * suspend. */
WEFT_API int weft_watch_close(weft_watch *w) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
