/* SPDX-License-Identifier: MIT */
/*
 * Once. NEW -> RUNNING -> DONE, or back to NEW, each under the lock; DONE is looked at without.
 *      somebody waits  =>  it is RUNNING, and its runner comes back and wakes one or all of them
 * The runner is in the call, and a task cannot end in there: so it comes back, whatever its function makes of itself.
 */
#include <weft/once.h>

#include <weft/error.h>

#include "sync/misuse.h"
#include "sync/waiter.h"

enum { NEW, RUNNING, DONE };

struct weft__once {
    _Atomic uint32_t state;
    struct weft__spinlock lock; /* a leaf but for the wait words of the waiters; guards the rest */
    uintptr_t runner;           /* a task, or a thread */
    struct weft__list waiters;  /* of struct waiter */
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__once) == sizeof(weft_once) && sizeof(weft_once) == 32, "as the header says");
_Static_assert(_Alignof(struct weft__once) <= _Alignof(weft_once), "the caller's storage suits");

struct waiter {
    struct weft__waiter waiter;
    uintptr_t self;
    bool tries; /* it does not wait */
    bool runs;  /* it was woken to try, not because it is done */
};

void weft_once_init(weft_once *o)
{
    *o = (weft_once)WEFT_ONCE_INIT;
}

int weft_once_fini(weft_once *p)
{
    struct weft__once *o = (struct weft__once *)p;
    bool busy;

    weft__spinlock_lock(&o->lock);
    busy = A_LOAD(&o->state, relaxed) == RUNNING; /* relaxed: changed under the lock */
    if (!busy)
        A_STORE(&o->state, NEW, relaxed);
    weft__spinlock_unlock(&o->lock);
    return busy ? weft__misuse(WEFT_EBUSY, "ends a once whose function runs") : 0;
}

bool weft_once_done(const weft_once *o)
{
    /* pairs with the release in finish() */
    return A_LOAD(&((const struct weft__once *)o)->state, acquire) == DONE;
}

/* The function of the caller has returned `rc`. */
static void finish(struct weft__once *o, int rc)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct weft__waiter *w;

    weft__spinlock_lock(&o->lock);
    if (rc >= 0) {
        A_STORE(&o->state, DONE, release); /* pairs with the looks without the lock */
        weft__waiters_claim_all(&o->waiters, &wakes);
    } else if ((w = weft__waiters_claim_first(&o->waiters, &wakes)) != NULL) {
        struct waiter *next = WEFT__CONTAINER(w, struct waiter, waiter);

        next->runs = true;
        o->runner = next->self;
    } else {
        A_STORE(&o->state, NEW, relaxed); /* relaxed: read under the lock */
    }
    weft__spinlock_unlock(&o->lock);
    weft__wake(&wakes);
}

/* Whether the caller is to run its function; WEFT_EDEADLK, WEFT_EBUSY, WEFT_ECANCELED; 0 where it is done. */
static int settle(struct weft__once *o, struct waiter *w)
{
    uint32_t state;
    int rc;

    weft__spinlock_lock(&o->lock);
    state = A_LOAD(&o->state, relaxed); /* relaxed: changed under the lock, here and below */
    if (state == RUNNING && o->runner != w->self) {
        if ((rc = w->tries ? WEFT_EBUSY : weft__wait_in(&w->waiter, &o->waiters, &o->lock)) == 0)
            return w->runs;
        weft__spinlock_unlock(&o->lock);
        return rc;
    }
    if (state == NEW) {
        A_STORE(&o->state, RUNNING, relaxed);
        o->runner = w->self;
    }
    weft__spinlock_unlock(&o->lock);
    return state == NEW ? 1 : state == DONE ? 0 : WEFT_EDEADLK;
}

static int do_as(struct weft__once *o, struct waiter *w, weft_fn fn, void *arg)
{
    int rc;

    w->self = w->waiter.task != NULL ? (uintptr_t)w->waiter.task : (uintptr_t)pthread_self();
    rc = settle(o, w);
    if (rc == WEFT_EDEADLK)
        return weft__misuse(rc, "waits for a once whose function it runs");
    if (rc <= 0)
        return rc;
    rc = fn(arg);
    finish(o, rc);
    return rc < 0 ? rc : 0;
}

static WEFT__NOINLINE int do_slow(struct weft__once *o, weft_fn fn, void *arg)
{
    struct waiter w = {.tries = false};
    int rc = weft__wait_enter(&w.waiter);

    return rc < 0 ? rc : do_as(o, &w, fn, arg);
}

int weft_once_try_do(weft_once *o, weft_fn fn, void *arg)
{
    struct waiter w = {.waiter = {.task = weft__task_self()}, .tries = true};

    return weft_once_done(o) ? 0 : do_as((struct weft__once *)o, &w, fn, arg);
}

int weft_once_do(weft_once *o, weft_fn fn, void *arg)
{
    return WEFT__LIKELY(weft_once_done(o)) ? 0 : do_slow((struct weft__once *)o, fn, arg);
}
