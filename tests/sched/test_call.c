/* SPDX-License-Identifier: MIT */
/* What weft/call.h promises. */
#include <pthread.h>

#include "sched/runtime.h"

#include "tests/sched/hold.h"

static weft_runtime *create(void)
{
    weft_runtime *rt;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    return rt;
}

/* A call that says when it came. */
struct ring {
    atomic_int rung;
    weft_time when, came;
    weft_call call;
};

static int answer(void *arg)
{
    struct ring *r = arg;

    r->came = weft_now();
    CHECK(weft_task_id() != 0);
    CHECK_RC(weft_call_cancel(r->call), WEFT_EALREADY); /* it has begun */
    CHECK_OK(weft_yield());                             /* it may suspend */
    atomic_fetch_add(&r->rung, 1);
    return -1; /* nobody asks for it */
}

static int ring_some(void *arg)
{
    static const int ms[] = {5, 0, 3, -1, 1};
    struct ring r[5] = {{0}};

    (void)arg;
    for (int i = 0; i < 5; i++) {
        r[i].when = weft_now() + (weft_time)ms[i] * 1000000;
        if (i % 2 == 0)
            CHECK_OK(weft_call_later(ms[i], answer, &r[i], &r[i].call));
        else
            CHECK_OK(weft_call_at(r[i].when, answer, &r[i], &r[i].call));
    }
    for (int i = 0; i < 5; i++) {
        yield_until(&r[i].rung, 1);
        CHECK_GE(r[i].came, r[i].when);
        CHECK_RC(weft_call_cancel(r[i].call), WEFT_EALREADY);
    }
    CHECK_OK(weft_sleep_ms(3));
    for (int i = 0; i < 5; i++)
        CHECK_EQ(r[i].rung, 1);
    return 0;
}

WEFT_TEST(call, function_runs_once_as_a_task_and_not_before_its_time)
{
    CHECK_OK(test_run(ring_some, NULL));
}

static int cancel_some(void *arg)
{
    atomic_int n = 0;
    weft_call calls[8], none = {{0}};

    (void)arg;
    for (int i = 0; i < 8; i++)
        CHECK_OK(weft_call_later(i % 2 == 0 ? FOREVER_MS : 2, count, &n, &calls[i]));
    for (int i = 0; i < 8; i += 2) {
        CHECK_OK(weft_call_cancel(calls[i]));
        CHECK_RC(weft_call_cancel(calls[i]), WEFT_EALREADY);
    }
    CHECK_RC(weft_call_cancel(none), WEFT_EALREADY);
    yield_until(&n, 4);
    /* The records have been used again since: old handles name nothing. */
    for (int i = 0; i < 8; i++)
        CHECK_OK(weft_call_later(FOREVER_MS, count, &n, NULL));
    for (int i = 0; i < 8; i++)
        CHECK_RC(weft_call_cancel(calls[i]), WEFT_EALREADY);
    CHECK_OK(weft_sleep_ms(3));
    CHECK_EQ(n, 4);
    return 0;
}

WEFT_TEST(call, canceled_one_never_runs_and_stale_handles_are_harmless)
{
    CHECK_OK(test_run(cancel_some, NULL));
}

static int call_again(void *arg)
{
    atomic_int *n = arg;

    if (atomic_fetch_add(n, 1) < 9)
        CHECK_OK(weft_call_later(1, call_again, n, NULL));
    return 0;
}

static int call_in_turn(void *arg)
{
    atomic_int n = 0;

    (void)arg;
    CHECK_OK(weft_call_later(0, call_again, &n, NULL));
    yield_until(&n, 10);
    return 0;
}

WEFT_TEST(call, function_may_make_the_next_call)
{
    CHECK_OK(test_run(call_in_turn, NULL));
}

/* It does not belong to the group or scope of its caller. */

static int call_in_scope(void *arg)
{
    CHECK_OK(weft_call_later(10, count, arg, NULL));
    return WEFT_EINVAL; /* cancels the group */
}

static int leave_call(void *arg)
{
    atomic_int n = 0;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, call_in_scope, &n));
    CHECK_RC(weft_group_wait(g), WEFT_EINVAL);
    weft_group_close(g);
    yield_until(&n, 1);
    return 0;
}

WEFT_TEST(call, outlives_the_group_of_its_caller)
{
    CHECK_OK(test_run(leave_call, NULL));
}

/* The end of a runtime drops what is pending, and does not wait for it. */

static int call_in_an_hour(void *arg)
{
    for (int i = 0; i < 1000; i++)
        CHECK_OK(weft_call_later(3600000 + i, count, arg, NULL));
    CHECK_OK(weft_call_at(WEFT_NEVER, count, arg, NULL));
    return 0;
}

WEFT_TEST(call, end_of_the_runtime_drops_what_is_pending)
{
    atomic_int n = 0;

    CHECK_OK(test_run(call_in_an_hour, &n)); /* ends within the time limit of a test */
    CHECK_EQ(n, 0);
}

struct stopping {
    weft_runtime *rt;
    atomic_int n;
    weft_call early, late;
};

static int call_and_stop(void *arg)
{
    struct stopping *s = arg;

    CHECK_OK(weft_call_at(weft_now() + 1000000, count, &s->n, &s->early));
    CHECK_OK(weft_call_later(FOREVER_MS, count, &s->n, &s->late));
    weft_runtime_stop(s->rt);
    CHECK_RC(weft_call_later(1, count, &s->n, NULL), WEFT_ECLOSED);
    return 0;
}

WEFT_TEST(call, none_begins_after_the_stop)
{
    struct stopping s = {.rt = create()};
    weft_call refused = {{1, 1}};

    CHECK_OK(weft_runtime_run(s.rt, call_and_stop, &s));
    CHECK_RC(weft_runtime_call_at(s.rt, 0, count, &s.n, &refused), WEFT_ECLOSED);
    CHECK_EQ(refused.opaque[0], 0);
    CHECK_OK(weft_call_cancel(s.late)); /* that holds still: it will not run */
    pause_thread_ms(5);
    (void)weft_call_cancel(s.early); /* dropped, or not yet */
    weft_runtime_destroy(s.rt);
    CHECK_LE(s.n, 1); /* it may have been due before the stop */
}

WEFT_TEST(call, outside_of_a_task_the_runtime_must_be_named)
{
    weft_call call = {{1, 1}};

    CHECK_RC(weft_call_at(0, nothing, NULL, &call), WEFT_ENOTASK);
    CHECK_EQ(call.opaque[0], 0);
    CHECK_RC(weft_call_later(0, nothing, NULL, NULL), WEFT_ENOTASK);
}

/* From threads. The runtime is idle: all its workers sleep, one of them until the earliest timer that it knew of. A timer that were not
 * told to it would come after the time limit of this test, or never. */

static void wait_until_idle(weft_runtime *rt)
{
    while (weft__idle_asleep(A_LOAD(&rt->idle.word, seq_cst)) < rt->workers_count)
        sched_yield();
}

WEFT_TEST(call, of_a_thread_wakes_an_idle_runtime)
{
    weft_runtime *rt = create();
    atomic_int n = 0;
    weft_call far;

    for (int i = 0; i < 20; i++) {
        wait_until_idle(rt);
        CHECK_OK(weft_runtime_call_at(rt, i % 2 == 0 ? weft_now() + 1000000 : 0, count, &n, NULL));
        spin_until(&n, i + 1);
    }
    /* A sleeper that has a time to wake at, and gets an earlier one. */
    CHECK_OK(weft_runtime_call_at(rt, weft_after_ms(FOREVER_MS), count, &n, &far));
    for (int i = 0; i < 20; i++) {
        wait_until_idle(rt);
        CHECK_OK(weft_runtime_call_at(rt, weft_now() + 1000000, count, &n, NULL));
        spin_until(&n, 21 + i);
    }
    CHECK_OK(weft_call_cancel(far));
    weft_runtime_destroy(rt);
    CHECK_EQ(n, 40);
}

static int call_there(void *arg)
{
    struct stopping *s = arg;

    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_runtime_call_at(s->rt, weft_now() + i * 10000, count, &s->n, NULL));
    return 0;
}

WEFT_TEST(call, of_a_task_of_another_runtime)
{
    struct stopping s = {.rt = create()};

    CHECK_OK(test_run(call_there, &s));
    spin_until(&s.n, 100);
    weft_runtime_destroy(s.rt);
    CHECK_EQ(s.n, 100);
}

/* On the driver's thread, where all workers are held: it starts a task, which waits for a worker. */
static int hold_the_only_worker(void *arg)
{
    weft_time limit = weft_after_ms(PATIENCE_MS);
    weft_runtime_stats stats;
    atomic_int n = 0;

    (void)arg;
    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_call_later(i, count, &n, NULL));
    do {
        CHECK_LT(weft_now(), limit);
        pause_thread_ms(1);
        weft_stats(weft_runtime_current(), &stats);
    } while (stats.elsewhere.timers < 10);
    CHECK_EQ(n, 0);
    yield_until(&n, 10);
    return 0;
}

WEFT_TEST(call, comes_due_although_all_workers_are_held)
{
    CHECK_OK(run_on(1, hold_the_only_worker, NULL));
}

/* Beside a worker that computes, or is blocked, for as long as it takes. */
static int hold_beside_a_call(void *arg)
{
    (void)arg;
    if (weft_runtime_workers(weft_runtime_current()) == 1)
        return 0;
    for (int way = 0; way < WAYS; way++) {
        atomic_int n = 0;

        for (int i = 0; i < 10; i++)
            CHECK_OK(weft_call_later(i, count, &n, NULL));
        hold_until((enum way)way, &n, 10, "calls of a worker that is held");
    }
    return 0;
}

WEFT_TEST(call, comes_although_its_worker_is_held)
{
    CHECK_OK(test_run(hold_beside_a_call, NULL));
}

/* Without memory. The threads of a test that sets `armed` get theirs. */

static atomic_bool starved;
static _Thread_local bool armed;

static bool fail_all_of_others(enum weft__seam what)
{
    return !armed && atomic_load(&starved) && (what == WEFT__SEAM_ALLOC || what == WEFT__SEAM_MAP);
}

/* Here it is the other way round. */
static bool fail_mine(enum weft__seam what)
{
    return armed && what == WEFT__SEAM_ALLOC;
}

static int call_without_memory(void *arg)
{
    weft_runtime *rt = weft_runtime_current();
    weft_call call = {{1, 1}};
    atomic_int n = 0;
    int added = 0, failed = 0;

    (void)arg;
    /* More than a chunk of the slab holds: records, and the heap, run out at different times. */
    for (int i = 0; i < 3000; i++) {
        int rc;

        armed = i % 2 != 0;
        rc = weft_call_later(FOREVER_MS, count, &n, &call);
        armed = false;
        if (rc < 0) {
            CHECK_RC(rc, WEFT_ENOMEM);
            CHECK_EQ(call.opaque[0], 0);
            failed++;
        } else {
            CHECK_NE(call.opaque[0], 0);
            added++;
        }
    }
    CHECK_GT(failed, 0);
    CHECK_EQ(added + failed, 3000);
    CHECK_EQ(rt->workers[0].timers.count, added);
    return 0;
}

WEFT_TEST(call, lack_of_memory_is_reported_and_leaves_nothing)
{
    A_STORE(&weft__fault_hook, fail_mine, relaxed);
    CHECK_OK(run_on(1, call_without_memory, NULL));
    A_STORE(&weft__fault_hook, NULL, relaxed);
}

enum { CROWD = TEST_TSAN ? 300 : 5000 };

/* Keeps its record and its stack to the end. */
static int count_and_park(void *arg)
{
    weft_waiter w;
    int rc;

    atomic_fetch_add((atomic_int *)arg, 1);
    rc = weft_park_prepare(&w); /* the end may have begun */
    return rc == 0 ? weft_park(&w) : rc;
}

/* All are due while there is no memory for so many tasks; then there is. */
WEFT_TEST(call, that_finds_no_memory_for_its_task_is_made_later)
{
    weft_runtime *rt = create();
    atomic_int n = 0;

    A_STORE(&weft__fault_hook, fail_all_of_others, relaxed);
    armed = true;
    atomic_store(&starved, true);
    for (int i = 0; i < CROWD; i++)
        CHECK_OK(weft_runtime_call_at(rt, 0, count_and_park, &n, NULL));
    if (!TEST_TSAN) { /* whose stacks are few */
        while (A_LOAD(&rt->calls.retry_at, seq_cst) == WEFT_NEVER)
            sched_yield();
        pause_thread_ms(30); /* some tries in vain */
        CHECK_LT(atomic_load(&n), CROWD);
    }
    atomic_store(&starved, false);
    spin_until(&n, CROWD);
    CHECK_EQ(A_LOAD(&rt->calls.retry_at, seq_cst), WEFT_NEVER);
    weft_runtime_destroy(rt);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_EQ(n, CROWD);
}

/* The runtime ends while calls are due that find no memory. */
WEFT_TEST(call, that_never_finds_memory_is_dropped_with_the_runtime)
{
    weft_runtime *rt;
    atomic_int n = 0;

    if (TEST_TSAN)
        TEST_SKIP("so few tasks need no more memory than there is at the start");
    rt = create();
    A_STORE(&weft__fault_hook, fail_all_of_others, relaxed);
    armed = true;
    atomic_store(&starved, true);
    for (int i = 0; i < CROWD; i++)
        CHECK_OK(weft_runtime_call_at(rt, 0, count_and_park, &n, NULL));
    while (A_LOAD(&rt->calls.retry_at, seq_cst) == WEFT_NEVER)
        sched_yield();
    weft_runtime_destroy(rt);
    atomic_store(&starved, false);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_LT(n, CROWD);
}
