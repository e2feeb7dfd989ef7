/* SPDX-License-Identifier: MIT */
/* Cancelling and closing groups, from inside and outside. */
#include <pthread.h>

#include "tests/sched/tasks.h"

static int quiet(void *arg)
{
    atomic_int started = 0;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(g, count_and_sleep_forever, &started));
    yield_until(&started, 5);
    CHECK(!weft_group_canceled(g));
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_cancel(g));
    CHECK(weft_group_canceled(g));
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED); /* the body too */
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(cancel, on_purpose_is_no_error)
{
    CHECK_OK(test_run(quiet, NULL));
}

static int ignore_cancellation(void *arg)
{
    while (weft_sleep_ms(FOREVER_MS) == 0)
        ;
    pause_thread_ms(20);
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static int wait_is_not_cut_short(void *arg)
{
    atomic_int ended = 0;
    weft_scope *s = weft_scope_open(0);
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, ignore_cancellation, &ended));
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_group_wait(g), WEFT_ECANCELED);
    CHECK_EQ(atomic_load(&ended), 1);
    CHECK_RC(weft_yield(), WEFT_ECANCELED); /* the wait did not use the cancellation up */
    weft_group_close(g);
    CHECK_RC(weft_sleep_ms(1), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, WEFT_ECANCELED), WEFT_ECANCELED);
    return weft_yield();
}

WEFT_TEST(cancel, from_outside_waits_for_the_children_and_lasts)
{
    CHECK_OK(test_run(wait_is_not_cut_short, NULL));
}

static int quiet_does_not_absorb(void *arg)
{
    weft_scope *s = weft_scope_open(0);
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, sleep_forever, NULL));
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_group_wait(g), WEFT_ECANCELED);
    weft_group_close(g);
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, 0), 0);
    return weft_yield();
}

WEFT_TEST(cancel, quiet_one_does_not_absorb_an_outer_one)
{
    CHECK_OK(test_run(quiet_does_not_absorb, NULL));
}

static int error_beats_outer(void *arg)
{
    static const int code = -EIO;
    weft_scope *s = weft_scope_open(0);
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, fail_with, (void *)&code));
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_group_wait(g), code);
    weft_group_close(g);
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, 0), 0);
    return weft_yield();
}

WEFT_TEST(cancel, error_beats_an_outer_one_and_does_not_swallow_it)
{
    CHECK_OK(test_run(error_beats_outer, NULL));
}

/* A child that says it was cancelled though nobody cancelled it has failed. */
static int false_cancellation(void *arg)
{
    static const int code = WEFT_ECANCELED;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, fail_with, (void *)&code));
    CHECK_RC(weft_group_wait(g), WEFT_ECANCELED);
    CHECK(weft_group_canceled(g));
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(cancel, child_that_only_says_so_has_failed)
{
    CHECK_OK(test_run(false_cancellation, NULL));
}

static int cancel_own(void *arg)
{
    CHECK_OK(weft_group_cancel(arg));
    CHECK(weft_canceled());
    return weft_yield();
}

static int child_cancels_group(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, sleep_forever, NULL));
    CHECK_OK(weft_yield());
    (void)weft_spawn(g, cancel_own, g);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(cancel, comes_from_a_child_too)
{
    CHECK_OK(test_run(child_cancels_group, NULL));
}

static int nested_sleeper(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    for (int i = 0; i < 3; i++)
        (void)weft_spawn(g, count_and_sleep_forever, arg);
    rc = weft_group_wait(g);
    CHECK_RC(rc, WEFT_ECANCELED);
    weft_group_close(g);
    return rc;
}

static int reaches_down(void *arg)
{
    for (int round = 0; round < 20; round++) {
        atomic_int asleep = 0;
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 3; i++)
            CHECK_OK(weft_spawn(g, nested_sleeper, &asleep));
        /* At each depth of the tree's growth. */
        yield_until(&asleep, round % 10);
        CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    (void)arg;
    return 0;
}

WEFT_TEST(cancel, reaches_the_children_of_children)
{
    CHECK_OK(test_run(reaches_down, NULL));
}

static int stubborn(void *arg)
{
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED); /* it may have begun before the cancellation */
    for (int i = 0; i < 1000; i++)
        CHECK_RC(i % 2 != 0 ? weft_sleep_ms(FOREVER_MS) : weft_yield(), WEFT_ECANCELED);
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static int level_triggered(void *arg)
{
    atomic_int ended = 0;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, stubborn, &ended));
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(atomic_load(&ended), 3);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(cancel, is_level_triggered)
{
    CHECK_OK(test_run(level_triggered, NULL));
}

struct retry {
    atomic_int stop;
};

static int retry_until_stopped(void *arg)
{
    struct retry *r = arg;

    while (atomic_load(&r->stop) == 0)
        (void)weft_sleep_ms(FOREVER_MS);
    return 0;
}

static int stop_it(void *arg)
{
    struct retry *r = arg;

    CHECK_OK(weft_sleep_ms(5));
    atomic_store(&r->stop, 1);
    return 0;
}

static int retrying_starves_nobody(void *arg)
{
    struct retry r = {0};
    weft_group *outer = weft_group_open(NULL), *inner;

    (void)arg;
    CHECK_OK(weft_spawn(outer, stop_it, &r));
    inner = weft_group_open(NULL);
    CHECK_OK(weft_spawn(inner, retry_until_stopped, &r));
    CHECK_OK(weft_group_cancel(inner));
    CHECK_OK(weft_group_wait(inner));
    weft_group_close(inner);
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    return 0;
}

WEFT_TEST(cancel, loop_that_retries_starves_nobody)
{
    CHECK_OK(run_on(1, retrying_starves_nobody, NULL));
    CHECK_OK(test_run(retrying_starves_nobody, NULL));
}

struct foreign {
    weft_group *g;
    weft_scope *s;
    int code; /* to fail the group with; 0: to cancel it */
    atomic_int asleep;
};

static void *cancel_from_thread(void *arg)
{
    struct foreign *f = arg;

    spin_until(&f->asleep, 3);
    if (f->g != NULL)
        CHECK_OK(f->code != 0 ? weft_group_fail(f->g, f->code) : weft_group_cancel(f->g));
    else
        CHECK_OK(weft_scope_cancel(f->s));
    return NULL;
}

static int canceled_by_thread(void *arg)
{
    (void)arg;
    for (int round = 0; round < 20; round++) {
        struct foreign f = {.s = weft_scope_open(0)};
        weft_group *g = weft_group_open(NULL);
        pthread_t thread;

        if (round % 3 != 0)
            f.g = g;
        if (round % 3 == 1)
            f.code = -EIO;
        CHECK_OK(pthread_create(&thread, NULL, cancel_from_thread, &f));
        for (int i = 0; i < 3; i++)
            CHECK_OK(weft_spawn(g, count_and_sleep_forever, &f.asleep));
        CHECK_RC(weft_group_wait(g), round % 3 == 0 ? WEFT_ECANCELED : f.code);
        CHECK_OK(pthread_join(thread, NULL));
        weft_group_close(g);
        CHECK_RC(weft_scope_close(f.s, 0), 0);
    }
    return weft_yield();
}

WEFT_TEST(cancel, comes_from_a_foreign_thread_too)
{
    CHECK_OK(test_run(canceled_by_thread, NULL));
}
