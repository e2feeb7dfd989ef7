/* SPDX-License-Identifier: MIT */
/*
 * Workers: the threads that run tasks. A worker's loop runs on a coroutine stack, like the tasks. It calls a task that never
 * ran as a plain function, on the loop's own stack. Only when that task parks does the worker need another stack: that
 * of a task that is ready, or a free one with a loop on it. The stack that a loop is left on goes back to the free ones,
 * where the loop stays as it is, suspended where it left for the task. A task that is promised a larger stack than others is
 * begun by a loop on such a stack; a loop that finds itself there with nothing to run moves back to an ordinary one.
 *
 * Where a worker looks for its next task is said in pick.h. All queues but the slot and the pinned tasks can be taken from by other
 * workers at any time, the slot by the monitor.
 */
#ifndef WEFT_SCHED_WORKER_H
#define WEFT_SCHED_WORKER_H

#include "sched/bias.h"
#include "sched/counters.h"
#include "sched/deque.h"
#include "sched/inbox.h"
#include "sched/slab.h"
#include "sched/slot.h"
#include "sched/stack.h"
#include "sched/task.h"
#include "sched/timer.h"
#include "sched/unsure.h"

/* A task that is made to yield is spent, and queued behind the others, if its thread has computed for so long since the monitor first
 * found it stuck. Else the thread did not run, for others had its CPU or because it was blocked. */
#define WEFT__SLICE_NS 300000

/* What is to be done for the context that was just left, by the one that goes on. */
enum weft__after {
    WEFT__AFTER_NOTHING,
    WEFT__AFTER_YIELD, /* the task goes to the ready queue */
    WEFT__AFTER_SLICE, /* the task goes to those that are spent */
    WEFT__AFTER_PARK,  /* the task is parked, or goes to the ready queue if somebody has woken it meanwhile */
    WEFT__AFTER_LOOP,  /* the stack is free */
    WEFT__AFTER_HOLD,  /* the task is parked, unsure, and then its lock is released */
};

struct weft__worker {
    /* The worker's own. */
    weft_runtime *rt;
    struct weft__task *current; /* NULL in the loop */
    struct weft__stack *stack;  /* the one that it is on */
    struct weft__task *next;    /* handed to a loop that is switched to */
    enum weft__after after;
    void *after_what;
    struct weft__bias_lock *after_lock;
    unsigned slot_runs;
    unsigned turn;                           /* which level comes first */
    struct weft__task *pinned, **pinned_end; /* pinned tasks that are ready, first in first out */
    int refusal;                             /* why there was no record for a task */
    unsigned fresh_turns;                    /* picks that go to the deque before the ready queue */
    unsigned until_look;                     /* picks until the next look around */
    unsigned ticks;                          /* of the monitor, and ends of slices */
    struct weft__magazine magazine;
    struct weft__slab_cache tasks, scopes, groups, handles; /* the first by spawn.h */
    bool searching;
    bool resting;                      /* goes to sleep although others have tasks that never ran: they are too small */
    unsigned thefts_in_vain;           /* in a row */
    weft_time theft_done, theft_cost;  /* when the last one was done, 0: judged; and how long it took */
    weft_time woken_at;                /* when another woke it from its last sleep; 0: it woke by itself */
    unsigned wake_pause, wake_backoff; /* pushes until the next wake, and how many to leave out then (idle.c) */
    uint32_t futile_seen, useful_seen;
    uint32_t random;
    unsigned index;
    struct weft__context native; /* the thread's own stack */
    void *signal_stack;          /* what a fault is handled on; NULL: the runtime handles none */
    pthread_t thread;

    /* Written by the worker, read by the monitor; and the other way round. */
    WEFT__ALIGNED _Atomic uint32_t picks;
    _Atomic uint32_t
        attention; /* the pick whose task is to yield, by the monitor; 0: none. A flag would meet the next task */
    _Atomic uint32_t look;                 /* the monitor asks the next pick to look around */
    uint32_t monitor_picks, monitor_stuck; /* the monitor's own */
    _Atomic int32_t cpu_clock;             /* of the worker's thread */
    _Atomic weft_time monitor_cpu;         /* its time when the monitor first found the worker stuck */
    struct weft__counters counters;
    struct weft__unsure unsure;

    /* Shared. */
    WEFT__ALIGNED _Atomic uint32_t sleep; /* the futex word */
    WEFT__ALIGNED struct weft__slot slot;
    struct weft__deque deque; /* plain tasks that never ran, and halves of joins */
    struct weft__deque ready[WEFT__LEVELS];
    struct weft__inbox inbox; /* pinned tasks of this worker that others made ready */
    struct weft__timers timers;
};

/* The worker of the calling thread, or NULL. A task may go on on another thread after a suspension, so the answer is
 * asked for anew after each. In a file of its own, so that no compiler keeps the address of the thread-local. */
struct weft__worker *weft__worker_self(void);
void weft__worker_set_self(struct weft__worker *w);

/* What stands for a worker while the calling thread, which is none, runs a task in place (blocking_place.c), or NULL. */
struct weft__worker *weft__worker_stand_in(void);
void weft__worker_set_stand_in(struct weft__worker *w);

/* The calling task, or NULL. */
static inline struct weft__task *weft__task_self(void)
{
    struct weft__worker *w = weft__worker_self();

    return w != NULL ? w->current : NULL;
}

/* 0 or a code; both for a zeroed record. */
int weft__worker_init(struct weft__worker *w, weft_runtime *rt, unsigned index);
void weft__worker_fini(struct weft__worker *w);

/* The thread's main function; `arg` is the worker. */
void *weft__worker_main(void *arg);

/* Where free stacks are entered. */
void weft__worker_entry(void);

/* Leaves the calling task for another, or for the loop. Returns when somebody has switched back, maybe on another thread. */
void weft__worker_suspend(struct weft__worker *w, enum weft__after after, struct weft__task *t);

/* The task that was handed to `w`, to leave for it at once. NULL: there is none, or it never ran, and to find it a stack may take long. */
struct weft__task *weft__worker_handed(struct weft__worker *w);

/* Leaves the calling task, which holds `lock`, for `next`. The lock is released once the task is parked: its wait begins with that, under
 * the next ticket. Whoever comes back to the task calls land(), which must first of all call weft__park_land(), and returns what that
 * returns. The task may be sent back with the wait still armed, to look whether it has been cancelled. */
int weft__worker_leave_holding(struct weft__worker *w, struct weft__task *next, struct weft__bias_lock *lock,
                               weft__context_land *land);

/* Settles what was left, and returns the task that has landed. */
struct weft__task *weft__worker_landed(struct weft__worker *w);

/* Looks after the wait that `w`, the calling worker, is unsure of (unsure.h). True: its task has been queued. */
bool weft__worker_make_sure(struct weft__worker *w);

/* Leaves a thread that is no worker for its own stack, `native`, for a task that runs on `s`. Returns on a worker. */
void weft__worker_return(struct weft__context *native, struct weft__stack *s);

/* Lets others run first, if there are any. */
void weft__worker_yield(struct weft__worker *w, struct weft__task *t);

/* Does what the monitor asks for by `attention`: looks around, and ends the slice of `t`, the calling task, if it is the one that is meant
 * and there is anything else to run. Returns the caller's worker after it. */
struct weft__worker *weft__worker_attend(struct weft__worker *w, struct weft__task *t);

/* Puts a task into the ready queue of its level, or where a pinned one belongs. Never fails. */
void weft__worker_queue(struct weft__worker *w, struct weft__task *t);

/* The same for one that this worker will itself come to, or that it tells of with others after it: nobody is told. A usual one goes to
 * `level`. */
static inline void weft__worker_queue_quietly(struct weft__worker *w, enum weft__level level, struct weft__task *t)
{
    if (WEFT__UNLIKELY(!weft__kind_is_usual(t->kind) || weft__deque_push_quietly(&w->ready[level], t) < 0))
        weft__worker_queue(w, t);
}

/* Puts a task that never ran where `w` will find it, and others may. Never fails. */
void weft__worker_queue_fresh(struct weft__worker *w, struct weft__task *t);

/* Puts a task that somebody has won into a queue: the calling worker's, `w`, or, where there is none, the inbox. Never fails. */
void weft__make_ready_slow(struct weft__worker *w, struct weft__task *t);

/* The same, and the slot comes before the queues where a task wakes another: it will soon suspend, and then has that one at hand. `w` is
 * the calling thread's worker, or NULL. */
static inline void weft__make_ready_from(struct weft__worker *w, struct weft__task *t)
{
    if (WEFT__LIKELY(w != NULL && w->current != NULL && w->rt == t->rt && weft__kind_is_usual(t->kind)) &&
        WEFT__LIKELY((t = weft__slot_put(&w->slot, t)) == NULL))
        return;
    weft__make_ready_slow(w, t);
}

static inline void weft__make_ready(struct weft__task *t)
{
    weft__make_ready_from(weft__worker_self(), t);
}

/* The same for a list that is linked by `next`, in its order. The caller's worker, or whoever is idle, is told once for many. */
void weft__make_ready_all(struct weft__task *first);

/* Whether anything lies in the queues of `w`. The tasks that never ran count only where `fresh` says so: their owner is awake. */
static inline bool weft__worker_has_work(struct weft__worker *w, bool fresh)
{
    for (int level = 0; level < WEFT__LEVELS; level++)
        if (!weft__deque_seems_empty(&w->ready[level]))
            return true;
    return fresh && weft__deque_seems_used(&w->deque);
}

#endif
