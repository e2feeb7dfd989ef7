/* SPDX-License-Identifier: MIT */
/*
 * What a runtime has done, in numbers, for monitoring and tests. Each number is kept by the worker that it is about, which pays a
 * plain increment for it, and is read while the worker goes on: numbers that belong together may be out of step by a few.
 */
#ifndef WEFT_STATS_H
#define WEFT_STATS_H

#include <stdint.h>

#include <weft/attr.h>
#include <weft/runtime.h>

WEFT_BEGIN_DECLS

/* Counts since the worker started. They only grow. */
typedef struct weft_worker_stats {
    uint64_t tasks_run;    /* tasks that it has begun; also halves of weft_join() that it took up as tasks */
    uint64_t steals_tried; /* times that it had nothing to do, and looked for something at the other workers */
    uint64_t steals_won;   /* of these, those that found something */
    uint64_t parks;        /* times that it went to sleep */
    uint64_t wakes_sent;   /* workers that it woke */
    uint64_t wakes_futile; /* times that it was woken and found work for less than 20 microseconds */
    uint64_t polls;        /* times that it asked the system which descriptors are ready */
    uint64_t timers;       /* timers that it fired */
    uint64_t reserved[4];
} weft_worker_stats;

typedef struct weft_runtime_stats {
    weft_worker_stats sum; /* of all workers */
    weft_worker_stats
        elsewhere; /* what threads other than the workers did: the driver's timers and wakes, wakes from outside */
    uint64_t stacks_live;   /* stacks that hold a task, or the loop of a worker, now */
    uint64_t stacks_cached; /* free ones that have been used, and are used again before others are */
    uint64_t stacks_peak;   /* the most of both that there were at a time, summed over the sizes of stacks */
    uint64_t stacks_mapped; /* all for which there is address space, guarded */
    unsigned workers;
    unsigned blocking_threads; /* of the runtime's pool for weft_blocking(), idle ones included, now */
    unsigned blocking_running; /* calls that have begun on them */
    unsigned blocking_queued;  /* calls that have not */
    uint64_t reserved[3];
} weft_runtime_stats;

/* Fills in `*out`. Callable from any thread and task while `rt` lives. Does not suspend. */
WEFT_API void weft_stats(weft_runtime *rt, weft_runtime_stats *out) WEFT_NONNULL(1, 2);

/* The same for the worker number `worker`, from 0. 0, or WEFT_EINVAL: there is no such worker. */
WEFT_API int weft_stats_of_worker(weft_runtime *rt, unsigned worker, weft_worker_stats *out) WEFT_NONNULL(1, 3);

WEFT_END_DECLS

#endif
