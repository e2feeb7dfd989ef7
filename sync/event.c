/* SPDX-License-Identifier: MIT */
#include "sync/event.h"

#include <weft/error.h>

#include "sync/misuse.h"

void weft_event_init(weft_event *e)
{
    *e = (weft_event)WEFT_EVENT_INIT;
}

int weft_event_fini(weft_event *event)
{
    struct weft__event *e = weft__event_of(event);

    return weft__may_end(&e->lock, &e->waiters, "ends an event that is waited for");
}

void weft_event_set(weft_event *event)
{
    struct weft__event *e = weft__event_of(event);
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&e->lock);
    A_STORE(&e->set, true, release); /* pairs with weft_event_is_set() */
    weft__waiters_claim_all(&e->waiters, &wakes);
    weft__spinlock_unlock(&e->lock);
    weft__wake(&wakes);
}

void weft_event_clear(weft_event *event)
{
    struct weft__event *e = weft__event_of(event);

    weft__spinlock_lock(&e->lock);
    A_STORE(&e->set, false, relaxed); /* relaxed: it lets nobody through */
    weft__spinlock_unlock(&e->lock);
}

bool weft_event_is_set(const weft_event *event)
{
    return A_LOAD(&((const struct weft__event *)event)->set, acquire); /* pairs with weft_event_set() */
}

static WEFT__NOINLINE int wait_for(struct weft__event *e, struct weft__waiter *w)
{
    int rc = 0;

    weft__spinlock_lock(&e->lock);
    /* relaxed: under the lock */
    if (!A_LOAD(&e->set, relaxed) && (rc = weft__wait_in(w, &e->waiters, &e->lock)) == 0)
        return 0;
    weft__spinlock_unlock(&e->lock);
    return rc;
}

int weft_event_wait(weft_event *event)
{
    struct weft__waiter w;
    int rc = weft__wait_enter(&w);

    if (WEFT__UNLIKELY(rc < 0))
        return rc;
    return weft_event_is_set(event) ? 0 : wait_for(weft__event_of(event), &w);
}
