/* SPDX-License-Identifier: MIT */
#include "sched/depot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "tests/support/test.h"

struct thing {
    struct weft__depot_entry entry;
    int plain; /* written by whoever holds the thing: TSan sees to it that push and pop order it */
    atomic_int holders;
};

enum { THREADS = 3, THINGS = 8, TURNS = TEST_TSAN ? 5000 : 50000 };

static struct weft__depot depot;
static struct thing things[THINGS];

WEFT_TEST(depot, gives_back_the_latest_first)
{
    weft__depot_init(&depot);
    CHECK_NULL(weft__depot_pop(&depot));
    for (int i = 0; i < THINGS; i++)
        weft__depot_push(&depot, &things[i].entry);
    for (int i = THINGS - 1; i >= 0; i--)
        CHECK_PTR_EQ(weft__depot_pop(&depot), &things[i].entry);
    CHECK_NULL(weft__depot_pop(&depot));
}

static void *churn(void *arg)
{
    (void)arg;
    for (int i = 0; i < TURNS; i++) {
        struct thing *a = (struct thing *)(void *)weft__depot_pop(&depot);
        struct thing *b = (struct thing *)(void *)weft__depot_pop(&depot);

        for (int j = 0; j < 2; j++) {
            struct thing *t = j == 0 ? a : b;

            if (t == NULL)
                continue;
            CHECK_EQ(atomic_fetch_add(&t->holders, 1), 0);
            t->plain++;
            CHECK_EQ(atomic_fetch_sub(&t->holders, 1), 1);
        }
        /* The first one back first: this is what ABA needs. */
        if (a != NULL)
            weft__depot_push(&depot, &a->entry);
        if (b != NULL)
            weft__depot_push(&depot, &b->entry);
    }
    return NULL;
}

WEFT_TEST(depot, nothing_has_two_holders_and_nothing_is_lost)
{
    pthread_t threads[THREADS];
    int n = 0;

    weft__depot_init(&depot);
    for (int i = 0; i < THINGS; i++)
        weft__depot_push(&depot, &things[i].entry);
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, churn, NULL));
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    while (weft__depot_pop(&depot) != NULL)
        n++;
    CHECK_EQ(n, THINGS);
}
