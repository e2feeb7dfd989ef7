/* SPDX-License-Identifier: MIT */
/*
 * Blocking in place: a task is lent a thread that is no worker, and runs on it as it is, on its own stack.
 *
 *      task, on a worker          thread of the pool
 *      queues the call, parks
 *                                 claims the wait of the parked task, and so its saved context
 *                                 switches to it
 *      runs fn  <-----------------'
 *      switches to the thread's own stack: its context is saved
 *                                 makes the task ready, from outside
 *      goes on, on a worker
 *
 * A switch settles what the context that was left had asked for, and looks for that at the worker. So a record stands in for one
 * while the thread goes over; in `fn` there is none. The handler of faults knows whose stack it is from it (overflow.c).
 */
#include <weft/error.h>

#include "sched/blocking.h"
#include "sched/overflow.h"
#include "sched/park.h"
#include "sched/runtime.h"

/* Claims the wait of `t` with its saved context, or finds that it is over. */
static bool claim_parked(struct weft__task *t, weft__ticket ticket)
{
    unsigned turns = 0;

    /* A task that is on its way to park is a switch away from it. acquire: a hint, the claim looks again */
    while (A_LOAD(&t->wait, acquire) == (ticket | WEFT__ARMED))
        weft__spin(&turns);
    return weft__claim(t, ticket, WEFT__WON_EVENT) == WEFT__CLAIM_ASLEEP;
}

static void get_ready(struct weft__lender *l, weft_runtime *rt)
{
    weft__context_init_thread(&l->native);
    /* Without it a stack overflow kills the process all the same, but namelessly. */
    if (rt->names_overflows && (l->signal_stack = weft__signal_stack_create()) != NULL)
        weft__signal_stack_enter(l->signal_stack);
    l->is_ready = true;
}

void weft__lend(struct weft__lender *l, struct weft__task *t, weft__ticket ticket)
{
    struct weft__worker *w = &l->stand_in;

    if (!claim_parked(t, ticket))
        return;
    if (!l->is_ready)
        get_ready(l, t->rt);
    w->current = t;
    w->stack = t->stack;
    weft__worker_set_stand_in(w);
    weft__worker_set_self(w);
    weft__context_switch(&l->native, &t->stack->context);
    weft__worker_set_stand_in(NULL);
    weft__make_ready(t);
}

void weft__lender_fini(struct weft__lender *l)
{
    weft__signal_stack_leave(l->signal_stack);
    weft__signal_stack_destroy(l->signal_stack);
}

/* The task's side, on the thread that it was lent. Returns on a worker. */
static int use_thread(struct weft__job *c, struct weft__task *t)
{
    struct weft__lender *l = WEFT__CONTAINER(weft__worker_self(), struct weft__lender, stand_in);
    int rc;

    weft__worker_set_self(NULL);
    rc = c->fn(c->arg);
    weft__worker_return(&l->native, t->stack);
    return rc;
}

int weft_block_in_place(weft_fn fn, void *arg)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    struct weft__job c = {.fn = fn, .arg = arg, .in_place = true, .task = t};
    struct weft_pool *p;
    bool won, is_taken_back, is_lent;
    int rc;

    if (t == NULL)
        return WEFT_ENOTASK;
    if (t->kind.pinned)
        return WEFT_EINVAL;
    if ((rc = weft__checkpoint(w, t)) < 0 || (rc = weft__park_prepare(t, WEFT__CANCELABLE)) < 0)
        return rc;
    c.rt = t->rt;
    p = &c.rt->blocking;
    c.ticket = weft__park_ticket(t);
    if ((rc = weft__pool_submit(p, &c)) < 0) {
        weft__park_abandon(t);
        return rc;
    }
    won = weft__park(t) == WEFT__WON_EVENT;
    is_taken_back = !won && weft__pool_take_back(p, &c);
    weft__pool_let_go(p);
    /* relaxed: the claim came after it, or it was written under the lock */
    is_lent = A_LOAD(&c.state, relaxed) == WEFT__JOB_LENT;
    if (won)
        return is_lent ? use_thread(&c, t) : c.rc;
    if (is_taken_back || is_lent)
        return WEFT_ECANCELED;    /* the thread's claim fails */
    return weft__job_hold(&c, t); /* it is being refused */
}
