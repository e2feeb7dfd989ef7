/* SPDX-License-Identifier: MIT */
/*
 * Who waits in the queue of a primitive: a task, or a plain thread. Every primitive of sync/ has a spin lock that
 * guards its state and its queues, and waits like this:
 *
 *     struct weft__waiter w;
 *     int rc = weft__wait_enter(&w);                   who calls, and the checkpoint on entry
 *
 *     if (rc < 0)
 *         return rc;
 *     weft__spinlock_lock(&p->lock);
 *     if (...what is wanted is there: take it...) {
 *         weft__spinlock_unlock(&p->lock);
 *         return 0;
 *     }
 *     if ((rc = weft__wait_in(&w, &p->waiters, &p->lock)) == 0)
 *         return 0;                                    what was wanted was granted by the claimer
 *     ...who leaves a queue uncalled may let those behind it go: grant to them...
 *     weft__spinlock_unlock(&p->lock);
 *     return rc;
 *
 * and grants like this:
 *
 *     struct weft__wakes wakes = WEFT__WAKES_NONE;
 *
 *     weft__spinlock_lock(&p->lock);
 *     while (...there is something to give... && (w = weft__waiters_claim_first(&p->waiters, &wakes)) != NULL)
 *         ...give it: write to w, or to what it lies in...
 *     weft__spinlock_unlock(&p->lock);
 *     weft__wake(&wakes);                              nothing of p is touched any more
 *
 * States of a waiter, which change under the lock of the primitive but for the cancellation:
 *
 *     out --begin--> queued --claim--> granted             weft__wait() returns 0, whatever happens to the scope
 *                       |
 *                       +--the scope is cancelled--> weft__wait() returns WEFT_ECANCELED; the waiter is still in the
 *                             queue, where claims of it fail and take it out, until weft__wait_leave()
 *
 * What makes it safe:
 *   - A claim that succeeds is final: what is given is given, and a claimer that loses has given nothing. So nothing is
 *     ever given back.
 *   - The waiter lives until the claimer has let go of the lock. A task that sleeps is woken only after that; one that
 *     was claimed before it slept, or after it was sent back to look for a cancellation (sched/unsure.h), waits to be
 *     released; a cancelled one takes the lock to leave. So the claimer may write to the waiter after the claim: claim
 *     first, then give.
 *   - Whoever learns that a wait was granted may destroy the primitive at once, be it another than the waiter (a
 *     receiver that has got the item of a sender): the claimer does not touch it after the unlock, nor does the waiter
 *     after the claim.
 *   - Order: weft__wait() of a sleeper sees what was written under the lock by the queues that the task goes through;
 *     that of one awake, and of a thread, by the word that releases it.
 *
 * A plain thread waits on a futex in the waiter. It has no scope, so nothing but a claim ends its wait.
 */
#ifndef WEFT_SYNC_WAITER_H
#define WEFT_SYNC_WAITER_H

#include "sched/list.h"
#include "sched/lock.h"
#include "sched/park.h"

/* In the frame of the waiting call, or beside its stack. */
struct weft__waiter {
    struct weft__link link;    /* in the queue, under the lock; of one claimed that does not sleep: in the wakes */
    struct weft__task *task;   /* NULL: a plain thread */
    weft__ticket ticket;       /* of the task's wait */
    _Atomic uint32_t released; /* a thread's futex: set once a claimed one may go on */
    bool queued;               /* under the lock */
};

/* Those that were claimed, to be woken after the unlock. */
struct weft__wakes {
    struct weft__task *first, *last; /* that sleep, linked by `next`, in the order of their claims */
    struct weft__waiter *awake;      /* threads, and tasks on their way to sleep; the last claimed first */
};

#define WEFT__WAKES_NONE ((struct weft__wakes){NULL, NULL, NULL})

/*
 * How a call begins that may wait: says who calls. Before the lock. 0, or WEFT_ECANCELED; WEFT_ENOTASK on a thread of a
 * runtime that runs no task, where nothing may wait. May suspend.
 */
static inline int weft__wait_enter(struct weft__waiter *w)
{
    struct weft__worker *worker = weft__worker_self();
    struct weft__task *t = NULL;
    int rc = 0;

    if (WEFT__LIKELY(worker != NULL)) {
        if (WEFT__UNLIKELY((t = worker->current) == NULL))
            return WEFT_ENOTASK;
        if (WEFT__LIKELY((rc = weft__checkpoint(worker, t)) == 0))
            weft__park_announce(t);
    }
    w->task = t;
    return rc;
}

/*
 * The same for a primitive whose lock is a bias lock, which is to be taken next, as `*here`, and waits by
 * weft__wait_holding(). NULL: the thread is no worker.
 */
static inline int weft__wait_enter_on(struct weft__worker **here)
{
    struct weft__worker *worker = weft__worker_self();
    struct weft__task *t;
    int rc;

    *here = worker;
    if (WEFT__UNLIKELY(worker == NULL))
        return 0;
    if (WEFT__UNLIKELY((t = worker->current) == NULL))
        return WEFT_ENOTASK;
    if (WEFT__UNLIKELY(weft__checkpoint_is_due(worker, t))) {
        if ((rc = weft__checkpoint_slow(worker, t)) < 0)
            return rc;
        *here = weft__worker_self();
    }
    weft__park_will_prepare(t);
    return 0;
}

/* What `rc`, of the task's own preparation, means for the waiter. */
static inline int weft__wait_armed(struct weft__waiter *w, int rc)
{
    w->queued = false;
    A_STORE(&w->released, 0, relaxed); /* relaxed: not shared yet */
    if (WEFT__LIKELY(w->task != NULL))
        w->ticket = weft__park_ticket(w->task);
    return rc;
}

/* Arms a wait at any time, without a queue (for those that are in several): 0 or WEFT_ECANCELED. */
static inline int weft__wait_arm(struct weft__waiter *w, enum weft__cancelable how)
{
    return weft__wait_armed(w, WEFT__LIKELY(w->task != NULL) ? weft__park_prepare(w->task, how) : 0);
}

/* Puts one that is armed at the end of `queue`. Under the lock. */
static inline void weft__wait_queue(struct weft__waiter *w, struct weft__list *queue)
{
    w->queued = true;
    weft__list_append(queue, &w->link);
}

/* Arms the wait of one that has entered, and has then taken the lock, and queues it: 0, or WEFT_ECANCELED, and it is in
 * no queue. Under the lock. */
static inline int weft__wait_begin(struct weft__waiter *w, struct weft__list *queue)
{
    int rc = weft__wait_armed(w, WEFT__LIKELY(w->task != NULL) ? weft__park_confirm(w->task) : 0);

    if (WEFT__LIKELY(rc == 0))
        weft__wait_queue(w, queue);
    return rc;
}

void weft__wait_of_thread(struct weft__waiter *w);

/* Waits until whoever has claimed this waiter of a task has let go of the lock. */
static inline void weft__wait_released(struct weft__waiter *w)
{
    unsigned turns = 0;

    while (WEFT__UNLIKELY(A_LOAD(&w->released, acquire) == 0)) /* pairs with the release in weft__wake_several() */
        weft__spin(&turns);
}

/* Waits, after the unlock. 0: granted, and the claimer has let go of the lock, which may be gone. WEFT_ECANCELED: it
 * was not, and will not be; call weft__wait_leave() under the lock. */
static inline int weft__wait(struct weft__waiter *w)
{
    if (WEFT__UNLIKELY(w->task == NULL)) {
        weft__wait_of_thread(w);
        return 0;
    }
    if (WEFT__UNLIKELY(weft__park(w->task) != WEFT__WON_GRANT))
        return WEFT_ECANCELED;
    weft__wait_released(w);
    return 0;
}

/*
 * Queues `w`, of the calling task of `here`, which has entered by weft__wait_enter_on() and holds the lock. Returns the task to leave for by
 * weft__worker_leave_holding(): then what waits is published and parked in one step, and its call is over with that, so `w` must not lie in
 * its frame; land() waits by weft__park_landed(). NULL: the wait is to be armed as usual.
 */
static inline struct weft__task *weft__wait_holding(struct weft__waiter *w, struct weft__list *queue,
                                                    struct weft__worker *here)
{
    struct weft__task *t = here->current;

    w->task = t;
    w->ticket = weft__park_next_ticket(t);
    A_STORE(&w->released, 0, relaxed); /* relaxed: not shared yet */
    weft__wait_queue(w, queue);
    return WEFT__LIKELY(weft__task_is_sure(t)) ? weft__worker_handed(here) : NULL;
}

/* Takes one whose wait was cancelled out of `queue`, if no claim has yet. Under the lock. */
static inline void weft__wait_leave(struct weft__waiter *w, struct weft__list *queue)
{
    if (w->queued)
        weft__list_remove(queue, &w->link);
    w->queued = false;
}

/*
 * All of a wait: begins it in `queue`, lets go of `lock`, and waits. 0: granted; the lock is not held, and may be gone.
 * WEFT_ECANCELED: it was not, the lock is held again, and the waiter is in no queue.
 */
int weft__wait_in(struct weft__waiter *w, struct weft__list *queue, struct weft__spinlock *lock);

static inline struct weft__waiter *weft__waiters_first(const struct weft__list *queue)
{
    if (queue->first == NULL)
        return NULL;
    if (queue->first->prev != NULL)
        __builtin_unreachable(); /* spares the claim that follows a look */
    return WEFT__CONTAINER(queue->first, struct weft__waiter, link);
}

/* One more to be woken: it sleeps, and its claim has won. */
static inline void weft__wakes_add(struct weft__wakes *wakes, struct weft__task *t)
{
    t->next = NULL;
    if (wakes->first == NULL)
        wakes->first = t;
    else
        wakes->last->next = t;
    wakes->last = t;
}

/* Takes `w` out of `queue` and tries to win its wait. True when won: now it is to be given what it waits for. Under the
 * lock. */
static inline bool weft__waiter_claim(struct weft__waiter *w, struct weft__list *queue, struct weft__wakes *wakes)
{
    struct weft__task *t = w->task;

    weft__list_remove(queue, &w->link);
    w->queued = false;
    switch (t != NULL ? weft__claim(t, w->ticket, WEFT__WON_GRANT) : WEFT__CLAIM_AWAKE) {
    case WEFT__CLAIM_LOST:
        return false;
    case WEFT__CLAIM_AWAKE:
        w->link.next = wakes->awake != NULL ? &wakes->awake->link : NULL;
        wakes->awake = w;
        break;
    case WEFT__CLAIM_ASLEEP:
        A_STORE(&w->released, 1, relaxed); /* relaxed: it is woken after the unlock */
        weft__wakes_add(wakes, t);
        break;
    }
    return true;
}

/* Takes the one that has waited longest out of `queue`, and wins its wait. NULL: there is none, but such as were
 * cancelled, and those are out of it now. Under the lock. */
static inline struct weft__waiter *weft__waiters_claim_first(struct weft__list *queue, struct weft__wakes *wakes)
{
    struct weft__waiter *w;

    while ((w = weft__waiters_first(queue)) != NULL)
        if (weft__waiter_claim(w, queue, wakes))
            return w;
    return NULL;
}

/* The same with all of them. */
static inline void weft__waiters_claim_all(struct weft__list *queue, struct weft__wakes *wakes)
{
    while (weft__waiters_claim_first(queue, wakes) != NULL)
        ;
}

/* `first`: that sleep, linked; `awake`: as in struct weft__wakes. */
void weft__wake_several(struct weft__task *first, struct weft__waiter *awake);

/* Wakes those that were claimed. After the unlock. `here` is the calling thread's worker, or NULL. */
static inline void weft__wake_from(struct weft__worker *here, const struct weft__wakes *wakes)
{
    struct weft__task *t = wakes->first;

    if (WEFT__UNLIKELY(wakes->awake != NULL || t != wakes->last))
        weft__wake_several(t, wakes->awake);
    else if (t != NULL)
        weft__make_ready_from(here, t);
}

static inline void weft__wake(const struct weft__wakes *wakes)
{
    weft__wake_from(weft__worker_self(), wakes);
}

#endif
