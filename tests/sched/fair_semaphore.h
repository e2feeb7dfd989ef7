/* SPDX-License-Identifier: MIT */
/*
 * The worked example of weft/park.h: a counting semaphore whose waiters are served first in, first out, written with the public headers
 * and C11 alone. Tasks acquire, and wait while there is no permit; tasks and threads release.
 *
 * Invariant, whenever the lock is free: somebody waits => there are no permits. So no one who comes later goes first.
 */
#ifndef WEFT_TESTS_SCHED_FAIR_SEMAPHORE_H
#define WEFT_TESTS_SCHED_FAIR_SEMAPHORE_H

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

#include <weft/error.h>
#include <weft/park.h>

/* In the frame of the task that waits. */
struct fair_node {
    weft_waiter waiter;
    struct fair_node *next, *prev;
    bool queued;
};

struct fair_semaphore {
    atomic_bool held; /* the spin lock of the rest */
    unsigned permits;
    struct fair_node *first, *last;
};

static inline void fair_lock(struct fair_semaphore *s)
{
    while (atomic_exchange_explicit(&s->held, true, memory_order_acquire))
        while (atomic_load_explicit(&s->held, memory_order_relaxed))
            sched_yield();
}

static inline void fair_unlock(struct fair_semaphore *s)
{
    atomic_store_explicit(&s->held, false, memory_order_release);
}

static inline void fair_append(struct fair_semaphore *s, struct fair_node *n)
{
    n->next = NULL;
    n->prev = s->last;
    *(s->last != NULL ? &s->last->next : &s->first) = n;
    s->last = n;
    n->queued = true;
}

static inline void fair_remove(struct fair_semaphore *s, struct fair_node *n)
{
    *(n->prev != NULL ? &n->prev->next : &s->first) = n->next;
    *(n->next != NULL ? &n->next->prev : &s->last) = n->prev;
    n->queued = false;
}

/* Takes a permit, waiting until `deadline` at the latest. 0, WEFT_ECANCELED or WEFT_ETIMEDOUT (then no permit was taken), WEFT_ENOMEM,
 * WEFT_ENOTASK. */
static inline int fair_acquire_until(struct fair_semaphore *s, weft_time deadline)
{
    struct fair_node n;
    int rc = weft_park_enter();

    if (rc < 0)
        return rc;
    fair_lock(s);
    if (s->permits > 0) {
        s->permits--;
        fair_unlock(s);
        return 0;
    }
    if ((rc = weft_park_prepare(&n.waiter)) < 0) {
        fair_unlock(s);
        return rc;
    }
    fair_append(s, &n);
    fair_unlock(s);
    if ((rc = weft_park_until(&n.waiter, deadline)) == 0) {
        /* The permit came with the wake. Who gave it may still hold the lock, and the caller be about to free the semaphore. */
        while (atomic_load_explicit(&s->held, memory_order_acquire))
            sched_yield();
        return 0;
    }
    /* Nobody has won this wait, so there is no permit to pass on; but a release may look at the node until it is out. */
    fair_lock(s);
    if (n.queued)
        fair_remove(s, &n);
    fair_unlock(s);
    return rc;
}

static inline int fair_acquire(struct fair_semaphore *s)
{
    return fair_acquire_until(s, WEFT_NEVER);
}

/* Gives a permit back, to the one who has waited longest and waits still. From any task or thread. */
static inline void fair_release(struct fair_semaphore *s)
{
    enum weft_claim claim = WEFT_CLAIM_LOST;
    weft_waiter w = {{0}};

    fair_lock(s);
    while (claim == WEFT_CLAIM_LOST && s->first != NULL) {
        w = s->first->waiter; /* a copy: the node may be gone after the claim */
        fair_remove(s, s->first);
        claim = weft_unpark_claim(w);
    }
    if (claim == WEFT_CLAIM_LOST)
        s->permits++;
    fair_unlock(s);
    weft_unpark_finish(w, claim);
}

#endif
