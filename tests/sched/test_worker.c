/* SPDX-License-Identifier: MIT */
/* How workers share their tasks: fairness, and what a task that holds its worker must not do to the others. */
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

/* What is always ready, and a sleeper: on one worker the loop must let the timer through. */
struct busy {
    atomic_int stop;
    int kind;
};

static int loop_of_ready_checkpoints(void *arg)
{
    struct busy *b = arg;
    weft_group *empty = weft_group_open(NULL);

    while (atomic_load(&b->stop) == 0)
        switch (b->kind) {
        case 0:
            CHECK_OK(weft_yield());
            break;
        case 1:
            CHECK_OK(weft_sleep_ms(0));
            break;
        case 2:
            CHECK_OK(weft_group_wait(empty));
            break;
        case 3:
            CHECK_OK(weft_spawn(empty, nothing, NULL));
            CHECK_OK(weft_group_wait(empty));
            break;
        }
    weft_group_close(empty);
    return 0;
}

static int stop_after_a_sleep(void *arg)
{
    struct busy *b = arg;

    CHECK_OK(weft_sleep_ms(3));
    atomic_store(&b->stop, 1);
    return 0;
}

static int busy_beside_sleeper(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, loop_of_ready_checkpoints, arg));
    CHECK_OK(weft_spawn(g, loop_of_ready_checkpoints, arg));
    CHECK_OK(weft_spawn(g, stop_after_a_sleep, arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(worker, loop_of_ready_checkpoints_starves_no_timer)
{
    for (int kind = 0; kind < 4; kind++) {
        struct busy b = {.kind = kind};

        CHECK_OK(run_on(1, busy_beside_sleeper, &b));
        b = (struct busy){.kind = kind};
        CHECK_OK(test_run(busy_beside_sleeper, &b));
    }
}

/* A group of many children that compute, which the waiting owner runs one after another on its own stack. */
struct crunch {
    atomic_int asleep, done, done_at_waking;
};

enum { CRUNCHES = 1000 };

static int compute_a_while(void *arg)
{
    struct crunch *c = arg;
    weft_time end = weft_now() + 300000;

    while (weft_now() < end)
        ;
    atomic_fetch_add(&c->done, 1);
    return 0;
}

static int sleep_beside(void *arg)
{
    struct crunch *c = arg;

    atomic_store(&c->asleep, 1);
    CHECK_OK(weft_sleep_ms(3));
    atomic_store(&c->done_at_waking, atomic_load(&c->done));
    return 0;
}

static int join_many_beside_sleeper(void *arg)
{
    struct crunch c = {.done_at_waking = CRUNCHES};
    weft_group *outer = weft_group_open(NULL), *g;

    (void)arg;
    CHECK_OK(weft_spawn(outer, sleep_beside, &c));
    yield_until(&c.asleep, 1);
    g = weft_group_open(NULL);
    for (int i = 0; i < CRUNCHES; i++)
        CHECK_OK(weft_spawn(g, compute_a_while, &c));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    CHECK_LT(atomic_load(&c.done_at_waking), CRUNCHES);
    return 0;
}

WEFT_TEST(worker, join_of_many_that_compute_starves_no_timer)
{
    CHECK_OK(run_on(1, join_many_beside_sleeper, NULL));
}

/* A recursion of groups that never leaves its stack, for the same third of a second. */
static int recurse(void *arg)
{
    struct crunch *c = arg;

    for (int i = 0; i < 20; i++) {
        weft_group *g = weft_group_open(NULL);

        for (int j = 0; j < 50; j++)
            CHECK_OK(weft_spawn(g, j % 2 == 0 ? compute_a_while : nothing, c));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}

static int recurse_beside_sleeper(void *arg)
{
    struct crunch c = {.done_at_waking = CRUNCHES};
    weft_group *outer = weft_group_open(NULL), *g;

    (void)arg;
    CHECK_OK(weft_spawn(outer, sleep_beside, &c));
    yield_until(&c.asleep, 1);
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, recurse, &c));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    CHECK_LT(atomic_load(&c.done_at_waking), 500);
    return 0;
}

WEFT_TEST(worker, recursion_of_groups_starves_no_timer)
{
    CHECK_OK(run_on(1, recurse_beside_sleeper, NULL));
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
