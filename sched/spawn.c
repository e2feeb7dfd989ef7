/* SPDX-License-Identifier: MIT */
#include "sched/spawn.h"

#include <string.h>

#include <weft/error.h>

#include "sched/children.h"
#include "sched/group.h"
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

/* What a spawn finds out before it does anything: 0 or a code; and what the child is to know of its cancellation. */
static int admit(struct weft__task *t, weft_group *g, uint64_t *epoch)
{
    /* A spawner that is not cancelled cannot be in a cancelled group, and the child knows as much as the spawner. Of a group
     * that may not be on the spawner's chain it knows nothing. */
    if (WEFT__LIKELY(!weft__task_canceled(t) && (t == g->scope.owner || t->group == g))) {
        *epoch = t->seen_epoch;
        return 0;
    }
    *epoch = 0;
    return weft__scope_chain_canceled(&g->scope) ? WEFT_ECANCELED : 0;
}

/* Counts a child that is about to be pushed, and takes that back. */
static inline void count_up(struct weft__task *t, weft_group *g)
{
    /* The child cannot end, and be counted down, before it is pushed. */
    if (WEFT__LIKELY(t == g->scope.owner))
        g->unstarted++;
    else
        weft__children_add(&g->pending);
}

static void uncount(struct weft__task *t, weft_group *g)
{
    if (t == g->scope.owner)
        g->unstarted--;
    else
        weft__group_count_down(g);
}

static int refuse(weft_group *g, int code)
{
    (void)weft_group_fail(g, code);
    return code;
}

/* How a task is to be, beside function and argument. */
struct wish {
    struct weft__task_kind kind;
    const char *name;
    const void *copy; /* NULL: `arg` itself */
    size_t size;
};

/* What all spawns share. Pinned tasks, and those of other levels than normal, go to the ready queue, which a join leaves alone. */
static inline __attribute__((always_inline)) int spawn(weft_group *g, weft_fn fn, void *arg, const struct wish *wish)
{
    struct weft__task_kind kind = wish->kind;
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
    if ((rc = admit(t, g, &epoch)) < 0)
        return rc;
    child = weft__task_take(w);
    if (WEFT__UNLIKELY(child == NULL))
        return refuse(g, w->refusal);
    weft__task_init(child, w->rt, g, fn, arg, epoch);
    if (!weft__kind_is_plain(kind)) {
        rc = kind.stack_class != 0 ? weft__stack_credit_take(&w->rt->stacks[kind.stack_class], 1) : 0;
        if (rc < 0) {
            weft__task_give(w, child);
            return refuse(g, rc);
        }
        child->kind = kind;
    }
    child->name = wish->name;
    if (wish->copy != NULL)
        child->arg = memcpy(child->copy, wish->copy, wish->size);
    count_up(t, g);
    if (!weft__kind_is_usual(kind)) {
        weft__worker_queue(w, child);
    } else if (WEFT__UNLIKELY(weft__deque_push(&w->deque, child) < 0)) {
        uncount(t, g);
        weft__task_give(w, child);
        return refuse(g, WEFT_ENOMEM);
    }
    weft__idle_notify_lazily(w);
    return 0;
}

int weft_spawn(weft_group *g, weft_fn fn, void *arg)
{
    return spawn(g, fn, arg, &(const struct wish){.copy = NULL});
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
    wish->name = o->name;
    wish->kind = (struct weft__task_kind){levels[o->priority - WEFT_PRIORITY_LOW], o->pinned, (uint8_t) class};
    if (!weft__kind_is_usual(wish->kind))
        A_STORE(&t->rt->has_special, true, relaxed); /* relaxed: who misses it for a moment comes to the task later */
    return 0;
}

int weft_spawn_with(weft_group *g, weft_fn fn, void *arg, const weft_task_options *o)
{
    struct wish wish = {.copy = NULL};
    int rc = read_options(weft__task_self(), o, &wish);

    return rc < 0 ? rc : spawn(g, fn, arg, &wish);
}

int weft_spawn_copy(weft_group *g, weft_fn fn, const void *arg, size_t size, const weft_task_options *o)
{
    struct wish wish = {.copy = arg, .size = size};
    int rc = size <= WEFT_COPY_MAX ? read_options(weft__task_self(), o, &wish) : WEFT_EINVAL;

    return rc < 0 ? rc : spawn(g, fn, NULL, &wish);
}
