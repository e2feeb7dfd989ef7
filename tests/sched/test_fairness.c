/* SPDX-License-Identifier: MIT */
/* Who gets a turn on a worker that is never idle: mostly on one worker, as with several the others help out. */
#include "tests/sched/tasks.h"

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

WEFT_TEST(fairness, loop_of_ready_checkpoints_starves_no_timer)
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

WEFT_TEST(fairness, join_of_many_that_compute_starves_no_timer)
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

WEFT_TEST(fairness, recursion_of_groups_starves_no_timer)
{
    CHECK_OK(run_on(1, recurse_beside_sleeper, NULL));
}

/* New tasks beside such as yield all the time: the queue of those is never empty. */
struct crowd {
    weft_group *g;
    atomic_int stop, spawned, ended;
};

static int yield_until_stopped(void *arg)
{
    struct crowd *c = arg;

    while (atomic_load(&c->stop) == 0)
        CHECK_OK(weft_yield());
    return 0;
}

static int new_among_yielders(void *arg)
{
    struct crowd c = {.g = weft_group_open(NULL)};

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(c.g, yield_until_stopped, &c));
    for (int i = 1; i <= 100; i++) {
        int yields = 0;

        CHECK_OK(weft_spawn(c.g, count, &c.ended));
        for (; atomic_load(&c.ended) < i; yields++)
            CHECK_OK(weft_yield());
        CHECK_LE(yields, 4);
    }
    atomic_store(&c.stop, 1);
    CHECK_OK(weft_group_wait(c.g));
    weft_group_close(c.g);
    return 0;
}

WEFT_TEST(fairness, new_task_gets_its_turn_beside_tasks_that_yield)
{
    CHECK_OK(run_on(1, new_among_yielders, NULL));
}

static int spawn_and_yield(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < 1000; i++) {
        CHECK_OK(weft_spawn(c->g, count, &c->ended));
        atomic_fetch_add(&c->spawned, 1);
        CHECK_OK(weft_yield());
        CHECK_LE(atomic_load(&c->spawned) - atomic_load(&c->ended), 200);
    }
    return 0;
}

static int spawners(void *arg)
{
    struct crowd c = {.g = weft_group_open(NULL)};

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(c.g, spawn_and_yield, &c));
    CHECK_OK(weft_group_wait(c.g));
    weft_group_close(c.g);
    return 0;
}

WEFT_TEST(fairness, tasks_that_spawn_and_yield_do_not_pile_up_children)
{
    CHECK_OK(run_on(1, spawners, NULL));
}
