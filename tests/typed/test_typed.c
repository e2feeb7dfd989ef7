/* SPDX-License-Identifier: MIT */
/* What weft/typed.h accepts, and that it does what the functions beside it do. What it refuses is in refused.c. */
#include "tests/sched/tasks.h"

struct page {
    const char *url;
    int bytes;
    atomic_int *sum;
};

struct opaque; /* its definition is not seen here */

static int fetch(struct page *p)
{
    atomic_fetch_add(p->sum, p->bytes);
    return 0;
}

static int look(const struct page *p)
{
    atomic_fetch_add(p->sum, p->bytes);
    return 0;
}

static int take_anything(const void *p)
{
    CHECK_NOT_NULL(p);
    return 0;
}

static int take_nothing(struct page *p)
{
    CHECK_NULL(p);
    return 0;
}

static int add_number(int *number)
{
    *number += 1;
    return 0;
}

static int write_to_copy(struct page *p)
{
    CHECK_STR_EQ(p->url, "/copy");
    CHECK_STR_EQ(weft_task_name(), NULL);
    atomic_fetch_add(p->sum, p->bytes);
    p->bytes = -1;
    return 0;
}

static int serve(struct page *p)
{
    atomic_fetch_add(p->sum, p->bytes);
    return weft_ready();
}

static int look_at_opaque(struct opaque *o)
{
    CHECK_NOT_NULL(o);
    return 0;
}

static atomic_int detached;

static int add_to_detached(atomic_int *n)
{
    atomic_fetch_add(n, 1);
    return 0;
}

static int spawn_all(void *arg)
{
    atomic_int sum = 0;
    int number = 0;
    struct page pages[3] = {{"/a", 1, &sum}, {"/b", 2, &sum}, {"/c", 4, &sum}}, *next = pages;
    const struct page constant = {"/copy", 8, &sum};
    weft_group *g = weft_group_open(NULL);
    weft_fn fns[2];
    weft_task *t;

    CHECK_OK(WEFT_SPAWN(g, fetch, &pages[0]));
    CHECK_OK(WEFT_SPAWN(g, look, next++)); /* evaluated once */
    CHECK_PTR_EQ(next, &pages[1]);
    CHECK_OK(WEFT_SPAWN(g, look, &constant));
    CHECK_OK(WEFT_SPAWN(g, fetch, pages)); /* an array is a pointer to its first */
    CHECK_OK(WEFT_SPAWN(g, &take_anything, &number));
    CHECK_OK(WEFT_SPAWN(g, nothing, pages));
    CHECK_OK(WEFT_SPAWN(g, take_nothing, NULL));
    CHECK_OK(WEFT_SPAWN(g, look_at_opaque, (struct opaque *)arg));
    CHECK_OK(WEFT_SPAWN(g, look_at_opaque, arg)); /* void * suits all */
    CHECK_OK(WEFT_SPAWN_WITH(g, fetch, &pages[1], &(weft_task_options){.name = "named"}));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(atomic_load(&sum), 1 + 1 + 8 + 1 + 2);

    CHECK_OK(WEFT_SPAWN_COPY(g, write_to_copy, (struct page){"/copy", 100, &sum}));
    CHECK_OK(WEFT_SPAWN_COPY(g, write_to_copy, constant));
    CHECK_OK(WEFT_SPAWN_COPY(g, add_number, 5));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(atomic_load(&sum), 13 + 108);
    CHECK_EQ(constant.bytes, 8);
    t = WEFT_SPAWN_TASK(g, add_number, &number, NULL);
    CHECK_OK(weft_task_join(t));
    weft_task_release(t);
    CHECK_EQ(number, 1);
    number = 0;
    CHECK_OK(WEFT_START(g, serve, &pages[2], NULL));
    CHECK_EQ(atomic_load(&sum), 121 + 4);
    CHECK_OK(WEFT_SPAWN_DETACHED(add_to_detached, &detached, NULL));
    yield_until(&detached, 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);

    CHECK_OK(WEFT_MAP(pages, 3, fetch, &(weft_map_options){.limit = 2}));
    CHECK_EQ(atomic_load(&sum), 125 + 7);
    fns[0] = WEFT_FN(fetch, &pages[0]);
    fns[1] = WEFT_FN(add_number, &number);
    CHECK_OK(weft_gather(2, fns, (void *[]){&pages[0], &number}, NULL));
    CHECK_EQ(number, 1);
    CHECK_OK(weft_retry(WEFT_FN(add_number, &number), &number, NULL));
    CHECK_EQ(number, 2);
    return 0;
}

WEFT_TEST(typed, functions_take_pointers_of_their_own_type)
{
    int anything = 0;

    CHECK_OK(test_run(spawn_all, &anything));
}
