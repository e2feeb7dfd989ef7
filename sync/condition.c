/* SPDX-License-Identifier: MIT */
/*
 * Conditions. A waiter goes from the queue here to that of its mutex:
 *
 *      waits here --claimed asleep--> moved: sleeps on, in the mutex' queue, which its unlocks serve (mutex.h)
 *         |   `-----claimed before it has gone to sleep--> goes for the mutex by itself
 *         `---------cancelled------------------------------> the same
 *
 * A claim is final, so one that was moved cannot be cancelled, and it need not be: to lock again is shielded. The
 * claimer owes it a wake, and hands that debt on to the mutex. One that was moved does not touch the condition any
 * more.
 */
#include <weft/condition.h>

#include <weft/error.h>

#include "sync/misuse.h"
#include "sync/mutex.h"

struct weft__condition {
    struct weft__spinlock lock; /* a leaf but for the wait words of the waiters */
    struct weft__list waiters;  /* of struct waiter */
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__condition) == sizeof(weft_condition) && sizeof(weft_condition) == 24,
               "as the header says");
_Static_assert(_Alignof(struct weft__condition) <= _Alignof(weft_condition), "the caller's storage suits");

struct waiter {
    struct weft__mutex_waiter back; /* the way back */
    struct weft__mutex *mutex;
};

void weft_condition_init(weft_condition *c)
{
    *c = (weft_condition)WEFT_CONDITION_INIT;
}

int weft_condition_fini(weft_condition *p)
{
    struct weft__condition *c = (struct weft__condition *)p;

    return weft__may_end(&c->lock, &c->waiters, "ends a condition that is waited for");
}

/* Whether the calling task may wait: 0 and the waiter has entered, or a code. */
static int enter(struct waiter *w, const struct weft__mutex *m)
{
    struct weft__task *t = weft__task_self();

    if (t == NULL)
        return WEFT_ENOTASK;
    if (!weft__mutex_is_owner(m, t))
        return weft__misuse(WEFT_EPERM, "waits for a condition with a mutex that it does not hold");
    return weft__wait_enter(&w->back.waiter);
}

/* One wait of one that has entered. */
static int wait(struct weft__condition *c, struct waiter *w)
{
    struct weft__waiter *here = &w->back.waiter;
    int rc, back;

    weft__spinlock_lock(&c->lock);
    rc = weft__wait_begin(here, &c->waiters);
    weft__spinlock_unlock(&c->lock);
    if (rc < 0)
        return rc;
    weft__mutex_release(w->mutex, here->task);
    if ((rc = weft__wait(here)) < 0) {
        weft__spinlock_lock(&c->lock);
        weft__wait_leave(here, &c->waiters);
        weft__spinlock_unlock(&c->lock);
    }
    back = weft__mutex_acquire(w->mutex, &w->back, WEFT__NOT_CANCELABLE);
    return back < 0 ? back : rc;
}

int weft_condition_wait(weft_condition *c, weft_mutex *m)
{
    struct waiter w = {.mutex = weft__mutex_of(m)};
    int rc = enter(&w, w.mutex);

    return rc < 0 ? rc : wait((struct weft__condition *)c, &w);
}

int weft_condition_wait_for(weft_condition *c, weft_mutex *m, bool (*is_so)(void *arg), void *arg)
{
    struct waiter w = {.mutex = weft__mutex_of(m)};
    int rc = enter(&w, w.mutex);

    while (rc == 0 && !is_so(arg))
        if ((rc = weft_condition_wait(c, m)) < 0)
            break;
    return rc;
}

static void notify(struct weft__condition *c, bool all)
{
    struct weft__list moving = {NULL, NULL};
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct weft__waiter *w;

    weft__spinlock_lock(&c->lock);
    while ((w = weft__waiters_first(&c->waiters)) != NULL) {
        if (!weft__waiter_claim(w, &c->waiters, &wakes))
            continue;
        if (wakes.first != NULL) { /* it sleeps, and is not to be woken here */
            wakes.first = wakes.last = NULL;
            weft__list_append(&moving, &w->link);
        }
        if (!all)
            break;
    }
    weft__spinlock_unlock(&c->lock);
    weft__wake(&wakes);
    while ((w = weft__waiters_first(&moving)) != NULL) {
        struct waiter *mine = WEFT__CONTAINER(w, struct waiter, back.waiter);

        weft__list_remove(&moving, &w->link);
        weft__mutex_move(mine->mutex, &mine->back);
    }
}

void weft_condition_signal(weft_condition *c)
{
    notify((struct weft__condition *)c, false);
}

void weft_condition_broadcast(weft_condition *c)
{
    notify((struct weft__condition *)c, true);
}
