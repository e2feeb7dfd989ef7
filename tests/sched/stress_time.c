/* SPDX-License-Identifier: MIT */
/* Deadlines that meet success, and timers by the thousand. */
#include "tests/sched/stress.h"

static atomic_uint seeds = 1;

static uint32_t seed(void)
{
    return atomic_fetch_add(&seeds, 1) * 2246822519u + 12345;
}

/* A deadline and a sleep of about the same length: one of them wins, and both sides agree on which. */
static int race_deadline(void *arg)
{
    uint32_t r = seed() | 1;

    (void)arg;
    for (int i = 0; i < ROUNDS(60); i++) {
        weft_time now = weft_now(), wake = now + random_next(&r) % 100000, limit = now + random_next(&r) % 100000;
        weft_scope *s = weft_scope_open(limit);
        int rc = weft_sleep_until(wake);

        if (rc == 0) {
            CHECK_GE(weft_now(), wake);
        } else {
            CHECK_RC(rc, WEFT_ECANCELED);
            CHECK_GE(weft_now(), limit);
            CHECK(weft_canceled());
        }
        CHECK_RC(weft_scope_close(s, rc), rc == 0 ? 0 : WEFT_ETIMEDOUT);
        CHECK(!weft_canceled());
        CHECK_OK(weft_yield());
    }
    return 0;
}

static int race_many_deadlines(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 16; i++)
        CHECK_OK(weft_spawn(g, race_deadline, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stress_time, deadline_meets_success)
{
    CHECK_OK(test_run(race_many_deadlines, NULL));
}

/* Nested deadlines: the outermost that has expired when it is left says so. */
static int race_nested(void *arg)
{
    uint32_t r = seed() | 1;

    (void)arg;
    for (int i = 0; i < ROUNDS(40); i++) {
        weft_time now = weft_now();
        weft_scope *outer = weft_scope_open(now + random_next(&r) % 60000);
        weft_scope *inner = weft_scope_open(now + random_next(&r) % 60000);
        ssize_t rc = weft_sleep_ms(FOREVER_MS);
        ssize_t first;

        CHECK_RC(rc, WEFT_ECANCELED);
        first = weft_scope_close(inner, rc);
        if (first == WEFT_ECANCELED) {
            CHECK_RC(weft_scope_close(outer, first), WEFT_ETIMEDOUT);
        } else {
            CHECK_RC(first, WEFT_ETIMEDOUT);
            CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
            CHECK_RC(weft_scope_close(outer, WEFT_ECANCELED), WEFT_ETIMEDOUT);
        }
    }
    return 0;
}

static int race_many_nested(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 16; i++)
        CHECK_OK(weft_spawn(g, race_nested, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stress_time, deadlines_meet_each_other)
{
    CHECK_OK(test_run(race_many_nested, NULL));
}

/* Groups whose deadline passes while their children end. */
static int sleep_briefly(void *arg)
{
    uint32_t r = seed() | 1;
    int rc = weft_sleep_until(weft_now() + random_next(&r) % 50000);

    atomic_fetch_add((atomic_int *)arg, 1);
    return rc;
}

static int race_groups(void *arg)
{
    uint32_t r = seed() | 1;

    (void)arg;
    for (int round = 0; round < ROUNDS(150); round++) {
        atomic_int ended = 0;
        int accepted = 0, rc;
        weft_time limit = weft_now() + random_next(&r) % 60000;
        weft_group *g = weft_group_open(&(weft_group_options){.deadline = limit});

        for (int i = 0; i < 4; i++)
            accepted += weft_spawn(g, sleep_briefly, &ended) == 0;
        rc = weft_group_wait(g);
        CHECK_EQ(atomic_load(&ended), accepted);
        if (rc != 0)
            CHECK_RC(rc, WEFT_ETIMEDOUT);
        CHECK_EQ(rc != 0, weft_group_canceled(g) && rc != 0);
        weft_group_close(g);
        CHECK_OK(weft_yield());
    }
    return 0;
}

WEFT_TEST(stress_time, deadline_of_a_group_meets_its_children)
{
    CHECK_OK(test_run(race_groups, NULL));
}

/* Timers that are set on one worker and taken back, or fired, on another. */
static int sleep_again(void *arg)
{
    uint32_t r = seed() | 1;

    (void)arg;
    for (int i = 0; i < 10; i++) {
        weft_time at = weft_now() + random_next(&r) % 300000;

        CHECK_OK(weft_sleep_until(at));
        CHECK_GE(weft_now(), at);
    }
    return 0;
}

static int many_timers(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < (TEST_TSAN ? 100 : 500); i++)
        CHECK_OK(weft_spawn(g, sleep_again, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stress_time, sleepers_by_the_hundred_never_wake_early_and_all_wake)
{
    CHECK_OK(test_run(many_timers, NULL));
}
