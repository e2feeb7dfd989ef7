/* SPDX-License-Identifier: MIT */
/* Threads of pools: when they are made and when they end; pools of one's own; what happens where there are no threads. */
#define _GNU_SOURCE
#include "sched/blocking.h"

#include <pthread.h>

#include "tests/sched/blocking.h"

static int note_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    return 0;
}

static int call_and_wait_for_the_end(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(weft_blocking(nothing, NULL));
        while (stats_now().blocking_threads != 0)
            CHECK_OK(weft_sleep_ms(1));
    }
    return 0;
}

WEFT_TEST(blocking_pool, thread_that_has_been_idle_ends)
{
    CHECK_OK(weft_run_with(call_and_wait_for_the_end, NULL,
                           &(weft_runtime_options){.workers = test_workers(), .blocking_idle_ms = 5}));
}

static int fill_default_pool(void *arg)
{
    enum { THREADS = 512 };
    struct gate gate = {0};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < THREADS + 3; i++)
        CHECK_OK(weft_spawn(g, block_at_gate, &gate));
    while (atomic_load(&gate.begun) < THREADS || stats_now().blocking_queued < 3)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_EQ(stats_now().blocking_threads, THREADS);
    CHECK_EQ(stats_now().blocking_running, THREADS);
    CHECK_EQ(atomic_load(&gate.begun), THREADS);
    open_gate(&gate);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(blocking_pool, there_are_512_threads_at_most_where_nothing_else_is_said)
{
    if (TEST_TSAN || test_under_valgrind() || getenv("WEFT_TEST_EMULATED") != NULL)
        TEST_SKIP("too slow here for so many threads");
    CHECK_OK(test_run(fill_default_pool, NULL));
}

struct two {
    struct gate first, second;
    pthread_t threads[2];
};

static int pass_and_note(void *arg)
{
    struct two *t = arg;
    int me = atomic_fetch_add(&t->first.begun, 1);

    t->threads[me] = pthread_self();
    return pass_gate(me == 0 ? &t->second : &t->first);
}

static int block_and_note(void *arg)
{
    CHECK_RC(weft_blocking(pass_and_note, arg), 7);
    return 0;
}

static int use_two(void *arg)
{
    struct two t = {.first = {0}};
    weft_group *g = weft_group_open(NULL);
    pthread_t again;

    (void)arg;
    CHECK_OK(weft_spawn(g, block_and_note, &t));
    CHECK_OK(weft_spawn(g, block_and_note, &t));
    sleep_until_running(2);
    while (atomic_load(&t.second.begun) == 0 || atomic_load(&t.first.begun) < 3)
        CHECK_OK(weft_sleep_ms(1));
    open_gate(&t.first); /* the second thread's */
    sleep_until_running(1);
    open_gate(&t.second);
    sleep_until_running(0);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(weft_blocking(note_thread, &again));
        CHECK(pthread_equal(again, t.threads[0]));
        sleep_until_running(0);
    }
    CHECK_EQ(stats_now().blocking_threads, 2);
    return 0;
}

WEFT_TEST(blocking_pool, idle_thread_that_was_busy_last_is_taken_before_any_other)
{
    CHECK_OK(test_run(use_two, NULL));
}

/* Where no thread can be made. */

static atomic_int makers, makers_wanted;

static bool no_thread(enum weft__seam what)
{
    if (what != WEFT__SEAM_THREAD)
        return false;
    atomic_fetch_add(&makers, 1);
    while (atomic_load(&makers) < atomic_load(&makers_wanted))
        sched_yield();
    return true;
}

static void fail_threads(bool on)
{
    atomic_store(&makers, 0);
    atomic_store(&makers_wanted, 0);
    A_STORE(&weft__fault_hook, on ? no_thread : NULL, relaxed);
}

static int call_without_threads(void *arg)
{
    atomic_int *ran = arg;

    fail_threads(true);
    for (int i = 0; i < 5; i++) {
        CHECK_RC(weft_blocking(count, ran), WEFT_EAGAIN);
        CHECK_RC(weft_block_in_place(count, ran), WEFT_EAGAIN);
    }
    fail_threads(false);
    CHECK_EQ(atomic_load(ran), 0);
    CHECK_EQ(stats_now().blocking_threads, 0);
    CHECK_EQ(stats_now().blocking_queued, 0);
    CHECK_OK(weft_blocking(count, ran));
    CHECK_OK(weft_block_in_place(count, ran));
    CHECK_EQ(atomic_load(ran), 2);
    return 0;
}

WEFT_TEST(blocking_pool, call_fails_where_no_thread_can_be_made_and_there_is_none)
{
    atomic_int ran = 0;

    CHECK_OK(test_run(call_without_threads, &ran));
}

static int call_and_count(void *arg)
{
    return weft_blocking(count, arg);
}

static int call_in_place_and_count(void *arg)
{
    return weft_block_in_place(count, arg);
}

static int call_with_one_thread(void *arg)
{
    atomic_int *ran = arg;
    struct gate gate = {0};
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, block_at_gate, &gate));
    while (atomic_load(&gate.begun) == 0)
        CHECK_OK(weft_sleep_ms(1));
    fail_threads(true);
    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_spawn(g, i % 2 == 0 ? call_and_count : call_in_place_and_count, ran));
    sleep_until_queued(10);
    while (stats_now().blocking_threads > 1) /* not made, and not yet counted out */
        CHECK_OK(weft_sleep_ms(1));
    CHECK_EQ(atomic_load(ran), 0);
    open_gate(&gate);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    fail_threads(false);
    CHECK_EQ(atomic_load(ran), 10);
    return 0;
}

WEFT_TEST(blocking_pool, call_queues_where_no_thread_can_be_made_but_there_is_one)
{
    atomic_int ran = 0;

    CHECK_OK(test_run(call_with_one_thread, &ran));
}

struct refused {
    atomic_int ran, refused;
};

static int be_refused(void *arg)
{
    struct refused *r = arg;

    CHECK_RC(weft_blocking(count, &r->ran), WEFT_EAGAIN);
    atomic_fetch_add(&r->refused, 1);
    return 0;
}

static int be_refused_in_place(void *arg)
{
    struct refused *r = arg;

    CHECK_RC(weft_block_in_place(count, &r->ran), WEFT_EAGAIN);
    atomic_fetch_add(&r->refused, 1);
    return 0;
}

/* One worker is held by the maker, which fails once the others' calls are queued. */
static int refuse_all(void *arg)
{
    struct refused r = {0};
    weft_group *g = weft_group_open(NULL);
    bool in_place = arg != NULL;

    fail_threads(true);
    atomic_store(&makers_wanted, 2);
    CHECK_OK(weft_spawn(g, in_place ? be_refused_in_place : be_refused, &r));
    while (atomic_load(&makers) == 0)
        CHECK_OK(weft_yield());
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(g, i % 2 == 0 ? be_refused : be_refused_in_place, &r));
    while (stats_now().blocking_queued < 6)
        CHECK_OK(weft_yield());
    atomic_fetch_add(&makers, 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    fail_threads(false);
    CHECK_EQ(r.ran, 0);
    CHECK_EQ(r.refused, 6);
    CHECK_EQ(stats_now().blocking_threads, 0);
    CHECK_OK(weft_blocking(count, &r.ran));
    CHECK_EQ(r.ran, 1);
    return 0;
}

WEFT_TEST(blocking_pool, who_counted_on_a_thread_that_could_not_be_made_is_refused_too)
{
    int in_place = 1;

    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_run_with(refuse_all, i % 2 == 0 ? NULL : &in_place,
                               &(weft_runtime_options){.workers = 3, .blocking_threads = 1}));
}

/* Pools of one's own. */

struct own {
    weft_pool *pool;
    struct gate gate;
    atomic_int ran, returned;
};

static int block_at_own_gate(void *arg)
{
    struct own *o = arg;

    CHECK_RC(weft_blocking_with(o->pool, pass_gate, &o->gate, NULL), 7);
    atomic_fetch_add(&o->returned, 1);
    return 0;
}

static int count_on_own(void *arg)
{
    struct own *o = arg;

    CHECK_OK(weft_blocking_with(o->pool, count, &o->ran, NULL));
    atomic_fetch_add(&o->returned, 1);
    return 0;
}

static unsigned queued_at(weft_pool *p)
{
    unsigned n;

    weft__lock(&p->lock);
    n = (unsigned)p->queued;
    weft__unlock(&p->lock);
    return n;
}

static int fill_queue(void *arg)
{
    struct own *o = arg;
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, block_at_own_gate, o));
    while (atomic_load(&o->gate.begun) == 0)
        CHECK_OK(weft_sleep_ms(1));
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, count_on_own, o));
    while (queued_at(o->pool) < 3)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_RC(weft_blocking_with(o->pool, count, &o->ran, NULL), WEFT_EFULL);
    CHECK_EQ(o->ran, 0);
    CHECK_OK(weft_blocking(count, &o->ran)); /* the runtime's own pool is another */
    CHECK_EQ(o->ran, 1);
    open_gate(&o->gate);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(o->ran, 4);
    CHECK_OK(weft_blocking_with(o->pool, count, &o->ran, NULL));
    return 0;
}

WEFT_TEST(blocking_pool, queue_takes_as_many_calls_as_it_is_said_to)
{
    struct own o = {.pool = NULL};

    CHECK_OK(weft_pool_create(&o.pool, &(weft_pool_options){.threads = 1, .queue = 3}));
    CHECK_OK(test_run(fill_queue, &o));
    CHECK_EQ(o.ran, 5);
    weft_pool_destroy(o.pool);
}

static int check_name(void *arg)
{
    char name[16];

    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    CHECK_STR_EQ(name, arg);
    return 0;
}

static int check_names(void *arg)
{
    struct own *o = arg;

    CHECK_OK(weft_blocking_with(o->pool, check_name, (void *)(uintptr_t) "database-l-0", NULL));
    CHECK_OK(weft_blocking(check_name, (void *)(uintptr_t) "weft-block-0"));
    return 0;
}

WEFT_TEST(blocking_pool, threads_have_the_name_of_their_pool)
{
    struct own o = {.pool = NULL};
    char name[] = "database-look-ups";

    CHECK_OK(weft_pool_create(&o.pool, &(weft_pool_options){.name = name}));
    name[0] = '?'; /* it was copied */
    CHECK_OK(test_run(check_names, &o));
    weft_pool_destroy(o.pool);
}

static void *destroy(void *arg)
{
    weft_pool_destroy(arg);
    return NULL;
}

static bool is_ending(weft_pool *p)
{
    bool ending;

    weft__lock(&p->lock);
    ending = p->ending;
    weft__unlock(&p->lock);
    return ending;
}

static int destroy_in_flight(void *arg)
{
    struct own *o = arg;
    weft_group *g = weft_group_open(NULL);
    pthread_t thread;

    for (int i = 0; i < 2; i++)
        CHECK_OK(weft_spawn(g, block_at_own_gate, o));
    while (atomic_load(&o->gate.begun) < 2)
        CHECK_OK(weft_sleep_ms(1));
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(g, count_on_own, o));
    while (queued_at(o->pool) < 5)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_EQ(pthread_create(&thread, NULL, destroy, o->pool), 0);
    while (!is_ending(o->pool))
        CHECK_OK(weft_sleep_ms(1));
    CHECK_RC(weft_blocking_with(o->pool, count, &o->ran, NULL), WEFT_ECLOSED);
    CHECK_EQ(o->returned, 0);
    open_gate(&o->gate);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(o->ran, 5);
    CHECK_EQ(o->returned, 7);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return 0;
}

WEFT_TEST(blocking_pool, destroy_waits_for_what_runs_and_what_is_queued_and_takes_no_more)
{
    struct own o = {.pool = NULL};

    CHECK_OK(weft_pool_create(&o.pool, &(weft_pool_options){.threads = 2}));
    CHECK_OK(test_run(destroy_in_flight, &o));
}

struct guest {
    weft_runtime *rt;
    struct own *o;
    pthread_t thread;
};

static void *run_guest(void *arg)
{
    struct guest *g = arg;

    CHECK_OK(weft_runtime_run(g->rt, count_on_own, g->o));
    return NULL;
}

WEFT_TEST(blocking_pool, tasks_of_several_runtimes_share_a_pool)
{
    enum { GUESTS = 4 };
    struct own o = {.pool = NULL};
    struct guest guests[GUESTS];

    CHECK_OK(weft_pool_create(&o.pool, &(weft_pool_options){.threads = 1}));
    CHECK_OK(test_run(count_on_own, &o));
    CHECK_EQ(o.ran, 1);
    /* Made and ended by one thread: libuv closes descriptors by a system call of its own, so TSan takes two loops of different threads
     * that have a number one after the other for a race. */
    for (int i = 0; i < GUESTS; i++) {
        guests[i].o = &o;
        CHECK_OK(weft_runtime_create(&guests[i].rt, &(weft_runtime_options){.workers = test_workers()}));
        CHECK_EQ(pthread_create(&guests[i].thread, NULL, run_guest, &guests[i]), 0);
    }
    for (int i = 0; i < GUESTS; i++)
        CHECK_EQ(pthread_join(guests[i].thread, NULL), 0);
    for (int i = 0; i < GUESTS; i++)
        weft_runtime_destroy(guests[i].rt);
    CHECK_EQ(o.ran, 1 + GUESTS);
    weft_pool_destroy(o.pool);
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

WEFT_TEST(blocking_pool, pool_that_cannot_be_made_is_reported)
{
    weft_pool *p = (weft_pool *)(void *)&p;

    CHECK_RC(weft_pool_create(&p, &(weft_pool_options){.reserved = {0, 1}}), WEFT_EINVAL);
    CHECK_NULL(p);
    p = (weft_pool *)(void *)&p;
    A_STORE(&weft__fault_hook, no_memory, relaxed);
    CHECK_RC(weft_pool_create(&p, NULL), WEFT_ENOMEM);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_NULL(p);
    weft_pool_destroy(NULL);
    CHECK_OK(weft_pool_create(&p, NULL));
    weft_pool_destroy(p); /* without a thread */
}

/* The end of a pool, while a task that was cancelled in a call is still to come back to it. */

struct leaver {
    weft_pool *pool;
    struct gate gate;
};

static int call_own_pool(void *arg)
{
    struct leaver *l = arg;

    return weft_blocking_with(l->pool, pass_gate, &l->gate, NULL);
}

static void *destroy_it(void *arg)
{
    weft_pool_destroy(arg);
    return NULL;
}

static int destroy_under(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        weft_group *g = weft_group_open(NULL);
        struct leaver l = {.pool = NULL};
        bool by_thread = i % 2 == 0;
        pthread_t thread;

        CHECK_OK(weft_pool_create(&l.pool, NULL));
        CHECK_OK(weft_spawn(g, call_own_pool, &l));
        while (atomic_load(&l.gate.begun) == 0)
            CHECK_OK(weft_sleep_ms(1));
        if (by_thread)
            CHECK_EQ(pthread_create(&thread, NULL, destroy_it, l.pool), 0);
        CHECK_OK(weft_group_cancel(g)); /* claims the wait of the call */
        open_gate(&l.gate);
        pause_thread_ms(1); /* the call ends first, where the task has no other worker */
        if (!by_thread)
            weft_pool_destroy(l.pool); /* by a task, whose worker the caller may need */
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        if (by_thread)
            CHECK_EQ(pthread_join(thread, NULL), 0);
    }
    return 0;
}

WEFT_TEST(blocking_pool, destroy_waits_for_tasks_that_were_cancelled_in_a_call)
{
    CHECK_OK(test_run(destroy_under, NULL));
}
