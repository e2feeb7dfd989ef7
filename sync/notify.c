/* SPDX-License-Identifier: MIT */
/*
 *                        --one: leaves the permit-->
 *      nobody waits, no permit                  nobody waits, a permit
 *          |   ^         <--wait: takes the permit--
 *          |   one: the first of the queue goes; all: everybody goes
 *        wait  |
 *          v   |
 *      somebody waits, no permit
 *
 * Invariant, whenever the lock is free: while there is a permit, nobody is in the queue who was not cancelled.
 *
 * The round moves under the lock, before those who wait are claimed. Whoever reads the number and does not see it move
 * yet finds it moved when it has the lock, or is in the queue by then.
 */
#include <weft/notify.h>

#include <weft/error.h>

#include "sync/misuse.h"
#include "sync/waiter.h"

struct weft__notify {
    struct weft__spinlock lock; /* guards all; a leaf but for the wait words of the waiters */
    bool permit;
    _Atomic uint64_t round; /* changed under the lock, with release; read with acquire */
    struct weft__list waiters;
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__notify) == sizeof(weft_notify) && sizeof(weft_notify) == 32, "as the header says");
_Static_assert(_Alignof(struct weft__notify) <= _Alignof(weft_notify), "the caller's storage suits");

static struct weft__notify *inside(weft_notify *n)
{
    return (struct weft__notify *)n;
}

void weft_notify_init(weft_notify *n)
{
    *n = (weft_notify)WEFT_NOTIFY_INIT;
}

int weft_notify_fini(weft_notify *notify)
{
    struct weft__notify *n = inside(notify);

    return weft__may_end(&n->lock, &n->waiters, "ends a notification that is waited for");
}

void weft_notify_one(weft_notify *notify)
{
    struct weft__notify *n = inside(notify);
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&n->lock);
    if (weft__waiters_claim_first(&n->waiters, &wakes) == NULL)
        n->permit = true;
    weft__spinlock_unlock(&n->lock);
    weft__wake(&wakes);
}

void weft_notify_all(weft_notify *notify)
{
    struct weft__notify *n = inside(notify);
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&n->lock);
    /* relaxed: changed under the lock only; release pairs with weft_notify_round(), which then sees what was changed */
    A_STORE(&n->round, A_LOAD(&n->round, relaxed) + 1, release);
    weft__waiters_claim_all(&n->waiters, &wakes);
    weft__spinlock_unlock(&n->lock);
    weft__wake(&wakes);
}

uint64_t weft_notify_round(const weft_notify *n)
{
    return A_LOAD(&((const struct weft__notify *)n)->round, acquire); /* pairs with weft_notify_all() */
}

/* Takes the permit, if there is one. Under the lock. */
static bool take_permit(struct weft__notify *n)
{
    bool taken = n->permit;

    n->permit = false;
    return taken;
}

/* `since`: NULL, or the round that must not be over. */
static int wait_for(struct weft__notify *n, const uint64_t *since)
{
    struct weft__waiter w;
    int rc = weft__wait_enter(&w);

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&n->lock);
    if ((since == NULL || *since == A_LOAD(&n->round, relaxed)) && /* relaxed: under the lock */
        !take_permit(n) && (rc = weft__wait_in(&w, &n->waiters, &n->lock)) == 0)
        return 0;
    weft__spinlock_unlock(&n->lock);
    return rc;
}

int weft_notify_wait(weft_notify *n)
{
    return wait_for(inside(n), NULL);
}

int weft_notify_wait_since(weft_notify *n, uint64_t round)
{
    return wait_for(inside(n), &round);
}

int weft_notify_try_wait(weft_notify *notify)
{
    struct weft__notify *n = inside(notify);
    bool taken;

    weft__spinlock_lock(&n->lock);
    taken = take_permit(n);
    weft__spinlock_unlock(&n->lock);
    return taken ? 0 : WEFT_EAGAIN;
}
