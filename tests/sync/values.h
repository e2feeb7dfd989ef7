/* SPDX-License-Identifier: MIT */
/* What the tests of futures, watches, broadcasts, queues and resource pools share. */
#ifndef WEFT_TESTS_SYNC_VALUES_H
#define WEFT_TESTS_SYNC_VALUES_H

#include <pthread.h>

#include "sched/park.h"
#include "tests/sync/sync.h"

/* A waiting call that another task or a plain thread makes, and what came of it. */
struct call {
    int (*fn)(struct call *);
    void *on; /* what it is called on */
    int item;
    uint64_t lost;
    int result;
    struct weft__task *task;
    _Atomic bool begun, done;
};

static inline int call_task(void *arg)
{
    struct call *c = arg;

    c->task = weft__task_self();
    c->begun = true;
    c->result = c->fn(c);
    c->done = true;
    return 0;
}

static inline void *call_thread(void *arg)
{
    (void)call_task(arg);
    return NULL;
}

/* Starts it in a task of `g`, and returns once it waits or is done. */
static inline void call_begin(weft_group *g, struct call *c)
{
    c->begun = c->done = false;
    weft_spawn(g, call_task, c);
    while (!c->begun || (!c->done && (A_LOAD(&c->task->wait, acquire) & WEFT__PHASE_MASK) != WEFT__PARKED))
        CHECK_OK(weft_yield());
}

/* The same for a plain thread, which is only given the time to get there. */
static inline void call_begin_thread(pthread_t *thread, struct call *c)
{
    c->begun = c->done = false;
    CHECK_OK(pthread_create(thread, NULL, call_thread, c));
    while (!c->begun)
        CHECK_OK(weft_sleep_ms(1));
    sync_settle();
}

static inline void call_end_thread(pthread_t thread, struct call *c)
{
    while (!c->done)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(pthread_join(thread, NULL));
}

/* A function of a task that a plain thread runs, in the midst of those that tasks run. */
struct foreign {
    weft_fn fn;
    void *arg;
    pthread_t thread;
    _Atomic bool done;
};

static inline void *foreign_run(void *arg)
{
    struct foreign *f = arg;

    CHECK_OK(f->fn(f->arg));
    f->done = true;
    return NULL;
}

static inline void foreign_begin(struct foreign *f, weft_fn fn, void *arg)
{
    f->fn = fn;
    f->arg = arg;
    f->done = false;
    CHECK_OK(pthread_create(&f->thread, NULL, foreign_run, f));
}

/* Waits for it without holding the worker, which the thread may need. */
static inline void foreign_end(struct foreign *f)
{
    while (!f->done)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(pthread_join(f->thread, NULL));
}

/* Three times the same call: one in a task that stays, one in a task that is cancelled while it waits, and one in a task behind it. */
struct three {
    struct call before, canceled, behind;
};

static inline void three_begin(weft_group *g, struct three *t)
{
    call_begin(g, &t->before);
    weft_group *inner = weft_group_open(NULL);
    call_begin(inner, &t->canceled);
    call_begin(g, &t->behind);
    CHECK(!t->before.done && !t->canceled.done && !t->behind.done);
    weft_group_close(inner);
    CHECK_RC(t->canceled.result, WEFT_ECANCELED);
    CHECK(!t->before.done && !t->behind.done);
}

/* Makes the call in a scope that is cancelled already. */
static inline int call_canceled(struct call *c)
{
    weft_scope *scope = weft_scope_open(0);

    CHECK_OK(weft_scope_cancel(scope));
    int rc = c->fn(c);
    CHECK_RC(c->fn(c), rc);
    return (int)weft_scope_close(scope, rc);
}

/* Makes the call in a scope with a deadline that is near, and checks that it does not come earlier. */
static inline int call_with_deadline(struct call *c)
{
    weft_time deadline = weft_after_ms(10);
    weft_scope *scope = weft_scope_open(deadline);
    int rc = (int)weft_scope_close(scope, c->fn(c));

    if (rc == WEFT_ETIMEDOUT)
        CHECK_GE(weft_now(), deadline);
    return rc;
}

/* A scope that may end at any moment of what runs in it, or none; a plain thread has none. */
static inline weft_scope *open_impatient(uint32_t *random)
{
    if (sync_random(random) % 4 == 0 || weft__task_self() == NULL)
        return NULL;
    weft_scope *scope = weft_scope_open(weft_now() + sync_random(random) % 40000);
    CHECK_NOT_NULL(scope);
    return scope;
}

static inline int close_impatient(weft_scope *scope, int rc)
{
    return scope != NULL ? (int)weft_scope_close(scope, rc) : rc;
}

#endif
