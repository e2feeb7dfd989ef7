/* SPDX-License-Identifier: MIT */
/*
 * The threads of a pool. All is settled under one lock, which is held for a few instructions: beside calls that are worth a thread of
 * their own its cost does not show.
 *
 * A thread that ends joins the one that ended before it, and who ends the pool joins the last: so all of them have been joined, and
 * nobody had to keep a list.
 */
#include <stdio.h>

#include <weft/error.h>
#include <weft/time.h>

#include "sched/blocking.h"
#include "sched/options.h"

enum { THREADS_DEFAULT = 512, IDLE_MS_DEFAULT = 10000 };

/* A thread that sleeps: on its own stack, so the pool's list of them needs no memory. */
struct sleeper {
    struct weft__link link;
    _Atomic uint32_t called; /* a futex word; written under the lock */
};

void weft__pool_init(struct weft_pool *p, const weft_pool_options *o)
{
    p->limit = o->threads != 0 ? o->threads : THREADS_DEFAULT;
    p->idle_ns = (int64_t)(o->idle_ms != 0 ? o->idle_ms : IDLE_MS_DEFAULT) * 1000000;
    p->queue_limit = o->queue;
    (void)snprintf(p->name, sizeof p->name, "%s", o->name != NULL ? o->name : "weft-block");
}

/* Takes the idle thread that was busy last off the list. The caller holds the lock, and wakes it afterwards. */
static struct sleeper *call_idle(struct weft_pool *p)
{
    struct sleeper *s = WEFT__CONTAINER(p->idle, struct sleeper, link);

    weft__link_remove(&p->idle, &s->link);
    p->coming++;
    A_STORE(&s->called, 1, relaxed); /* relaxed: read under the lock, or as a hint */
    return s;
}

/* It may have seen that it was called, and even have ended: then this wakes nobody, or somebody for nothing. */
static void wake(struct sleeper *s)
{
    weft__futex_wake(&s->called, 1);
}

static void append(struct weft_pool *p, struct weft__job *c)
{
    weft__list_append(&p->queue, &c->link);
    p->queued++;
    A_STORE(&c->state, WEFT__JOB_QUEUED, relaxed); /* relaxed: under the lock */
}

/* Takes `c` out of the queue; the caller holds the lock. */
static void take_out(struct weft_pool *p, struct weft__job *c, enum weft__job_state state)
{
    weft__list_remove(&p->queue, &c->link);
    p->queued--;
    A_STORE(&c->state, (uint32_t)state, relaxed); /* relaxed: under the lock */
}

static struct weft__job *first(struct weft_pool *p)
{
    return p->queue.first != NULL ? WEFT__CONTAINER(p->queue.first, struct weft__job, link) : NULL;
}

/* Sleeps until called, for the idle time at most. The caller holds the lock, before and after. False: not called. */
static bool rest(struct weft_pool *p)
{
    struct sleeper me = {.called = 0};
    int64_t deadline = weft__clock() + p->idle_ns;

    weft__link_push(&p->idle, &me.link);
    weft__unlock(&p->lock);
    /* relaxed: what was written for this thread is read under the lock */
    while (A_LOAD(&me.called, relaxed) == 0 && weft__clock() < deadline)
        weft__futex_wait(&me.called, 0, deadline);
    weft__lock(&p->lock);
    if (A_LOAD(&me.called, relaxed) == 0) {
        weft__link_remove(&p->idle, &me.link);
        return false;
    }
    p->coming--;
    return true;
}

/* Runs the oldest call. The caller holds the lock, before and after. */
static void run(struct weft_pool *p, struct weft__job *c, struct weft__lender *lender)
{
    struct weft__task *t = c->task;
    weft__ticket ticket = c->ticket;
    bool in_place = c->in_place;

    take_out(p, c, in_place ? WEFT__JOB_LENT : WEFT__JOB_RUNNING);
    p->running++;
    weft__unlock(&p->lock);
    if (in_place)
        weft__lend(lender, t, ticket);
    else
        weft__job_end(c, c->fn(c->arg));
    weft__lock(&p->lock);
    p->running--;
}

static void name_self(struct weft_pool *p, unsigned number)
{
    char name[16];

    (void)snprintf(name, sizeof name, "%s-%u", p->name, number % 10000);
    weft__thread_name(name);
}

/* Counts a thread, or one that could not be made, out. The caller holds the lock, which this lets go of. */
static void leave(struct weft_pool *p)
{
    bool ending = p->ending;

    A_SUB(&p->threads, 1, relaxed); /* relaxed: under the lock, which who ends the pool takes before it goes on */
    weft__unlock(&p->lock);
    if (ending)
        weft__futex_wake(&p->threads, 1);
}

static void *thread_main(void *arg)
{
    struct weft_pool *p = arg;
    struct weft__lender lender = {.is_ready = false};
    struct weft__job *c;
    pthread_t former;
    bool has_former;

    weft__lock(&p->lock);
    p->coming--;
    name_self(p, p->named++);
    do
        while ((c = first(p)) != NULL)
            run(p, c, &lender);
    while (!p->ending && (rest(p) || first(p) != NULL));
    former = p->ended;
    has_former = p->has_ended;
    p->ended = pthread_self();
    p->has_ended = true;
    leave(p);
    weft__lender_fini(&lender);
    if (has_former)
        (void)pthread_join(former, NULL);
    return NULL;
}

/* A thread that was counted could not be made. Where others are there they come to the queue; else all that is queued is refused. */
static void refuse(struct weft_pool *p, int code)
{
    struct weft__link *refused = NULL, *next;

    weft__lock(&p->lock);
    p->coming--;
    if (A_LOAD(&p->threads, relaxed) == 1) { /* relaxed: under the lock */
        refused = p->queue.first;
        for (next = refused; next != NULL; next = next->next)
            A_STORE(&WEFT__CONTAINER(next, struct weft__job, link)->state, WEFT__JOB_RUNNING, relaxed);
        p->queue = (struct weft__list){0};
        p->queued = 0;
    }
    leave(p); /* whoever ends the pool may free it now */
    for (; refused != NULL; refused = next) {
        next = refused->next;
        weft__job_end(WEFT__CONTAINER(refused, struct weft__job, link), code);
    }
}

int weft__pool_submit(struct weft_pool *p, struct weft__job *c)
{
    struct sleeper *s = NULL;
    bool grows = false;
    pthread_t thread;
    int rc = 0;

    weft__lock(&p->lock);
    if (p->ending) {
        rc = WEFT_ECLOSED;
    } else if (p->idle != NULL) {
        s = call_idle(p);
    } else if (A_LOAD(&p->threads, relaxed) < p->limit) { /* relaxed: under the lock */
        A_ADD(&p->threads, 1, relaxed);
        p->coming++;
        grows = true;
    } else if (p->queue_limit != 0 && p->queued >= p->queue_limit + p->coming) {
        rc = WEFT_EFULL; /* those who come take as many */
    }
    if (rc == 0) {
        append(p, c);
        A_ADD(&p->callers, 1, relaxed); /* relaxed: under the lock */
    }
    weft__unlock(&p->lock);
    /* From here on the call may have ended, but the pool is there until its task lets go of it. */
    if (s != NULL)
        wake(s);
    if (grows && (rc = weft__thread_start(&thread, thread_main, p, NULL, 0)) < 0)
        refuse(p, rc);
    return rc < 0 && !grows ? rc : 0;
}

void weft__pool_let_go(struct weft_pool *p)
{
    weft__lock(&p->lock);
    if (A_SUB(&p->callers, 1, relaxed) == 1 && p->ending) /* relaxed: under the lock */
        weft__futex_wake(&p->callers, 1);
    weft__unlock(&p->lock);
}

bool weft__pool_take_back(struct weft_pool *p, struct weft__job *c)
{
    bool queued;

    weft__lock(&p->lock);
    queued = A_LOAD(&c->state, relaxed) == WEFT__JOB_QUEUED; /* relaxed: under the lock */
    if (queued)
        take_out(p, c, WEFT__JOB_TAKEN_BACK);
    weft__unlock(&p->lock);
    return queued;
}

void weft__pool_fini(struct weft_pool *p)
{
    uint32_t left;

    weft__lock(&p->lock);
    p->ending = true;
    while (p->idle != NULL)
        wake(call_idle(p)); /* under the lock, without which they do not end */
    weft__unlock(&p->lock);
    while ((left = A_LOAD(&p->threads, relaxed)) != 0) /* relaxed: what they wrote is seen by joining them */
        weft__futex_wait(&p->threads, left, WEFT_NEVER);
    while ((left = A_LOAD(&p->callers, relaxed)) != 0) /* relaxed: what they wrote is seen under the lock */
        weft__futex_wait(&p->callers, left, WEFT_NEVER);
    weft__lock(&p->lock); /* the last one is out of it */
    weft__unlock(&p->lock);
    if (p->has_ended)
        (void)pthread_join(p->ended, NULL);
}

int weft_pool_create(weft_pool **out, const weft_pool_options *options)
{
    static const weft_pool_options defaults;
    weft_pool *p;

    *out = NULL;
    if (options == NULL)
        options = &defaults;
    if (!WEFT__RESERVED_ARE_ZERO(options))
        return WEFT_EINVAL;
    if ((p = weft__alloc(sizeof *p)) == NULL)
        return WEFT_ENOMEM;
    weft__pool_init(p, options);
    *out = p;
    return 0;
}

struct ending {
    struct weft_pool *pool;
    bool is_done;
};

static int end(void *arg)
{
    struct ending *e = arg;

    weft__pool_fini(e->pool);
    e->is_done = true;
    return 0;
}

void weft_pool_destroy(weft_pool *p)
{
    struct ending e = {.pool = p};

    if (p == NULL)
        return;
    if (weft__task_self() != NULL) {
        weft_scope *s = weft_shield_open(WEFT_NEVER - 1);

        /* Where there is no thread for it, at least not before the tasks that need this worker have come back. */
        if (weft_blocking(end, &e) < 0)
            while (A_LOAD(&p->callers, relaxed) != 0) /* relaxed: the end looks again under the lock */
                (void)weft_yield();
        (void)weft_scope_close(s, 0);
    }
    if (!e.is_done)
        weft__pool_fini(p);
    weft__free(p);
}
