/* SPDX-License-Identifier: MIT */
#include "sched/unsure.h"

#include "sched/runtime.h"

struct weft__task *weft__unsure_look(struct weft__unsure *u, weft_runtime *rt)
{
    struct weft__task *t = A_LOAD(&u->task, relaxed); /* relaxed: see unsure.h */
    uint64_t s;

    if (t == NULL)
        return NULL;
    s = A_ADD(&t->wait, 0, seq_cst); /* see unsure.h, as the next load */
    if (A_LOAD(&rt->cancel_epoch, seq_cst) == A_LOAD(&u->epoch, relaxed) || (s & WEFT__UNSURE) == 0)
        return NULL;
    /* As a claim of it, which leaves the winner to the task. */
    return A_CAS(&t->wait, &s, (s & ~(uint64_t)(WEFT__TICKET_UNIT - 1)) | WEFT__ARMED, acq_rel, relaxed) ? t : NULL;
}
