/* SPDX-License-Identifier: MIT */
/* Notifications: one, all, the permit and the rounds, and waiters that are cancelled. */
#include <string.h>

#include "tests/sync/waits.h"

static int wait_for(void *n, uint64_t unused)
{
    (void)unused;
    return weft_notify_wait(n);
}

static int wait_since(void *n, uint64_t round)
{
    return weft_notify_wait_since(n, round);
}

WEFT_TEST(notify, keeps_one_permit_at_the_most)
{
    weft_notify n = WEFT_NOTIFY_INIT;

    CHECK_RC(weft_notify_try_wait(&n), WEFT_EAGAIN);
    weft_notify_one(&n);
    weft_notify_one(&n);
    CHECK_OK(weft_notify_try_wait(&n));
    CHECK_RC(weft_notify_try_wait(&n), WEFT_EAGAIN);
    weft_notify_one(&n);
    /* A thread takes it without being blocked. */
    CHECK_OK(weft_notify_wait(&n));
    CHECK_RC(weft_notify_try_wait(&n), WEFT_EAGAIN);
    weft_notify_all(&n);
    CHECK_RC(weft_notify_try_wait(&n), WEFT_EAGAIN);
    weft_notify_one(&n);
    weft_notify_all(&n);
    CHECK_OK(weft_notify_try_wait(&n));
    CHECK_OK(weft_notify_fini(&n));
}

WEFT_TEST(notify, is_initialised_by_zeroes_and_by_a_call)
{
    weft_notify n;

    memset(&n, 0, sizeof n);
    CHECK_OK(weft_notify_fini(&n));
    CHECK_RC(weft_notify_try_wait(&n), WEFT_EAGAIN);
    memset(&n, 0xff, sizeof n);
    weft_notify_init(&n);
    CHECK_EQ(weft_notify_round(&n), 0);
    CHECK_RC(weft_notify_try_wait(&n), WEFT_EAGAIN);
    CHECK_OK(weft_notify_fini(&n));
}

ONE_WORKER_TEST(notify, one_wakes_the_one_that_has_waited_longest)
{
    enum { N = 5 };
    (void)arg;
    weft_notify n = WEFT_NOTIFY_INIT;
    _Atomic unsigned served = 0;
    struct waits calls[N];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < N; i++) {
        calls[i] = (struct waits){.fn = wait_for, .on = &n, .served = &served};
        waits_begin(g, &calls[i]);
    }
    CHECK_RC(weft_notify_fini(&n), WEFT_EBUSY);
    for (unsigned i = 0; i < N; i++) {
        CHECK_EQ(served, i);
        weft_notify_one(&n);
        sync_settle();
    }
    CHECK_OK(weft_group_wait(g));
    for (unsigned i = 0; i < N; i++) {
        CHECK_OK(calls[i].result);
        CHECK_EQ(calls[i].rank, i);
    }
    CHECK_RC(weft_notify_try_wait(&n), WEFT_EAGAIN);
    weft_group_close(g);
    CHECK_OK(weft_notify_fini(&n));
    return 0;
}

ONE_WORKER_TEST(notify, all_wakes_those_who_wait_now_and_nobody_later)
{
    enum { N = 5 };
    (void)arg;
    weft_notify n = WEFT_NOTIFY_INIT;
    _Atomic unsigned served = 0;
    struct waits calls[N], late = {.fn = wait_for, .on = &n};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < N; i++) {
        calls[i] = (struct waits){.fn = wait_for, .on = &n, .served = &served};
        waits_begin(g, &calls[i]);
    }
    weft_notify_all(&n);
    waits_begin(g, &late);
    for (unsigned i = 0; i < N; i++) {
        CHECK_OK(calls[i].result);
        CHECK_EQ(calls[i].rank, i);
    }
    CHECK(!late.done);
    weft_notify_one(&n);
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(late.result);
    weft_group_close(g);
    CHECK_OK(weft_notify_fini(&n));
    return 0;
}

ONE_WORKER_TEST(notify, a_round_that_is_over_is_not_waited_for)
{
    (void)arg;
    weft_notify n = WEFT_NOTIFY_INIT;
    uint64_t round = weft_notify_round(&n);
    struct waits call = {.fn = wait_since, .on = &n, .n = round + 1};
    weft_group *g = weft_group_open(NULL);

    weft_notify_all(&n);
    CHECK_EQ(weft_notify_round(&n), round + 1);
    weft_notify_one(&n);
    CHECK_OK(weft_notify_wait_since(&n, round));
    /* It has left the permit, which a wait for the current round takes. */
    CHECK_OK(weft_notify_wait_since(&n, round + 1));
    CHECK_RC(weft_notify_try_wait(&n), WEFT_EAGAIN);

    waits_begin(g, &call);
    CHECK(!call.done);
    weft_notify_all(&n);
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(call.result);
    waits_begin(g, &call);
    CHECK(call.done);
    CHECK_OK(call.result);
    weft_group_close(g);
    CHECK_OK(weft_notify_fini(&n));
    return 0;
}

TASK_TEST(notify, threads_that_run_no_task_wait_and_notify)
{
    (void)arg;
    weft_notify n = WEFT_NOTIFY_INIT;
    struct waits outside = {.fn = wait_for, .on = &n};

    for (int i = 0; i < 5; i++) {
        pthread_t thread = waits_begin_thread(&outside);

        CHECK(!outside.done);
        weft_notify_one(&n);
        waits_end_thread(&outside, thread);
        CHECK_OK(outside.result);
        CHECK_RC(weft_notify_try_wait(&n), WEFT_EAGAIN);
    }
    CHECK_OK(weft_notify_fini(&n));
    return 0;
}

TASK_TEST(notify, a_canceled_scope_takes_no_permit)
{
    (void)arg;
    weft_notify n = WEFT_NOTIFY_INIT;
    weft_scope *scope = weft_scope_open(0);

    weft_notify_one(&n);
    CHECK_OK(weft_scope_cancel(scope));
    CHECK_RC(weft_notify_wait(&n), WEFT_ECANCELED);
    CHECK_RC(weft_notify_wait_since(&n, 77), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_OK(weft_notify_wait(&n));
    CHECK_OK(weft_notify_fini(&n));
    return 0;
}

ONE_WORKER_TEST(notify, passes_over_one_that_is_canceled_and_not_over_one_that_was_notified_first)
{
    (void)arg;
    weft_notify n = WEFT_NOTIFY_INIT;
    struct waits goes = {.fn = wait_for, .on = &n}, stays = {.fn = wait_for, .on = &n};
    weft_group *outer = weft_group_open(NULL), *g = weft_group_open(NULL);

    waits_begin(g, &goes);
    weft_spawn(outer, waits_call, &stays);
    sync_settle();
    CHECK_OK(weft_group_cancel(g));
    weft_notify_one(&n);
    CHECK(!goes.done);
    weft_group_close(g);
    CHECK_RC(goes.result, WEFT_ECANCELED);
    CHECK_OK(weft_group_wait(outer));
    CHECK_OK(stays.result);
    weft_group_close(outer);

    g = weft_group_open(NULL);
    waits_begin(g, &goes);
    weft_notify_one(&n);
    CHECK_OK(weft_group_cancel(g));
    CHECK(!goes.done);
    weft_group_close(g);
    CHECK_OK(goes.result);

    /* Where all who wait are cancelled it leaves the permit. */
    g = weft_group_open(NULL);
    waits_begin(g, &goes);
    CHECK_OK(weft_group_cancel(g));
    weft_notify_one(&n);
    weft_group_close(g);
    CHECK_RC(goes.result, WEFT_ECANCELED);
    CHECK_OK(weft_notify_try_wait(&n));
    CHECK_OK(weft_notify_fini(&n));
    return 0;
}

TASK_TEST(notify, a_deadline_ends_the_wait)
{
    (void)arg;
    weft_notify n = WEFT_NOTIFY_INIT;
    weft_time begin = weft_now();
    weft_scope *scope = weft_scope_open(weft_after_ms(15));

    int rc = weft_notify_wait(&n);
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now() - begin, 15 * 1000000);
    CHECK_OK(weft_notify_fini(&n));
    return 0;
}
