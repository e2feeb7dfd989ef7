/* SPDX-License-Identifier: MIT */
/* Several runtimes at once, and threads that use one while another thread stops it. */
#include <pthread.h>

#include "tests/sched/stress.h"

/* A token goes round through eight runtimes: each hop wakes a task of another one. */
enum { RUNTIMES = 8, TOKENS = 4, LAPS = TEST_TSAN ? 50 : 300 };

struct station {
    weft_runtime *rt;
    weft_chan *in;
    struct station *next;
    atomic_int passed, spawned;
};

static int pass_tokens_on(void *arg)
{
    struct station *s = arg;
    weft_group *g = weft_group_open(NULL);
    int laps_left;

    for (int i = 0; i < TOKENS * LAPS; i++) {
        CHECK_OK(weft_chan_recv(s->in, &laps_left));
        CHECK_PTR_EQ(weft_runtime_current(), s->rt);
        atomic_fetch_add(&s->passed, 1);
        if (i % 16 == 0)
            CHECK_OK(weft_spawn(g, count, &s->spawned));
        /* To a channel where only tasks of the other runtime wait: there is room for every token. */
        if (--laps_left > 0)
            CHECK_OK(weft_chan_try_send(s->next->in, &laps_left));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static void *run_station(void *arg)
{
    struct station *s = arg;

    CHECK_OK(weft_runtime_run(s->rt, pass_tokens_on, s));
    return NULL;
}

WEFT_TEST(lifecycle, eight_runtimes_wake_one_another)
{
    struct station s[RUNTIMES] = {0};
    pthread_t threads[RUNTIMES];

    for (int i = 0; i < RUNTIMES; i++) {
        CHECK_OK(weft_runtime_create(&s[i].rt, &(weft_runtime_options){.workers = test_workers()}));
        CHECK_NOT_NULL(s[i].in = weft_chan_create(sizeof(int), TOKENS));
        s[i].next = &s[(i + 1) % RUNTIMES];
    }
    for (int i = 0; i < RUNTIMES; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, run_station, &s[i]));
    for (int i = 0; i < TOKENS; i++) {
        int hops = LAPS * RUNTIMES;

        CHECK_OK(weft_chan_try_send(s[0].in, &hops)); /* from a thread of none */
    }
    for (int i = 0; i < RUNTIMES; i++) {
        CHECK_OK(pthread_join(threads[i], NULL));
        CHECK_EQ(s[i].passed, TOKENS * LAPS);
        CHECK_EQ(s[i].spawned, (TOKENS * LAPS + 15) / 16);
    }
    /* Not in the order of their making. */
    for (int i = 0; i < RUNTIMES; i++)
        weft_runtime_destroy(s[i * 3 % RUNTIMES].rt);
    for (int i = 0; i < RUNTIMES; i++)
        weft_chan_destroy(s[i].in);
}

/* Tasks of one wait while others come and go: what dies wakes nobody who is not its own. */
static int wait_for_end(void *arg)
{
    struct station *s = arg;
    int end;

    atomic_fetch_add(&s->spawned, 1);
    CHECK_OK(weft_chan_recv(s->in, &end));
    return 0;
}

static void *run_waiter(void *arg)
{
    struct station *s = arg;

    CHECK_OK(weft_runtime_run(s->rt, wait_for_end, s));
    return NULL;
}

static int send_end(void *arg)
{
    struct station *s = arg;
    int end = 1;

    return weft_chan_try_send(s->in, &end);
}

WEFT_TEST(lifecycle, one_lives_on_while_others_come_and_go)
{
    struct station s = {0};
    pthread_t thread;
    weft_runtime *other;

    CHECK_OK(weft_runtime_create(&s.rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_NOT_NULL(s.in = weft_chan_create(sizeof(int), 1));
    CHECK_OK(pthread_create(&thread, NULL, run_waiter, &s));
    spin_until(&s.spawned, 1);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(weft_runtime_create(&other, &(weft_runtime_options){.workers = test_workers()}));
        CHECK_OK(weft_runtime_run(other, count, &s.passed));
        if (i == 19)
            CHECK_OK(weft_runtime_run(other, send_end, &s)); /* and it is gone before the woken has run, maybe */
        weft_runtime_destroy(other);
    }
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_EQ(s.passed, 20);
    weft_runtime_destroy(s.rt);
    weft_chan_destroy(s.in);
}

/* Foreign threads run tasks, send, receive and cancel, while one of them stops the runtime. */
enum { RUNNERS = 2, RECEIVERS = 4 };

struct busy {
    weft_runtime *rt;
    weft_chan *to_tasks, *to_threads;
    _Atomic(weft_group *) group;
    atomic_int entered, begun, stopped, cancelers, received, sent, returned, taken, receivers_ended;
};

static int run_and_fork(void *arg)
{
    struct busy *b = arg;
    weft_group *g = weft_group_open(NULL);
    int children = 0, rc;

    atomic_fetch_add(&b->entered, 1);
    for (int i = 0; i < 3; i++)
        children += weft_spawn(g, nothing, NULL) == 0;
    (void)weft_yield();
    rc = weft_group_wait(g);
    weft_group_close(g);
    CHECK(rc == 0 || rc == WEFT_ECANCELED);
    CHECK(children == 3 || atomic_load(&b->begun) != 0);
    return rc;
}

static void *run_until_closed(void *arg)
{
    struct busy *b = arg;
    int rc, runs = 0;

    while ((rc = weft_runtime_run(b->rt, run_and_fork, b)) != WEFT_ECLOSED) {
        if (rc != 0)
            CHECK_RC(rc, WEFT_ECANCELED);
        runs++;
    }
    atomic_fetch_add(&b->returned, runs);
    return NULL;
}

/* Sends what it receives on to the threads, until the runtime stops. */
static int receive_until_canceled(void *arg)
{
    struct busy *b = arg;
    int item, rc;

    while ((rc = weft_chan_recv(b->to_tasks, &item)) == 0) {
        atomic_fetch_add(&b->received, 1);
        rc = weft_chan_try_send(b->to_threads, &item);
        CHECK(rc == 0 || rc == WEFT_EFULL);
    }
    CHECK_RC(rc, WEFT_ECANCELED);
    atomic_fetch_add(&b->receivers_ended, 1);
    return rc;
}

/* A group that foreign threads cancel: closed only once none of them can know it any more. */
static int open_groups_until_stopped(void *arg)
{
    struct busy *b = arg;

    while (!weft_canceled()) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 3; i++)
            (void)weft_spawn(g, sleep_forever, NULL);
        atomic_store(&b->group, g);
        (void)weft_group_wait(g); /* until it is cancelled, or all is stopped */
        atomic_store(&b->group, NULL);
        while (atomic_load(&b->cancelers) != 0)
            sched_yield();
        weft_group_close(g);
    }
    return 0;
}

static int serve(void *arg)
{
    struct busy *b = arg;
    weft_group *g = weft_group_open(NULL);
    int rc;

    for (int i = 0; i < RECEIVERS; i++)
        CHECK_OK(weft_spawn(g, receive_until_canceled, b));
    CHECK_OK(weft_spawn(g, open_groups_until_stopped, b));
    atomic_fetch_add(&b->entered, 1);
    rc = weft_group_wait(g);
    weft_group_close(g);
    CHECK_RC(rc, WEFT_ECANCELED);
    return rc;
}

static void *serve_until_stopped(void *arg)
{
    struct busy *b = arg;

    CHECK_RC(weft_runtime_run(b->rt, serve, b), WEFT_ECANCELED);
    return NULL;
}

static void *send_until_stopped(void *arg)
{
    struct busy *b = arg;

    while (atomic_load(&b->stopped) == 0) {
        int item = 1;

        if (weft_chan_try_send(b->to_tasks, &item) == 0)
            atomic_fetch_add(&b->sent, 1);
        else
            sched_yield();
        if (weft_chan_try_recv(b->to_threads, &item) == 0)
            atomic_fetch_add(&b->taken, 1);
    }
    return NULL;
}

static void *cancel_until_stopped(void *arg)
{
    struct busy *b = arg;

    while (atomic_load(&b->stopped) == 0) {
        weft_group *g;

        atomic_fetch_add(&b->cancelers, 1);
        g = atomic_load(&b->group);
        if (g != NULL)
            CHECK_OK(weft_group_cancel(g));
        atomic_fetch_sub(&b->cancelers, 1);
        sched_yield();
    }
    return NULL;
}

WEFT_TEST(lifecycle, stop_meets_threads_that_run_send_and_cancel)
{
    uint32_t random = 4711;

    for (int round = 0; round < (TEST_TSAN ? 5 : TEST_ASAN ? 15 : 40); round++) {
        struct busy b = {0};
        pthread_t server, runners[RUNNERS], senders[2], canceler;
        int left = 0, item;

        CHECK_OK(weft_runtime_create(&b.rt, &(weft_runtime_options){.workers = test_workers()}));
        CHECK_NOT_NULL(b.to_tasks = weft_chan_create(sizeof(int), 8));
        CHECK_NOT_NULL(b.to_threads = weft_chan_create(sizeof(int), 8));
        CHECK_OK(pthread_create(&server, NULL, serve_until_stopped, &b));
        spin_until(&b.entered, 1);
        atomic_store(&b.entered, 0);
        for (int i = 0; i < RUNNERS; i++)
            CHECK_OK(pthread_create(&runners[i], NULL, run_until_closed, &b));
        for (int i = 0; i < 2; i++)
            CHECK_OK(pthread_create(&senders[i], NULL, send_until_stopped, &b));
        CHECK_OK(pthread_create(&canceler, NULL, cancel_until_stopped, &b));
        spin_until(&b.entered, 1 + (int)(random_next(&random) % 200));

        atomic_store(&b.begun, 1);
        weft_runtime_stop(b.rt);
        CHECK_OK(pthread_join(server, NULL));
        for (int i = 0; i < RUNNERS; i++)
            CHECK_OK(pthread_join(runners[i], NULL));
        /* The last wakes may come when nobody waits any more, but the runtime is still there. */
        atomic_store(&b.stopped, 1);
        for (int i = 0; i < 2; i++)
            CHECK_OK(pthread_join(senders[i], NULL));
        CHECK_OK(pthread_join(canceler, NULL));
        weft_runtime_destroy(b.rt);

        /* Each run that was accepted was entered once; each item was received once or is there still. */
        CHECK_EQ(b.returned, b.entered);
        CHECK_EQ(b.receivers_ended, RECEIVERS);
        while (weft_chan_try_recv(b.to_tasks, &item) == 0)
            left++;
        CHECK_EQ(b.received + left, b.sent);
        CHECK_LE(b.taken, b.received);
        weft_chan_destroy(b.to_tasks);
        weft_chan_destroy(b.to_threads);
    }
}
