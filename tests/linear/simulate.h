/* SPDX-License-Identifier: MIT */
/* Random histories of objects that work, and of such that do not: one thread plays all, so each seed gives the same one again. */
#ifndef WEFT_TESTS_LINEAR_SIMULATE_H
#define WEFT_TESTS_LINEAR_SIMULATE_H

#include "tests/linear/models.h"

enum sim_object { SIM_CHANNEL, SIM_MUTEX, SIM_SEMAPHORE };

enum sim_fault {
    SIM_NO_FAULT,
    SIM_REORDERS,             /* a receive gets the second item */
    SIM_LOSES,                /* a receive drops the item before its own; a release drops the permit */
    SIM_GIVES_TWICE,          /* a receive leaves its item; an acquire its permit */
    SIM_CANCELED_SENDS,       /* a cancelled send leaves its item */
    SIM_CANCELED_RECEIVES,    /* a cancelled receive takes one; a cancelled acquire a permit */
    SIM_TAKES_WHEN_CLOSED,    /* a send succeeds after the close */
    SIM_FORGETS_WHEN_CLOSED,  /* a receive finds a closed channel before it is drained */
    SIM_SEES_NOTHING,         /* a try fails for no reason */
    SIM_TAKES_EFFECT_TOO_LATE /* a send returns first; an unlock does */
};

struct sim {
    enum sim_object object;
    enum sim_fault fault;
    unsigned parameter, threads, ops; /* `ops` of each thread */
};

/* Fills `h`. What cannot go on at the end has not returned. True: the fault came about. */
bool simulate(struct linear_history *h, const struct sim *sim, uint32_t seed);

#endif
