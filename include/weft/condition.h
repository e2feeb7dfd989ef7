/* SPDX-License-Identifier: MIT */
/*
 * Conditions: a task that holds a mutex waits until what the mutex guards has changed, and lets others change it
 * meanwhile.
 *
 *     static weft_mutex lock = WEFT_MUTEX_INIT;
 *     static weft_condition arrived = WEFT_CONDITION_INIT;
 *     static int letters;
 *
 *     static bool any(void *arg) { (void)arg; return letters > 0; }
 *
 *     static int take_one(void *arg)
 *     {
 *         int rc = weft_mutex_lock(&lock);
 *
 *         (void)arg;
 *         if (rc < 0)
 *             return rc;
 *         if ((rc = weft_condition_wait_for(&arrived, &lock, any, NULL)) == 0)
 *             letters--;
 *         if (rc != WEFT_EBROKEN)
 *             weft_mutex_unlock(&lock);
 *         return rc;
 *     }
 *
 *     static int bring_one(void *arg)
 *     {
 *         int rc = weft_mutex_lock(&lock);
 *
 *         (void)arg;
 *         if (rc < 0)
 *             return rc;
 *         letters++;
 *         weft_condition_signal(&arrived);
 *         return weft_mutex_unlock(&lock);
 *     }
 *
 * A wait unlocks the mutex, waits, and locks it again before it returns, whatever it returns: also one that was
 * cancelled comes back with the mutex held. It waits for the mutex shielded, so a holder that never unlocks holds it
 * up, as it does any other. The one exception is a mutex that has become broken (weft/mutex.h): WEFT_EBROKEN, and the
 * caller does not hold it.
 *
 * A signal wakes the one that has waited longest, a broadcast all that wait when it is called. None of them is lost:
 * who was cancelled before it was signalled is passed over, and who was signalled before it was cancelled returns 0. A
 * wait does not return for nothing, but between the signal and the return others may have had the mutex: so what is
 * waited for is looked at again, in a loop, which is what weft_condition_wait_for() does. Those who are signalled while
 * the mutex is held do not run to find it so: they go over to its queue, in their order, and are woken one by one as it
 * becomes free.
 *
 * Signal and broadcast are callable from any thread, whether or not the caller holds the mutex. To wait is for tasks,
 * as a mutex is.
 *
 * A weft_condition is 24 bytes of the caller's, which stay where they are from the first use to fini; zeroed memory is
 * one. It goes with whatever mutex the waits name; usually that is always the same one.
 */
#ifndef WEFT_CONDITION_H
#define WEFT_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/mutex.h>

WEFT_BEGIN_DECLS

typedef struct weft_condition {
    uint64_t opaque[3];
} weft_condition;

/* clang-format off */
#define WEFT_CONDITION_INIT {{0}}
/* clang-format on */

/* Makes `*c` a condition that nobody waits for, whatever was there. Does not suspend; callable from any thread. */
WEFT_API void weft_condition_init(weft_condition *c) WEFT_NONNULL(1);

/* Ends the use of `*c`: after it the memory may go. Returns 0, or WEFT_EBUSY where it is waited for, and nothing has
 * changed; debug mode reports it. One that was signalled and is on its way back to the mutex does not count. One that
 * was cancelled, and has not returned yet, still uses it (undefined otherwise), which is not always noticed. Does not
 * suspend; callable from any thread. */
WEFT_API int weft_condition_fini(weft_condition *c) WEFT_NONNULL(1);

/*
 * Unlocks `m`, waits for a signal or broadcast, and locks `m` again. In between nothing is missed: a signal by one who
 * has locked `m` after it was unlocked here finds the caller waiting. Returns
 *   0                 signalled; the caller holds `m`
 *   WEFT_ECANCELED    not signalled, the scope of the caller is cancelled; the caller holds `m`
 *   WEFT_EPERM        the caller does not hold `m`, nothing has happened; reported in debug mode
 *   WEFT_EBROKEN      `m` has become broken meanwhile; the caller does not hold it
 *   WEFT_ENOTASK
 * Suspends; task only.
 */
WEFT_API WEFT_CHECK int weft_condition_wait(weft_condition *c, weft_mutex *m) WEFT_NONNULL(1, 2);

/* Waits until `is_so(arg)`, which is called with `m` held, before the first wait and after each, and may suspend.
 * Returns as weft_condition_wait() does; 0: it is so. Suspends; task only. */
WEFT_API WEFT_CHECK int weft_condition_wait_for(weft_condition *c, weft_mutex *m, bool (*is_so)(void *arg), void *arg)
    WEFT_NONNULL(1, 2, 3);

/* Wakes the one that has waited longest, if any does. Does not suspend; callable from any thread. */
WEFT_API void weft_condition_signal(weft_condition *c) WEFT_NONNULL(1);

/* Wakes all that wait. Does not suspend; callable from any thread. */
WEFT_API void weft_condition_broadcast(weft_condition *c) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
