/* SPDX-License-Identifier: MIT */
/*
 * Calls against their cancellation: 100,000 are made and cancelled when their time comes, by tasks and by threads. Each runs once and its
 * cancel fails, or it never runs and its cancel succeeded, also where several cancel it.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "sched/runtime.h"

#include "tests/sched/gate.h"
#include "tests/sched/stress.h"

enum { CALLERS = 8, BATCH = 16, BATCHES = ROUNDS(100000 / CALLERS / BATCH + 1), OUTSIDE = 2 };

_Static_assert(TEST_TSAN || TEST_ASAN || CALLERS * BATCH * BATCHES >= 100000, "as many as are asked for");

static atomic_uint seeds = 1;

static uint32_t seed(void)
{
    return atomic_fetch_add(&seeds, 1) * 2246822519u + 12345;
}

struct caller {
    weft_runtime *rt;
    atomic_int ran[BATCH];
    weft_call calls[BATCH];
    struct gate go, done; /* of the rival */
    int batches;
    int canceled[2][BATCH];
    long tally[2]; /* ran, cancelled */
};

/* A task finds its entry by the address alone. */
static int note(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static void call_batch(struct caller *c, uint32_t *state)
{
    weft_time now = weft_now();

    for (int i = 0; i < BATCH; i++) {
        atomic_store(&c->ran[i], 0);
        CHECK_OK(weft_runtime_call_at(c->rt, now + random_next(state) % 30000, note, &c->ran[i], &c->calls[i]));
    }
}

static void cancel_batch(struct caller *c, int canceled[BATCH], uint32_t *state)
{
    for (int i = 0; i < BATCH; i++) {
        int rc;

        random_pause(state);
        rc = weft_call_cancel(c->calls[i]);
        if (rc != 0)
            CHECK_RC(rc, WEFT_EALREADY);
        canceled[i] = rc == 0;
    }
}

static void check_batch(struct caller *c, void (*wait)(atomic_int *n, int least))
{
    for (int i = 0; i < BATCH; i++) {
        int canceled = c->canceled[0][i] + c->canceled[1][i];

        CHECK_LE(canceled, 1);
        if (!canceled)
            wait(&c->ran[i], 1);
        CHECK_EQ(atomic_load(&c->ran[i]), !canceled);
        c->tally[canceled]++;
    }
}

static void sleep_for(atomic_int *n, int least)
{
    while (atomic_load(n) < least)
        CHECK_OK(weft_sleep_until(weft_now() + 20000));
}

static void spin_for(atomic_int *n, int least)
{
    spin_until(n, least);
}

/* Cancels what its caller cancels too. */
static int rival(void *arg)
{
    struct caller *c = arg;
    uint32_t state = seed() | 1;

    for (int b = 0; b < c->batches; b++) {
        gate_wait(&c->go);
        cancel_batch(c, c->canceled[1], &state);
        gate_open(&c->done);
    }
    return 0;
}

static int make_calls(void *arg)
{
    struct caller *c = arg;
    uint32_t state = seed() | 1;

    for (int b = 0; b < c->batches; b++) {
        call_batch(c, &state);
        if (random_next(&state) % 2 == 0)
            CHECK_OK(weft_sleep_until(weft_now() + random_next(&state) % 30000));
        gate_open(&c->go);
        cancel_batch(c, c->canceled[0], &state);
        gate_wait(&c->done);
        check_batch(c, sleep_for);
    }
    return 0;
}

static void *make_calls_outside(void *arg)
{
    struct caller *c = arg;
    uint32_t state = seed() | 1;

    for (int b = 0; b < c->batches; b++) {
        call_batch(c, &state);
        cancel_batch(c, c->canceled[0], &state);
        check_batch(c, spin_for);
    }
    return NULL;
}

static int race(void *arg)
{
    static struct caller callers[CALLERS + OUTSIDE];
    weft_group *g = weft_group_open(NULL);
    pthread_t threads[OUTSIDE];
    long tally[2] = {0};

    (void)arg;
    for (int i = 0; i < CALLERS + OUTSIDE; i++) {
        callers[i].rt = weft_runtime_current();
        callers[i].batches = (i < CALLERS ? BATCHES : ROUNDS(100)) / (test_under_valgrind() ? 20 : 1) + 1;
        if (i < CALLERS) {
            CHECK_OK(weft_spawn(g, make_calls, &callers[i]));
            CHECK_OK(weft_spawn(g, rival, &callers[i]));
        } else {
            CHECK_OK(pthread_create(&threads[i - CALLERS], NULL, make_calls_outside, &callers[i]));
        }
    }
    for (int i = 0; i < OUTSIDE; i++) {
        /* The threads need a worker that is free: a join of threads must not hold one. */
        while (pthread_tryjoin_np(threads[i], NULL) != 0)
            CHECK_OK(weft_sleep_ms(1));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < CALLERS + OUTSIDE; i++)
        for (int j = 0; j < 2; j++)
            tally[j] += callers[i].tally[j];
    for (int j = 0; j < 2; j++) /* each of them wins now and then */
        CHECK_GT(tally[j], 0);
    return 0;
}

WEFT_TEST(stress_call, each_runs_or_is_canceled)
{
    CHECK_OK(test_run(race, NULL));
}

/* Against the end of the runtime: what was neither cancelled nor run when it has ended, never runs. */

enum { RUNTIMES = ROUNDS(40), PENDING = 200 };

WEFT_TEST(stress_call, runtime_ends_while_calls_come_due)
{
    uint32_t state = seed() | 1;

    for (int r = 0; r < RUNTIMES; r++) {
        static atomic_int ran[PENDING];
        static weft_call calls[PENDING];
        weft_runtime *rt;
        int canceled = 0;

        CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
        for (int i = 0; i < PENDING; i++) {
            atomic_store(&ran[i], 0);
            CHECK_OK(weft_runtime_call_at(rt, weft_now() + random_next(&state) % 400000, note, &ran[i], &calls[i]));
        }
        for (int i = 0; i < PENDING; i += 3)
            if (weft_call_cancel(calls[i]) == 0) {
                canceled++;
                CHECK_EQ(atomic_load(&ran[i]), 0);
            }
        weft_runtime_destroy(rt);
        for (int i = 0; i < PENDING; i++)
            CHECK_LE(atomic_load(&ran[i]), 1);
        CHECK_LE(canceled, PENDING);
    }
}
