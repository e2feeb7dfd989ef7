/* SPDX-License-Identifier: MIT */
/* Planted faults inside of tasks, which the tools must see in spite of the stacks that weft switches. */
#include "tests/support/support.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

static void *volatile sink;

/* Runs `child(arg)` twice, on two workers at once: each child waits until the other has started. */
struct pair {
    weft_fn body;
    atomic_int started;
};

static int pair_child(void *arg)
{
    struct pair *pair = arg;
    /* Relaxed, and no lock: this must not order what the two bodies do. */
    atomic_fetch_add_explicit(&pair->started, 1, memory_order_relaxed);
    while (atomic_load_explicit(&pair->started, memory_order_relaxed) < 2)
        ;
    return pair->body(NULL);
}

static int pair_root(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_spawn(g, pair_child, arg);
    weft_spawn(g, pair_child, arg);
    int rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

static int run_pair(weft_fn body)
{
    struct pair pair = {.body = body};
    weft_runtime_options options = {.workers = 2};
    return weft_run_with(pair_root, &pair, &options);
}

/* Runs `body` as a child that has been suspended before, so that it may be on another thread than at first. */
static int suspended_child(void *arg)
{
    weft_fn *body = arg;
    int rc = weft_sleep_ms(1);
    return rc ? rc : (*body)(NULL);
}

static int suspended_root(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_spawn(g, suspended_child, arg);
    int rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

static int run_suspended(weft_fn body)
{
    return test_run(suspended_root, &body);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int failed_check(void *arg)
{
    CHECK_NOT_NULL(arg);
    return 0;
}

static __attribute__((noinline)) int leak(void *arg)
{
    (void)arg;
    sink = malloc(100);
    sink = NULL;
    return 0;
}

static int use_after_free(void *arg)
{
    (void)arg;
    volatile char *p = malloc(16);
    CHECK(p != NULL);
    free((void *)p);
    p[3] = 1;
    return 0;
}

/* Many accesses: of two at the very same moment the detector may see only one. */
static volatile int racy;

static int race(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10000; i++)
        racy = racy + 1;
    return 0;
}

WEFT_TEST(sound_task, passes_alone)
{
    CHECK_OK(run_suspended(nothing));
}

WEFT_TEST(sound_task, passes_as_a_pair)
{
    CHECK_OK(run_pair(nothing));
}

WEFT_TEST(fault_task, failed_check_after_a_suspension)
{
    CHECK_OK(run_suspended(failed_check));
}

WEFT_TEST(fault_task, failed_check_on_either_worker)
{
    CHECK_OK(run_pair(failed_check));
}

WEFT_TEST(fault_task, leak)
{
    CHECK_OK(run_suspended(leak));
}

/* The end of the process finds many tasks parked. */
enum { PARKED = 500 };

static atomic_int parked;

static int park(void *arg)
{
    (void)arg;
    atomic_fetch_add(&parked, 1);
    return weft_sleep_ms(1000000);
}

/* Memory that nothing but the stack of a parked task points to. */
static int hold_memory(void *arg)
{
    void *volatile held = malloc(100);

    (void)park(arg);
    free(held);
    return 0;
}

/* What calls have left below the frames of the caller is found, too. */
static __attribute__((noinline)) void wipe_stack(void)
{
    volatile char below[16384];

    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

static int lose_memory_and_park(void *arg)
{
    (void)leak(NULL);
    wipe_stack();
    return park(arg);
}

static void leave_parked(weft_fn fn)
{
    static weft_runtime *rt;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = 2}));
    for (int i = 0; i < PARKED; i++)
        CHECK_OK(weft_runtime_spawn(rt, fn, NULL));
    while (atomic_load(&parked) < PARKED)
        sched_yield();
}

WEFT_TEST(sound_task, memory_held_by_a_parked_task_is_no_leak)
{
    leave_parked(hold_memory);
}

WEFT_TEST(fault_task, memory_lost_beside_parked_tasks)
{
    leave_parked(lose_memory_and_park);
}

WEFT_TEST(fault_task, use_after_free)
{
    CHECK_OK(run_suspended(use_after_free));
}

WEFT_TEST(fault_task, race)
{
    CHECK_OK(run_pair(race));
}
