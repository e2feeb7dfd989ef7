/* SPDX-License-Identifier: MIT */
#include "sched/call.h"

#include <weft/error.h>

#include "sched/idle.h"
#include "sched/runtime.h"

enum { FREE, PENDING, DUE, CANCELED, PHASE_MASK = 3, GENERATION = 4 };

enum { RETRY_NS = 10000000 };

void weft__calls_init(struct weft__calls *calls)
{
    weft__slab_init(&calls->slab, sizeof(struct weft__call));
    A_STORE(&calls->retry_at, WEFT_NEVER, relaxed); /* relaxed: not shared yet */
}

void weft__calls_fini(struct weft__calls *calls)
{
    weft__slab_fini(&calls->slab);
}

static weft_runtime *runtime_of(const struct weft__call *c)
{
    return WEFT__CONTAINER(c->timer.home, struct weft__worker, timers)->rt;
}

/* By the one who owns the record: it is nobody's after it. */
static void release(weft_runtime *rt, struct weft__call *c)
{
    uint64_t word = A_LOAD(&c->word, relaxed); /* relaxed: only its owner changes it, while it is not pending */

    A_STORE(&c->word, ((word & ~(uint64_t)PHASE_MASK) + GENERATION) | FREE,
            relaxed); /* relaxed: it tells a late look so much */
    weft__slab_give(&rt->calls.slab, c);
}

/* Puts calls that are due, `first` to `last`, behind the others that wait for memory. */
static void starve(weft_runtime *rt, struct weft__call *first, struct weft__call *last)
{
    struct weft__calls *calls = &rt->calls;
    weft_time at = weft__clock() + RETRY_NS;

    weft__lock(&calls->lock);
    last->next = NULL;
    if (calls->last != NULL)
        calls->last->next = first;
    else
        calls->first = first;
    calls->last = last;
    /* seq_cst: as publish() in timer.c */
    A_STORE(&calls->retry_at, at, seq_cst);
    weft__unlock(&calls->lock);
    weft__idle_timer_added(rt, at);
}

/* Starts the task of a call that is due. False where there is no memory for it. */
static bool start(weft_runtime *rt, struct weft__call *c)
{
    int rc = weft__runtime_enter_task(rt, c->fn, c->arg);

    if (rc < 0 && rc != WEFT_ECLOSED)
        return false;
    release(rt, c);
    return true;
}

static void fire(struct weft__timer *timer)
{
    struct weft__call *c = WEFT__CONTAINER(timer, struct weft__call, timer);
    weft_runtime *rt = runtime_of(c);
    uint64_t word = A_LOAD(&c->word, relaxed); /* relaxed: only compared */

    /* relaxed: the lock of the heap has made the record visible, and a canceller that won writes nothing that is read here */
    if ((word & PHASE_MASK) != PENDING || !A_CAS(&c->word, &word, word - PENDING + DUE, relaxed, relaxed))
        weft__timer_fired(timer); /* the canceller waits for it */
    else if (!start(rt, c))
        starve(rt, c, c);
}

unsigned weft__calls_retry_slow(weft_runtime *rt)
{
    struct weft__calls *calls = &rt->calls;
    struct weft__call *c, *last;
    unsigned started = 0;

    weft__lock(&calls->lock);
    c = calls->first;
    last = calls->last;
    calls->first = calls->last = NULL;
    A_STORE(&calls->retry_at, WEFT_NEVER, seq_cst);
    weft__unlock(&calls->lock);
    while (c != NULL) {
        struct weft__call *next = c->next;

        if (!start(rt, c)) {
            starve(rt, c, last);
            break;
        }
        started++;
        c = next;
    }
    return started;
}

static int add(weft_runtime *rt, weft_time when, weft_fn fn, void *arg, weft_call *call)
{
    struct weft__worker *w = weft__worker_self();
    bool inside = w != NULL && w->rt == rt;
    struct weft__call *c;
    uint64_t word;
    int rc;

    if (A_LOAD(&rt->stopped, acquire)) /* a hint: what comes at the same time is pending when the runtime ends */
        return WEFT_ECLOSED;
    c = weft__slab_take(&rt->calls.slab);
    if (c == NULL)
        return WEFT_ENOMEM;
    if (!inside)
        w = &rt->workers[(uintptr_t)c / sizeof *c % rt->workers_count];
    A_STORE(&c->timer.deadline, when, relaxed); /* relaxed: published with the timer */
    c->timer.fire = fire;
    c->timer.ends_itself = true;
    c->fn = fn;
    c->arg = arg;
    word = (A_LOAD(&c->word, relaxed) & ~(uint64_t)PHASE_MASK) | PENDING;
    A_STORE(&c->word, word, relaxed); /* relaxed: the lock of the heap publishes it, and the user the handle */
    if (call != NULL)
        *call = (weft_call){{(uintptr_t)c, word}};
    if ((rc = weft__timer_add(&w->timers, &c->timer)) < 0) {
        release(rt, c);
        return rc;
    }
    /* The record may be gone. A worker looks before it sleeps. */
    if (!inside)
        weft__idle_timer_added(rt, when);
    return 0;
}

int weft_runtime_call_at(weft_runtime *rt, weft_time when, weft_fn fn, void *arg, weft_call *call)
{
    int rc;

    weft__runtime_enter(rt); /* the call may be made, and the runtime end, before we are out of here */
    rc = add(rt, when, fn, arg, call);
    weft__runtime_leave(rt);
    if (rc < 0 && call != NULL)
        *call = (weft_call){{0}};
    return rc;
}

int weft_call_at(weft_time when, weft_fn fn, void *arg, weft_call *call)
{
    struct weft__task *t = weft__task_self();
    int rc = t != NULL ? add(t->rt, when, fn, arg, call) : WEFT_ENOTASK;

    if (rc < 0 && call != NULL)
        *call = (weft_call){{0}};
    return rc;
}

int weft_call_later(int64_t ms, weft_fn fn, void *arg, weft_call *call)
{
    return weft_call_at(weft_after_ms(ms), fn, arg, call);
}

int weft_call_cancel(weft_call call)
{
    struct weft__call *c = (struct weft__call *)(uintptr_t)call.opaque[0];
    uint64_t word = call.opaque[1];

    /* relaxed: whoever handed the handle on has made the record visible; the end of the timer is waited for below */
    if (c == NULL || !A_CAS(&c->word, &word, word - PENDING + CANCELED, relaxed, relaxed))
        return WEFT_EALREADY;
    weft__timer_remove(&c->timer);
    release(runtime_of(c), c);
    return 0;
}
