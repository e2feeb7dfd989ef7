/* SPDX-License-Identifier: MIT */
/* Fork-join, migration, and threads that come and go. */
#include <pthread.h>

#include "tests/sched/stress.h"

struct fib {
    int n;
    long result;
};

static int fib(void *arg)
{
    struct fib *f = arg, a = {.n = f->n - 1}, b = {.n = f->n - 2};
    weft_group *g;

    if (f->n < 2) {
        f->result = f->n;
        return 0;
    }
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, fib, &a));
    CHECK_OK(weft_spawn(g, fib, &b));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    f->result = a.result + b.result;
    return 0;
}

WEFT_TEST(stress_join, fork_join_adds_up)
{
    struct fib f = {.n = TEST_TSAN ? 12 : TEST_ASAN ? 15 : 20};
    long a = 0, b = 1;

    for (int i = 0; i < f.n; i++) {
        long next = a + b;

        a = b;
        b = next;
    }
    for (int i = 0; i < 3; i++) {
        CHECK_OK(test_run(fib, &f));
        CHECK_EQ(f.result, a);
    }
}

/* The same with tasks that suspend in the middle, so that they end on other stacks and workers than they began on. */
struct tree {
    int depth;
    uint32_t random;
    long leaves;
};

static int uneven_tree(void *arg)
{
    struct tree *t = arg, child[3];
    weft_group *g;
    int n = 2 + (int)(random_next(&t->random) % 2);

    t->leaves = 1;
    if (t->depth == 0)
        return 0;
    g = weft_group_open(NULL);
    for (int i = 0; i < n; i++) {
        child[i] = (struct tree){t->depth - 1, random_next(&t->random) | 1, 0};
        CHECK_OK(weft_spawn(g, uneven_tree, &child[i]));
        if (random_next(&t->random) % 8 == 0)
            CHECK_OK(weft_yield());
    }
    if (random_next(&t->random) % 16 == 0)
        CHECK_OK(weft_sleep_until(weft_now() + random_next(&t->random) % 20000));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    t->leaves = 0;
    for (int i = 0; i < n; i++)
        t->leaves += child[i].leaves;
    return 0;
}

WEFT_TEST(stress_join, uneven_trees_are_joined_whole)
{
    long leaves = 0;

    for (int i = 0; i < 3; i++) {
        struct tree t = {TEST_TSAN ? 5 : 8, 4711, 0};

        CHECK_OK(test_run(uneven_tree, &t));
        CHECK_GE(t.leaves, 1 << (TEST_TSAN ? 5 : 8));
        CHECK(i == 0 || t.leaves == leaves); /* its shape hangs from the seed alone */
        leaves = t.leaves;
    }
}

/* Locals, and memory passed from hand to hand, across suspensions of each kind. */
static int wander(void *arg)
{
    uint32_t r = *(uint32_t *)arg, start = r;
    uint32_t locals[32];
    volatile double sum = 0;

    for (int i = 0; i < 32; i++)
        locals[i] = random_next(&r);
    for (int i = 0; i < ROUNDS(200); i++) {
        switch (random_next(&r) % 8) {
        case 0:
            CHECK_OK(weft_sleep_until(weft_now() + random_next(&r) % 5000));
            break;
        case 1: {
            weft_group *g = weft_group_open(NULL);

            CHECK_OK(weft_spawn(g, nothing, NULL));
            CHECK_OK(weft_yield());
            CHECK_OK(weft_group_wait(g));
            weft_group_close(g);
            break;
        }
        default:
            CHECK_OK(weft_yield());
        }
        sum += 0.5;
        if (i % 16 == 0) {
            uint32_t check = start;

            for (int j = 0; j < 32; j++)
                CHECK_EQ(locals[j], random_next(&check));
        }
    }
    CHECK(sum * 2 > ROUNDS(200) - 0.1 && sum * 2 < ROUNDS(200) + 0.1);
    return 0;
}

static int many_wander(void *arg)
{
    uint32_t seeds[40];
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (uint32_t i = 0; i < 40; i++) {
        seeds[i] = i * 7919 + 1;
        CHECK_OK(weft_spawn(g, wander, &seeds[i]));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stress_join, wanderers_keep_their_locals)
{
    CHECK_OK(test_run(many_wander, NULL));
}

/* Runs from several threads, with pauses in which the workers go to sleep: no wake-up may be lost. */
struct door {
    weft_runtime *rt;
    atomic_int n;
};

static int split(void *arg)
{
    struct door *d = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, count, &d->n));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static void *knock(void *arg)
{
    struct door *d = arg;
    uint32_t r = (uint32_t)(uintptr_t)&r | 1;

    for (int i = 0; i < ROUNDS(300); i++) {
        CHECK_OK(weft_runtime_run(d->rt, split, d));
        for (uint32_t j = random_next(&r) % 64; j > 0; j--)
            random_pause(&r);
    }
    return NULL;
}

WEFT_TEST(stress_join, knocks_from_outside_are_always_heard)
{
    struct door d = {0};
    pthread_t threads[3];

    CHECK_OK(weft_runtime_create(&d.rt, &(weft_runtime_options){.workers = test_workers()}));
    for (int i = 0; i < 3; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, knock, &d));
    for (int i = 0; i < 3; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    CHECK_EQ(d.n, 9 * ROUNDS(300));
    weft_runtime_destroy(d.rt);
}

WEFT_TEST(stress_join, runtimes_come_and_go)
{
    for (int i = 0; i < ROUNDS(30); i++) {
        struct fib f = {.n = 6};

        CHECK_OK(test_run(fib, &f));
        CHECK_EQ(f.result, 8);
    }
}
