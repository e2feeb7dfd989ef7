/* SPDX-License-Identifier: MIT */
/*
 * What a mutex is made of, for its own file and for conditions, whose waiters queue here for the way back.
 *
 * The word, in one step each:
 *
 *      0 --lock: CAS, acquire--> owner --unlock: CAS, release--> 0
 *                                  |
 *                                  | somebody queues
 *                                  v
 *                          owner|WAITED --unlock, under the spin lock--> 0, and the first of the queue is called
 *                                                                    `-> the first of the queue, with WAITED where others wait:
 *                                                                        handed over
 *      owner, owner|WAITED --its task ends, under the spin lock--> BROKEN --repair: CAS, acquire--> owner
 *
 * Invariant: somebody is in the queue => the word has WAITED, or one is called and on its way. So an unlock without
 * WAITED wakes nobody. At most one is called at a time, and until it is there the unlocks of others are short. It takes
 * the mutex, with WAITED for those behind it, or sets WAITED and goes back to the front of the queue; in the end it
 * cannot but come here, for a claim that has won is not cancelled.
 *
 * Only under the spin lock is anything changed but 0 -> owner, owner -> 0 and BROKEN -> owner.
 *
 * A waiter, under the spin lock: QUEUED -> CALLED, HANDED or BROKE, by who claims it.
 */
#ifndef WEFT_SYNC_MUTEX_H
#define WEFT_SYNC_MUTEX_H

#include <weft/mutex.h>

#include "sched/held.h"
#include "sync/waiter.h"

enum { WEFT__MUTEX_WAITED = 1, WEFT__MUTEX_BROKEN = 2, WEFT__MUTEX_BITS = 3 };

/* How often one may be called and find the mutex taken, and how long it may wait, until the mutex is handed over to
 * it. */
#ifndef WEFT__MUTEX_LOSSES
#define WEFT__MUTEX_LOSSES 16
#endif
#define WEFT__MUTEX_PATIENCE ((weft_time)1000000)

struct weft__mutex {
    _Atomic uint64_t word;
    struct weft__list waiters;  /* of struct weft__mutex_waiter; under the lock, as the rest */
    struct weft__held held;     /* the owner's */
    struct weft__spinlock lock; /* a leaf but for the wait words of the waiters */
    bool called;                /* one is on its way */
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__mutex) == sizeof(weft_mutex) && sizeof(weft_mutex) == 48, "as the header says");
_Static_assert(_Alignof(struct weft__mutex) <= _Alignof(weft_mutex), "the caller's storage suits");
_Static_assert(_Alignof(struct weft__task) > WEFT__MUTEX_BITS, "a task's address leaves room for the bits");

enum weft__mutex_turn { WEFT__MUTEX_QUEUED, WEFT__MUTEX_CALLED, WEFT__MUTEX_HANDED, WEFT__MUTEX_BROKE };

struct weft__mutex_waiter {
    struct weft__waiter waiter;
    enum weft__mutex_turn turn;
    bool claimed;    /* it sleeps, and its claim was won elsewhere (condition.c) */
    uint8_t losses;  /* how often it was called and found the mutex taken */
    weft_time since; /* it queued first; 0: not yet */
};

static inline struct weft__mutex *weft__mutex_of(weft_mutex *m)
{
    return (struct weft__mutex *)m;
}

static inline bool weft__mutex_is_owner(const struct weft__mutex *m, const struct weft__task *t)
{
    /* relaxed: only `t` itself makes it so and ends it */
    return (A_LOAD(&m->word, relaxed) & ~(uint64_t)WEFT__MUTEX_BITS) == (uintptr_t)t;
}

/* Locks for the task of `w`, which is not the owner and has entered; or goes on, for one that has been woken. */
int weft__mutex_acquire(struct weft__mutex *m, struct weft__mutex_waiter *w, enum weft__cancelable how);

/* Unlocks for `t`, the calling task, its owner. */
void weft__mutex_release(struct weft__mutex *m, struct weft__task *t);

/* Puts a waiter into the queue that sleeps and whose claim was won elsewhere, or wakes it where it is its turn at
 * once. */
void weft__mutex_move(struct weft__mutex *m, struct weft__mutex_waiter *w);

#endif
