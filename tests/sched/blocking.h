/* SPDX-License-Identifier: MIT */
/* What the tests of blocking work share. */
#ifndef WEFT_TESTS_SCHED_BLOCKING_H
#define WEFT_TESTS_SCHED_BLOCKING_H

#include "sched/platform.h"
#include "tests/sched/tasks.h"

/* A function that holds its thread until it is told to end. */
struct gate {
    atomic_int begun;
    _Atomic uint32_t open;
};

static inline int pass_gate(void *arg)
{
    struct gate *g = arg;

    atomic_fetch_add(&g->begun, 1);
    while (atomic_load(&g->open) == 0)
        weft__futex_wait(&g->open, 0, WEFT_NEVER);
    return 7;
}

static inline void open_gate(struct gate *g)
{
    atomic_store(&g->open, 1);
    weft__futex_wake(&g->open, 1 << 20);
}

/* A task that passes the gate on a thread of the runtime's pool. */
static inline int block_at_gate(void *arg)
{
    CHECK_RC(weft_blocking(pass_gate, arg), 7);
    return 0;
}

static inline weft_runtime_stats stats_now(void)
{
    weft_runtime_stats s;

    weft_stats(weft_runtime_current(), &s);
    return s;
}

/* In a task that is not cancelled. */
static inline void sleep_until_queued(unsigned n)
{
    while (stats_now().blocking_queued < n)
        CHECK_OK(weft_sleep_ms(1));
}

static inline void sleep_until_running(unsigned n)
{
    while (stats_now().blocking_running != n)
        CHECK_OK(weft_sleep_ms(1));
}

static inline int run_limited(unsigned threads, weft_fn fn, void *arg)
{
    return weft_run_with(fn, arg, &(weft_runtime_options){.workers = test_workers(), .blocking_threads = threads});
}

#endif
