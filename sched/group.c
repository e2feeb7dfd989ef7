/* SPDX-License-Identifier: MIT */
/* Groups; the counting is explained at struct weft_group in scope.h. */
#include "sched/group.h"

#include <weft/error.h>

#include "sched/cancel.h"
#include "sched/children.h"
#include "sched/execute.h"
#include "sched/group_more.h"
#include "sched/handle.h"
#include "sched/held.h"
#include "sched/join.h"
#include "sched/options.h"
#include "sched/park.h"
#include "sched/report.h"

static bool is_sound(const weft_group_options *o)
{
    return o->policy >= WEFT_FAIL_FAST && o->policy <= WEFT_FIRST_SUCCESS && WEFT__RESERVED_ARE_ZERO(o);
}

/* 0 or -ENOMEM. */
static int take_options(weft_group *g, const weft_group_options *o)
{
    struct weft__group_more *more;

    if (o->policy == WEFT_FAIL_FAST && o->limit == 0 && o->max_errors == 0)
        return 0;
    more = weft__group_more(g);
    if (more == NULL)
        return WEFT_ENOMEM;
    more->policy = o->policy;
    more->limit = o->limit;
    if (o->max_errors != 0)
        more->errors_max = o->max_errors;
    g->wraps = o->policy == WEFT_FIRST_SUCCESS || o->limit != 0;
    return 0;
}

/* A record for a group, that is in no chain of scopes yet. */
static inline weft_group *take(struct weft__worker *w)
{
    weft_group *g = weft__slab_cache_take(&w->groups, &w->rt->groups);

    if (WEFT__LIKELY(g != NULL)) {
        /* relaxed: whoever gets to know the group does so through a queue or a lock */
        A_STORE(&g->unstarted, 0, relaxed);
        A_STORE(&g->pending, 0, relaxed);
        A_STORE(&g->error, 0, relaxed);
    }
    return g;
}

static inline void give(struct weft__worker *w, weft_group *g)
{
    if (WEFT__UNLIKELY(A_LOAD(&g->more, relaxed) != NULL)) /* relaxed: nobody else has part in it any more */
        weft__group_more_free(g);
    weft__slab_cache_give(&w->groups, &w->rt->groups, g);
}

static WEFT__NOINLINE weft_group *open_with(struct weft__worker *w, struct weft__task *t, const weft_group_options *o)
{
    weft_group *g = is_sound(o) ? take(w) : NULL;

    if (g != NULL && (take_options(g, o) < 0 || weft__scope_enter(w, t, &g->scope, o->deadline) < 0)) {
        give(w, g);
        g = NULL;
    }
    return g;
}

weft_group *weft_group_open(const weft_group_options *options)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    weft_group *g;

    if (WEFT__UNLIKELY(t == NULL))
        return NULL;
    if (WEFT__UNLIKELY(options != NULL))
        return open_with(w, t, options);
    g = take(w);
    if (WEFT__LIKELY(g != NULL))
        weft__scope_push(t, &g->scope);
    return g;
}

void weft__group_count_down(weft_group *g)
{
    struct weft__task *owner = g->scope.owner;

    if (weft__children_end(&g->pending))
        weft__unpark_any(owner);
}

static void fail(weft_runtime *rt, weft_group *g, const weft_error *e)
{
    int none = 0;

    if (g->scope.kind == WEFT__SCOPE_OF_HALF)
        (void)A_CAS(&g->error, &none, e->code, relaxed,
                    relaxed); /* relaxed: read after the end of its writer is seen */
    else
        weft__group_note_error(g, rt, e);
    if (weft__group_policy(g) == WEFT_FAIL_FAST)
        (void)weft__cancel(rt, &g->scope, WEFT_REASON_ERROR);
}

void weft__group_child_failed(weft_group *g, struct weft__task *t, int rc)
{
    if (rc != WEFT_ECANCELED || !weft__scope_chain_canceled(&g->scope)) {
        weft_error e = weft__error_of(t, rc);

        fail(t->rt, g, &e);
    }
}

void weft__group_child_succeeded(weft_group *g, weft_runtime *rt)
{
    struct weft__group_more *more = A_LOAD(&g->more, relaxed); /* relaxed: made with the group */

    A_STORE(&more->succeeded, true, relaxed); /* relaxed: read after the child has been joined */
    (void)weft__cancel(rt, &g->scope, WEFT_REASON_CALL);
}

void weft__task_lets_go(struct weft__task *t, const char *first)
{
    if (t->extras & WEFT__HAS_LOCALS)
        weft__handle_late_end(t); /* first: what is dropped may be what unlocks */
    if (t->extras & WEFT__HAS_HELD)
        weft__held_end(t, first);
}

void weft__group_child_leaves(weft_group *g, struct weft__task *t, int rc, const char *first)
{
    weft__task_lets_go(t, first);
    if (A_LOAD(&t->linked, relaxed)) /* relaxed: see weft__park_prepare() */
        weft__cancel_unlink_task(t);
    if (rc < 0)
        weft__group_child_failed(g, t, rc);
    if (t->kind.stack_class != 0)
        weft__stack_credit_give(&t->rt->stacks[t->kind.stack_class], 1);
}

void weft__group_tell_owner(weft_group *g, uint64_t epoch)
{
    struct weft__task *owner = g->scope.owner;

    /* relaxed: the calling thread's own. In a shield the owner knows nothing for an epoch (park.c) */
    if (epoch > owner->seen_epoch && owner->scope == &g->scope && A_LOAD(&owner->shield, relaxed) == 0) {
        owner->seen_epoch = epoch;
        owner->seen_canceled = 0;
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
    while (A_LOAD(&g->unstarted, relaxed) > 0) { /* relaxed: the owner's own, here and below */
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
    int64_t left = A_LOAD(&g->unstarted, relaxed);

    A_STORE(&g->unstarted, 0, relaxed);
    weft__group_wait_for(g, t, left);
}

/* Whether children are left that somebody else has begun, or is to begin. Owner. */
static inline bool has_children(weft_group *g)
{
    return A_LOAD(&g->unstarted, relaxed) != 0 || !weft__children_gone(&g->pending);
}

int weft__group_result_slow(const weft_group *g, struct weft__task *t)
{
    bool canceled = weft__task_canceled(t);
    /* After it: where it saw the group's mark, these see it too, and the error that came before it. relaxed: as said, or a failed
     * child has been joined */
    enum weft_reason reason = weft__scope_reason(&g->scope);
    int error = A_LOAD(&g->error, relaxed);

    if (weft__group_succeeded(g))
        return 0;
    if (error != 0)
        return error;
    /* In a shield that was opened inside of the group the owner does not hear what comes to that. relaxed: its own */
    if (!canceled && A_LOAD(&t->shield, relaxed) == 0)
        return 0;
    if (weft__scope_chain_canceled(g->scope.parent))
        return WEFT_ECANCELED;
    if (reason != WEFT_REASON_NONE)
        return reason == WEFT_REASON_DEADLINE ? WEFT_ETIMEDOUT : 0;
    return canceled ? WEFT_ECANCELED : 0; /* by a scope that was opened inside of the group */
}

/* A wait for nobody that fails is a checkpoint that fails: it lets others run, for it may be tried again and again. */
static WEFT__NOINLINE int end_at_once(weft_group *g, struct weft__task *t)
{
    int rc = weft__group_result_slow(g, t);

    if (rc < 0 && weft__task_canceled(t))
        (void)weft__checkpoint_slow(weft__worker_self(), t);
    return rc;
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
    if (WEFT__UNLIKELY(has_children(g))) {
        wait_for_others(t, g);
        return weft__group_result(g, t);
    }
    return WEFT__LIKELY(weft__group_is_well(g, t)) ? 0 : end_at_once(g, t);
}

/* Ends what is left of a group that is closed. Returns the caller's worker after it; NULL: it was closed before. */
static WEFT__NOINLINE struct weft__worker *end_early(struct weft__task *t, weft_group *g)
{
    if (t->scope != &g->scope) {
        if (!weft__scope_is_open(t, &g->scope))
            return NULL;
        weft__scope_close_inner(t, &g->scope);
    }
    if (has_children(g)) {
        (void)weft__cancel(t->rt, &g->scope, WEFT_REASON_CALL);
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
    if (WEFT__UNLIKELY((t->scope != &g->scope || has_children(g)) && (w = end_early(t, g)) == NULL))
        return;
    weft__group_leave(g, t);
    give(w, g);
}

int weft_group_cancel(weft_group *g)
{
    if (g == NULL)
        return WEFT_ENOMEM;
    (void)weft__cancel(g->scope.owner->rt, &g->scope, WEFT_REASON_CALL);
    return 0;
}

int weft_group_fail(weft_group *g, int code)
{
    if (g == NULL)
        return WEFT_ENOMEM;
    if (code >= 0)
        return WEFT_EINVAL;
    fail(g->scope.owner->rt, g, &(weft_error){.code = code});
    return 0;
}

bool weft_group_canceled(const weft_group *g)
{
    return weft_group_reason(g) != WEFT_REASON_NONE;
}

enum weft_reason weft_group_reason(const weft_group *g)
{
    return g != NULL ? weft__scope_reason(&g->scope) : WEFT_REASON_NONE;
}

size_t weft_group_live(const weft_group *g)
{
    int64_t n;

    if (g == NULL)
        return 0;
    n = A_LOAD(&g->pending, relaxed); /* relaxed: numbers */
    if (n >= WEFT__GROUP_WAITING)
        n -= WEFT__GROUP_WAITING;
    n += A_LOAD(&g->unstarted, relaxed);
    return n > 0 ? (size_t)n : 0;
}

int weft_group_reschedule(weft_group *g, weft_time deadline)
{
    struct weft__worker *w = weft__worker_self();

    if (g == NULL)
        return WEFT_ENOMEM;
    if (w == NULL || w->current != g->scope.owner)
        return WEFT_EINVAL;
    return weft__scope_reschedule(w, &g->scope, deadline);
}
