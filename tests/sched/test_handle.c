/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/sched/tasks.h"

static int answer(void *arg)
{
    CHECK_OK(weft_task_set_result(arg));
    return 42;
}

static int join_one(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_task *t = weft_spawn_task(g, answer, arg, NULL);
    int rc;

    CHECK_NOT_NULL(t);
    CHECK_EQ(weft_task_join(t), 42);
    CHECK_EQ(weft_task_join(t), 42);
    CHECK_EQ(weft_task_code(t), 42);
    CHECK_EQ(weft_task_state(t), WEFT_TASK_DONE);
    CHECK_PTR_EQ(weft_task_result(t), arg);
    CHECK_PTR_EQ(weft_task_arg(t), arg);
    rc = weft_group_wait(g);
    weft_group_close(g);
    CHECK_PTR_EQ(weft_task_result(t), arg); /* kept until it is released */
    weft_task_release(t);
    return rc;
}

WEFT_TEST(handle, keeps_state_code_and_result_until_it_is_released)
{
    int x;

    CHECK_OK(test_run(join_one, &x));
}

static int take_null(void *arg)
{
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_RC(weft_task_join(NULL), WEFT_ENOMEM);
    CHECK_RC(weft_task_cancel(NULL), WEFT_ENOMEM);
    CHECK_RC(weft_task_code(NULL), WEFT_ENOMEM);
    CHECK_NULL(weft_task_result(NULL));
    CHECK_NULL(weft_task_arg(NULL));
    CHECK_EQ(weft_task_state(NULL), WEFT_TASK_DONE);
    CHECK_EQ(weft_task_reason(NULL), WEFT_REASON_NONE);
    weft_task_release(NULL);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_task_join(NULL), WEFT_ECANCELED);
    CHECK_OK((int)weft_scope_close(s, 0));
    CHECK_RC(weft_task_set_result(NULL), WEFT_EINVAL);
    CHECK_NULL(weft_spawn_task(NULL, nothing, NULL, NULL));
    return 0;
}

WEFT_TEST(handle, every_call_takes_null)
{
    CHECK_RC(weft_task_join(NULL), WEFT_ENOTASK);
    CHECK_RC(weft_task_set_result(NULL), WEFT_ENOTASK);
    CHECK_OK(test_run(take_null, NULL));
}

static int cancel_one(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;
    weft_task *a = weft_spawn_task(g, count_and_sleep_forever, &n, NULL);
    weft_task *b = weft_spawn_task(g, count_and_sleep_forever, &n, NULL);
    weft_task *c = weft_spawn_task(g, sleep_forever, NULL, NULL); /* cancelled before it begins, or soon after */

    (void)arg;
    CHECK_OK(weft_task_cancel(c));
    CHECK_RC(weft_task_join(c), WEFT_ETASKCANCELED);
    yield_until(&n, 2);
    CHECK_EQ(weft_task_state(a), WEFT_TASK_RUNNING);
    CHECK_RC(weft_task_code(a), WEFT_EBUSY);
    CHECK_OK(weft_task_cancel(a));
    CHECK_RC(weft_task_join(a), WEFT_ETASKCANCELED);
    CHECK_RC(weft_task_code(a), WEFT_ECANCELED);
    CHECK_EQ(weft_task_reason(a), WEFT_REASON_CALL);
    CHECK_EQ(weft_task_state(b), WEFT_TASK_RUNNING);
    CHECK(!weft_group_canceled(g));
    CHECK_OK(weft_task_cancel(b));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(weft_task_cancel(b)); /* no-op: it has ended */
    CHECK_EQ(weft_group_failed(g), 0);
    weft_group_close(g);
    CHECK_OK(weft_task_cancel(b));
    weft_task_release(a);
    weft_task_release(b);
    weft_task_release(c);
    return 0;
}

WEFT_TEST(handle, cancels_its_task_alone_and_that_is_no_failure_of_the_group)
{
    CHECK_OK(test_run(cancel_one, NULL));
}

static int end_first(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_task *t = weft_spawn_task(g, nothing, NULL, NULL);

    (void)arg;
    CHECK_OK(weft_task_join(t));
    CHECK_OK(weft_task_cancel(t));
    CHECK_EQ(weft_task_reason(t), WEFT_REASON_NONE);
    CHECK_OK(weft_task_code(t));
    weft_task_release(t);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(handle, cancel_of_a_task_that_has_finished_is_a_no_op)
{
    CHECK_OK(test_run(end_first, NULL));
}

static int cleanup_fails(void *arg)
{
    (void)arg;
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    return -77;
}

static int cancel_into_error(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_task *t = weft_spawn_task(g, cleanup_fails, NULL, NULL);

    (void)arg;
    CHECK_OK(weft_task_cancel(t));
    CHECK_RC(weft_group_wait(g), -77);
    CHECK_RC(weft_task_code(t), -77);
    weft_group_close(g);
    weft_task_release(t);
    return 0;
}

WEFT_TEST(handle, a_cancelled_task_that_returns_a_real_error_fails_its_group)
{
    CHECK_OK(test_run(cancel_into_error, NULL));
}

static int release_early(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;

    (void)arg;
    for (int i = 0; i < 1000; i++)
        weft_task_release(weft_spawn_task(g, count, &n, NULL));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(n, 1000);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(handle, a_released_one_leaves_its_task_alone)
{
    CHECK_OK(test_run(release_early, NULL));
}

static int join_it(void *arg)
{
    return weft_task_join(arg);
}

static int join_self(void *arg)
{
    _Atomic(weft_task *) *self = arg;

    while (*self == NULL)
        CHECK_OK(weft_yield());
    return weft_task_join(*self) == WEFT_EDEADLK ? 7 : -1;
}

static int many_join(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;
    weft_task *t = weft_spawn_task(g, count_and_sleep_forever, &n, NULL), *joiners[20];
    weft_scope *s = weft_scope_open(test_soon());
    _Atomic(weft_task *) self = NULL;

    (void)arg;
    CHECK_RC(weft_task_join(t), WEFT_ECANCELED); /* the joiner's deadline: the task goes on */
    CHECK_RC((int)weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    CHECK_EQ(weft_task_state(t), WEFT_TASK_RUNNING);
    for (int i = 0; i < 20; i++)
        joiners[i] = weft_spawn_task(g, join_it, t, NULL);
    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_task_cancel(joiners[i]));
    for (int i = 0; i < 10; i++)
        CHECK_RC(weft_task_join(joiners[i]), WEFT_ETASKCANCELED);
    CHECK_OK(weft_task_cancel(t));
    CHECK_RC(weft_group_wait(g),
             WEFT_ETASKCANCELED); /* the first of those that still joined it fails, and its code is that */
    for (int i = 10; i < 20; i++)
        weft_task_release(joiners[i]);
    for (int i = 0; i < 10; i++)
        weft_task_release(joiners[i]);
    weft_task_release(t);
    weft_group_close(g);

    g = weft_group_open(NULL);
    t = weft_spawn_task(g, join_self, &self, NULL);
    self = t;
    CHECK_EQ(weft_task_join(t), 7);
    weft_task_release(t);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(handle, several_may_join_and_be_cancelled_in_it)
{
    CHECK_OK(test_run(many_join, NULL));
}

static int see_name(void *arg)
{
    CHECK_STR_EQ(weft_task_name(), arg);
    CHECK_OK(weft_yield());
    CHECK_STR_EQ(weft_task_name(), arg);
    return 0;
}

static int copied_names(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    char name[64], kept[10][64];

    (void)arg;
    for (int i = 0; i < 10; i++) {
        (void)snprintf(kept[i], sizeof kept[i], "connection %d", i);
        memcpy(name, kept[i], sizeof name);
        CHECK_OK(weft_spawn_with(g, see_name, kept[i], &(weft_task_options){.name = name}));
        memset(name, 'x', sizeof name);
    }
    CHECK_OK(weft_spawn_with(g, see_name, "0123456789012345678901234567890",
                             &(weft_task_options){.name = "01234567890123456789012345678901234567890123456789"}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_NULL(weft_task_name());
    return 0;
}

WEFT_TEST(handle, names_are_copied_and_cut)
{
    CHECK_OK(test_run(copied_names, NULL));
}

/* The list of all tasks. */

static int list_all(void *arg)
{
    weft_runtime *rt = weft_runtime_current();
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;
    weft_task_info info[200];
    int named = 0, waiting = 0, self = 0;
    size_t alive;

    (void)arg;
    for (int i = 0; i < 100; i++)
        CHECK_OK(
            weft_spawn_with(g, count_and_sleep_forever, &n, &(weft_task_options){.name = i % 2 == 0 ? "even" : NULL}));
    yield_until(&n, 100);
    do {
        weft_yield();
        waiting = named = self = 0;
        alive = weft_tasks(rt, info, 200);
        CHECK_EQ(alive, 101);
        for (size_t i = 0; i < alive; i++) {
            waiting += info[i].waiting && info[i].fn == count_and_sleep_forever;
            named += strcmp(info[i].name, "even") == 0;
            self += info[i].id == weft_task_id();
            for (size_t j = 0; j < i; j++)
                CHECK_NE(info[i].id, info[j].id);
        }
    } while (waiting < 100);
    CHECK_EQ(named, 50);
    CHECK_EQ(self, 1);
    CHECK_EQ(weft_tasks(rt, NULL, 0), 101);
    weft_group_close(g);
    CHECK_EQ(weft_tasks(rt, info, 1), 1);
    CHECK_EQ(info[0].id, weft_task_id());
    return 0;
}

WEFT_TEST(handle, the_list_of_all_tasks_has_each_once)
{
    CHECK_OK(test_run(list_all, NULL));
}

static _Atomic bool stop_listing;

static void *list_on(void *rt)
{
    weft_task_info info[64];

    while (!atomic_load(&stop_listing)) {
        size_t n = weft_tasks(rt, info, 64);

        for (size_t i = 0; i < n && i < 64; i++)
            if (info[i].name[0] != '\0')
                CHECK(strcmp(info[i].name, "flea") == 0 || strcmp(info[i].name, "louse") == 0);
    }
    return NULL;
}

static int fleas(void *arg)
{
    pthread_t thread;
    atomic_int n = 0;

    (void)arg;
    CHECK_EQ(pthread_create(&thread, NULL, list_on, weft_runtime_current()), 0);
    for (int round = 0; round < 200; round++) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 50; i++)
            CHECK_OK(weft_spawn_with(g, count, &n, &(weft_task_options){.name = i % 2 == 0 ? "flea" : "louse"}));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    atomic_store(&stop_listing, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return 0;
}

WEFT_TEST(handle, the_list_may_be_asked_for_by_a_thread_while_tasks_come_and_go)
{
    CHECK_OK(test_run(fleas, NULL));
}
