/* SPDX-License-Identifier: MIT */
/* weft_blocking() as its callers see it. */
#define _GNU_SOURCE
#include "tests/sched/blocking.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

static int double_it(void *arg)
{
    int *n = arg;

    *n *= 2;
    return *n > 100 ? WEFT_EINVAL : *n;
}

static int call_twice(void *arg)
{
    int n = 21;

    (void)arg;
    CHECK_RC(weft_blocking(double_it, &n), 42);
    n = 60;
    CHECK_RC(weft_blocking(double_it, &n), WEFT_EINVAL);
    CHECK_EQ(n, 120);
    CHECK_RC(weft_blocking_with(NULL, double_it, &n, NULL), WEFT_EINVAL);
    CHECK_EQ(n, 240);
    CHECK_RC(weft_blocking_with(NULL, double_it, &n, &(weft_blocking_options){.reserved = {1}}), WEFT_EINVAL);
    CHECK_EQ(n, 240);
    return 0;
}

WEFT_TEST(blocking, returns_the_code_of_the_function_and_shows_what_it_wrote)
{
    int n = 1;

    CHECK_OK(test_run(call_twice, NULL));
    CHECK_RC(weft_blocking(double_it, &n), WEFT_ENOTASK);
    CHECK_RC(weft_blocking_with(NULL, double_it, &n, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_block_in_place(double_it, &n), WEFT_ENOTASK);
    CHECK_EQ(n, 1);
}

static int look_around(void *arg)
{
    char name[16];
    sigset_t blocked;

    (void)arg;
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    CHECK_STR_EQ(name, "weft-block-0");
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    CHECK_EQ(sigismember(&blocked, SIGINT), 1);
    CHECK_EQ(sigismember(&blocked, SIGSEGV), 0);
    CHECK_NULL(weft_runtime_current());
    CHECK_EQ(weft_task_id(), 0);
    CHECK_NULL(weft_group_open(NULL));
    CHECK_NULL(weft_scope_open(0));
    CHECK(!weft_canceled());
    CHECK_RC(weft_yield(), WEFT_ENOTASK);
    CHECK_RC(weft_sleep_ms(1), WEFT_ENOTASK);
    CHECK_RC(weft_blocking(nothing, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_block_in_place(nothing, NULL), WEFT_ENOTASK);
    return 3;
}

static int call_one_that_looks_around(void *arg)
{
    (void)arg;
    CHECK_RC(weft_blocking(look_around, NULL), 3);
    sleep_until_running(0); /* the thread that is idle is taken again */
    CHECK_RC(weft_block_in_place(look_around, NULL), 3);
    CHECK_NOT_NULL(weft_runtime_current());
    return 0;
}

WEFT_TEST(blocking, function_runs_outside_of_any_task)
{
    CHECK_OK(test_run(call_one_that_looks_around, NULL));
}

/* More of them than workers: were these held, the gate would never be opened. */
static int open_from_beside(void *arg)
{
    struct gate g = {0};
    weft_group *group = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn(group, block_at_gate, &g));
    while (atomic_load(&g.begun) < 20)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_EQ(stats_now().blocking_threads, 20);
    CHECK_EQ(stats_now().blocking_running, 20);
    CHECK_EQ(stats_now().blocking_queued, 0);
    open_gate(&g);
    CHECK_OK(weft_group_wait(group));
    weft_group_close(group);
    CHECK_EQ(g.begun, 20);
    return 0;
}

WEFT_TEST(blocking, workers_go_on_while_tasks_wait)
{
    CHECK_OK(test_run(open_from_beside, NULL));
}

struct crowd {
    atomic_int begun, now, most;
    int together; /* so many wait for one another */
};

static int sleep_in_crowd(void *arg)
{
    struct crowd *c = arg;
    int now = atomic_fetch_add(&c->now, 1) + 1, most = atomic_load(&c->most);

    while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
        continue;
    atomic_fetch_add(&c->begun, 1);
    while (atomic_load(&c->begun) < c->together)
        pause_thread_ms(1);
    pause_thread_ms(10);
    atomic_fetch_sub(&c->now, 1);
    return 0;
}

static int join_crowd(void *arg)
{
    return weft_blocking(sleep_in_crowd, arg);
}

/* Under valgrind, which takes long to start a thread, a tenth of them. */
static int hundred(void)
{
    return test_under_valgrind() ? 10 : 100;
}

static int send_hundred(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < hundred(); i++)
        CHECK_OK(weft_spawn(g, join_crowd, arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(blocking, hundred_calls_sleep_at_the_same_time)
{
    struct crowd c = {.together = hundred()};

    CHECK_OK(test_run(send_hundred, &c));
    CHECK_EQ(c.most, hundred());
}

WEFT_TEST(blocking, no_more_run_at_once_than_the_limit_allows)
{
    struct crowd c = {.together = 2};

    CHECK_OK(run_limited(2, send_hundred, &c));
    CHECK_EQ(c.most, 2);
    CHECK_EQ(c.begun, hundred());
}

struct turns {
    struct gate gate;
    int order[10], count; /* written by the only thread */
};

struct turn {
    struct turns *all;
    int number;
};

static int take_turn(void *arg)
{
    struct turn *t = arg;

    t->all->order[t->all->count++] = t->number;
    return 0;
}

static int call_for_turn(void *arg)
{
    return weft_blocking(take_turn, arg);
}

static int queue_ten(void *arg)
{
    struct turns all = {.count = 0};
    struct turn turns[10];
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, block_at_gate, &all.gate));
    while (atomic_load(&all.gate.begun) == 0)
        CHECK_OK(weft_sleep_ms(1));
    for (int i = 0; i < 10; i++) {
        turns[i] = (struct turn){&all, i};
        CHECK_OK(weft_spawn(g, call_for_turn, &turns[i]));
        sleep_until_queued((unsigned)i + 1);
    }
    open_gate(&all.gate);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(all.count, 10);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(all.order[i], i);
    return 0;
}

WEFT_TEST(blocking, queued_calls_begin_in_the_order_of_their_coming)
{
    CHECK_OK(run_limited(1, queue_ten, NULL));
}

/* Cancellation. */

static int call_in_canceled_scope(void *arg)
{
    weft_scope *s = weft_scope_open(0);

    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_blocking(count, arg), WEFT_ECANCELED);
    CHECK_RC(weft_blocking_with(NULL, count, arg, NULL), WEFT_ECANCELED);
    CHECK_RC(weft_block_in_place(count, arg), WEFT_ECANCELED);
    CHECK_EQ(weft_scope_close(s, 0), 0);
    CHECK_EQ(stats_now().blocking_threads, 0);
    return 0;
}

WEFT_TEST(blocking, call_in_a_canceled_scope_does_nothing)
{
    atomic_int ran = 0;

    CHECK_OK(test_run(call_in_canceled_scope, &ran));
    CHECK_EQ(ran, 0);
}

struct waiting {
    struct gate gate;
    atomic_int ran, returned;
    bool in_place;
};

static int wait_in_queue(void *arg)
{
    struct waiting *w = arg;

    CHECK_RC(w->in_place ? weft_block_in_place(count, &w->ran) : weft_blocking(count, &w->ran), WEFT_ECANCELED);
    atomic_fetch_add(&w->returned, 1);
    return WEFT_ECANCELED;
}

static int cancel_queued(void *arg)
{
    struct waiting *w = arg;
    weft_group *holders = weft_group_open(NULL), *g = weft_group_open(NULL);
    weft_scope *s;

    CHECK_OK(weft_spawn(holders, block_at_gate, &w->gate));
    while (atomic_load(&w->gate.begun) == 0)
        CHECK_OK(weft_sleep_ms(1));
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(g, wait_in_queue, w));
    sleep_until_queued(5);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(w->returned, 5);
    CHECK_EQ(stats_now().blocking_queued, 0);
    /* By a deadline, too. */
    s = weft_scope_open(test_soon());
    CHECK_EQ(weft_scope_close(s, weft_blocking(count, &w->ran)), WEFT_ETIMEDOUT);
    open_gate(&w->gate);
    CHECK_OK(weft_group_wait(holders));
    weft_group_close(holders);
    CHECK_EQ(w->ran, 0);
    CHECK_OK(weft_blocking(count, &w->ran));
    CHECK_EQ(w->ran, 1);
    return 0;
}

WEFT_TEST(blocking, queued_call_is_taken_back_when_canceled)
{
    struct waiting w = {.in_place = false};

    CHECK_OK(run_limited(1, cancel_queued, &w));
}

WEFT_TEST(blocking, queued_call_in_place_is_taken_back_when_canceled)
{
    struct waiting w = {.in_place = true};

    CHECK_OK(run_limited(1, cancel_queued, &w));
}

static int wait_for_real_result(void *arg)
{
    struct waiting *w = arg;

    CHECK_RC(w->in_place ? weft_block_in_place(pass_gate, &w->gate) : weft_blocking(pass_gate, &w->gate), 7);
    atomic_store(&w->returned, 1);
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    return 0;
}

static int cancel_running(void *arg)
{
    struct waiting *w = arg;
    weft_group *g = weft_group_open(NULL);
    weft_scope *s;

    CHECK_OK(weft_spawn(g, wait_for_real_result, w));
    while (atomic_load(&w->gate.begun) == 0)
        CHECK_OK(weft_sleep_ms(1));
    s = weft_scope_open(0);
    CHECK_OK(weft_group_cancel(g));
    for (int i = 0; i < 20; i++)
        CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_EQ(weft_scope_close(s, 0), 0);
    CHECK_EQ(w->returned, 0);
    open_gate(&w->gate);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(w->returned, 1);
    return 0;
}

WEFT_TEST(blocking, running_call_is_waited_for_when_canceled_and_the_next_checkpoint_says_so)
{
    struct waiting w = {.in_place = false};

    CHECK_OK(test_run(cancel_running, &w));
}

WEFT_TEST(blocking, running_call_in_place_is_waited_for_when_canceled_and_the_next_checkpoint_says_so)
{
    struct waiting w = {.in_place = true};

    CHECK_OK(test_run(cancel_running, &w));
}
