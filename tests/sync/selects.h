/* SPDX-License-Identifier: MIT */
/* A select that another task makes, and what came of it. */
#ifndef WEFT_TESTS_SYNC_SELECTS_H
#define WEFT_TESTS_SYNC_SELECTS_H

#include "sched/park.h"
#include "tests/support/support.h"

struct selecting {
    weft_case cases[4];
    size_t n;
    int happened;
    struct weft__task *task;
    _Atomic bool begun, done;
};

static inline int selects(void *arg)
{
    struct selecting *s = arg;

    s->task = weft__task_self();
    s->begun = true;
    s->happened = weft_select(s->cases, s->n);
    s->done = true;
    return 0;
}

/* Starts it in a task of `g`, and returns once it waits. */
static inline void selects_begin(weft_group *g, struct selecting *s)
{
    s->begun = s->done = false;
    weft_spawn(g, selects, s);
    while (!s->begun || (!s->done && (A_LOAD(&s->task->wait, acquire) & WEFT__PHASE_MASK) != WEFT__PARKED))
        CHECK_OK(weft_yield());
    CHECK(!s->done);
}

#endif
