/* SPDX-License-Identifier: MIT */
/* Threads that come into a runtime in every way, while another stops it: what was accepted happens, and nothing else does. */
#include <pthread.h>

#include "tests/sched/stress.h"

enum { LIVES = TEST_TSAN || TEST_ASAN ? 300 : 1000, GUESTS = 6 };

/* Under valgrind a runtime's threads take long to start, and one at a time. */
static int lives(int n)
{
    return test_under_valgrind() ? n / 50 : n;
}

struct life {
    weft_runtime *rt;
    weft_chan *c;
    weft_group *g; /* of the host: for the canceller */
    uint32_t seed;
    atomic_int at_home, canceller_gone;
    atomic_int spawned, entered, runs, ran, sent, received, guests;
};

static int count_entry(void *arg)
{
    struct life *l = arg;

    atomic_fetch_add(&l->entered, 1);
    if (weft_yield() == 0)
        (void)weft_sleep_ms(0);
    return 0;
}

static int count_run(void *arg)
{
    struct life *l = arg;

    atomic_fetch_add(&l->ran, 1);
    return 7;
}

static int spawn_more(void *arg)
{
    struct life *l = arg;

    atomic_fetch_add(&l->entered, 1);
    for (int i = 0; i < 3; i++) {
        int rc = weft_runtime_spawn(l->rt, count_entry, l);

        if (rc == 0)
            atomic_fetch_add(&l->spawned, 1);
        else
            CHECK_RC(rc, WEFT_ECLOSED);
    }
    return 0;
}

/* Guests wait for items in all states that the stop may find them in. */
static int receive(void *arg)
{
    struct life *l = arg;
    int item, rc;

    while ((rc = weft_chan_recv(l->c, &item)) == 0)
        atomic_fetch_add(&l->received, 1);
    CHECK_RC(rc, WEFT_ECANCELED);
    atomic_fetch_add(&l->guests, 1);
    return 0;
}

/* Its group stays open until the canceller has gone, as weft_group_cancel() asks for. */
static int host(void *arg)
{
    struct life *l = arg;

    l->g = weft_group_open(NULL);
    for (int i = 0; i < GUESTS; i++)
        CHECK_OK(weft_spawn_with(l->g, receive, l, &(weft_task_options){.pinned = i % 2 == 0, .priority = i % 3 - 1}));
    atomic_store(&l->at_home, 1);
    while (atomic_load(&l->canceller_gone) == 0)
        (void)weft_yield();
    weft_group_close(l->g);
    return 0;
}

static void *spawn_until_closed(void *arg)
{
    struct life *l = arg;

    for (int i = 0;; i++) {
        int rc = weft_runtime_spawn(l->rt, i % 4 == 0 ? spawn_more : count_entry, l);

        if (rc != 0) {
            CHECK_RC(rc, WEFT_ECLOSED);
            return NULL;
        }
        atomic_fetch_add(&l->spawned, 1);
        if (i % 16 == 15)
            sched_yield();
    }
}

static void *run_until_closed(void *arg)
{
    struct life *l = arg;

    for (;;) {
        int rc = weft_runtime_run(l->rt, count_run, l);

        if (rc != 7) {
            CHECK_RC(rc, WEFT_ECLOSED);
            return NULL;
        }
        atomic_fetch_add(&l->runs, 1);
    }
}

static void *send_until_full(void *arg)
{
    struct life *l = arg;

    for (int i = 0; i < 200; i++) {
        int rc = weft_chan_try_send(l->c, &i);

        if (rc == 0)
            atomic_fetch_add(&l->sent, 1);
        else
            CHECK_RC(rc, WEFT_EFULL);
    }
    return NULL;
}

static void *cancel_guests(void *arg)
{
    struct life *l = arg;
    uint32_t random = l->seed;

    spin_until(&l->at_home, 1);
    random_pause(&random);
    CHECK_OK(weft_group_cancel(l->g));
    atomic_store(&l->canceller_gone, 1);
    return NULL;
}

static void *stop(void *arg)
{
    struct life *l = arg;
    uint32_t random = ~l->seed;

    spin_until(&l->at_home, 1);
    for (uint32_t i = random_next(&random) % 16; i > 0; i--)
        random_pause(&random);
    weft_runtime_stop(l->rt);
    return NULL;
}

static void live(uint32_t seed)
{
    static void *(*const comers[])(void *) = {spawn_until_closed, spawn_until_closed, run_until_closed,
                                              send_until_full,    cancel_guests,      stop};
    enum { COMERS = sizeof comers / sizeof comers[0] };
    struct life l = {.seed = seed, .c = weft_chan_create(sizeof(int), 4)};
    pthread_t threads[COMERS];
    int left = 0, item;

    CHECK_NOT_NULL(l.c);
    CHECK_OK(weft_runtime_create(&l.rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_OK(weft_runtime_spawn(l.rt, host, &l));
    for (int i = 0; i < COMERS; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, comers[i], &l));
    for (int i = 0; i < COMERS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    weft_runtime_destroy(l.rt);
    CHECK_EQ(l.entered, l.spawned);
    CHECK_EQ(l.ran, l.runs);
    CHECK_EQ(l.guests, GUESTS);
    while (weft_chan_try_recv(l.c, &item) == 0)
        left++;
    CHECK_EQ(l.received + left, l.sent);
    weft_chan_destroy(l.c);
}

WEFT_TEST(enter_stress, threads_come_in_while_another_stops_the_runtime)
{
    for (uint32_t i = 1; i <= (uint32_t)lives(LIVES); i++)
        live(i * 2654435761u | 1);
}

/* The last task ends, and the runtime with it, while its spawner is still on the way out. */

struct short_visit {
    weft_runtime *rt;
    atomic_int accepted, entered, gone;
};

static int visit(void *arg)
{
    struct short_visit *v = arg;

    atomic_fetch_add(&v->entered, 1);
    return 0;
}

static void *spawn_and_go(void *arg)
{
    struct short_visit *v = arg;

    if (weft_runtime_spawn(v->rt, visit, v) == 0)
        atomic_fetch_add(&v->accepted, 1);
    atomic_store(&v->gone, 1);
    return NULL;
}

/* Nothing but the task that it spawned tells that the spawner has been there. */
WEFT_TEST(enter_stress, runtime_is_destroyed_as_soon_as_its_last_task_has_run)
{
    for (int i = 0; i < lives(ROUNDS(1000)); i++) {
        struct short_visit v = {0};
        pthread_t thread;

        CHECK_OK(weft_runtime_create(&v.rt, &(weft_runtime_options){.workers = test_workers()}));
        CHECK_OK(pthread_create(&thread, NULL, spawn_and_go, &v));
        spin_until(&v.entered, 1);
        weft_runtime_destroy(v.rt);
        CHECK_OK(pthread_join(thread, NULL));
        CHECK_EQ(v.accepted, 1);
    }
}
