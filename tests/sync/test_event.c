/* SPDX-License-Identifier: MIT */
/* Events: set, clear, and who is let through. */
#include <string.h>

#include "tests/sync/waits.h"

static int wait_for(void *e, uint64_t n)
{
    (void)n;
    return weft_event_wait(e);
}

WEFT_TEST(event, is_set_and_cleared_without_a_task)
{
    weft_event e = WEFT_EVENT_INIT;

    CHECK(!weft_event_is_set(&e));
    weft_event_set(&e);
    weft_event_set(&e);
    CHECK(weft_event_is_set(&e));
    CHECK_OK(weft_event_wait(&e));
    CHECK_OK(weft_event_wait(&e));
    weft_event_clear(&e);
    weft_event_clear(&e);
    CHECK(!weft_event_is_set(&e));
    CHECK_OK(weft_event_fini(&e));
}

WEFT_TEST(event, is_initialised_by_zeroes_and_by_a_call)
{
    weft_event e;

    memset(&e, 0, sizeof e);
    CHECK_OK(weft_event_fini(&e));
    CHECK(!weft_event_is_set(&e));
    weft_event_set(&e);
    CHECK_OK(weft_event_fini(&e));
    memset(&e, 0xff, sizeof e);
    weft_event_init(&e);
    CHECK(!weft_event_is_set(&e));
    CHECK_OK(weft_event_fini(&e));
}

ONE_WORKER_TEST(event, setting_it_wakes_all_in_their_order_also_where_it_is_cleared_at_once)
{
    enum { N = 8 };
    (void)arg;
    weft_event e = WEFT_EVENT_INIT;
    _Atomic unsigned served = 0;
    struct waits calls[N], late = {.fn = wait_for, .on = &e};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < N; i++) {
        calls[i] = (struct waits){.fn = wait_for, .on = &e, .served = &served};
        waits_begin(g, &calls[i]);
    }
    CHECK_EQ(served, 0);
    CHECK_RC(weft_event_fini(&e), WEFT_EBUSY);
    weft_event_set(&e);
    weft_event_clear(&e);
    CHECK_EQ(served, 0);
    waits_begin(g, &late);
    CHECK_EQ(served, N);
    CHECK(!late.done);
    for (int i = 0; i < N; i++)
        CHECK_OK(calls[i].result);
    weft_event_set(&e);
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(late.result);
    weft_group_close(g);
    CHECK_OK(weft_event_fini(&e));
    return 0;
}

TASK_TEST(event, every_waiter_is_woken_on_any_worker)
{
    enum { N = 200 };
    (void)arg;
    weft_event e = WEFT_EVENT_INIT;
    static struct waits calls[N];

    for (int turn = 0; turn < SYNC_SCALE(5, 50); turn++) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < N; i++) {
            calls[i] = (struct waits){.fn = wait_for, .on = &e, .result = 1};
            weft_spawn(g, waits_call, &calls[i]);
        }
        for (int i = 0; i < N; i++)
            while (!calls[i].begun)
                CHECK_OK(weft_yield());
        weft_event_set(&e);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (int i = 0; i < N; i++)
            CHECK_OK(calls[i].result);
        weft_event_clear(&e);
    }
    CHECK_OK(weft_event_fini(&e));
    return 0;
}

TASK_TEST(event, threads_that_run_no_task_wait_and_set)
{
    (void)arg;
    weft_event e = WEFT_EVENT_INIT;
    struct waits outside[3] = {{.fn = wait_for, .on = &e}, {.fn = wait_for, .on = &e}, {.fn = wait_for, .on = &e}},
                 inside = {.fn = wait_for, .on = &e};
    pthread_t threads[3];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++)
        threads[i] = waits_begin_thread(&outside[i]);
    waits_begin(g, &inside);
    CHECK(!outside[0].done && !outside[1].done && !outside[2].done && !inside.done);
    weft_event_set(&e);
    weft_event_clear(&e);
    for (int i = 0; i < 3; i++) {
        waits_end_thread(&outside[i], threads[i]);
        CHECK_OK(outside[i].result);
    }
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(inside.result);
    weft_group_close(g);
    CHECK_OK(weft_event_fini(&e));
    return 0;
}

static int set(void *e, uint64_t n)
{
    (void)n;
    weft_event_set(e);
    return 0;
}

TASK_TEST(event, a_thread_wakes_a_task)
{
    (void)arg;

    for (int i = 0; i < 20; i++) {
        weft_event e = WEFT_EVENT_INIT;
        struct waits inside = {.fn = wait_for, .on = &e}, outside = {.fn = set, .on = &e};
        weft_group *g = weft_group_open(NULL);

        waits_begin(g, &inside);
        pthread_t thread = waits_begin_thread(&outside);
        CHECK_OK(weft_group_wait(g));
        CHECK_OK(inside.result);
        /* The thread may still be in its call, but not in the event. */
        CHECK_OK(weft_event_fini(&e));
        memset(&e, 0xff, sizeof e);
        waits_end_thread(&outside, thread);
        weft_group_close(g);
    }
    return 0;
}

TASK_TEST(event, a_canceled_scope_does_not_wait_even_where_it_is_set)
{
    (void)arg;
    weft_event e = WEFT_EVENT_INIT;
    weft_scope *scope = weft_scope_open(0);

    CHECK_OK(weft_scope_cancel(scope));
    CHECK_RC(weft_event_wait(&e), WEFT_ECANCELED);
    weft_event_set(&e);
    CHECK_RC(weft_event_wait(&e), WEFT_ECANCELED);
    CHECK(weft_event_is_set(&e));
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_OK(weft_event_wait(&e));
    CHECK_OK(weft_event_fini(&e));
    return 0;
}

TASK_TEST(event, one_that_is_canceled_leaves_the_others_waiting)
{
    (void)arg;
    weft_event e = WEFT_EVENT_INIT;
    struct waits goes = {.fn = wait_for, .on = &e}, stays = {.fn = wait_for, .on = &e};

    for (int i = 0; i < 10; i++) {
        weft_group *outer = weft_group_open(NULL), *g = weft_group_open(NULL);

        waits_begin(g, &goes);
        weft_spawn(outer, waits_call, &stays);
        sync_settle();
        weft_group_close(g);
        CHECK_RC(goes.result, WEFT_ECANCELED);
        weft_event_set(&e);
        CHECK_OK(weft_group_wait(outer));
        CHECK_OK(stays.result);
        weft_group_close(outer);
        weft_event_clear(&e);
    }
    CHECK_OK(weft_event_fini(&e));
    return 0;
}

ONE_WORKER_TEST(event, one_that_was_woken_is_not_canceled_before_it_resumes)
{
    (void)arg;
    weft_event e = WEFT_EVENT_INIT;
    struct waits woken = {.fn = wait_for, .on = &e}, canceled = {.fn = wait_for, .on = &e};
    weft_group *g = weft_group_open(NULL);

    waits_begin(g, &woken);
    weft_event_set(&e);
    weft_event_clear(&e);
    CHECK_OK(weft_group_cancel(g));
    CHECK(!woken.done);
    weft_group_close(g);
    CHECK_OK(woken.result);

    g = weft_group_open(NULL);
    waits_begin(g, &canceled);
    CHECK_OK(weft_group_cancel(g));
    weft_event_set(&e);
    CHECK(!canceled.done);
    weft_group_close(g);
    CHECK_RC(canceled.result, WEFT_ECANCELED);
    CHECK_OK(weft_event_fini(&e));
    return 0;
}

TASK_TEST(event, a_deadline_ends_the_wait)
{
    (void)arg;
    weft_event e = WEFT_EVENT_INIT;
    weft_time begin = weft_now();
    weft_scope *scope = weft_scope_open(weft_after_ms(15));

    int rc = weft_event_wait(&e);
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now() - begin, 15 * 1000000);
    CHECK_OK(weft_event_fini(&e));
    return 0;
}
