/* SPDX-License-Identifier: MIT */
/* Parallel loops: each index once, in pieces that are as they were asked for. Reductions are in test_reduce.c. */
#include "sched/platform.h"
#include "tests/sched/tasks.h"

enum { E_FIRST = -1001, MANY = TEST_TSAN ? 20000 : 100003 };

/* Runs the test as a task, once as it is told to, and once more on one worker. */
static void run_both_ways(weft_fn fn)
{
    CHECK_OK(test_run(fn, NULL));
    CHECK_OK(run_on(1, fn, NULL));
}

/* Which indices have been called. */
struct table {
    size_t begin, end, grain;
    atomic_uchar *called;
    atomic_size_t pieces;
};

static int call_one(size_t i, void *arg)
{
    struct table *t = arg;

    CHECK_GE(i, t->begin);
    CHECK_LT(i, t->end);
    CHECK_EQ(atomic_fetch_add(&t->called[i - t->begin], 1), 0);
    return (int)(i % 3);
}

static int call_piece(size_t begin, size_t end, void *arg)
{
    struct table *t = arg;

    CHECK_LT(begin, end);
    if (t->grain != 0)
        CHECK_LE(end - begin, t->grain);
    atomic_fetch_add(&t->pieces, 1);
    for (size_t i = begin; i < end; i++)
        (void)call_one(i, arg);
    return 1;
}

static void check_table(struct table *t)
{
    size_t n = t->begin < t->end ? t->end - t->begin : 0;

    for (int form = 0; form < 2; form++) {
        t->called = calloc(n + 1, sizeof *t->called);
        CHECK_NOT_NULL(t->called);
        t->pieces = 0;
        if (form == 0)
            CHECK_OK(weft_parallel_for(t->begin, t->end, t->grain, call_one, t));
        else
            CHECK_OK(weft_parallel_for_range(t->begin, t->end, t->grain, call_piece, t));
        for (size_t i = 0; i < n; i++)
            CHECK_EQ(t->called[i], 1);
        CHECK_EQ(t->called[n], 0);
        if (form == 1 && t->grain != 0)
            CHECK_GE(t->pieces, n / t->grain);
        free((void *)t->called);
    }
}

static int check_tables(void *arg)
{
    static const size_t counts[] = {0, 1, 2, 3, 7, 64, 1000, MANY}, grains[] = {0, 1, 2, 7, 1000, SIZE_MAX};

    (void)arg;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t j = 0; j < sizeof grains / sizeof *grains; j++) {
            check_table(&(struct table){.end = counts[i], .grain = grains[j]});
            check_table(&(struct table){.begin = 5, .end = 5 + counts[i], .grain = grains[j]});
            check_table(&(struct table){.begin = SIZE_MAX - counts[i], .end = SIZE_MAX, .grain = grains[j]});
        }
    check_table(&(struct table){.begin = 7, .end = 3});
    check_table(&(struct table){.begin = SIZE_MAX, .end = 0, .grain = 1});
    return 0;
}

WEFT_TEST(parallel, loop_calls_each_index_once)
{
    run_both_ways(check_tables);
}

WEFT_TEST(parallel, loop_outside_of_a_task_calls_nothing)
{
    struct table t = {.end = 1};

    CHECK_RC(weft_parallel_for(0, 1, 0, call_one, &t), WEFT_ENOTASK);
    CHECK_RC(weft_parallel_for_range(0, 1, 0, call_piece, &t), WEFT_ENOTASK);
    CHECK_RC(weft_parallel_for(0, 0, 0, call_one, &t), WEFT_ENOTASK);
}

/* Measured pieces. */

static int count_piece(size_t begin, size_t end, void *arg)
{
    (void)begin;
    (void)end;
    return count(arg);
}

static int hold_piece(size_t begin, size_t end, void *arg)
{
    weft_time until = weft_now() + 20000;

    CHECK_EQ(end - begin, 1);
    while (weft_now() < until)
        ;
    return count(arg);
}

static int measure_pieces(void *arg)
{
    atomic_int pieces = 0;

    (void)arg;
    CHECK_OK(weft_parallel_for_range(0, 1000000, 0, count_piece, &pieces));
    CHECK_LE(pieces, 1000000 / 16);
    pieces = 0;
    CHECK_OK(weft_parallel_for_range(0, 200, 0, hold_piece, &pieces));
    CHECK_EQ(pieces, 200);
    return 0;
}

WEFT_TEST(parallel, loop_makes_long_pieces_of_short_steps_and_short_ones_of_long)
{
    run_both_ways(measure_pieces);
}

/* Who helps. */

struct help {
    atomic_int entered, done_beyond, entered_inside;
};

static int hold_until_helped(size_t i, void *arg)
{
    struct help *h = arg;

    atomic_fetch_add(&h->entered, 1);
    if (i == 0)
        spin_until(&h->entered, 2);
    return 0;
}

/* Of 8, the second half goes to the other worker. Once that is done, what is left of the first is offered again. */
static int hold_until_helped_again(size_t i, void *arg)
{
    struct help *h = arg;

    if (i == 0)
        spin_until(&h->done_beyond, 4);
    if (i == 1)
        spin_until(&h->entered_inside, 1);
    if (i == 2 || i == 3)
        atomic_fetch_add(&h->entered_inside, 1);
    if (i >= 4)
        atomic_fetch_add(&h->done_beyond, 1);
    return 0;
}

static int loops_with_help(void *arg)
{
    struct help h = {0};

    (void)arg;
    for (int i = 0; i < 10; i++) {
        h = (struct help){0};
        CHECK_OK(weft_parallel_for(0, 2, 0, hold_until_helped, &h));
        h = (struct help){0};
        CHECK_OK(weft_parallel_for(0, 100, 3, hold_until_helped, &h));
        CHECK_EQ(h.entered, 100);
        h = (struct help){0};
        CHECK_OK(weft_parallel_for(0, 8, 1, hold_until_helped_again, &h));
    }
    return 0;
}

WEFT_TEST(parallel, loop_offers_what_is_left_whenever_another_worker_is_free)
{
    CHECK_OK(run_on(2, loops_with_help, NULL));
    CHECK_OK(run_on(4, loops_with_help, NULL));
}

/* Errors and cancellation. */

struct failing {
    atomic_int entered, asleep, over;
    size_t at;
    weft_scope *s;
};

static int fail_at(size_t i, void *arg)
{
    struct failing *f = arg;

    atomic_fetch_add(&f->entered, 1);
    return i == f->at ? E_FIRST : 0;
}

/* Fails, on the only worker: whatever is entered after it is entered in vain. */
static int fail_and_be_the_last(size_t i, void *arg)
{
    struct failing *f = arg;

    CHECK_EQ(f->over, 0);
    f->over = i == f->at;
    return fail_at(i, arg);
}

static int fail_in_a_row(void *arg)
{
    (void)arg;
    for (size_t grain = 0; grain < 20; grain++) {
        struct failing f = {.at = 50};

        CHECK_RC(weft_parallel_for(0, 1000, grain, fail_and_be_the_last, &f), E_FIRST);
        CHECK_LT(f.entered, 1000);
        CHECK(!weft_canceled());
    }
    return weft_yield();
}

WEFT_TEST(parallel, loop_enters_nothing_after_an_error)
{
    CHECK_OK(run_on(1, fail_in_a_row, NULL));
}

static int fail_once_others_sleep(size_t i, void *arg)
{
    struct failing *f = arg;
    int rc;

    if (i == 0) {
        yield_until(&f->asleep, 1);
        return E_FIRST;
    }
    atomic_fetch_add(&f->asleep, 1);
    rc = weft_sleep_ms(FOREVER_MS);
    CHECK_RC(rc, WEFT_ECANCELED);
    return rc;
}

static int fail_while_the_first_sleeps(size_t i, void *arg)
{
    struct failing *f = arg;

    if (i != 0) {
        yield_until(&f->asleep, 1);
        return E_FIRST;
    }
    atomic_fetch_add(&f->asleep, 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    return WEFT_ECANCELED;
}

static int fail_beside_sleepers(void *arg)
{
    (void)arg;
    for (size_t n = 2; n < 50; n += 7) {
        struct failing f = {0};
        int rc;

        CHECK_RC(weft_parallel_for(0, n, 1, fail_once_others_sleep, &f), E_FIRST);
        CHECK_GE(f.asleep, 1);
        f.asleep = 0;
        CHECK_RC(weft_parallel_for(0, n, 0, fail_while_the_first_sleeps, &f), E_FIRST);
        f = (struct failing){.at = n};
        rc = weft_parallel_for(0, 2 * n, 1, fail_at, &f);
        CHECK_RC(rc, E_FIRST);
    }
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(parallel, error_in_a_loop_cancels_the_rest)
{
    run_both_ways(fail_beside_sleepers);
}

static int cancel_at(size_t i, void *arg)
{
    struct failing *f = arg;

    atomic_fetch_add(&f->entered, 1);
    CHECK_EQ(f->over, 0);
    f->over = i == f->at;
    if (i == f->at)
        CHECK_OK(weft_scope_cancel(f->s));
    return 0;
}

static int cancel_in_a_row(void *arg)
{
    struct failing f = {.at = 50, .s = weft_scope_open(0)};

    (void)arg;
    CHECK_RC(weft_parallel_for(0, 1000, 1, cancel_at, &f), WEFT_ECANCELED);
    CHECK_LT(f.entered, 1000);
    f.entered = 0;
    CHECK_RC(weft_parallel_for(0, 1000, 1, cancel_at, &f), WEFT_ECANCELED);
    CHECK_RC(weft_parallel_for(0, 0, 1, cancel_at, &f), WEFT_ECANCELED);
    CHECK_EQ(f.entered, 0);
    CHECK_RC(weft_scope_close(f.s, 0), 0);
    f = (struct failing){.at = 0, .s = weft_scope_open(0)};
    CHECK_RC(weft_parallel_for(0, 1, 1, cancel_at, &f), WEFT_ECANCELED); /* also where nothing was left */
    CHECK_EQ(f.entered, 1);
    CHECK_RC(weft_scope_close(f.s, 0), 0);
    return weft_yield();
}

WEFT_TEST(parallel, loop_begins_no_piece_once_it_is_canceled)
{
    CHECK_OK(run_on(1, cancel_in_a_row, NULL));
}

static int no_step(size_t i, void *arg)
{
    (void)i;
    (void)arg;
    return 0;
}

static int loop_until_deadline(void *arg)
{
    weft_scope *s = weft_scope_open(test_soon());
    int rc = weft_parallel_for(0, SIZE_MAX, *(size_t *)arg, no_step, NULL);

    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, rc), WEFT_ETIMEDOUT);
    return weft_yield();
}

WEFT_TEST(parallel, loop_without_end_is_ended_by_a_deadline)
{
    for (size_t grain = 0; grain < 200; grain += 100) {
        CHECK_OK(test_run(loop_until_deadline, &grain));
        CHECK_OK(run_on(1, loop_until_deadline, &grain));
    }
}

/* Fairness. */

static int stop_when_told(size_t i, void *arg)
{
    (void)i;
    return atomic_load((atomic_int *)arg) != 0 ? E_FIRST : 0;
}

static int loop_until_told(void *arg)
{
    CHECK_RC(weft_parallel_for(0, SIZE_MAX, 0, stop_when_told, arg), E_FIRST);
    return 0;
}

static int tell_after_a_sleep(void *arg)
{
    CHECK_OK(weft_sleep_ms(3));
    return count(arg);
}

static int loops_beside_sleeper(void *arg)
{
    atomic_int told = 0;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, loop_until_told, &told));
    CHECK_OK(weft_spawn(g, tell_after_a_sleep, &told));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(parallel, loops_starve_nobody)
{
    run_both_ways(loops_beside_sleeper);
}

/* Bodies that do more than compute. */

static int suspend_now_and_then(size_t i, void *arg)
{
    size_t check = i * 3;

    if (i % 5 == 0)
        CHECK_OK(weft_yield());
    if (i % 37 == 0)
        CHECK_OK(weft_sleep_until(weft_now() + 10000));
    CHECK_EQ(check, i * 3);
    return count(arg);
}

static int leave_things_open(size_t i, void *arg)
{
    weft_group *g;

    CHECK(!weft_canceled());
    CHECK_NOT_NULL(weft_scope_open(0));
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, sleep_forever, NULL));
    if (i % 2 == 0)
        CHECK_OK(weft_yield());
    CHECK_OK(weft_scope_cancel(weft_scope_open(0)));
    return count(arg);
}

static int leave_things_open_and_fail(size_t i, void *arg)
{
    (void)leave_things_open(i, arg);
    return E_FIRST;
}

static int spawn_outwards(size_t i, void *arg)
{
    static atomic_int ran;

    return i % 4 == 0 ? weft_spawn(arg, count, &ran) : 0;
}

static int inner_step(size_t i, void *arg)
{
    (void)i;
    return count(arg);
}

static int outer_step(size_t i, void *arg)
{
    CHECK_OK(weft_parallel_for(0, i, 0, inner_step, arg));
    return weft_join(count, arg, count, arg);
}

static int do_more_than_compute(void *arg)
{
    atomic_int n = 0;
    weft_scope *s = weft_scope_open(0);
    weft_group *g;

    (void)arg;
    CHECK_OK(weft_parallel_for(0, 500, 0, suspend_now_and_then, &n));
    CHECK_OK(weft_parallel_for(0, 500, 4, suspend_now_and_then, &n));
    CHECK_EQ(n, 1000);
    n = 0;
    CHECK_OK(weft_parallel_for(0, 100, 1, leave_things_open, &n));
    CHECK_OK(weft_parallel_for(0, 1, 0, leave_things_open, &n));
    CHECK_EQ(n, 101);
    CHECK_RC(weft_parallel_for(0, 1, 0, leave_things_open_and_fail, &n), E_FIRST);
    CHECK(!weft_canceled());
    CHECK_RC(weft_scope_close(s, 42), 42); /* it is the innermost again */
    g = weft_group_open(NULL);
    CHECK_OK(weft_parallel_for(0, 200, 1, spawn_outwards, g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    n = 0;
    CHECK_OK(weft_parallel_for(0, 100, 1, outer_step, &n));
    CHECK_EQ(n, 4950 + 200);
    return weft_yield();
}

WEFT_TEST(parallel, bodies_may_suspend_nest_spawn_and_leave_things_open)
{
    run_both_ways(do_more_than_compute);
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC || what == WEFT__SEAM_MAP;
}

static int loop_without_memory(void *arg)
{
    struct table t = {.end = 1000, .grain = 1, .called = calloc(1000, 1)};

    (void)arg;
    CHECK_NOT_NULL(t.called);
    A_STORE(&weft__fault_hook, no_memory, relaxed);
    CHECK_OK(weft_parallel_for(t.begin, t.end, t.grain, call_one, &t));
    A_STORE(&weft__fault_hook, NULL, relaxed);
    for (size_t i = 0; i < t.end; i++)
        CHECK_EQ(t.called[i], 1);
    free((void *)t.called);
    return 0;
}

WEFT_TEST(parallel, loop_needs_no_memory)
{
    run_both_ways(loop_without_memory);
}
