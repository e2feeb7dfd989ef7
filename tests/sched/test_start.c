/* SPDX-License-Identifier: MIT */
#include "tests/sched/tasks.h"

static int ready_then_run(void *arg)
{
    atomic_int *n = arg;

    CHECK_OK(weft_sleep_ms(2));
    atomic_store(n, 1);
    CHECK_OK(weft_ready());
    CHECK_RC(weft_ready(), WEFT_EINVAL);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    atomic_store(n, 2);
    return 0;
}

static int start_ready(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;

    (void)arg;
    CHECK_RC(weft_ready(), WEFT_EINVAL);
    CHECK_OK(weft_start(g, ready_then_run, &n, &(weft_task_options){.name = "server"}));
    CHECK_EQ(n, 1);
    CHECK_EQ(weft_group_live(g), 1);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(n, 2);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(start, returns_once_the_child_is_ready)
{
    CHECK_RC(weft_ready(), WEFT_ENOTASK);
    CHECK_OK(test_run(start_ready, NULL));
}

static int start_failure(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int code = -99;

    (void)arg;
    CHECK_RC(weft_start(g, fail_with, &code, NULL), -99);
    CHECK_EQ(weft_group_failed(g), 0);
    CHECK_RC(weft_start(g, nothing, NULL, NULL), WEFT_ENOTREADY);
    CHECK_OK(weft_group_wait(g)); /* the starter had the error */
    weft_group_close(g);
    CHECK_RC(weft_start(NULL, nothing, NULL, NULL), WEFT_ENOMEM);
    return 0;
}

WEFT_TEST(start, returns_the_childs_error_which_then_is_not_the_groups)
{
    CHECK_OK(test_run(start_failure, NULL));
}

static int ready_then_fail(void *arg)
{
    (void)arg;
    CHECK_OK(weft_ready());
    return -98;
}

static int fails_later(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_start(g, ready_then_fail, NULL, NULL));
    CHECK_RC(weft_group_wait(g), -98);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(start, an_error_after_ready_is_the_groups)
{
    CHECK_OK(test_run(fails_later, NULL));
}

static int never_ready(void *arg)
{
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK_RC(weft_ready(), WEFT_ECANCELED);
    atomic_store((atomic_int *)arg, 1);
    return WEFT_ECANCELED;
}

static int give_up(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_scope *s = weft_scope_open(test_soon());
    atomic_int n = 0;
    int rc;

    (void)arg;
    rc = weft_start(g, never_ready, &n, NULL);
    CHECK_RC((int)weft_scope_close(s, rc), WEFT_ETIMEDOUT);
    CHECK_EQ(n, 1); /* it has ended by then */
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    s = weft_scope_open(0);
    g = weft_group_open(NULL);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_start(g, never_ready, &n, NULL), WEFT_ECANCELED);
    weft_group_close(g);
    CHECK_OK((int)weft_scope_close(s, 0));
    return 0;
}

WEFT_TEST(start, a_starter_that_is_cancelled_takes_the_child_with_it)
{
    CHECK_OK(test_run(give_up, NULL));
}
