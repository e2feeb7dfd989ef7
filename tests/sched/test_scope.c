/* SPDX-License-Identifier: MIT */
/* What weft/scope.h promises. */
#include <limits.h>
#include <pthread.h>

#include "tests/sched/tasks.h"

static int results(void *arg)
{
    static const ssize_t kept[] = {0, 1, 4711, SSIZE_MAX, WEFT_ECANCELED, WEFT_ETIMEDOUT, WEFT_ENOMEM, -EIO};

    (void)arg;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        weft_scope *s = weft_scope_open(i % 2 == 0 ? 0 : WEFT_NEVER);

        CHECK_NOT_NULL(s);
        CHECK_EQ(weft_scope_close(s, kept[i]), kept[i]);
    }
    return 0;
}

WEFT_TEST(scope, close_returns_the_result)
{
    CHECK_OK(test_run(results, NULL));
}

static int null_scope(void *arg)
{
    (void)arg;
    CHECK_RC(weft_scope_close(NULL, 0), WEFT_ENOMEM);
    CHECK_RC(weft_scope_close(NULL, 12), WEFT_ENOMEM);
    CHECK_RC(weft_scope_close(NULL, -EIO), -EIO);
    CHECK_RC(weft_scope_cancel(NULL), WEFT_ENOMEM);
    return 0;
}

WEFT_TEST(scope, null_is_out_of_memory)
{
    CHECK_OK(test_run(null_scope, NULL));
}

static int deadline(void *arg)
{
    weft_time at = weft_after_ms(5);
    weft_scope *s = weft_scope_open(at);
    int rc = weft_sleep_ms(FOREVER_MS);

    (void)arg;
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK_GE(weft_now(), at);
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, rc), WEFT_ETIMEDOUT);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(scope, deadline_turns_canceled_into_timed_out)
{
    CHECK_OK(test_run(deadline, NULL));
}

static int other_results(void *arg)
{
    static const ssize_t kept[] = {0, 5, -EIO, WEFT_ECLOSED};

    (void)arg;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        weft_scope *s = weft_scope_open(weft_after_ms(1));

        CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
        CHECK_EQ(weft_scope_close(s, kept[i]), kept[i]);
    }
    return 0;
}

WEFT_TEST(scope, deadline_leaves_other_results_alone)
{
    CHECK_OK(test_run(other_results, NULL));
}

static int past_deadline(void *arg)
{
    static const weft_time past[] = {1, INT64_MIN, -1};

    (void)arg;
    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++) {
        weft_scope *s = weft_scope_open(past[i]);

        CHECK(weft_canceled());
        CHECK_RC(weft_yield(), WEFT_ECANCELED);
        CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
        CHECK_RC(weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
        CHECK(!weft_canceled());
    }
    return weft_yield();
}

WEFT_TEST(scope, deadline_in_the_past_cancels_at_once)
{
    CHECK_OK(test_run(past_deadline, NULL));
}

static int by_call(void *arg)
{
    weft_time at = test_soon();
    weft_scope *s = weft_scope_open(at);

    (void)arg;
    CHECK_OK(weft_scope_cancel(s));
    CHECK_OK(weft_scope_cancel(s));
    CHECK(weft_canceled());
    while (weft_now() <= at) /* the deadline comes second, and the first reason stays */
        pause_thread_ms(1);
    CHECK_RC(weft_sleep_ms(1), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, WEFT_ECANCELED), WEFT_ECANCELED);
    return weft_yield();
}

WEFT_TEST(scope, first_reason_stays)
{
    CHECK_OK(test_run(by_call, NULL));
}

static int outer_expires_first(void *arg)
{
    weft_scope *outer = weft_scope_open(weft_after_ms(3));
    weft_scope *middle = weft_scope_open(weft_after_ms(6));
    weft_scope *inner = weft_scope_open(weft_after_ms(9));
    ssize_t rc = weft_sleep_ms(FOREVER_MS);

    (void)arg;
    pause_thread_ms(20);
    (void)weft_yield();
    /* By now all three have expired, or will not: only the outermost one may say so. */
    rc = weft_scope_close(inner, rc);
    CHECK_RC(rc, WEFT_ECANCELED);
    rc = weft_scope_close(middle, rc);
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    rc = weft_scope_close(outer, rc);
    CHECK_RC(rc, WEFT_ETIMEDOUT);
    return weft_yield();
}

WEFT_TEST(scope, only_the_outermost_expired_says_timed_out)
{
    CHECK_OK(test_run(outer_expires_first, NULL));
}

static int inner_expires_first(void *arg)
{
    weft_scope *outer = weft_scope_open(weft_after_ms(FOREVER_MS));
    weft_scope *middle = weft_scope_open(weft_after_ms(3));
    weft_scope *inner = weft_scope_open(weft_after_ms(FOREVER_MS - 1));
    weft_time start = weft_now();
    ssize_t rc = weft_sleep_ms(FOREVER_MS);

    (void)arg;
    CHECK_LT(elapsed_ms(start), FOREVER_MS - 1);
    rc = weft_scope_close(inner, rc);
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK(weft_canceled());
    rc = weft_scope_close(middle, rc);
    CHECK_RC(rc, WEFT_ETIMEDOUT);
    CHECK(!weft_canceled());
    CHECK_OK(weft_sleep_ms(1));
    CHECK_RC(weft_scope_close(outer, rc), WEFT_ETIMEDOUT);
    return weft_yield();
}

WEFT_TEST(scope, earliest_of_nested_deadlines_wins)
{
    CHECK_OK(test_run(inner_expires_first, NULL));
}

static int timed_out_inside_canceled(void *arg)
{
    weft_scope *outer = weft_scope_open(0), *inner = weft_scope_open(weft_after_ms(1));
    ssize_t rc = weft_sleep_ms(FOREVER_MS);

    (void)arg;
    CHECK_OK(weft_scope_cancel(outer));
    CHECK_RC(weft_scope_close(inner, rc), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(outer, rc), WEFT_ECANCELED);
    return weft_yield();
}

WEFT_TEST(scope, expired_one_inside_a_canceled_one_says_canceled)
{
    CHECK_OK(test_run(timed_out_inside_canceled, NULL));
}

static int cancel_inner_only(void *arg)
{
    weft_scope *outer = weft_scope_open(0), *inner;

    (void)arg;
    for (int i = 0; i < 10; i++) {
        inner = weft_scope_open(0);
        CHECK_OK(weft_yield());
        CHECK_OK(weft_scope_cancel(inner));
        CHECK_RC(weft_yield(), WEFT_ECANCELED);
        CHECK_RC(weft_scope_close(inner, 0), 0);
        CHECK_OK(weft_yield());
    }
    CHECK_OK(weft_scope_cancel(outer));
    inner = weft_scope_open(0); /* opened inside a cancelled one, it is cancelled too */
    CHECK(weft_canceled());
    CHECK_RC(weft_sleep_ms(1), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(inner, 0), 0);
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(outer, 0), 0);
    return weft_yield();
}

WEFT_TEST(scope, cancellation_ends_where_the_scope_is_left)
{
    CHECK_OK(test_run(cancel_inner_only, NULL));
}

struct target {
    weft_scope *s;
    atomic_int ready;
};

static int cancel_it(void *arg)
{
    struct target *x = arg;

    yield_until(&x->ready, 1);
    return weft_scope_cancel(x->s);
}

static void *cancel_it_from_thread(void *arg)
{
    struct target *x = arg;

    spin_until(&x->ready, 1);
    CHECK_OK(weft_scope_cancel(x->s));
    return NULL;
}

static int canceled_by_others(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 50; i++) {
        struct target x = {.s = weft_scope_open(0)};
        pthread_t thread;

        if (i % 2 == 0)
            CHECK_OK(weft_spawn(g, cancel_it, &x));
        else
            CHECK_OK(pthread_create(&thread, NULL, cancel_it_from_thread, &x));
        atomic_store(&x.ready, 1);
        CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
        /* The canceller may still be in the call: the scope must stay open for as long. */
        if (i % 2 != 0) {
            CHECK_OK(pthread_join(thread, NULL));
            CHECK_RC(weft_scope_close(x.s, WEFT_ECANCELED), WEFT_ECANCELED);
        } else {
            CHECK_RC(weft_group_wait(g), WEFT_ECANCELED); /* it waits, and is a call in a cancelled scope */
            CHECK_RC(weft_scope_close(x.s, WEFT_ECANCELED), WEFT_ECANCELED);
        }
    }
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(scope, may_be_canceled_by_a_task_and_by_a_thread)
{
    CHECK_OK(test_run(canceled_by_others, NULL));
}

static int many_scopes(void *arg)
{
    weft_scope *s[200];

    (void)arg;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 200; i++)
            CHECK_NOT_NULL(s[i] = weft_scope_open(weft_after_ms(FOREVER_MS + i)));
        CHECK_OK(weft_scope_cancel(s[100]));
        CHECK_RC(weft_yield(), WEFT_ECANCELED);
        for (int i = 199; i > 100; i--)
            CHECK_RC(weft_scope_close(s[i], WEFT_ECANCELED), WEFT_ECANCELED);
        CHECK(weft_canceled());
        CHECK_RC(weft_scope_close(s[100], 0), 0);
        CHECK(!weft_canceled());
        CHECK_RC(weft_scope_close(s[0], 0), 0); /* closes the others */
    }
    return weft_yield();
}

WEFT_TEST(scope, nests_deeply)
{
    CHECK_OK(test_run(many_scopes, NULL));
}
