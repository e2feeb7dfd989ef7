/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "tests/sched/tasks.h"

/* Policies. */

static int fail_after_all(void *arg)
{
    atomic_int *n = arg;

    yield_until(n, 3);
    return -50;
}

static int wait_all(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.policy = WEFT_WAIT_ALL});
    int codes[] = {-71, -72};
    atomic_int n = 0;
    weft_error e;

    (void)arg;
    CHECK_OK(weft_spawn_with(g, fail_with, &codes[0], &(weft_task_options){.name = "first"}));
    CHECK_RC(weft_group_wait(g), -71);
    CHECK(!weft_group_canceled(g));
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, count, &n));
    CHECK_OK(weft_spawn(g, fail_after_all, &n));
    CHECK_RC(weft_group_fail(g, -73), 0);
    CHECK_OK(weft_spawn(g, fail_with, &codes[1]));
    CHECK_RC(weft_group_wait(g), -71);
    CHECK_EQ(n, 3);
    CHECK_EQ(weft_group_failed(g), 4);
    CHECK_OK(weft_group_error(g, 0, &e));
    CHECK_RC(e.code, -71);
    CHECK_STR_EQ(e.task_name, "first");
    CHECK(e.fn == fail_with);
    CHECK_NE(e.task_id, 0);
    CHECK_OK(weft_group_error(g, 1, &e));
    CHECK_RC(e.code, -73);
    CHECK(e.fn == NULL);
    CHECK_STR_EQ(e.task_name, "");
    CHECK_RC(weft_group_error(g, 4, &e), WEFT_EEMPTY);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group_options, wait_all_lets_siblings_run_to_their_end_and_gathers_errors)
{
    CHECK_OK(test_run(wait_all, NULL));
}

static int first_success(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.policy = WEFT_FIRST_SUCCESS});
    int code = -60;

    (void)arg;
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(g, sleep_forever, NULL));
    CHECK_OK(weft_spawn(g, fail_with, &code));
    CHECK_OK(weft_spawn(g, nothing, NULL));
    CHECK_OK(weft_group_wait(g));
    CHECK(weft_group_canceled(g));
    CHECK_EQ(weft_group_reason(g), WEFT_REASON_CALL);
    weft_group_close(g);

    g = weft_group_open(&(weft_group_options){.policy = WEFT_FIRST_SUCCESS});
    CHECK_OK(weft_spawn(g, fail_with, &code));
    CHECK_RC(weft_group_wait(g), -60);
    CHECK(!weft_group_canceled(g));
    CHECK_OK(weft_spawn(g, fail_with, &code));
    CHECK_RC(weft_group_wait(g), -60);
    CHECK_EQ(weft_group_failed(g), 2);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group_options, the_first_success_cancels_the_others_and_only_failures_all_round_fail)
{
    CHECK_OK(test_run(first_success, NULL));
}

static int nonsense(void *arg)
{
    (void)arg;
    CHECK_NULL(weft_group_open(&(weft_group_options){.policy = (enum weft_policy)3}));
    return 0;
}

WEFT_TEST(group_options, there_are_three_policies)
{
    CHECK_OK(test_run(nonsense, NULL));
}

/* The limit. */

struct crowd {
    weft_group *g;
    atomic_int inside, most, entered;
    unsigned children; /* of each */
    int fail_at;
};

static int crowd_in(void *arg)
{
    struct crowd *c = arg;
    int n = atomic_fetch_add(&c->inside, 1) + 1, most = atomic_load(&c->most), me;

    while (n > most && !atomic_compare_exchange_weak(&c->most, &most, n))
        ;
    me = atomic_fetch_add(&c->entered, 1) + 1;
    if (me % 3 == 0)
        (void)weft_yield();
    else if (me % 3 == 1)
        (void)weft_sleep_ms(0);
    atomic_fetch_sub(&c->inside, 1);
    return me == c->fail_at ? -44 : 0;
}

static int limited(void *arg)
{
    static const unsigned limits[] = {1, 2, 7, 5000};

    (void)arg;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct crowd c = {.g = weft_group_open(&(weft_group_options){.limit = limits[i]})};

        for (int j = 0; j < 1000; j++)
            CHECK_OK(
                weft_spawn_with(c.g, crowd_in, &c, &(weft_task_options){.pinned = j % 5 == 0, .priority = j % 3 - 1}));
        CHECK_OK(weft_group_wait(c.g));
        CHECK_EQ(c.entered, 1000);
        CHECK_LE(c.most, limits[i]);
        CHECK_EQ(weft_group_live(c.g), 0);
        weft_group_close(c.g);
    }
    return 0;
}

WEFT_TEST(group_options, no_more_children_are_alive_than_the_limit_and_spawn_does_not_wait)
{
    CHECK_OK(test_run(limited, NULL));
}

static int limited_failure(void *arg)
{
    struct crowd c = {.fail_at = 10};
    int accepted = 0;

    (void)arg;
    c.g = weft_group_open(&(weft_group_options){.limit = 3});
    for (int j = 0; j < 100; j++)
        accepted += weft_spawn(c.g, crowd_in, &c) == 0; /* until the tenth has failed, beside this */
    CHECK_GE(accepted, 10);
    CHECK_RC(weft_group_wait(c.g), -44);
    CHECK_EQ(c.entered, accepted); /* spawned, so entered, be it to be cancelled */
    weft_group_close(c.g);
    return 0;
}

WEFT_TEST(group_options, a_child_held_back_is_entered_also_where_the_group_was_cancelled_first)
{
    CHECK_OK(test_run(limited_failure, NULL));
}

static int spawn_more(void *arg)
{
    struct crowd *c = arg;

    if (atomic_load(&c->entered) < 300)
        for (unsigned i = 0; i < c->children; i++)
            CHECK_OK(weft_spawn(c->g, spawn_more, c));
    return crowd_in(c);
}

static int limited_tree(void *arg)
{
    struct crowd c = {.children = 2};

    (void)arg;
    c.g = weft_group_open(&(weft_group_options){.limit = 4});
    CHECK_OK(weft_spawn(c.g, spawn_more, &c));
    CHECK_OK(weft_group_wait(c.g));
    CHECK_GE(c.entered, 300);
    CHECK_LE(c.most, 4);
    weft_group_close(c.g);
    return 0;
}

WEFT_TEST(group_options, children_of_a_limited_group_may_spawn_into_it)
{
    CHECK_OK(test_run(limited_tree, NULL));
}

/* Errors. */

struct reports {
    atomic_int count, others;
};

static void on_error(const weft_error *e, void *arg)
{
    struct reports *r = arg;

    atomic_fetch_add(e->code == -30 ? &r->count : &r->others, 1);
}

static int many_fail(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.policy = WEFT_WAIT_ALL, .max_errors = 5});
    int code = -30;
    weft_error e;

    (void)arg;
    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_spawn(g, fail_with, &code));
    CHECK_RC(weft_group_wait(g), -30);
    CHECK_EQ(weft_group_failed(g), 100);
    CHECK_OK(weft_group_error(g, 4, &e));
    CHECK_RC(weft_group_error(g, 5, &e), WEFT_EEMPTY);
    weft_group_close(g);
    CHECK_RC(weft_group_error(NULL, 0, &e), WEFT_ENOMEM);
    CHECK_EQ(weft_group_failed(NULL), 0);
    CHECK_EQ(weft_group_live(NULL), 0);
    return 0;
}

WEFT_TEST(group_options, errors_beyond_the_cap_are_counted_and_reach_the_hook)
{
    struct reports r = {0};

    CHECK_OK(weft_run_with(
        many_fail, NULL, &(weft_runtime_options){.workers = test_workers(), .on_error = on_error, .on_error_arg = &r}));
    CHECK_EQ(r.count, 95);
    CHECK_EQ(r.others, 0);
}

/* Order of completion. */

struct sleeper {
    int ms, index;
};

static int sleep_some(void *arg)
{
    struct sleeper *s = arg;

    CHECK_OK(weft_sleep_ms(s->ms));
    CHECK_OK(weft_task_set_result(s));
    return s->index;
}

static int as_completed(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    struct sleeper s[20];
    bool seen[20] = {false};
    weft_task *t;

    (void)arg;
    CHECK_RC(weft_group_next(g, &t), WEFT_EEMPTY);
    for (int i = 0; i < 20; i++) {
        s[i] = (struct sleeper){(i * 7) % 20, i};
        CHECK_NOT_NULL(weft_spawn_task(g, sleep_some, &s[i], NULL));
    }
    for (int i = 0; i < 20; i++) {
        CHECK_OK(weft_group_next(g, &t));
        CHECK_EQ(weft_task_state(t), WEFT_TASK_DONE);
        CHECK(!seen[weft_task_code(t)]);
        CHECK_PTR_EQ(weft_task_result(t), &s[weft_task_code(t)]);
        seen[weft_task_code(t)] = true;
        weft_task_release(t);
    }
    CHECK_RC(weft_group_next(g, &t), WEFT_EEMPTY);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group_options, next_gives_each_child_once_in_order_of_completion)
{
    CHECK_OK(test_run(as_completed, NULL));
}

struct turn {
    atomic_int *now;
    int mine;
};

static int wait_for_turn(void *arg)
{
    struct turn *t = arg;

    while (atomic_load(t->now) != t->mine)
        CHECK_OK(weft_yield());
    return t->mine;
}

static int ended_in_turn(void *arg)
{
    enum { N = 10 };
    weft_group *g = weft_group_open(NULL);
    atomic_int now = -1;
    struct turn turns[N];
    weft_task *tasks[N], *t;

    (void)arg;
    for (int i = 0; i < N; i++) {
        turns[i] = (struct turn){&now, i};
        CHECK_NOT_NULL(tasks[i] = weft_spawn_task(g, wait_for_turn, &turns[i], NULL));
    }
    for (int i = 0; i < N; i++) {
        int next = (i * 3 + 5) % N;

        atomic_store(&now, next);
        CHECK_EQ(weft_task_join(tasks[next]), next);
    }
    for (int i = 0; i < N; i++) {
        CHECK_OK(weft_group_next(g, &t));
        CHECK_PTR_EQ(t, tasks[(i * 3 + 5) % N]);
        weft_task_release(t);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group_options, next_keeps_the_order_in_which_children_ended)
{
    CHECK_OK(test_run(ended_in_turn, NULL));
}

static int next_after(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;
    weft_task *quick, *slow, *t;
    weft_scope *s;

    (void)arg;
    slow = weft_spawn_task(g, count_and_sleep_forever, &n, NULL);
    quick = weft_spawn_task(g, nothing, NULL, NULL);
    CHECK_OK(weft_group_next(g, &t));
    CHECK_PTR_EQ(t, quick);
    s = weft_scope_open(test_soon());
    CHECK_RC(weft_group_next(g, &t), WEFT_ECANCELED);
    CHECK_RC((int)weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    CHECK_OK(weft_task_cancel(slow));
    CHECK_OK(weft_group_next(g, &t));
    CHECK_PTR_EQ(t, slow);
    weft_task_release(slow);
    weft_task_release(quick);
    /* One that is released is not given out, whether it has ended or not. */
    slow = weft_spawn_task(g, sleep_forever, NULL, NULL);
    quick = weft_spawn_task(g, nothing, NULL, NULL);
    CHECK_OK(weft_task_join(quick));
    weft_task_release(quick);
    CHECK_OK(weft_task_cancel(slow));
    weft_task_release(slow);
    CHECK_RC(weft_group_next(g, &t), WEFT_EEMPTY);
    /* One that nobody has asked for when the group is closed. */
    quick = weft_spawn_task(g, nothing, NULL, NULL);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_task_code(quick));
    weft_task_release(quick);
    return 0;
}

WEFT_TEST(group_options, next_may_be_cancelled_and_skips_released_handles)
{
    CHECK_OK(test_run(next_after, NULL));
}

/* The block form. */

static int leave_block(weft_fn child, atomic_int *n, int how)
{
    for (int i = 0; i < 3; i++) {
        WEFT_GROUP(g, NULL)
        {
            CHECK_OK(weft_spawn(g, child, n));
            CHECK_OK(weft_spawn(g, child, n));
            if (how == 0)
                return -1;
            if (how == 1)
                break;
            if (how == 2)
                continue;
            if (how == 3)
                goto out;
        }
    }
out:
    return 0;
}

static int entered_and_left(void *arg)
{
    atomic_int *n = arg;

    atomic_fetch_add(&n[0], 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    atomic_fetch_add(&n[1], 1);
    return WEFT_ECANCELED;
}

static int blocks(void *arg)
{
    static const int entered[] = {2, 6, 6, 2, 6};

    (void)arg;
    for (int how = 0; how < 5; how++) {
        atomic_int n[2] = {0, 0};

        CHECK_EQ(leave_block(entered_and_left, n, how), how == 0 ? -1 : 0);
        CHECK_EQ(n[0], entered[how]);
        CHECK_EQ(n[1], entered[how]);
    }
    return 0;
}

WEFT_TEST(group_options, whichever_way_a_block_is_left_its_children_are_gone)
{
    CHECK_OK(test_run(blocks, NULL));
}

/* Live counts, months. */

static int live_counts(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;

    (void)arg;
    for (int i = 1; i <= 10; i++) {
        CHECK_OK(weft_spawn(g, count_and_sleep_forever, &n));
        CHECK_EQ(weft_group_live(g), i);
    }
    yield_until(&n, 10);
    CHECK_EQ(weft_group_live(g), 10);
    weft_group_cancel(g);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(weft_group_live(g), 0);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group_options, live_children_are_counted)
{
    CHECK_OK(test_run(live_counts, NULL));
}

static int reschedule(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = weft_after_ms(FOREVER_MS)});

    (void)arg;
    CHECK_OK(weft_spawn(g, sleep_forever, NULL));
    CHECK_OK(weft_group_reschedule(g, test_soon()));
    CHECK_RC(weft_group_wait(g), WEFT_ETIMEDOUT);
    CHECK_EQ(weft_group_reason(g), WEFT_REASON_DEADLINE);
    CHECK_RC(weft_group_reschedule(g, weft_after_ms(FOREVER_MS)), WEFT_ECANCELED);
    weft_group_close(g);
    CHECK_RC(weft_group_reschedule(NULL, 1), WEFT_ENOMEM);
    return 0;
}

WEFT_TEST(group_options, the_deadline_can_be_moved)
{
    CHECK_OK(test_run(reschedule, NULL));
}

/* Detached tasks. */

struct hook {
    atomic_int errors, left_over;
    char name[32];
};

static void note(const weft_error *e, void *arg)
{
    struct hook *h = arg;

    if (e->left_over)
        atomic_fetch_add(&h->left_over, 1);
    if (e->code == -11) {
        memcpy(h->name, e->task_name, sizeof h->name);
        atomic_fetch_add(&h->errors, 1);
    }
}

static int detach(void *arg)
{
    struct hook *h = arg;
    static int code = -11;
    static atomic_int n;

    atomic_store(&n, 0);
    CHECK_OK(weft_spawn_detached(fail_with, &code, &(weft_task_options){.name = "writer"}));
    yield_until(&h->errors, 1); /* at once */
    CHECK_STR_EQ(h->name, "writer");
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn_detached(count_and_sleep_forever, &n, NULL));
    CHECK_OK(weft_runtime_spawn(weft_runtime_current(), count_and_sleep_forever, &n));
    yield_until(&n, 4);
    CHECK_EQ(h->left_over, 0);
    return 0;
}

WEFT_TEST(group_options, a_detached_tasks_error_reaches_the_hook_at_once_and_left_over_ones_do_at_the_end)
{
    struct hook h = {0};

    CHECK_RC(weft_spawn_detached(nothing, NULL, NULL), WEFT_ENOTASK);
    CHECK_OK(weft_run_with(detach, &h,
                           &(weft_runtime_options){.workers = test_workers(), .on_error = note, .on_error_arg = &h}));
    CHECK_EQ(h.errors, 1);
    CHECK_EQ(h.left_over, 4);
}
