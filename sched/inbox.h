/* SPDX-License-Identifier: MIT */
/*
 * The inbox: tasks that threads other than the workers made ready. An intrusive stack (Treiber's push); whoever looks
 * takes it whole by one exchange, so ABA cannot arise, and turns it round. A producer that is preempted in the middle
 * of a push holds up nobody.
 */
#ifndef WEFT_SCHED_INBOX_H
#define WEFT_SCHED_INBOX_H

#include "sched/task.h"

struct weft__inbox {
    WEFT__ALIGNED _Atomic(struct weft__task *) newest;
};

/* Pushes a chain that is linked by `next` from the newest to the oldest. */
static inline void weft__inbox_push_chain(struct weft__inbox *in, struct weft__task *newest, struct weft__task *oldest)
{
    struct weft__task *head = A_LOAD(&in->newest, relaxed); /* relaxed: only compared */

    /* seq_cst pairs with the load in weft__inbox_seems_empty() after a sleeper's announcement (idle.h) */
    do
        oldest->next = head;
    while (!A_CAS_WEAK(&in->newest, &head, newest, seq_cst, relaxed));
}

static inline void weft__inbox_push(struct weft__inbox *in, struct weft__task *t)
{
    weft__inbox_push_chain(in, t, t);
}

static inline bool weft__inbox_seems_empty(struct weft__inbox *in)
{
    return A_LOAD(&in->newest, seq_cst) == NULL;
}

/* All that is there, linked by `next`, oldest first; NULL when empty. */
static inline struct weft__task *weft__inbox_take(struct weft__inbox *in)
{
    struct weft__task *t, *list = NULL;

    if (A_LOAD(&in->newest, relaxed) == NULL) /* relaxed: a push that is missed is found by the next look */
        return NULL;
    t = A_XCHG(&in->newest, NULL, acquire); /* pairs with the push */
    while (t != NULL) {
        struct weft__task *older = t->next;

        t->next = list;
        list = t;
        t = older;
    }
    return list;
}

#endif
