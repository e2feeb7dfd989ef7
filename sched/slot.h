/* SPDX-License-Identifier: MIT */
/*
 * A worker's hand-off slot: the task that was woken last, by the task that runs. Only the worker fills it. The worker takes from it at
 * nearly every switch of tasks that wake each other, the monitor hardly ever: when the worker is stuck. So the worker takes with
 * plain loads and stores, and the monitor pays for both:
 *      worker:   store taking, then load barred           two plain accesses in program order; then load and clear the task
 *      monitor:  store barred, then membarrier, then load taking
 * Either the monitor sees that the worker is at it, and gives up, or the worker sees that it is barred, and takes by an exchange as the monitor
 * does. Where the system has no membarrier the slot is barred for good.
 */
#ifndef WEFT_SCHED_SLOT_H
#define WEFT_SCHED_SLOT_H

#include "sched/platform.h"

struct weft__task;

struct weft__slot {
    _Atomic(struct weft__task *) task;
    _Atomic bool taking; /* the worker's */
    _Atomic bool barred; /* the monitor's */
};

static inline bool weft__slot_seems_empty(struct weft__slot *s)
{
    return A_LOAD(&s->task, relaxed) == NULL; /* relaxed: a hint to others; only the worker fills it */
}

/* Worker. Fills it, and returns what was in it, or NULL. release: the monitor may take the task, and with it its context. */
static inline struct weft__task *weft__slot_put(struct weft__slot *s, struct weft__task *t)
{
    if (WEFT__LIKELY(weft__slot_seems_empty(s))) {
        A_STORE(&s->task, t, release);
        return NULL;
    }
    return A_XCHG(&s->task, t, acq_rel);
}

/* Worker. What is in it, or NULL. */
static inline struct weft__task *weft__slot_take(struct weft__slot *s)
{
    struct weft__task *t;

    if (weft__slot_seems_empty(s))
        return NULL;
    A_STORE(&s->taking, true, relaxed);
    A_COMPILER_FENCE(); /* the order of this store and the next load is the monitor's business */
    /* acquire: who finds the bar lifted sees what was taken behind it */
    if (WEFT__UNLIKELY(A_LOAD(&s->barred, acquire))) {
        A_STORE(&s->taking, false, relaxed);
        return A_XCHG(&s->task, NULL, relaxed); /* relaxed: what this worker has put in */
    }
    t = A_LOAD(&s->task, relaxed);
    A_STORE(&s->task, NULL, relaxed);
    A_STORE(&s->taking, false, release); /* after the slot is empty: pairs with the acquire below */
    return t;
}

/* Before the worker starts, on a system without membarrier. */
static inline void weft__slot_bar(struct weft__slot *s)
{
    A_STORE(&s->barred, true, relaxed);
}

/* The monitor, and nobody else at the same time. What is in it, or NULL; also where the worker is just taking it. */
static inline struct weft__task *weft__slot_take_from_outside(struct weft__slot *s, bool has_membarrier)
{
    struct weft__task *t = NULL;

    if (weft__slot_seems_empty(s))
        return NULL;
    if (!has_membarrier)
        return A_XCHG(&s->task, NULL, acquire); /* pairs with the release in weft__slot_put() */
    A_STORE(&s->barred, true, relaxed);
    weft__membarrier();
    if (!A_LOAD(&s->taking, acquire))
        t = A_XCHG(&s->task, NULL, acquire); /* as above */
    A_STORE(&s->barred, false, release);
    return t;
}

#endif
