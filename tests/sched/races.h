/* SPDX-License-Identifier: MIT */
/*
 * Races of a task with a thread that is no worker, many times over in one runtime. A round is a batch of slots; each is raced for by a task,
 * which runs `task`, and by the partner thread, which then calls `thread` for it:
 *
 *      task: publishes something (race_publish)          thread: waits for that, meets the task, pauses, acts, says so
 *      task: does its part, then waits for the thread (race_wait_for_partner), so that what it published outlives the race
 *
 * Both pause for a random while after they have met, so that one acts now here, now there in what the other does.
 */
#ifndef WEFT_TESTS_SCHED_RACES_H
#define WEFT_TESTS_SCHED_RACES_H

#include <pthread.h>

#include "tests/sched/leftovers.h"
#include "tests/sched/stress.h"

enum { RACE_SLOTS = 32 };

struct race;

struct race_slot {
    struct race *race;
    uint32_t random;       /* the task's */
    atomic_int met;        /* the partner has seen what was published, and is about to act */
    atomic_int acted;      /* the partner is through */
    uint32_t random_below; /* for a child of the task */
    weft_group *group;
    struct weft__task *waiter;
    uint64_t ticket;
    atomic_int entered, accepted, outcome, won;
};

struct race {
    weft_fn task; /* gets a slot */
    void (*thread)(struct race_slot *slot);
    int rounds;
    uint32_t random;          /* the partner's */
    atomic_int round, served; /* begun, and served by the partner */
    atomic_int published;     /* slots of this round, in this order: */
    _Atomic(struct race_slot *) order[RACE_SLOTS];
    struct race_slot slots[RACE_SLOTS];
};

/* Lets other tasks and threads run: on one core the partner waits for it. */
static inline void race_breathe(void)
{
    (void)weft_yield();
    sched_yield();
}

/* A few of the task's pauses. */
static inline void race_linger(struct race_slot *slot)
{
    for (uint32_t i = random_next(&slot->random) % 8; i > 0; i--)
        random_pause(&slot->random);
}

/* Without waiting. */
static inline void race_announce(struct race_slot *slot)
{
    atomic_store(&slot->race->order[atomic_fetch_add(&slot->race->published, 1)], slot);
}

static inline void race_publish(struct race_slot *slot)
{
    race_announce(slot);
    spin_until(&slot->met, 1);
    random_pause(&slot->random);
}

static inline void race_wait_for_partner(struct race_slot *slot)
{
    while (!atomic_load(&slot->acted))
        race_breathe();
}

static inline void *race_partner(void *arg)
{
    struct race *race = arg;

    for (int round = 1; round <= race->rounds; round++) {
        spin_until(&race->round, round);
        for (int i = 0; i < RACE_SLOTS; i++) {
            struct race_slot *slot;

            while ((slot = atomic_load(&race->order[i])) == NULL)
                sched_yield();
            atomic_store(&slot->met, 1);
            for (uint32_t pauses = random_next(&race->random) % 8; pauses > 0; pauses--)
                random_pause(&race->random);
            race->thread(slot);
            atomic_store(&slot->acted, 1);
        }
        atomic_store(&race->served, round);
    }
    return NULL;
}

static inline int race_rounds(void *arg)
{
    struct race *race = arg;

    for (int round = 1; round <= race->rounds; round++) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < RACE_SLOTS; i++) {
            uint32_t random = random_next(&race->slots[i].random) | 1;

            race->slots[i] = (struct race_slot){.race = race, .random = random, .random_below = random};
            atomic_store(&race->order[i], NULL);
        }
        atomic_store(&race->published, 0);
        atomic_store(&race->round, round);
        for (int i = 0; i < RACE_SLOTS; i++)
            CHECK_OK(weft_spawn(g, race->task, &race->slots[i]));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        while (atomic_load(&race->served) < round)
            race_breathe();
    }
    return 0;
}

/* At least `times` races, fewer where everything takes longer. Then nothing is left. */
static inline void race_run(weft_fn task, void (*thread)(struct race_slot *slot), int times)
{
    static struct race race; /* one a process: each test has its own */
    weft_runtime *rt;
    pthread_t partner;

    if (test_under_valgrind())
        times /= 100;
    race.task = task;
    race.thread = thread;
    race.rounds = ROUNDS(times) / RACE_SLOTS + 1;
    race.random = 2463534242;
    for (int i = 0; i < RACE_SLOTS; i++)
        race.slots[i].random = (uint32_t)i * 2654435769u + 1;
    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_OK(pthread_create(&partner, NULL, race_partner, &race));
    CHECK_OK(weft_runtime_run(rt, race_rounds, &race));
    CHECK_OK(pthread_join(partner, NULL));
    leftovers_check(rt);
    weft_runtime_destroy(rt);
}

#endif
