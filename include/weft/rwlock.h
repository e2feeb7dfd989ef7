/* SPDX-License-Identifier: MIT */
/*
 * Read-write locks: many may read at a time, or one task writes.
 *
 *     static weft_rwlock lock = WEFT_RWLOCK_INIT;
 *     static int price = 10;
 *
 *     static int look(void *seen)
 *     {
 *         int rc = weft_rwlock_read_lock(&lock);
 *
 *         if (rc < 0)
 *             return rc;
 *         *(int *)seen = price;
 *         return weft_rwlock_read_unlock(&lock);
 *     }
 *
 *     static int raise_by(void *much)
 *     {
 *         int rc = weft_rwlock_write_lock(&lock);
 *
 *         if (rc < 0)
 *             return rc;
 *         price += *(int *)much;
 *         return weft_rwlock_write_unlock(&lock);
 *     }
 *
 * Its states:
 *
 *     free --read_lock--> read by n --the last read_unlock--> free, or a writer's turn
 *     free --write_lock--> written by a task --write_unlock--> free, or the turn of the readers that wait, or of a writer
 *                             |  |     ^
 *                             |  |     `-weft_rwlock_repair()--- broken <--the writer has ended without unlocking
 *                             |  `-downgrade--> read by it, and by the readers that wait
 *
 * Neither starves: once a writer waits, new readers wait behind it; once it is done, all readers that wait by then come
 * in at once, and the next writer after these. Writers come in the order in which they came. Whoever waits gets the
 * lock handed over, and may be cancelled until then: when the only writer that waits leaves, the readers behind it come
 * in.
 *
 * A writer is the owner, as of a mutex (weft/mutex.h): it is a task, it alone may unlock, it may lock it neither for
 * writing nor for reading a second time, and if it ends with it the lock is broken. Readers are only counted. So they
 * may be tasks or plain threads, and one may unlock for another; but a reader that ends without unlocking is not
 * noticed and keeps writers out, and a reader that asks to write waits for itself. A task that reads may read once more
 * only where no writer waits in between: do not rely on it.
 *
 * A weft_rwlock is 64 bytes of the caller's, which stay where they are from the first use to fini. Zeroed memory is one
 * that is free. It must outlive the task that writes.
 */
#ifndef WEFT_RWLOCK_H
#define WEFT_RWLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_rwlock {
    uint64_t opaque[8];
} weft_rwlock;

/* clang-format off */
#define WEFT_RWLOCK_INIT {{0}}
/* clang-format on */

/* Makes `*l` a lock that is free, whatever was there. Does not suspend; callable from any thread. */
WEFT_API void weft_rwlock_init(weft_rwlock *l) WEFT_NONNULL(1);

/* Ends the use of `*l`, free or broken: after it the memory may go. Returns 0, and `*l` is as after init; or WEFT_EBUSY
 * where it is held or waited for, and nothing has changed; debug mode reports it. Nobody may be in a call for it then,
 * but for an unlock that let the caller in: also not one that was cancelled and has not returned yet, which is not
 * always noticed. Does not suspend; callable from any thread. */
WEFT_API int weft_rwlock_fini(weft_rwlock *l) WEFT_NONNULL(1);

/* Locks for reading. Returns 0, or
 *   WEFT_ECANCELED    the scope of the caller is cancelled
 *   WEFT_EDEADLK      the caller writes; reported in debug mode
 *   WEFT_EBROKEN      a writer has ended without unlocking
 *   WEFT_ENOTASK      on a thread of a runtime that runs no task, where nothing may wait
 * Suspends; a plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_rwlock_read_lock(weft_rwlock *l) WEFT_NONNULL(1);

/* The same without waiting: WEFT_EBUSY where a task writes or somebody waits, never WEFT_ECANCELED. Does not suspend;
 * callable from any thread. */
WEFT_API WEFT_CHECK int weft_rwlock_try_read_lock(weft_rwlock *l) WEFT_NONNULL(1);

/* Ends a reading. Returns 0, or WEFT_EPERM where nobody reads, reported in debug mode. Does not suspend; callable from
 * any thread. */
WEFT_API int weft_rwlock_read_unlock(weft_rwlock *l) WEFT_NONNULL(1);

/* Locks for writing. Returns as weft_rwlock_read_lock(); WEFT_ENOTASK on any plain thread. Suspends; task only. */
WEFT_API WEFT_CHECK int weft_rwlock_write_lock(weft_rwlock *l) WEFT_NONNULL(1);

/* The same without waiting: WEFT_EBUSY where somebody reads or writes, never WEFT_ECANCELED. Does not suspend; task
 * only. */
WEFT_API WEFT_CHECK int weft_rwlock_try_write_lock(weft_rwlock *l) WEFT_NONNULL(1);

/* Ends the writing. Returns 0, or WEFT_EPERM where the caller does not write, reported in debug mode, or WEFT_ENOTASK.
 * Does not suspend; task only. */
WEFT_API int weft_rwlock_write_unlock(weft_rwlock *l) WEFT_NONNULL(1);

/* Makes the writer a reader, in one step: no other writer comes in between. The readers that wait come in with it.
 * Returns as weft_rwlock_write_unlock(); after 0 the caller ends its reading. Does not suspend; task only. */
WEFT_API WEFT_CHECK int weft_rwlock_downgrade(weft_rwlock *l) WEFT_NONNULL(1);

/* Takes a lock that is broken: it is whole again, and the caller writes. Returns 0, or WEFT_EALREADY where it is not
 * broken, or not any more, or WEFT_ENOTASK. Does not suspend; task only. */
WEFT_API WEFT_CHECK int weft_rwlock_repair(weft_rwlock *l) WEFT_NONNULL(1);

/* Whether the calling task writes. Does not suspend; callable from any thread, to which the answer is false. */
WEFT_API bool weft_rwlock_owned(const weft_rwlock *l) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
