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

/*
 * For how many stalls one stays away from a lock that it found held. One that looks all the time takes the lock's cache line, and those of
 * what it guards, from a holder that mostly wants them again at once, so that they travel with each hold. One that stays away
 * lets the holder do some dozens of holds meanwhile, and has as many when its turn comes.
 */
enum { STALLS_FIRST = 16, STALLS_MOST = 128 };

void weft__spinlock_slow(struct weft__spinlock *l)
{
    unsigned stalls = STALLS_FIRST;

    for (;;) {
        for (unsigned i = 0; i < stalls; i++)
            weft__stall();
        if (!A_LOAD(&l->held, relaxed) && !A_XCHG(&l->held, true, acquire))
            return;
        if (stalls < STALLS_MOST)
            stalls *= 2;
        else
            weft__thread_yield();
    }
}
