/* SPDX-License-Identifier: MIT */
/* What weft/park.h promises, and the worked example: a fair semaphore that is made of it (fair_semaphore.h). */
#include <pthread.h>

#include "sched/platform.h"

#include "tests/sched/fair_semaphore.h"
#include "tests/sched/tasks.h"

/* A waiter where another finds it: what a primitive has at the least. */
struct post {
    weft_waiter waiter;
    atomic_int posted, result, over;
};

static int park_at(struct post *p)
{
    CHECK_OK(weft_park_enter());
    CHECK_OK(weft_park_prepare(&p->waiter));
    atomic_store(&p->posted, 1);
    return weft_park(&p->waiter);
}

static int park_and_tell(void *arg)
{
    struct post *p = arg;
    int rc = park_at(p);

    atomic_store(&p->result, rc);
    atomic_store(&p->over, 1);
    return rc;
}

/* One task parks, another wakes it. */

static int wake_another(void *arg)
{
    struct post p = {.result = 1};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, park_and_tell, &p));
    yield_until(&p.posted, 1);
    CHECK(weft_unpark(p.waiter));
    CHECK(!weft_unpark(p.waiter));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_RC(p.result, 0);
    CHECK(!weft_unpark(p.waiter)); /* of a task that has ended */
    return 0;
}

WEFT_TEST(park, unpark_wins_once_and_a_stale_waiter_is_harmless)
{
    CHECK_OK(test_run(wake_another, NULL));
}

/* A wake that comes before the park. */

static int wake_oneself(void *arg)
{
    weft_waiter w, stale;

    (void)arg;
    CHECK_OK(weft_park_prepare(&w));
    CHECK(weft_unpark(w));
    CHECK_OK(weft_park(&w));
    stale = w;
    CHECK_OK(weft_park_prepare(&w));
    CHECK(!weft_unpark(stale)); /* names the wait before */
    CHECK_EQ(weft_unpark_claim(stale), WEFT_CLAIM_LOST);
    CHECK_EQ(weft_unpark_claim(w), WEFT_CLAIM_DONE);
    weft_unpark_finish(w, WEFT_CLAIM_DONE);
    weft_unpark_finish(w, WEFT_CLAIM_LOST);
    CHECK_OK(weft_park(&w));
    CHECK_OK(weft_yield());
    return 0;
}

WEFT_TEST(park, wake_before_the_park_is_not_lost)
{
    CHECK_OK(test_run(wake_oneself, NULL));
}

/* Misuse. */

static int misuse(void *arg)
{
    weft_waiter none = {{0}}, w, old;

    (void)arg;
    CHECK(!weft_unpark(none));
    CHECK_RC(weft_park(&none), WEFT_EINVAL);
    CHECK_RC(weft_park_until(&none, 0), WEFT_EINVAL);
    CHECK(weft_park_abandon(&none));
    CHECK_OK(weft_park_prepare(&old));
    CHECK(weft_park_abandon(&old));
    CHECK(weft_park_abandon(&old));
    CHECK_RC(weft_park(&old), WEFT_EINVAL);
    CHECK_OK(weft_park_prepare(&w));
    CHECK_RC(weft_park(&old), WEFT_EINVAL);
    CHECK(weft_unpark(w));
    CHECK_OK(weft_park(&w));
    return 0;
}

WEFT_TEST(park, misuse_is_told)
{
    weft_waiter w = {{1, 1}};

    CHECK_RC(weft_park_enter(), WEFT_ENOTASK);
    CHECK_RC(weft_park_prepare(&w), WEFT_ENOTASK);
    CHECK_EQ(w.opaque[0], 0);
    CHECK_RC(weft_park_prepare_shielded(&w), WEFT_ENOTASK);
    CHECK_RC(weft_park(&w), WEFT_ENOTASK);
    CHECK_RC(weft_park_until(&w, 0), WEFT_ENOTASK);
    CHECK(!weft_unpark(w));
    CHECK_OK(test_run(misuse, NULL));
}

/* Cancellation: before the wait, while it is prepared, while it sleeps, and after it was won. */

static int canceled_at_each_stage(void *arg)
{
    weft_scope *s = weft_scope_open(0);
    weft_waiter w;

    (void)arg;
    CHECK_OK(weft_park_enter());
    CHECK_OK(weft_park_prepare(&w));
    CHECK_OK(weft_scope_cancel(s)); /* armed */
    CHECK(!weft_unpark(w));
    CHECK_RC(weft_park(&w), WEFT_ECANCELED);
    CHECK_RC(weft_park_enter(), WEFT_ECANCELED); /* before */
    CHECK_RC(weft_park_prepare(&w), WEFT_ECANCELED);
    CHECK_EQ(w.opaque[0], 0);
    CHECK_RC(weft_scope_close(s, 0), 0);

    s = weft_scope_open(0);
    CHECK_OK(weft_park_prepare(&w));
    CHECK(weft_unpark(w));
    CHECK_OK(weft_scope_cancel(s)); /* won: the wake stays one */
    CHECK_OK(weft_park(&w));
    CHECK_RC(weft_park_prepare(&w), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, 0), 0);

    s = weft_scope_open(0);
    CHECK_OK(weft_park_prepare(&w));
    CHECK_OK(weft_scope_cancel(s));
    CHECK(weft_park_abandon(&w)); /* nobody woke it */
    CHECK_RC(weft_scope_close(s, 0), 0);

    CHECK_OK(weft_park_prepare(&w));
    CHECK(weft_unpark(w));
    CHECK(!weft_park_abandon(&w)); /* somebody did */
    return 0;
}

WEFT_TEST(park, cancellation_wins_until_a_wake_has)
{
    CHECK_OK(test_run(canceled_at_each_stage, NULL));
}

static int cancel_sleeper(void *arg)
{
    struct post p = {.result = 1};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, park_and_tell, &p));
    yield_until(&p.posted, 1);
    CHECK_OK(weft_yield());
    weft_group_cancel(g);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_RC(p.result, WEFT_ECANCELED);
    CHECK(!weft_unpark(p.waiter));
    return 0;
}

WEFT_TEST(park, a_task_that_sleeps_is_canceled)
{
    CHECK_OK(test_run(cancel_sleeper, NULL));
}

/* A wait that is shielded. */

static int park_shielded(void *arg)
{
    struct post *p = arg;

    CHECK_OK(weft_park_prepare_shielded(&p->waiter));
    atomic_store(&p->posted, 1);
    CHECK_OK(weft_park(&p->waiter));
    CHECK(weft_canceled());
    CHECK_OK(weft_park_prepare_shielded(&p->waiter)); /* also in a scope that is cancelled already */
    CHECK(weft_unpark(p->waiter));
    CHECK_OK(weft_park(&p->waiter));
    atomic_store(&p->over, 1);
    return 0;
}

static int cancel_shielded(void *arg)
{
    struct post p = {.result = 1};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, park_shielded, &p));
    yield_until(&p.posted, 1);
    weft_group_cancel(g);
    for (int i = 0; i < 100; i++)
        CHECK_RC(weft_yield(), WEFT_ECANCELED); /* of the body, a member of the group */
    CHECK_EQ(p.over, 0);
    CHECK(weft_unpark(p.waiter));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(p.over, 1);
    return 0;
}

WEFT_TEST(park, a_shielded_wait_is_not_canceled)
{
    CHECK_OK(test_run(cancel_shielded, NULL));
}

/* Time. */

static int run_out_of_time(void *arg)
{
    weft_time at = weft_now() + 3000000;
    weft_scope *s;
    weft_waiter w;

    (void)arg;
    CHECK_OK(weft_park_prepare(&w));
    CHECK_RC(weft_park_until(&w, at), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now(), at);
    CHECK(!weft_unpark(w));
    /* Time that is up already: who has won before that wins still. */
    CHECK_OK(weft_park_prepare(&w));
    CHECK_RC(weft_park_until(&w, at), WEFT_ETIMEDOUT);
    CHECK_OK(weft_park_prepare(&w));
    CHECK(weft_unpark(w));
    CHECK_OK(weft_park_until(&w, at));
    /* The deadline of a scope is a cancellation. */
    s = weft_scope_open(test_soon());
    CHECK_OK(weft_park_prepare(&w));
    CHECK_RC(weft_scope_close(s, weft_park_until(&w, weft_after_ms(FOREVER_MS))), WEFT_ETIMEDOUT);
    s = weft_scope_open(test_soon());
    CHECK_OK(weft_park_prepare(&w));
    CHECK_RC(weft_park_until(&w, WEFT_NEVER), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, 0), 0);
    return 0;
}

WEFT_TEST(park, time_wins_where_nobody_else_does)
{
    CHECK_OK(test_run(run_out_of_time, NULL));
}

static _Thread_local bool no_memory;

static bool fail_alloc(enum weft__seam what)
{
    return no_memory && what == WEFT__SEAM_ALLOC;
}

/* The first timer of a worker makes its heap. */
static int without_memory(void *arg)
{
    weft_waiter w;
    int rc;

    (void)arg;
    CHECK_OK(weft_park_prepare(&w));
    no_memory = true;
    rc = weft_park_until(&w, weft_after_ms(FOREVER_MS));
    no_memory = false;
    CHECK_RC(rc, WEFT_ENOMEM);
    CHECK(!weft_unpark(w)); /* it is over */
    CHECK_OK(weft_park_prepare(&w));
    CHECK(weft_unpark(w));
    no_memory = true;
    rc = weft_park_until(&w, weft_after_ms(FOREVER_MS));
    no_memory = false;
    CHECK_OK(rc); /* the wake is not lost */
    CHECK_OK(weft_park_prepare(&w));
    CHECK_RC(weft_park_until(&w, weft_after_ms(1)), WEFT_ETIMEDOUT);
    return 0;
}

WEFT_TEST(park, lack_of_memory_for_a_timer_ends_the_wait_and_loses_no_wake)
{
    A_STORE(&weft__fault_hook, fail_alloc, relaxed);
    CHECK_OK(run_on(1, without_memory, NULL));
    A_STORE(&weft__fault_hook, NULL, relaxed);
}

/* From a thread that is no worker: a bridge to somebody else's loop. */

static void *wake_from_outside(void *arg)
{
    struct post *p = arg;

    spin_until(&p->posted, 1);
    CHECK(weft_unpark(p->waiter));
    return NULL;
}

static void *wake_from_outside_in_two_steps(void *arg)
{
    struct post *p = arg;
    enum weft_claim claim;
    weft_waiter w;

    spin_until(&p->posted, 1);
    w = p->waiter;
    claim = weft_unpark_claim(w);
    CHECK_NE(claim, WEFT_CLAIM_LOST);
    CHECK_EQ(weft_unpark_claim(w), WEFT_CLAIM_LOST);
    weft_unpark_finish(w, claim);
    return NULL;
}

static int wait_for_a_thread(void *arg)
{
    void *(*const ways[])(void *) = {wake_from_outside, wake_from_outside_in_two_steps};

    (void)arg;
    for (int i = 0; i < 200; i++) {
        struct post p = {.result = 1};
        pthread_t thread;

        CHECK_OK(pthread_create(&thread, NULL, ways[i % 2], &p));
        CHECK_OK(park_at(&p));
        CHECK_OK(pthread_join(thread, NULL));
    }
    return 0;
}

WEFT_TEST(park, a_foreign_thread_wakes_a_task)
{
    CHECK_OK(test_run(wait_for_a_thread, NULL));
}

/* The semaphore. */

enum { CLIENTS = 20, TURNS = TEST_TSAN || TEST_ASAN ? 100 : 1000 };

struct shop {
    struct fair_semaphore semaphore;
    atomic_int inside, served;
    int limit;
    long total; /* guarded by a semaphore of one permit */
};

static int be_served(void *arg)
{
    struct shop *shop = arg;

    for (int i = 0; i < TURNS; i++) {
        CHECK_OK(fair_acquire(&shop->semaphore));
        CHECK_LE(atomic_fetch_add(&shop->inside, 1) + 1, shop->limit);
        if (shop->limit == 1)
            shop->total++;
        if (i % 8 == 0)
            CHECK_OK(weft_yield());
        atomic_fetch_sub(&shop->inside, 1);
        fair_release(&shop->semaphore);
    }
    atomic_fetch_add(&shop->served, 1);
    return 0;
}

static int serve(void *arg)
{
    struct shop *shop = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < CLIENTS; i++)
        CHECK_OK(weft_spawn(g, be_served, shop));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(shop->served, CLIENTS);
    CHECK_EQ(shop->semaphore.permits, shop->limit);
    CHECK_NULL(shop->semaphore.first);
    return 0;
}

WEFT_TEST(park, semaphore_of_one_excludes_all_others)
{
    struct shop shop = {.semaphore = {.permits = 1}, .limit = 1};

    CHECK_OK(test_run(serve, &shop));
    CHECK_EQ(shop.total, CLIENTS * TURNS);
}

WEFT_TEST(park, semaphore_of_three_lets_three_in)
{
    struct shop shop = {.semaphore = {.permits = 3}, .limit = 3};

    CHECK_OK(test_run(serve, &shop));
}

/* First in, first out; and who is cancelled or out of time in the middle of the queue strands nobody behind. */

enum { QUEUE = 12 };

struct line {
    struct fair_semaphore semaphore;
    atomic_int next;
    int order[QUEUE];
};

struct place {
    struct line *line;
    int index;
    weft_scope *_Atomic scope;
    weft_time deadline;
    int expected;
    atomic_int in; /* about to queue */
};

static int queue_up(void *arg)
{
    struct place *p = arg;
    weft_scope *s = weft_scope_open(0);
    int rc;

    atomic_store(&p->scope, s);
    atomic_store(&p->in, 1);
    rc = fair_acquire_until(&p->line->semaphore, p->deadline != 0 ? p->deadline : WEFT_NEVER);
    CHECK_RC(rc, p->expected);
    if (rc == 0)
        p->line->order[atomic_fetch_add(&p->line->next, 1)] = p->index;
    CHECK_RC(weft_scope_close(s, 0), 0);
    return 0;
}

static int queued(struct fair_semaphore *s)
{
    int n = 0;

    fair_lock(s);
    for (struct fair_node *e = s->first; e != NULL; e = e->next)
        n++;
    fair_unlock(s);
    return n;
}

static int line_up(void *arg)
{
    static const int canceled = 2, late = 5, also_canceled = 0;
    struct line line = {.next = 0};
    struct place places[QUEUE];
    weft_group *g = weft_group_open(NULL);
    int left = QUEUE - 3, at = 0;

    (void)arg;
    for (int i = 0; i < QUEUE; i++) {
        places[i] = (struct place){.line = &line, .index = i};
        if (i == canceled || i == also_canceled)
            places[i].expected = WEFT_ECANCELED;
        if (i == late) {
            places[i].deadline = test_soon();
            places[i].expected = WEFT_ETIMEDOUT;
        }
        CHECK_OK(weft_spawn(g, queue_up, &places[i]));
        while (queued(&line.semaphore) < i + 1)
            CHECK_OK(weft_yield());
    }
    CHECK_OK(weft_scope_cancel(places[canceled].scope));
    CHECK_OK(weft_scope_cancel(places[also_canceled].scope));
    while (queued(&line.semaphore) > left)
        CHECK_OK(weft_sleep_ms(1));
    for (int i = 0; i < left; i++) {
        fair_release(&line.semaphore);
        yield_until(&line.next, i + 1);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < QUEUE; i++)
        if (i != canceled && i != late && i != also_canceled)
            CHECK_EQ(line.order[at++], i);
    CHECK_EQ(at, left);
    CHECK_EQ(line.semaphore.permits, 0);
    return 0;
}

WEFT_TEST(park, semaphore_serves_first_come_first_and_passes_over_who_has_left)
{
    CHECK_OK(test_run(line_up, NULL));
}

/* Released by threads. */

static void *release_all(void *arg)
{
    for (int i = 0; i < CLIENTS; i++)
        fair_release(arg);
    return NULL;
}

static int acquire_one(void *arg)
{
    return fair_acquire(arg);
}

static int take_from_a_thread(void *arg)
{
    struct fair_semaphore s = {.permits = 0};
    weft_group *g = weft_group_open(NULL);
    pthread_t thread;

    (void)arg;
    CHECK_OK(pthread_create(&thread, NULL, release_all, &s));
    for (int i = 0; i < CLIENTS; i++)
        CHECK_OK(weft_spawn(g, acquire_one, &s));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_EQ(s.permits, 0);
    return 0;
}

WEFT_TEST(park, semaphore_is_released_by_a_thread)
{
    for (int i = 0; i < 20; i++)
        CHECK_OK(test_run(take_from_a_thread, NULL));
}
