/* SPDX-License-Identifier: MIT */
/* Memory that a peak of tasks took goes back to the system. */
#include "sched/trim.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

static void never_entered(void)
{
    FAIL("a stack was entered");
}

enum { MS = 1000000, COUNT = 400 };

/* Takes and gives back `n` stacks of class 0. */
static void peak(struct weft__stack_pool *p, int n)
{
    static struct weft__stack *s[COUNT];
    struct weft__magazine m = {0};

    CHECK_OK(weft__stack_credit_take(p, n));
    for (int i = 0; i < n; i++)
        s[i] = weft__stack_take(p, &m);
    for (int i = 0; i < n; i++)
        weft__stack_give(p, &m, s[i]);
    weft__magazine_empty(p, &m);
    weft__stack_credit_give(p, n);
}

WEFT_TEST(trim, stacks_are_kept_while_they_were_needed_a_moment_ago)
{
    static struct weft__stack_pool pools[WEFT__STACK_CLASSES];
    weft_time now = 5000 * (weft_time)MS;
    int ms;

    CHECK_OK(weft__stack_pools_init(pools, WEFT__STACK_DEFAULT, 1, never_entered));
    CHECK_EQ(weft__trim_tick(pools, now), -1);
    /* Every 300 ms they are needed again, and seen to be so. */
    for (int i = 0; i < 20; i++) {
        CHECK_OK(weft__stack_credit_take(&pools[0], COUNT));
        (void)weft__trim_tick(pools, now += 100 * MS);
        weft__stack_credit_give(&pools[0], COUNT);
        peak(&pools[0], COUNT);
        CHECK_GE(weft__trim_tick(pools, now += 100 * MS), 0);
        CHECK_GE(weft__trim_tick(pools, now += 100 * MS), 0);
        CHECK_GE(A_LOAD(&pools[0].touched, relaxed), COUNT);
    }
    /* No more. */
    for (int i = 0; i < 5 && (ms = weft__trim_tick(pools, now)) >= 0; i++)
        now += ms * (weft_time)MS;
    CHECK_EQ(ms, -1);
    CHECK_LT(A_LOAD(&pools[0].touched, relaxed), 100);
    CHECK_GT(A_LOAD(&pools[0].touched, relaxed), 0);
    weft__stack_pools_fini(pools);
}

WEFT_TEST(trim, large_peak_is_trimmed_a_batch_at_a_time)
{
    enum { MANY = 5000 };
    static struct weft__stack_pool pools[WEFT__STACK_CLASSES];
    static struct weft__stack *s[MANY];
    weft_time now = 1;
    int ticks = 0, ms;

    if (TEST_TSAN)
        TEST_SKIP("so many fibers are too many for ThreadSanitizer");
    CHECK_OK(weft__stack_pools_init(pools, 4096, 1, never_entered));
    CHECK_OK(weft__stack_credit_take(&pools[0], MANY));
    for (int i = 0; i < MANY; i++)
        s[i] = weft__stack_take(&pools[0], NULL);
    for (int i = 0; i < MANY; i++)
        weft__stack_give(&pools[0], NULL, s[i]);
    weft__stack_credit_give(&pools[0], MANY);
    while ((ms = weft__trim_tick(pools, now)) >= 0) {
        now += ms * (weft_time)MS;
        CHECK_LT(++ticks, 100);
    }
    CHECK_GT(ticks, 4);
    CHECK_LT(A_LOAD(&pools[0].touched, relaxed), 100);
    weft__stack_pools_fini(pools);
}

WEFT_TEST(trim, no_large_stack_is_kept)
{
    static struct weft__stack_pool pools[WEFT__STACK_CLASSES];
    weft_time now = 1;
    int ms;

    CHECK_OK(weft__stack_pools_init(pools, WEFT__STACK_DEFAULT, 1, never_entered));
    CHECK_OK(weft__stack_credit_take(&pools[9], 1));
    weft__stack_give(&pools[9], NULL, weft__stack_take(&pools[9], NULL));
    weft__stack_credit_give(&pools[9], 1);
    while ((ms = weft__trim_tick(pools, now)) >= 0)
        now += ms * (weft_time)MS;
    CHECK_EQ(A_LOAD(&pools[9].touched, relaxed), 0);
    weft__stack_pools_fini(pools);
}

/* Of a whole runtime. */

enum { SLEEPERS = TEST_ASAN ? 5000 : TEST_TSAN ? 300 : 100000, PAGE = 4096 };

static long resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    CHECK_NOT_NULL(f);
    CHECK_EQ(fscanf(f, "%*d %ld", &pages), 1);
    (void)fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

struct peak {
    int count;
    atomic_int asleep;
    long resident;
};

static int use_some_stack(void *arg)
{
    struct peak *p = arg;
    volatile char frame[6000];

    frame[0] = frame[sizeof frame - 1] = 1;
    atomic_fetch_add(&p->asleep, 1);
    return weft_sleep_ms(FOREVER_MS) == WEFT_ECANCELED ? frame[0] - 1 : WEFT_EINVAL;
}

static int many_sleepers(void *arg)
{
    struct peak *p = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < p->count; i++)
        CHECK_OK(weft_spawn(g, use_some_stack, p));
    yield_until(&p->asleep, p->count);
    p->resident = resident_bytes();
    weft_group_cancel(g);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(trim, memory_of_a_peak_goes_back_and_then_there_is_no_tick)
{
    struct peak first = {.count = SLEEPERS}, second = {.count = SLEEPERS / 10};
    weft_runtime *rt;
    long before, switches;

    if (test_under_valgrind())
        TEST_SKIP("memory is valgrind's");
    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    before = resident_bytes();
    CHECK_OK(weft_runtime_run(rt, many_sleepers, &first));
    if (!TEST_ASAN && !TEST_TSAN) { /* they keep memory of their own */
        CHECK_GT(first.resident - before, SLEEPERS * (long)PAGE);
        /* What is left: task records are kept, 128 bytes each, and the queues that held them all. */
        while (resident_bytes() - before > SLEEPERS * (long)(PAGE / 8))
            pause_thread_ms(10);
    }
    pause_thread_ms(500);
    switches = process_switches();
    pause_thread_ms(1000);
    CHECK_LT(process_switches() - switches, 10);
    /* Those that were trimmed are as good as new. */
    CHECK_OK(weft_runtime_run(rt, many_sleepers, &second));
    weft_runtime_destroy(rt);
}
