/* SPDX-License-Identifier: MIT */
/* Semaphores whose waiters are cancelled at every stage: no permit is lost, and nobody is stranded. */
#include "tests/sync/waits.h"

static int acquire(void *s, uint64_t n)
{
    return weft_semaphore_acquire_n(s, n);
}

TASK_TEST(semaphore_cancel, a_canceled_scope_takes_nothing)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(2);
    weft_scope *scope = weft_scope_open(0);

    CHECK_OK(weft_scope_cancel(scope));
    for (int i = 0; i < 3; i++) {
        CHECK_RC(weft_semaphore_acquire(&s), WEFT_ECANCELED);
        CHECK_RC(weft_semaphore_acquire_n(&s, 3), WEFT_ECANCELED);
    }
    CHECK_EQ(weft_semaphore_value(&s), 2);
    /* What never waits is no checkpoint. */
    CHECK_OK(weft_semaphore_try_acquire(&s));
    CHECK_OK(weft_semaphore_release(&s));
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_OK(weft_semaphore_acquire_n(&s, 2));
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

TASK_TEST(semaphore_cancel, one_that_waits_is_canceled_and_takes_nothing)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(0);
    struct waits goes = {.fn = acquire, .on = &s, .n = 1};

    for (int i = 0; i < 20; i++) {
        weft_group *g = weft_group_open(NULL);

        waits_begin(g, &goes);
        weft_group_close(g);
        CHECK_RC(goes.result, WEFT_ECANCELED);
        CHECK_OK(weft_semaphore_fini(&s));
        CHECK_OK(weft_semaphore_release(&s));
        CHECK_EQ(weft_semaphore_value(&s), 1);
        CHECK_OK(weft_semaphore_try_acquire(&s));
    }
    return 0;
}

ONE_WORKER_TEST(semaphore_cancel, one_that_was_granted_keeps_what_it_has)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(0);
    struct waits granted = {.fn = acquire, .on = &s, .n = 2}, next = {.fn = acquire, .on = &s, .n = 1};
    weft_group *stays = weft_group_open(NULL), *g = weft_group_open(NULL);

    waits_begin(g, &granted);
    weft_spawn(stays, waits_call, &next);
    sync_settle();
    /* With one worker it has not resumed when its scope is cancelled. */
    CHECK_OK(weft_semaphore_release_n(&s, 2));
    CHECK_OK(weft_group_cancel(g));
    CHECK(!granted.done);
    weft_group_close(g);
    CHECK_OK(granted.result);
    CHECK(!next.done);
    CHECK_OK(weft_semaphore_release(&s));
    CHECK_OK(weft_group_wait(stays));
    CHECK_OK(next.result);
    CHECK_EQ(weft_semaphore_value(&s), 0);
    weft_group_close(stays);
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

ONE_WORKER_TEST(semaphore_cancel, permits_pass_over_one_that_is_canceled_but_has_not_left)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(0);
    struct waits goes = {.fn = acquire, .on = &s, .n = 1}, stays = {.fn = acquire, .on = &s, .n = 1};
    weft_group *outer = weft_group_open(NULL), *g = weft_group_open(NULL);

    waits_begin(g, &goes);
    weft_spawn(outer, waits_call, &stays);
    sync_settle();
    CHECK_OK(weft_group_cancel(g));
    CHECK(!goes.done);
    CHECK_OK(weft_semaphore_release(&s));
    CHECK_EQ(weft_semaphore_value(&s), 0);
    weft_group_close(g);
    CHECK_OK(weft_group_wait(outer));
    CHECK_RC(goes.result, WEFT_ECANCELED);
    CHECK_OK(stays.result);
    weft_group_close(outer);
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

ONE_WORKER_TEST(semaphore_cancel, those_behind_one_that_wanted_much_go_when_it_leaves)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(3);
    struct waits much = {.fn = acquire, .on = &s, .n = 4}, behind[3] = {{.fn = acquire, .on = &s, .n = 1},
                                                                        {.fn = acquire, .on = &s, .n = 2},
                                                                        {.fn = acquire, .on = &s, .n = 1}};
    weft_group *outer = weft_group_open(NULL), *g = weft_group_open(NULL);

    waits_begin(g, &much);
    for (int i = 0; i < 3; i++) {
        weft_spawn(outer, waits_call, &behind[i]);
        sync_settle();
    }
    CHECK(!behind[0].done && !behind[1].done && !behind[2].done);
    weft_group_close(g);
    CHECK_RC(much.result, WEFT_ECANCELED);
    /* Nobody releases anything: two of them go, and the permits last no longer. */
    while (behind[0].done + behind[1].done + behind[2].done < 2)
        CHECK_OK(weft_yield());
    sync_settle();
    CHECK_EQ(behind[0].done + behind[1].done + behind[2].done, 2);
    CHECK_OK(weft_semaphore_release_n(&s, 2));
    CHECK_OK(weft_group_wait(outer));
    CHECK_EQ(weft_semaphore_value(&s), 1);
    weft_group_close(outer);
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

TASK_TEST(semaphore_cancel, a_deadline_ends_the_wait)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(1);
    weft_time begin = weft_now();
    weft_scope *scope = weft_scope_open(weft_after_ms(15));

    int rc = weft_semaphore_acquire_n(&s, 2);
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now() - begin, 15 * 1000000);
    CHECK_OK(weft_semaphore_acquire(&s));
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

TASK_TEST(semaphore_cancel, a_permit_or_the_cancellation_and_never_both)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(0);

    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        struct waits call = {.fn = acquire, .on = &s, .n = 1};
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, waits_call, &call);
        if (i % 2 == 0)
            CHECK_OK(weft_yield());
        CHECK_OK(weft_semaphore_release(&s));
        weft_group_close(g);
        if (call.result != 0)
            CHECK_RC(call.result, WEFT_ECANCELED);
        CHECK_EQ(weft_semaphore_value(&s), call.result == 0 ? 0 : 1);
        if (call.result != 0)
            CHECK_OK(weft_semaphore_try_acquire(&s));
    }
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}
