/* SPDX-License-Identifier: MIT */
/*
 * What only some groups have: a policy other than fail-fast, a limit, errors, children whose handles are asked for in order of
 * completion. It is made with the group where an option asks for it, else when the first of these happens, and
 * freed when the group is closed. All but what is said to be atomic is guarded by the group's lock.
 *
 * A limit: a child beyond it is counted, as all are, but held back in a list instead of a queue. The end of one child lets the oldest
 * go, so `alive` children are in queues or begun, and there are held ones only while that is the limit.
 *
 * Order of completion: a handle counts as `unclaimed` from its spawn until weft_group_next() gives it out or its holder releases it, and
 * lies in `ended` from the end of its task on.
 */
#ifndef WEFT_SCHED_GROUP_MORE_H
#define WEFT_SCHED_GROUP_MORE_H

#include "sched/scope.h"

struct weft__group_more {
    /* Written before the group is used. */
    enum weft_policy policy;
    unsigned limit;
    size_t errors_max;

    _Atomic bool succeeded; /* by WEFT_FIRST_SUCCESS: somebody has */

    unsigned alive;
    struct weft__task *held, **held_end;

    size_t failed, errors_kept, errors_room;
    weft_error *errors;

    struct weft__list ended;
    size_t unclaimed;
    struct weft__task *waiter; /* the owner, in weft_group_next() */
    weft__ticket waiter_ticket;
};

/* The record of `g`, made if need be; NULL where memory is out. With no lock held. */
struct weft__group_more *weft__group_more(weft_group *g);

/* Frees it: the group is closed. */
void weft__group_more_free(weft_group *g);

/* The record where there is one, which the half of a join never has. */
static inline struct weft__group_more *weft__group_has_more(const weft_group *g)
{
    /* acquire pairs with weft__group_more() */
    return g->scope.kind == WEFT__SCOPE_OF_HALF ? NULL : A_LOAD(&g->more, acquire);
}

static inline enum weft_policy weft__group_policy(const weft_group *g)
{
    const struct weft__group_more *more = weft__group_has_more(g);

    return more != NULL ? more->policy : WEFT_FAIL_FAST;
}

/* Whether the group has what it was opened for, so that errors do not count. */
static inline bool weft__group_succeeded(const weft_group *g)
{
    const struct weft__group_more *more = weft__group_has_more(g);

    return more != NULL && A_LOAD(&more->succeeded, relaxed); /* relaxed: the child that wrote it has been joined */
}

/* Keeps an error, the group's first as its code, or counts it and tells the runtime's on_error. */
void weft__group_note_error(weft_group *g, weft_runtime *rt, const weft_error *e);

/* A child was counted. True: it is held back, and begins when another ends. */
bool weft__group_hold(weft_group *g, struct weft__task *child);

/* A child of a group with a limit has ended: lets another go. On the calling worker. */
void weft__group_let_go(weft_group *g);

/* How many errors are kept where the options do not say. */
#define WEFT__ERRORS_KEPT 16

/* A child gets a handle that weft_group_next() is to give out. 0 or -ENOMEM. */
int weft__group_expect(weft_group *g, weft_task *h);

/* It has ended; it is released or was never started. */
void weft__group_list_ended(weft_task *h);
void weft__group_forget(weft_task *h);

#endif
