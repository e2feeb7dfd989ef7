/* SPDX-License-Identifier: MIT */
/* The bias lock: whom it favours, and that it excludes whoever comes while that changes. */
#include "sched/bias.h"

#include <pthread.h>
#include <sched.h>
#include <weft.h>

#include "sched/runtime.h"
#include "tests/support/support.h"

enum { THREADS = 2 };

struct shared {
    struct weft__bias_lock lock;
    long holds; /* plain: two holders at a time race */
    int stop;   /* under the lock */
};

static bool hold(struct shared *s)
{
    bool biased;

    weft__bias_lock(&s->lock, weft__worker_self());
    s->holds++;
    biased = s->lock.held_by != 0;
    weft__bias_unlock(&s->lock);
    return biased;
}

static void *hold_once(void *arg)
{
    CHECK(!hold(arg)); /* a thread that is no worker is never favoured */
    return NULL;
}

static void visit(struct shared *s)
{
    pthread_t thread;

    CHECK_OK(pthread_create(&thread, NULL, hold_once, s));
    CHECK_OK(pthread_join(thread, NULL));
}

/* How many holds in a row it takes to be favoured; 0: it is not, after `most`. */
static long holds_until_favoured(struct shared *s, long most)
{
    for (long n = 1; n <= most; n++)
        if (hold(s))
            return n;
    return 0;
}

static int be_favoured(void *arg)
{
    struct shared *s = arg;
    long n, before = 0, holds = 0;

    if (!weft__worker_self()->rt->has_membarrier) {
        CHECK_EQ(holds_until_favoured(s, 4L * WEFT__BIAS_AFTER), 0);
        return 0;
    }
    for (int i = 0; i < WEFT__BIAS_TIMES; i++) {
        n = holds_until_favoured(s, ((long)WEFT__BIAS_AFTER << WEFT__BIAS_TIMES) + 2);
        CHECK(n > before); /* each time it takes longer */
        before = n;
        CHECK(hold(s));
        visit(s); /* which ends it */
        CHECK(!hold(s));
        holds += n + 3;
    }
    CHECK_EQ(s->holds, holds);
    CHECK_EQ(holds_until_favoured(s, ((long)WEFT__BIAS_AFTER << WEFT__BIAS_TIMES) + 2), 0);
    return 0;
}

WEFT_TEST(bias, favours_who_takes_it_many_times_in_a_row_and_a_few_times_in_all)
{
    struct shared s = {.holds = 0};

    CHECK_OK(test_run(be_favoured, &s));
}

static void *hold_now_and_then(void *arg)
{
    struct shared *s = arg;
    int stop;

    do {
        weft__bias_lock(&s->lock, NULL);
        s->holds++;
        stop = s->stop;
        weft__bias_unlock(&s->lock);
        for (int i = 0; i < 100; i++)
            (void)sched_yield();
    } while (!stop);
    return NULL;
}

static int hold_often(void *arg)
{
    const int holds = TEST_ASAN || TEST_TSAN ? 5000 : 50000;

    for (int i = 0; i < holds; i++) {
        (void)hold(arg);
        if (i % 1000 == 999)
            CHECK_OK(weft_yield()); /* maybe to another worker */
    }
    return 0;
}

static int hold_from_everywhere(void *arg)
{
    struct shared *s = arg;
    pthread_t threads[THREADS];
    weft_group *g = weft_group_open(NULL);

    CHECK_NOT_NULL(g);
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, hold_now_and_then, s));
    for (int i = 0; i < 8; i++)
        weft_spawn(g, hold_often, s);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    weft__bias_lock(&s->lock, weft__worker_self());
    s->stop = 1;
    weft__bias_unlock(&s->lock);
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    return 0;
}

WEFT_TEST(bias, excludes_whoever_comes)
{
    struct shared s = {.holds = 0};

    CHECK_OK(test_run(hold_from_everywhere, &s));
    CHECK(s.holds >= 8 * (TEST_ASAN || TEST_TSAN ? 5000 : 50000) + THREADS);
}
