/* SPDX-License-Identifier: MIT */
/*
 * What each feature of tasks and groups costs, to be set beside spawn: 1,000 empty tasks, or scopes, that use it. No peers: what they
 * have of these is not alike. bench/instructions counts them.
 */
#include <stddef.h>

#include "bench.h"

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int get_ready(void *arg)
{
    (void)arg;
    return weft_ready();
}

static const weft_local local = {NULL};

/* One task by one feature, or one scope. */

static void plain(weft_group *g)
{
    weft_spawn(g, nothing, NULL);
}

static void named(weft_group *g)
{
    weft_spawn_with(g, nothing, NULL, &(weft_task_options){.name = "named"});
}

static void high(weft_group *g)
{
    weft_spawn_with(g, nothing, NULL, &(weft_task_options){.priority = WEFT_PRIORITY_HIGH});
}

static void copied(weft_group *g)
{
    weft_spawn_copy(g, nothing, &(uint64_t){1}, sizeof(uint64_t), NULL);
}

static void by_handle(weft_group *g)
{
    weft_task_release(weft_spawn_task(g, nothing, NULL, NULL));
}

static void started(weft_group *g)
{
    bench_check(weft_start(g, get_ready, NULL, NULL), "start");
}

static void detached(weft_group *g)
{
    (void)g;
    weft_spawn_detached(nothing, NULL, NULL);
    weft_yield(); /* nobody waits for it, so it is let run here */
}

static void scope(weft_group *g)
{
    (void)g;
    (void)weft_scope_close(weft_scope_open(0), 0);
}

static void deadline(weft_group *g)
{
    (void)g;
    (void)weft_scope_close(weft_scope_open(INT64_MAX / 2), 0);
}

static void shield(weft_group *g)
{
    (void)g;
    (void)weft_scope_close(weft_shield_open(INT64_MAX / 2), 0);
}

static void reschedule(weft_group *g)
{
    (void)weft_group_reschedule(g, INT64_MAX / 2);
}

struct feature {
    const char *name;
    void (*once)(weft_group *g);
    weft_group_options group;
    bool with_local;
    uint64_t tasks;
};

static void batch(void *ctx, uint64_t iterations)
{
    const struct feature *f = ctx;

    if (f->with_local)
        weft_local_set(&local, (void *)f);
    for (uint64_t i = 0; i < iterations; i++) {
        weft_group *g = weft_group_open(&f->group);

        for (uint64_t t = 0; t < f->tasks; t++)
            f->once(g);
        bench_check(weft_group_wait(g), f->name);
        weft_group_close(g);
    }
    if (f->with_local)
        weft_local_set(&local, NULL);
}

static int run(struct feature f)
{
    double tasks = (double)f.tasks;

    bench_run(&(bench_work){.name = f.name, .batch = batch, .ctx = &f, .operations = tasks, .unit_ns = tasks});
    return 0;
}

#define FEATURE(case_name, ...)                                                                                        \
    int bench_##case_name(uint64_t n)                                                                                  \
    {                                                                                                                  \
        return run((struct feature){.name = #case_name, .tasks = n, __VA_ARGS__});                                     \
    }

FEATURE(spawn_wait_all, .once = plain, .group = {.policy = WEFT_WAIT_ALL})
FEATURE(spawn_limited, .once = plain, .group = {.limit = 10})
FEATURE(spawn_named, .once = named)
FEATURE(spawn_copied, .once = copied)
FEATURE(spawn_high, .once = high)
FEATURE(spawn_handle, .once = by_handle)
FEATURE(spawn_local, .once = plain, .with_local = true)
FEATURE(spawn_started, .once = started)
FEATURE(spawn_detached, .once = detached)
FEATURE(scope, .once = scope)
FEATURE(scope_deadline, .once = deadline)
FEATURE(scope_shield, .once = shield)
FEATURE(scope_reschedule, .once = reschedule, .group = {.deadline = INT64_MAX / 2})
