/* SPDX-License-Identifier: MIT */
/*
 * Stealing. A thief takes what others share; where they share nothing it asks, waits for a moment, and then takes what it wants by
 * force (deque.h). A thief whose loot is smaller than its trouble rests: it sleeps although there is something to steal, until
 * somebody wakes it, and tries again (idle.h: those who wake in vain pause longer and longer, the monitor wakes at every tick).
 */
#ifndef WEFT_SCHED_STEAL_H
#define WEFT_SCHED_STEAL_H

#include "sched/worker.h"

/* The oldest of what `d` shares, or NULL. Anybody, its owner too. */
struct weft__task *weft__steal_from(struct weft__worker *w, struct weft__deque *d);

/* A task of another worker's, for `w`, which has nothing to do; or NULL. */
struct weft__task *weft__steal(struct weft__worker *w);

#endif
