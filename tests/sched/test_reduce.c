/* SPDX-License-Identifier: MIT */
/* weft_parallel_reduce(): order, determinism, and accumulators of every kind. */
#include "sched/platform.h"
#include "tests/sched/tasks.h"

enum { E_FIRST = -1001, E_COMBINE = -1002 };

static void run_both_ways(weft_fn fn)
{
    CHECK_OK(test_run(fn, NULL));
    CHECK_OK(run_on(1, fn, NULL));
}

/* An interval: adds only what follows it. The identity is the empty one, with no place. */
struct interval {
    size_t begin, end;
};

struct intervals {
    size_t grain;
    atomic_int bodies, combines;
};

static void append(struct interval *a, struct interval b)
{
    if (b.begin == b.end)
        return;
    if (a->begin == a->end)
        a->begin = a->end = b.begin;
    CHECK_EQ(a->end, b.begin);
    a->end = b.end;
}

static int append_piece(size_t begin, size_t end, void *acc, void *arg)
{
    struct intervals *all = arg;
    struct interval *a = acc;

    CHECK_LT(begin, end);
    CHECK_EQ((uintptr_t)acc % _Alignof(max_align_t), 0);
    CHECK_EQ(a->begin, a->end);
    if (all->grain != 0)
        CHECK_LE(end - begin, all->grain);
    atomic_fetch_add(&all->bodies, 1);
    if (begin % 11 == 0)
        CHECK_OK(weft_yield());
    append(a, (struct interval){begin, end});
    return 1;
}

static int append_right(void *acc, void *right, void *arg)
{
    atomic_fetch_add(&((struct intervals *)arg)->combines, 1);
    append(acc, *(struct interval *)right);
    return 1;
}

static int reduce_intervals(void *arg)
{
    static const size_t counts[] = {1, 2, 3, 7, 64, 1000, TEST_TSAN ? 5000 : 50021},
                        grains[] = {0, 1, 2, 7, 1000, SIZE_MAX};

    (void)arg;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t j = 0; j < sizeof grains / sizeof *grains; j++) {
            struct intervals all = {.grain = grains[j]};
            struct interval a = {0, 0};
            size_t begin = i % 2 == 0 ? 3 : SIZE_MAX - counts[i], end = begin + counts[i];

            CHECK_OK(weft_parallel_reduce(begin, end, grains[j], &a, sizeof a, append_piece, append_right, &all));
            CHECK_EQ(a.begin, begin);
            CHECK_EQ(a.end, end);
            CHECK_EQ(all.combines, all.bodies - 1);
            if (grains[j] == 0)
                CHECK_LE(all.bodies, 256);
            else
                CHECK_GE(all.bodies, counts[i] / grains[j]);
        }
    return 0;
}

WEFT_TEST(reduce, keeps_the_order_of_indices)
{
    run_both_ways(reduce_intervals);
}

static int reduce_nothing(void *arg)
{
    struct intervals all = {0};
    struct interval a = {4, 4};

    (void)arg;
    CHECK_OK(weft_parallel_reduce(9, 9, 0, &a, sizeof a, append_piece, append_right, &all));
    CHECK_OK(weft_parallel_reduce(9, 3, 1, &a, sizeof a, append_piece, append_right, &all));
    CHECK_EQ(a.begin, 4);
    CHECK_EQ(a.end, 4);
    CHECK_EQ(all.bodies + all.combines, 0);
    return 0;
}

WEFT_TEST(reduce, empty_range_is_the_identity)
{
    run_both_ways(reduce_nothing);
}

WEFT_TEST(reduce, outside_of_a_task_calls_nothing)
{
    struct intervals all = {0};
    struct interval a = {0, 0};

    CHECK_RC(weft_parallel_reduce(0, 9, 0, &a, sizeof a, append_piece, append_right, &all), WEFT_ENOTASK);
    CHECK_EQ(all.bodies + all.combines, 0);
}

/* Floating-point sums hang from the order of additions. */

static int sum_piece(size_t begin, size_t end, void *acc, void *arg)
{
    float sum = *(float *)acc;

    (void)arg;
    for (size_t i = begin; i < end; i++)
        sum += 1.0f / (float)(i * 7 % 1000 + 1);
    if (begin % 5 == 0)
        CHECK_OK(weft_yield());
    *(float *)acc = sum;
    return 0;
}

static int add_sum(void *acc, void *right, void *arg)
{
    (void)arg;
    *(float *)acc += *(float *)right;
    return 0;
}

static int sum_floats(void *arg)
{
    float *sums = arg;

    for (int i = 0; i < 6; i++) {
        sums[i] = 0;
        CHECK_OK(
            weft_parallel_reduce(0, 20000, i % 2 == 0 ? 0 : 100, &sums[i], sizeof sums[i], sum_piece, add_sum, NULL));
    }
    return 0;
}

WEFT_TEST(reduce, result_is_the_same_to_the_last_bit)
{
    float one[6], many[6];

    CHECK_OK(run_on(1, sum_floats, one));
    CHECK_OK(test_run(sum_floats, many));
    CHECK_MEM_EQ(one, many, sizeof one);
    for (int i = 2; i < 6; i++)
        CHECK_MEM_EQ(&one[i], &one[i - 2], sizeof(float));
}

/* Accumulators that are too large for the stack. */

enum { BINS = 200 };

static int fill_bins(size_t begin, size_t end, void *acc, void *arg)
{
    long *bins = acc;

    (void)arg;
    CHECK_EQ((uintptr_t)acc % _Alignof(max_align_t), 0);
    for (size_t i = begin; i < end; i++)
        bins[i % BINS]++;
    return 0;
}

static int add_bins(void *acc, void *right, void *arg)
{
    long *a = acc, *b = right;

    (void)arg;
    for (int i = 0; i < BINS; i++)
        a[i] += b[i];
    return 0;
}

static int reduce_large(void *arg)
{
    long bins[BINS] = {0};

    (void)arg;
    CHECK_OK(weft_parallel_reduce(0, 1000 * BINS, 0, bins, sizeof bins, fill_bins, add_bins, NULL));
    CHECK_OK(weft_parallel_reduce(0, 1, 0, bins, sizeof bins, fill_bins, add_bins, NULL));
    for (int i = 0; i < BINS; i++)
        CHECK_EQ(bins[i], i == 0 ? 1001 : 1000);
    return 0;
}

WEFT_TEST(reduce, accumulators_may_be_large)
{
    run_both_ways(reduce_large);
}

static atomic_int until_failure;

static bool fail_nth(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC && atomic_fetch_sub(&until_failure, 1) == 1;
}

static int reduce_large_without_memory(void *arg)
{
    int failures = 0;

    (void)arg;
    for (int n = 1; n < 60; n++) {
        long bins[BINS] = {0}, all = 0;
        int rc;

        atomic_store(&until_failure, n);
        A_STORE(&weft__fault_hook, fail_nth, relaxed);
        rc = weft_parallel_reduce(0, 64 * 10, 10, bins, sizeof bins, fill_bins, add_bins, NULL);
        A_STORE(&weft__fault_hook, NULL, relaxed);
        CHECK(rc == 0 || rc == WEFT_ENOMEM);
        for (int i = 0; i < BINS; i++)
            all += bins[i];
        CHECK_LE(all, 640);
        if (rc == 0)
            CHECK_EQ(all, 640);
        if (rc == WEFT_ENOMEM)
            failures++;
        if (n == 1)
            CHECK_EQ(all, 0);
        CHECK(!weft_canceled());
    }
    CHECK_GE(failures, 20); /* some failures hit what can be done without */
    return weft_yield();
}

WEFT_TEST(reduce, lack_of_memory_for_an_accumulator_is_reported)
{
    run_both_ways(reduce_large_without_memory);
}

/* Accumulators that own memory: a list of the indices. */

struct node {
    struct node *next;
    size_t i;
};

struct list {
    struct node *first, **end; /* NULL: empty */
};

struct owners {
    atomic_int made;
    size_t fail_at, fail_combine_at;
    weft_scope *s;
    size_t cancel_at;
};

static int list_piece(size_t begin, size_t end, void *acc, void *arg)
{
    struct owners *o = arg;
    struct list *l = acc;

    for (size_t i = begin; i < end; i++) {
        struct node *n = malloc(sizeof *n);

        CHECK_NOT_NULL(n);
        *n = (struct node){NULL, i};
        if (l->first == NULL)
            l->first = n;
        else
            *l->end = n;
        l->end = &n->next;
        atomic_fetch_add(&o->made, 1);
        if (i == o->fail_at)
            return E_FIRST;
        if (i == o->cancel_at)
            CHECK_OK(weft_scope_cancel(o->s));
    }
    return 0;
}

static int link_right(void *acc, void *right, void *arg)
{
    struct owners *o = arg;
    struct list *a = acc, *b = right;
    size_t i;

    if (b->first == NULL)
        return 0;
    i = b->first->i;
    if (a->first == NULL)
        a->first = b->first;
    else
        *a->end = b->first;
    a->end = b->end;
    return i == o->fail_combine_at ? E_COMBINE : 0;
}

static int free_list(struct list *l)
{
    int n = 0;

    for (struct node *next; l->first != NULL; l->first = next, n++) {
        next = l->first->next;
        if (next != NULL)
            CHECK_LT(l->first->i, next->i);
        free(l->first);
    }
    return n;
}

static int reduce_to_lists(void *arg)
{
    enum { COUNT = 2000 };

    (void)arg;
    for (unsigned round = 0; round < 12; round++) {
        struct owners o = {.fail_at = SIZE_MAX, .fail_combine_at = SIZE_MAX, .cancel_at = SIZE_MAX};
        struct list l = {NULL, NULL};
        weft_scope *s = weft_scope_open(0);
        int rc, expected = 0;

        if (round % 4 == 1) {
            o.fail_at = 700;
            expected = E_FIRST;
        } else if (round % 4 == 2) {
            o.fail_combine_at = 1000; /* the middle: the last combine of all */
            expected = E_COMBINE;
        } else if (round % 4 == 3) {
            o.cancel_at = 1500;
            o.s = s;
            expected = WEFT_ECANCELED;
        }
        rc = weft_parallel_reduce(0, COUNT, round % 3 * 10, &l, sizeof l, list_piece, link_right, &o);
        CHECK_RC(rc, expected);
        CHECK_EQ(free_list(&l), o.made);
        if (rc == 0 || rc == E_COMBINE)
            CHECK_EQ(o.made, COUNT);
        CHECK_RC(weft_scope_close(s, 0), 0);
    }
    return weft_yield();
}

WEFT_TEST(reduce, what_accumulators_own_comes_back_whatever_happens)
{
    run_both_ways(reduce_to_lists);
}

static int reduce_in_canceled_scope(void *arg)
{
    struct intervals all = {0};
    struct interval a = {4, 4};
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_parallel_reduce(0, 1, 0, &a, sizeof a, append_piece, append_right, &all), WEFT_ECANCELED);
    CHECK_RC(weft_parallel_reduce(0, 100, 0, &a, sizeof a, append_piece, append_right, &all), WEFT_ECANCELED);
    CHECK_RC(weft_parallel_reduce(0, 0, 0, &a, sizeof a, append_piece, append_right, &all), WEFT_ECANCELED);
    CHECK_EQ(all.bodies, 0);
    CHECK_EQ(a.begin, 4);
    CHECK_RC(weft_scope_close(s, 0), 0);
    return weft_yield();
}

WEFT_TEST(reduce, in_a_canceled_scope_begins_nothing)
{
    run_both_ways(reduce_in_canceled_scope);
}

/* Bodies and combines that leave scopes open. */

static int untidy_piece(size_t begin, size_t end, void *acc, void *arg)
{
    (void)arg;
    CHECK(!weft_canceled());
    *(size_t *)acc += end - begin;
    return weft_scope_cancel(weft_scope_open(0));
}

static int untidy_combine(void *acc, void *right, void *arg)
{
    (void)arg;
    *(size_t *)acc += *(size_t *)right;
    return weft_scope_cancel(weft_scope_open(0));
}

static int reduce_untidily(void *arg)
{
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    for (size_t n = 1; n < 500; n += n) {
        size_t sum = 0;

        CHECK_OK(weft_parallel_reduce(0, n, 0, &sum, sizeof sum, untidy_piece, untidy_combine, NULL));
        CHECK_EQ(sum, n);
        CHECK(!weft_canceled());
    }
    CHECK_RC(weft_scope_close(s, 42), 42);
    return weft_yield();
}

WEFT_TEST(reduce, closes_what_bodies_and_combines_leave_open)
{
    run_both_ways(reduce_untidily);
}
