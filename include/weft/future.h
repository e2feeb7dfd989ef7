/* SPDX-License-Identifier: MIT */
/*
 * Futures, also known as oneshots: a value, or an error, that comes once and that any number of tasks and threads may
 * wait for.
 *
 *     int answer, copy;
 *     weft_future f = WEFT_FUTURE_INIT(answer);        the value will lie in `answer`
 *
 *     weft_spawn(g, compute, &f);                      calls weft_future_set(&f, &(int){42})
 *     rc = weft_future_wait(&f, &copy);
 *
 * It is settled once:
 *
 *     pending --set--> done: 0 and the value        exactly one of the three, and no way back
 *        |-----fail--> done: the code
 *        `----close--> done: WEFT_ECLOSED
 *
 * The future and the place of its value are the caller's storage, and nothing is ever allocated. A future without a
 * place for a value says only that something has happened; zeroed memory is one. Once it is done all waiters are woken,
 * in the order in which they came, and every later wait returns at once; the value can be read where it lies, too.
 *
 * The value is copied in under a lock of a few instructions: what is larger than a few hundred bytes better lies
 * elsewhere, and a pointer to it is the value.
 *
 * Threads: every call may be made by any task, of any runtime, and by any plain thread. weft_future_wait() suspends the
 * task, or blocks the plain thread. Who waits does not own anything, so a waiter that is cancelled takes nothing away
 * from the others.
 *
 * A promise that nobody keeps hangs its waiters, so whoever gives up calls weft_future_close() or weft_future_fail().
 */
#ifndef WEFT_FUTURE_H
#define WEFT_FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

/* 40 bytes. What is in it is weft's; it must not be moved or copied. */
typedef struct weft_future {
    void *value;
    size_t size;
    uint64_t opaque[3];
} weft_future;

/* A pending future whose value will lie in the variable `place`; it suits static storage. */
#define WEFT_FUTURE_INIT(place)                                                                                        \
    {                                                                                                                  \
        &(place), sizeof(place),                                                                                       \
        {                                                                                                              \
            0, 0, 0                                                                                                    \
        }                                                                                                              \
    }

/* The same for a place of `size` bytes, which must live as long as the future; NULL and 0: no value. */
WEFT_API void weft_future_init(weft_future *f, void *place, size_t size) WEFT_NONNULL(1);

/* The future will not be used any more; it need not be called where nobody can wait. Returns 0, or WEFT_EBUSY: somebody
 * waits, and nothing has changed; debug mode reports it. A wait that is over but has not returned yet still uses the
 * future (undefined otherwise). Does not suspend. */
WEFT_API int weft_future_fini(weft_future *f) WEFT_NONNULL(1);

/* Settles the future with a copy of `*value`, which is ignored where there is no place for one, and wakes all that
 * wait. Returns 0, or WEFT_EALREADY: it was done before, and is as it was; WEFT_EINVAL: `value` is NULL although there
 * is a place for it. Does not suspend. */
WEFT_API WEFT_CHECK int weft_future_set(weft_future *f, const void *value) WEFT_NONNULL(1);

/* Settles it with an error, a negative code, which all waits return. Returns 0, or WEFT_EALREADY, WEFT_EINVAL (`code`
 * is not negative). Does not suspend. */
WEFT_API WEFT_CHECK int weft_future_fail(weft_future *f, int code) WEFT_NONNULL(1);

/* Abandons it: as weft_future_fail() with WEFT_ECLOSED. To be called by whoever might have set it, without a look
 * whether it is done: returns 0 or WEFT_EALREADY. Does not suspend. */
WEFT_API int weft_future_close(weft_future *f) WEFT_NONNULL(1);

/* Waits until the future is done and copies the value to `*out`, which may be NULL. Returns 0; or what it failed with;
 * or WEFT_ECANCELED, and nothing is changed; or WEFT_ENOTASK: on a thread of a runtime that runs no task. Suspends; a
 * plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_future_wait(weft_future *f, void *out) WEFT_NONNULL(1);

/* The same without waiting: WEFT_EEMPTY where it is pending. Does not suspend. */
WEFT_API WEFT_CHECK int weft_future_try_get(weft_future *f, void *out) WEFT_NONNULL(1);

/* Whether it is done. Does not suspend. */
WEFT_API bool weft_future_is_done(const weft_future *f) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
