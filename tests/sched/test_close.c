/* SPDX-License-Identifier: MIT */
/* Leaving groups and scopes: early, out of order, and not at all; and groups with a deadline. */
#include "tests/sched/tasks.h"

static int expect_cancellation(void *arg)
{
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    pause_thread_ms(2); /* who does not wait for the end misses the count */
    atomic_fetch_add((atomic_int *)arg, 1);
    return WEFT_ECANCELED;
}

static int close_early(void *arg)
{
    atomic_int ended = 0;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(g, expect_cancellation, &ended));
    CHECK_OK(weft_sleep_ms(1));
    weft_group_close(g);
    CHECK_EQ(atomic_load(&ended), 5);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(close, cancels_and_joins_what_is_left)
{
    CHECK_OK(test_run(close_early, NULL));
}

static int close_outer_first(void *arg)
{
    atomic_int ended = 0;
    weft_group *outer = weft_group_open(NULL), *inner;

    (void)arg;
    CHECK_OK(weft_spawn(outer, expect_cancellation, &ended));
    CHECK_NOT_NULL(weft_scope_open(weft_after_ms(FOREVER_MS)));
    inner = weft_group_open(NULL);
    CHECK_OK(weft_spawn(inner, expect_cancellation, &ended));
    CHECK_NOT_NULL(weft_scope_open(0));
    weft_group_close(outer);
    CHECK_EQ(atomic_load(&ended), 2);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(close, of_an_outer_group_closes_those_inside_first)
{
    CHECK_OK(test_run(close_outer_first, NULL));
}

static int close_outer_scope_first(void *arg)
{
    atomic_int ended = 0;
    weft_scope *outer = weft_scope_open(0);
    weft_group *inner = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(inner, expect_cancellation, &ended));
    CHECK_NOT_NULL(weft_scope_open(0));
    CHECK_RC(weft_scope_close(outer, 7), 7);
    CHECK_EQ(atomic_load(&ended), 1);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(close, of_an_outer_scope_closes_the_groups_inside_first)
{
    CHECK_OK(test_run(close_outer_scope_first, NULL));
}

static int leave_open(void *arg)
{
    CHECK_NOT_NULL(weft_scope_open(weft_after_ms(FOREVER_MS)));
    for (int i = 0; i < 3; i++) {
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_spawn(g, expect_cancellation, arg));
        CHECK_OK(weft_spawn(g, expect_cancellation, arg));
    }
    return -7;
}

static int child_leaves_open(void *arg)
{
    atomic_int ended = 0;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, leave_open, &ended));
    CHECK_RC(weft_group_wait(g), -7);
    CHECK_EQ(atomic_load(&ended), 6);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(close, is_done_for_a_task_that_returns_with_groups_open)
{
    atomic_int ended = 0;

    CHECK_OK(test_run(child_leaves_open, NULL));
    /* The first task of a runtime, too, has ended only when all that it left has. */
    CHECK_RC(test_run(leave_open, &ended), -7);
    CHECK_EQ(ended, 6);
}

static int deadline_passes(void *arg)
{
    atomic_int ended = 0;
    weft_time at = test_soon();
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = at});

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, expect_cancellation, &ended));
    CHECK_RC(weft_group_wait(g), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now(), at);
    CHECK_EQ(atomic_load(&ended), 3);
    CHECK(weft_group_canceled(g));
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_spawn(g, nothing, NULL), WEFT_ECANCELED);
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(close, deadline_of_a_group_cancels_it)
{
    CHECK_OK(test_run(deadline_passes, NULL));
}

static int deadline_cancels_body(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = weft_after_ms(5)});

    (void)arg;
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK_RC(weft_group_wait(g), WEFT_ETIMEDOUT);
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(close, deadline_of_a_group_cancels_the_body)
{
    CHECK_OK(test_run(deadline_cancels_body, NULL));
}

static int deadline_in_time(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = weft_after_ms(FOREVER_MS)});

    CHECK_OK(weft_spawn(g, count, arg));
    CHECK_OK(weft_group_wait(g));
    CHECK(!weft_group_canceled(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(close, deadline_that_has_not_come_does_nothing)
{
    atomic_int n = 0;

    for (int i = 0; i < 10; i++)
        CHECK_OK(test_run(deadline_in_time, &n));
    CHECK_EQ(n, 10);
}

static int fail_when_canceled(void *arg)
{
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    return fail_with(arg);
}

static int error_beats_deadline(void *arg)
{
    static const int code = -EPROTO;
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = test_soon()});

    (void)arg;
    CHECK_OK(weft_spawn(g, fail_when_canceled, (void *)&code));
    CHECK_RC(weft_group_wait(g), code);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(close, error_beats_a_deadline)
{
    CHECK_OK(test_run(error_beats_deadline, NULL));
}

static int outer_deadline_first(void *arg)
{
    weft_group *outer = weft_group_open(&(weft_group_options){.deadline = test_soon()});
    weft_group *inner = weft_group_open(&(weft_group_options){.deadline = weft_after_ms(FOREVER_MS)});

    (void)arg;
    CHECK_OK(weft_spawn(inner, sleep_forever, NULL));
    CHECK_RC(weft_group_wait(inner), WEFT_ECANCELED);
    weft_group_close(inner);
    CHECK_RC(weft_group_wait(outer), WEFT_ETIMEDOUT);
    weft_group_close(outer);
    return weft_yield();
}

WEFT_TEST(close, outer_deadline_is_a_cancellation_to_the_inner_group)
{
    CHECK_OK(test_run(outer_deadline_first, NULL));
}

static int inner_deadline_first(void *arg)
{
    weft_group *outer = weft_group_open(&(weft_group_options){.deadline = weft_after_ms(FOREVER_MS)});
    weft_group *inner = weft_group_open(&(weft_group_options){.deadline = test_soon()});

    CHECK_OK(weft_spawn(inner, sleep_forever, NULL));
    CHECK_RC(weft_group_wait(inner), WEFT_ETIMEDOUT);
    weft_group_close(inner);
    CHECK_OK(weft_yield());
    CHECK_OK(weft_spawn(outer, count, arg));
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    return 0;
}

WEFT_TEST(close, inner_deadline_leaves_the_outer_group_alone)
{
    atomic_int n = 0;

    CHECK_OK(test_run(inner_deadline_first, &n));
    CHECK_EQ(n, 1);
}

static int parents_deadline(void *arg)
{
    weft_scope *s = weft_scope_open(test_soon());
    weft_group *g = weft_group_open(NULL);
    atomic_int ended = 0;
    int rc;

    (void)arg;
    CHECK_OK(weft_spawn(g, expect_cancellation, &ended));
    rc = weft_group_wait(g);
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK_EQ(atomic_load(&ended), 1);
    weft_group_close(g);
    CHECK_RC(weft_scope_close(s, rc), WEFT_ETIMEDOUT);
    return weft_yield();
}

WEFT_TEST(close, deadline_of_a_scope_reaches_the_groups_inside)
{
    CHECK_OK(test_run(parents_deadline, NULL));
}

static int compute_until_canceled(void *arg)
{
    weft_scope *s = weft_scope_open(weft_after_ms(5));

    (void)arg;
    /* No checkpoint: the worker that is busy with this cannot look at its timers itself. */
    while (!weft_canceled())
        ;
    return weft_scope_close(s, WEFT_ECANCELED) == WEFT_ETIMEDOUT ? 0 : WEFT_EINVAL;
}

WEFT_TEST(close, deadline_is_seen_by_a_task_that_only_computes)
{
    CHECK_OK(test_run(compute_until_canceled, NULL));
}
