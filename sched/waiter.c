/* SPDX-License-Identifier: MIT */
/* The public face of park.h: a task's record and a ticket as one opaque value. */
#include <weft/park.h>

#include <weft/error.h>

#include "sched/park.h"

_Static_assert(sizeof(uintptr_t) <= sizeof(uint64_t), "a waiter holds a pointer");

static struct weft__task *task_of(weft_waiter w)
{
    return (struct weft__task *)(uintptr_t)w.opaque[0];
}

static weft__ticket ticket_of(weft_waiter w)
{
    return w.opaque[1];
}

int weft_park_enter(void)
{
    struct weft__task *t;
    int rc = weft__enter(&t);

    if (rc == 0)
        weft__park_will_prepare(t);
    return rc;
}

static int prepare(weft_waiter *w, enum weft__cancelable how)
{
    struct weft__task *t = weft__task_self();
    int rc = t != NULL ? weft__park_prepare(t, how) : WEFT_ENOTASK;

    *w = (weft_waiter){{0}};
    if (rc == 0)
        *w = (weft_waiter){{(uintptr_t)t, weft__park_ticket(t)}};
    return rc;
}

int weft_park_prepare(weft_waiter *w)
{
    return prepare(w, WEFT__CANCELABLE);
}

int weft_park_prepare_shielded(weft_waiter *w)
{
    return prepare(w, WEFT__NOT_CANCELABLE);
}

/* Whether it is the last wait that the calling task has prepared: 0 or a code. */
static int check_own(const weft_waiter *w)
{
    struct weft__task *t = weft__task_self();

    if (t == NULL)
        return WEFT_ENOTASK;
    return t == task_of(*w) && weft__park_ticket(t) == ticket_of(*w) ? 0 : WEFT_EINVAL;
}

static int outcome(enum weft__phase won)
{
    switch (won) {
    case WEFT__WON_EVENT:
        return 0;
    case WEFT__WON_CANCEL:
        return WEFT_ECANCELED;
    case WEFT__WON_TIME:
        return WEFT_ETIMEDOUT;
    default: /* it was abandoned */
        return WEFT_EINVAL;
    }
}

int weft_park(weft_waiter *w)
{
    int rc = check_own(w);

    return rc < 0 ? rc : outcome(weft__park(task_of(*w)));
}

int weft_park_until(weft_waiter *w, weft_time deadline)
{
    struct weft__task *t = task_of(*w);
    enum weft__phase won;
    int rc = check_own(w);

    if (rc < 0)
        return rc;
    if (deadline <= weft__clock())
        (void)weft__claim(t, ticket_of(*w), WEFT__WON_TIME);
    else if ((rc = weft__park_until(t, deadline, &won)) == 0)
        return outcome(won);
    else if (weft__claim(t, ticket_of(*w), WEFT__IDLE) != WEFT__CLAIM_LOST)
        return rc;
    return outcome(weft__park(t)); /* it has been won, and does not suspend */
}

bool weft_park_abandon(weft_waiter *w)
{
    struct weft__task *t = task_of(*w);

    if (check_own(w) < 0)
        return true;
    return weft__claim(t, ticket_of(*w), WEFT__IDLE) != WEFT__CLAIM_LOST || weft__park(t) != WEFT__WON_EVENT;
}

enum weft_claim weft_unpark_claim(weft_waiter w)
{
    struct weft__task *t = task_of(w);

    if (t == NULL)
        return WEFT_CLAIM_LOST;
    switch (weft__claim(t, ticket_of(w), WEFT__WON_EVENT)) {
    case WEFT__CLAIM_ASLEEP:
        return WEFT_CLAIM_OWED;
    case WEFT__CLAIM_AWAKE:
        return WEFT_CLAIM_DONE;
    default:
        return WEFT_CLAIM_LOST;
    }
}

void weft_unpark_finish(weft_waiter w, enum weft_claim claim)
{
    if (claim == WEFT_CLAIM_OWED)
        weft__make_ready(task_of(w));
}

bool weft_unpark(weft_waiter w)
{
    enum weft_claim claim = weft_unpark_claim(w);

    weft_unpark_finish(w, claim);
    return claim != WEFT_CLAIM_LOST;
}
