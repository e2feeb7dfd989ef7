/* SPDX-License-Identifier: MIT */
/* Rules of scopes, deadlines and shields, each by the sentence that docs/SEMANTICS.md has for it. */
#include "sched/runtime.h"

#include "tests/sched/tasks.h"

/* Deadlines are armed once. */

/* The timers that wait in the runtime. */
static size_t timers_of(weft_runtime *rt)
{
    size_t n = 0;

    for (unsigned i = 0; i < rt->workers_count; i++) {
        weft__lock(&rt->workers[i].timers.lock);
        n += rt->workers[i].timers.count;
        weft__unlock(&rt->workers[i].timers.lock);
    }
    return n;
}

struct pong {
    weft_chan *to, *back;
};

static int answer(void *arg)
{
    struct pong *p = arg;
    int item;

    while (weft_chan_recv(p->to, &item) == 0)
        CHECK_OK(weft_chan_send(p->back, &item));
    return 0;
}

static int many_calls_in_one_scope(void *arg)
{
    struct pong p = {weft_chan_create(sizeof(int), 1), weft_chan_create(sizeof(int), 1)};
    weft_runtime *rt = weft_runtime_current();
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = weft_after_ms(FOREVER_MS)});
    weft_scope *s = weft_scope_open(weft_after_ms(FOREVER_MS));
    int item = 0;

    (void)arg;
    CHECK_EQ(timers_of(rt), 2);
    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn(g, answer, &p));
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(weft_chan_send(p.to, &i));
        CHECK_OK(weft_chan_recv(p.back, &item)); /* each waits */
        CHECK_EQ(timers_of(rt), 2);
    }
    /* Children are reached by the deadline without timers of their own. */
    CHECK_EQ(weft_group_live(g), 20);
    for (int i = 0; i < 1000; i++)
        CHECK_OK(weft_scope_reschedule(s, weft_after_ms(FOREVER_MS + i)));
    CHECK_EQ(timers_of(rt), 2);
    CHECK_OK((int)weft_scope_close(s, 0));
    CHECK_OK(weft_chan_close(p.to));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(timers_of(rt), 0);
    weft_chan_destroy(p.to);
    weft_chan_destroy(p.back);
    return 0;
}

WEFT_TEST(rules_scopes, deadline_is_armed_once_however_many_calls_and_children_it_limits)
{
    CHECK_OK(test_run(many_calls_in_one_scope, NULL));
}

/* What had succeeded is told as a success. */

struct receiver {
    weft_chan *c;
    atomic_int waits;
    int got, next;
};

static int receive_then_look(void *arg)
{
    struct receiver *r = arg;

    atomic_store(&r->waits, 1);
    CHECK_OK(weft_chan_recv(r->c, &r->got));
    r->next = weft_yield();
    return 0;
}

static int grant_then_cancel(void *arg)
{
    weft_chan *c = weft_chan_create(sizeof(int), 1);
    weft_runtime *rt = weft_runtime_current();

    (void)arg;
    for (int i = 1; i <= 200; i++) {
        struct receiver r = {.c = c};
        weft_group *g = weft_group_open(NULL);
        weft_task_info all[8];
        bool parked = false;

        CHECK_OK(weft_spawn(g, receive_then_look, &r));
        while (!parked) {
            size_t n = weft_tasks(rt, all, 8);

            for (size_t k = 0; k < n && k < 8; k++)
                parked |= all[k].fn == receive_then_look && all[k].waiting;
            CHECK_OK(weft_yield());
        }
        /* It waits. The item is its own before it is cancelled, whatever it gets to see first. */
        CHECK_OK(weft_chan_try_send(c, &i));
        CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_EQ(r.got, i);
        CHECK_RC(r.next, WEFT_ECANCELED);
    }
    weft_chan_destroy(c);
    return 0;
}

WEFT_TEST(rules_scopes, call_that_had_succeeded_says_so_and_the_next_one_says_canceled)
{
    CHECK_OK(test_run(grant_then_cancel, NULL));
}

/* Reasons. */

static int reasons(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_scope *s;
    atomic_int n = 0;
    weft_task *t;

    (void)arg;
    CHECK_EQ(weft_group_reason(g), WEFT_REASON_NONE);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_fail(g, -EPROTO));
    CHECK_RC(weft_group_reschedule(g, weft_now() - 1), WEFT_ECANCELED);
    CHECK_EQ(weft_group_reason(g), WEFT_REASON_CALL);
    CHECK_RC(weft_group_wait(g), -EPROTO);
    weft_group_close(g);

    g = weft_group_open(NULL);
    CHECK_OK(weft_group_fail(g, -EPROTO));
    CHECK_OK(weft_group_cancel(g));
    CHECK_EQ(weft_group_reason(g), WEFT_REASON_ERROR);
    weft_group_close(g);

    s = weft_scope_open(weft_now() - 1);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_EQ(weft_scope_reason(s), WEFT_REASON_DEADLINE);
    CHECK_EQ(weft_cancel_reason(), WEFT_REASON_DEADLINE);
    CHECK_RC((int)weft_scope_close(s, weft_yield()), WEFT_ETIMEDOUT);

    g = weft_group_open(NULL);
    t = weft_spawn_task(g, count_and_sleep_forever, &n, NULL);
    yield_until(&n, 1);
    CHECK_EQ(weft_task_reason(t), WEFT_REASON_NONE);
    CHECK_OK(weft_task_cancel(t));
    CHECK_OK(weft_task_cancel(t));
    CHECK_OK(weft_group_fail(g, -EPROTO));
    CHECK_EQ(weft_task_reason(t), WEFT_REASON_CALL);
    CHECK_RC(weft_group_wait(g), -EPROTO);
    weft_task_release(t);
    weft_group_close(g);
    CHECK_EQ(weft_cancel_reason(), WEFT_REASON_NONE);
    return 0;
}

static int stopped(void *arg)
{
    (void)arg;
    weft_runtime_stop(weft_runtime_current());
    CHECK_EQ(weft_cancel_reason(), WEFT_REASON_SHUTDOWN);
    return 0;
}

WEFT_TEST(rules_scopes, first_reason_is_kept_whichever_way_the_next_one_comes)
{
    weft_runtime *rt;

    CHECK_OK(test_run(reasons, NULL));
    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_OK(weft_runtime_run(rt, stopped, NULL));
    weft_runtime_destroy(rt);
}

/* Waits and closes that cannot be cut short. */

static int outlast(void *arg)
{
    while (weft_sleep_ms(FOREVER_MS) == 0)
        ;
    pause_thread_ms(10);
    atomic_fetch_add((atomic_int *)arg, 1);
    return WEFT_ECANCELED;
}

static int close_in_canceled(void *arg)
{
    weft_scope *s = weft_scope_open(0);
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;

    (void)arg;
    for (int i = 0; i < 4; i++)
        CHECK_OK(weft_spawn(g, outlast, &n));
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    weft_group_close(g);
    CHECK_EQ(atomic_load(&n), 4);
    CHECK_RC(weft_yield(), WEFT_ECANCELED); /* and it has swallowed nothing */
    CHECK_OK((int)weft_scope_close(s, 0));
    return 0;
}

WEFT_TEST(rules_scopes, closing_a_group_shields_itself)
{
    CHECK_OK(test_run(close_in_canceled, NULL));
}

/* The wait tells what became of the group, also where it is made inside of a shield that was opened after the group. */
static int wait_in_shield(void *arg)
{
    weft_scope *around = weft_scope_open(0), *s;
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = test_soon()});
    atomic_int n = 0;

    (void)arg;
    CHECK_OK(weft_spawn(g, outlast, &n));
    s = weft_shield_open(weft_after_ms(FOREVER_MS));
    CHECK_RC(weft_group_wait(g), WEFT_ETIMEDOUT);
    CHECK_EQ(n, 1);
    CHECK_OK(weft_yield()); /* the shield goes on to hold it back */
    CHECK_OK((int)weft_scope_close(s, 0));
    weft_group_close(g);

    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, outlast, &n));
    s = weft_shield_open(weft_after_ms(FOREVER_MS));
    CHECK_OK(weft_scope_cancel(around));
    CHECK_RC(weft_group_wait(g), WEFT_ECANCELED);
    CHECK_EQ(n, 2);
    CHECK_OK(weft_yield());
    CHECK_OK((int)weft_scope_close(s, 0));
    weft_group_close(g);
    CHECK_OK((int)weft_scope_close(around, 0));
    return weft_yield();
}

WEFT_TEST(rules_scopes, wait_inside_of_a_shield_tells_what_became_of_a_group_outside_of_it)
{
    CHECK_OK(test_run(wait_in_shield, NULL));
}

/* Errors and cancellations that meet. */

static int fail_when_canceled(void *arg)
{
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    return fail_with(arg);
}

static int error_and_deadlines(void *arg)
{
    static const int code = -EPROTO;
    weft_scope *outer = weft_scope_open(test_soon()), *inner = weft_scope_open(weft_now() - 1);
    weft_group *g;
    int rc;

    (void)arg;
    CHECK_OK((int)weft_scope_close(inner, 0));
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, fail_when_canceled, (void *)&code));
    rc = weft_group_wait(g);
    CHECK_RC(rc, code);
    weft_group_close(g);
    CHECK_RC(weft_yield(), WEFT_ECANCELED); /* the error has not swallowed what came from outside */
    CHECK_RC((int)weft_scope_close(outer, rc), code);
    return weft_yield();
}

WEFT_TEST(rules_scopes, real_error_beats_canceled_and_timed_out_and_swallows_neither)
{
    CHECK_OK(test_run(error_and_deadlines, NULL));
}

/* A quiet cancellation in the midst of an outer one, in either order. */
static int quiet_and_outer(void *arg)
{
    (void)arg;
    for (int order = 0; order < 2; order++) {
        weft_scope *s = weft_scope_open(order == 0 ? test_soon() : 0);
        weft_group *g = weft_group_open(NULL);
        atomic_int n = 0;
        int rc;

        CHECK_OK(weft_spawn(g, outlast, &n));
        if (order == 0)
            while (!weft_canceled())
                (void)weft_yield();
        CHECK_OK(weft_group_cancel(g));
        if (order == 1)
            CHECK_OK(weft_scope_cancel(s));
        rc = weft_group_wait(g);
        CHECK_RC(rc, WEFT_ECANCELED);
        CHECK(weft_group_canceled(g));
        CHECK_EQ(weft_group_reason(g), WEFT_REASON_CALL);
        weft_group_close(g);
        CHECK_RC(weft_yield(), WEFT_ECANCELED);
        CHECK_RC((int)weft_scope_close(s, rc), order == 0 ? WEFT_ETIMEDOUT : WEFT_ECANCELED);
    }
    return weft_yield();
}

WEFT_TEST(rules_scopes, quiet_cancel_absorbs_no_outer_one_whichever_came_first)
{
    CHECK_OK(test_run(quiet_and_outer, NULL));
}

/* Cancelling is heard by waits of every kind that a canceller has to find: in children of children, parked at any depth. */
struct nest {
    atomic_int parked;
    int depth;
};

static int nest(void *arg)
{
    struct nest *n = arg;
    weft_scope *s = weft_scope_open(0);
    int rc;

    if (n->depth == 0) {
        atomic_fetch_add(&n->parked, 1);
        rc = weft_sleep_ms(FOREVER_MS);
    } else {
        struct nest below = {.depth = n->depth - 1};
        weft_group *g = weft_group_open(NULL);

        rc = weft_spawn(g, nest, &below);
        if (rc == 0)
            rc = weft_group_wait(g);
        weft_group_close(g);
        atomic_fetch_add(&n->parked, atomic_load(&below.parked));
    }
    CHECK_RC(rc, WEFT_ECANCELED);
    return (int)weft_scope_close(s, rc);
}

static int cancel_nests(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++) {
        struct nest n = {.depth = i % 7};
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_spawn(g, nest, &n));
        for (int k = 0; k < i % 11; k++)
            CHECK_OK(weft_yield()); /* so that it is met at each stage on its way to the wait */
        CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_group_wait(g));
        CHECK_LE(atomic_load(&n.parked), 1);
        weft_group_close(g);
    }
    return 0;
}

WEFT_TEST(rules_scopes, child_is_found_by_a_canceller_at_each_stage_on_its_way_to_a_wait)
{
    CHECK_OK(test_run(cancel_nests, NULL));
}
