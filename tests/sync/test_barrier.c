/* SPDX-License-Identifier: MIT */
/* Barriers: rounds, indices, abort and reset, and parties that are cancelled. */
#include <string.h>

#include "tests/sync/waits.h"

static int wait_at(void *b, uint64_t n)
{
    (void)n;
    return weft_barrier_wait(b);
}

WEFT_TEST(barrier, has_one_party_at_least_and_no_more_than_an_index_can_tell)
{
    weft_barrier b, none;

    CHECK_RC(weft_barrier_init(&b, 0), WEFT_EINVAL);
    CHECK_RC(weft_barrier_init(&b, (uint32_t)INT32_MAX + 1), WEFT_EINVAL);
    memset(&b, 0xff, sizeof b);
    CHECK_OK(weft_barrier_init(&b, INT32_MAX));
    CHECK_EQ(weft_barrier_parties(&b), INT32_MAX);
    CHECK_RC(weft_barrier_try_wait(&b), WEFT_EAGAIN);
    CHECK_OK(weft_barrier_fini(&b));

    memset(&none, 0, sizeof none);
    CHECK_OK(weft_barrier_fini(&none));
    CHECK_EQ(weft_barrier_parties(&none), 0);
    CHECK_RC(weft_barrier_wait(&none), WEFT_EINVAL);
    CHECK_RC(weft_barrier_try_wait(&none), WEFT_EINVAL);
}

WEFT_TEST(barrier, of_one_party_never_waits)
{
    weft_barrier b = WEFT_BARRIER_INIT(1);

    for (int i = 0; i < 3; i++) {
        CHECK_RC(weft_barrier_wait(&b), 0);
        CHECK_RC(weft_barrier_try_wait(&b), 0);
    }
    weft_barrier_abort(&b);
    CHECK_RC(weft_barrier_wait(&b), WEFT_EBROKEN);
    CHECK_RC(weft_barrier_try_wait(&b), WEFT_EBROKEN);
    CHECK(weft_barrier_is_broken(&b));
    weft_barrier_reset(&b);
    CHECK(!weft_barrier_is_broken(&b));
    CHECK_RC(weft_barrier_wait(&b), 0);
    CHECK_OK(weft_barrier_fini(&b));
}

ONE_WORKER_TEST(barrier, the_index_is_the_place_in_the_order_of_arrival)
{
    enum { N = 4 };
    (void)arg;
    weft_barrier b = WEFT_BARRIER_INIT(N + 1);
    _Atomic unsigned served = 0;
    struct waits calls[N];

    for (int round = 0; round < 3; round++) {
        weft_group *g = weft_group_open(NULL);

        served = 0;
        for (unsigned i = 0; i < N; i++) {
            calls[i] = (struct waits){.fn = wait_at, .on = &b, .served = &served};
            CHECK_RC(weft_barrier_try_wait(&b), WEFT_EAGAIN);
            waits_begin(g, &calls[i]);
            CHECK_EQ(weft_barrier_waiting(&b), i + 1);
        }
        CHECK_RC(weft_barrier_fini(&b), WEFT_EBUSY);
        CHECK_EQ(served, 0);
        CHECK_RC(round == 1 ? weft_barrier_try_wait(&b) : weft_barrier_wait(&b), N);
        CHECK_EQ(weft_barrier_waiting(&b), 0);
        CHECK_OK(weft_group_wait(g));
        for (unsigned i = 0; i < N; i++) {
            CHECK_RC(calls[i].result, i);
            CHECK_EQ(calls[i].rank, i);
        }
        weft_group_close(g);
    }
    CHECK_OK(weft_barrier_fini(&b));
    return 0;
}

TASK_TEST(barrier, abort_reaches_those_that_wait_and_those_that_come_until_reset)
{
    (void)arg;
    weft_barrier b = WEFT_BARRIER_INIT(4);
    struct waits calls[3];

    for (int turn = 0; turn < 3; turn++) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 3; i++) {
            calls[i] = (struct waits){.fn = wait_at, .on = &b};
            waits_begin(g, &calls[i]);
        }
        weft_barrier_abort(&b);
        CHECK(weft_barrier_is_broken(&b));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (int i = 0; i < 3; i++)
            CHECK_RC(calls[i].result, WEFT_EBROKEN);
        CHECK_RC(weft_barrier_wait(&b), WEFT_EBROKEN);
        CHECK_EQ(weft_barrier_waiting(&b), 0);
        weft_barrier_reset(&b);
        CHECK(!weft_barrier_is_broken(&b));
        CHECK_RC(weft_barrier_try_wait(&b), WEFT_EAGAIN);
    }
    CHECK_OK(weft_barrier_fini(&b));
    return 0;
}

ONE_WORKER_TEST(barrier, reset_sends_those_away_that_wait_and_can_be_used_at_once)
{
    (void)arg;
    weft_barrier b = WEFT_BARRIER_INIT(2);
    struct waits old = {.fn = wait_at, .on = &b}, new = {.fn = wait_at, .on = &b};
    weft_group *g = weft_group_open(NULL);

    waits_begin(g, &old);
    weft_barrier_reset(&b);
    CHECK(!old.done);
    CHECK_RC(weft_barrier_try_wait(&b), WEFT_EAGAIN);
    waits_begin(g, &new);
    CHECK_RC(old.result, WEFT_EBROKEN);
    CHECK_RC(weft_barrier_wait(&b), 1);
    CHECK_OK(weft_group_wait(g));
    CHECK_RC(new.result, 0);
    weft_group_close(g);
    CHECK_OK(weft_barrier_fini(&b));
    return 0;
}

TASK_TEST(barrier, threads_that_run_no_task_are_parties_too)
{
    (void)arg;
    weft_barrier b = WEFT_BARRIER_INIT(4);
    struct waits outside[2] = {{.fn = wait_at, .on = &b}, {.fn = wait_at, .on = &b}},
                 inside = {.fn = wait_at, .on = &b};

    for (int i = 0; i < 5; i++) {
        weft_group *g = weft_group_open(NULL);
        pthread_t first = waits_begin_thread(&outside[0]), second = waits_begin_thread(&outside[1]);

        waits_begin(g, &inside);
        CHECK(!outside[0].done && !outside[1].done && !inside.done);
        int mine = weft_barrier_wait(&b);
        waits_end_thread(&outside[0], first);
        waits_end_thread(&outside[1], second);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_EQ(1 << mine | 1 << outside[0].result | 1 << outside[1].result | 1 << inside.result, 15);
    }
    CHECK_OK(weft_barrier_fini(&b));
    return 0;
}

TASK_TEST(barrier, a_canceled_scope_does_not_arrive)
{
    (void)arg;
    weft_barrier b = WEFT_BARRIER_INIT(1);
    weft_scope *scope = weft_scope_open(0);

    CHECK_OK(weft_scope_cancel(scope));
    CHECK_RC(weft_barrier_wait(&b), WEFT_ECANCELED);
    weft_barrier_abort(&b);
    CHECK_RC(weft_barrier_wait(&b), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_OK(weft_barrier_fini(&b));
    return 0;
}

ONE_WORKER_TEST(barrier, one_that_is_canceled_takes_its_arrival_back)
{
    (void)arg;
    weft_barrier b = WEFT_BARRIER_INIT(3);
    struct waits first = {.fn = wait_at, .on = &b}, goes = {.fn = wait_at, .on = &b}, last = {.fn = wait_at, .on = &b};
    weft_group *outer = weft_group_open(NULL), *g = weft_group_open(NULL);

    waits_begin(g, &goes);
    weft_spawn(outer, waits_call, &first);
    sync_settle();
    CHECK_EQ(weft_barrier_waiting(&b), 2);
    weft_group_close(g);
    CHECK_RC(goes.result, WEFT_ECANCELED);
    CHECK_EQ(weft_barrier_waiting(&b), 1);
    CHECK(!first.done);
    waits_begin(outer, &last);
    CHECK(!first.done && !last.done);
    CHECK_RC(weft_barrier_wait(&b), 2);
    CHECK_OK(weft_group_wait(outer));
    CHECK_RC(first.result, 0);
    CHECK_RC(last.result, 1);
    weft_group_close(outer);
    CHECK_OK(weft_barrier_fini(&b));
    return 0;
}

ONE_WORKER_TEST(barrier, one_that_is_canceled_counts_where_the_round_is_complete_before_it_has_left)
{
    (void)arg;
    weft_barrier b = WEFT_BARRIER_INIT(3);
    struct waits canceled = {.fn = wait_at, .on = &b}, stays = {.fn = wait_at, .on = &b};
    weft_group *outer = weft_group_open(NULL), *g = weft_group_open(NULL);

    for (int granted_first = 0; granted_first < 2; granted_first++) {
        waits_begin(g, &canceled);
        weft_spawn(outer, waits_call, &stays);
        sync_settle();
        /* With one worker it has not resumed in between. */
        if (granted_first == 0)
            CHECK_OK(weft_group_cancel(g));
        CHECK_RC(weft_barrier_try_wait(&b), 2);
        CHECK(!canceled.done);
        weft_group_close(g);
        CHECK_RC(canceled.result, 0);
        CHECK_OK(weft_group_wait(outer));
        CHECK_RC(stays.result, 1);
        CHECK_EQ(weft_barrier_waiting(&b), 0);
        g = weft_group_open(NULL);
    }
    weft_group_close(g);
    weft_group_close(outer);
    CHECK_OK(weft_barrier_fini(&b));
    return 0;
}

TASK_TEST(barrier, a_deadline_ends_the_wait)
{
    (void)arg;
    weft_barrier b = WEFT_BARRIER_INIT(2);
    weft_time begin = weft_now();
    weft_scope *scope = weft_scope_open(weft_after_ms(15));

    int rc = weft_barrier_wait(&b);
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now() - begin, 15 * 1000000);
    CHECK_EQ(weft_barrier_waiting(&b), 0);
    CHECK_OK(weft_barrier_fini(&b));
    return 0;
}
