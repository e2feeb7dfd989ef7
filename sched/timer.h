/* SPDX-License-Identifier: MIT */
/*
 * Timers: a 4-ary heap a worker, under a lock, so that any thread may take an entry out or run those of a worker that
 * is stuck. An entry belongs to its user (a frame of a sleeping task, a scope); it knows its heap and its place there.
 *
 *      idle --add--> queued --pop--> firing --> idle
 *                      `----remove----------------^
 *
 * The store that ends `firing` is the last access to the entry; weft__timer_remove() waits for it, so that after it
 * the entry is the caller's again, and the timer has either fired to the end or never will. An entry that `ends_itself` leaves that
 * store to its fire function, which may free the entry instead, where it knows that nobody will remove it (call.c).
 */
#ifndef WEFT_SCHED_TIMER_H
#define WEFT_SCHED_TIMER_H

#include <weft/time.h>

#include "sched/lock.h"

enum weft__timer_state { WEFT__TIMER_IDLE, WEFT__TIMER_QUEUED, WEFT__TIMER_FIRING };

struct weft__timers;
struct weft__timer;

/* Called with no lock held, on any thread; must not suspend. */
typedef void weft__timer_fn(struct weft__timer *t);

struct weft__timer {
    _Atomic weft_time deadline; /* may be later than where it stands in the heap; under the heap's lock */
    weft__timer_fn *fire;
    struct weft__timers *home;
    size_t index;
    _Atomic uint32_t state;
    bool ends_itself;
};

struct weft__timer_slot {
    weft_time deadline;
    struct weft__timer *timer;
};

struct weft__timers {
    /* The earliest deadline, WEFT_NEVER when there is none: written under the lock, read by all. */
    WEFT__ALIGNED _Atomic weft_time earliest;
    struct weft__lock lock; /* guards the rest; a leaf */
    struct weft__timer_slot *heap;
    size_t count, capacity;
};

void weft__timers_init(struct weft__timers *ts);
void weft__timers_fini(struct weft__timers *ts);

/* `t` is idle, with deadline and fire set. 0 or -ENOMEM. */
int weft__timer_add(struct weft__timers *ts, struct weft__timer *t);

/* Moves the deadline of one that is queued: true. Moved to a later time it stays where it is, and is put in its place when it comes to
 * the front: a limit that is pushed on again and again costs a store each time. False: it has begun to fire, or is idle. */
bool weft__timer_move(struct weft__timer *t, weft_time deadline);

/* Takes `t` out, in whatever state it is; then it is idle. Not to be called by its own fire function. */
void weft__timer_remove(struct weft__timer *t);

/* The last access of a fire function to an entry that ends itself. */
static inline void weft__timer_fired(struct weft__timer *t)
{
    A_STORE(&t->state, WEFT__TIMER_IDLE, release); /* pairs with the acquire in weft__timer_remove() */
}

/* Fires what is due. Returns the number of timers that fired. */
unsigned weft__timers_run(struct weft__timers *ts, weft_time now);

#endif
