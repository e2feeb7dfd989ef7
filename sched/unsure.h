/* SPDX-License-Identifier: MIT */
/*
 * A wait must be published, and then the epoch of cancellations looked at: one of waiter and canceller sees the other (park.h). That order
 * costs a fence for each wait, and of two tasks that wake each other it is the dearest instruction. So a task that leaves for one that was
 * handed to its worker is parked by a plain store, unsure whether a canceller has just missed it, and its worker keeps a note of it. The
 * look is made later, or never:
 *
 *      parked, unsure --claimed by whoever wakes it------------------> nothing: the next checkpoint looks
 *           |
 *           +--the worker parks another like it, or goes to sleep----> the worker looks, behind a fence
 *           +--the worker does neither for long----------------------> the monitor looks, at each of its ticks
 *
 * Invariant: a wait with WEFT__UNSURE that has not been claimed is noted by the worker that began it, or has been looked at. Only that
 * worker writes the note. It drops the note of a wait that it finds over, and with others it looks.
 *
 * Who looks makes a read-modify-write of the wait word, seq_cst, and then loads the epoch, seq_cst: pairs with weft__cancel(), which moves
 * the epoch and then loads the word. If the epoch has moved since the task last looked, the wait is armed again, and the task made ready to
 * look for itself. The monitor needs no barrier against the worker: it comes again for as long as the note is there, and stores arrive. It
 * may read a note half old, half new, and then wakes a task for nothing; but only one whose wait is unsure, which expects that.
 *
 * So a cancellation that comes between the task's last look and the arrival of the store may be noticed only then, at the worst at a
 * tick of the monitor (1 to 10 ms).
 */
#ifndef WEFT_SCHED_UNSURE_H
#define WEFT_SCHED_UNSURE_H

#include "sched/task.h"

struct weft__unsure {
    _Atomic(struct weft__task *) task; /* NULL: none */
    _Atomic uint64_t epoch;            /* what it has seen */
};

/* Whether a note may be written over: its wait is over. The worker. */
static inline bool weft__unsure_is_over(const struct weft__unsure *u)
{
    /* relaxed, both: this thread has stored them; a claim that is not seen yet errs towards a look */
    const struct weft__task *t = A_LOAD(&u->task, relaxed);

    return t == NULL || (A_LOAD(&t->wait, relaxed) & WEFT__UNSURE) == 0;
}

/* Before the store that parks `t`. The worker. */
static inline void weft__unsure_note(struct weft__unsure *u, struct weft__task *t)
{
    A_STORE(&u->task, t, relaxed); /* relaxed, both: the monitor reads them as hints */
    A_STORE(&u->epoch, t->seen_epoch, relaxed);
}

/* Looks: returns the task if it is to be made ready, else NULL. The worker and the monitor. */
struct weft__task *weft__unsure_look(struct weft__unsure *u, weft_runtime *rt);

#endif
