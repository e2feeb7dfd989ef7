/* SPDX-License-Identifier: MIT */
/* A gate between two, made of weft/park.h: one waits for the other to open it, once a round. No cancellation opens it. */
#ifndef WEFT_TESTS_SCHED_GATE_H
#define WEFT_TESTS_SCHED_GATE_H

#include "tests/sched/tasks.h"

struct gate {
    weft_waiter waiter;
    atomic_int state;
};

enum { GATE_SHUT, GATE_AWAITED, GATE_OPEN };

/* From a task or a thread. */
static inline void gate_open(struct gate *g)
{
    if (atomic_exchange(&g->state, GATE_OPEN) == GATE_AWAITED)
        CHECK(weft_unpark(g->waiter));
}

/* In a task. */
static inline void gate_wait(struct gate *g)
{
    CHECK_OK(weft_park_prepare_shielded(&g->waiter));
    if (atomic_exchange(&g->state, GATE_AWAITED) == GATE_OPEN)
        CHECK(weft_park_abandon(&g->waiter));
    else
        CHECK_OK(weft_park(&g->waiter));
    atomic_store(&g->state, GATE_SHUT);
}

/* In a thread. */
static inline void gate_wait_outside(struct gate *g)
{
    spin_until(&g->state, GATE_OPEN);
    atomic_store(&g->state, GATE_SHUT);
}

#endif
