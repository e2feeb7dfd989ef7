/* SPDX-License-Identifier: MIT */
/*
 * Park and unpark: what waits are made of, for those who write primitives of their own: locks, queues, bridges to the
 * event loops of other libraries. A program that finds what it needs in the other headers needs none of this.
 *
 * A task that has to wait prepares a waiter, leaves a copy of it where those find it who may wake it, and parks. Who
 * has what it waits for takes the copy and unparks it, from any task or thread. A wait ends in one of three ways, and
 * exactly one wins it, whoever races with whom: somebody woke it, the scope of the task was cancelled, or its time was
 * up.
 *
 *     idle --prepare--> armed --park--> asleep
 *      ^                  |               |
 *      |                  +--unpark, cancel, time: one of them wins--> over: weft_park() returns 0 (unparked), WEFT_ECANCELED
 *      |                  |                            |               or WEFT_ETIMEDOUT
 *      +----abandon-------+                            |
 *      +----next prepare-------------------------------+
 *
 * A waiter is a value of 16 bytes, to be copied as one likes. It names one wait of one task, and a late copy of it
 * changes nothing: weft_unpark() returns false. So copies need not be hunted down. They may be used for as long as the
 * runtime of the task lives; a thread that is not the runtime's must know by other means that it does.
 *
 * How a primitive goes about it, with a spin lock of its own:
 *
 *     int semaphore_acquire(struct semaphore *s)                  void semaphore_release(struct semaphore *s)
 *     {                                                           {
 *         struct node n;                                              enum weft_claim c = WEFT_CLAIM_LOST;
 *         int rc = weft_park_enter();                                 weft_waiter w = {{0}};
 *
 *         if (rc < 0)                                                 lock(s);
 *             return rc;                                              while (c == WEFT_CLAIM_LOST && s->first != NULL) {
 *         lock(s);                                                        w = s->first->waiter;
 *         if (s->permits > 0) {                                           remove_first(s);
 *             s->permits--;                                               c = weft_unpark_claim(w);
 *             unlock(s);                                              }
 *             return 0;                                               if (c == WEFT_CLAIM_LOST)
 *         }                                                               s->permits++;
 *         if ((rc = weft_park_prepare(&n.waiter)) == 0)               unlock(s);
 *             append(s, &n);                                          weft_unpark_finish(w, c);
 *         unlock(s);                                              }
 *         if (rc < 0)
 *             return rc;
 *         if ((rc = weft_park(&n.waiter)) < 0) {
 *             lock(s);
 *             if (n.queued)
 *                 remove(s, &n);
 *             unlock(s);
 *         }
 *         return rc;
 *     }
 *
 * That nothing is stranded, and nobody touches what is gone, rests on five rules:
 *   1. Who wakes counts as having woken only where weft_unpark() said true, or weft_unpark_claim() said other than
 *      LOST. Where it did not, the waiter was cancelled or out of time: what was meant for it goes to the next one in
 *      the queue, or stays. And the other way round: once a claim has won, weft_park() returns 0 whatever happens to
 *      the scope, and the next call says WEFT_ECANCELED.
 *   2. A waiter whose weft_park() failed was given nothing by this protocol. Where a primitive hands out what it gives
 *      before it wakes, say by a count, a waiter that fails must look whether something was given to it, and pass it
 *      on.
 *   3. What lies in the frame of the waiting task (the node above) is read before the claim, and not touched after one
 *      that won: the task may have returned. It lives until then, for a waiter that fails takes the lock before it
 *      returns.
 *   4. A value that goes with the wake is written before the claim, under the same lock, to where the node says.
 *   5. The last one that was woken may want to free the primitive, while its waker is still about to unlock: it takes
 *      the lock once, or waits until the lock is free, before it does.
 * tests/sched/fair_semaphore.h is this as a whole.
 *
 * Between weft_park_prepare() and weft_park() the task calls nothing that suspends.
 */
#ifndef WEFT_PARK_H
#define WEFT_PARK_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/time.h>

WEFT_BEGIN_DECLS

/* One wait of one task. Zeroed, it names none. */
typedef struct weft_waiter {
    uint64_t opaque[2];
} weft_waiter;

/*
 * What every call begins with that may wait: the checkpoint on entry, made even where the call would not have to wait,
 * and what makes the weft_park_prepare() after it cheap. Call it before taking the lock of the primitive. Returns 0, or
 * WEFT_ECANCELED, WEFT_ENOTASK. Suspends only where the task has held its thread for long, or is cancelled, to let
 * others run; task only.
 */
WEFT_API WEFT_CHECK int weft_park_enter(void);

/*
 * Begins a wait and stores it in `*w`. From here on it can be won by whoever has a copy, and by a cancellation. Returns
 * 0, or WEFT_ECANCELED (nothing has begun), WEFT_ENOTASK; then `*w` is zeroed. Does not suspend, and takes no lock
 * where weft_park_enter() came before it: it may be called under a spin lock. Task only. After 0 the task calls
 * weft_park(), weft_park_until() or weft_park_abandon().
 */
WEFT_API WEFT_CHECK int weft_park_prepare(weft_waiter *w) WEFT_NONNULL(1);

/* The same for a wait that no cancellation ends, and no deadline of a scope: for what must happen, such as taking a
 * lock back. Whoever is to wake it must be certain to come. Returns 0 or WEFT_ENOTASK. */
WEFT_API WEFT_CHECK int weft_park_prepare_shielded(weft_waiter *w) WEFT_NONNULL(1);

/*
 * Suspends the calling task until its wait has been won, and says by whom. Returns at once where it has been already.
 *   0                 weft_unpark() or weft_unpark_claim() won
 *   WEFT_ECANCELED    the scope was cancelled, by its deadline or by other means; nobody has woken the task, and nobody will
 *   WEFT_EINVAL       not a wait that the calling task has prepared last
 * Suspends; task only (WEFT_ENOTASK).
 */
WEFT_API WEFT_CHECK int weft_park(weft_waiter *w) WEFT_NONNULL(1);

/*
 * The same until `deadline` at the latest, for a primitive that has time-outs of its own beside those of scopes. Where
 * the deadline has passed already it does not suspend. Also returns
 *   WEFT_ETIMEDOUT    the deadline came first; nobody has woken the task, and nobody will
 *   WEFT_ENOMEM       there is no memory for a timer: the wait has been given up; nobody has woken the task, and nobody will
 */
WEFT_API WEFT_CHECK int weft_park_until(weft_waiter *w, weft_time deadline) WEFT_NONNULL(1);

/*
 * Gives up a wait instead of parking. True: nobody had won, and nobody will. False: an unpark has won, as if
 * weft_park() had returned 0, and what came with it is the caller's to use or to pass on. Does not suspend, may be
 * called under a spin lock; for the task that prepared it.
 */
WEFT_API WEFT_CHECK bool weft_park_abandon(weft_waiter *w) WEFT_NONNULL(1);

/*
 * Wakes the task of `w` from that wait. True: this call won the wait, and its weft_park() returns 0. False: the wait
 * was won by another, or is over. Does not suspend; callable from any task or thread. It may wake a thread, so under a
 * spin lock better use the two steps below.
 */
WEFT_API bool weft_unpark(weft_waiter w);

enum weft_claim {
    WEFT_CLAIM_LOST, /* the wait was won by another, or is over */
    WEFT_CLAIM_DONE, /* won, and the task has not suspended yet: it goes on by itself */
    WEFT_CLAIM_OWED  /* won, and the task sleeps until weft_unpark_finish() */
};

/* weft_unpark() in two steps: the first decides, in a few instructions, under the lock of a primitive; the second
 * wakes, after it. Every claim that was not LOST must be finished (the others may). Neither suspends; both are callable
 * from any task or thread. */
WEFT_API WEFT_CHECK enum weft_claim weft_unpark_claim(weft_waiter w);
WEFT_API void weft_unpark_finish(weft_waiter w, enum weft_claim claim);

WEFT_END_DECLS

#endif
