/* SPDX-License-Identifier: MIT */
/*
 * The half of a weft_join() that is offered to other workers. It lies on the C stack of the task that joins, in the deque beside
 * the tasks that never ran, told from them by a bit of its address. It is a group that has one child at the most:
 *
 *      offered (in a deque) --popped by its owner--> called in the owner's task, on its stack
 *                           `--taken by a worker---> a child of the half's group, like any other: it fails the group, is
 *                                                    found by cancellers, and its count-down is its last access to the half
 *                           `--not to be run there-> returned: the owner, which waits or will wait, calls it. There was no memory for
 *                                                    a task, or the owner is pinned to another worker. Or the first half has
 *                                                    failed: then nobody calls it
 */
#ifndef WEFT_SCHED_JOIN_H
#define WEFT_SCHED_JOIN_H

#include "sched/worker.h"

/* What a worker has taken from a deque, as a task that never ran. NULL: it was a half that had to be returned. */
struct weft__task *weft__join_adopt(struct weft__worker *w, void *item);

static inline bool weft__is_half(const void *item)
{
    return ((uintptr_t)item & 1) != 0;
}

static inline struct weft__task *weft__fresh(struct weft__worker *w, void *item)
{
    return WEFT__UNLIKELY(weft__is_half(item)) ? weft__join_adopt(w, item) : item;
}

#endif
