/* SPDX-License-Identifier: MIT */
/* Wake-ups of pinned tasks, which only one worker can hear: one that is lost is seen as a test without an end. */
#include <pthread.h>

#include "sched/runtime.h"

#include "tests/sched/pins.h"
#include "tests/sched/stress.h"

/* Two tasks, on two threads where there are as many, send an item to and fro. */

enum { TRIPS = ROUNDS(100000) };

struct court {
    weft_chan *c[2];
    atomic_int begun;
};

static int play(void *arg)
{
    struct court *court = arg;
    int i = atomic_fetch_add(&court->begun, 1), ball = 0;
    long thread = thread_now();

    if (test_workers() > 1)
        spin_until(&court->begun, 2);
    for (int trip = 0; trip < TRIPS; trip++) {
        if (i == 0)
            CHECK_OK(weft_chan_send(court->c[0], &trip));
        CHECK_OK(weft_chan_recv(court->c[1 - i], &ball));
        CHECK_EQ(ball, trip);
        if (i == 1)
            CHECK_OK(weft_chan_send(court->c[1], &trip));
        CHECK_EQ(thread_now(), thread);
    }
    return 0;
}

static int play_two(void *arg)
{
    struct court court = {.c = {weft_chan_create(sizeof(int), 1), weft_chan_create(sizeof(int), 1)}};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn_with(g, play, &court, &pinned));
    CHECK_OK(weft_spawn_with(g, play, &court, &pinned));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    weft_chan_destroy(court.c[0]);
    weft_chan_destroy(court.c[1]);
    return 0;
}

WEFT_TEST(pinned_stress, two_tasks_wake_each_other)
{
    CHECK_OK(test_run(play_two, NULL));
}

/* A thread wakes one task after another, and nothing else goes on meanwhile: who misses the wake is not woken by chance. */

enum { HEARERS = 24, WAKES = ROUNDS(3000) };

struct hearer {
    struct house *house;
    weft_chan *c;
};

struct house {
    weft_runtime *rt;
    struct hearer hearers[HEARERS];
    atomic_int parked, heard;
};

static int hear(void *arg)
{
    struct hearer *h = arg;
    long thread = thread_now();
    int item;

    atomic_fetch_add(&h->house->parked, 1);
    while (weft_chan_recv(h->c, &item) == 0) {
        CHECK_EQ(thread_now(), thread);
        atomic_fetch_add(&h->house->heard, 1);
    }
    return 0;
}

static int hear_all(void *arg)
{
    struct house *house = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < HEARERS; i++)
        CHECK_OK(weft_spawn_with(g, hear, &house->hearers[i], &pinned));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static bool all_asleep(weft_runtime *rt)
{
    return weft__idle_asleep(A_LOAD(&rt->idle.word, seq_cst)) == rt->workers_count;
}

static void *hear_in_a_runtime(void *arg)
{
    struct house *house = arg;

    CHECK_OK(weft_runtime_run(house->rt, hear_all, house));
    return NULL;
}

static void call(struct house *house, int i)
{
    int before = atomic_load(&house->heard);

    CHECK_OK(weft_chan_try_send(house->hearers[i % HEARERS].c, &i));
    spin_until(&house->heard, before + 1);
}

static int sleep_shortly(void *arg)
{
    (void)arg;
    return weft_sleep_ms(1);
}

static void *disturb(void *arg)
{
    struct house *house = arg;

    CHECK_OK(weft_runtime_spawn(house->rt, sleep_shortly, NULL));
    CHECK_OK(weft_runtime_run(house->rt, nothing, NULL));
    return NULL;
}

static void live_in(struct house *house, pthread_t *thread)
{
    CHECK_OK(weft_runtime_create(&house->rt, &(weft_runtime_options){.workers = test_workers()}));
    for (int i = 0; i < HEARERS; i++) {
        house->hearers[i].house = house;
        CHECK_NOT_NULL(house->hearers[i].c = weft_chan_create(sizeof(int), 1));
    }
    CHECK_OK(pthread_create(thread, NULL, hear_in_a_runtime, house));
    spin_until(&house->parked, HEARERS);
}

static void leave(struct house *house, pthread_t thread)
{
    for (int i = 0; i < HEARERS; i++)
        CHECK_OK(weft_chan_close(house->hearers[i].c));
    CHECK_OK(pthread_join(thread, NULL));
    weft_runtime_destroy(house->rt);
    for (int i = 0; i < HEARERS; i++)
        weft_chan_destroy(house->hearers[i].c);
}

WEFT_TEST(pinned_stress, thread_wakes_tasks_while_all_workers_are_asleep)
{
    struct house house = {0};
    pthread_t thread;

    live_in(&house, &thread);
    for (int i = 0; i < WAKES; i++) {
        while (i % 2 == 0 && !all_asleep(house.rt))
            sched_yield();
        call(&house, i);
    }
    leave(&house, thread);
}

/* The same while the workers are woken for other reasons at the same time: timers, and tasks that any of them may take. */
WEFT_TEST(pinned_stress, thread_wakes_tasks_while_workers_go_to_sleep_and_rise)
{
    struct house house = {0};
    pthread_t thread, other;

    live_in(&house, &thread);
    for (int i = 0; i < WAKES / 3; i++) {
        CHECK_OK(pthread_create(&other, NULL, disturb, &house));
        call(&house, i);
        call(&house, i + 1);
        CHECK_OK(pthread_join(other, NULL));
        call(&house, i + 2);
        call(&house, i + 3);
    }
    leave(&house, thread);
}

/* Tasks that end as soon as they are woken, and whose records are used anew at once, by others: the waker must have done with them. */

enum { SHORT_LIVES = 100000 }; /* that many also under a sanitizer: it must meet two accesses that are rarely close */

struct short_life {
    weft_chan *c;
    atomic_int left;
};

static int live_shortly(void *arg)
{
    struct short_life *l = arg;
    int item, rc = weft_chan_recv(l->c, &item);

    if (rc != WEFT_ECLOSED)
        CHECK_OK(rc);
    atomic_fetch_sub(&l->left, 1);
    return 0;
}

static int spawn_short_lives(void *arg)
{
    struct short_life *l = arg;
    weft_group *g = weft_group_open(NULL);

    while (atomic_load(&l->left) > 0) {
        for (int i = 0; i < 8; i++)
            CHECK_OK(
                weft_spawn_with(g, live_shortly, l, &(weft_task_options){.pinned = i % 2 == 0, .priority = i % 3 - 1}));
        CHECK_OK(weft_group_wait(g));
    }
    weft_group_close(g);
    (void)weft_chan_close(l->c);
    return 0;
}

static int send_short_lives(void *arg)
{
    struct short_life *l = arg;
    int rc, item = 0;

    while ((rc = weft_chan_try_send(l->c, &item)) != WEFT_ECLOSED)
        if (rc != 0)
            CHECK_OK(weft_yield());
    return 0;
}

static void *send_short_lives_from_outside(void *arg)
{
    struct short_life *l = arg;
    int rc, item = 0;

    while ((rc = weft_chan_try_send(l->c, &item)) != WEFT_ECLOSED)
        if (rc != 0)
            sched_yield();
    return NULL;
}

static int many_short_lives(void *arg)
{
    struct short_life *l = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, spawn_short_lives, l));
    CHECK_OK(weft_spawn(g, send_short_lives, l));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(pinned_stress, task_may_end_before_its_waker_has_gone_on)
{
    struct short_life l = {.c = weft_chan_create(sizeof(int), 2), .left = SHORT_LIVES};
    pthread_t thread;

    CHECK_NOT_NULL(l.c);
    CHECK_OK(pthread_create(&thread, NULL, send_short_lives_from_outside, &l));
    CHECK_OK(test_run(many_short_lives, &l));
    CHECK_OK(pthread_join(thread, NULL));
    weft_chan_destroy(l.c);
}
