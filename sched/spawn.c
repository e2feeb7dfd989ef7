/* SPDX-License-Identifier: MIT */
#include "sched/spawn.h"

#include <weft/error.h>

#include "sched/group.h"
#include "sched/idle.h"
#include "sched/options.h"
#include "sched/park.h"

_Static_assert(offsetof(struct weft__task, next) == 0, "the slab links free records by their first pointer");

struct weft__task *weft__task_refill(struct weft__worker *w)
{
    weft_runtime *rt = w->rt;
    struct weft__task *t;
    int64_t got;

    if (weft__stack_credit_take(&rt->stacks, WEFT__SLAB_BATCH) < 0)
        return NULL;
    t = weft__slab_cache_refill(&w->tasks, &rt->tasks);
    got = t != NULL ? (int64_t)w->tasks.count + 1 : 0;
    if (got < WEFT__SLAB_BATCH)
        weft__stack_credit_give(&rt->stacks, WEFT__SLAB_BATCH - got);
    return t;
}

void weft__task_spill(struct weft__worker *w)
{
    unsigned count = w->tasks.count;

    weft__slab_cache_spill(&w->tasks, &w->rt->tasks, WEFT__SLAB_BATCH);
    weft__stack_credit_give(&w->rt->stacks, count - w->tasks.count);
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
    /* relaxed: the child cannot end, and be counted down, before it is pushed */
    if (WEFT__LIKELY(t == g->scope.owner))
        g->unstarted++;
    else
        A_ADD(&g->pending, 1, relaxed);
}

static void uncount(struct weft__task *t, weft_group *g)
{
    if (t == g->scope.owner)
        g->unstarted--;
    else
        weft__group_count_down(g);
}

static int no_memory(weft_group *g)
{
    (void)weft_group_fail(g, WEFT_ENOMEM);
    return WEFT_ENOMEM;
}

int weft_spawn(weft_group *g, weft_fn fn, void *arg)
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
    if ((rc = admit(t, g, &epoch)) < 0)
        return rc;
    child = weft__task_take(w);
    if (WEFT__UNLIKELY(child == NULL))
        return no_memory(g);
    weft__task_init(child, w->rt, g, fn, arg, epoch);
    count_up(t, g);
    if (WEFT__UNLIKELY(weft__deque_push(&w->deque, child) < 0)) {
        uncount(t, g);
        weft__task_give(w, child);
        return no_memory(g);
    }
    weft__idle_notify_lazily(w);
    return 0;
}
