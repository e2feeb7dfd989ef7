/* SPDX-License-Identifier: MIT */
#include "sched/platform.h"
#include "tests/sync/values.h"

enum { RESOURCES = 64 };

/* What the pool opens. */
struct resource {
    struct world *world;
    bool is_open, broken; /* broken: its check fails */
};

struct world {
    weft_resource_pool *pool;
    struct resource resources[RESOURCES];
    _Atomic int opened, open, most;
    int open_fails;      /* the code of the next open, once */
    weft_future *opens;  /* what an open waits for first; NULL: nothing */
    weft_future *checks; /* the same of a check */
};

static int open_resource(void **resource, void *arg)
{
    struct world *w = arg;
    int open = ++w->open, rc = w->opens != NULL ? weft_future_wait(w->opens, NULL) : 0;

    if (open > w->most)
        w->most = open;
    if (rc == 0 && w->open_fails < 0) {
        rc = w->open_fails;
        w->open_fails = 0;
    }
    if (rc < 0) {
        w->open--;
        return rc;
    }
    CHECK_LT(w->opened, RESOURCES);
    struct resource *r = &w->resources[w->opened++];
    *r = (struct resource){.world = w, .is_open = true};
    *resource = r;
    return 0;
}

static void close_resource(void *resource, void *arg)
{
    struct resource *r = resource;

    CHECK_PTR_EQ(r->world, arg);
    CHECK(r->is_open);
    r->is_open = false;
    r->world->open--;
}

static int check_resource(void *resource, void *arg)
{
    struct resource *r = resource;
    struct world *w = arg;
    int rc = w->checks != NULL ? weft_future_wait(w->checks, NULL) : 0;

    CHECK(r->is_open);
    return rc < 0 ? rc : r->broken ? WEFT_EBROKEN : 0;
}

static void make_idle(struct world *w, size_t max, int64_t idle_ms)
{
    *w = (struct world){.pool = weft_resource_pool_create(&(weft_resource_pool_options){.open = open_resource,
                                                                                        .close = close_resource,
                                                                                        .check = check_resource,
                                                                                        .arg = w,
                                                                                        .max = max,
                                                                                        .idle_ms = idle_ms})};
    CHECK_NOT_NULL(w->pool);
}

static void make(struct world *w, size_t max)
{
    make_idle(w, max, 0);
}

static void end(struct world *w)
{
    CHECK_OK(weft_resource_pool_destroy(w->pool));
    CHECK_EQ(w->open, 0);
}

static struct resource *acquire(struct world *w)
{
    void *r = NULL;

    CHECK_OK(weft_resource_pool_acquire(w->pool, &r));
    return r;
}

static void release(struct world *w, struct resource *r)
{
    CHECK_OK(weft_resource_pool_release(w->pool, r));
}

static void expect(struct world *w, size_t open, size_t idle, size_t waiting)
{
    weft_resource_pool_stats stats;

    weft_resource_pool_get_stats(w->pool, &stats);
    CHECK_EQ(stats.open, open);
    CHECK_EQ(stats.idle, idle);
    CHECK_EQ(stats.waiting, waiting);
}

/* Acquires, and stores the number of the resource. */
static int acquire_call(struct call *c)
{
    struct world *w = c->on;
    void *r = NULL;
    int rc = weft_resource_pool_acquire(w->pool, &r);

    if (rc == 0)
        c->item = (int)((struct resource *)r - w->resources);
    else
        CHECK_NULL(r);
    return rc;
}

static struct call acquire_on(struct world *w)
{
    return (struct call){.fn = acquire_call, .on = w, .item = -1};
}

TASK_TEST(resource_pool, what_was_released_last_is_used_first)
{
    (void)arg;
    struct world w;

    make(&w, 3);
    struct resource *a = acquire(&w), *b = acquire(&w), *c = acquire(&w);
    CHECK(a != b && b != c && a != c);
    expect(&w, 3, 0, 0);
    release(&w, a);
    release(&w, c);
    release(&w, b);
    expect(&w, 3, 3, 0);
    CHECK_PTR_EQ(acquire(&w), b);
    CHECK_PTR_EQ(acquire(&w), c);
    release(&w, b);
    CHECK_PTR_EQ(acquire(&w), b);
    release(&w, c);
    release(&w, b);
    expect(&w, 3, 3, 0);
    CHECK_EQ(w.opened, 3);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, no_more_than_max_are_open_and_those_who_wait_are_served_in_order)
{
    (void)arg;
    struct world w;
    struct call calls[3];
    weft_group *g = weft_group_open(NULL);
    void *none = NULL;

    make(&w, 2);
    struct resource *a = acquire(&w), *b = acquire(&w);
    CHECK_RC(weft_resource_pool_try_acquire(w.pool, &none), WEFT_EBUSY);
    CHECK_NULL(none);
    for (int i = 0; i < 3; i++) {
        calls[i] = acquire_on(&w);
        call_begin(g, &calls[i]);
        CHECK(!calls[i].done);
    }
    expect(&w, 2, 0, 3);
    CHECK_RC(weft_resource_pool_destroy(w.pool), WEFT_EBUSY);
    release(&w, b);
    while (!calls[0].done)
        CHECK_OK(weft_yield());
    CHECK_EQ(calls[0].item, 1);
    CHECK(!calls[1].done);
    release(&w, a);
    while (!calls[1].done)
        CHECK_OK(weft_yield());
    CHECK_EQ(calls[1].item, 0);
    CHECK(!calls[2].done);
    expect(&w, 2, 0, 1);
    release(&w, b);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(calls[2].item, 1);
    release(&w, a);
    release(&w, b);
    CHECK_OK(weft_resource_pool_try_acquire(w.pool, &none));
    CHECK_PTR_EQ(none, b);
    release(&w, b);
    CHECK_EQ(w.opened, 2);
    CHECK_EQ(w.most, 2);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, discard_makes_room_for_another)
{
    (void)arg;
    struct world w;
    struct call call = acquire_on(&w);
    weft_group *g = weft_group_open(NULL);

    make(&w, 1);
    struct resource *a = acquire(&w);
    call_begin(g, &call);
    CHECK_OK(weft_resource_pool_discard(w.pool, a));
    CHECK(!a->is_open);
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(call.result);
    CHECK_EQ(call.item, 1);
    CHECK_OK(weft_resource_pool_discard(w.pool, &w.resources[1])); /* and with nobody who waits */
    expect(&w, 0, 0, 0);
    release(&w, acquire(&w));
    weft_group_close(g);
    CHECK_EQ(w.most, 1);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, open_that_fails_is_told_to_its_caller_and_the_next_one_tries)
{
    (void)arg;
    struct world w;
    weft_future gate = {0};
    struct call first = acquire_on(&w), second = acquire_on(&w);
    weft_group *g = weft_group_open(NULL);

    make(&w, 1);
    w.opens = &gate;
    w.open_fails = WEFT_ECONNREFUSED;
    call_begin(g, &first);
    call_begin(g, &second);
    expect(&w, 1, 0, 1);
    CHECK_OK(weft_future_set(&gate, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_RC(first.result, WEFT_ECONNREFUSED);
    CHECK_OK(second.result);
    CHECK_EQ(w.most, 1);
    release(&w, &w.resources[second.item]);

    w.open_fails = WEFT_ENOMEM; /* and with nobody who waits */
    CHECK_OK(weft_resource_pool_discard(w.pool, acquire(&w)));
    void *none = NULL;
    CHECK_RC(weft_resource_pool_acquire(w.pool, &none), WEFT_ENOMEM);
    CHECK_NULL(none);
    expect(&w, 0, 0, 0);
    release(&w, acquire(&w));
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, acquire_that_is_canceled_while_it_opens_loses_nothing)
{
    (void)arg;
    struct world w;
    weft_future gate = {0};
    struct call first = acquire_on(&w), second = acquire_on(&w);
    weft_group *g = weft_group_open(NULL);

    make(&w, 1);
    w.opens = &gate;
    weft_group *inner = weft_group_open(NULL);
    call_begin(inner, &first);
    call_begin(g, &second);
    weft_group_close(inner);
    CHECK_RC(first.result, WEFT_ECANCELED);
    CHECK(!second.done);
    CHECK_OK(weft_future_set(&gate, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(second.result);
    CHECK_EQ(w.most, 1);
    release(&w, &w.resources[second.item]);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, waiter_that_is_canceled_strands_nobody)
{
    (void)arg;
    struct world w;
    struct three t = {acquire_on(&w), acquire_on(&w), acquire_on(&w)};
    weft_group *g = weft_group_open(NULL);

    make(&w, 1);
    struct resource *r = acquire(&w);
    three_begin(g, &t);
    expect(&w, 1, 0, 2);
    release(&w, r);
    while (!t.before.done)
        CHECK_OK(weft_yield());
    CHECK(!t.behind.done);
    release(&w, r);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(t.before.result);
    CHECK_OK(t.behind.result);
    expect(&w, 1, 0, 0);
    release(&w, r);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, release_and_cancellation_meet_and_the_resource_is_not_lost)
{
    (void)arg;
    struct world w;

    make(&w, 1);
    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        struct resource *r = acquire(&w);
        struct call call = acquire_on(&w);
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, call_task, &call);
        if (i % 2 == 0)
            CHECK_OK(weft_yield());
        release(&w, r);
        weft_group_close(g);
        if (call.result == 0)
            release(&w, r);
        else
            CHECK_RC(call.result, WEFT_ECANCELED);
        expect(&w, 1, 1, 0);
    }
    CHECK_EQ(w.opened, 1);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, calls_in_a_canceled_scope_open_nothing)
{
    (void)arg;
    struct world w;
    struct call call = acquire_on(&w);

    make(&w, 1);
    CHECK_RC(call_canceled(&call), WEFT_ECANCELED);
    CHECK_EQ(w.opened, 0);
    struct resource *r = acquire(&w);
    weft_scope *scope = weft_scope_open(0);
    CHECK_OK(weft_scope_cancel(scope));
    release(&w, r); /* this is no checkpoint */
    CHECK_RC(weft_scope_close(scope, 0), 0);
    CHECK_RC(call_canceled(&call), WEFT_ECANCELED);
    expect(&w, 1, 1, 0);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, deadline_ends_a_wait)
{
    (void)arg;
    struct world w;
    struct call call = acquire_on(&w);

    make(&w, 1);
    struct resource *r = acquire(&w);
    CHECK_RC(call_with_deadline(&call), WEFT_ETIMEDOUT);
    expect(&w, 1, 0, 0);
    release(&w, r);
    CHECK_OK(call_with_deadline(&call));
    release(&w, r);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, what_fails_its_check_is_closed_and_the_next_one_tried)
{
    (void)arg;
    struct world w;

    make(&w, 3);
    struct resource *a = acquire(&w), *b = acquire(&w), *c = acquire(&w);
    release(&w, a);
    release(&w, b);
    release(&w, c);
    b->broken = c->broken = true;
    CHECK_PTR_EQ(acquire(&w), a);
    CHECK(!b->is_open && !c->is_open);
    expect(&w, 1, 0, 0);
    a->broken = true;
    release(&w, a);
    struct resource *d = acquire(&w); /* none is left: a new one */
    CHECK_EQ(d - w.resources, 3);
    CHECK(!a->is_open);
    expect(&w, 1, 0, 0);
    release(&w, d);
    CHECK_EQ(w.most, 3);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, check_that_is_canceled_closes_its_resource_and_passes_the_room_on)
{
    (void)arg;
    struct world w;
    weft_future gate = {0};
    struct call first = acquire_on(&w), second = acquire_on(&w);
    weft_group *g = weft_group_open(NULL);

    make(&w, 1);
    release(&w, acquire(&w));
    w.checks = &gate;
    weft_group *inner = weft_group_open(NULL);
    call_begin(inner, &first);
    call_begin(g, &second);
    weft_group_close(inner);
    CHECK_RC(first.result, WEFT_ECANCELED);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(second.result);
    CHECK_EQ(second.item, 1);
    CHECK_EQ(w.most, 1);
    release(&w, &w.resources[1]);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, what_was_idle_for_too_long_is_not_given_out)
{
    (void)arg;
    struct world w;

    make_idle(&w, 3, 5);
    struct resource *a = acquire(&w), *b = acquire(&w);
    release(&w, a);
    CHECK_OK(weft_sleep_ms(6));
    struct resource *c = acquire(&w);
    CHECK(c != a);
    CHECK(!a->is_open);
    /* A release closes those that are too old. */
    release(&w, b);
    CHECK_OK(weft_sleep_ms(6));
    release(&w, c);
    CHECK(!b->is_open);
    expect(&w, 1, 1, 0);
    CHECK_OK(weft_sleep_ms(6));
    CHECK_EQ(weft_resource_pool_trim(w.pool), 1);
    CHECK_EQ(weft_resource_pool_trim(w.pool), 0);
    expect(&w, 0, 0, 0);
    end(&w);

    make_idle(&w, 3, INT64_MAX); /* saturates */
    release(&w, acquire(&w));
    CHECK_EQ(weft_resource_pool_trim(w.pool), 0);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, tender_closes_what_was_idle_for_too_long)
{
    (void)arg;
    struct world w;
    struct resource *r[3];
    weft_group *g = weft_group_open(NULL);

    make_idle(&w, 3, 10);
    weft_spawn(g, weft_resource_pool_tend, w.pool);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++)
            r[i] = acquire(&w);
        weft_time begin = weft_now();
        for (int i = 0; i < 3; i++)
            release(&w, r[i]);
        while (w.open > 0)
            CHECK_OK(weft_sleep_ms(1));
        CHECK_GE(weft_now() - begin, 10 * 1000000);
        sync_settle();
        expect(&w, 0, 0, 0);
    }
    CHECK_OK(weft_resource_pool_close(w.pool));
    CHECK_OK(weft_group_wait(g)); /* and it ends with the pool */
    weft_group_close(g);
    end(&w);
    return 0;
}

static int tend_call(struct call *c)
{
    return weft_resource_pool_tend(((struct world *)c->on)->pool);
}

TASK_TEST(resource_pool, tender_ends_when_it_is_canceled_or_the_pool_is_closed)
{
    (void)arg;
    struct world w;
    struct call call = {.fn = tend_call, .on = &w};
    weft_group *g = weft_group_open(NULL);
    pthread_t thread;

    make(&w, 1);
    call_begin(g, &call);
    CHECK_RC(weft_resource_pool_destroy(w.pool), WEFT_EBUSY);
    CHECK_OK(weft_group_cancel(g));
    weft_group_close(g);
    CHECK_RC(call.result, WEFT_ECANCELED);
    CHECK_RC(call_canceled(&call), WEFT_ECANCELED);
    call_begin_thread(&thread, &call);
    call_end_thread(thread, &call);
    CHECK_RC(call.result, WEFT_ENOTASK);
    CHECK_OK(weft_resource_pool_close(w.pool));
    CHECK_OK(weft_resource_pool_tend(w.pool));
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, close_refuses_who_waits_and_closes_what_comes_back)
{
    (void)arg;
    struct world w;
    struct call call = acquire_on(&w);
    weft_group *g = weft_group_open(NULL);
    void *none = NULL;

    make(&w, 3);
    struct resource *a = acquire(&w), *b = acquire(&w), *c = acquire(&w);
    call_begin(g, &call);
    release(&w, c); /* that one gets it */
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(call.item, 2);
    call_begin(g, &call);
    CHECK_OK(weft_resource_pool_close(w.pool));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_RC(call.result, WEFT_ECLOSED);
    CHECK_RC(weft_resource_pool_close(w.pool), WEFT_ECLOSED);
    CHECK_RC(weft_resource_pool_acquire(w.pool, &none), WEFT_ECLOSED);
    CHECK_RC(weft_resource_pool_try_acquire(w.pool, &none), WEFT_ECLOSED);
    CHECK(a->is_open && b->is_open && c->is_open);
    CHECK_RC(weft_resource_pool_destroy(w.pool), WEFT_EBUSY);
    release(&w, a);
    CHECK(!a->is_open);
    CHECK_OK(weft_resource_pool_discard(w.pool, b));
    release(&w, c);
    expect(&w, 0, 0, 0);
    end(&w);

    make(&w, 2); /* what is idle is closed at once */
    a = acquire(&w);
    release(&w, a);
    CHECK_OK(weft_resource_pool_close(w.pool));
    CHECK(!a->is_open);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, giving_back_what_is_not_out_is_refused)
{
    (void)arg;
    struct world w;

    make(&w, 2);
    CHECK_RC(weft_resource_pool_release(w.pool, &w.resources[0]), WEFT_EINVAL);
    CHECK_RC(weft_resource_pool_discard(w.pool, &w.resources[0]), WEFT_EINVAL);
    struct resource *r = acquire(&w);
    release(&w, r);
    CHECK_RC(weft_resource_pool_release(w.pool, r), WEFT_EINVAL);
    CHECK_RC(weft_resource_pool_discard(w.pool, r), WEFT_EINVAL);
    CHECK(r->is_open);
    expect(&w, 1, 1, 0);
    end(&w);
    return 0;
}

TASK_TEST(resource_pool, plain_threads_acquire_and_release)
{
    (void)arg;
    struct world w;
    struct call call = acquire_on(&w);
    pthread_t thread;

    make(&w, 1);
    struct resource *r = acquire(&w);
    call_begin_thread(&thread, &call);
    CHECK(!call.done);
    release(&w, r);
    call_end_thread(thread, &call);
    CHECK_OK(call.result);
    CHECK_EQ(call.item, 0);
    release(&w, r);
    end(&w);
    return 0;
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

WEFT_TEST(resource_pool, needs_no_runtime_and_options_with_sense)
{
    struct world w;

    make(&w, 0);
    struct resource *r[16];
    void *none = NULL;
    for (int i = 0; i < 16; i++)
        r[i] = acquire(&w);
    CHECK_RC(weft_resource_pool_try_acquire(w.pool, &none), WEFT_EBUSY);
    for (int i = 0; i < 16; i++)
        release(&w, r[i]);
    end(&w);

    weft_resource_pool_options good = {.open = open_resource, .close = close_resource}, o = good;
    o.open = NULL;
    CHECK_NULL(weft_resource_pool_create(&o));
    o = good;
    o.close = NULL;
    CHECK_NULL(weft_resource_pool_create(&o));
    o = good;
    o.idle_ms = -1;
    CHECK_NULL(weft_resource_pool_create(&o));
    o = good;
    o.reserved[0] = 1;
    CHECK_NULL(weft_resource_pool_create(&o));
    o = good;
    o.max = SIZE_MAX;
    CHECK_NULL(weft_resource_pool_create(&o));
    o.max = SIZE_MAX / 16;
    CHECK_NULL(weft_resource_pool_create(&o));
    A_STORE(&weft__fault_hook, no_memory, relaxed);
    weft_resource_pool *p = weft_resource_pool_create(&good);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_NULL(p);
    CHECK_OK(weft_resource_pool_destroy(NULL));
}
