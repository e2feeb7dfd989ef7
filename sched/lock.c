/* SPDX-License-Identifier: MIT */
#include "sched/lock.h"

#include <weft/time.h>

void weft__lock_slow(struct weft__lock *l)
{
    for (int i = 0; i < 100; i++) {
        uint32_t free = 0;

        if (A_LOAD(&l->word, relaxed) == 0 && A_CAS(&l->word, &free, 1, acquire, relaxed))
            return;
        weft__stall();
    }
    while (A_XCHG(&l->word, 2, acquire) != 0)
        weft__futex_wait(&l->word, 2, WEFT_NEVER);
}

void weft__spinlock_slow(struct weft__spinlock *l)
{
    unsigned turns = 0;

    do
        while (A_LOAD(&l->held, relaxed))
            weft__spin(&turns);
    while (A_XCHG(&l->held, true, acquire));
}
