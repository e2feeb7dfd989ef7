/* SPDX-License-Identifier: MIT */
/* Groups; the counting is explained at struct weft_group in scope.h. */
#include "sched/group.h"

#include <weft/error.h>

#include "sched/cancel.h"
#include "sched/children.h"
#include "sched/options.h"
#include "sched/park.h"
#include "sched/runtime.h"

static const weft_group_options defaults;

weft_group *weft_group_open(const weft_group_options *options)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    weft_group *g;

    if (options == NULL)
        options = &defaults;
    if (t == NULL || !WEFT__RESERVED_ARE_ZERO(options))
        return NULL;
    g = weft__slab_cache_take(&w->groups, &w->rt->groups);
    if (g == NULL)
        return NULL;
    g->spawned = g->inlined = 0;
    /* relaxed: whoever gets to know the group does so through a queue or a lock */
    A_STORE(&g->pending, 0, relaxed);
    A_STORE(&g->error, 0, relaxed);
    g->scope.is_group = true;
    if (weft__scope_enter(w, t, &g->scope, options->deadline) < 0) {
        weft__slab_cache_give(&w->groups, &w->rt->groups, g);
        return NULL;
    }
    return g;
}

void weft__task_init(struct weft__task *t, weft_runtime *rt, weft_group *g, weft_fn fn, void *arg, uint64_t seen_epoch)
{
    t->fn = fn;
    t->arg = arg;
    t->stack = NULL;
    t->group = g;
    t->scope = &g->scope;
    t->rt = rt;
    t->seen_epoch = seen_epoch;
    t->seen_canceled = false;
}

/* Another batch of promises. */
static int take_credits(struct weft__worker *w)
{
    int rc = weft__stack_credit_take(&w->rt->stacks, WEFT__CREDIT_BATCH);

    if (rc == 0)
        w->credits = WEFT__CREDIT_BATCH;
    return rc;
}

/* A child is gone: wakes the owner if it was the last. After the swap the group may be, too. */
static void count_down(weft_group *g)
{
    struct weft__task *owner = g->scope.owner;

    if (weft__children_end(&g->pending))
        weft__unpark_any(owner);
}

int weft_spawn(weft_group *g, weft_fn fn, void *arg)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL, *child;
    uint64_t epoch;

    if (WEFT__UNLIKELY(t == NULL))
        return WEFT_ENOTASK;
    if (WEFT__UNLIKELY(g == NULL))
        return WEFT_ENOMEM;
    /* A spawner that is not cancelled cannot be in a cancelled group, and the child knows as much as the spawner. Of a group
     * that may not be on the spawner's chain it knows nothing. */
    if (WEFT__UNLIKELY(weft__task_canceled(t) || (t != g->scope.owner && t->group != g))) {
        if (weft__scope_chain_canceled(&g->scope))
            return WEFT_ECANCELED;
        epoch = 0;
    } else {
        epoch = t->seen_epoch;
    }
    if (WEFT__UNLIKELY(w->credits == 0) && take_credits(w) < 0)
        goto no_credit;
    child = weft__slab_cache_take(&w->tasks, &w->rt->tasks);
    if (WEFT__UNLIKELY(child == NULL))
        goto no_credit;
    weft__task_init(child, w->rt, g, fn, arg, epoch);
    /* The child cannot end, and be counted down, before it is pushed. */
    if (WEFT__LIKELY(t == g->scope.owner))
        g->spawned++;
    else
        weft__children_add(&g->pending);
    if (WEFT__UNLIKELY(weft__deque_push(&w->deque, child) < 0))
        goto no_room;
    w->credits--;
    weft__idle_notify_lazily(w);
    return 0;

no_room:
    if (t == g->scope.owner)
        g->spawned--;
    else
        count_down(g);
    weft__slab_cache_give(&w->tasks, &w->rt->tasks, child);
no_credit:
    (void)weft_group_fail(g, WEFT_ENOMEM);
    return WEFT_ENOMEM;
}

static void fail(weft_runtime *rt, weft_group *g, int code)
{
    int none = 0;

    (void)A_CAS(&g->error, &none, code, relaxed, relaxed); /* relaxed: read after the end of its writer is seen */
    (void)weft__cancel(rt, &g->scope, WEFT__CANCELED_ERROR);
}

void weft__group_child_ended(struct weft__worker *w, struct weft__task *t, int rc, struct weft__task *below)
{
    weft_group *g = t->group;
    struct weft__task *owner = g->scope.owner;
    weft_runtime *rt = w->rt;

    if (WEFT__UNLIKELY(A_LOAD(&t->linked, relaxed))) /* relaxed: see weft__park_prepare() */
        weft__cancel_unlink_task(t);
    if (WEFT__UNLIKELY(rc < 0) && owner != NULL && !(rc == WEFT_ECANCELED && weft__scope_chain_canceled(&g->scope)))
        fail(rt, g, rc);
    weft__slab_cache_give(&w->tasks, &rt->tasks, t);
    if (WEFT__UNLIKELY(++w->credits > 2 * WEFT__CREDIT_BATCH)) {
        w->credits -= WEFT__CREDIT_BATCH;
        weft__stack_credit_give(&rt->stacks, WEFT__CREDIT_BATCH);
    }
    if (owner == NULL)
        return; /* a child of the root: its waiter has been told */
    if (below == owner) {
        g->inlined++;
        return;
    }
    count_down(g);
}

/* Whether a child may be run above the frames of the calling task. */
static bool fits(const struct weft__worker *w)
{
    return (size_t)((char *)__builtin_frame_address(0) - w->stack->low) > w->rt->stacks.promise;
}

/* Runs the children that nobody has taken yet, newest first, on the stack that the owner is on. */
static void run_children(struct weft__task *t, weft_group *g)
{
    while (g->spawned > g->inlined) {
        struct weft__worker *w = weft__worker_self();
        struct weft__task *child;

        if (WEFT__UNLIKELY(A_LOAD(&w->attention, relaxed) != 0)) {
            weft__worker_attend(w, t);
            continue;
        }
        if (!fits(w) || (child = weft__deque_pop(&w->deque)) == NULL)
            return;
        if (child->group != g) {
            /* The room that it had is still there. */
            (void)weft__deque_push(&w->deque, child);
            return;
        }
        weft__worker_run(w, child);
    }
}

/* Waits for all children. Not to be cut short. */
static void join(struct weft__task *t, weft_group *g)
{
    int64_t left;

    run_children(t, g);
    left = g->spawned - g->inlined;
    g->spawned = g->inlined = 0;
    if (left == 0 && weft__children_gone(&g->pending))
        return;
    (void)weft__park_prepare(t, WEFT__NOT_CANCELABLE);
    if (weft__children_wait(&g->pending, left))
        (void)weft__park(t);
    else
        weft__park_abandon(t);
}

static int result(const weft_group *g)
{
    int error = A_LOAD(&g->error, relaxed); /* relaxed: the failed child has been joined */

    if (error != 0)
        return error;
    if (weft__scope_chain_canceled(g->scope.parent))
        return WEFT_ECANCELED;
    return A_LOAD(&g->scope.reason, relaxed) == WEFT__CANCELED_DEADLINE ? WEFT_ETIMEDOUT : 0;
}

int weft_group_wait(weft_group *g)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;

    if (t == NULL)
        return WEFT_ENOTASK;
    if (g == NULL)
        return WEFT_ENOMEM;
    if (t != g->scope.owner)
        return WEFT_EINVAL;
    if (WEFT__UNLIKELY(A_LOAD(&w->attention, relaxed) != 0))
        weft__worker_attend(w, t);
    join(t, g);
    return result(g);
}

void weft_group_close(weft_group *g)
{
    struct weft__task *t = weft__task_self();
    struct weft__worker *w;

    if (g == NULL || t == NULL || t != g->scope.owner)
        return;
    if (t->scope != &g->scope)
        weft__scope_close_inner(t, &g->scope);
    if (g->spawned > g->inlined || !weft__children_gone(&g->pending)) {
        (void)weft__cancel(t->rt, &g->scope, WEFT__CANCELED_CALL);
        join(t, g);
    }
    if (A_LOAD(&g->linked, relaxed)) /* relaxed: whoever linked it was a child, and has ended */
        weft__cancel_unlink_group(g);
    weft__scope_leave(t, &g->scope); /* after it nobody touches the record */
    w = weft__worker_self();
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
    return g != NULL && A_LOAD(&g->scope.reason, acquire) != WEFT__NOT_CANCELED;
}
