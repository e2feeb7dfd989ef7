/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "sync/mutex.h"
#include "tests/sync/locks.h"
#include "tests/sync/waits.h"

static weft_mutex at_rest = WEFT_MUTEX_INIT;

TASK_TEST(mutex, is_held_by_the_task_that_has_locked_it)
{
    (void)arg;
    CHECK(!weft_mutex_owned(&at_rest));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(i % 2 == 0 ? weft_mutex_lock(&at_rest) : weft_mutex_try_lock(&at_rest));
        CHECK(weft_mutex_owned(&at_rest));
        CHECK_OK(weft_mutex_unlock(&at_rest));
        CHECK(!weft_mutex_owned(&at_rest));
    }
    CHECK_OK(weft_mutex_fini(&at_rest));
    return 0;
}

TASK_TEST(mutex, zeroed_memory_is_one_and_fini_takes_it)
{
    weft_mutex m, made;

    (void)arg;
    memset(&m, 0, sizeof m);
    CHECK_OK(weft_mutex_fini(&m));
    CHECK_OK(weft_mutex_lock(&m));
    CHECK_OK(weft_mutex_unlock(&m));
    CHECK_OK(weft_mutex_fini(&m));
    memset(&made, 0xff, sizeof made);
    weft_mutex_init(&made);
    CHECK_OK(weft_mutex_lock(&made));
    CHECK_OK(weft_mutex_unlock(&made));
    CHECK_OK(weft_mutex_fini(&made));
    return 0;
}

TASK_TEST(mutex, its_owner_cannot_lock_it_again)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    CHECK_OK(weft_mutex_lock(&m));
    CHECK_RC(weft_mutex_lock(&m), WEFT_EDEADLK);
    CHECK_RC(weft_mutex_try_lock(&m), WEFT_EDEADLK);
    CHECK_RC(weft_mutex_repair(&m), WEFT_EALREADY);
    CHECK(weft_mutex_owned(&m));
    CHECK_OK(weft_mutex_unlock(&m));
    CHECK_RC(weft_mutex_unlock(&m), WEFT_EPERM);
    return 0;
}

/* All that another task, or thread, may not do with a mutex that is held. */
static int meddle(void *arg)
{
    weft_mutex *m = arg;

    CHECK(!weft_mutex_owned(m));
    CHECK_RC(weft_mutex_unlock(m), WEFT_EPERM);
    CHECK_RC(weft_mutex_try_lock(m), WEFT_EBUSY);
    CHECK_RC(weft_mutex_fini(m), WEFT_EBUSY);
    CHECK_RC(weft_mutex_repair(m), WEFT_EALREADY);
    return 0;
}

TASK_TEST(mutex, belongs_to_its_owner_alone)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    CHECK_OK(weft_mutex_lock(&m));
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, meddle, &m);
        CHECK_OK(weft_group_wait(g));
    }
    CHECK(weft_mutex_owned(&m));
    CHECK_OK(weft_mutex_unlock(&m));
    return 0;
}

static int as_a_thread(void *arg)
{
    weft_mutex *m = arg;

    CHECK_RC(weft_mutex_lock(m), WEFT_ENOTASK);
    CHECK_RC(weft_mutex_try_lock(m), WEFT_ENOTASK);
    CHECK_RC(weft_mutex_unlock(m), WEFT_ENOTASK);
    CHECK_RC(weft_mutex_repair(m), WEFT_ENOTASK);
    CHECK(!weft_mutex_owned(m));
    CHECK_RC(weft_mutex_fini(m), WEFT_EBUSY);
    return 0;
}

TASK_TEST(mutex, a_plain_thread_owns_none)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    CHECK_OK(weft_mutex_lock(&m));
    CHECK_OK(locks_outside(as_a_thread, &m));
    CHECK_OK(weft_mutex_unlock(&m));
    return 0;
}

TASK_TEST(mutex, those_who_wait_get_it_in_the_order_in_which_they_came)
{
    enum { WAITERS = 6 };
    weft_mutex m = WEFT_MUTEX_INIT;
    _Atomic int turns = 0;
    struct locks_holder w[WAITERS];

    (void)arg;
    CHECK_OK(weft_mutex_lock(&m));
    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < WAITERS; i++) {
            w[i] = (struct locks_holder){.mutex = &m, .turns = &turns, .let_go = true};
            locks_begin(g, &w[i]);
            CHECK(!w[i].got);
        }
        CHECK_RC(weft_mutex_fini(&m), WEFT_EBUSY);
        CHECK_OK(weft_mutex_unlock(&m));
        CHECK_OK(weft_group_wait(g));
    }
    for (int i = 0; i < WAITERS; i++) {
        CHECK_OK(w[i].result);
        CHECK_EQ(w[i].turn, i + 1);
    }
    CHECK_OK(weft_mutex_fini(&m));
    return 0;
}

/* One that takes it again and again, and lets the others run while it has it. */
TASK_TEST(mutex, one_that_comes_again_and_again_does_not_starve_one_that_waits)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    for (int round = 0; round < 20; round++) {
        struct locks_holder w = {.mutex = &m, .let_go = true};
        int more = 0;

        CHECK_OK(weft_mutex_lock(&m));
        WEFT_GROUP(g, NULL)
        {
            locks_begin(g, &w);
            while (!w.got) {
                CHECK_OK(weft_mutex_unlock(&m));
                CHECK_OK(weft_mutex_lock(&m));
                CHECK_OK(weft_yield());
                more++;
            }
            CHECK_OK(weft_mutex_unlock(&m));
            CHECK_OK(weft_group_wait(g));
        }
        /* With one worker the waiter runs in each yield, so it loses each time, up to 16 times. */
        if (test_workers() == 1)
            CHECK_LE(more, 18);
    }
    return 0;
}

/* Cancellation. */

TASK_TEST(mutex, a_canceled_scope_does_not_lock_what_is_free)
{
    weft_mutex m = WEFT_MUTEX_INIT;
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_mutex_lock(&m), WEFT_ECANCELED);
    CHECK(!weft_mutex_owned(&m));
    CHECK_OK(weft_mutex_try_lock(&m)); /* no checkpoint */
    CHECK_RC(weft_mutex_lock(&m), WEFT_ECANCELED);
    CHECK_OK(weft_mutex_unlock(&m)); /* nor this */
    CHECK_OK(weft_scope_close(s, 0));
    CHECK_OK(weft_mutex_lock(&m));
    CHECK_OK(weft_mutex_unlock(&m));
    return 0;
}

TASK_TEST(mutex, a_shield_lets_it_be_locked)
{
    weft_mutex m = WEFT_MUTEX_INIT;
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_OK(weft_scope_cancel(s));
    weft_scope *shield = weft_shield_open(test_soon());
    CHECK_OK(weft_mutex_lock(&m));
    CHECK_OK(weft_mutex_unlock(&m));
    CHECK_OK(weft_scope_close(shield, 0));
    CHECK_OK(weft_scope_close(s, 0));
    return 0;
}

TASK_TEST(mutex, a_deadline_ends_the_wait_and_those_behind_are_served)
{
    weft_mutex m = WEFT_MUTEX_INIT;
    struct locks_holder holder = {.mutex = &m}, behind = {.mutex = &m, .let_go = true};

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        locks_begin(g, &holder);
        locks_await(&holder.got);
        weft_scope *s = weft_scope_open(weft_after_ms(15));
        weft_spawn(g, locks_hold, &behind);
        CHECK_RC(weft_scope_close(s, weft_mutex_lock(&m)), WEFT_ETIMEDOUT);
        CHECK(!weft_mutex_owned(&m));
        holder.let_go = true;
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(behind.result);
    CHECK_OK(weft_mutex_fini(&m));
    return 0;
}

TASK_TEST(mutex, those_in_front_between_and_behind_may_be_canceled)
{
    enum { WAITERS = 5 };
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    for (unsigned mask = 0; mask < 1 << WAITERS; mask += SYNC_SCALE(5, 1)) {
        struct locks_holder w[WAITERS];
        weft_group *all = weft_group_open(NULL);
        weft_task *tasks[WAITERS];

        CHECK_OK(weft_mutex_lock(&m));
        for (int i = 0; i < WAITERS; i++) {
            w[i] = (struct locks_holder){.mutex = &m, .let_go = true};
            tasks[i] = weft_spawn_task(all, locks_hold, &w[i], NULL);
            CHECK_NOT_NULL(tasks[i]);
            locks_await(&w[i].begun);
        }
        CHECK_OK(weft_yield());
        for (int i = 0; i < WAITERS; i++)
            if (mask & 1U << i)
                CHECK_OK(weft_task_cancel(tasks[i]));
        CHECK_OK(weft_mutex_unlock(&m));
        CHECK_OK(weft_group_wait(all));
        for (int i = 0; i < WAITERS; i++) {
            /* A task that had not come to the lock yet may have found it free, or that it was cancelled. */
            if (!(mask & 1U << i))
                CHECK_OK(w[i].result);
            else if (w[i].result != 0)
                CHECK_RC(w[i].result, WEFT_ECANCELED);
            weft_task_release(tasks[i]);
        }
        weft_group_close(all);
        CHECK_OK(weft_mutex_fini(&m));
    }
    return 0;
}

/* The first is called by an unlock, finds the mutex taken once more, and is cancelled: the second is not forgotten. */
TASK_TEST(mutex, one_that_is_called_loses_and_is_canceled_strands_nobody)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    for (int i = 0; i < SYNC_SCALE(20, 100); i++) {
        struct locks_holder canceled = {.mutex = &m, .let_go = true}, stays = {.mutex = &m, .let_go = true};
        weft_group *outer = weft_group_open(NULL), *inner;
        int again;

        CHECK_OK(weft_mutex_lock(&m));
        weft_spawn(outer, locks_hold, &stays);
        locks_await(&stays.begun);
        inner = weft_group_open(NULL);
        weft_spawn(inner, locks_hold, &canceled);
        locks_await(&canceled.begun);
        for (int k = 0; k < 3; k++)
            CHECK_OK(weft_yield());
        CHECK_OK(weft_mutex_unlock(&m));
        again = weft_mutex_try_lock(&m);
        CHECK_OK(weft_group_cancel(inner));
        weft_group_close(inner);
        if (again == 0)
            CHECK_OK(weft_mutex_unlock(&m));
        else
            CHECK_RC(again, WEFT_EBUSY);
        CHECK_OK(weft_group_wait(outer));
        weft_group_close(outer);
        CHECK_OK(stays.result);
        if (canceled.result != 0)
            CHECK_RC(canceled.result, WEFT_ECANCELED);
        CHECK_OK(weft_mutex_fini(&m));
    }
    return 0;
}

/* How many tasks are in the queue. */
static int queue_length(weft_mutex *m)
{
    struct weft__mutex *inside = weft__mutex_of(m);
    int found = 0;

    weft__spinlock_lock(&inside->lock);
    for (const struct weft__link *l = inside->waiters.first; l != NULL; l = l->next)
        found++;
    weft__spinlock_unlock(&inside->lock);
    return found;
}

/* Waits until `n` tasks are in the queue. */
static void await_queue(weft_mutex *m, int n)
{
    do
        CHECK_OK(weft_yield());
    while (queue_length(m) != n);
}

TASK_TEST(mutex, one_that_has_waited_for_long_gets_it_handed_over_and_keeps_it_although_it_is_canceled)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    for (int i = 0; i < 10; i++) {
        struct locks_holder w = {.mutex = &m, .let_go = true};
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_mutex_lock(&m));
        weft_spawn(g, locks_hold, &w);
        await_queue(&m, 1);
        CHECK_OK(weft_sleep_ms(2));
        CHECK_OK(weft_mutex_unlock(&m));
        /* It has been granted the mutex, whether or not it has resumed. */
        CHECK_OK(weft_group_cancel(g));
        weft_group_close(g);
        CHECK_OK(w.result);
        CHECK_OK(weft_mutex_fini(&m));
    }
    return 0;
}

TASK_TEST(mutex, one_that_has_waited_for_a_moment_competes_and_goes_back_to_the_front)
{
    weft_mutex m = WEFT_MUTEX_INIT;
    _Atomic int turns = 0;

    (void)arg;
    for (int i = 0; i < 10; i++) {
        struct locks_holder first = {.mutex = &m, .turns = &turns, .let_go = true};
        struct locks_holder second = {.mutex = &m, .turns = &turns, .let_go = true};

        WEFT_GROUP(g, NULL)
        {
            CHECK_OK(weft_mutex_lock(&m));
            weft_spawn(g, locks_hold, &first);
            await_queue(&m, 1);
            weft_spawn(g, locks_hold, &second);
            await_queue(&m, 2);
            CHECK_OK(weft_mutex_unlock(&m));
            if (weft_mutex_try_lock(&m) == 0) {
                await_queue(&m, 2); /* it has lost, and waits again */
                CHECK_OK(weft_mutex_unlock(&m));
            }
            CHECK_OK(weft_group_wait(g));
        }
        CHECK_EQ(first.turn, 2 * i + 1);
        CHECK_EQ(second.turn, 2 * i + 2);
    }
    return 0;
}

/* One that comes back from a condition, and takes the mutex while the first of the queue is on its way to it: its unlock leaves the second
 * where it is, for only one is called at a time. */

struct comer {
    weft_mutex *mutex;
    const struct locks_holder *called;
    _Atomic bool waits;
    int queued;
};

static int come_in_between(void *arg)
{
    struct comer *c = arg;
    weft_condition never = WEFT_CONDITION_INIT;
    bool is_between;

    CHECK_OK(weft_mutex_lock(c->mutex));
    c->waits = true;
    CHECK_RC(weft_condition_wait(&never, c->mutex), WEFT_ECANCELED);
    is_between = !c->called->got;
    CHECK_OK(weft_mutex_unlock(c->mutex));
    c->queued = is_between ? queue_length(c->mutex) : 1;
    return 0;
}

ONE_WORKER_TEST(mutex, one_is_called_at_a_time)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    for (int i = 0; i < 10; i++) {
        struct locks_holder w[2];
        struct comer comer = {.mutex = &m, .called = &w[0]};
        weft_group *g = weft_group_open(NULL), *others = weft_group_open(NULL);
        bool called;

        weft_spawn(others, come_in_between, &comer);
        locks_await(&comer.waits);
        CHECK_OK(weft_mutex_lock(&m));
        for (int k = 0; k < 2; k++) {
            w[k] = (struct locks_holder){.mutex = &m, .let_go = true};
            weft_spawn(g, locks_hold, &w[k]);
            await_queue(&m, k + 1);
        }
        CHECK_OK(weft_mutex_unlock(&m));
        called = weft__mutex_of(&m)->called; /* else it has waited for long, and was handed the mutex */
        CHECK_OK(weft_group_cancel(others)); /* who was woken last runs first */
        weft_group_close(others);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        if (called)
            CHECK_EQ(comer.queued, 1);
        CHECK_OK(weft_mutex_fini(&m));
    }
    return 0;
}

/* What was granted before the cancellation came is kept, and the next call says that it came. */
TASK_TEST(mutex, the_unlock_and_a_cancellation_at_once_give_one_of_the_two)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        struct locks_holder w = {.mutex = &m, .let_go = true};
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_mutex_lock(&m));
        weft_spawn(g, locks_hold, &w);
        if (i % 2 == 0)
            locks_await(&w.begun);
        CHECK_OK(weft_mutex_unlock(&m));
        weft_group_close(g);
        if (w.result != 0)
            CHECK_RC(w.result, WEFT_ECANCELED);
        CHECK_OK(weft_mutex_fini(&m));
    }
    return 0;
}
