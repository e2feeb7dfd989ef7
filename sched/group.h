/* SPDX-License-Identifier: MIT */
/* What the rest of sched/ needs of groups. The record is in scope.h, the public face in weft/group.h. */
#ifndef WEFT_SCHED_GROUP_H
#define WEFT_SCHED_GROUP_H

#include "sched/cancel.h"
#include "sched/park.h"

/* `t`, the calling task, whose frames began at `first`, ends, and what it was run by knows no locals: drops those that it has set, and tells
 * the locks that it still holds. */
void weft__task_lets_go(struct weft__task *t, const char *first);

/* `t`, a child, has returned `rc`: makes it unknown to cancellers, and if it failed, the group fails. Gives back the credit of a
 * stack of its own class. */
void weft__group_child_leaves(weft_group *g, struct weft__task *t, int rc, const char *first);

/* The same of a failure alone, and of a success by WEFT_FIRST_SUCCESS. */
void weft__group_child_failed(weft_group *g, struct weft__task *t, int rc);
void weft__group_child_succeeded(weft_group *g, weft_runtime *rt);

/* A child that the owner has run knew that it was not cancelled as of an epoch, or 0: no more then was the owner, whose chain of scopes is
 * the end of the child's. Else, after a cancellation anywhere, each level of a deep recursion would walk its chain. */
void weft__group_tell_owner(weft_group *g, uint64_t epoch);

/* Suspends `t`, the owner, until `left` children and those that others spawned have ended. Not to be cut short. */
void weft__group_wait_for(weft_group *g, struct weft__task *t, int64_t left);

/* What the wait of `t`, the owner, returns, where something has happened. */
int weft__group_result_slow(const weft_group *g, struct weft__task *t);

/* Whether the owner knows that nothing has come to the group. In a shield, which may lie inside of the group, it never does (park.c). */
static inline bool weft__group_is_well(const weft_group *g, const struct weft__task *t)
{
    return A_LOAD(&g->error, relaxed) == 0 && weft__task_is_sure(t); /* relaxed: the children have been joined */
}

static inline int weft__group_result(const weft_group *g, struct weft__task *t)
{
    return WEFT__LIKELY(weft__group_is_well(g, t)) ? 0 : weft__group_result_slow(g, t);
}

/* Takes a group without children off the chain of scopes; after it nobody touches the record. */
static inline void weft__group_leave(weft_group *g, struct weft__task *t)
{
    if (WEFT__UNLIKELY(A_LOAD(&g->linked, relaxed))) /* relaxed: whoever linked it was a child, and has ended */
        weft__cancel_unlink_group(g);
    weft__scope_leave(t, &g->scope);
}

/* Both in one: the usual end of a group that nothing has happened to. */
static inline int weft__group_end(weft_group *g, struct weft__task *t)
{
    int rc = weft__group_result(g, t);

    weft__group_leave(g, t);
    return rc;
}

/* A child that the owner did not run itself is gone: wakes the owner if it was the last. After it the group may be, too. */
void weft__group_count_down(weft_group *g);

#endif
