/* SPDX-License-Identifier: MIT */
/* What weft/task.h promises. */
#include <stddef.h>

#include "tests/sched/tasks.h"

enum { MANY = 1000 };

static void *seen;

static int remember(void *arg)
{
    seen = arg;
    return 0;
}

static int spawn_one(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, remember, arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(task, gets_its_argument)
{
    int x;

    CHECK_OK(test_run(spawn_one, &x));
    CHECK_PTR_EQ(seen, &x);
    CHECK_OK(test_run(spawn_one, NULL));
    CHECK_NULL(seen);
}

static int spawn_many(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < MANY; i++)
        CHECK_OK(weft_spawn(g, count, arg));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(atomic_load((atomic_int *)arg), MANY);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(task, each_spawned_one_is_entered_exactly_once)
{
    atomic_int n = 0;

    CHECK_OK(test_run(spawn_many, &n));
    CHECK_EQ(n, MANY);
}

struct entries {
    atomic_int entered, canceled;
};

static int note_cancellation(void *arg)
{
    struct entries *e = arg;
    int rc;

    atomic_fetch_add(&e->entered, 1);
    rc = weft_sleep_ms(FOREVER_MS);
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK(weft_canceled());
    atomic_fetch_add(&e->canceled, 1);
    return rc;
}

static int cancel_before_they_run(void *arg)
{
    for (int round = 0; round < 20; round++) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 20; i++)
            CHECK_OK(weft_spawn(g, note_cancellation, arg));
        CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}

WEFT_TEST(task, is_entered_also_when_it_is_canceled_first)
{
    struct entries e = {0};

    CHECK_OK(test_run(cancel_before_they_run, &e));
    CHECK_EQ(e.entered, 400);
    CHECK_EQ(e.canceled, 400);
}

static int spawn_then_close(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn(g, note_cancellation, arg));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(task, is_entered_also_when_its_group_is_closed_first)
{
    struct entries e = {0};

    CHECK_OK(test_run(spawn_then_close, &e));
    CHECK_EQ(e.entered, 20);
    CHECK_EQ(e.canceled, 20);
}

static int spawn_into_canceled(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_group_cancel(g));
    for (int i = 0; i < 10; i++)
        CHECK_RC(weft_spawn(g, count, arg), WEFT_ECANCELED);
    CHECK_OK(weft_group_wait(g)); /* a refusal is no error */
    weft_group_close(g);
    return 0;
}

WEFT_TEST(task, spawn_into_a_canceled_group_is_refused)
{
    atomic_int n = 0;

    CHECK_OK(test_run(spawn_into_canceled, &n));
    CHECK_EQ(n, 0);
}

static int spawn_in_canceled_scope(void *arg)
{
    weft_scope *s = weft_scope_open(WEFT_NEVER);
    weft_group *g = weft_group_open(NULL), *after;

    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_spawn(g, count, arg), WEFT_ECANCELED);
    weft_group_close(g);
    CHECK_RC(weft_scope_close(s, 0), 0);
    after = weft_group_open(NULL);
    CHECK_OK(weft_spawn(after, nothing, NULL));
    CHECK_OK(weft_group_wait(after));
    weft_group_close(after);
    return 0;
}

WEFT_TEST(task, spawn_inside_a_canceled_scope_is_refused)
{
    atomic_int n = 0;

    CHECK_OK(test_run(spawn_in_canceled_scope, &n));
    CHECK_EQ(n, 0);
}

/* A group that lies outside of the scope that is cancelled still takes tasks, and they are not cancelled. */
static int spawn_out_of_canceled_scope(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_scope *s = weft_scope_open(WEFT_NEVER);

    (void)arg;
    CHECK_OK(weft_scope_cancel(s));
    CHECK(weft_canceled());
    CHECK_OK(weft_spawn(g, spawn_one, NULL));
    CHECK_RC(weft_scope_close(s, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(task, spawn_out_of_a_canceled_scope_is_not_touched_by_it)
{
    CHECK_OK(test_run(spawn_out_of_canceled_scope, NULL));
}

WEFT_TEST(task, calls_outside_of_one_say_so)
{
    CHECK_RC(weft_spawn(NULL, nothing, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_yield(), WEFT_ENOTASK);
    CHECK_RC(weft_sleep_ms(1), WEFT_ENOTASK);
    CHECK_RC(weft_sleep_until(0), WEFT_ENOTASK);
    CHECK_RC(weft_group_wait(NULL), WEFT_ENOTASK);
    CHECK(!weft_canceled());
    CHECK_NULL(weft_group_open(NULL));
    CHECK_NULL(weft_scope_open(0));
    CHECK_NULL(weft_runtime_current());
}

static int spawn_into_nothing(void *arg)
{
    return weft_spawn(NULL, count, arg);
}

WEFT_TEST(task, spawn_into_null_is_out_of_memory)
{
    atomic_int n = 0;

    CHECK_RC(test_run(spawn_into_nothing, &n), WEFT_ENOMEM);
    CHECK_EQ(n, 0);
}

static int yield_to_fresh(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 1; i <= 10; i++) {
        CHECK_OK(weft_spawn(g, count, arg));
        CHECK_OK(weft_yield());
        CHECK_EQ(atomic_load((atomic_int *)arg), i);
    }
    weft_group_close(g);
    return 0;
}

WEFT_TEST(task, yield_lets_a_new_task_run_first)
{
    atomic_int n = 0;

    CHECK_OK(run_on(1, yield_to_fresh, &n));
}

struct alternation {
    int turn, turns[2];
};

static int take_turns(void *arg)
{
    struct alternation *a = arg;
    int me = a->turn++;

    CHECK_LT(me, 2);
    for (int i = 0; i < 500; i++) {
        a->turns[me]++;
        CHECK_LE(a->turns[me], a->turns[1 - me] + 1);
        CHECK_OK(weft_yield());
    }
    /* The other one has its last turn to take, or none. */
    CHECK_GE(a->turns[1 - me], 499);
    return 0;
}

static int alternate(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, take_turns, arg));
    CHECK_OK(weft_spawn(g, take_turns, arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(task, two_that_yield_take_turns_on_one_worker)
{
    struct alternation a = {0};

    CHECK_OK(run_on(1, alternate, &a));
}

static int yield_when_alone(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        CHECK_OK(weft_yield());
    return 0;
}

WEFT_TEST(task, yield_with_nobody_else_comes_back)
{
    CHECK_OK(test_run(yield_when_alone, NULL));
}

static int yield_canceled(void *arg)
{
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK(!weft_canceled());
    CHECK_OK(weft_scope_cancel(s));
    CHECK(weft_canceled());
    for (int i = 0; i < 100; i++)
        CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, 0), 0);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(task, yield_is_a_checkpoint)
{
    CHECK_OK(test_run(yield_canceled, NULL));
}

static int say_its_name(void *arg)
{
    char *at = *(char **)arg;

    *at = 'x';
    return -5;
}

static int child_code_and_writes(void *arg)
{
    char text[2] = "a", *at = text;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, say_its_name, &at));
    CHECK_RC(weft_group_wait(g), -5);
    CHECK_STR_EQ(text, "x");
    weft_group_close(g);
    return 0;
}

WEFT_TEST(task, result_is_its_code_and_what_it_wrote)
{
    CHECK_OK(test_run(child_code_and_writes, NULL));
}

struct copied {
    atomic_int *sum;
    int values[10];
};

static int add_copied(void *arg)
{
    struct copied *c = arg;

    CHECK_EQ((uintptr_t)arg % _Alignof(max_align_t), 0);
    for (int i = 0; i < 10; i++)
        atomic_fetch_add(c->sum, c->values[i]);
    c->values[0] = -1; /* the copy is the task's own */
    CHECK_OK(weft_yield());
    CHECK_EQ(c->values[0], -1);
    return 0;
}

static int copy_arguments(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    char large[WEFT_COPY_MAX + 1] = {0};
    atomic_int sum = 0;

    (void)arg;
    for (int i = 0; i < 100; i++) {
        struct copied c = {.sum = &sum};

        for (int k = 0; k < 10; k++)
            c.values[k] = i;
        CHECK_OK(weft_spawn_copy(g, add_copied, &c, sizeof c, NULL));
        CHECK_EQ(c.values[0], i);
        c.values[0] = 1000; /* the spawner's stays the spawner's */
    }
    CHECK_RC(weft_spawn_copy(g, add_copied, large, sizeof large, NULL), WEFT_EINVAL);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(sum, 10 * 4950);
    return 0;
}

WEFT_TEST(task, copied_arguments_are_the_tasks_own)
{
    CHECK_OK(test_run(copy_arguments, NULL));
}
