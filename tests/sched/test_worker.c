/* SPDX-License-Identifier: MIT */
/* How workers share their tasks: what a task that holds its worker must not do to the others, and where tasks go on. */
#include <pthread.h>

#include "tests/sched/tasks.h"

/* A task that goes on until the others are done, without ever letting go of its worker. */
struct stuck {
    atomic_int others, expected, begun;
};

static int hold_worker(void *arg)
{
    struct stuck *s = arg;

    atomic_store(&s->begun, 1);
    spin_until(&s->others, atomic_load(&s->expected));
    return 0;
}

static int brief(void *arg)
{
    struct stuck *s = arg;

    atomic_fetch_add(&s->others, 1);
    return 0;
}

static int several_steps(void *arg)
{
    struct stuck *s = arg;

    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_yield());
    CHECK_OK(weft_sleep_ms(1));
    atomic_fetch_add(&s->others, 1);
    return 0;
}

/* The owner itself spawns, and then holds the worker in whose queue its children lie. */
static int spawn_and_hold(void *arg)
{
    struct stuck s = {.expected = 50};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 50; i++)
        CHECK_OK(weft_spawn(g, i % 2 == 0 ? brief : several_steps, &s));
    CHECK_OK(hold_worker(&s));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(worker, one_that_is_held_strands_no_new_task)
{
    if (test_workers() < 2)
        TEST_SKIP("it takes another worker");
    for (int i = 0; i < 10; i++)
        CHECK_OK(test_run(spawn_and_hold, NULL));
}

static int sleep_then_count(void *arg)
{
    struct stuck *s = arg;

    CHECK_OK(weft_sleep_ms(5));
    atomic_fetch_add(&s->others, 1);
    return 0;
}

static int hold_over_sleepers(void *arg)
{
    struct stuck s = {.expected = 20};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn(g, sleep_then_count, &s));
    CHECK_OK(weft_sleep_ms(1)); /* the sleepers' timers lie on this worker, or on those that stole them */
    CHECK_OK(hold_worker(&s));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(worker, one_that_is_held_strands_no_timer)
{
    if (test_workers() < 2)
        TEST_SKIP("it takes another worker");
    for (int i = 0; i < 10; i++)
        CHECK_OK(test_run(hold_over_sleepers, NULL));
}

/* A task is woken into the hand-off slot of the worker that its waker then holds. */
struct handoff {
    struct stuck s;
    weft_group *sleepers;
};

static int count_when_canceled(void *arg)
{
    struct stuck *s = arg;

    atomic_fetch_add(&s->begun, 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    atomic_fetch_add(&s->others, 1);
    return 0;
}

static int wake_and_hold(void *arg)
{
    struct handoff *h = arg;

    yield_until(&h->s.begun, 3);
    CHECK_OK(weft_group_cancel(h->sleepers));
    spin_until(&h->s.others, 3);
    return 0;
}

static int hold_after_waking(void *arg)
{
    struct handoff h = {.s = {.expected = 3}};
    weft_group *outer = weft_group_open(NULL);

    (void)arg;
    h.sleepers = weft_group_open(NULL);
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(h.sleepers, count_when_canceled, &h.s));
    CHECK_OK(weft_spawn(outer, wake_and_hold, &h));
    CHECK_OK(weft_group_wait(h.sleepers));
    weft_group_close(h.sleepers);
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    return 0;
}

WEFT_TEST(worker, one_that_is_held_strands_no_task_that_was_woken)
{
    if (test_workers() < 2)
        TEST_SKIP("it takes another worker");
    for (int i = 0; i < 10; i++)
        CHECK_OK(test_run(hold_after_waking, NULL));
}

static int sleep_on_thread(void *arg)
{
    struct stuck *s = arg;

    pause_thread_ms(300);
    /* All others were done long before: that they waited for this would show here. */
    CHECK_EQ(atomic_load(&s->others), atomic_load(&s->expected));
    return 0;
}

static int block_one(void *arg)
{
    struct stuck s = {.expected = 100};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, sleep_on_thread, &s));
    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_spawn(g, i % 2 == 0 ? brief : several_steps, &s));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(worker, one_that_blocks_in_the_system_holds_up_nobody)
{
    if (test_workers() < 2)
        TEST_SKIP("it takes another worker");
    CHECK_OK(test_run(block_one, NULL));
}

/* A task's locals are its own wherever it goes on. */
struct travel {
    atomic_int elsewhere;
};

static int travel(void *arg)
{
    struct travel *tr = arg;
    volatile int local[64];
    pthread_t thread = pthread_self();
    int n = 0;

    for (int i = 0; i < 64; i++)
        local[i] = i * 3;
    for (int i = 0; i < 200; i++) {
        CHECK_OK(i % 20 == 0 ? weft_sleep_ms(1) : weft_yield());
        for (int j = 0; j < 64; j++)
            CHECK_EQ(local[j], j * 3 + n);
        for (int j = 0; j < 64; j++)
            local[j]++;
        n++;
        if (!pthread_equal(thread, pthread_self()))
            atomic_fetch_add(&tr->elsewhere, 1);
    }
    return 0;
}

static int many_travel(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn(g, travel, arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(worker, tasks_keep_their_locals_wherever_they_go_on)
{
    struct travel tr = {0};

    CHECK_OK(test_run(many_travel, &tr));
    if (test_workers() == 1)
        CHECK_EQ(tr.elsewhere, 0);
}
