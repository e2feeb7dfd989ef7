/* SPDX-License-Identifier: MIT */
/* Children in order of completion. */
#include <weft/group.h>

#include "sched/group_more.h"
#include "sched/handle.h"
#include "sched/park.h"

int weft__group_expect(weft_group *g, weft_task *h)
{
    struct weft__group_more *more = weft__group_more(g);

    if (more == NULL)
        return WEFT_ENOMEM;
    weft__lock(&g->lock);
    more->unclaimed++;
    A_STORE(&h->group, g, relaxed); /* relaxed: not shared yet */
    weft__unlock(&g->lock);
    return 0;
}

/* The owner has something to see. Caller holds the group's lock. */
static void wake(struct weft__group_more *more)
{
    struct weft__task *t = more->waiter;

    more->waiter = NULL;
    if (t != NULL)
        (void)weft__unpark(t, more->waiter_ticket, WEFT__WON_EVENT);
}

void weft__group_list_ended(weft_task *h)
{
    weft_group *g =
        A_LOAD(&h->group, acquire); /* acquire, here and below: what was written when it became the group's */
    struct weft__group_more *more;

    if (g == NULL)
        return;
    weft__lock(&g->lock);
    if (A_LOAD(&h->group, relaxed) == g) { /* relaxed, here and below: under the lock */
        more = A_LOAD(&g->more, relaxed);
        weft__list_append(&more->ended, &h->ended);
        h->is_listed = true;
        wake(more);
    }
    weft__unlock(&g->lock);
}

void weft__group_forget(weft_task *h)
{
    weft_group *g = A_LOAD(&h->group, acquire);
    struct weft__group_more *more;

    if (g == NULL)
        return;
    /* The group may have been closed since, and its record be another group's: then the handle is no more that one's. */
    weft__lock(&g->lock);
    if (A_LOAD(&h->group, relaxed) == g) {
        more = A_LOAD(&g->more, relaxed);
        A_STORE(&h->group, NULL, relaxed);
        if (h->is_listed)
            weft__list_remove(&more->ended, &h->ended);
        if (--more->unclaimed == 0)
            wake(more);
    }
    weft__unlock(&g->lock);
}

/* One look: 0, WEFT_EEMPTY, or WEFT_EBUSY: to be waited for. Caller holds the group's lock. */
static int take(struct weft__group_more *more, weft_task **done)
{
    weft_task *h;

    if (more->unclaimed == 0)
        return WEFT_EEMPTY;
    if (more->ended.first == NULL)
        return WEFT_EBUSY;
    h = WEFT__CONTAINER(more->ended.first, weft_task, ended);
    weft__list_remove(&more->ended, &h->ended);
    more->unclaimed--;
    A_STORE(&h->group, NULL, relaxed);
    *done = h;
    return 0;
}

int weft_group_next(weft_group *g, weft_task **done)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    struct weft__group_more *more;
    int rc;

    if (t == NULL)
        return WEFT_ENOTASK;
    if (g == NULL)
        return WEFT_ENOMEM;
    if (t != g->scope.owner)
        return WEFT_EINVAL;
    if ((rc = weft__checkpoint(w, t)) < 0)
        return rc;
    more = A_LOAD(&g->more, acquire);
    if (more == NULL)
        return WEFT_EEMPTY;
    for (;;) {
        weft__park_will_prepare(t);
        weft__lock(&g->lock);
        rc = take(more, done);
        if (rc == WEFT_EBUSY && (rc = weft__park_prepare(t, WEFT__CANCELABLE)) == 0) {
            more->waiter = t;
            more->waiter_ticket = weft__park_ticket(t);
            weft__unlock(&g->lock);
            if (weft__park(t) == WEFT__WON_EVENT)
                continue;
            weft__lock(&g->lock);
            more->waiter = NULL;
            rc = WEFT_ECANCELED;
        }
        weft__unlock(&g->lock);
        return rc;
    }
}
