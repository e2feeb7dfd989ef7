/* SPDX-License-Identifier: MIT */
/* What weft/time.h promises. Only that sleeps are not short is asserted: how late they are is the machine's business. */
#include "tests/sched/tasks.h"

WEFT_TEST(sleep, time_goes_on)
{
    weft_time a = weft_now(), b;

    pause_thread_ms(1);
    b = weft_now();
    CHECK_GT(a, 0);
    CHECK_GE(b - a, 1000000);
}

WEFT_TEST(sleep, deadlines_saturate)
{
    weft_time before = weft_now(), at = weft_after_ms(1000), after = weft_now();

    CHECK_GE(at, before + 1000000000);
    CHECK_LE(at, after + 1000000000);
    CHECK_EQ(weft_after_ms(INT64_MAX), WEFT_NEVER);
    CHECK_EQ(weft_after_ms(INT64_MAX / 1000000), WEFT_NEVER);
    CHECK_EQ(weft_after_ms(INT64_MAX / 1000000 + 1), WEFT_NEVER);
    CHECK_LT(weft_after_ms((INT64_MAX - after) / 1000000 - 60000), WEFT_NEVER);
}

WEFT_TEST(sleep, negative_counts_as_none)
{
    static const int64_t negative[] = {0, -1, -1000, INT64_MIN};

    for (size_t i = 0; i < 4; i++) {
        weft_time before = weft_now(), at = weft_after_ms(negative[i]);

        CHECK_GE(at, before);
        CHECK_LE(at, weft_now());
    }
}

static int sleep_a_while(void *arg)
{
    static const int ms[] = {1, 2, 3, 7, 20};

    (void)arg;
    for (size_t i = 0; i < 5; i++) {
        weft_time start = weft_now();

        CHECK_OK(weft_sleep_ms(ms[i]));
        CHECK_GE(weft_now() - start, (int64_t)ms[i] * 1000000);
    }
    return 0;
}

WEFT_TEST(sleep, is_never_short)
{
    CHECK_OK(test_run(sleep_a_while, NULL));
}

static int sleep_until_points(void *arg)
{
    weft_time at = weft_now();

    (void)arg;
    for (int i = 0; i < 20; i++) {
        at += 333333;
        CHECK_OK(weft_sleep_until(at));
        CHECK_GE(weft_now(), at);
    }
    return 0;
}

WEFT_TEST(sleep, until_a_point_in_time_is_never_short)
{
    CHECK_OK(test_run(sleep_until_points, NULL));
}

static int no_sleep_yields(void *arg)
{
    static const int64_t none[] = {0, -1, INT64_MIN};
    weft_group *g = weft_group_open(NULL);
    int expected = 0;

    for (int i = 0; i < 3; i++) {
        CHECK_OK(weft_spawn(g, count, arg));
        CHECK_OK(weft_sleep_ms(none[i]));
        CHECK_EQ(atomic_load((atomic_int *)arg), ++expected);
        CHECK_OK(weft_spawn(g, count, arg));
        CHECK_OK(weft_sleep_until(i == 0 ? 0 : i == 1 ? INT64_MIN : weft_now()));
        CHECK_EQ(atomic_load((atomic_int *)arg), ++expected);
    }
    weft_group_close(g);
    return 0;
}

WEFT_TEST(sleep, of_nothing_yields_once)
{
    atomic_int n = 0;

    CHECK_OK(run_on(1, no_sleep_yields, &n));
}

static int canceled_before(void *arg)
{
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK_RC(weft_sleep_ms(0), WEFT_ECANCELED);
    CHECK_RC(weft_sleep_ms(-5), WEFT_ECANCELED);
    CHECK_RC(weft_sleep_until(0), WEFT_ECANCELED);
    CHECK_RC(weft_sleep_until(WEFT_NEVER), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, 0), 0);
    return 0;
}

WEFT_TEST(sleep, is_a_checkpoint_even_where_it_would_not_wait)
{
    CHECK_OK(test_run(canceled_before, NULL));
}

static int sleep_never(void *arg)
{
    weft_scope *s = weft_scope_open(weft_after_ms(3));

    (void)arg;
    CHECK_RC(weft_sleep_until(WEFT_NEVER), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    s = weft_scope_open(weft_after_ms(3));
    CHECK_RC(weft_sleep_ms(INT64_MAX), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    return 0;
}

WEFT_TEST(sleep, for_ever_ends_by_cancellation)
{
    CHECK_OK(test_run(sleep_never, NULL));
}

struct order {
    weft_time start;
    atomic_int next;
    int woken[8];
    int ms[8];
};

struct entry {
    struct order *order;
    int index;
};

static int sleep_and_sign(void *arg)
{
    struct entry *e = arg;

    CHECK_OK(weft_sleep_until(e->order->start + (weft_time)e->order->ms[e->index] * 1000000));
    e->order->woken[atomic_fetch_add(&e->order->next, 1)] = e->index;
    return 0;
}

static int wake_in_order(void *arg)
{
    struct order o = {.start = test_soon(), .ms = {60, 20, 100, 80, 40}};
    static const int expected[] = {1, 4, 0, 3, 2};
    struct entry e[5];
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 5; i++) {
        e[i] = (struct entry){&o, i};
        CHECK_OK(weft_spawn(g, sleep_and_sign, &e[i]));
    }
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < 5; i++)
        CHECK_EQ(o.woken[i], expected[i]);
    weft_group_close(g);
    return 0;
}

/* On one worker: with several, whose sleepers wake at once after a stall of the machine, there is no order. */
WEFT_TEST(sleep, sleepers_of_a_worker_wake_in_the_order_of_their_deadlines)
{
    CHECK_OK(run_on(1, wake_in_order, NULL));
}

struct crowd {
    atomic_int awake;
    int64_t ms;
};

static int sleep_in_crowd(void *arg)
{
    struct crowd *c = arg;
    weft_time start = weft_now();

    CHECK_OK(weft_sleep_ms(c->ms));
    CHECK_GE(weft_now() - start, c->ms * 1000000);
    atomic_fetch_add(&c->awake, 1);
    return 0;
}

enum { CROWD = TEST_TSAN ? 300 : 2000 };

static int sleep_together(void *arg)
{
    static struct crowd c[16];
    weft_group *g = weft_group_open(NULL);
    int awake = 0;

    (void)arg;
    for (int i = 0; i < 16; i++)
        c[i].ms = i * 3;
    for (int i = 0; i < CROWD; i++)
        CHECK_OK(weft_spawn(g, sleep_in_crowd, &c[i * 7 % 16]));
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < 16; i++)
        awake += atomic_load(&c[i].awake);
    CHECK_EQ(awake, CROWD);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(sleep, hundreds_sleep_at_once)
{
    CHECK_OK(test_run(sleep_together, NULL));
}

static int sleep_side_by_side(void *arg)
{
    static struct crowd c = {.ms = 100};
    weft_group *g = weft_group_open(NULL);
    weft_time start = weft_now();

    (void)arg;
    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_spawn(g, sleep_in_crowd, &c));
    CHECK_OK(weft_group_wait(g));
    /* One after the other they would take 10 s. */
    CHECK_LT(elapsed_ms(start), 5000);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(sleep, suspends_the_task_and_not_its_worker)
{
    CHECK_OK(test_run(sleep_side_by_side, NULL));
}
