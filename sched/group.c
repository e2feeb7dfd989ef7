/* SPDX-License-Identifier: MIT */
/* Groups; the counting is explained at struct weft_group in scope.h. */
#include "sched/group.h"

#include <weft/error.h>

#include "sched/cancel.h"
#include "sched/children.h"
#include "sched/execute.h"
#include "sched/join.h"
#include "sched/options.h"
#include "sched/park.h"

weft_group *weft_group_open(const weft_group_options *options)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    weft_group *g;

    if (WEFT__UNLIKELY(t == NULL || (options != NULL && !WEFT__RESERVED_ARE_ZERO(options))))
        return NULL;
    g = weft__slab_cache_take(&w->groups, &w->rt->groups);
    if (WEFT__UNLIKELY(g == NULL))
        return NULL;
    g->unstarted = 0;
    /* relaxed: whoever gets to know the group does so through a queue or a lock */
    A_STORE(&g->pending, 0, relaxed);
    A_STORE(&g->error, 0, relaxed);
    if (WEFT__LIKELY(options == NULL)) {
        weft__scope_push(t, &g->scope);
    } else if (weft__scope_enter(w, t, &g->scope, options->deadline) < 0) {
        weft__slab_cache_give(&w->groups, &w->rt->groups, g);
        return NULL;
    }
    return g;
}

void weft__group_count_down(weft_group *g)
{
    struct weft__task *owner = g->scope.owner;

    if (weft__children_end(&g->pending))
        weft__unpark_any(owner);
}

static void fail(weft_runtime *rt, weft_group *g, int code)
{
    int none = 0;

    (void)A_CAS(&g->error, &none, code, relaxed, relaxed); /* relaxed: read after the end of its writer is seen */
    (void)weft__cancel(rt, &g->scope, WEFT__CANCELED_ERROR);
}

void weft__group_child_failed(weft_group *g, weft_runtime *rt, int rc)
{
    if (rc != WEFT_ECANCELED || !weft__scope_chain_canceled(&g->scope))
        fail(rt, g, rc);
}

void weft__group_child_leaves(weft_group *g, struct weft__task *t, int rc)
{
    if (A_LOAD(&t->linked, relaxed)) /* relaxed: see weft__park_prepare() */
        weft__cancel_unlink_task(t);
    if (rc < 0 && g->scope.owner != NULL)
        weft__group_child_failed(g, t->rt, rc);
    if (t->kind.stack_class != 0)
        weft__stack_credit_give(&t->rt->stacks[t->kind.stack_class], 1);
}

void weft__group_tell_owner(weft_group *g, uint64_t epoch)
{
    struct weft__task *owner = g->scope.owner;

    if (epoch > owner->seen_epoch && owner->scope == &g->scope) {
        owner->seen_epoch = epoch;
        owner->seen_canceled = false;
    }
}

/* Whether a child that counts on a stack of this class may be run above the frames of the calling task. */
static inline bool fits(const struct weft__worker *w, unsigned stack_class)
{
    return (size_t)((char *)__builtin_frame_address(0) - w->stack->low) > w->rt->stacks[stack_class].promise;
}

/* Runs the children that nobody has taken yet, newest first, on the stack that the owner is on. */
static inline __attribute__((always_inline)) void run_children(struct weft__worker *w, struct weft__task *t,
                                                               weft_group *g)
{
    if (WEFT__UNLIKELY(t->kind.pinned))
        return; /* a child that suspends above its frames may take them to another thread */
    while (g->unstarted > 0) {
        struct weft__task *child;

        if (WEFT__UNLIKELY(A_LOAD(&w->attention, relaxed) != 0))
            w = weft__worker_attend(w, t);
        if (WEFT__UNLIKELY(!fits(w, 0)) || (child = weft__deque_pop(&w->deque)) == NULL)
            return;
        if (WEFT__UNLIKELY(weft__is_half(child) || child->group != g ||
                           (child->kind.stack_class != 0 && !fits(w, child->kind.stack_class)))) {
            /* The room that it had is still there. */
            (void)weft__deque_push(&w->deque, child);
            return;
        }
        w = weft__execute(w, child, t);
    }
}

void weft__group_wait_for(weft_group *g, struct weft__task *t, int64_t left)
{
    if (weft__children_settled(&g->pending, left))
        return;
    (void)weft__park_prepare(t, WEFT__NOT_CANCELABLE);
    if (weft__children_wait(&g->pending, left))
        (void)weft__park(t);
    else
        weft__park_abandon(t);
}

static WEFT__NOINLINE void wait_for_others(struct weft__task *t, weft_group *g)
{
    int64_t left = g->unstarted;

    g->unstarted = 0;
    weft__group_wait_for(g, t, left);
}

/* Whether children are left that somebody else has begun, or is to begin. Owner. */
static inline bool has_children(weft_group *g)
{
    return g->unstarted != 0 || !weft__children_gone(&g->pending);
}

int weft__group_result(const weft_group *g, struct weft__task *t)
{
    int error = A_LOAD(&g->error, relaxed); /* relaxed: the failed child has been joined */

    if (WEFT__UNLIKELY(error != 0))
        return error;
    if (WEFT__LIKELY(!weft__task_canceled(t)))
        return 0;
    if (weft__scope_chain_canceled(g->scope.parent))
        return WEFT_ECANCELED;
    return weft__scope_reason(&g->scope) == WEFT__CANCELED_DEADLINE ? WEFT_ETIMEDOUT : 0;
}

int weft_group_wait(weft_group *g)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;

    if (WEFT__UNLIKELY(t == NULL))
        return WEFT_ENOTASK;
    if (WEFT__UNLIKELY(g == NULL))
        return WEFT_ENOMEM;
    if (WEFT__UNLIKELY(t != g->scope.owner))
        return WEFT_EINVAL;
    if (WEFT__UNLIKELY(A_LOAD(&w->attention, relaxed) != 0))
        w = weft__worker_attend(w, t);
    run_children(w, t, g);
    if (WEFT__UNLIKELY(has_children(g)))
        wait_for_others(t, g);
    return weft__group_result(g, t);
}

/* Ends what is left of a group that is closed. Returns the caller's worker after it. */
static WEFT__NOINLINE struct weft__worker *end_early(struct weft__task *t, weft_group *g)
{
    if (t->scope != &g->scope)
        weft__scope_close_inner(t, &g->scope);
    if (has_children(g)) {
        (void)weft__cancel(t->rt, &g->scope, WEFT__CANCELED_CALL);
        run_children(weft__worker_self(), t, g);
        wait_for_others(t, g);
    }
    return weft__worker_self();
}

void weft_group_close(weft_group *g)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;

    if (WEFT__UNLIKELY(g == NULL || t == NULL || t != g->scope.owner))
        return;
    if (WEFT__UNLIKELY(t->scope != &g->scope || has_children(g)))
        w = end_early(t, g);
    weft__group_leave(g, t);
    weft__slab_cache_give(&w->groups, &w->rt->groups, g);
}

int weft_group_cancel(weft_group *g)
{
    if (g == NULL)
        return WEFT_ENOMEM;
    (void)weft__cancel(g->scope.owner->rt, &g->scope, WEFT__CANCELED_CALL);
    return 0;
}

int weft_group_fail(weft_group *g, int code)
{
    if (g == NULL)
        return WEFT_ENOMEM;
    if (code >= 0)
        return WEFT_EINVAL;
    fail(g->scope.owner->rt, g, code);
    return 0;
}

bool weft_group_canceled(const weft_group *g)
{
    return g != NULL && weft__scope_reason(&g->scope) != WEFT__NOT_CANCELED;
}
