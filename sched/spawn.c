/* SPDX-License-Identifier: MIT */
#include "sched/spawn.h"

#include <string.h>

#include <weft/error.h>

#include "sched/children.h"
#include "sched/group.h"
#include "sched/group_more.h"
#include "sched/handle.h"
#include "sched/idle.h"
#include "sched/options.h"
#include "sched/park.h"

_Static_assert(offsetof(struct weft__task, next) == 0, "the slab links free records by their first pointer");

struct weft__task *weft__task_refill(struct weft__worker *w)
{
    struct weft__stack_pool *stacks = &w->rt->stacks[0];
    int64_t credits = WEFT__SLAB_BATCH, got;
    struct weft__task *t;

    w->refusal = WEFT_ENOMEM;
    /* Just one where there are no more. */
    if (weft__stack_credit_take(stacks, credits) < 0 && (w->refusal = weft__stack_credit_take(stacks, credits = 1)) < 0)
        return NULL;
    t = weft__slab_cache_refill(&w->tasks, &w->rt->tasks, (unsigned)credits);
    got = t != NULL ? (int64_t)w->tasks.count + 1 : 0;
    if (got < credits)
        weft__stack_credit_give(stacks, credits - got);
    return t;
}

void weft__task_spill(struct weft__worker *w)
{
    unsigned count = w->tasks.count;

    weft__slab_cache_spill(&w->tasks, &w->rt->tasks, WEFT__SLAB_BATCH);
    weft__stack_credit_give(&w->rt->stacks[0], count - w->tasks.count);
}

/* Whether the spawner knows of itself, and so of the child, that it is not cancelled. One that is not cannot be in a cancelled
 * group; but of a group that may not be on its chain, or that lies around its shield, it knows nothing. In a shield it never
 * knows for the epoch (park.c). */
static inline bool is_sure(const struct weft__task *t, const weft_group *g)
{
    return (t == g->scope.owner || t->group == g) && weft__task_is_sure(t);
}

#define REFUSED UINT64_MAX

/* The epoch that the child is to know of, 0: none; or REFUSED, since the group is being cancelled. */
static WEFT__NOINLINE uint64_t admit_unsure(struct weft__task *t, weft_group *g)
{
    (void)weft__task_canceled(t);
    if (is_sure(t, g))
        return t->seen_epoch;
    return weft__scope_chain_canceled(&g->scope) ? REFUSED : 0;
}

static inline uint64_t admit(struct weft__task *t, weft_group *g)
{
    return WEFT__LIKELY(is_sure(t, g)) ? t->seen_epoch : admit_unsure(t, g);
}

/* Counts a child that is about to be pushed, and takes that back. */
static inline void count_up(struct weft__task *t, weft_group *g)
{
    /* The child cannot end, and be counted down, before it is pushed. */
    if (WEFT__LIKELY(t == g->scope.owner))
        A_BUMP(&g->unstarted);
    else
        weft__children_add(&g->pending);
}

static int refuse(weft_group *g, int code)
{
    (void)weft_group_fail(g, code);
    return code;
}

/* How a task is to be, beside function and argument. */
struct wish {
    struct weft__task_kind kind;
    const void *copy; /* NULL: `arg` itself */
    size_t size;
    bool wants_handle;
    struct weft__handle_wish handle;
};

/* What only some tasks have: 0 or a code; then the record has been given back. */
static WEFT__NOINLINE int make_special(struct weft__worker *w, struct weft__task *t, struct weft__task *child,
                                       const struct wish *wish)
{
    static const struct wish nothing;
    struct weft__stack_pool *stacks;
    int rc = 0;

    if (wish == NULL)
        wish = &nothing;
    stacks = &w->rt->stacks[wish->kind.stack_class];
    if (wish->kind.stack_class != 0 && (rc = weft__stack_credit_take(stacks, 1)) < 0)
        goto no_stack;
    child->kind = wish->kind;
    if ((wish->wants_handle || child->group->wraps || (t->extras & WEFT__HAS_LOCALS)) &&
        (rc = weft__handle_attach(child, t, &wish->handle)) < 0)
        goto no_handle;
    return 0;

no_handle:
    if (wish->kind.stack_class != 0)
        weft__stack_credit_give(stacks, 1);
no_stack:
    weft__task_give(w, child);
    return rc;
}

void weft__worker_queue_fresh(struct weft__worker *w, struct weft__task *t)
{
    if (!weft__kind_is_usual(t->kind))
        weft__worker_queue(w, t);
    else if (WEFT__UNLIKELY(weft__deque_push(&w->deque, t) < 0))
        weft__inbox_push(&w->rt->inbox, t); /* it needs no memory */
    weft__idle_notify_lazily(w);
}

static inline bool is_special(const struct wish *wish)
{
    return wish != NULL && (!weft__kind_is_plain(wish->kind) || wish->wants_handle);
}

/* What all spawns share; `wish` is NULL for a plain one. Pinned tasks, and those of other levels than normal, go to the ready queue,
 * which a join leaves alone. `out` gets the handle of a task that wants one. */
static inline __attribute__((always_inline)) int spawn(weft_group *g, weft_fn fn, void *arg, const struct wish *wish,
                                                       weft_task **out)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL, *child;
    uint64_t epoch;
    int rc;

    if (WEFT__UNLIKELY(t == NULL))
        return WEFT_ENOTASK;
    if (WEFT__UNLIKELY(g == NULL))
        return WEFT_ENOMEM;
    if (WEFT__UNLIKELY(A_LOAD(&w->attention, relaxed) != 0)) /* relaxed: a hint */
        w = weft__worker_attend(w, t);
    epoch = admit(t, g);
    if (WEFT__UNLIKELY(epoch == REFUSED))
        return WEFT_ECANCELED;
    child = weft__task_take(w);
    if (WEFT__UNLIKELY(child == NULL))
        return refuse(g, w->refusal);
    weft__task_init(child, w->rt, g, fn, arg, epoch);
    if (wish != NULL && wish->copy != NULL)
        child->arg = memcpy(child->copy, wish->copy, wish->size);
    if (WEFT__UNLIKELY(is_special(wish) || g->wraps || (t->extras & WEFT__HAS_LOCALS))) {
        if ((rc = make_special(w, t, child, wish)) < 0)
            return refuse(g, rc);
        if (out != NULL)
            *out = A_LOAD(&child->handle, relaxed); /* relaxed: not shared yet */
        count_up(t, g);
        if (!g->wraps || !weft__group_hold(g, child))
            weft__worker_queue_fresh(w, child);
        return 0;
    }
    count_up(t, g);
    if (WEFT__UNLIKELY(weft__deque_push(&w->deque, child) < 0))
        weft__inbox_push(&w->rt->inbox, child); /* it needs no memory */
    weft__idle_notify_lazily(w);
    return 0;
}

int weft_spawn(weft_group *g, weft_fn fn, void *arg)
{
    return spawn(g, fn, arg, NULL, NULL);
}

/* What the options ask for, which may be NULL: 0 or WEFT_EINVAL. */
static int read_options(struct weft__task *t, const weft_task_options *o, struct wish *wish)
{
    static const uint8_t levels[] = {WEFT__LOW, WEFT__NORMAL, WEFT__HIGH};
    int class;

    if (o == NULL || t == NULL)
        return 0;
    class = weft__stack_class_of(t->rt->stacks, o->stack_size);
    if (class < 0 || o->priority < WEFT_PRIORITY_LOW || o->priority > WEFT_PRIORITY_HIGH || !WEFT__RESERVED_ARE_ZERO(o))
        return WEFT_EINVAL;
    wish->handle.name = o->name;
    wish->wants_handle |= o->name != NULL;
    wish->kind = (struct weft__task_kind){levels[o->priority - WEFT_PRIORITY_LOW], o->pinned, (uint8_t) class};
    if (!weft__kind_is_usual(wish->kind))
        A_STORE(&t->rt->has_special, true, relaxed); /* relaxed: who misses it for a moment comes to the task later */
    return 0;
}

/* A spawn with options, out of line. */
static int spawn_with(weft_group *g, weft_fn fn, void *arg, const weft_task_options *o, struct wish *wish,
                      weft_task **out)
{
    int rc = read_options(weft__task_self(), o, wish);

    return rc < 0 ? rc : spawn(g, fn, arg, wish, out);
}

int weft_spawn_with(weft_group *g, weft_fn fn, void *arg, const weft_task_options *o)
{
    return spawn_with(g, fn, arg, o, &(struct wish){.copy = NULL}, NULL);
}

int weft_spawn_copy(weft_group *g, weft_fn fn, const void *arg, size_t size, const weft_task_options *o)
{
    if (size > WEFT_COPY_MAX)
        return WEFT_EINVAL;
    return spawn_with(g, fn, NULL, o, &(struct wish){.copy = arg, .size = size}, NULL);
}

weft_task *weft_spawn_task(weft_group *g, weft_fn fn, void *arg, const weft_task_options *o)
{
    struct wish wish = {.wants_handle = true, .handle.for_holder = true};
    weft_task *h = NULL;

    return spawn_with(g, fn, arg, o, &wish, &h) < 0 ? NULL : h;
}

int weft__spawn_for_start(weft_group *g, weft_fn fn, void *arg, const weft_task_options *o, weft_task **out)
{
    struct wish wish = {.wants_handle = true, .handle = {.for_holder = true, .to_start = true}};

    return spawn_with(g, fn, arg, o, &wish, out);
}

int weft_spawn_detached(weft_fn fn, void *arg, const weft_task_options *o)
{
    struct wish wish = {.wants_handle = true, .handle.detached = true};
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL, *child;
    int rc;

    if (t == NULL)
        return WEFT_ENOTASK;
    if ((rc = read_options(t, o, &wish)) < 0 || (rc = weft__runtime_admit(w->rt)) < 0)
        return rc;
    child = weft__task_take(w);
    if (child == NULL) {
        rc = w->refusal;
    } else {
        weft__task_init(child, w->rt, &w->rt->root, fn, arg, 0);
        if ((rc = make_special(w, t, child, &wish)) == 0)
            weft__worker_queue_fresh(w, child);
    }
    if (rc < 0)
        weft__runtime_task_left(w->rt);
    return rc;
}
