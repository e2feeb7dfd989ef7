/* SPDX-License-Identifier: MIT */
#include "sched/inbox.h"

#include "tests/support/test.h"

enum { THREADS = 3, EACH = TEST_TSAN ? 2000 : 20000 };

static struct weft__inbox inbox;
static struct weft__task tasks[THREADS][EACH];

WEFT_TEST(inbox, is_taken_whole_and_oldest_first)
{
    struct weft__task *t;

    CHECK(weft__inbox_seems_empty(&inbox));
    CHECK_NULL(weft__inbox_take(&inbox));
    for (int i = 0; i < 10; i++)
        weft__inbox_push(&inbox, &tasks[0][i]);
    CHECK(!weft__inbox_seems_empty(&inbox));
    t = weft__inbox_take(&inbox);
    for (int i = 0; i < 10; i++, t = t->next)
        CHECK_PTR_EQ(t, &tasks[0][i]);
    CHECK_NULL(t);
    CHECK(weft__inbox_seems_empty(&inbox));
}

static void *push_all(void *arg)
{
    struct weft__task *mine = arg;

    for (int i = 0; i < EACH; i++)
        weft__inbox_push(&inbox, &mine[i]);
    return NULL;
}

WEFT_TEST(inbox, keeps_each_producers_order_and_loses_nothing)
{
    pthread_t threads[THREADS];
    int next[THREADS] = {0}, left = THREADS * EACH;

    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, push_all, tasks[i]));
    while (left > 0) {
        for (struct weft__task *t = weft__inbox_take(&inbox), *after; t != NULL; t = after, left--) {
            ptrdiff_t at = t - &tasks[0][0], who = at / EACH;

            after = t->next;
            CHECK_EQ(at % EACH, next[who]);
            next[who]++;
        }
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    CHECK_NULL(weft__inbox_take(&inbox));
}
