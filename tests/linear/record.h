/* SPDX-License-Identifier: MIT */
/*
 * Recorded histories of real objects: rounds of a few tasks each, whose pauses, deadlines and cancellations come from a seed. The same
 * seed need not give the same history again, but the same operations.
 */
#ifndef WEFT_TESTS_LINEAR_RECORD_H
#define WEFT_TESTS_LINEAR_RECORD_H

#include <pthread.h>
#include <sched.h>

#include "tests/linear/models.h"
#include "tests/sync/sync.h"

enum { RECORD_TASKS = 6, RECORD_THREADS = 2 };

struct record {
    struct linear_history history;
    uint32_t seed;
    unsigned tasks, ops; /* of each task */
    unsigned threads;    /* that run no task, and do the same */
    weft_fn use;
    void *object;  /* what is tested */
    uint32_t most; /* permits for one operation */
};

struct record_task {
    struct record *record;
    uint16_t index;
    bool is_thread;
    uint32_t random;
};

static inline uint32_t record_below(struct record_task *t, uint32_t n)
{
    return (sync_random(&t->random) >> 3) % n;
}

/* Nothing, some instructions, a turn of others, or a wait, so that operations meet in ever other ways. */
static inline void record_pause(struct record_task *t)
{
    switch (record_below(t, 4)) {
    case 0:
        for (uint32_t i = record_below(t, 400); i > 0; i--)
            __asm__ volatile("");
        break;
    case 1:
        if (t->is_thread)
            (void)sched_yield();
        else
            (void)weft_yield();
        break;
    case 2:
        if (record_below(t, 8) == 0 && !t->is_thread)
            (void)weft_sleep_until(weft_now() + record_below(t, 20000));
        break;
    default:
        break;
    }
}

/* A scope whose deadline may pass at any moment of what runs in it, or none. */
static inline weft_scope *record_hurry(struct record_task *t)
{
    weft_scope *s;

    if (record_below(t, 3) != 0 || t->is_thread)
        return NULL;
    s = weft_scope_open(weft_now() + record_below(t, 30000));
    CHECK_NOT_NULL(s);
    return s;
}

static inline void record_calm(weft_scope *s)
{
    if (s != NULL)
        (void)weft_scope_close(s, 0);
}

static inline struct linear_op *record_invoke(struct record_task *t, int kind, unsigned object, int arg)
{
    return linear_invoke(&t->record->history,
                         (struct linear_op){.thread = t->index, .object = (uint16_t)object, .kind = kind, .arg = arg});
}

/* The first of `rounds` seeds: the environment's WEFT_TEST_SEED, or another one each time. */
static inline uint32_t record_seed(void)
{
    const char *given = getenv("WEFT_TEST_SEED");

    return given != NULL ? (uint32_t)strtoul(given, NULL, 10) : (uint32_t)weft_now();
}

static inline void *record_thread(void *arg)
{
    struct record_task *t = arg;

    (void)t->record->use(t);
    return NULL;
}

/* Runs `fn` in each task and thread of a round, then `finish`, which ends what still waits; some rounds are cancelled. */
static inline void record_round(struct record *r, uint32_t seed, weft_fn fn, void (*finish)(struct record *r))
{
    struct record_task all[RECORD_TASKS + RECORD_THREADS], me = {.record = r, .random = seed * 2654435761u | 1};
    weft_group *g = weft_group_open(&(weft_group_options){.policy = WEFT_WAIT_ALL});
    pthread_t threads[RECORD_THREADS];

    CHECK_NOT_NULL(g);
    CHECK(r->tasks <= RECORD_TASKS && r->threads <= RECORD_THREADS);
    r->seed = seed;
    r->use = fn;
    linear_reset(&r->history);
    for (unsigned i = 0; i < r->tasks + r->threads; i++)
        all[i] = (struct record_task){r, (uint16_t)i, i >= r->tasks, (seed * 31 + i) * 2654435761u | 1};
    for (unsigned i = 0; i < r->threads; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, record_thread, &all[r->tasks + i]));
    for (unsigned i = 0; i < r->tasks; i++)
        weft_spawn(g, fn, &all[i]);
    switch (record_below(&me, 4)) {
    case 0:
        CHECK_OK(weft_sleep_until(weft_now() + record_below(&me, 60000)));
        (void)weft_group_cancel(g);
        break;
    case 1:
        CHECK_OK(weft_sleep_until(weft_now() + record_below(&me, 60000)));
        break;
    default:
        CHECK_OK(weft_sleep_until(weft_now() + 200000));
    }
    finish(r);
    (void)weft_group_wait(g);
    weft_group_close(g);
    for (unsigned i = 0; i < r->threads; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
}

#endif
