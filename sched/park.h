/* SPDX-License-Identifier: MIT */
/*
 * Park until woken, cancelled or out of time: every wait of weft goes through these. A wait reads
 *
 *     if ((rc = weft__park_prepare(t, WEFT__CANCELABLE)) < 0)
 *         return rc;                                   cancelled: nothing has happened
 *     ...publish (t, weft__park_ticket(t)) to the wakers...
 *     switch (weft__park(t)) ...                       who won: WEFT__WON_EVENT, _CANCEL or _TIME
 *
 * and a waker calls weft__unpark(t, ticket, WEFT__WON_EVENT). Whatever the wait published must be taken back before it
 * returns, where it was not the waker that took it.
 */
#ifndef WEFT_SCHED_PARK_H
#define WEFT_SCHED_PARK_H

#include <weft/error.h>

#include "sched/cancel.h"
#include "sched/runtime.h"
#include "sched/worker.h"

enum weft__cancelable { WEFT__CANCELABLE, WEFT__NOT_CANCELABLE };

/* Walks the chain of scopes, and remembers the answer for the epoch. */
bool weft__task_canceled_slow(struct weft__task *t, uint64_t epoch);

/* Whether the scope of `t`, the calling task, is cancelled. */
static inline bool weft__task_canceled(struct weft__task *t)
{
    /* seq_cst pairs with weft__cancel(): see weft__park_prepare() */
    uint64_t epoch = A_LOAD(&t->rt->cancel_epoch, seq_cst);

    return WEFT__LIKELY(epoch == t->seen_epoch) ? t->seen_canceled != 0 : weft__task_canceled_slow(t, epoch);
}

/* Whether `t`, the calling task, knows without a look that neither it nor anything around it is cancelled. In a shield it never does. */
static inline bool weft__task_is_sure(const struct weft__task *t)
{
    /* seq_cst as above */
    return t->seen_canceled == 0 && A_LOAD(&t->rt->cancel_epoch, seq_cst) == t->seen_epoch;
}

/* The same, and that nobody wants its worker `w` to attend to anything: its next checkpoint would do nothing. */
static inline bool weft__task_may_go_on(const struct weft__worker *w, const struct weft__task *t)
{
    /* The runtime by way of the worker: the loads do not wait for each other. seq_cst as above; relaxed: a hint */
    return t->seen_canceled == 0 && A_LOAD(&w->rt->cancel_epoch, seq_cst) == t->seen_epoch &&
           A_LOAD(&w->attention, relaxed) == 0;
}

/* What a checkpoint does where it has to do something: yields, and says whether the task is cancelled. */
int weft__checkpoint_slow(struct weft__worker *w, struct weft__task *t);

/* Whether it has to do something. */
static inline bool weft__checkpoint_is_due(struct weft__worker *w, struct weft__task *t)
{
    return weft__task_canceled(t) || A_LOAD(&w->attention, relaxed) != 0; /* relaxed: a hint, it carries no data */
}

/* The check on entry of every call that may suspend: 0 or WEFT_ECANCELED. May suspend, so the caller's worker may
 * have changed after it. */
static inline int weft__checkpoint(struct weft__worker *w, struct weft__task *t)
{
    return WEFT__UNLIKELY(weft__checkpoint_is_due(w, t)) ? weft__checkpoint_slow(w, t) : 0;
}

/* How a call begins that may suspend: 0 and the calling task, or WEFT_ENOTASK, WEFT_ECANCELED. May suspend. */
static inline int weft__enter(struct weft__task **t)
{
    struct weft__worker *w = weft__worker_self();

    if (WEFT__UNLIKELY(w == NULL || w->current == NULL))
        return WEFT_ENOTASK;
    *t = w->current;
    return weft__checkpoint(w, *t);
}

/* Makes the next weft__park_prepare() of `t`, the calling task, one that takes no lock: for those who prepare under one. */
static inline void weft__park_will_prepare(struct weft__task *t)
{
    /* acquire: where a descendant has made the edge, with it what that one knew of cancellations (cancel.h). It is not taken back before
     * the task ends */
    if (WEFT__UNLIKELY(!A_LOAD(&t->linked, acquire)))
        weft__cancel_link(t);
}

/* Arms the wait word of `t`, the calling task: 0 or WEFT_ECANCELED. A wait that is not cancelable always succeeds. */
int weft__park_prepare(struct weft__task *t, enum weft__cancelable how);

static inline weft__ticket weft__park_ticket(const struct weft__task *t)
{
    return A_LOAD(&t->wait, relaxed) & ~(uint64_t)(WEFT__TICKET_UNIT - 1); /* relaxed: the caller's own */
}

/* What the ticket of its next wait will be. */
static inline weft__ticket weft__park_next_ticket(const struct weft__task *t)
{
    return weft__park_ticket(t) + WEFT__TICKET_UNIT;
}

/* Gives up a wait that was prepared and that nobody can know of yet, or whose waker cannot be lost. */
static inline void weft__park_abandon(struct weft__task *t)
{
    A_STORE(&t->wait, weft__park_ticket(t) | WEFT__IDLE, relaxed); /* relaxed: a claim in between changes nothing */
}

/*
 * weft__park_prepare() in two halves, for those who take a lock by a read-modify-write between them: that is the fence which the
 * first must have before the look at the epoch. An announcement that nothing follows costs a store, and changes nothing: a canceller may claim
 * it in vain.
 */
static inline void weft__park_announce(struct weft__task *t)
{
    weft__park_will_prepare(t);
    if (A_RMW_IS_FENCE)
        A_STORE(&t->wait, weft__park_next_ticket(t) | WEFT__ARMED, relaxed); /* see above */
    A_COMPILER_FENCE(); /* the lock only acquires: to the compiler, the store might come after it */
}

static inline int weft__park_confirm(struct weft__task *t)
{
    /* relaxed: its own. What was announced has been used up where this is a second wait, or claimed by a canceller. */
    if (!A_RMW_IS_FENCE || (A_LOAD(&t->wait, relaxed) & WEFT__PHASE_MASK) != WEFT__ARMED)
        return weft__park_prepare(t, WEFT__CANCELABLE);
    if (WEFT__LIKELY(!weft__task_canceled(t)))
        return 0;
    weft__park_abandon(t);
    return WEFT_ECANCELED;
}

/* Suspends `t`, the calling task, until one has won, and says who. */
static inline enum weft__phase weft__park(struct weft__task *t)
{
    uint64_t s = A_LOAD(&t->wait, acquire); /* pairs with the release of the claim */

    if ((s & WEFT__PHASE_MASK) == WEFT__ARMED) {
        weft__worker_suspend(weft__worker_self(), WEFT__AFTER_PARK, t);
        s = A_LOAD(&t->wait, acquire);
    }
    return (enum weft__phase)(s & WEFT__PHASE_MASK);
}

/* The same, until `deadline` at the latest: stores who won. 0, or -ENOMEM and the wait goes on: abandon it. */
int weft__park_until(struct weft__task *t, weft_time deadline, enum weft__phase *won);

enum weft__claim {
    WEFT__CLAIM_LOST,  /* another has won, or the wait is over */
    WEFT__CLAIM_AWAKE, /* won; the task has not suspended, and will not */
    WEFT__CLAIM_ASLEEP /* won; the claimer must call weft__make_ready() */
};

/* One try of a claim on the word as it was read: true when it won. */
static inline bool weft__try_claim(struct weft__task *t, uint64_t *s, enum weft__phase why)
{
    uint64_t won = (*s & ~(uint64_t)(WEFT__TICKET_UNIT - 1)) | (uint64_t)why;

    /* release: what the claimer wrote for the task; acquire: the context that the task saved before it was parked */
    return A_CAS_WEAK(&t->wait, s, won, seq_cst, acquire);
}

static inline bool weft__claimable(uint64_t s)
{
    unsigned phase = s & WEFT__PHASE_MASK;

    return phase == WEFT__ARMED || phase == WEFT__PARKED;
}

/* Tries to win the wait of `t` with this ticket. From any thread. */
static inline enum weft__claim weft__claim(struct weft__task *t, weft__ticket ticket, enum weft__phase why)
{
    uint64_t s = A_LOAD(&t->wait, acquire);

    while ((s & ~(uint64_t)(WEFT__TICKET_UNIT - 1)) == ticket && weft__claimable(s)) {
        bool asleep = (s & WEFT__PHASE_MASK) == WEFT__PARKED;

        if (weft__try_claim(t, &s, why))
            return asleep ? WEFT__CLAIM_ASLEEP : WEFT__CLAIM_AWAKE;
    }
    return WEFT__CLAIM_LOST;
}

/* Parks the task that has just left its worker by weft__worker_leave_holding(), unsure. Nobody but cancellers has had a chance to claim
 * the wait: wakers need the lock. */
static inline void weft__park_held(struct weft__worker *w)
{
    struct weft__task *t = w->after_what;
    struct weft__bias_lock *lock = w->after_lock;

    weft__unsure_note(&w->unsure, t);
    /* release: the saved context goes to whoever claims the wait. From here on the task may run elsewhere */
    A_STORE(&t->wait, weft__park_next_ticket(t) | WEFT__UNSURE | WEFT__PARKED, release);
    weft__bias_unlock(lock);
}

/* How a land() begins: settles what this worker has left, and returns the task that has landed. */
static inline struct weft__task *weft__park_land(void)
{
    struct weft__worker *w = weft__worker_self();

    /* Tasks that wake each other in turn have all left like this. */
    if (WEFT__UNLIKELY(w->after != WEFT__AFTER_HOLD || !weft__unsure_is_over(&w->unsure)))
        return weft__worker_landed(w);
    w->after = WEFT__AFTER_NOTHING;
    weft__park_held(w);
    return w->current;
}

/* As weft__park(), for a task that has landed: it may have been sent back to look for itself. */
static inline enum weft__phase weft__park_landed(struct weft__task *t)
{
    /* acquire: as in weft__park() */
    while ((A_LOAD(&t->wait, acquire) & WEFT__PHASE_MASK) == WEFT__ARMED && WEFT__UNLIKELY(weft__task_canceled(t)))
        (void)weft__claim(t, weft__park_ticket(t), WEFT__WON_CANCEL);
    return weft__park(t);
}

/* Claim and wake. True when this call won. */
bool weft__unpark(struct weft__task *t, weft__ticket ticket, enum weft__phase why);

/* Wakes `t` from whatever wait it is in, with WEFT__WON_EVENT: for a waker that is the only one the wait can have. */
void weft__unpark_any(struct weft__task *t);

/* Wakes `t` from a cancelable wait, if it is in one, and not in a shield deeper than `depth`. */
void weft__unpark_canceled(struct weft__task *t, int64_t depth);

#endif
