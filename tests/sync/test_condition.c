/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/sync/locks.h"

struct place {
    weft_mutex mutex;
    weft_condition changed;
    int value;
    int turns;
    _Atomic int waiting;
};

struct waiter {
    struct place *place;
    int result, turn;
    bool held;
    _Atomic bool back;
};

static int wait_once(void *arg)
{
    struct waiter *w = arg;
    struct place *p = w->place;

    CHECK_OK(weft_mutex_lock(&p->mutex));
    p->waiting++;
    w->result = weft_condition_wait(&p->changed, &p->mutex);
    w->held = weft_mutex_owned(&p->mutex);
    if (w->held) {
        w->turn = ++p->turns;
        CHECK_OK(weft_mutex_unlock(&p->mutex));
    }
    w->back = true;
    return 0;
}

/* Starts one, and returns once it waits: it has the mutex until then. */
static void begin(weft_group *g, struct waiter *w, struct place *p)
{
    int before = p->waiting;

    *w = (struct waiter){.place = p};
    weft_spawn(g, wait_once, w);
    while (p->waiting == before)
        CHECK_OK(weft_yield());
    CHECK_OK(weft_mutex_lock(&p->mutex));
    CHECK_OK(weft_mutex_unlock(&p->mutex));
}

static void finish(struct place *p)
{
    CHECK_OK(weft_condition_fini(&p->changed));
    CHECK_OK(weft_mutex_fini(&p->mutex));
}

TASK_TEST(condition, zeroed_memory_is_one_and_signals_without_waiters_are_nothing)
{
    weft_condition c, made;

    (void)arg;
    memset(&c, 0, sizeof c);
    weft_condition_signal(&c);
    weft_condition_broadcast(&c);
    CHECK_OK(weft_condition_fini(&c));
    memset(&made, 0xff, sizeof made);
    weft_condition_init(&made);
    weft_condition_signal(&made);
    CHECK_OK(weft_condition_fini(&made));
    return 0;
}

TASK_TEST(condition, a_signal_wakes_the_one_that_has_waited_longest)
{
    enum { WAITERS = 5 };
    struct place p = {.value = 0};
    struct waiter w[WAITERS];

    (void)arg;
    for (int locked = 0; locked < 2; locked++) {
        WEFT_GROUP(g, NULL)
        {
            for (int i = 0; i < WAITERS; i++)
                begin(g, &w[i], &p);
            CHECK_RC(weft_condition_fini(&p.changed), WEFT_EBUSY);
            for (int i = 0; i < WAITERS; i++) {
                if (locked)
                    CHECK_OK(weft_mutex_lock(&p.mutex));
                weft_condition_signal(&p.changed);
                if (locked)
                    CHECK_OK(weft_mutex_unlock(&p.mutex));
                locks_await(&w[i].back);
                for (int k = i + 1; k < WAITERS; k++)
                    CHECK(!w[k].back);
            }
            CHECK_OK(weft_group_wait(g));
        }
        for (int i = 0; i < WAITERS; i++) {
            CHECK_OK(w[i].result);
            CHECK(w[i].held);
        }
    }
    finish(&p);
    return 0;
}

TASK_TEST(condition, a_broadcast_wakes_all_in_their_order)
{
    enum { WAITERS = 8 };
    struct place p = {.value = 0};
    struct waiter w[WAITERS];

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < WAITERS; i++)
            begin(g, &w[i], &p);
        sync_settle(); /* all of them sleep */
        CHECK_OK(weft_mutex_lock(&p.mutex));
        weft_condition_broadcast(&p.changed);
        CHECK_OK(weft_condition_fini(&p.changed)); /* they are at the mutex */
        CHECK_RC(weft_mutex_fini(&p.mutex), WEFT_EBUSY);
        for (int i = 0; i < WAITERS; i++)
            CHECK(!w[i].back);
        CHECK_OK(weft_mutex_unlock(&p.mutex));
        CHECK_OK(weft_group_wait(g));
    }
    for (int i = 0; i < WAITERS; i++) {
        CHECK_OK(w[i].result);
        CHECK_EQ(w[i].turn, i + 1);
    }
    finish(&p);
    return 0;
}

TASK_TEST(condition, a_broadcast_without_the_mutex_wakes_all_too)
{
    enum { WAITERS = 8 };
    struct place p = {.value = 0};
    struct waiter w[WAITERS];

    (void)arg;
    for (int round = 0; round < 20; round++) {
        WEFT_GROUP(g, NULL)
        {
            for (int i = 0; i < WAITERS; i++)
                begin(g, &w[i], &p);
            weft_condition_broadcast(&p.changed);
            CHECK_OK(weft_group_wait(g));
        }
        for (int i = 0; i < WAITERS; i++)
            CHECK_OK(w[i].result);
        finish(&p);
    }
    return 0;
}

static int signal_from_outside(void *arg)
{
    struct place *p = arg;

    CHECK_RC(weft_condition_wait(&p->changed, &p->mutex), WEFT_ENOTASK);
    weft_condition_signal(&p->changed);
    weft_condition_broadcast(&p->changed);
    return 0;
}

TASK_TEST(condition, a_plain_thread_may_signal)
{
    struct place p = {.value = 0};
    struct waiter w[3];

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < 3; i++)
            begin(g, &w[i], &p);
        CHECK_OK(locks_outside(signal_from_outside, &p));
        CHECK_OK(weft_group_wait(g));
    }
    for (int i = 0; i < 3; i++)
        CHECK_OK(w[i].result);
    finish(&p);
    return 0;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

TASK_TEST(condition, who_does_not_hold_the_mutex_cannot_wait)
{
    struct place p = {.value = 0};
    bool yes = true;

    (void)arg;
    CHECK_RC(weft_condition_wait(&p.changed, &p.mutex), WEFT_EPERM);
    CHECK_RC(weft_condition_wait_for(&p.changed, &p.mutex, is_true, &yes), WEFT_EPERM);
    finish(&p);
    return 0;
}

/* Waiting for what is so. */

static bool is_three(void *arg)
{
    struct place *p = arg;

    CHECK(weft_mutex_owned(&p->mutex));
    p->turns++;
    return p->value == 3;
}

static int count_to_three(void *arg)
{
    struct place *p = arg;

    for (int i = 1; i <= 3; i++) {
        CHECK_OK(weft_mutex_lock(&p->mutex));
        p->value = i;
        weft_condition_signal(&p->changed);
        CHECK_OK(weft_mutex_unlock(&p->mutex));
        CHECK_OK(weft_yield());
    }
    return 0;
}

TASK_TEST(condition, what_is_waited_for_is_looked_at_before_and_after_each_wait)
{
    struct place p = {.value = 3};

    (void)arg;
    CHECK_OK(weft_mutex_lock(&p.mutex));
    CHECK_OK(weft_condition_wait_for(&p.changed, &p.mutex, is_three, &p));
    CHECK_EQ(p.turns, 1);
    p.value = 0;
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, count_to_three, &p);
        CHECK_OK(weft_condition_wait_for(&p.changed, &p.mutex, is_three, &p));
        CHECK(weft_mutex_owned(&p.mutex));
        CHECK_EQ(p.value, 3);
        CHECK_LE(p.turns, 5);
        CHECK_OK(weft_mutex_unlock(&p.mutex));
        CHECK_OK(weft_group_wait(g));
    }
    finish(&p);
    return 0;
}

/* Cancellation. */

TASK_TEST(condition, a_canceled_wait_comes_back_with_the_mutex)
{
    struct place p = {.value = 0};
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_OK(weft_mutex_lock(&p.mutex));
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_condition_wait(&p.changed, &p.mutex), WEFT_ECANCELED); /* on entry */
    CHECK(weft_mutex_owned(&p.mutex));
    CHECK_RC(weft_condition_wait_for(&p.changed, &p.mutex, is_three, &p), WEFT_ECANCELED);
    CHECK_OK(weft_scope_close(s, 0));

    s = weft_scope_open(weft_after_ms(10)); /* and asleep */
    int rc = weft_condition_wait(&p.changed, &p.mutex);
    CHECK(weft_mutex_owned(&p.mutex));
    CHECK_RC(weft_scope_close(s, rc), WEFT_ETIMEDOUT);
    CHECK_OK(weft_mutex_unlock(&p.mutex));
    finish(&p);
    return 0;
}

TASK_TEST(condition, a_canceled_wait_waits_for_the_mutex_all_the_same)
{
    struct place p = {.value = 0};
    struct waiter w;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    begin(g, &w, &p);
    CHECK_OK(weft_mutex_lock(&p.mutex));
    CHECK_OK(weft_group_cancel(g));
    weft_scope *shield = weft_shield_open(test_soon());
    sync_settle();
    CHECK_OK(weft_scope_close(shield, 0));
    CHECK(!w.back);
    CHECK_OK(weft_mutex_unlock(&p.mutex));
    weft_group_close(g);
    CHECK_RC(w.result, WEFT_ECANCELED);
    CHECK(w.held);
    finish(&p);
    return 0;
}

/* A signal that meets a cancellation goes to the one, or to the next. */
TASK_TEST(condition, no_signal_is_lost_to_one_that_is_canceled)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(100, 1000); i++) {
        struct place p = {.value = 0};
        struct waiter canceled, stays;
        weft_group *outer = weft_group_open(NULL), *inner;

        if (i % 3 == 0) {
            begin(outer, &stays, &p);
            inner = weft_group_open(NULL);
            begin(inner, &canceled, &p);
        } else {
            inner = weft_group_open(NULL);
            begin(inner, &canceled, &p);
            begin(outer, &stays, &p);
        }
        if (i % 2 == 0) {
            CHECK_OK(weft_group_cancel(inner));
            weft_condition_signal(&p.changed);
        } else {
            weft_condition_signal(&p.changed);
            CHECK_OK(weft_group_cancel(inner));
        }
        weft_group_close(inner);
        CHECK(canceled.held);
        if (canceled.result == 0)
            weft_condition_signal(&p.changed); /* it has had the first */
        else
            CHECK_RC(canceled.result, WEFT_ECANCELED);
        CHECK_OK(weft_group_wait(outer));
        weft_group_close(outer);
        CHECK_OK(stays.result);
        finish(&p);
    }
    return 0;
}

/* A waiter that was signalled and is at the mutex is not canceled any more. */
TASK_TEST(condition, one_that_is_signalled_and_then_canceled_returns_success)
{
    struct place p = {.value = 0};
    struct waiter w;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    begin(g, &w, &p);
    sync_settle();
    CHECK_OK(weft_mutex_lock(&p.mutex));
    weft_condition_signal(&p.changed);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_mutex_unlock(&p.mutex));
    weft_group_close(g);
    CHECK_OK(w.result);
    CHECK(w.held);
    finish(&p);
    return 0;
}

/* A mutex that breaks. */

static int leave_with_it(void *arg)
{
    struct place *p = arg;

    CHECK_OK(weft_mutex_lock(&p->mutex));
    if (p->value == 1)
        weft_condition_broadcast(&p->changed);
    return 0;
}

TASK_TEST(condition, whose_mutex_breaks_says_so_and_does_not_hold_it)
{
    (void)arg;
    for (int signalled_before = 0; signalled_before < 2; signalled_before++) {
        struct place p = {.value = signalled_before};
        struct waiter w[2];
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 2; i++)
            begin(g, &w[i], &p);
        sync_settle();
        WEFT_GROUP(inner, NULL)
        {
            weft_spawn(inner, leave_with_it, &p);
            CHECK_OK(weft_group_wait(inner));
        }
        weft_condition_broadcast(&p.changed);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (int i = 0; i < 2; i++) {
            CHECK_RC(w[i].result, WEFT_EBROKEN);
            CHECK(!w[i].held);
        }
        finish(&p);
    }
    return 0;
}
