/* SPDX-License-Identifier: MIT */
/* What weft/runtime.h promises of runtimes that are created, used, stopped and destroyed. */
#include <pthread.h>
#include <stdlib.h>

#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

static weft_runtime *create(unsigned workers)
{
    weft_runtime *rt = NULL;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = workers}));
    CHECK_NOT_NULL(rt);
    return rt;
}

WEFT_TEST(runtime, runs_tasks_one_after_another)
{
    weft_runtime *rt = create(test_workers());
    atomic_int n = 0;

    CHECK_EQ(weft_runtime_workers(rt), test_workers());
    for (int i = 1; i <= 200; i++) {
        CHECK_OK(weft_runtime_run(rt, count, &n));
        CHECK_EQ(n, i);
    }
    weft_runtime_destroy(rt);
}

static const int codes[] = {0, -1, WEFT_ECANCELED, WEFT_ETIMEDOUT, -EIO};

WEFT_TEST(runtime, run_returns_the_code_of_its_task)
{
    weft_runtime *rt = create(test_workers());

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        CHECK_RC(weft_runtime_run(rt, fail_with, (void *)&codes[i]), codes[i]);
    weft_runtime_destroy(rt);
}

WEFT_TEST(runtime, destroy_takes_null)
{
    weft_runtime_destroy(NULL);
}

static int find_itself(void *arg)
{
    weft_runtime **found = arg;

    *found = weft_runtime_current();
    CHECK_OK(weft_sleep_ms(1));
    CHECK_PTR_EQ(weft_runtime_current(), *found);
    return 0;
}

WEFT_TEST(runtime, several_live_side_by_side)
{
    weft_runtime *rt[3], *found;

    for (int i = 0; i < 3; i++)
        rt[i] = create(test_workers());
    for (int round = 0; round < 10; round++)
        for (int i = 0; i < 3; i++) {
            CHECK_OK(weft_runtime_run(rt[i], find_itself, &found));
            CHECK_PTR_EQ(found, rt[i]);
        }
    weft_runtime_destroy(rt[1]);
    CHECK_OK(weft_runtime_run(rt[0], find_itself, &found));
    CHECK_OK(weft_runtime_run(rt[2], find_itself, &found));
    weft_runtime_destroy(rt[2]);
    weft_runtime_destroy(rt[0]);
}

static int cancel_elsewhere(void *arg)
{
    return weft_group_cancel(arg);
}

struct across {
    weft_runtime *other;
    weft_group *g;
    atomic_int asleep;
};

static void *cancel_from_other_runtime(void *arg)
{
    struct across *a = arg;

    spin_until(&a->asleep, 5);
    CHECK_OK(weft_runtime_run(a->other, cancel_elsewhere, a->g));
    return NULL;
}

static int wait_for_other_runtime(void *arg)
{
    struct across *a = arg;

    a->g = weft_group_open(NULL);
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(a->g, count_and_sleep_forever, &a->asleep));
    CHECK_OK(weft_group_wait(a->g));
    weft_group_close(a->g);
    return 0;
}

WEFT_TEST(runtime, task_of_one_may_cancel_a_group_of_another)
{
    weft_runtime *rt = create(test_workers()), *other = create(test_workers());

    for (int i = 0; i < 10; i++) {
        struct across a = {.other = other};
        pthread_t thread;

        CHECK_OK(pthread_create(&thread, NULL, cancel_from_other_runtime, &a));
        CHECK_OK(weft_runtime_run(rt, wait_for_other_runtime, &a));
        CHECK_OK(pthread_join(thread, NULL));
    }
    weft_runtime_destroy(rt);
    weft_runtime_destroy(other);
}

struct shared {
    weft_runtime *rt;
    atomic_int n;
};

static int work_a_little(void *arg)
{
    struct shared *s = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(g, count, &s->n));
    CHECK_OK(weft_yield());
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static void *run_many(void *arg)
{
    struct shared *s = arg;

    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_runtime_run(s->rt, work_a_little, s));
    return NULL;
}

WEFT_TEST(runtime, several_threads_run_tasks_at_once)
{
    struct shared s = {.rt = create(test_workers())};
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, run_many, &s));
    for (int i = 0; i < 4; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    CHECK_EQ(s.n, 2000);
    weft_runtime_destroy(s.rt);
}

static int run_inside(void *arg)
{
    weft_runtime *made = (weft_runtime *)arg;

    CHECK_RC(weft_run(nothing, NULL), WEFT_EDEADLK);
    CHECK_RC(weft_run_with(nothing, NULL, &(weft_runtime_options){.workers = 1}), WEFT_EDEADLK);
    CHECK_RC(weft_runtime_create(&made, NULL), WEFT_EDEADLK);
    CHECK_NULL(made);
    CHECK_RC(weft_runtime_run(weft_runtime_current(), nothing, NULL), WEFT_EDEADLK);
    CHECK_RC(weft_runtime_run(arg, nothing, NULL), WEFT_EDEADLK);
    return 0;
}

WEFT_TEST(runtime, none_is_run_inside_another)
{
    weft_runtime *rt = create(test_workers()), *other = create(1);

    CHECK_OK(weft_runtime_run(rt, run_inside, other));
    weft_runtime_destroy(rt);
    weft_runtime_destroy(other);
}

static void refused(const weft_runtime_options *options)
{
    weft_runtime *rt = (weft_runtime *)(void *)&rt;

    CHECK_RC(weft_runtime_create(&rt, options), WEFT_EINVAL);
    CHECK_NULL(rt);
    CHECK_RC(weft_run_with(nothing, NULL, options), WEFT_EINVAL);
}

WEFT_TEST(runtime, options_out_of_range_are_refused)
{
    struct process_state before, after;

    before = process_look();
    refused(&(weft_runtime_options){.workers = 10000});
    refused(&(weft_runtime_options){.workers = WEFT_WORKERS_MAX + 1});
    refused(&(weft_runtime_options){.workers = UINT32_MAX});
    refused(&(weft_runtime_options){.stack_size = ((size_t)8 << 20) + 1});
    refused(&(weft_runtime_options){.stack_size = SIZE_MAX});
    for (size_t i = 0; i < sizeof((weft_runtime_options *)0)->reserved / sizeof(uint64_t); i++) {
        weft_runtime_options options = {.workers = 1};

        options.reserved[i] = 1;
        refused(&options);
    }
    after = process_look();
    process_check(&before, &after, 200);
}

WEFT_TEST(runtime, environment_sets_the_number_of_workers)
{
    static const struct {
        const char *text;
        unsigned workers; /* 0: as without it */
    } cases[] = {{"3", 3}, {"1", 1}, {"0", 0}, {"", 0}, {"-2", 0}, {"many", 0}, {"4x", 0}, {"100000", 0}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weft_runtime *rt;

        CHECK_OK(setenv("WEFT_WORKERS", cases[i].text, 1));
        CHECK_OK(weft_runtime_create(&rt, NULL));
        CHECK_EQ(weft_runtime_workers(rt), cases[i].workers != 0 ? cases[i].workers : weft_cpus());
        weft_runtime_destroy(rt);
    }
    /* The option goes before it. */
    {
        weft_runtime *rt = create(2);

        CHECK_EQ(weft_runtime_workers(rt), 2);
        weft_runtime_destroy(rt);
    }
    CHECK_OK(unsetenv("WEFT_WORKERS"));
}

static __attribute__((noinline)) int use_stack(volatile char *from, size_t left)
{
    volatile char frame[1024];

    frame[0] = from[0];
    frame[sizeof frame - 1] = 1;
    if (left < 2048)
        return frame[0];
    return use_stack(frame, left - 1400) + frame[sizeof frame - 1];
}

static int use_promise(void *arg)
{
    volatile char first = 0;

    return use_stack(&first, *(size_t *)arg) > 0 ? 0 : -1;
}

static int use_promise_in_children(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 4; i++)
        CHECK_OK(weft_spawn(g, use_promise, arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(runtime, tasks_may_count_on_their_stack)
{
    static const size_t sizes[] = {16384, 0, 1 << 20, 8 << 20};

    for (size_t i = 0; i < 4; i++) {
        weft_runtime_options options = {.workers = test_workers(), .stack_size = sizes[i]};
        /* Frames are larger under sanitizers. */
        size_t use = (sizes[i] == 0 ? 65536 : sizes[i]) / (TEST_ASAN || TEST_TSAN ? 4 : 1);

        CHECK_OK(weft_run_with(use_promise_in_children, &use, &options));
    }
}

static void *stop_soon(void *arg)
{
    struct shared *s = arg;

    spin_until(&s->n, 1);
    weft_runtime_stop(s->rt);
    return NULL;
}

static int wait_for_stop(void *arg)
{
    struct shared *s = arg;

    return count_and_sleep_forever(&s->n);
}

WEFT_TEST(runtime, stop_cancels_every_task_and_lasts)
{
    struct shared s = {.rt = create(test_workers())};
    pthread_t thread;

    CHECK_OK(pthread_create(&thread, NULL, stop_soon, &s));
    CHECK_RC(weft_runtime_run(s.rt, wait_for_stop, &s), WEFT_ECANCELED);
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_RC(weft_runtime_run(s.rt, count, &s.n), WEFT_ECLOSED);
    CHECK_EQ(s.n, 1);
    weft_runtime_stop(s.rt);
    CHECK_RC(weft_runtime_run(s.rt, count, &s.n), WEFT_ECLOSED);
    weft_runtime_destroy(s.rt);
}

static int stop_from_inside(void *arg)
{
    (void)arg;
    weft_runtime_stop(weft_runtime_current());
    CHECK(weft_canceled());
    return weft_sleep_ms(FOREVER_MS);
}

WEFT_TEST(runtime, may_be_stopped_by_its_own_task)
{
    weft_runtime *rt = create(test_workers());

    CHECK_RC(weft_runtime_run(rt, stop_from_inside, NULL), WEFT_ECANCELED);
    CHECK_RC(weft_runtime_run(rt, nothing, NULL), WEFT_ECLOSED);
    weft_runtime_destroy(rt);
}

static int sleep_and_spawn(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_spawn(g, i % 2 == 0 ? nothing : sleep_forever, NULL));
    CHECK_OK(weft_sleep_ms(1));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(runtime, starting_and_stopping_leaves_nothing_behind)
{
    enum { CYCLES = TEST_TSAN ? 30 : 200 };
    struct process_state before, after;

    process_prepare();
    for (int i = 0; i < 5; i++)
        CHECK_OK(test_run(sleep_and_spawn, NULL));
    before = process_look();
    for (int i = 0; i < CYCLES; i++)
        CHECK_OK(test_run(sleep_and_spawn, NULL));
    after = process_look();
    process_check(&before, &after, CYCLES);
}

WEFT_TEST(runtime, may_be_destroyed_without_having_run_anything)
{
    for (int i = 0; i < 20; i++)
        weft_runtime_destroy(create(test_workers()));
}
