/* SPDX-License-Identifier: MIT */
/* Small tasks and helpers that many tests of the scheduler share. */
#ifndef WEFT_TESTS_SCHED_TASKS_H
#define WEFT_TESTS_SCHED_TASKS_H

#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/support/support.h"

/* Far beyond the time limit of any test: who sleeps that long must be cancelled. */
enum { FOREVER_MS = 1000000 };

static inline int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Counts that it was entered. */
static inline int count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

/* Fails with the code that `arg` points to. */
static inline int fail_with(void *arg)
{
    return *(const int *)arg;
}

/* Sleeps until it is cancelled, and returns what the sleep did. */
static inline int sleep_forever(void *arg)
{
    (void)arg;
    return weft_sleep_ms(FOREVER_MS);
}

/* The same for a task that says that it is about to sleep, by a count at `arg`. */
static inline int count_and_sleep_forever(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return weft_sleep_ms(FOREVER_MS);
}

/* Lets the others run until `*n` is at least `least`. In tasks that are not cancelled. */
static inline void yield_until(atomic_int *n, int least)
{
    while (atomic_load(n) < least)
        CHECK_OK(weft_yield());
}

/* The same for threads, and for tasks that are to hold their worker. */
static inline void spin_until(atomic_int *n, int least)
{
    while (atomic_load(n) < least)
        sched_yield();
}

static inline void pause_thread_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&t, &t) != 0)
        ;
}

/* test_run() on a number of workers that matters to the test. */
static inline int run_on(unsigned workers, weft_fn fn, void *arg)
{
    return weft_run_with(fn, arg, &(weft_runtime_options){.workers = workers});
}

/* Milliseconds since `start`. */
static inline int64_t elapsed_ms(weft_time start)
{
    return (weft_now() - start) / 1000000;
}

#endif
