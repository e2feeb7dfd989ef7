/* SPDX-License-Identifier: MIT */
/*
 * Stealing. A thief takes what others share: of tasks that were woken half a queue at a time, of those that never ran one. Where they share
 * nothing it asks, waits for a moment, and then takes what it wants by force (deque.h). A thief whose loot is smaller than its trouble rests: it sleeps although there is something to steal, until
 * somebody wakes it, and tries again (idle.h: those who wake in vain pause longer and longer, the monitor wakes at every tick).
 */
#ifndef WEFT_SCHED_STEAL_H
#define WEFT_SCHED_STEAL_H

#include "sched/join.h"

/* The oldest of a ready queue, or NULL. Anybody, its owner too. */
static inline struct weft__task *weft__steal_ready(struct weft__deque *d)
{
    enum weft__steal s;
    void *t = NULL;

    do
        s = weft__deque_steal(d, &t);
    while (WEFT__UNLIKELY(s == WEFT__STEAL_LOST));
    return t;
}

/* The oldest of what a deque shares, or NULL. */
static inline struct weft__task *weft__steal_fresh(struct weft__worker *w, struct weft__deque *d)
{
    return weft__fresh(w, weft__steal_ready(d));
}

/* Judges the last theft of `w` that is not judged yet (theft_done), now that all that it brought is done. */
void weft__steal_judge(struct weft__worker *w);

/* A task of another worker's, for `w`, which has nothing to do; or NULL. */
struct weft__task *weft__steal(struct weft__worker *w);

#endif
