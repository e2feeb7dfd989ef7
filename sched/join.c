/* SPDX-License-Identifier: MIT */
#include "sched/join.h"

#include <weft/error.h>
#include <weft/join.h>

#include "sched/cancel.h"
#include "sched/execute.h"
#include "sched/handle.h"
#include "sched/idle.h"
#include "sched/local.h"
#include "sched/park.h"

struct half {
    struct weft_group group;
    weft_fn fn;
    void *arg;
    struct weft__locals *locals; /* where it HAS_LOCALS: the caller's, who may set others before the half begins */
    bool returned;               /* written before the group is counted down */
};

_Static_assert(_Alignof(struct half) > 3, "the lowest two bits of its address are free");

/* Bits of the address in the deque. */
enum { IS_HALF = 1, HAS_LOCALS = 2, TAGS = 3 };

static inline void *tagged(struct half *h, bool has_locals)
{
    return (char *)h + (has_locals ? IS_HALF | HAS_LOCALS : IS_HALF);
}

/* Hands the half back to its owner, which is the only one who may run it. The last access to it. */
static struct weft__task *give_back(struct half *h)
{
    h->returned = true;
    weft__group_count_down(&h->group);
    return NULL;
}

/* A half of a caller that was spawned with options: it needs a stack like the caller's, and may have to stay on its thread. */
static WEFT__NOINLINE bool take_kind(struct weft__worker *w, struct weft__task *t, const struct half *h,
                                     bool has_locals)
{
    const struct weft__task *owner = h->group.scope.owner;
    unsigned stack_class = owner->kind.stack_class;

    if (owner->kind.pinned && owner->home != w->index)
        return false;
    if (has_locals && weft__locals_adopt(t, h->locals) < 0)
        return false;
    if (stack_class != 0 && weft__stack_credit_take(&w->rt->stacks[stack_class], 1) < 0) {
        if (has_locals)
            weft__handle_late_end(t);
        return false;
    }
    t->kind = owner->kind;
    return true;
}

struct weft__task *weft__join_adopt(struct weft__worker *w, void *item)
{
    bool has_locals = ((uintptr_t)item & HAS_LOCALS) != 0;
    struct half *h = (struct half *)(void *)((char *)item - ((uintptr_t)item & TAGS));
    const struct weft__task *owner = h->group.scope.owner;
    struct weft__task *t;

    /* The first half has failed, and its owner waits below other work. */
    if (WEFT__UNLIKELY(weft__scope_reason(&h->group.scope) != WEFT_REASON_NONE))
        return give_back(h);
    if (WEFT__UNLIKELY((t = weft__task_take(w)) == NULL))
        return give_back(h);
    weft__task_init(t, w->rt, &h->group, h->fn, h->arg, 0);
    if (WEFT__UNLIKELY(!weft__kind_is_plain(owner->kind) || has_locals) && !take_kind(w, t, h, has_locals)) {
        weft__task_give(w, t);
        return give_back(h);
    }
    return t;
}

/* Opens the half's group as weft_group_open() does, but for what only matters once another worker has part in it. */
static inline void open_half(struct half *h, struct weft__task *t, weft_fn fn, void *arg)
{
    weft_group *g = &h->group;

    weft__scope_push(t, &g->scope);
    g->scope.kind = WEFT__SCOPE_OF_HALF;
    /* relaxed: published by the deque */
    A_STORE(&g->scope.timer.state, WEFT__TIMER_IDLE, relaxed);
    A_STORE(&g->pending, 0, relaxed);
    A_STORE(&g->error, 0, relaxed);
    A_STORE(&g->linked, false, relaxed);
    g->cursor = NULL;
    g->lock = (struct weft__lock){0};
    g->members = (struct weft__list){0};
    h->fn = fn;
    h->arg = arg;
    h->returned = false;
}

/* Calls a half in the calling task. */
static inline int call(struct half *h, struct weft__task *t, weft_fn fn, void *arg)
{
    int rc = fn(arg);

    if (WEFT__UNLIKELY(t->scope != &h->group.scope))
        weft__scope_close_inner(t, &h->group.scope);
    if (WEFT__UNLIKELY(rc < 0))
        weft__group_child_failed(&h->group, t, rc);
    return rc;
}

/* The offered half is not at the bottom of the deque: waits for whoever has it, or takes it. The first has returned `rc`. */
static WEFT__NOINLINE void wait_for_other(struct half *h, struct weft__task *t, struct weft__worker *w, void *instead,
                                          int rc)
{
    if (instead != NULL)
        (void)weft__deque_push(&w->deque, instead); /* the room that it had is still there */
    weft__group_wait_for(&h->group, t, 1);
    if (h->returned && rc >= 0)
        (void)call(h, t, h->fn, h->arg);
}

/* The join of a caller that may go on; `has_locals` is known when it is compiled. */
static inline __attribute__((always_inline)) int join(struct weft__worker *w, struct weft__task *t, weft_fn f, void *a,
                                                      weft_fn g, void *b, bool has_locals)
{
    struct half h;
    void *item;
    int rc;

    open_half(&h, t, g, b);
    if (has_locals)
        h.locals = weft__locals_share(t);
    if (WEFT__UNLIKELY(weft__deque_push(&w->deque, tagged(&h, has_locals)) < 0)) {
        rc = call(&h, t, f, a);
        if (rc >= 0)
            (void)call(&h, t, g, b);
    } else {
        weft__idle_notify_lazily(w);
        rc = call(&h, t, f, a);
        w = weft__worker_self();
        item = weft__deque_pop(&w->deque);
        if (WEFT__UNLIKELY(item != tagged(&h, has_locals)))
            wait_for_other(&h, t, w, item, rc);
        else if (WEFT__LIKELY(rc >= 0))
            (void)call(&h, t, g, b);
    }
    if (has_locals)
        weft__locals_drop(h.locals);
    return weft__group_end(&h.group, t);
}

static WEFT__NOINLINE int join_with_locals(struct weft__worker *w, struct weft__task *t, weft_fn f, void *a, weft_fn g,
                                           void *b)
{
    return join(w, t, f, a, g, b, true);
}

int weft_join(weft_fn f, void *a, weft_fn g, void *b)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    int rc;

    if (WEFT__UNLIKELY(t == NULL))
        return WEFT_ENOTASK;
    if (WEFT__UNLIKELY(weft__task_canceled(t) || A_LOAD(&w->attention, relaxed) != 0)) { /* relaxed: a hint */
        if ((rc = weft__checkpoint_slow(w, t)) < 0)
            return rc;
        w = weft__worker_self();
    }
    if (WEFT__UNLIKELY(t->extras & WEFT__HAS_LOCALS))
        return join_with_locals(w, t, f, a, g, b);
    return join(w, t, f, a, g, b, false);
}
