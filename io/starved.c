/* SPDX-License-Identifier: MIT */
#include "io/starved.h"

#include <weft/error.h>
#include <weft/time.h>

#include "sched/park.h"

enum { RETRY_MS = 100 };

struct waiting {
    struct weft__link link;
    struct weft__task *task;
    weft__ticket ticket;
};

int weft__starved_wait(struct weft__starved *s, struct weft__task *t)
{
    struct waiting me = {.task = t};
    enum weft__phase won = WEFT__IDLE;
    int rc;

    if ((rc = weft__park_prepare(t, WEFT__CANCELABLE)) < 0)
        return rc;
    me.ticket = weft__park_ticket(t);
    weft__lock(&s->lock);
    weft__list_append(&s->waiting, &me.link);
    A_ADD(&s->count, 1, relaxed); /* relaxed: a feed that misses it costs the 100 ms */
    weft__unlock(&s->lock);
    rc = weft__park_until(t, weft_after_ms(RETRY_MS), &won);
    weft__lock(&s->lock);
    weft__list_remove(&s->waiting, &me.link);
    A_SUB(&s->count, 1, relaxed);
    weft__unlock(&s->lock);
    if (rc < 0) {
        weft__park_abandon(t);
        return rc;
    }
    return won == WEFT__WON_CANCEL ? WEFT_ECANCELED : 0;
}

void weft__starved_feed(struct weft__starved *s)
{
    if (WEFT__LIKELY(A_LOAD(&s->count, relaxed) == 0))
        return;
    weft__lock(&s->lock);
    for (struct weft__link *e = s->waiting.first; e != NULL; e = e->next) {
        struct waiting *w = WEFT__CONTAINER(e, struct waiting, link);

        (void)weft__unpark(w->task, w->ticket, WEFT__WON_EVENT);
    }
    weft__unlock(&s->lock);
}
