/* SPDX-License-Identifier: MIT */
#include "tests/sched/tasks.h"

static atomic_int dropped;

static void drop(void *value)
{
    atomic_fetch_add(&dropped, *(int *)value);
    free(value);
}

static const weft_local plain = {NULL}, other = {NULL}, owned = {drop};

static int *number(int n)
{
    int *p = malloc(sizeof *p);

    CHECK_NOT_NULL(p);
    *p = n;
    return p;
}

static int set_and_get(void *arg)
{
    int a, b;

    (void)arg;
    CHECK_NULL(weft_local_get(&plain));
    CHECK_OK(weft_local_set(&plain, &a));
    CHECK_PTR_EQ(weft_local_get(&plain), &a);
    CHECK_NULL(weft_local_get(&other));
    CHECK_OK(weft_local_set(&other, &b));
    CHECK_OK(weft_local_set(&plain, &b));
    CHECK_PTR_EQ(weft_local_get(&plain), &b);
    CHECK_PTR_EQ(weft_local_get(&other), &b);
    CHECK_OK(weft_yield());
    CHECK_OK(weft_local_set(&plain, NULL));
    CHECK_NULL(weft_local_get(&plain));
    return 0;
}

WEFT_TEST(local, a_value_is_the_tasks_own)
{
    CHECK_RC(weft_local_set(&plain, NULL), WEFT_ENOTASK);
    CHECK_NULL(weft_local_get(&plain));
    CHECK_OK(test_run(set_and_get, NULL));
}

static int child_of_child(void *arg)
{
    CHECK_PTR_EQ(weft_local_get(&plain), arg);
    CHECK_EQ(*(int *)weft_local_get(&owned), 7);
    return 0;
}

static int child(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int own;

    CHECK_PTR_EQ(weft_local_get(&plain), arg);
    CHECK_OK(weft_yield());
    CHECK_OK(weft_local_set(&plain, &own));
    CHECK_OK(weft_spawn(g, child_of_child, &own));
    CHECK_OK(weft_local_set(&plain, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(*(int *)weft_local_get(&owned), 7);
    return 0;
}

static int halves(void *arg)
{
    CHECK_PTR_EQ(weft_local_get(&plain), arg);
    CHECK_OK(weft_yield());
    CHECK_EQ(*(int *)weft_local_get(&owned), 7);
    return 0;
}

static int detached_child(void *arg)
{
    CHECK_EQ(*(int *)weft_local_get(&owned), 7);
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static int inherit(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int x, y;
    atomic_int n = 0;

    (void)arg;
    CHECK_OK(weft_local_set(&plain, &x));
    CHECK_OK(weft_local_set(&owned, number(7)));
    for (int i = 0; i < 50; i++)
        CHECK_OK(weft_spawn(g, child, &x));
    for (int i = 0; i < 50; i++)
        CHECK_OK(weft_spawn_with(g, child, &x, &(weft_task_options){.name = "named", .pinned = i % 2 == 0}));
    CHECK_OK(weft_spawn_detached(detached_child, &n, NULL));
    CHECK_OK(weft_local_set(&plain, &y)); /* they keep what they have */
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_join(halves, &y, halves, &y));
    yield_until(&n, 1);
    CHECK_EQ(dropped, 0);
    return 0;
}

WEFT_TEST(local, children_inherit_at_their_spawn_and_what_they_set_is_theirs)
{
    CHECK_OK(test_run(inherit, NULL));
    CHECK_EQ(dropped, 7); /* by the last, once */
}

static int replace_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_local_set(&owned, number(1)));
    CHECK_EQ(dropped, 99);
    return 0;
}

WEFT_TEST(local, a_value_is_dropped_once_it_is_replaced)
{
    CHECK_OK(test_run(replace_often, NULL));
    CHECK_EQ(dropped, 100);
}

static int set_null(void *arg)
{
    (void)arg;
    CHECK_OK(weft_local_set(&owned, NULL));
    CHECK_OK(weft_local_set(&owned, number(1)));
    CHECK_OK(weft_local_set(&owned, NULL));
    return 0;
}

WEFT_TEST(local, null_is_no_value_to_be_dropped)
{
    CHECK_OK(test_run(set_null, NULL));
    CHECK_EQ(dropped, 1);
}

static void drop_and_set(void *value);
static const weft_local stubborn = {drop_and_set};

static void drop_and_set(void *value)
{
    int left = *(int *)value;

    free(value);
    atomic_fetch_add(&dropped, 1);
    if (left > 0)
        CHECK_OK(weft_local_set(&stubborn, number(left - 1)));
}

static int set_stubborn(void *arg)
{
    weft_group *g;

    if (arg != NULL)
        return weft_local_set(&stubborn, number(3));
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, set_stubborn, g));
    CHECK_OK(weft_spawn_with(g, set_stubborn, g, &(weft_task_options){.name = "stubborn"}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(local, dropping_a_value_may_set_another)
{
    CHECK_OK(test_run(set_stubborn, NULL));
    CHECK_EQ(dropped, 8);
}
