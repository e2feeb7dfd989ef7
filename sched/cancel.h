/* SPDX-License-Identifier: MIT */
/*
 * Cancellation: how a canceller finds what is parked inside a scope.
 *
 *      group --members--> task --groups--> group --members--> task ...
 *
 * An edge is made when a task first parks, from itself upwards as far as edges are missing; it stays until the task ends
 * or the group is closed. So a task that never parks costs nothing here, and one that parks often pays once.
 *
 * Each edge is guarded by the lock of the node that holds the list. The handshake:
 *      canceller: mark the scope, then read the lists, each under its lock
 *      linker:    add the edges, each under its lock, then look whether its chain is marked
 * If the canceller read a list before an edge was in it, the linker sees the mark. It then goes down from the highest group
 * that it touched, for another task may have parked below, seen the edges half made, and relied on it.
 *
 * Lock order: runtime.cancel_lock > group.lock > task.lock. What is locked below (timers, idle, slabs) are leaves.
 */
#ifndef WEFT_SCHED_CANCEL_H
#define WEFT_SCHED_CANCEL_H

#include "sched/scope.h"

/* Marks `s`, unless it is marked, and wakes what is parked inside. From any thread, with no lock held. True when this call
 * marked it. */
bool weft__cancel(weft_runtime *rt, weft_scope *s, enum weft__reason why);

/* Makes `t`, the calling task, findable. */
void weft__cancel_link(struct weft__task *t);

/* `t` ends / `g` is closed: takes the edge away. The latter waits for a canceller that is in the group. */
void weft__cancel_unlink_task(struct weft__task *t);
void weft__cancel_unlink_group(weft_group *g);

#endif
