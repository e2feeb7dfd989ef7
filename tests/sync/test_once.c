/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/sync/locks.h"

struct deed {
    weft_once once;
    _Atomic int calls, fails; /* how often it was called; how often it is still to fail */
    _Atomic bool may_end, begun;
    int done;
};

/* What is done once: it waits until it may end. */
static int act(void *arg)
{
    struct deed *d = arg;

    d->calls++;
    d->begun = true;
    while (!d->may_end)
        if (weft_yield() == WEFT_ECANCELED)
            return WEFT_ECANCELED;
    if (d->fails > 0) {
        d->fails--;
        return WEFT_EINVAL;
    }
    d->done = 1;
    return 7; /* more than 0 is success, too */
}

struct doer {
    struct deed *deed;
    _Atomic bool begun;
    int result, turn;
};

static int do_it(void *arg)
{
    struct doer *me = arg;

    me->begun = true;
    me->result = weft_once_do(&me->deed->once, act, me->deed);
    if (me->result == 0) {
        CHECK(weft_once_done(&me->deed->once));
        CHECK_EQ(me->deed->done, 1);
    }
    return 0;
}

static void begin(weft_group *g, struct doer *me, struct deed *d)
{
    *me = (struct doer){.deed = d};
    weft_spawn(g, do_it, me);
    locks_await(&me->begun);
    sync_settle();
}

TASK_TEST(once, is_done_by_the_first_and_not_again)
{
    struct deed d = {.may_end = true};

    (void)arg;
    memset(&d.once, 0, sizeof d.once);
    CHECK(!weft_once_done(&d.once));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(weft_once_do(&d.once, act, &d));
        CHECK(weft_once_done(&d.once));
        CHECK_EQ(d.calls, 1);
    }
    CHECK_OK(weft_once_fini(&d.once));
    CHECK(!weft_once_done(&d.once));
    CHECK_OK(weft_once_do(&d.once, act, &d));
    CHECK_EQ(d.calls, 2);
    memset(&d.once, 0xff, sizeof d.once);
    weft_once_init(&d.once);
    CHECK_OK(weft_once_do(&d.once, act, &d));
    CHECK_EQ(d.calls, 3);
    return 0;
}

TASK_TEST(once, the_others_wait_until_it_is_done)
{
    struct deed d = {.once = WEFT_ONCE_INIT};
    struct doer w[5];

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < 5; i++)
            begin(g, &w[i], &d);
        CHECK_EQ(d.calls, 1);
        CHECK(!weft_once_done(&d.once));
        CHECK_RC(weft_once_fini(&d.once), WEFT_EBUSY);
        d.may_end = true;
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_EQ(d.calls, 1);
    for (int i = 0; i < 5; i++)
        CHECK_OK(w[i].result);
    return 0;
}

TASK_TEST(once, who_fails_has_the_error_and_the_next_tries)
{
    struct deed d = {.fails = 2};
    struct doer w[5];

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < 5; i++)
            begin(g, &w[i], &d);
        d.may_end = true;
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_EQ(d.calls, 3);
    for (int i = 0; i < 5; i++)
        CHECK_RC(w[i].result, i < 2 ? WEFT_EINVAL : 0); /* in the order in which they came */
    return 0;
}

TASK_TEST(once, that_has_failed_with_nobody_waiting_is_new)
{
    struct deed d = {.fails = 1, .may_end = true};

    (void)arg;
    CHECK_RC(weft_once_do(&d.once, act, &d), WEFT_EINVAL);
    CHECK(!weft_once_done(&d.once));
    CHECK_OK(weft_once_do(&d.once, act, &d));
    CHECK_EQ(d.calls, 2);
    return 0;
}

static weft_once inner = WEFT_ONCE_INIT;

static int again(void *arg)
{
    (void)arg;
    CHECK_RC(weft_once_do(&inner, again, NULL), WEFT_EDEADLK);
    return 0;
}

static int again_outside(void *arg)
{
    CHECK_OK(weft_once_fini(&inner));
    return weft_once_do(&inner, again, arg);
}

static void *try_elsewhere(void *arg)
{
    struct deed *d = arg;

    CHECK_RC(weft_once_try_do(&d->once, act, d), WEFT_EBUSY);
    return NULL;
}

TASK_TEST(once, a_try_waits_for_nobody)
{
    struct deed d = {.fails = 1};
    struct doer first;
    pthread_t thread;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    begin(g, &first, &d);
    locks_await(&d.begun);
    CHECK_RC(weft_once_try_do(&d.once, act, &d), WEFT_EBUSY);
    CHECK_OK(pthread_create(&thread, NULL, try_elsewhere, &d));
    CHECK_OK(pthread_join(thread, NULL));
    d.may_end = true;
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_RC(first.result, WEFT_EINVAL);
    CHECK_EQ(d.calls, 1);
    CHECK_OK(weft_once_try_do(&d.once, act, &d)); /* which does it, for the first one has failed */
    CHECK_OK(weft_once_try_do(&d.once, act, &d)); /* and finds it done */
    CHECK_EQ(d.calls, 2);
    CHECK_OK(weft_once_fini(&d.once));
    return 0;
}

TASK_TEST(once, its_own_function_cannot_wait_for_it)
{
    (void)arg;
    CHECK_OK(weft_once_do(&inner, again, NULL));
    CHECK_OK(locks_outside(again_outside, NULL));
    return 0;
}

static int do_outside(void *arg)
{
    struct doer *me = arg;

    me->deed->may_end = true;
    return weft_once_do(&me->deed->once, act, me->deed);
}

static int wait_outside(void *arg)
{
    struct doer *me = arg;

    me->begun = true;
    return weft_once_do(&me->deed->once, act, me->deed);
}

static void *wait_on_a_thread(void *arg)
{
    struct doer *me = arg;

    me->result = wait_outside(me);
    me->turn = 1;
    return NULL;
}

TASK_TEST(once, plain_threads_do_it_and_wait_for_it)
{
    struct deed d = {.calls = 0}, e = {.calls = 0};
    struct doer me = {.deed = &d}, thread = {.deed = &e}, task;
    pthread_t id;

    (void)arg;
    CHECK_OK(locks_outside(do_outside, &me));
    CHECK_EQ(d.calls, 1);
    CHECK_OK(weft_once_do(&d.once, act, &d));
    CHECK_EQ(d.calls, 1);

    WEFT_GROUP(g, NULL)
    {
        begin(g, &task, &e);
        CHECK_OK(pthread_create(&id, NULL, wait_on_a_thread, &thread));
        locks_await(&thread.begun);
        sync_settle();
        e.may_end = true;
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(pthread_join(id, NULL));
    CHECK_OK(thread.result);
    CHECK_OK(task.result);
    CHECK_EQ(e.calls, 1);
    return 0;
}

/* Cancellation. */

TASK_TEST(once, a_canceled_scope_does_nothing_but_what_is_done_is_done)
{
    struct deed d = {.may_end = true};
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_once_do(&d.once, act, &d), WEFT_ECANCELED);
    CHECK_EQ(d.calls, 0);
    CHECK_OK(weft_scope_close(s, 0));
    CHECK_OK(weft_once_do(&d.once, act, &d));
    s = weft_scope_open(0);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_OK(weft_once_do(&d.once, act, &d));
    CHECK_OK(weft_scope_close(s, 0));
    return 0;
}

TASK_TEST(once, a_waiter_may_be_canceled_and_the_others_wait_on)
{
    struct deed d = {.calls = 0};
    struct doer does, goes, stays;

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        begin(g, &does, &d);
        weft_group *canceled = weft_group_open(NULL);
        begin(canceled, &goes, &d);
        begin(g, &stays, &d);
        weft_group_close(canceled);
        CHECK_RC(goes.result, WEFT_ECANCELED);
        d.may_end = true;
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(does.result);
    CHECK_OK(stays.result);
    CHECK_EQ(d.calls, 1);
    return 0;
}

TASK_TEST(once, a_deadline_ends_the_wait)
{
    struct deed d = {.calls = 0};
    struct doer does;

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        begin(g, &does, &d);
        weft_scope *s = weft_scope_open(weft_after_ms(10));
        CHECK_RC(weft_scope_close(s, weft_once_do(&d.once, act, &d)), WEFT_ETIMEDOUT);
        d.may_end = true;
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(does.result);
    CHECK_EQ(d.calls, 1);
    CHECK_OK(weft_once_fini(&d.once));
    return 0;
}

TASK_TEST(once, who_does_it_may_be_canceled_and_the_next_does_it)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(50, 300); i++) {
        struct deed d = {.calls = 0};
        struct doer goes = {.deed = &d}, stays = {.deed = &d};
        weft_group *g = weft_group_open(NULL), *canceled = weft_group_open(NULL);

        weft_spawn(canceled, do_it, &goes);
        locks_await(&d.begun);
        weft_spawn(g, do_it, &stays);
        if (i % 2 == 0)
            locks_await(&stays.begun);
        weft_group_close(canceled);
        CHECK_RC(goes.result, WEFT_ECANCELED);
        d.may_end = true;
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_OK(stays.result);
        CHECK_EQ(d.calls, 2);
    }
    return 0;
}

/* Many at once, with functions that fail and callers that are cancelled. */

struct crowd {
    weft_once once;
    _Atomic int inside, succeeded, calls;
};

static int succeed_in_the_end(void *arg)
{
    struct crowd *c = arg;
    int call = ++c->calls;

    CHECK_EQ(++c->inside, 1);
    if (call % 2 == 0)
        (void)weft_yield();
    CHECK_EQ(--c->inside, 0);
    if (call < 5)
        return WEFT_EINVAL;
    c->succeeded++;
    return 0;
}

static int join_the_crowd(void *arg)
{
    struct crowd *c = arg;
    int rc;

    do {
        weft_scope *s = weft_scope_open(weft_now() + 20000);

        CHECK_NOT_NULL(s);
        rc = weft_once_do(&c->once, succeed_in_the_end, c);
        CHECK(rc == 0 || rc == WEFT_EINVAL || rc == WEFT_ECANCELED);
        (void)weft_scope_close(s, 0);
    } while (rc < 0);
    CHECK_EQ(c->succeeded, 1);
    return 0;
}

TASK_TEST(once, a_crowd_does_it_once)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(30, 200); i++) {
        struct crowd c = {.once = WEFT_ONCE_INIT};

        WEFT_GROUP(g, NULL)
        {
            for (int k = 0; k < 20; k++)
                weft_spawn(g, join_the_crowd, &c);
            CHECK_OK(weft_group_wait(g));
        }
        CHECK_EQ(c.succeeded, 1);
        CHECK_OK(weft_once_fini(&c.once));
    }
    return 0;
}
