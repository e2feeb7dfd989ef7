/* SPDX-License-Identifier: MIT */
/*
 * The states are in the header. Invariants, whenever the lock is free:
 *      arrived is the length of the queue, those included that were cancelled and have not left yet
 *      arrived < parties; the barrier is broken => arrived is 0
 *
 * The lock decides between the last arrival and one that is cancelled: until the latter has the lock it is in the
 * queue, and counts. So here, unlike in other primitives, a waiter is given its result also where the claim of it
 * fails: it takes the lock before it leaves, finds itself out of the queue, and returns what it was given. A claim only
 * says whether it has to be woken.
 *
 * Order: each arrival is made under the lock, so the last one has seen what was done before all, and hands it on by the
 * claims or by the lock.
 */
#include <weft/barrier.h>

#include <weft/error.h>

#include "sync/misuse.h"
#include "sync/waiter.h"

struct weft__barrier {
    struct weft__spinlock lock; /* guards all but parties; a leaf but for the wait words of the waiters */
    bool broken;
    uint32_t arrived;
    uint64_t parties;          /* constant */
    struct weft__list waiters; /* of struct barrier_waiter */
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__barrier) == sizeof(weft_barrier) && sizeof(weft_barrier) == 32,
               "as the header says");
_Static_assert(_Alignof(struct weft__barrier) <= _Alignof(weft_barrier), "the caller's storage suits");

struct barrier_waiter {
    struct weft__waiter waiter;
    int result;
};

static struct weft__barrier *inside(weft_barrier *b)
{
    return (struct weft__barrier *)b;
}

static bool suits(uint64_t parties)
{
    return parties > 0 && parties <= INT32_MAX;
}

int weft_barrier_init(weft_barrier *b, uint32_t n)
{
    if (!suits(n))
        return WEFT_EINVAL;
    *b = (weft_barrier)WEFT_BARRIER_INIT(n);
    return 0;
}

int weft_barrier_fini(weft_barrier *barrier)
{
    return weft_barrier_waiting(barrier) > 0 ? weft__misuse(WEFT_EBUSY, "ends a barrier that is waited for") : 0;
}

/* Empties the queue: each gets the index of its arrival, or WEFT_EBROKEN. Under the lock. */
static void let_go(struct weft__barrier *b, bool complete, struct weft__wakes *wakes)
{
    struct weft__waiter *w;
    int index = 0;

    while ((w = weft__waiters_first(&b->waiters)) != NULL) {
        (void)weft__waiter_claim(w, &b->waiters, wakes);
        WEFT__CONTAINER(w, struct barrier_waiter, waiter)->result = complete ? index++ : WEFT_EBROKEN;
    }
    b->arrived = 0;
}

/* Arrives as the last one: its index, or WEFT_EBROKEN, WEFT_EINVAL; WEFT_EAGAIN where others are to come. Under the
 * lock. */
static int arrive_last(struct weft__barrier *b, struct weft__wakes *wakes)
{
    if (!suits(b->parties))
        return WEFT_EINVAL;
    if (b->broken)
        return WEFT_EBROKEN;
    if (b->arrived + 1 < b->parties)
        return WEFT_EAGAIN;
    let_go(b, true, wakes);
    return (int)b->parties - 1;
}

int weft_barrier_wait(weft_barrier *barrier)
{
    struct weft__barrier *b = inside(barrier);
    struct barrier_waiter w = {.result = WEFT_ECANCELED};
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc = weft__wait_enter(&w.waiter);

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&b->lock);
    rc = arrive_last(b, &wakes);
    if (rc == WEFT_EAGAIN && (rc = weft__wait_begin(&w.waiter, &b->waiters)) == 0) {
        b->arrived++;
        weft__spinlock_unlock(&b->lock);
        if (weft__wait(&w.waiter) == 0)
            return w.result;
        weft__spinlock_lock(&b->lock);
        if (w.waiter.queued)
            b->arrived--;
        weft__wait_leave(&w.waiter, &b->waiters);
        rc = w.result;
    }
    weft__spinlock_unlock(&b->lock);
    weft__wake(&wakes);
    return rc;
}

int weft_barrier_try_wait(weft_barrier *barrier)
{
    struct weft__barrier *b = inside(barrier);
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc;

    weft__spinlock_lock(&b->lock);
    rc = arrive_last(b, &wakes);
    weft__spinlock_unlock(&b->lock);
    weft__wake(&wakes);
    return rc;
}

static void break_up(struct weft__barrier *b, bool broken)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&b->lock);
    b->broken = broken;
    let_go(b, false, &wakes);
    weft__spinlock_unlock(&b->lock);
    weft__wake(&wakes);
}

void weft_barrier_abort(weft_barrier *b)
{
    break_up(inside(b), true);
}

void weft_barrier_reset(weft_barrier *b)
{
    break_up(inside(b), false);
}

uint32_t weft_barrier_parties(const weft_barrier *b)
{
    return (uint32_t)((const struct weft__barrier *)b)->parties;
}

uint32_t weft_barrier_waiting(weft_barrier *barrier)
{
    struct weft__barrier *b = inside(barrier);
    uint32_t arrived;

    weft__spinlock_lock(&b->lock); /* for fini too: whoever let the caller go may hold it still */
    arrived = b->arrived;
    weft__spinlock_unlock(&b->lock);
    return arrived;
}

bool weft_barrier_is_broken(weft_barrier *barrier)
{
    struct weft__barrier *b = inside(barrier);
    bool broken;

    weft__spinlock_lock(&b->lock);
    broken = b->broken;
    weft__spinlock_unlock(&b->lock);
    return broken;
}
