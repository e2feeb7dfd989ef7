/* SPDX-License-Identifier: MIT */
/*
 * Calls that are made later (weft/call.h): entries among the timers of the workers, whose records lie in a slab of the runtime and are
 * reused but not freed before it ends, so that a stale handle may look. `word` is a generation and a phase; a handle is the
 * record and its word as it was while the call was pending.
 *
 *      free --add--> pending --the timer fires--> due --started--> free, of the next generation
 *                       |                          `--no memory--> due, in the list of those that are starved --started--> free
 *                       `--cancel--> canceled --timer removed--> free, of the next generation
 *
 * One compare-and-swap from `pending` decides between cancel and fire. Who wins it owns the record:
 *   - A canceller takes the timer out, which waits for a fire function that has come too late, and frees the record.
 *   - The fire function starts the task and frees the record; no canceller waits then. It runs on whatever thread looks at the timers, in
 *     the middle of a pick, or on the driver's: so it starts a task, and calls nothing of the user's.
 * Once the runtime has been stopped what is due is dropped, and what is pending lies in the heaps until both end.
 */
#ifndef WEFT_SCHED_CALL_H
#define WEFT_SCHED_CALL_H

#include <weft/call.h>

#include "sched/slab.h"
#include "sched/timer.h"

struct weft__call {
    union {
        struct weft__call *next; /* of the starved; the slab's while the record is free */
        struct weft__timer timer;
    };
    weft_fn fn;
    void *arg;
    _Atomic uint64_t word;
};

/* A heap of timers doubles, so a call has up to two slots there. */
_Static_assert(sizeof(struct weft__call) == WEFT__CACHE_LINE, "the slab's records are whole cache lines");
_Static_assert(sizeof(struct weft__call) + 2 * sizeof(struct weft__timer_slot) <= 100,
               "a call costs at most 100 bytes");

struct weft__calls {
    struct weft__slab slab;
    /* When the starved are tried again; WEFT_NEVER: there are none. A timer that needs no memory. */
    _Atomic weft_time retry_at;
    struct weft__lock lock; /* guards the list, and writes to retry_at; a leaf */
    struct weft__call *first, *last;
};

void weft__calls_init(struct weft__calls *calls);
void weft__calls_fini(struct weft__calls *calls);

/* Starts those that were starved, if it is time for that. Returns how many tasks that made. */
unsigned weft__calls_retry_slow(weft_runtime *rt);

#endif
