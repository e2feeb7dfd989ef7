/* SPDX-License-Identifier: MIT */
/* weft_join(): both halves in one task, and each of the ways in which the offered one is taken by another. */
#include <pthread.h>

#include "sched/platform.h"
#include "sched/worker.h"
#include "tests/sched/tasks.h"

enum { E_FIRST = -1001, E_SECOND = -1002 };

/* What the halves of most tests know of each other. */
struct halves {
    atomic_int f_entered, g_entered;
    atomic_int go, failed;
    weft_group *outer;
    int rc;     /* for the half that fails */
    int canary; /* of the caller's frame */
};

static int enter_f(void *arg)
{
    atomic_fetch_add(&((struct halves *)arg)->f_entered, 1);
    return 0;
}

static int enter_g(void *arg)
{
    atomic_fetch_add(&((struct halves *)arg)->g_entered, 1);
    return 0;
}

/* Suspends until the other half has been entered: so it is taken, by this worker's loop where there is no other worker. */
static int enter_f_and_wait_for_g(void *arg)
{
    struct halves *h = arg;

    enter_f(h);
    yield_until(&h->g_entered, 1);
    return 0;
}

/* The same without a suspension: another worker must take it. */
static int enter_f_and_hold_the_worker_until_g(void *arg)
{
    struct halves *h = arg;

    enter_f(h);
    spin_until(&h->g_entered, 1);
    return 0;
}

/* Runs the test as a task, once as it is told to, and once more on one worker. */
static void run_both_ways(weft_fn fn, void *arg)
{
    CHECK_OK(test_run(fn, arg));
    CHECK_OK(run_on(1, fn, arg));
}

/* Results. */

static int join_plainly(void *arg)
{
    struct halves h = {.canary = 4711};

    (void)arg;
    for (int i = 1; i <= 1000; i++) {
        CHECK_OK(weft_join(enter_f, &h, enter_g, &h));
        CHECK_EQ(atomic_load(&h.f_entered), i);
        CHECK_EQ(atomic_load(&h.g_entered), i);
    }
    CHECK_EQ(h.canary, 4711);
    return 0;
}

WEFT_TEST(join, runs_both_halves_once)
{
    run_both_ways(join_plainly, NULL);
}

static int one(void *arg)
{
    (void)arg;
    return 1;
}

static int join_positive(void *arg)
{
    (void)arg;
    CHECK_OK(weft_join(one, NULL, one, NULL));
    CHECK_OK(weft_join(nothing, NULL, one, NULL));
    return 0;
}

WEFT_TEST(join, returns_0_where_the_halves_return_more)
{
    run_both_ways(join_positive, NULL);
}

static int f_runs_in_the_caller(void *arg)
{
    CHECK_PTR_EQ(weft__task_self(), *(struct weft__task **)arg);
    return 0;
}

static int join_on_one_worker(void *arg)
{
    struct weft__task *self = weft__task_self();

    (void)arg;
    CHECK_OK(weft_join(f_runs_in_the_caller, &self, f_runs_in_the_caller, &self));
    return 0;
}

WEFT_TEST(join, is_two_calls_where_nobody_takes_the_offer)
{
    CHECK_OK(run_on(1, join_on_one_worker, NULL));
}

WEFT_TEST(join, outside_of_a_task_enters_nothing)
{
    struct halves h = {0};

    CHECK_RC(weft_join(enter_f, &h, enter_g, &h), WEFT_ENOTASK);
    CHECK_EQ(h.f_entered + h.g_entered, 0);
}

static int g_is_taken(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        struct halves h = {.canary = i};

        CHECK_OK(weft_join(enter_f_and_wait_for_g, &h, enter_g, &h));
        CHECK_EQ(h.f_entered, 1);
        CHECK_EQ(h.g_entered, 1);
        CHECK_EQ(h.canary, i);
    }
    return 0;
}

WEFT_TEST(join, half_is_taken_while_the_other_suspends)
{
    run_both_ways(g_is_taken, NULL);
}

static int g_is_stolen(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        struct halves h = {0};

        CHECK_OK(weft_join(enter_f_and_hold_the_worker_until_g, &h, enter_g, &h));
        CHECK_EQ(h.f_entered, 1);
        CHECK_EQ(h.g_entered, 1);
    }
    return 0;
}

WEFT_TEST(join, half_is_stolen_from_a_worker_that_is_held)
{
    CHECK_OK(run_on(2, g_is_stolen, NULL));
    if (test_workers() > 1)
        CHECK_OK(test_run(g_is_stolen, NULL));
}

/* Errors. */

static int fail_f(void *arg)
{
    struct halves *h = arg;

    enter_f(h);
    return h->rc;
}

static int fail_g(void *arg)
{
    struct halves *h = arg;

    enter_g(h);
    return h->rc;
}

static int f_fails_first(void *arg)
{
    struct halves h = {.rc = E_FIRST};

    (void)arg;
    CHECK_RC(weft_join(fail_f, &h, enter_g, &h), E_FIRST);
    CHECK_EQ(h.f_entered, 1);
    CHECK_EQ(h.g_entered, 0);
    h.rc = WEFT_ECANCELED; /* an error like any other where nobody has cancelled */
    CHECK_RC(weft_join(fail_f, &h, enter_g, &h), WEFT_ECANCELED);
    CHECK_EQ(h.g_entered, 0);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(join, half_that_was_not_taken_is_not_entered_once_the_other_has_failed)
{
    CHECK_OK(run_on(1, f_fails_first, NULL));
}

/* Work of others lies above the offer when the first half fails, so its owner has to wait for the offer. */
static int spawn_into_and_fail(void *arg)
{
    struct halves *h = arg;

    CHECK_OK(weft_spawn(h->outer, enter_f, h));
    atomic_store(&h->failed, 1);
    return h->rc;
}

static int enter_g_before_the_failure(void *arg)
{
    CHECK_EQ(((struct halves *)arg)->failed, 0);
    return enter_g(arg);
}

static int f_fails_below_other_work(void *arg)
{
    struct halves h = {.rc = E_FIRST, .outer = weft_group_open(NULL)};

    (void)arg;
    CHECK_RC(weft_join(spawn_into_and_fail, &h, enter_g_before_the_failure, &h), E_FIRST);
    CHECK_OK(weft_group_wait(h.outer));
    CHECK_EQ(h.f_entered, 1);
    weft_group_close(h.outer);
    return weft_yield();
}

WEFT_TEST(join, half_that_lies_below_other_work_is_not_entered_once_the_other_has_failed)
{
    CHECK_OK(run_on(1, f_fails_below_other_work, NULL));
}

static int f_fails_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        struct halves h = {.rc = E_FIRST};

        CHECK_RC(weft_join(fail_f, &h, enter_g, &h), E_FIRST);
        CHECK_EQ(h.f_entered, 1);
        CHECK_LE(h.g_entered, 1);
    }
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(join, first_half_may_fail_while_the_other_is_being_taken)
{
    run_both_ways(f_fails_often, NULL);
}

static int g_fails(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        struct halves h = {.rc = E_SECOND};

        CHECK_RC(weft_join(enter_f, &h, fail_g, &h), E_SECOND);
        CHECK_EQ(h.f_entered, 1);
        CHECK_EQ(h.g_entered, 1);
        h = (struct halves){.rc = WEFT_ECANCELED};
        CHECK_RC(weft_join(enter_f, &h, fail_g, &h), WEFT_ECANCELED);
    }
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(join, error_of_the_second_half_comes_out)
{
    run_both_ways(g_fails, NULL);
}

/* Goes on until it is cancelled, then fails by itself. */
static int wait_for_cancel_and_fail(void *arg)
{
    enter_f(arg);
    while (weft_yield() == 0)
        ;
    CHECK(weft_canceled());
    return E_FIRST;
}

static int both_fail(void *arg)
{
    struct halves h = {.rc = E_SECOND};

    (void)arg;
    CHECK_RC(weft_join(wait_for_cancel_and_fail, &h, fail_g, &h), E_SECOND);
    CHECK_EQ(h.f_entered, 1);
    CHECK_EQ(h.g_entered, 1);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(join, first_of_two_errors_comes_out)
{
    run_both_ways(both_fail, NULL);
}

static int fail_f_once_g_runs(void *arg)
{
    struct halves *h = arg;

    enter_f(h);
    yield_until(&h->g_entered, 1);
    return h->rc;
}

static int g_sleeps(void *arg)
{
    int rc;

    enter_g(arg);
    rc = weft_sleep_ms(FOREVER_MS);
    CHECK_RC(rc, WEFT_ECANCELED);
    return rc;
}

static int f_fails_while_g_sleeps(void *arg)
{
    struct halves h = {.rc = E_FIRST};

    (void)arg;
    CHECK_RC(weft_join(fail_f_once_g_runs, &h, g_sleeps, &h), E_FIRST);
    CHECK_EQ(h.g_entered, 1);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(join, failure_of_the_first_half_wakes_the_taken_one)
{
    run_both_ways(f_fails_while_g_sleeps, NULL);
}

static int f_sleeps(void *arg)
{
    int rc;

    enter_f(arg);
    rc = weft_sleep_ms(FOREVER_MS);
    CHECK_RC(rc, WEFT_ECANCELED);
    return rc;
}

static int f_computes_until_canceled(void *arg)
{
    enter_f(arg);
    while (!weft_canceled())
        (void)weft_yield();
    return 0;
}

static int f_holds_its_worker_until_canceled(void *arg)
{
    enter_f(arg);
    while (!weft_canceled())
        sched_yield();
    return 0;
}

/* A scope of its own around the sleep, and a group: the cancellation goes down to it. */
static int f_sleeps_deep_inside(void *arg)
{
    weft_scope *s = weft_scope_open(weft_after_ms(FOREVER_MS));
    weft_group *g = weft_group_open(NULL);
    int rc;

    CHECK_OK(weft_spawn(g, sleep_forever, NULL));
    enter_f(arg); /* from now on the other may fail */
    rc = weft_group_wait(g);
    weft_group_close(g);
    return (int)weft_scope_close(s, rc);
}

/* The other half begins first, and may be before its first step still. */
static int fail_once_f_is_in(void *arg)
{
    struct halves *h = arg;

    yield_until(&h->f_entered, 1);
    return fail_g(h);
}

static int g_fails_while_f(void *arg)
{
    static const weft_fn ways[] = {f_sleeps, f_computes_until_canceled, f_sleeps_deep_inside};

    (void)arg;
    for (size_t i = 0; i < 3; i++) {
        struct halves h = {.rc = E_SECOND};

        CHECK_RC(weft_join(ways[i], &h, fail_once_f_is_in, &h), E_SECOND);
        CHECK_EQ(h.f_entered, 1);
        CHECK_EQ(h.g_entered, 1);
    }
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(join, failure_of_the_taken_half_cancels_the_first)
{
    run_both_ways(g_fails_while_f, NULL);
}

static int g_fails_while_f_holds_its_worker(void *arg)
{
    struct halves h = {.rc = E_SECOND};

    (void)arg;
    CHECK_RC(weft_join(f_holds_its_worker_until_canceled, &h, fail_g, &h), E_SECOND);
    return weft_yield();
}

WEFT_TEST(join, first_half_that_computes_sees_the_failure_of_the_stolen_one)
{
    CHECK_OK(run_on(2, g_fails_while_f_holds_its_worker, NULL));
}

/* Cancellation from outside. */

static int join_in_canceled_scope(void *arg)
{
    struct halves h = {0};
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_join(enter_f, &h, enter_g, &h), WEFT_ECANCELED);
    CHECK_EQ(h.f_entered + h.g_entered, 0);
    CHECK_RC(weft_scope_close(s, 0), 0);
    CHECK_OK(weft_join(enter_f, &h, enter_g, &h));
    return 0;
}

WEFT_TEST(join, in_a_canceled_scope_enters_nothing)
{
    run_both_ways(join_in_canceled_scope, NULL);
}

struct canceling {
    weft_scope *s;
    struct halves h;
};

static int cancel_and_go_on(void *arg)
{
    struct canceling *c = arg;

    enter_f(&c->h);
    yield_until(&c->h.go, 1);
    CHECK_OK(weft_scope_cancel(c->s));
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    return 0;
}

static int sleep_as_g(void *arg)
{
    struct canceling *c = arg;

    enter_g(&c->h);
    atomic_store(&c->h.go, 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    return WEFT_ECANCELED;
}

static int cancel_scope_meanwhile(void *arg)
{
    struct canceling c = {.s = weft_scope_open(0)};

    (void)arg;
    CHECK_RC(weft_join(cancel_and_go_on, &c, sleep_as_g, &c), WEFT_ECANCELED);
    CHECK_EQ(c.h.g_entered, 1);
    CHECK(weft_canceled());
    CHECK_RC(weft_scope_close(c.s, 0), 0);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(join, cancellation_of_a_scope_around_it_reaches_both_halves)
{
    run_both_ways(cancel_scope_meanwhile, NULL);
}

static int join_of_sleepers(void *arg)
{
    return weft_join(f_sleeps, arg, g_sleeps, arg);
}

/* The caller that joins is a child, asleep in its first half, found through its group. */
static int cancel_group_of_join(void *arg)
{
    struct halves h = {0};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, join_of_sleepers, &h));
    yield_until(&h.f_entered, 1);
    yield_until(&h.g_entered, 1);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(join, cancellation_of_the_group_that_it_runs_in_reaches_both_halves)
{
    run_both_ways(cancel_group_of_join, NULL);
}

static int join_until_deadline(void *arg)
{
    struct halves h = {0};
    weft_scope *s = weft_scope_open(test_soon());
    int rc = weft_join(f_sleeps, &h, g_sleeps, &h);

    (void)arg;
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, rc), WEFT_ETIMEDOUT);
    CHECK_EQ(h.f_entered, 1);
    CHECK_EQ(h.g_entered, 1);
    return weft_yield();
}

WEFT_TEST(join, deadline_around_it_ends_both_halves)
{
    run_both_ways(join_until_deadline, NULL);
}

static int fail_inner(void *arg)
{
    struct halves h = {.rc = E_SECOND};
    int rc = weft_join(f_sleeps, &h, fail_g, &h);

    (void)arg;
    CHECK(!weft_canceled()); /* the failure stayed inside */
    return rc == E_SECOND ? 0 : -1;
}

static int fail_inner_joins(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_join(fail_inner, NULL, fail_inner, NULL));
    return weft_yield();
}

WEFT_TEST(join, failure_that_is_handled_inside_does_not_get_out)
{
    run_both_ways(fail_inner_joins, NULL);
}

/* Halves that suspend. */

static int receive(void *arg)
{
    for (int i = 0; i < 100; i++) {
        int n = -1;

        CHECK_OK(weft_chan_recv(arg, &n));
        CHECK_EQ(n, i);
    }
    return 0;
}

static int send(void *arg)
{
    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_chan_send(arg, &i));
    return 0;
}

static int talk(void *arg)
{
    weft_chan *c = weft_chan_create(sizeof(int), 3);

    (void)arg;
    CHECK_NOT_NULL(c);
    CHECK_OK(weft_join(receive, c, send, c));
    CHECK_OK(weft_join(send, c, receive, c));
    weft_chan_destroy(c);
    return 0;
}

WEFT_TEST(join, halves_may_suspend_in_channels)
{
    run_both_ways(talk, NULL);
}

struct wanderer {
    int depth;
    uint32_t random;
    long sum;
};

static int wander(void *arg)
{
    struct wanderer *w = arg, a, b;
    uint32_t local[16];

    for (unsigned i = 0; i < 16; i++)
        local[i] = w->random + i;
    if (w->random % 5 == 0)
        CHECK_OK(weft_yield());
    if (w->random % 7 == 0)
        CHECK_OK(weft_sleep_until(weft_now() + 10000));
    w->sum = 1;
    if (w->depth > 0) {
        a = (struct wanderer){w->depth - 1, w->random * 3 + 1, 0};
        b = (struct wanderer){w->depth - 1, w->random * 5 + 2, 0};
        CHECK_OK(weft_join(wander, &a, wander, &b));
        w->sum += a.sum + b.sum;
    }
    for (unsigned i = 0; i < 16; i++)
        CHECK_EQ(local[i], w->random + i);
    return 0;
}

static int wander_in_a_tree(void *arg)
{
    struct wanderer w = {TEST_TSAN ? 6 : 9, 1, 0};

    (void)arg;
    CHECK_OK(wander(&w));
    CHECK_EQ(w.sum, (2 << w.depth) - 1);
    return 0;
}

WEFT_TEST(join, callers_that_migrate_find_their_frames)
{
    run_both_ways(wander_in_a_tree, NULL);
}

/* Callers that were spawned with options. */

enum { LARGE = 1 << 20 };

/* Writes to most of a large stack, a page at a time. */
static __attribute__((noinline)) int fill_a_large_stack(void)
{
    volatile char large[LARGE - (128 << 10)];

    for (size_t i = 0; i < sizeof large; i += 1024)
        large[i] = (char)i;
    return large[1024];
}

static int fill_stack_in_f(void *arg)
{
    CHECK_EQ(fill_a_large_stack(), 0);
    return enter_f_and_wait_for_g(arg);
}

static int fill_stack_in_g(void *arg)
{
    CHECK_EQ(fill_a_large_stack(), 0);
    return enter_g(arg);
}

static int join_on_large_stack(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        struct halves h = {0};

        CHECK_OK(weft_join(fill_stack_in_f, &h, fill_stack_in_g, &h));
        CHECK_EQ(h.g_entered, 1);
    }
    return 0;
}

static int join_in_large_task(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn_with(g, join_on_large_stack, NULL, &(weft_task_options){.stack_size = LARGE}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(join, taken_half_has_a_stack_as_large_as_the_callers)
{
    run_both_ways(join_in_large_task, NULL);
}

/* The halves of a pinned caller, and theirs, run on its thread, whoever would like to help. */
struct pinned {
    pthread_t thread;
    int depth;
    atomic_int *leaves;
};

static int stay_on_the_thread(void *arg)
{
    struct pinned *p = arg, below = {p->thread, p->depth - 1, p->leaves};

    CHECK(pthread_equal(p->thread, pthread_self()));
    if (p->depth % 3 == 0)
        CHECK_OK(weft_yield());
    if (p->depth % 4 == 0)
        pause_thread_ms(1); /* thieves come */
    CHECK(pthread_equal(p->thread, pthread_self()));
    if (p->depth == 0)
        return count(p->leaves);
    CHECK_OK(weft_join(stay_on_the_thread, &below, stay_on_the_thread, &below));
    CHECK(pthread_equal(p->thread, pthread_self()));
    return 0;
}

static int join_pinned(void *arg)
{
    struct pinned p = {pthread_self(), 6, arg};

    return stay_on_the_thread(&p);
}

static int join_in_pinned_tasks(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    atomic_int leaves = 0;

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn_with(g, join_pinned, &leaves, &(weft_task_options){.pinned = true}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(leaves, 3 * 64);
    return 0;
}

WEFT_TEST(join, halves_of_a_pinned_caller_stay_on_its_thread)
{
    run_both_ways(join_in_pinned_tasks, NULL);
}

/* What a half leaves open. */

static int sleep_and_say_so(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    atomic_fetch_sub((atomic_int *)arg, 1);
    return WEFT_ECANCELED;
}

static int leave_things_open(void *arg)
{
    weft_group *g;

    CHECK_NOT_NULL(weft_scope_open(weft_after_ms(FOREVER_MS)));
    g = weft_group_open(NULL);
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, sleep_and_say_so, arg));
    CHECK_NOT_NULL(weft_scope_open(0));
    yield_until(arg, 1);
    return 0;
}

static int leave_things_open_and_fail(void *arg)
{
    (void)leave_things_open(arg);
    CHECK_OK(weft_scope_cancel(weft_scope_open(0)));
    return E_FIRST;
}

static int join_untidy_halves(void *arg)
{
    atomic_int a = 0, b = 0;
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    for (int i = 0; i < 10; i++) {
        CHECK_OK(weft_join(leave_things_open, &a, leave_things_open, &b));
        CHECK_OK(weft_join(leave_things_open, &a, nothing, NULL));
        CHECK_RC(weft_join(nothing, NULL, leave_things_open_and_fail, &b), E_FIRST);
        CHECK_RC(weft_join(leave_things_open_and_fail, &a, nothing, NULL), E_FIRST);
        CHECK_EQ(a + b, 0); /* who slept has ended */
        CHECK(!weft_canceled());
    }
    CHECK_RC(weft_scope_close(s, 42), 42); /* it is the innermost again */
    return weft_yield();
}

WEFT_TEST(join, closes_what_a_half_leaves_open)
{
    run_both_ways(join_untidy_halves, NULL);
}

/* Other work above the offered half. */

struct outer {
    weft_group *g;
    atomic_int ran;
    struct halves h;
};

static int spawn_outwards(void *arg)
{
    struct outer *o = arg;

    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(o->g, count, &o->ran));
    return enter_f(&o->h);
}

static int spawn_outwards_and_fail(void *arg)
{
    (void)spawn_outwards(arg);
    return E_FIRST;
}

static int spawn_outwards_as_g(void *arg)
{
    (void)spawn_outwards(arg);
    return enter_g(&((struct outer *)arg)->h);
}

static int join_under_other_work(void *arg)
{
    struct outer o = {.g = weft_group_open(NULL)};

    (void)arg;
    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_join(spawn_outwards, &o, spawn_outwards_as_g, &o));
    CHECK_OK(weft_group_wait(o.g));
    CHECK_EQ(o.ran, 200);
    CHECK_EQ(o.h.f_entered, 40);
    CHECK_EQ(o.h.g_entered, 20);
    for (int i = 0; i < 20; i++)
        CHECK_RC(weft_join(spawn_outwards_and_fail, &o, spawn_outwards_as_g, &o), E_FIRST);
    CHECK_OK(weft_group_wait(o.g));
    weft_group_close(o.g);
    return weft_yield();
}

WEFT_TEST(join, halves_may_spawn_into_groups_around_it)
{
    run_both_ways(join_under_other_work, NULL);
}

/* A wait of a group finds an offered half in the deque: it is not the group's. */
static int open_group_in_half(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(g, count, arg));
    CHECK_OK(weft_yield());
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(weft_spawn(g, count, arg));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static int join_groups(void *arg)
{
    atomic_int ran = 0;

    (void)arg;
    for (int i = 0; i < 50; i++)
        CHECK_OK(weft_join(open_group_in_half, &ran, open_group_in_half, &ran));
    CHECK_EQ(ran, 600);
    return 0;
}

WEFT_TEST(join, groups_inside_of_halves_leave_the_offer_alone)
{
    run_both_ways(join_groups, NULL);
}

/* Depth. */

struct ladder {
    int depth;
    atomic_int *counted;
};

static int climb(void *arg)
{
    struct ladder *l = arg, next = {l->depth - 1, l->counted};

    return l->depth == 0 ? 0 : weft_join(climb, &next, count, l->counted);
}

static int climb_as_g(void *arg)
{
    struct ladder *l = arg, next = {l->depth - 1, l->counted};

    return l->depth == 0 ? 0 : weft_join(count, l->counted, climb_as_g, &next);
}

static int climb_high(void *arg)
{
    enum { DEPTH = 3000 };
    atomic_int counted = 0;
    struct ladder l = {DEPTH, &counted};

    (void)arg;
    CHECK_OK(climb(&l));
    CHECK_EQ(counted, DEPTH);
    CHECK_OK(climb_as_g(&l));
    CHECK_EQ(counted, 2 * DEPTH);
    return 0;
}

WEFT_TEST(join, nests_thousands_deep)
{
    weft_runtime_options options = {.workers = test_workers(), .stack_size = (size_t)8 << 20};

    CHECK_OK(weft_run_with(climb_high, NULL, &options));
    options.workers = 1;
    CHECK_OK(weft_run_with(climb_high, NULL, &options));
}

struct fib {
    int n;
    long result;
};

static int fib(void *arg)
{
    struct fib *f = arg, a = {.n = f->n - 1}, b = {.n = f->n - 2};
    int rc;

    if (f->n < 2) {
        f->result = f->n;
        return 0;
    }
    rc = weft_join(fib, &a, fib, &b);
    f->result = a.result + b.result;
    return rc;
}

static long plain_fib(int n)
{
    return n < 2 ? n : plain_fib(n - 1) + plain_fib(n - 2);
}

WEFT_TEST(join, fork_join_adds_up)
{
    struct fib f = {.n = TEST_TSAN ? 14 : TEST_ASAN ? 18 : 23};

    for (int i = 0; i < 3; i++) {
        run_both_ways(fib, &f);
        CHECK_EQ(f.result, plain_fib(f.n));
    }
}

/* Fairness. */

static int join_until_told(void *arg)
{
    while (atomic_load((atomic_int *)arg) == 0)
        CHECK_OK(weft_join(nothing, NULL, nothing, NULL));
    return 0;
}

static int tell_after_a_sleep(void *arg)
{
    CHECK_OK(weft_sleep_ms(3));
    return count(arg);
}

static int joins_beside_sleeper(void *arg)
{
    atomic_int told = 0;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, join_until_told, &told));
    CHECK_OK(weft_spawn(g, join_until_told, &told));
    CHECK_OK(weft_spawn(g, tell_after_a_sleep, &told));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

/* A tree, not a row: above each join that yields lie offers that never end either. */
static int join_in_depth_until_told(void *arg)
{
    struct ladder *l = arg, next = {l->depth - 1, l->counted};

    if (l->depth == 0 || atomic_load(l->counted) != 0)
        return 0;
    return weft_join(join_in_depth_until_told, &next, join_in_depth_until_told, &next);
}

static int trees_beside_sleeper(void *arg)
{
    atomic_int told = 0;
    struct ladder tree = {60, &told};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, join_in_depth_until_told, &tree));
    CHECK_OK(weft_spawn(g, join_in_depth_until_told, &tree));
    CHECK_OK(weft_spawn(g, tell_after_a_sleep, &told));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(join, trees_of_joins_starve_nobody)
{
    run_both_ways(trees_beside_sleeper, NULL);
}

WEFT_TEST(join, loop_of_joins_starves_nobody)
{
    run_both_ways(joins_beside_sleeper, NULL);
}

/* Lack of memory. */

/* Nothing for stacks: a spawn fails for want of a record that has one, and not of room in a queue. */
static bool no_mapping(enum weft__seam what)
{
    return what == WEFT__SEAM_MAP;
}

static void arm(weft__fault_fn *f)
{
    A_STORE(&weft__fault_hook, f, relaxed);
}

struct famine {
    atomic_int reached, over;
    struct halves h;
    struct weft__task *caller;
};

static int hold_a_record(void *arg)
{
    while (atomic_load(&((struct famine *)arg)->over) == 0)
        (void)weft_yield();
    return 0;
}

/* Takes what records there are, and holds them until the famine is over. */
static int hoard(void *arg)
{
    struct famine *f = arg;
    weft_group *g = weft_group_open(NULL);
    int rc;

    arm(no_mapping);
    while ((rc = weft_spawn(g, hold_a_record, f)) == 0)
        ;
    CHECK_RC(rc, WEFT_ENOMEM);
    atomic_store(&f->reached, 1);
    CHECK_RC(weft_group_wait(g), WEFT_ENOMEM);
    weft_group_close(g);
    return 0;
}

static int let_others_take_g(void *arg)
{
    struct famine *f = arg;

    enter_f(&f->h);
    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_yield());
    return 0;
}

static int enter_g_in_the_caller(void *arg)
{
    struct famine *f = arg;

    if (f->caller != NULL)
        CHECK_PTR_EQ(weft__task_self(), f->caller);
    return enter_g(&f->h);
}

static int let_others_take_g_and_fail(void *arg)
{
    (void)let_others_take_g(arg);
    return E_FIRST;
}

static int join_without_memory(void *arg)
{
    struct famine f = {.caller = arg != NULL ? weft__task_self() : NULL};
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, hoard, &f));
    yield_until(&f.reached, 1);
    for (int i = 1; i <= 5; i++) {
        CHECK_OK(weft_join(let_others_take_g, &f, enter_g_in_the_caller, &f));
        CHECK_EQ(f.h.g_entered, i);
    }
    f.h.g_entered = 0;
    CHECK_RC(weft_join(let_others_take_g_and_fail, &f, enter_g_in_the_caller, &f), E_FIRST);
    CHECK_LE(f.h.g_entered, f.caller != NULL ? 0 : 1);
    CHECK_EQ(f.h.f_entered, 6);
    arm(NULL);
    atomic_store(&f.over, 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(join, caller_runs_both_halves_where_there_is_no_record_for_a_thief)
{
    int one_worker = 1;

    CHECK_OK(run_on(1, join_without_memory, &one_worker));
    CHECK_OK(test_run(join_without_memory, NULL));
}

static bool no_allocation(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

static int climb_without_memory(void *arg)
{
    atomic_int counted = 0;
    struct ladder l = {1000, &counted}; /* more offers than the deque has room for at first */

    (void)arg;
    arm(no_allocation);
    CHECK_OK(climb(&l));
    CHECK_EQ(counted, 1000);
    arm(NULL);
    return 0;
}

WEFT_TEST(join, needs_no_room_in_the_deque)
{
    weft_runtime_options options = {.workers = test_workers(), .stack_size = (size_t)4 << 20};

    CHECK_OK(weft_run_with(climb_without_memory, NULL, &options));
}
