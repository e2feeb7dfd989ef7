/* SPDX-License-Identifier: MIT */
/*
 * Waiting for descriptors when the process or the system has none left. The edge of a listener is spent once accept has
 * failed so, and another connection need not come: an acceptor tries again when weft closes something, or after 100 ms.
 */
#ifndef WEFT_IO_STARVED_H
#define WEFT_IO_STARVED_H

#include "sched/list.h"
#include "sched/lock.h"
#include "sched/task.h"

struct weft__starved {
    _Atomic unsigned count;
    struct weft__lock lock; /* guards waiting; a leaf but for the queues that a wake goes into */
    struct weft__list waiting;
};

/* 0, or WEFT_ECANCELED, WEFT_ENOMEM. Suspends the calling task `t`. */
int weft__starved_wait(struct weft__starved *s, struct weft__task *t);

/* A descriptor was closed. */
void weft__starved_feed(struct weft__starved *s);

#endif
