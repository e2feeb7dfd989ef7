/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "tests/sched/tasks.h"

static int hold_back(void *arg)
{
    weft_scope *outer = weft_scope_open(0), *s;

    (void)arg;
    CHECK_OK(weft_scope_cancel(outer));
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    s = weft_shield_open(weft_after_ms(FOREVER_MS));
    CHECK_NOT_NULL(s);
    CHECK(!weft_canceled());
    CHECK_EQ(weft_cancel_reason(), WEFT_REASON_NONE);
    CHECK_OK(weft_yield());
    CHECK_OK(weft_sleep_ms(1));
    CHECK_OK((int)weft_scope_close(s, 0));
    CHECK(weft_canceled());
    CHECK_EQ(weft_cancel_reason(), WEFT_REASON_CALL);
    CHECK_RC(weft_sleep_ms(1), WEFT_ECANCELED);
    CHECK_RC((int)weft_scope_close(outer, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_OK(weft_yield());
    return 0;
}

WEFT_TEST(shield, holds_outer_cancellation_back_until_it_is_closed)
{
    CHECK_OK(test_run(hold_back, NULL));
}

static int own_deadline(void *arg)
{
    weft_scope *outer = weft_scope_open(0), *s;

    (void)arg;
    CHECK_NULL(weft_shield_open(0));
    CHECK_NULL(weft_shield_open(WEFT_NEVER));
    CHECK_OK(weft_scope_cancel(outer));
    s = weft_shield_open(test_soon());
    CHECK_RC(weft_scope_reschedule(s, 0), WEFT_EINVAL);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK_EQ(weft_cancel_reason(), WEFT_REASON_DEADLINE);
    CHECK_RC((int)weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    s = weft_shield_open(weft_now() - 1);
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC((int)weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    CHECK_OK((int)weft_scope_close(outer, 0));
    return 0;
}

WEFT_TEST(shield, has_a_deadline_of_its_own_which_it_must_have)
{
    CHECK_OK(test_run(own_deadline, NULL));
}

struct parked {
    atomic_int stage;
    weft_scope *_Atomic inner, *_Atomic between;
    bool nested_group;
};

static int finish_in_shield(void *arg)
{
    struct parked *p = arg;

    atomic_fetch_add(&p->stage, 1);
    CHECK_OK(weft_sleep_ms(5));
    return 0;
}

/* Parks in a shield while it is cancelled from outside. */
static int clean_up(void *arg)
{
    struct parked *p = arg;
    weft_scope *s = weft_shield_open(weft_after_ms(FOREVER_MS));

    atomic_fetch_add(&p->stage, 1);
    if (p->nested_group) {
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_spawn(g, finish_in_shield, p));
        CHECK_OK(weft_spawn(g, finish_in_shield, p));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    } else {
        for (int i = 0; i < 5; i++)
            CHECK_OK(weft_sleep_ms(1));
    }
    CHECK_OK((int)weft_scope_close(s, 0));
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    return WEFT_ECANCELED;
}

static int cancel_cleaners(void *arg)
{
    struct parked p = {.nested_group = arg != NULL};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn(g, clean_up, &p));
    yield_until(&p.stage, p.nested_group ? 60 : 20);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(shield, a_task_that_waits_in_one_is_not_woken_by_outer_cancellation)
{
    CHECK_OK(test_run(cancel_cleaners, NULL));
}

WEFT_TEST(shield, groups_opened_in_one_go_on)
{
    int yes;

    CHECK_OK(test_run(cancel_cleaners, &yes));
}

static int sleep_in_layers(void *arg)
{
    struct parked *p = arg;
    weft_scope *outer = weft_shield_open(weft_after_ms(FOREVER_MS));
    weft_scope *between = weft_scope_open(0);
    weft_scope *inner = weft_shield_open(weft_after_ms(FOREVER_MS)), *innermost = weft_scope_open(0);
    weft_scope *s;

    atomic_store(&p->between, between);
    atomic_store(&p->inner, innermost);
    atomic_store(&p->stage, 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED); /* by the innermost alone */
    CHECK_EQ(atomic_load(&p->stage), 3);
    CHECK_RC((int)weft_scope_close(innermost, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_OK(weft_sleep_ms(1));
    CHECK_OK((int)weft_scope_close(inner, 0));
    CHECK_RC(weft_sleep_ms(1), WEFT_ECANCELED); /* by `between` */
    CHECK_OK((int)weft_scope_close(between, 0));
    CHECK_OK(weft_sleep_ms(1));
    s = weft_scope_open(0);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_sleep_ms(1), WEFT_ECANCELED);
    CHECK_OK((int)weft_scope_close(s, 0));
    CHECK_OK((int)weft_scope_close(outer, 0));
    CHECK_RC(weft_yield(), WEFT_ECANCELED); /* by the group */
    return WEFT_ECANCELED;
}

static int layers(void *arg)
{
    struct parked p = {0};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, sleep_in_layers, &p));
    yield_until(&p.stage, 1);
    weft_sleep_ms(2);
    CHECK_OK(weft_group_cancel(g));
    {
        weft_scope *s = weft_shield_open(weft_after_ms(FOREVER_MS));

        CHECK_OK(weft_scope_cancel(atomic_load(&p.between)));
        weft_sleep_ms(2);
        atomic_store(&p.stage, 3);
        CHECK_OK(weft_scope_cancel(atomic_load(&p.inner)));
        CHECK_OK((int)weft_scope_close(s, 0));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(shield, only_scopes_inside_of_the_innermost_one_reach_a_wait)
{
    CHECK_OK(test_run(layers, NULL));
}

static int spawn_out_of_shield(void *arg)
{
    weft_group *outer = weft_group_open(NULL), *inner;
    weft_scope *s;
    atomic_int n = 0;

    (void)arg;
    CHECK_OK(weft_group_cancel(outer));
    s = weft_shield_open(weft_after_ms(FOREVER_MS));
    inner = weft_group_open(NULL);
    CHECK_RC(weft_spawn(outer, count, &n), WEFT_ECANCELED);
    CHECK_OK(weft_spawn(inner, count, &n));
    CHECK_OK(weft_group_wait(inner));
    CHECK_EQ(n, 1);
    weft_group_close(inner);
    CHECK_OK((int)weft_scope_close(s, 0));
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    return 0;
}

WEFT_TEST(shield, a_spawn_from_within_into_a_cancelled_group_around_it_is_refused)
{
    CHECK_OK(test_run(spawn_out_of_shield, NULL));
}

static int deadlines(void *arg)
{
    weft_time far = weft_after_ms(FOREVER_MS), near = weft_after_ms(FOREVER_MS / 2);
    weft_scope *a, *b, *c;
    weft_group *g;

    (void)arg;
    CHECK_EQ(weft_deadline(), WEFT_NEVER);
    a = weft_scope_open(near);
    CHECK_EQ(weft_deadline(), near);
    CHECK_EQ(weft_scope_deadline(a), near);
    b = weft_scope_open(far);
    CHECK_EQ(weft_deadline(), near);
    CHECK_EQ(weft_scope_deadline(b), far);
    c = weft_shield_open(far);
    CHECK_EQ(weft_deadline(), far);
    CHECK_OK(weft_scope_reschedule(c, near - 1));
    CHECK_EQ(weft_deadline(), near - 1);
    CHECK_OK((int)weft_scope_close(c, 0));
    CHECK_OK(weft_scope_reschedule(b, near - 5));
    CHECK_EQ(weft_deadline(), near - 5);
    CHECK_OK(weft_scope_reschedule(b, 0));
    CHECK_EQ(weft_scope_deadline(b), WEFT_NEVER);
    CHECK_OK(weft_scope_reschedule(b, far));
    CHECK_EQ(weft_scope_deadline(b), far);
    g = weft_group_open(&(weft_group_options){.deadline = near - 9});
    CHECK_EQ(weft_deadline(), near - 9);
    weft_group_close(g);
    CHECK_OK((int)weft_scope_close(b, 0));
    CHECK_OK((int)weft_scope_close(a, 0));
    CHECK_EQ(weft_scope_deadline(NULL), WEFT_NEVER);
    return 0;
}

WEFT_TEST(shield, the_deadline_in_effect_is_the_earliest_as_far_as_the_shield)
{
    CHECK_EQ(weft_deadline(), WEFT_NEVER);
    CHECK_OK(test_run(deadlines, NULL));
}

static int push_on(void *arg)
{
    weft_scope *s = weft_scope_open(test_soon());
    weft_time start = weft_now();

    (void)arg;
    for (int i = 0; i < 1000; i++)
        CHECK_OK(weft_scope_reschedule(s, weft_after_ms(FOREVER_MS)));
    while (weft_now() < start + 30000000)
        CHECK_OK(weft_sleep_ms(3)); /* the former deadline comes and goes */
    CHECK_OK(weft_scope_reschedule(s, weft_after_ms(2)));
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK_RC(weft_scope_reschedule(s, weft_after_ms(FOREVER_MS)), WEFT_ECANCELED);
    CHECK_EQ(weft_scope_reason(s), WEFT_REASON_DEADLINE);
    CHECK_RC((int)weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    s = weft_scope_open(0);
    CHECK_OK(weft_scope_reschedule(s, weft_now() - 1));
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC((int)weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    CHECK_RC(weft_scope_reschedule(NULL, 1), WEFT_ENOMEM);
    return 0;
}

WEFT_TEST(shield, a_scopes_deadline_can_be_moved_later_and_earlier)
{
    CHECK_OK(test_run(push_on, NULL));
}

/* A deadline that is moved where the task has come to another worker than the one whose timers it is among. */

static int keep_busy(void *arg)
{
    while (atomic_load((atomic_int *)arg) == 0)
        CHECK_OK(weft_yield());
    return 0;
}

static int pause_shortly(void *arg)
{
    (void)arg;
    pause_thread_ms(1);
    return 0;
}

static int move_from_afar(void *arg)
{
    (void)arg;
    for (int round = 0; round < 5; round++) {
        weft_scope *s = weft_scope_open(weft_after_ms(FOREVER_MS));
        weft_group *g = weft_group_open(NULL);
        atomic_int stop = 0;
        pthread_t home = pthread_self();

        for (int i = 0; i < 3; i++)
            CHECK_OK(weft_spawn(g, keep_busy, &stop));
        for (int i = 0; i < 50 && pthread_equal(home, pthread_self()); i++)
            CHECK_OK(weft_blocking(pause_shortly, NULL));
        atomic_store(&stop, 1);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        pause_thread_ms(5); /* the others may fall asleep, until the old deadline */
        CHECK_OK(weft_scope_reschedule(s, weft_after_ms(10)));
        CHECK_RC(weft_sleep_until(WEFT_NEVER), WEFT_ECANCELED);
        CHECK_RC((int)weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    }
    return 0;
}

WEFT_TEST(shield, a_deadline_moved_earlier_on_another_worker_is_kept)
{
    CHECK_OK(test_run(move_from_afar, NULL));
}
