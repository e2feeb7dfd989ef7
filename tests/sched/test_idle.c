/* SPDX-License-Identifier: MIT */
/* A runtime with nothing to do does nothing. */
#include <pthread.h>

#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

/* Context switches over a second, after the time in which everything settles. */
static long switches_in_a_second(void)
{
    long before;

    pause_thread_ms(500);
    before = process_switches();
    pause_thread_ms(1000);
    return process_switches() - before;
}

static int work(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_spawn(g, count, arg));
    CHECK_OK(weft_sleep_ms(2));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

/* A tick of 10 ms would show as 100 switches. */
enum { FEW = 10 };

WEFT_TEST(idle, runtime_without_tasks_has_no_tick)
{
    weft_runtime *rt;
    atomic_int n = 0;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_OK(weft_runtime_run(rt, work, &n));
    CHECK_LT(switches_in_a_second(), FEW);
    weft_runtime_destroy(rt);
}

static int keep_threads_for_later(void *arg)
{
    (void)arg;
    CHECK_OK(weft_blocking(nothing, NULL));
    CHECK_OK(weft_block_in_place(nothing, NULL));
    return 0;
}

WEFT_TEST(idle, idle_threads_for_blocking_calls_have_no_tick)
{
    weft_runtime *rt;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_OK(weft_runtime_run(rt, keep_threads_for_later, NULL));
    CHECK_LT(switches_in_a_second(), FEW);
    weft_runtime_destroy(rt);
}

struct rest {
    weft_runtime *rt;
    atomic_int asleep;
};

static int many_sleep(void *arg)
{
    struct rest *r = arg;
    weft_group *g = weft_group_open(NULL);
    int rc;

    for (int i = 0; i < 50; i++)
        CHECK_OK(weft_spawn(g, count_and_sleep_forever, &r->asleep));
    rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

static void *run_sleepers(void *arg)
{
    struct rest *r = arg;

    CHECK_RC(weft_runtime_run(r->rt, many_sleep, r), WEFT_ECANCELED);
    return NULL;
}

WEFT_TEST(idle, runtime_whose_tasks_all_wait_has_no_tick)
{
    struct rest r = {0};
    pthread_t thread;

    CHECK_OK(weft_runtime_create(&r.rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_OK(pthread_create(&thread, NULL, run_sleepers, &r));
    spin_until(&r.asleep, 50);
    CHECK_LT(switches_in_a_second(), FEW);
    weft_runtime_stop(r.rt);
    CHECK_OK(pthread_join(thread, NULL));
    weft_runtime_destroy(r.rt);
}

WEFT_TEST(idle, sleeping_runtime_wakes_up_for_a_foreign_thread)
{
    weft_runtime *rt;
    atomic_int n = 0;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    for (int i = 1; i <= 10; i++) {
        /* Sometimes long enough for the monitor to have gone to sleep too. */
        pause_thread_ms(i % 5 == 0 ? 200 : i);
        CHECK_OK(weft_runtime_run(rt, work, &n));
        CHECK_EQ(n, 100 * i);
    }
    weft_runtime_destroy(rt);
}
