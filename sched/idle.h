/* SPDX-License-Identifier: MIT */
/*
 * Idle workers: who sleeps, where, and who wakes them. After Tokio's idle state and Go's spinning threads: a packed
 * word answers the usual question, "is there anybody to wake, and is nobody looking already?", with one load.
 *
 *      running --no work--> searching --nothing found--> asleep --woken--> searching --found--> running
 *                 `-- too many search already --------------^  `--own event or timer--> running
 *
 *   word: low half   workers that search (a worker that was woken counts from the moment it is chosen)
 *         high half  workers asleep
 *
 * One sleeper holds the seat: it sleeps in the poller, until the earliest timer of all workers. The others sleep on
 * their futex words. The seat stays taken until its holder is out of the poller again: the wake is an event that only one
 * waiter receives, so there must be one. Who polls without waiting, and catches it, sends it again.
 *
 * The handshake, without which a wake-up is lost:
 *      waker:   push the task (seq_cst), then load the word (seq_cst)
 *      sleeper: change the word (seq_cst), then look at every queue (seq_cst), then sleep
 * If the waker saw no sleeper, the sleeper sees the task. If the waker saw a searcher and left it at that, the searcher
 * has its own look at every queue before it sleeps, or finds work, and as the last one that searched wakes another.
 */
#ifndef WEFT_SCHED_IDLE_H
#define WEFT_SCHED_IDLE_H

#include <weft/runtime.h>
#include <weft/time.h>

#include "sched/lock.h"

struct weft__worker;

struct weft__idle {
    WEFT__ALIGNED _Atomic uint32_t word;
    _Atomic uint32_t futile, useful; /* wakes that did not pay, and that did; only compared */
    _Atomic weft_time seat_deadline; /* until when the holder of the seat sleeps; WEFT_NEVER, or 0: nobody there */
    _Atomic bool seat_chosen;        /* the holder has been chosen by a waker, and is on its way out */
    struct weft__lock lock;          /* guards the rest; a leaf */
    struct weft__worker *seat;       /* who sleeps in the poller */
    struct weft__worker **sleepers;  /* who sleep on their futexes, the latest last */
    unsigned count;
};

#define WEFT__IDLE_SEARCHING 1u
#define WEFT__IDLE_ASLEEP (1u << 16)

static inline unsigned weft__idle_searching(uint32_t word)
{
    return word & 0xffff;
}

static inline unsigned weft__idle_asleep(uint32_t word)
{
    return word >> 16;
}

/* 0 or -ENOMEM. */
int weft__idle_init(struct weft__idle *idle, unsigned workers);
void weft__idle_fini(struct weft__idle *idle);

/* Wakes a worker if one sleeps and none searches. To be called after a push. */
void weft__idle_notify(weft_runtime *rt);

/* The same for work that its pusher will come to itself: holds back where wakes have proved futile. */
void weft__idle_notify_lazily(struct weft__worker *w);

/* Whether `w` may search: at most half of the workers do at a time. Then it counts. */
bool weft__idle_start_search(struct weft__worker *w);

/* `w` has found something: if it was the last that searched, another is woken. What it has pushed quietly meanwhile is not missed: this
 * and the announcement of a sleeper are read-modify-writes of the same word, so that the sleeper sees the pushes, or `w` the sleeper. */
void weft__idle_end_search(struct weft__worker *w);

/* Puts `w` to sleep until there may be work. */
void weft__idle_sleep(struct weft__worker *w);

/* Whether a wake of the poller is still on its way to the holder of the seat. */
static inline bool weft__idle_seat_is_waking(struct weft__idle *idle)
{
    return A_LOAD(&idle->seat_chosen, acquire);
}

/* Wakes a sleeper to take the seat, if it is empty and there is one. */
void weft__idle_fill_seat(weft_runtime *rt);

/* Wakes `w` if it sleeps. To be called after a push to what only `w` looks at (seq_cst). */
void weft__idle_wake(weft_runtime *rt, struct weft__worker *w);

/* Wakes the holder of the seat where it sleeps beyond `deadline`. To be called after a timer was added (seq_cst, see publish() in timer.c)
 * by anybody but a worker that looks at all timers itself before it next sleeps: if the adder finds the seat empty, then who takes it
 * finds the timer. */
void weft__idle_timer_added(weft_runtime *rt, weft_time deadline);

/* Wakes everybody, to see that the runtime stops. */
void weft__idle_wake_all(weft_runtime *rt);

#endif
