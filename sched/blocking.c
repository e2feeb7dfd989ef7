/* SPDX-License-Identifier: MIT */
/* Calls of blocking functions by tasks: how they wait, and what a cancellation does; the states are in blocking.h. */
#include "sched/blocking.h"

#include <weft/error.h>

#include "sched/options.h"
#include "sched/park.h"
#include "sched/runtime.h"

void weft__job_end(struct weft__job *c, int rc)
{
    struct weft__task *t = c->task;
    weft__ticket ticket = c->ticket;
    weft_runtime *rt = c->rt;

    c->rc = rc;
    /* The task, or its abandoned call, keeps the runtime until this call is DONE; after it only this does. */
    weft__runtime_enter(rt);
    /* release: the result; acquire pairs with weft__job_hold() and abandon() */
    switch (A_XCHG(&c->state, WEFT__JOB_DONE, acq_rel)) {
    case WEFT__JOB_HELD:
        (void)weft__unpark(t, c->held_ticket, WEFT__WON_EVENT);
        break;
    case WEFT__JOB_ABANDONED:
        c->abandon(c->arg, rc);
        weft__free(c);
        weft__runtime_task_left(rt);
        break;
    default:
        (void)weft__unpark(t, ticket, WEFT__WON_EVENT); /* loses where a cancellation was first: the task sees DONE */
        break;
    }
    weft__runtime_leave(rt);
}

/* Waits for the end of a call that has begun, although the task is cancelled. */
int weft__job_hold(struct weft__job *c, struct weft__task *t)
{
    uint32_t running = WEFT__JOB_RUNNING;

    (void)weft__park_prepare(t, WEFT__NOT_CANCELABLE);
    c->held_ticket = weft__park_ticket(t);
    /* acq_rel pairs with weft__job_end(): it sees the ticket, or this the result */
    if (A_CAS(&c->state, &running, WEFT__JOB_HELD, acq_rel, acquire))
        (void)weft__park(t);
    else
        weft__park_abandon(t);
    return c->rc;
}

/* Leaves a call that has begun to its thread. False: it has ended. */
static bool abandon(struct weft__job *c, struct weft__task *t)
{
    uint32_t running = WEFT__JOB_RUNNING;
    weft_runtime *rt = t->rt;

    /* What is abandoned counts as a task of the root group. relaxed: this task is one, or a descendant of one. */
    A_ADD(&rt->entered, 1, relaxed);
    /* acq_rel pairs with weft__job_end(): it finds the count up, or this the result */
    if (A_CAS(&c->state, &running, WEFT__JOB_ABANDONED, acq_rel, acquire))
        return true;
    weft__runtime_task_left(rt);
    return false;
}

/* Waits for a call that the pool has taken. */
static int wait_for(struct weft_pool *p, struct weft__job *c, struct weft__task *t, bool *left)
{
    if (weft__park(t) == WEFT__WON_EVENT)
        return c->rc;
    if (weft__pool_take_back(p, c))
        return WEFT_ECANCELED;
    if (c->abandon == NULL)
        return weft__job_hold(c, t);
    *left = abandon(c, t);
    return *left ? WEFT_ECANCELED : c->rc;
}

/* Gives the call to the pool and waits for it. A record that was abandoned is the thread's: then `*left` is true. */
static int call(struct weft_pool *p, struct weft__job *c, struct weft__task *t, bool *left)
{
    int rc = weft__park_prepare(t, WEFT__CANCELABLE);

    *left = false;
    if (rc < 0)
        return rc;
    c->rt = t->rt;
    c->task = t;
    c->ticket = weft__park_ticket(t);
    if ((rc = weft__pool_submit(p, c)) < 0) {
        weft__park_abandon(t);
        return rc;
    }
    rc = wait_for(p, c, t, left);
    weft__pool_let_go(p);
    return rc;
}

int weft_blocking(weft_fn fn, void *arg)
{
    struct weft__job c = {.fn = fn, .arg = arg};
    struct weft__task *t;
    bool left;
    int rc = weft__enter(&t);

    return rc < 0 ? rc : call(&t->rt->blocking, &c, t, &left);
}

/* The same with a record that may outlive the task. */
static int call_to_abandon(struct weft_pool *p, const struct weft__job *what, struct weft__task *t)
{
    struct weft__job *c = weft__alloc(sizeof *c);
    bool left;
    int rc;

    if (c == NULL)
        return WEFT_ENOMEM;
    c->fn = what->fn;
    c->arg = what->arg;
    c->abandon = what->abandon;
    rc = call(p, c, t, &left);
    if (!left)
        weft__free(c);
    if (!left && rc == WEFT_ECANCELED)
        what->abandon(what->arg, rc);
    return rc;
}

int weft_blocking_with(weft_pool *pool, weft_fn fn, void *arg, const weft_blocking_options *o)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    struct weft__job c = {.fn = fn, .arg = arg, .abandon = o != NULL ? o->abandon : NULL};
    bool left;
    int rc;

    if (t == NULL)
        return WEFT_ENOTASK;
    if (o != NULL && !WEFT__RESERVED_ARE_ZERO(o))
        return WEFT_EINVAL;
    if (pool == NULL)
        pool = &t->rt->blocking;
    rc = weft__checkpoint(w, t);
    if (c.abandon == NULL)
        return rc < 0 ? rc : call(pool, &c, t, &left);
    if (rc < 0)
        c.abandon(arg, rc);
    return rc < 0 ? rc : call_to_abandon(pool, &c, t);
}
