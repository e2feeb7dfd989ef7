/* SPDX-License-Identifier: MIT */
/*
 * Random trees of joins, groups, loops and reductions, whose nodes suspend now and then; whole, with leaves that fail, and cancelled
 * from outside. The seed alone says what a tree looks like, so that a plain walk knows the result.
 */
#include "tests/sched/stress.h"

enum {
    E_LEAF = -1001,
    ARITY = 3,
    DEPTH = TEST_TSAN   ? 5
            : TEST_ASAN ? 6
                        : 7,
    NODES = 3280 /* of seven levels and the root */
};

struct forest {
    unsigned fails; /* one of so many leaves; 0: none */
    bool canceled;  /* from outside, at any moment */
    atomic_uchar entered[NODES];
};

struct node {
    struct forest *forest;
    uint32_t seed;
    unsigned id;
    int depth;
    long sum;
};

static uint32_t mix(uint32_t seed, unsigned i)
{
    uint32_t x = seed ^ (i + 1) * 2654435769u;

    for (int k = 0; k < 3; k++)
        (void)random_next(&x);
    return x | 1;
}

static unsigned children(const struct node *n)
{
    return n->depth == 0 ? 0 : 2 + n->seed / 16 % 2;
}

static bool fails(const struct node *n)
{
    return n->forest->fails != 0 && n->depth == 0 && n->seed / 64 % n->forest->fails == 0;
}

static struct node child_of(const struct node *n, unsigned i)
{
    return (struct node){n->forest, mix(n->seed, i), n->id * ARITY + 1 + i, n->depth - 1, 0};
}

/* Without anything in parallel: how many nodes there are, and whether one fails. */
static long walk(const struct node *n, bool *failure)
{
    long sum = 1;

    *failure |= fails(n);
    for (unsigned i = 0; i < children(n); i++) {
        struct node c = child_of(n, i);

        sum += walk(&c, failure);
    }
    return sum;
}

static int visit(void *arg);

static int visit_ith(size_t i, void *arg)
{
    return visit((struct node *)arg + i);
}

static int sum_up(size_t begin, size_t end, void *acc, void *arg)
{
    struct node *c = arg;
    int rc = 0;

    for (size_t i = begin; i < end && rc == 0; i++) {
        rc = visit(&c[i]);
        *(long *)acc += c[i].sum;
    }
    return rc;
}

static int add(void *acc, void *right, void *arg)
{
    (void)arg;
    *(long *)acc += *(long *)right;
    return 0;
}

static int visit_group(struct node *c, unsigned count)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    for (unsigned i = 0; i < count; i++)
        (void)weft_spawn(g, visit, &c[i]);
    rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

static int visit_children(struct node *n, struct node *c, unsigned count)
{
    long sum = 0;
    int rc;

    switch (n->seed / 256 % 5) {
    case 0:
        rc = visit_group(c, count);
        break;
    case 1:
        rc = weft_parallel_for(0, count, n->seed / 2048 % 3, visit_ith, c);
        break;
    case 2:
        rc = weft_parallel_reduce(0, count, n->seed / 2048 % 3, &sum, sizeof sum, sum_up, add, c);
        if (rc == 0)
            for (unsigned i = 0; i < count; i++)
                sum -= c[i].sum;
        CHECK(rc != 0 || sum == 0);
        break;
    default:
        rc = weft_join(visit, &c[0], visit, &c[1]);
        if (rc == 0 && count > 2)
            rc = weft_join(visit, &c[2], nothing, NULL);
    }
    return rc;
}

static int visit(void *arg)
{
    struct node *n = arg, c[ARITY];
    unsigned count = children(n);
    uint32_t r = n->seed;
    int rc = 0;

    CHECK_LT(n->id, NODES);
    CHECK_EQ(atomic_fetch_add(&n->forest->entered[n->id], 1), 0);
    for (unsigned i = 0; i < count; i++)
        c[i] = child_of(n, i);
    switch (random_next(&r) % 16) {
    case 0:
        rc = weft_yield();
        break;
    case 1:
        rc = weft_sleep_until(weft_now() + random_next(&r) % 10000);
        break;
    case 2:
        CHECK_NOT_NULL(weft_scope_open(0)); /* left open */
        break;
    case 3:
        random_pause(&r);
        break;
    default:
        break;
    }
    if (rc < 0)
        CHECK(weft_canceled());
    if (rc == 0 && count > 0)
        rc = visit_children(n, c, count);
    if (rc == 0 && fails(n))
        rc = E_LEAF;
    n->sum = 1;
    for (unsigned i = 0; i < count; i++)
        n->sum += c[i].sum;
    return rc;
}

static int visit_and_check(void *arg)
{
    struct node *n = arg;
    bool failure = false;
    long expected = walk(n, &failure);
    int rc = visit(n);

    if (rc == 0) {
        CHECK(!failure);
        CHECK_EQ(n->sum, expected);
    } else if (rc == WEFT_ECANCELED) {
        CHECK(n->forest->canceled);
    } else {
        CHECK(failure);
        CHECK_RC(rc, E_LEAF);
    }
    if (!n->forest->canceled)
        CHECK_RC(rc, failure ? E_LEAF : 0);
    return 0;
}

static int plant(struct forest *f, uint32_t seed)
{
    struct node root = {f, mix(seed, 0), 0, DEPTH, 0};
    weft_group *g = weft_group_open(NULL);
    uint32_t r = root.seed;
    int rc;

    CHECK_OK(weft_spawn(g, visit_and_check, &root));
    if (f->canceled) {
        CHECK_OK(weft_sleep_until(weft_now() + random_next(&r) % 200000));
        CHECK_OK(weft_group_cancel(g));
    }
    rc = weft_group_wait(g);
    weft_group_close(g);
    CHECK_OK(rc);
    CHECK(!weft_canceled());
    return 0;
}

static int plant_many(void *arg)
{
    const struct forest *kind = arg;

    for (int i = 0; i < ROUNDS(50); i++) {
        struct forest *f = calloc(1, sizeof *f);

        CHECK_NOT_NULL(f);
        f->fails = kind->fails;
        f->canceled = kind->canceled;
        CHECK_OK(plant(f, (uint32_t)i * 7919 + 1));
        free(f);
    }
    return 0;
}

WEFT_TEST(stress_fork, random_trees_add_up)
{
    static struct forest kind;

    CHECK_OK(test_run(plant_many, &kind));
}

WEFT_TEST(stress_fork, leaf_that_fails_fails_the_tree)
{
    static struct forest kind = {.fails = 200};

    CHECK_OK(test_run(plant_many, &kind));
    kind.fails = 3000;
    CHECK_OK(test_run(plant_many, &kind));
}

WEFT_TEST(stress_fork, trees_are_canceled_at_any_moment)
{
    static struct forest kind = {.canceled = true};

    CHECK_OK(test_run(plant_many, &kind));
    kind.fails = 500;
    CHECK_OK(test_run(plant_many, &kind));
}

/* The two last joins of a thief and an owner, over and over: the smallest halves there are, with a failure now and then. */

struct pair {
    atomic_int entered[2];
    int rc[2];
    uint32_t random[2];
};

static int half(struct pair *p, int i)
{
    CHECK_EQ(atomic_fetch_add(&p->entered[i], 1), 0);
    random_pause(&p->random[i]);
    return p->rc[i];
}

static int first_half(void *arg)
{
    return half(arg, 0);
}

static int second_half(void *arg)
{
    return half(arg, 1);
}

static int pair_up(void *arg)
{
    uint32_t r = *(uint32_t *)arg;

    for (int i = 0; i < ROUNDS(10000); i++) {
        struct pair p = {.rc = {random_next(&r) % 8 == 0 ? -1 : 0, random_next(&r) % 8 == 0 ? -2 : 0},
                         .random = {random_next(&r), random_next(&r)}};
        int rc = weft_join(first_half, &p, second_half, &p);

        CHECK_EQ(p.entered[0], 1);
        CHECK_LE(p.entered[1], 1);
        if (p.rc[0] == 0)
            CHECK_EQ(p.entered[1], 1);
        if (p.rc[0] == 0 && p.rc[1] == 0)
            CHECK_OK(rc);
        else
            CHECK(rc < 0 && (rc == p.rc[0] || (rc == p.rc[1] && p.entered[1] == 1)));
    }
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(stress_fork, owner_and_thief_meet_at_the_same_half)
{
    uint32_t seed = 4711;

    CHECK_OK(test_run(pair_up, &seed));
}
