/* SPDX-License-Identifier: MIT */
/*
 * Mutexes: one task at a time, however many workers there are. A task that waits for one suspends; its thread goes on
 * with others.
 *
 *     static weft_mutex lock = WEFT_MUTEX_INIT;
 *     static int balance;
 *
 *     static int pay_in(void *amount)
 *     {
 *         int rc = weft_mutex_lock(&lock);
 *
 *         if (rc < 0)
 *             return rc;
 *         balance += *(int *)amount;
 *         return weft_mutex_unlock(&lock);
 *     }
 *
 * Its states:
 *
 *     free --lock, try_lock--> held by a task --unlock--> free, or held by the one that has waited too long
 *                                |       ^
 *              the task has ended|       |weft_mutex_repair(): its caller holds it
 *                                v       |
 *                                broken -'               every lock returns WEFT_EBROKEN
 *
 * A mutex belongs to the task that has locked it, which may suspend while it holds it. It alone may unlock it, and it
 * may not lock it again. A plain thread owns nothing: to it every call but init, fini and owned is WEFT_ENOTASK.
 *
 * A task that ends and still holds a mutex leaves it broken: whoever waits, or comes later, is told so instead of
 * hanging, for nobody can tell in what state the data is that it guards. weft_mutex_repair() takes a broken mutex: its
 * caller holds it, puts the data right, and unlocks. The task counts as ended once what it has left open is closed; who
 * has waited for the task finds the mutex broken.
 *
 * The two functions of a weft_join() run in the calling task or in one of their own, as it happens. So neither of them
 * may unlock what the caller has locked, nor lock it: that is WEFT_EPERM or WEFT_EDEADLK at one time, and a wait of the
 * caller for itself at another. What they lock they unlock before they return.
 *
 * Fairness: those who wait stand in line. An unlock frees the mutex and wakes the first, which then competes with
 * whoever comes along: a mutex that is in demand changes hands without a sleep in between. One that has waited for more
 * than a millisecond, or has lost for the 16th time, gets the mutex handed over by the next unlock. So nobody waits for
 * ever.
 *
 * A weft_mutex is 48 bytes of the caller's, which stay where they are from the first use to fini. Zeroed memory is one
 * that is free. It must outlive the tasks that hold it: one that lay in the frame of a task that has ended without
 * unlocking it is undefined, though the usual case of that is found, and named in debug mode.
 */
#ifndef WEFT_MUTEX_H
#define WEFT_MUTEX_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_mutex {
    uint64_t opaque[6];
} weft_mutex;

/* clang-format off */
#define WEFT_MUTEX_INIT {{0}}
/* clang-format on */

/* Makes `*m` a mutex that is free, whatever was there. Does not suspend; callable from any thread. */
WEFT_API void weft_mutex_init(weft_mutex *m) WEFT_NONNULL(1);

/* Ends the use of `*m`, free or broken: after it the memory may go. Returns 0, and `*m` is as after init; or WEFT_EBUSY
 * where it is held or waited for, and nothing has changed; debug mode reports it. Nobody may be in a call for it then,
 * but for an unlock that let the caller in: also not one that was cancelled and has not returned yet, which is not
 * always noticed. Does not suspend; callable from any thread. */
WEFT_API int weft_mutex_fini(weft_mutex *m) WEFT_NONNULL(1);

/* Locks, waiting while another task holds it. Returns 0: the caller holds it. Else it does not:
 *   WEFT_ECANCELED    the scope of the caller is cancelled
 *   WEFT_EDEADLK      the caller holds it already; reported in debug mode
 *   WEFT_EBROKEN      its owner has ended
 *   WEFT_ENOTASK
 * Suspends; task only. */
WEFT_API WEFT_CHECK int weft_mutex_lock(weft_mutex *m) WEFT_NONNULL(1);

/* Locks if it is free. Also returns WEFT_EBUSY, where it is held by another, or just handed over; and not
 * WEFT_ECANCELED. Does not suspend; task only. */
WEFT_API WEFT_CHECK int weft_mutex_try_lock(weft_mutex *m) WEFT_NONNULL(1);

/* Unlocks, and wakes who is first in line. Returns 0, or WEFT_EPERM where the caller does not hold it, reported in
 * debug mode, or WEFT_ENOTASK. Does not suspend; task only. */
WEFT_API int weft_mutex_unlock(weft_mutex *m) WEFT_NONNULL(1);

/* Takes a mutex that is broken: it is whole again, and held by the caller. Returns 0, or WEFT_EALREADY where it is not
 * broken, or not any more, or WEFT_ENOTASK. Does not suspend; task only. */
WEFT_API WEFT_CHECK int weft_mutex_repair(weft_mutex *m) WEFT_NONNULL(1);

/* Whether the calling task holds it. Does not suspend; callable from any thread, to which the answer is false. */
WEFT_API bool weft_mutex_owned(const weft_mutex *m) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
