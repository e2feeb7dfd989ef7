/* SPDX-License-Identifier: MIT */
/*
 * Blocking work, as records: the pools' threads (blocking_pool.c), and the calls that tasks give them (blocking.c).
 *
 * The state of a call is one word. What leaves QUEUED does so under the pool's lock; of all others, one compare-and-swap or
 * exchange decides.
 *
 *                 begin (thread), or refuse (maker of a thread)          end
 *      QUEUED -----------------------------------------> RUNNING ------------> DONE     rc is there, the task is woken
 *        |  |                                             |  |                  ^
 *        |  `-- lend (thread, a call in place) --> LENT   |  `-- hold --> HELD -'
 *        |                                                |
 *        `-- take back --> TAKEN_BACK                     `-- abandon --> ABANDONED     the thread frees the record
 *
 * Take back, hold and abandon are what a task does that has been cancelled. A held call wakes it by another ticket.
 *
 * Who owns the record: the task, in all states but ABANDONED, where the thread does. While the state is QUEUED the pool has it in
 * its list; from RUNNING on the thread may touch it until it has made it DONE, and so the task stays until then.
 *
 * A call in place is settled by the wait word of its task: the thread that has taken it out of the queue, and copied what it needs,
 * claims the wait once the task is parked, and then owns a saved context; or a cancellation has won, and the record is not touched any
 * more. LENT says that the call is out of the queue.
 *
 * The pool's lock is a leaf. Invariant whenever it is free: where a call is queued a thread is alive that will look at the queue
 * before it ends, or one is being made, whose maker refuses the queued calls if that fails and no other thread is there.
 */
#ifndef WEFT_SCHED_BLOCKING_H
#define WEFT_SCHED_BLOCKING_H

#include <weft/blocking.h>

#include "sched/list.h"
#include "sched/lock.h"
#include "sched/worker.h"

enum weft__job_state {
    WEFT__JOB_QUEUED,
    WEFT__JOB_RUNNING,
    WEFT__JOB_HELD, /* the task has been cancelled, and waits on by another ticket */
    WEFT__JOB_LENT,
    WEFT__JOB_TAKEN_BACK,
    WEFT__JOB_ABANDONED,
    WEFT__JOB_DONE,
};

struct weft__job {
    struct weft__link link; /* of the queue, under the pool's lock */
    _Atomic uint32_t state;
    bool in_place;
    weft_fn fn;
    void *arg;
    int rc;
    weft_runtime *rt; /* the task's; an abandoned call has none any more */
    struct weft__task *task;
    weft__ticket ticket, held_ticket;
    void (*abandon)(void *arg, int rc); /* NULL, or the record lies on the heap */
};

#define WEFT__POOL_NAME_MAX 10

struct weft_pool {
    /* Written at the start only. */
    unsigned limit;
    int64_t idle_ns;
    size_t queue_limit; /* 0: none */
    char name[WEFT__POOL_NAME_MAX + 1];

    struct weft__lock lock;  /* a leaf. Guards the rest: */
    struct weft__list queue; /* of calls, oldest first */
    struct weft__link *idle; /* threads, the one that was busy last first */
    size_t queued;
    unsigned running;
    unsigned coming; /* threads that were woken, or are being made, and have not looked at the queue yet */
    unsigned named;  /* threads made so far */
    bool ending;
    bool has_ended; /* `ended` is a thread that has ended, and that nobody has joined: the next one to end does */
    pthread_t ended;

    _Atomic uint32_t
        callers; /* tasks whose calls were taken, and that may come back to the pool: written and waited for as the next */
    _Atomic uint32_t threads; /* alive or being made; written under the lock; a futex word for who ends the pool */
};

/* A pool without threads; `threads` and `idle_ms` may be 0. */
void weft__pool_init(struct weft_pool *p, const weft_pool_options *o);

/* Waits for all calls, ends and joins the threads. Takes a zeroed pool. */
void weft__pool_fini(struct weft_pool *p);

/* Gives `c` to a thread, or queues it: 0, and then its task is woken when it is DONE; or WEFT_EFULL, WEFT_ECLOSED. */
int weft__pool_submit(struct weft_pool *p, struct weft__job *c);

/* Its task does not come to the pool for it any more, which may be gone after this. To be called once for each call that was taken. */
void weft__pool_let_go(struct weft_pool *p);

/* Takes `c` out of the queue again. False: it has begun, or has been refused. */
bool weft__pool_take_back(struct weft_pool *p, struct weft__job *c);

/* Says that a call that has begun has ended with `rc`. */
void weft__job_end(struct weft__job *c, int rc);

/* Waits for the end of a call that has begun, on behalf of `t`, its task, which has been cancelled. Returns its code. */
int weft__job_hold(struct weft__job *c, struct weft__task *t);

/* Of a thread that lends itself to tasks (blocking_place.c). All zero before the first. */
struct weft__lender {
    struct weft__context native; /* the thread's own stack */
    struct weft__worker stand_in;
    bool is_ready;
    void *signal_stack;
};

/* Lends the calling thread to `t`, which waits with `ticket`, until it gives it back. Does nothing where the wait is over. */
void weft__lend(struct weft__lender *l, struct weft__task *t, weft__ticket ticket);
void weft__lender_fini(struct weft__lender *l);

#endif
