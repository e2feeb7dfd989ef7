/* SPDX-License-Identifier: MIT */
/* What a runtime still holds when all that it was given has ended: nothing. */
#ifndef WEFT_TESTS_SCHED_LEFTOVERS_H
#define WEFT_TESTS_SCHED_LEFTOVERS_H

#include "sched/runtime.h"
#include "tests/sched/tasks.h"

static inline void leftovers_count_one(void *record, void *arg)
{
    (void)record;
    ++*(int64_t *)arg;
}

/* Records of a slab that somebody has; the workers sleep, so that their caches lie still. */
static inline int64_t leftovers_in_use(weft_runtime *rt, struct weft__slab *slab, size_t cache)
{
    int64_t n = 0;

    weft__slab_each(slab, leftovers_count_one, &n);
    for (void *r = slab->free; r != NULL; r = *(void **)r)
        n--;
    for (unsigned i = 0; i < rt->workers_count; i++)
        n -= ((struct weft__slab_cache *)(void *)((char *)&rt->workers[i] + cache))->count;
    return n;
}

/* Waits until all workers sleep; with that, sees what they have written. */
static inline void leftovers_settle(weft_runtime *rt)
{
    while (A_LOAD(&rt->entered, seq_cst) != 0)
        sched_yield();
    while (weft__idle_asleep(A_LOAD(&rt->idle.word, seq_cst)) != rt->workers_count)
        sched_yield();
}

/* Fails if tasks, groups, scopes, handles, timers, stacks or visitors are left. By a thread that is no worker, with no task running. */
static inline void leftovers_check(weft_runtime *rt)
{
    weft_runtime_stats stats;

    leftovers_settle(rt);
    CHECK_EQ(leftovers_in_use(rt, &rt->tasks, offsetof(struct weft__worker, tasks)), 0);
    CHECK_EQ(leftovers_in_use(rt, &rt->groups, offsetof(struct weft__worker, groups)), 0);
    CHECK_EQ(leftovers_in_use(rt, &rt->scopes, offsetof(struct weft__worker, scopes)), 0);
    CHECK_EQ(leftovers_in_use(rt, &rt->handles, offsetof(struct weft__worker, handles)), 0);
    for (unsigned i = 0; i < rt->workers_count; i++)
        CHECK_EQ(rt->workers[i].timers.count, 0);
    CHECK_EQ(A_LOAD(&rt->visitors, acquire), 0);
    CHECK_NULL(rt->root.members.first);
    weft_stats(rt, &stats);
    CHECK_EQ(stats.stacks_live, rt->workers_count); /* a loop's each */
}

#endif
