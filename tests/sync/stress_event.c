/* SPDX-License-Identifier: MIT */
/* Events under load: set and cleared at random, waits that are cut short, tasks and threads. */
#include <sched.h>
#include <string.h>

#include "sched/atomic.h"
#include "tests/sync/waits.h"

enum { WAITERS = 12 };

struct load {
    weft_event event;
    _Atomic uint64_t round; /* moves before each weft_event_set() */
    _Atomic bool ended;
    _Atomic unsigned woken, cut_short;
};

struct user {
    struct load *load;
    uint32_t random;
};

static int wait_impatiently(void *arg)
{
    struct user *u = arg;
    struct load *l = u->load;

    while (!l->ended) {
        bool patient = sync_random(&u->random) % 4 == 0;
        weft_scope *scope = weft_scope_open(patient ? 0 : weft_now() + sync_random(&u->random) % 40000);
        int rc;

        CHECK_NOT_NULL(scope);
        rc = (int)weft_scope_close(scope, weft_event_wait(&l->event));
        if (rc == 0) {
            l->woken++;
            CHECK_OK(weft_yield()); /* while it is set nobody waits */
        } else {
            CHECK_RC(rc, WEFT_ETIMEDOUT);
            CHECK(!patient);
            l->cut_short++;
        }
    }
    return 0;
}

static void *wait_outside(void *arg)
{
    struct load *l = arg;

    while (!l->ended) {
        CHECK_OK(weft_event_wait(&l->event));
        l->woken++;
    }
    return NULL;
}

TASK_TEST(stress_event, whoever_waits_is_let_through_or_cut_short)
{
    (void)arg;
    struct load l = {.event = WEFT_EVENT_INIT};
    struct user users[WAITERS];
    weft_group *g = weft_group_open(NULL);
    pthread_t thread;

    for (unsigned i = 0; i < WAITERS; i++) {
        users[i] = (struct user){&l, 1 + i};
        weft_spawn(g, wait_impatiently, &users[i]);
    }
    CHECK_OK(pthread_create(&thread, NULL, wait_outside, &l));
    for (int i = 0; i < SYNC_SCALE(2000, 20000); i++) {
        weft_event_set(&l.event);
        if (i % 3 == 0)
            CHECK_OK(weft_yield());
        weft_event_clear(&l.event);
        if (i % 2 == 0)
            CHECK_OK(weft_yield());
    }
    l.ended = true;
    weft_event_set(&l.event);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_GT(l.woken, 0);
    CHECK_OK(weft_event_fini(&l.event));
    return 0;
}

/*
 * Who clears, then looks, then waits, misses nothing: the rounds go on only as each waiter has seen the last one. The one that sets
 * the event may find it set, while the other is about to clear it.
 */

static int follow_rounds(void *arg)
{
    struct load *l = arg;

    for (uint64_t seen = 0; seen < (uint64_t)SYNC_SCALE(500, 20000);) {
        weft_event_clear(&l->event);
        if (A_LOAD(&l->round, relaxed) == seen) /* relaxed, here and below: the event orders it */
            CHECK_OK(weft_event_wait(&l->event));
        if (A_LOAD(&l->round, relaxed) > seen) {
            seen++;
            l->woken++;
        }
    }
    return 0;
}

static void *lead_rounds(void *arg)
{
    struct load *l = arg;
    uint32_t random = 7;

    for (unsigned round = 1; round <= (unsigned)SYNC_SCALE(500, 20000); round++) {
        weft_event_set(&l->event);
        for (volatile unsigned k = sync_random(&random) % 20000; k > 0; k--)
            continue;
        A_STORE(&l->round, round, relaxed);
        weft_event_set(&l->event);
        while (l->woken < round)
            sched_yield();
    }
    return NULL;
}

TASK_TEST(stress_event, who_clears_then_looks_then_waits_misses_nothing)
{
    (void)arg;
    struct load l = {.event = WEFT_EVENT_INIT};
    pthread_t thread;

    CHECK_OK(pthread_create(&thread, NULL, lead_rounds, &l));
    CHECK_OK(follow_rounds(&l));
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_OK(weft_event_fini(&l.event));
    return 0;
}

/* An event that tells of an end, in storage that is gone as soon as it has told. */

static int set_it(void *e)
{
    weft_event_set(e);
    return 0;
}

TASK_TEST(stress_event, storage_may_go_as_soon_as_the_last_one_is_through)
{
    (void)arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < SYNC_SCALE(500, 5000); i++) {
        weft_event *e = malloc(sizeof *e);

        CHECK_NOT_NULL(e);
        weft_event_init(e);
        weft_spawn(g, set_it, e);
        CHECK_OK(weft_event_wait(e));
        CHECK_OK(weft_event_fini(e));
        memset(e, 0xff, sizeof *e);
        free(e);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}
