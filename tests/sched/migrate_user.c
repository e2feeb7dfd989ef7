/* SPDX-License-Identifier: MIT */
/*
 * A user's program with thread-locals, as tests/sched/check_migrate.py builds it: with all optimisation, across files, by each
 * compiler, against each library. Tasks that move between threads count in a thread-local, through the functions of
 * migrate_tls.c as the documentation asks; in the end the threads' counts must add up, and no thread may ever have
 * been taken for another.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <weft.h>

#include "migrate_tls.h"

enum { TASKS = 64, STEPS = 4000, ROUNDS_MAX = 2000 };

static atomic_long moves, steps;

static void fail(const char *what)
{
    fprintf(stderr, "migrate_user: FAILED: %s\n", what);
    exit(1);
}

static int wander(void *arg)
{
    unsigned r = (unsigned)(uintptr_t)arg * 2654435769u + 1;
    long moved = 0;

    for (int i = 0; i < STEPS; i++) {
        long before = tls_thread();

        if (tls_count() <= 0)
            fail("a count that is not positive");
        r = r * 1664525u + 1013904223u;
        if ((r >> 16) % 64 == 0 ? weft_sleep_until(weft_now() + (r >> 20) * 8) : weft_yield())
            fail("a suspension failed");
        if (tls_thread() != tls_kernel_thread())
            fail("a task took its thread for another");
        moved += tls_thread() != before;
    }
    atomic_fetch_add(&moves, moved);
    atomic_fetch_add(&steps, STEPS);
    return 0;
}

static int many(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    (void)arg;
    for (uintptr_t i = 0; i < TASKS; i++)
        weft_spawn(g, wander, (void *)i);
    rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

/* Until tasks have really moved: how often depends on the machine. */
static int rounds(void *arg)
{
    for (int i = 0; i < ROUNDS_MAX && atomic_load(&moves) < 500; i++)
        if (many(arg) != 0)
            fail("a group failed");
    return 0;
}

int main(void)
{
    if (weft_run_with(rounds, NULL, &(weft_runtime_options){.workers = 4}) != 0)
        fail("no run");
    if (tls_total() != atomic_load(&steps))
        fail("the counts of the threads do not add up");
    if (atomic_load(&moves) < 500)
        fail("the tasks hardly moved");
    printf("%ld steps, %ld moves\n", atomic_load(&steps), atomic_load(&moves));
    return 0;
}
