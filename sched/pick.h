/* SPDX-License-Identifier: MIT */
/*
 * Which task a worker runs next. Where it looks, in order:
 *      the slot          the task that was woken last, by the task that ran last; at most SLOT_RUNS times in a row
 *      the ready queue   tasks that were woken or that yielded, first in first out; after each, as many of the deque as
 *                        it holds then (WEFT__LOOK_EVERY at most, and until the next tick) have their turn before the next
 *      the deque         tasks that never ran, the newest first
 *      the spent         tasks that were made to yield, as they had held the worker for long
 *      the inboxes, the timers, the poller without waiting
 *      the other workers' ready queues and deques (steal.h)
 * and every WEFT__LOOK_EVERY picks it begins with the inboxes, the timers, the poller and the oldest of its deque; at each tick of
 * the monitor with the same, but the oldest of its deque, or a task that is spent, at every fourth only.
 *
 * Once a task that is pinned, or of another level than normal, was spawned, a plan of 16 turns says which level is first.
 */
#ifndef WEFT_SCHED_PICK_H
#define WEFT_SCHED_PICK_H

#include "sched/runtime.h"
#include "sched/worker.h"

#ifndef WEFT__LOOK_EVERY
#define WEFT__LOOK_EVERY 61
#endif

#define WEFT__SLOT_RUNS 3

static inline bool weft__pick_seems_empty(struct weft__deque *d)
{
    return weft__deque_count_of_owner(d) <= 0;
}

/* Counts in a turn of the slot, if it may have one more. With nobody else here its task would be the next again. */
static inline bool weft__pick_slot_has_a_turn(struct weft__worker *w)
{
    return WEFT__LIKELY(++w->slot_runs <= WEFT__SLOT_RUNS) ||
           (weft__pick_seems_empty(&w->ready[WEFT__NORMAL]) && weft__pick_seems_empty(&w->deque));
}

struct weft__task *weft__pick_slow(struct weft__worker *w);

/* What is in the slot, if that is next, without a look at anything else; or NULL. */
static inline struct weft__task *weft__pick_handed(struct weft__worker *w)
{
    struct weft__task *t;

    /* relaxed, both: hints */
    if (weft__slot_seems_empty(&w->slot) || w->until_look <= 1 || A_LOAD(&w->look, relaxed) != 0 ||
        A_LOAD(&w->rt->has_special, relaxed) || !weft__pick_slot_has_a_turn(w) ||
        (t = weft__slot_take(&w->slot)) == NULL)
        return NULL;
    w->until_look--;
    A_BUMP(&w->picks);
    return t;
}

/* The next task of `w`, the calling worker, or NULL. */
static inline struct weft__task *weft__pick(struct weft__worker *w)
{
    struct weft__task *t = weft__pick_handed(w);

    return WEFT__LIKELY(t != NULL) ? t : weft__pick_slow(w);
}

/* The next task to run, from wherever it comes, sleeping until there is one. NULL: the runtime stops. */
struct weft__task *weft__find(struct weft__worker *w);

#endif
