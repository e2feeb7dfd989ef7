/* SPDX-License-Identifier: MIT */
/*
 * The runtime's record: everything hangs from it, and there are no globals beside it but the current worker of a thread
 * and what belongs to the process: the target of SIGINT, the handler of faults, and which guards work here.
 *
 *      create: slabs, stacks, root group -> io (driver thread) -> workers' threads
 *      destroy: stop (cancel the root) -> workers leave when nothing is left to run -> threads of blocking work -> io -> the rest
 */
#ifndef WEFT_SCHED_RUNTIME_H
#define WEFT_SCHED_RUNTIME_H

#include "sched/blocking.h"
#include "sched/call.h"
#include "sched/idle.h"
#include "sched/inbox.h"
#include "sched/io_ops.h"
#include "sched/scope.h"
#include "sched/worker.h"

struct weft_runtime {
    /* Read by all, written at the start only. */
    struct weft__worker *workers;
    unsigned workers_count;
    bool has_membarrier;
    bool names_overflows; /* it has the handler of faults installed (overflow.h) */
    const struct weft__io_ops *ops;
    struct weft__io *io;

    WEFT__ALIGNED _Atomic uint64_t cancel_epoch; /* moves at each cancellation; never 0 */
    _Atomic bool stopping;                       /* the workers are to leave */
    _Atomic bool stopped;                        /* weft_runtime_stop() was called: no more runs */
    _Atomic bool interrupted;                    /* SIGINT came; the driver cancels the root */
    _Atomic bool monitor_asleep;

    /* Tasks of the root group: it waits for them, too. A futex word. */
    _Atomic uint32_t entered;

    /* Threads, not the runtime's own, that are inside of it: it waits for them before it ends. */
    _Atomic unsigned visitors;

    _Atomic bool has_special; /* a task that is pinned, or of another level than normal, was once spawned */
    _Atomic uint32_t slots;   /* records of tasks that were asked for their ids */

    struct weft__inbox inbox;
    struct weft__idle idle;
    struct weft__stack_pool stacks[WEFT__STACK_CLASSES];
    struct weft__slab tasks, groups, scopes, handles;

    weft_error_fn *on_error; /* or NULL */
    void *on_error_arg;
    bool debug;
    _Atomic unsigned left_over; /* detached tasks that were still running at the end, and nobody was told of */
    _Atomic unsigned unheard;   /* errors that no on_error was told of */

    struct weft_pool blocking;

    struct weft__calls calls;
    struct weft__counters elsewhere; /* of threads that are no workers */

    struct weft_group root;

    /* The monitor's own (monitor.c). */
    bool interrupt_seen;
    unsigned monitor_idle_looks;
    uint32_t monitor_delay_ms;
};

/* What weft_runtime_create() does, given the part that watches descriptors. */
int weft__runtime_create(weft_runtime **out, const weft_runtime_options *options, const struct weft__io_ops *ops);

/* Cancels the root on behalf of SIGINT. Safe in a signal handler. */
void weft__runtime_interrupt(weft_runtime *rt);

/* Starts `fn(arg)` as a detached task: 0, WEFT_ECLOSED, WEFT_ENOMEM or WEFT_EMAPLIMIT. On a thread of the runtime, which keeps
 * it from ending meanwhile. */
int weft__runtime_enter_task(weft_runtime *rt, weft_fn fn, void *arg);

/* Counts in a task of the root group: 0 or WEFT_ECLOSED. */
int weft__runtime_admit(weft_runtime *rt);

/* It has ended, or was not made after all. */
void weft__runtime_task_left(weft_runtime *rt);

/* Whether there is anything for a worker to do: the sleeper's last look. `fresh`: also tasks that never ran, which their
 * worker will come to itself. */
bool weft__runtime_has_work(weft_runtime *rt, bool fresh);

/* The earliest timer of all workers. */
weft_time weft__runtime_earliest_timer(weft_runtime *rt);

/* Fires what is due, of every worker: one that is stuck in a task does not hold up its timers. Returns how many fired. */
unsigned weft__runtime_run_timers(weft_runtime *rt);

/*
 * The monitor: called by the driver thread, it looks after workers that are stuck in a task. Returns the milliseconds
 * until it wants to be called again, or -1: not before weft__monitor_wake().
 */
int weft__monitor_tick(weft_runtime *rt);

/* Handles what wake_driver was called for; then a tick is due. On the driver thread. */
void weft__monitor_wake(weft_runtime *rt);

/* A thread that is not a worker of `rt` enters or leaves it, while something in it keeps the runtime from ending. */
static inline void weft__runtime_enter(weft_runtime *rt)
{
    A_ADD(&rt->visitors, 1, relaxed); /* relaxed: what keeps the runtime alive is let go after it, with release */
}

static inline void weft__runtime_leave(weft_runtime *rt)
{
    A_SUB(&rt->visitors, 1, release); /* pairs with the acquire in weft_runtime_destroy(); the last access */
}

/* Starts the calls that are due and were starved, if it is time for that. Returns how many. */
static inline unsigned weft__calls_retry(weft_runtime *rt, weft_time now)
{
    /* relaxed: a hint, as for the timers */
    return WEFT__UNLIKELY(A_LOAD(&rt->calls.retry_at, relaxed) <= now) ? weft__calls_retry_slow(rt) : 0;
}

/* Adds `n` to a number of the calling thread's. relaxed: it orders nothing. */
#define WEFT__COUNT(rt, number, n)                                                                                     \
    do {                                                                                                               \
        struct weft__worker *self__ = weft__worker_self();                                                             \
        if (self__ != NULL && self__->rt == (rt))                                                                      \
            A_BUMP_BY(&self__->counters.number, (n));                                                                  \
        else                                                                                                           \
            (void)A_ADD(&(rt)->elsewhere.number, (n), relaxed);                                                        \
    } while (0)

void weft__monitor_kick_slow(weft_runtime *rt);

/* A worker begins to run: the monitor must not be asleep. */
static inline void weft__monitor_kick(weft_runtime *rt)
{
    /* seq_cst pairs with weft__monitor_tick(), which says that it sleeps, then looks at the idle state */
    if (WEFT__UNLIKELY(A_LOAD(&rt->monitor_asleep, seq_cst)))
        weft__monitor_kick_slow(rt);
}

#endif
