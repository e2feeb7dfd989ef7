/* SPDX-License-Identifier: MIT */
#include "tests/sync/values.h"

static int wait_for(struct call *c)
{
    return weft_future_wait(c->on, &c->item);
}

static struct call wait_on(weft_future *f)
{
    return (struct call){.fn = wait_for, .on = f, .item = -1};
}

static int static_place;
static weft_future static_future = WEFT_FUTURE_INIT(static_place);

TASK_TEST(future, all_waiters_get_the_value_and_so_do_those_who_come_later)
{
    (void)arg;
    struct call calls[3];
    weft_group *g = weft_group_open(NULL);
    int item = -1;

    CHECK(!weft_future_is_done(&static_future));
    CHECK_RC(weft_future_try_get(&static_future, &item), WEFT_EEMPTY);
    for (int i = 0; i < 3; i++) {
        calls[i] = wait_on(&static_future);
        call_begin(g, &calls[i]);
        CHECK(!calls[i].done);
    }
    CHECK_RC(weft_future_fini(&static_future), WEFT_EBUSY);
    CHECK_OK(weft_future_set(&static_future, &(int){42}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(calls[i].result);
        CHECK_EQ(calls[i].item, 42);
    }
    CHECK(weft_future_is_done(&static_future));
    CHECK_OK(weft_future_wait(&static_future, &item));
    CHECK_EQ(item, 42);
    item = -1;
    CHECK_OK(weft_future_try_get(&static_future, &item));
    CHECK_EQ(item, 42);
    CHECK_OK(weft_future_wait(&static_future, NULL));
    CHECK_EQ(static_place, 42);
    CHECK_OK(weft_future_fini(&static_future));
    return 0;
}

TASK_TEST(future, is_settled_once)
{
    (void)arg;
    int place = 0, item = -1;
    weft_future f;

    weft_future_init(&f, &place, sizeof place);
    CHECK_RC(weft_future_set(&f, NULL), WEFT_EINVAL);
    CHECK_RC(weft_future_fail(&f, 0), WEFT_EINVAL);
    CHECK_RC(weft_future_fail(&f, 1), WEFT_EINVAL);
    CHECK(!weft_future_is_done(&f));
    CHECK_OK(weft_future_set(&f, &(int){1}));
    CHECK_RC(weft_future_set(&f, &(int){2}), WEFT_EALREADY);
    CHECK_RC(weft_future_fail(&f, WEFT_EBROKEN), WEFT_EALREADY);
    CHECK_RC(weft_future_close(&f), WEFT_EALREADY);
    CHECK_OK(weft_future_wait(&f, &item));
    CHECK_EQ(item, 1);
    CHECK_OK(weft_future_fini(&f));
    return 0;
}

TASK_TEST(future, waiters_get_the_error_or_learn_that_it_was_abandoned)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int place = 5, code = i == 0 ? WEFT_EBROKEN : WEFT_ECLOSED, item = -1;
        weft_future f = WEFT_FUTURE_INIT(place);
        struct call call = wait_on(&f);
        weft_group *g = weft_group_open(NULL);

        call_begin(g, &call);
        CHECK_OK(i == 0 ? weft_future_fail(&f, code) : weft_future_close(&f));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_RC(call.result, code);
        CHECK_EQ(call.item, -1);
        CHECK(weft_future_is_done(&f));
        CHECK_RC(weft_future_try_get(&f, &item), code);
        CHECK_RC(weft_future_wait(&f, &item), code);
        CHECK_RC(weft_future_set(&f, &(int){2}), WEFT_EALREADY);
        CHECK_EQ(item, -1);
        CHECK_EQ(place, 5);
        CHECK_OK(weft_future_fini(&f));
    }
    return 0;
}

TASK_TEST(future, of_zeroed_memory_has_no_value)
{
    (void)arg;
    weft_future f = {0};
    struct call call = wait_on(&f);
    weft_group *g = weft_group_open(NULL);

    call_begin(g, &call);
    CHECK_OK(weft_future_set(&f, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(call.result);
    CHECK_EQ(call.item, -1);
    CHECK_OK(weft_future_fini(&f));
    CHECK_OK(weft_future_fini(&(weft_future){0}));
    return 0;
}

TASK_TEST(future, wait_in_a_canceled_scope_says_so_even_where_it_is_done)
{
    (void)arg;
    int place;
    weft_future f = WEFT_FUTURE_INIT(place);
    struct call call = wait_on(&f);

    CHECK_RC(call_canceled(&call), WEFT_ECANCELED);
    CHECK_OK(weft_future_set(&f, &(int){1}));
    CHECK_RC(call_canceled(&call), WEFT_ECANCELED);
    CHECK_EQ(call.item, -1);
    CHECK_OK(weft_future_fini(&f));
    return 0;
}

TASK_TEST(future, waiter_that_is_canceled_leaves_the_others_alone)
{
    (void)arg;
    int place;
    weft_future f = WEFT_FUTURE_INIT(place);
    struct three t = {wait_on(&f), wait_on(&f), wait_on(&f)};
    weft_group *g = weft_group_open(NULL);

    three_begin(g, &t);
    CHECK_OK(weft_future_set(&f, &(int){7}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(t.before.result);
    CHECK_OK(t.behind.result);
    CHECK_EQ(t.before.item + t.behind.item, 14);
    CHECK_EQ(t.canceled.item, -1);
    CHECK_OK(weft_future_fini(&f));
    return 0;
}

TASK_TEST(future, waiter_that_was_granted_the_value_has_it_although_it_is_canceled)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(50, 300); i++) {
        int place;
        weft_future f = WEFT_FUTURE_INIT(place);
        struct call call = wait_on(&f);
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, call_task, &call);
        while (weft_future_fini(&f) != WEFT_EBUSY) /* it waits */
            CHECK_OK(weft_yield());
        CHECK_OK(weft_future_set(&f, &i));
        weft_group_close(g);
        CHECK_OK(call.result);
        CHECK_EQ(call.item, i);
        CHECK_OK(weft_future_fini(&f));
    }
    return 0;
}

TASK_TEST(future, deadline_ends_a_wait)
{
    (void)arg;
    int place;
    weft_future f = WEFT_FUTURE_INIT(place);
    struct call call = wait_on(&f);

    CHECK_RC(call_with_deadline(&call), WEFT_ETIMEDOUT);
    CHECK_OK(weft_future_fini(&f));
    CHECK_OK(weft_future_set(&f, &(int){1}));
    CHECK_OK(call_with_deadline(&call));
    CHECK_EQ(call.item, 1);
    return 0;
}

TASK_TEST(future, plain_threads_wait_and_settle)
{
    (void)arg;
    int place;
    weft_future f = WEFT_FUTURE_INIT(place);
    struct call calls[2] = {wait_on(&f), wait_on(&f)};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        call_begin_thread(&threads[i], &calls[i]);
    CHECK(!calls[0].done && !calls[1].done);
    CHECK_OK(weft_future_set(&f, &(int){3}));
    for (int i = 0; i < 2; i++) {
        call_end_thread(threads[i], &calls[i]);
        CHECK_OK(calls[i].result);
        CHECK_EQ(calls[i].item, 3);
    }
    CHECK_OK(weft_future_fini(&f));
    return 0;
}

static int set_it(struct call *c)
{
    return weft_future_set(c->on, &c->item);
}

WEFT_TEST(future, needs_no_runtime)
{
    int place, item = 0;
    weft_future f = WEFT_FUTURE_INIT(place);
    struct call call = {.fn = set_it, .on = &f, .item = 9};
    pthread_t thread;

    CHECK_OK(pthread_create(&thread, NULL, call_thread, &call));
    CHECK_OK(weft_future_wait(&f, &item));
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_OK(call.result);
    CHECK_EQ(item, 9);
    CHECK_OK(weft_future_fini(&f));
}

/* The frame of the one that waits is gone as soon as it was told. */
struct short_lived {
    weft_future *_Atomic f;
};

static int make_and_wait(void *arg)
{
    struct short_lived *s = arg;
    int place = 0, item = 0;
    weft_future f = WEFT_FUTURE_INIT(place);

    s->f = &f;
    CHECK_OK(weft_future_wait(&f, &item));
    CHECK_EQ(item, 6);
    *(volatile weft_future *)&f = (weft_future){.value = &f, .size = SIZE_MAX, .opaque = {1, 1, 1}};
    return 0;
}

TASK_TEST(future, waiter_may_free_it_at_once)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(100, 1000); i++) {
        struct short_lived s = {NULL};
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, make_and_wait, &s);
        while (s.f == NULL)
            CHECK_OK(weft_yield());
        CHECK_OK(weft_future_set(s.f, &(int){6}));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}
