/* SPDX-License-Identifier: MIT */
#include "sched/bias.h"

#include "sched/runtime.h"

_Static_assert(_Alignof(struct weft__worker) >= WEFT__BIAS_TIMES,
               "the number of a mark fits into the address of a worker");

/* The last bias, which is in force. */
static void revoke(struct weft__bias_lock *l)
{
    unsigned turns = 0;

    A_STORE(&l->favourite, 0, relaxed); /* relaxed: ordered by the barrier */
    weft__membarrier();
    while (A_LOAD(&l->inside[l->times - 1], acquire)) /* pairs with the release of the favourite */
        weft__spin(&turns);
}

void weft__bias_settle(struct weft__bias_lock *l, struct weft__worker *w)
{
    if (A_LOAD(&l->favourite, relaxed) != 0) /* relaxed: it is written under the lock */
        revoke(l);
    if (w == NULL || w != l->last) {
        l->last = w;
        l->streak = 0;
    } else if (l->times < WEFT__BIAS_TIMES && ++l->streak >= (uint32_t)WEFT__BIAS_AFTER << l->times &&
               w->rt->has_membarrier) {
        l->streak = 0;
        /* relaxed: it is looked at by itself, or under the lock */
        A_STORE(&l->favourite, (uintptr_t)w + l->times++, relaxed);
    }
}
