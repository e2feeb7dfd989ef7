/* SPDX-License-Identifier: MIT */
/* What weft/combine.h promises of weft_race(). */
#include <limits.h>

#include "tests/sched/tasks.h"

enum { MANY = TEST_TSAN ? 300 : 10000 };

/* One that loses; it takes a while to clean up, and says when it has. */
static int lose(void *arg)
{
    atomic_int *gone = arg;
    int rc = weft_sleep_ms(FOREVER_MS);

    CHECK_RC(rc, WEFT_ECANCELED);
    for (int i = 0; i < 5; i++)
        CHECK_RC(weft_yield(), WEFT_ECANCELED);
    atomic_fetch_add(gone, 1);
    return -EIO; /* dropped */
}

struct start {
    atomic_int *n;
    int least;
};

static int win_when_all_have_begun(void *arg)
{
    struct start *s = arg;

    yield_until(s->n, s->least);
    return 3; /* as good as 0 */
}

struct racer {
    atomic_int *begun, *gone;
};

static int begin_and_lose(void *arg)
{
    struct racer *r = arg;

    atomic_fetch_add(r->begun, 1);
    return lose(r->gone);
}

static int losers_are_joined(void *arg)
{
    atomic_int begun = 0, gone = 0;
    struct racer racer = {&begun, &gone};
    struct start start = {&begun, 3};
    weft_fn fns[4] = {begin_and_lose, begin_and_lose, win_when_all_have_begun, begin_and_lose};
    void *args[4] = {&racer, &racer, &start, &racer};

    (void)arg;
    CHECK_EQ(weft_race(4, fns, args), 2);
    CHECK_EQ(atomic_load(&gone), 3);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(race, losers_are_cancelled_and_joined_before_it_returns)
{
    CHECK_OK(test_run(losers_are_joined, NULL));
}

static int error_does_not_decide(void *arg)
{
    static const int code = -EIO;
    weft_fn fns[3] = {fail_with, fail_with, nothing};
    void *args[3] = {(void *)&code, (void *)&code, NULL};

    (void)arg;
    CHECK_EQ(weft_race(3, fns, args), 2);
    CHECK_EQ(weft_race(1, (weft_fn[]){nothing}, NULL), 0);
    return 0;
}

WEFT_TEST(race, success_wins_although_others_failed_before)
{
    CHECK_OK(test_run(error_does_not_decide, NULL));
}

static int fail_after_pause(void *arg)
{
    CHECK_OK(weft_sleep_ms(30));
    return fail_with(arg);
}

static int first_error(void *arg)
{
    static const int soon = -EIO, late = -EPROTO;

    (void)arg;
    CHECK_RC(weft_race(2, (weft_fn[]){fail_after_pause, fail_with}, (void *[]){(void *)&late, (void *)&soon}), soon);
    return 0;
}

WEFT_TEST(race, without_a_winner_it_returns_the_first_error_in_time)
{
    CHECK_OK(run_on(1, first_error, NULL));
}

static int bad_numbers(void *arg)
{
    (void)arg;
    CHECK_RC(weft_race(0, NULL, NULL), WEFT_EINVAL);
    CHECK_RC(weft_race((size_t)INT_MAX + 1, NULL, NULL), WEFT_EINVAL);
    return 0;
}

WEFT_TEST(race, needs_somebody_to_win)
{
    CHECK_OK(test_run(bad_numbers, NULL));
    CHECK_RC(weft_race(1, (weft_fn[]){nothing}, NULL), WEFT_ENOTASK);
}

struct outer {
    weft_scope *scope;
    atomic_int parked;
};

static int cancel_outer(void *arg)
{
    struct outer *o = arg;

    yield_until(&o->parked, 2);
    CHECK_OK(weft_scope_cancel(o->scope));
    return 0;
}

static int cancel_and_win(void *arg)
{
    struct outer *o = arg;

    CHECK_OK(weft_scope_cancel(o->scope));
    return 0;
}

static int cancel_and_fail(void *arg)
{
    struct outer *o = arg;

    CHECK_OK(weft_scope_cancel(o->scope));
    return -EIO;
}

static int outer_cancellation(void *arg)
{
    struct outer o = {.parked = 0};
    weft_group *g = weft_group_open(NULL);
    weft_fn sleepers[2] = {count_and_sleep_forever, count_and_sleep_forever};
    void *args[2] = {&o.parked, &o.parked};

    (void)arg;
    o.scope = weft_scope_open(0);
    CHECK_OK(weft_spawn(g, cancel_outer, &o));
    CHECK_RC(weft_race(2, sleepers, args), WEFT_ECANCELED);
    CHECK_RC(weft_race(2, sleepers, args), WEFT_ECANCELED); /* nobody is entered */
    CHECK_EQ(atomic_load(&o.parked), 2);
    CHECK_RC(weft_scope_close(o.scope, 0), 0);
    CHECK_OK(weft_group_wait(g));

    o.scope = weft_scope_open(0);
    CHECK_EQ(weft_race(1, (weft_fn[]){cancel_and_win}, (void *[]){&o}), 0); /* success beats the cancellation */
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(o.scope, 0), 0);

    o.scope = weft_scope_open(0);
    CHECK_RC(weft_race(1, (weft_fn[]){cancel_and_fail}, (void *[]){&o}), -EIO); /* so does an error */
    CHECK_RC(weft_scope_close(o.scope, 0), 0);
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(race, outer_cancellation_is_returned_where_nothing_else_happened)
{
    CHECK_OK(test_run(outer_cancellation, NULL));
}

static int succeed_soon(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static int many(void *arg)
{
    atomic_int entered = 0;
    void **args = calloc(MANY, sizeof *args);
    weft_fn *fns = calloc(MANY, sizeof *fns);
    int winner;

    (void)arg;
    CHECK(args != NULL && fns != NULL);
    for (int i = 0; i < MANY; i++) {
        args[i] = &entered;
        fns[i] = succeed_soon;
    }
    winner = weft_race(MANY, fns, args);
    CHECK(winner >= 0 && winner < MANY);
    CHECK_GE(atomic_load(&entered), 1);
    CHECK_LE(atomic_load(&entered), MANY);
    winner = atomic_load(&entered);
    CHECK_OK(weft_yield());
    CHECK_EQ(atomic_load(&entered), winner); /* nobody runs on */
    free(fns);
    free(args);
    return 0;
}

WEFT_TEST(race, of_many_has_one_winner)
{
    CHECK_OK(test_run(many, NULL));
}
