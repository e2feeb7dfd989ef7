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

#include "sched/worker.h"

#ifndef WEFT__LOOK_EVERY
#define WEFT__LOOK_EVERY 61
#endif

/* The next task of `w`, the calling worker, or NULL. */
struct weft__task *weft__pick(struct weft__worker *w);

/* The next task to run, from wherever it comes, sleeping until there is one. NULL: the runtime stops. */
struct weft__task *weft__find(struct weft__worker *w);

#endif
