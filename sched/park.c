/* SPDX-License-Identifier: MIT */
#include "sched/park.h"

#include <weft/error.h>

#include "sched/report.h"

bool weft__task_canceled_slow(struct weft__task *t, uint64_t epoch)
{
    bool canceled = weft__scope_chain_canceled(t->scope);

    /* The count goes on although others are cancelled, and the epoch moves. It begins anew where the scope is left (scope.c). */
    t->seen_canceled = !canceled ? 0 : t->seen_canceled != 0 ? t->seen_canceled : 1;
    /* In a shield it looks each time: what it finds does not hold for groups outside of the shield. relaxed: its own */
    t->seen_epoch = A_LOAD(&t->shield, relaxed) == 0 ? epoch : 0;
    return canceled;
}

/* In debug mode: a checkpoint has failed once more. */
static void count_refusal(struct weft__task *t)
{
    if (t->seen_canceled < UINT8_MAX && ++t->seen_canceled == UINT8_MAX)
        weft__report_misuse(t, "tries again and again although it is canceled");
}

int weft__checkpoint_slow(struct weft__worker *w, struct weft__task *t)
{
    /* A loop that retries on WEFT_ECANCELED, or that always succeeds at once, must not starve the others. */
    if (weft__task_canceled(t))
        weft__worker_yield(w, t);
    else
        (void)weft__worker_attend(w, t);
    if (!weft__task_canceled(t))
        return 0;
    if (t->rt->debug)
        count_refusal(t);
    return WEFT_ECANCELED;
}

int weft__park_prepare(struct weft__task *t, enum weft__cancelable how)
{
    uint64_t ticket = weft__park_next_ticket(t);

    if (how == WEFT__NOT_CANCELABLE) {
        A_STORE(&t->wait, ticket | WEFT__HELD | WEFT__ARMED, release); /* pairs with the acquire of a claim */
        return 0;
    }
    weft__park_will_prepare(t);
    /* seq_cst, and then the epoch: pairs with weft__cancel(), which moves the epoch and then looks at this word. One of the
     * two sees the other. */
    A_STORE(&t->wait, ticket | WEFT__ARMED, seq_cst);
    if (WEFT__UNLIKELY(weft__task_canceled(t))) {
        weft__park_abandon(t);
        return WEFT_ECANCELED;
    }
    return 0;
}

bool weft__unpark(struct weft__task *t, weft__ticket ticket, enum weft__phase why)
{
    enum weft__claim c = weft__claim(t, ticket, why);

    if (c == WEFT__CLAIM_ASLEEP)
        weft__make_ready(t);
    return c != WEFT__CLAIM_LOST;
}

void weft__unpark_any(struct weft__task *t)
{
    uint64_t s = A_LOAD(&t->wait, acquire);

    (void)weft__unpark(t, s & ~(uint64_t)(WEFT__TICKET_UNIT - 1), WEFT__WON_EVENT);
}

void weft__unpark_canceled(struct weft__task *t, int64_t depth)
{
    /* seq_cst: the look at the wait word after the epoch has moved, see weft__park_prepare() */
    uint64_t s = A_LOAD(&t->wait, seq_cst);

    while (weft__claimable(s) && !(s & WEFT__HELD)) {
        bool asleep = (s & WEFT__PHASE_MASK) == WEFT__PARKED;

        /* relaxed: it was written before the wait was armed. If it has changed since, that wait is over, and the claim fails */
        if ((int64_t)A_LOAD(&t->shield, relaxed) > depth + 1)
            return;
        if (weft__try_claim(t, &s, WEFT__WON_CANCEL)) {
            if (asleep)
                weft__make_ready(t);
            return;
        }
    }
}
