/* SPDX-License-Identifier: MIT */
/*
 * Semaphores: a number of permits, and a queue of those who wait for some.
 *
 *     static weft_semaphore connections = WEFT_BOUNDED_SEMAPHORE_INIT(8);
 *
 *     static int query(void *arg)
 *     {
 *         int rc = weft_semaphore_acquire(&connections);
 *
 *         if (rc < 0)
 *             return rc;
 *         rc = ask_database(arg);                    at most 8 of these at a time
 *         weft_semaphore_release(&connections);
 *         return rc;
 *     }
 *
 * One call may take several permits, all or none: weights, such as the bytes of a buffer. The order is strictly first
 * come, first served. Nobody overtakes one who waits, also not one who wants little another who wants much: so whoever
 * wants much is served as soon as those before it are, and that many permits have come together. One that leaves the
 * queue, because it is cancelled, lets those behind it go.
 *
 * Any number of permits may be released, by whomever; a permit has no owner. A bounded semaphore takes no more back
 * than it had at first: a release too much is refused, where the other kind would let more in than were meant to.
 *
 * Storage: 40 bytes of the caller's, initialised statically or by a call. Zeroed memory is a semaphore without permits
 * that is not bounded. It must not move while in use. Before the memory goes away weft_semaphore_fini() has to be
 * called, and nobody may be in any call for the semaphore then, but for a release that let the caller in: fini waits
 * until that is through.
 *
 * Threads: acquire suspends a task, and blocks a thread that runs none. All calls but init and fini may be made at any
 * time from any task of any runtime, and from any thread.
 *
 * An acquire that has returned 0 has its permits, whatever comes to the scope of the task at the same moment; one that
 * returns WEFT_ECANCELED has taken none.
 */
#ifndef WEFT_SEMAPHORE_H
#define WEFT_SEMAPHORE_H

#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_semaphore {
    uint64_t opaque[5];
} weft_semaphore;

/* The most permits that a semaphore can have. */
#define WEFT_SEMAPHORE_MAX ((uint64_t)INT64_MAX)

/* Semaphores with `n` permits, at most WEFT_SEMAPHORE_MAX; of the bounded one `n` is also the bound. */
/* clang-format off */
#define WEFT_SEMAPHORE_INIT(n) {{(uint64_t)(n) << 1, 0, 0, 0, 0}}
#define WEFT_BOUNDED_SEMAPHORE_INIT(n) {{(uint64_t)(n) << 1, 0, 0, 0, WEFT_SEMAPHORE_MAX - (uint64_t)(n)}}
/* clang-format on */

/* The same at run time. Return 0, or WEFT_EINVAL: `n` is too large. Do not suspend. */
WEFT_API int weft_semaphore_init(weft_semaphore *s, uint64_t n) WEFT_NONNULL(1);
WEFT_API int weft_bounded_semaphore_init(weft_semaphore *s, uint64_t n) WEFT_NONNULL(1);

/* Ends the use of a semaphore. Returns 0, or WEFT_EBUSY and changes nothing: somebody waits, or permits of a bounded
 * semaphore are out; debug mode reports it. Does not suspend. */
WEFT_API int weft_semaphore_fini(weft_semaphore *s) WEFT_NONNULL(1);

/*
 * Takes one permit, or `n`, waiting until its turn has come and they are there. `n` may be 0: that waits for its turn
 * alone. Returns 0; or, and then nothing was taken,
 *   WEFT_ECANCELED    the scope is cancelled, or was while it waited
 *   WEFT_EINVAL       `n` is more than the bound, or than WEFT_SEMAPHORE_MAX: it would wait for ever
 *   WEFT_ENOTASK      on a thread of a runtime that runs no task, where nothing may wait
 * Suspends; a plain thread is blocked.
 */
WEFT_API WEFT_CHECK int weft_semaphore_acquire(weft_semaphore *s) WEFT_NONNULL(1);
WEFT_API WEFT_CHECK int weft_semaphore_acquire_n(weft_semaphore *s, uint64_t n) WEFT_NONNULL(1);

/* The same without waiting: WEFT_EBUSY where the permits are not there, or where somebody waits. Do not suspend, and
 * are no checkpoints. */
WEFT_API WEFT_CHECK int weft_semaphore_try_acquire(weft_semaphore *s) WEFT_NONNULL(1);
WEFT_API WEFT_CHECK int weft_semaphore_try_acquire_n(weft_semaphore *s, uint64_t n) WEFT_NONNULL(1);

/* Gives one permit, or `n`, and wakes those who can now go on. Returns 0, or WEFT_EINVAL and changes nothing: there
 * would be more than the bound, or than WEFT_SEMAPHORE_MAX; debug mode reports it. Do not suspend. */
WEFT_API int weft_semaphore_release(weft_semaphore *s) WEFT_NONNULL(1);
WEFT_API int weft_semaphore_release_n(weft_semaphore *s, uint64_t n) WEFT_NONNULL(1);

/* The permits that are there now. That is not 0 either where the first who waits wants more. Does not suspend. */
WEFT_API uint64_t weft_semaphore_value(const weft_semaphore *s) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
