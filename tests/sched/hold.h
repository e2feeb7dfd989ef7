/* SPDX-License-Identifier: MIT */
/* Tasks that hold their workers' threads, for tests of what goes on beside them. */
#ifndef WEFT_TESTS_SCHED_HOLD_H
#define WEFT_TESTS_SCHED_HOLD_H

#include "tests/sched/tasks.h"

enum { PATIENCE_MS = 40000 };

/* A worker that computes, or one that lies in a system call. */
enum way { COMPUTING, BLOCKED, WAYS };

/* Keeps the calling worker, without a checkpoint, until `*n` is at least `least`. */
static inline void hold_until(enum way way, atomic_int *n, int least, const char *what)
{
    weft_time limit = weft_after_ms(PATIENCE_MS);

    while (atomic_load(n) < least) {
        if (weft_now() > limit)
            FAIL("beside a worker that is held only %d of %d went on: %s", atomic_load(n), least, what);
        if (way == COMPUTING)
            sched_yield();
        else
            pause_thread_ms(1);
    }
}

/* Holds all workers but the caller's, until told. */
struct helpers {
    weft_group *g;
    atomic_int held, let_go;
};

static inline int help(void *arg)
{
    struct helpers *h = arg;

    atomic_fetch_add(&h->held, 1);
    hold_until(COMPUTING, &h->let_go, 1, "the others are held");
    return 0;
}

static inline void hold_others(struct helpers *h)
{
    int others = (int)weft_runtime_workers(weft_runtime_current()) - 1;

    h->g = weft_group_open(NULL);
    atomic_store(&h->held, 0); /* others may look already */
    atomic_store(&h->let_go, 0);
    for (int i = 0; i < others; i++)
        CHECK_OK(weft_spawn(h->g, help, h));
    /* Without a checkpoint: the caller's worker must not run one itself. */
    hold_until(COMPUTING, &h->held, others, "tasks that are to hold the others");
}

static inline void join_others(struct helpers *h)
{
    CHECK_OK(weft_group_wait(h->g));
    weft_group_close(h->g);
}

#endif
