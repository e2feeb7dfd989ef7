/* SPDX-License-Identifier: MIT */
/* A task's scope that a thread cancels at any moment. */
#ifndef WEFT_TESTS_MODEL_DOOMED_H
#define WEFT_TESTS_MODEL_DOOMED_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/scope.h>

#include "sched/atomic.h"

/* Zeroed at first. */
struct model_doomed {
    weft_scope *scope;
    _Atomic uint32_t there; /* 1: it is open; 2: it was cancelled */
};

/* The task's: opens the scope; closes it once it was cancelled. */
void model_doomed_open(struct model_doomed *d);
void model_doomed_close(struct model_doomed *d);

/* Whether it is open, or was. */
bool model_doomed_is_open(struct model_doomed *d);

/* The thread: cancels the scope some time after it was opened. */
void model_doom(void *doomed);

#endif
