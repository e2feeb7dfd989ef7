/* SPDX-License-Identifier: MIT */
/* What threads that are no workers do in a runtime: plain ones, and those of its own pool, which are none either. */
#include <pthread.h>

#include "tests/sched/blocking.h"

struct visit {
    weft_runtime *rt;
    atomic_int ran, ready, canceled;
    weft_scope *scope;
    weft_group *group;
};

static int count_and_return(void *arg)
{
    struct visit *v = arg;

    CHECK_PTR_EQ(weft_runtime_current(), v->rt);
    CHECK_OK(weft_sleep_ms(1));
    atomic_fetch_add(&v->ran, 1);
    return 9;
}

/* Cancelled by its scope alone, then by its group. */
static int wait_for_cancel(void *arg)
{
    struct visit *v = arg;

    v->scope = weft_scope_open(0);
    v->group = weft_group_open(NULL);
    CHECK_OK(weft_spawn(v->group, sleep_forever, NULL));
    atomic_store(&v->ready, 1);
    CHECK_OK(weft_group_wait(v->group)); /* which was cancelled on purpose */
    atomic_store(&v->ready, 2);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    weft_group_close(v->group);
    atomic_store(&v->ready, 3);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    while (atomic_load(&v->canceled) == 0) /* the canceller is out of the scope */
        (void)weft_yield();
    CHECK_EQ(weft_scope_close(v->scope, 0), 0);
    atomic_fetch_add(&v->ran, 1);
    return 0;
}

/* From a thread that is no worker: runs a task and waits for it, starts one, cancels a group and a scope. */
static int use_runtime(void *arg)
{
    struct visit *v = arg;
    int before = atomic_load(&v->ran);

    for (int i = 1; i <= 5; i++) {
        CHECK_RC(weft_runtime_run(v->rt, count_and_return, v), 9);
        CHECK_EQ(v->ran, before + i);
    }
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_runtime_spawn(v->rt, count_and_return, v));
    spin_until(&v->ran, before + 10);
    CHECK_OK(weft_runtime_spawn(v->rt, wait_for_cancel, v));
    spin_until(&v->ready, 1);
    CHECK_OK(weft_group_cancel(v->group));
    spin_until(&v->ready, 3); /* its sleep in the group's scope was cancelled with it */
    CHECK_OK(weft_scope_cancel(v->scope));
    atomic_store(&v->canceled, 1);
    spin_until(&v->ran, before + 11);
    return 0;
}

WEFT_TEST(blocking_threads, plain_thread_runs_spawns_and_cancels)
{
    struct visit v = {.scope = NULL};

    CHECK_OK(weft_runtime_create(&v.rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_OK(use_runtime(&v));
    weft_runtime_destroy(v.rt);
    CHECK_EQ(v.ran, 11);
}

static int use_from_pool(void *arg)
{
    struct visit v = {.rt = weft_runtime_current()};

    (void)arg;
    CHECK_OK(weft_blocking(use_runtime, &v));
    CHECK_EQ(v.ran, 11);
    return 0;
}

WEFT_TEST(blocking_threads, thread_of_the_pool_runs_spawns_and_cancels_in_its_own_runtime)
{
    CHECK_OK(test_run(use_from_pool, NULL));
}

static int use_in_place(void *arg)
{
    struct visit v = {.rt = weft_runtime_current()};

    (void)arg;
    CHECK_OK(weft_block_in_place(use_runtime, &v));
    CHECK_EQ(v.ran, 11);
    return 0;
}

WEFT_TEST(blocking_threads, task_that_blocks_in_place_runs_spawns_and_cancels_as_a_thread_does)
{
    CHECK_OK(test_run(use_in_place, NULL));
}

/* Each level holds a thread of the pool, and runs a task that calls the next. */
struct level {
    weft_runtime *rt;
    int depth;
};

static int go_deeper(void *arg);

static int run_deeper(void *arg)
{
    struct level *l = arg;

    return weft_runtime_run(l->rt, go_deeper, l);
}

static int go_deeper(void *arg)
{
    struct level *l = arg;

    if (l->depth-- == 0)
        return 4;
    return l->depth % 2 == 0 ? weft_blocking(run_deeper, l) : weft_block_in_place(run_deeper, l);
}

static int begin_deep(void *arg)
{
    struct level l = {weft_runtime_current(), 20};

    (void)arg;
    CHECK_RC(go_deeper(&l), 4);
    CHECK_EQ(stats_now().blocking_threads, 20);
    return 0;
}

WEFT_TEST(blocking_threads, calls_and_runs_nest_as_deep_as_there_are_threads)
{
    CHECK_OK(test_run(begin_deep, NULL));
}

/* Another runtime altogether, from its beginning to its end. */
static int run_another(void *arg)
{
    return test_run(count, arg);
}

static int run_another_beside(void *arg)
{
    CHECK_OK(weft_blocking(run_another, arg));
    CHECK_OK(weft_block_in_place(run_another, arg));
    return 0;
}

WEFT_TEST(blocking_threads, runtime_lives_on_a_thread_of_the_pool_of_another)
{
    atomic_int ran = 0;

    CHECK_OK(test_run(run_another_beside, &ran));
    CHECK_EQ(ran, 2);
}
