/* SPDX-License-Identifier: MIT */
/* Latches and wait groups: the count, who is let through, and waiters that are cancelled. */
#include <string.h>

#include "tests/sync/waits.h"

static int wait_for(void *l, uint64_t n)
{
    (void)n;
    return weft_latch_wait(l);
}

static int arrive(void *l, uint64_t n)
{
    (void)n;
    return weft_latch_arrive_and_wait(l);
}

WEFT_TEST(latch, counts_without_a_task)
{
    weft_latch l = WEFT_LATCH_INIT(3);

    CHECK_EQ(weft_latch_count(&l), 3);
    CHECK_RC(weft_latch_try_wait(&l), WEFT_EAGAIN);
    CHECK_OK(weft_latch_count_down(&l, 2));
    CHECK_OK(weft_latch_count_down(&l, 0));
    CHECK_EQ(weft_latch_count(&l), 1);
    CHECK_RC(weft_latch_count_down(&l, 2), WEFT_EINVAL);
    CHECK_EQ(weft_latch_count(&l), 1);
    CHECK_OK(weft_latch_arrive_and_wait(&l));
    CHECK_EQ(weft_latch_count(&l), 0);
    CHECK_OK(weft_latch_try_wait(&l));
    CHECK_OK(weft_latch_wait(&l));
    CHECK_OK(weft_latch_count_down(&l, 0));
    CHECK_RC(weft_latch_count_down(&l, 1), WEFT_EINVAL);
    CHECK_RC(weft_latch_arrive_and_wait(&l), WEFT_EINVAL);
    CHECK_OK(weft_latch_add(&l, 4));
    CHECK_OK(weft_latch_add(&l, 0));
    CHECK_EQ(weft_latch_count(&l), 4);
    CHECK_RC(weft_latch_try_wait(&l), WEFT_EAGAIN);
    CHECK_OK(weft_latch_fini(&l));
}

WEFT_TEST(latch, is_initialised_by_zeroes_and_by_a_call)
{
    weft_latch l;

    memset(&l, 0, sizeof l);
    CHECK_OK(weft_latch_wait(&l));
    CHECK_OK(weft_latch_fini(&l));
    memset(&l, 0xff, sizeof l);
    CHECK_RC(weft_latch_init(&l, WEFT_LATCH_MAX + 1), WEFT_EINVAL);
    CHECK_OK(weft_latch_init(&l, 2));
    CHECK_EQ(weft_latch_count(&l), 2);
    CHECK_OK(weft_latch_fini(&l));
}

WEFT_TEST(latch, a_count_too_high_is_refused)
{
    weft_latch l = WEFT_LATCH_INIT(1);

    CHECK_RC(weft_latch_add(&l, WEFT_LATCH_MAX), WEFT_EINVAL);
    CHECK_RC(weft_latch_add(&l, UINT64_MAX), WEFT_EINVAL);
    CHECK_RC(weft_latch_count_down(&l, UINT64_MAX), WEFT_EINVAL);
    CHECK_EQ(weft_latch_count(&l), 1);
    CHECK_OK(weft_latch_add(&l, WEFT_LATCH_MAX - 1));
    CHECK_RC(weft_latch_add(&l, 1), WEFT_EINVAL);
    CHECK_OK(weft_latch_count_down(&l, WEFT_LATCH_MAX));
    CHECK_EQ(weft_latch_count(&l), 0);
    CHECK_OK(weft_latch_fini(&l));
}

ONE_WORKER_TEST(latch, zero_lets_all_through_in_their_order_also_where_the_count_rises_at_once)
{
    enum { N = 6 };
    (void)arg;
    weft_latch l = WEFT_LATCH_INIT(3);
    _Atomic unsigned served = 0;
    struct waits calls[N], late = {.fn = wait_for, .on = &l};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < N; i++) {
        calls[i] = (struct waits){.fn = wait_for, .on = &l, .served = &served};
        waits_begin(g, &calls[i]);
    }
    CHECK_RC(weft_latch_fini(&l), WEFT_EBUSY);
    CHECK_OK(weft_latch_add(&l, 1));
    CHECK_OK(weft_latch_count_down(&l, 1));
    CHECK_OK(weft_latch_count_down(&l, 2));
    sync_settle();
    CHECK_EQ(served, 0);
    CHECK_RC(weft_latch_count_down(&l, 2), WEFT_EINVAL);
    CHECK_OK(weft_latch_count_down(&l, 1));
    CHECK_OK(weft_latch_add(&l, 1));
    CHECK_EQ(served, 0);
    waits_begin(g, &late);
    CHECK_EQ(served, N);
    for (unsigned i = 0; i < N; i++) {
        CHECK_OK(calls[i].result);
        CHECK_EQ(calls[i].rank, i);
    }
    CHECK(!late.done);
    CHECK_OK(weft_latch_count_down(&l, 1));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(late.result);
    weft_group_close(g);
    CHECK_OK(weft_latch_fini(&l));
    return 0;
}

TASK_TEST(latch, those_that_arrive_and_wait_go_together)
{
    enum { N = 10 };
    (void)arg;

    for (int turn = 0; turn < 20; turn++) {
        weft_latch l = WEFT_LATCH_INIT(N + 1);
        struct waits calls[N];
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < N; i++) {
            calls[i] = (struct waits){.fn = arrive, .on = &l, .result = 1};
            weft_spawn(g, waits_call, &calls[i]);
        }
        while (weft_latch_count(&l) > 1)
            CHECK_OK(weft_yield());
        for (int i = 0; i < N; i++)
            CHECK(!calls[i].done);
        CHECK_OK(weft_latch_arrive_and_wait(&l));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (int i = 0; i < N; i++)
            CHECK_OK(calls[i].result);
        CHECK_OK(weft_latch_fini(&l));
    }
    return 0;
}

static int count_down(void *l, uint64_t n)
{
    return weft_latch_count_down(l, n);
}

TASK_TEST(latch, threads_that_run_no_task_wait_and_count)
{
    (void)arg;
    weft_latch l = WEFT_LATCH_INIT(3);
    struct waits inside = {.fn = wait_for, .on = &l}, waits = {.fn = wait_for, .on = &l},
                 arrives = {.fn = arrive, .on = &l}, counts = {.fn = count_down, .on = &l, .n = 2};
    weft_group *g = weft_group_open(NULL);

    waits_begin(g, &inside);
    pthread_t first = waits_begin_thread(&waits), second = waits_begin_thread(&arrives);
    CHECK(!inside.done && !waits.done && !arrives.done);
    pthread_t third = waits_begin_thread(&counts);
    waits_end_thread(&waits, first);
    waits_end_thread(&arrives, second);
    waits_end_thread(&counts, third);
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(inside.result);
    CHECK_OK(waits.result);
    CHECK_OK(arrives.result);
    CHECK_OK(counts.result);
    weft_group_close(g);
    CHECK_OK(weft_latch_fini(&l));
    return 0;
}

TASK_TEST(latch, a_canceled_scope_neither_waits_nor_counts)
{
    (void)arg;
    weft_latch l = WEFT_LATCH_INIT(1);
    weft_scope *scope = weft_scope_open(0);

    CHECK_OK(weft_scope_cancel(scope));
    CHECK_RC(weft_latch_arrive_and_wait(&l), WEFT_ECANCELED);
    CHECK_EQ(weft_latch_count(&l), 1);
    CHECK_OK(weft_latch_count_down(&l, 1));
    CHECK_RC(weft_latch_wait(&l), WEFT_ECANCELED);
    CHECK_OK(weft_latch_try_wait(&l));
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_OK(weft_latch_fini(&l));
    return 0;
}

ONE_WORKER_TEST(latch, one_that_is_canceled_takes_its_arrival_back)
{
    (void)arg;
    weft_latch l = WEFT_LATCH_INIT(3);
    struct waits goes = {.fn = arrive, .on = &l}, stays = {.fn = wait_for, .on = &l};
    weft_group *outer = weft_group_open(NULL), *g = weft_group_open(NULL);

    waits_begin(g, &goes);
    weft_spawn(outer, waits_call, &stays);
    sync_settle();
    CHECK_EQ(weft_latch_count(&l), 2);
    weft_group_close(g);
    CHECK_RC(goes.result, WEFT_ECANCELED);
    CHECK_EQ(weft_latch_count(&l), 3);
    CHECK_OK(weft_latch_count_down(&l, 2));
    sync_settle();
    CHECK(!stays.done);
    CHECK_OK(weft_latch_count_down(&l, 1));
    CHECK_OK(weft_group_wait(outer));
    CHECK_OK(stays.result);
    weft_group_close(outer);
    CHECK_OK(weft_latch_fini(&l));
    return 0;
}

ONE_WORKER_TEST(latch, zero_comes_first_or_the_cancellation_and_the_count_tells)
{
    (void)arg;
    weft_latch l = WEFT_LATCH_INIT(0);
    struct waits call = {.fn = arrive, .on = &l};

    for (int zero_first = 0; zero_first < 2; zero_first++) {
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_latch_add(&l, 2));
        waits_begin(g, &call);
        /* With one worker it has not resumed in between. */
        if (!zero_first)
            CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_latch_count_down(&l, 1));
        CHECK(!call.done);
        weft_group_close(g);
        CHECK_OK(call.result);
        CHECK_EQ(weft_latch_count(&l), 0);
    }
    CHECK_OK(weft_latch_fini(&l));
    return 0;
}

TASK_TEST(latch, a_deadline_ends_the_wait)
{
    (void)arg;
    weft_latch l = WEFT_LATCH_INIT(2);
    weft_time begin = weft_now();
    weft_scope *scope = weft_scope_open(weft_after_ms(15));

    int rc = weft_latch_arrive_and_wait(&l);
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now() - begin, 15 * 1000000);
    CHECK_EQ(weft_latch_count(&l), 2);
    CHECK_OK(weft_latch_fini(&l));
    return 0;
}
