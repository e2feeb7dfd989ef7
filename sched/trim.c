/* SPDX-License-Identifier: MIT */
#include "sched/trim.h"

static const weft_time window = 1000000000; /* nanoseconds */

/* SPARE: touched stacks of class 0 that are kept for the next peak, at most 8 MiB of memory. Larger stacks are not worth it.
 * PER_TICK: half a millisecond's work. */
enum { SPARE = 64, PER_TICK = 1024, NS_PER_MS = 1000000 };

/* Milliseconds until this pool has something to be done, or -1. */
static int tick(struct weft__stack_pool *p, weft_time now, int64_t spare)
{
    /* relaxed: numbers, and trimming a few too many costs page faults only */
    int64_t stacks = A_LOAD(&p->stacks, relaxed), have = A_LOAD(&p->credits, relaxed);

    if (stacks == 0)
        return -1;
    if (have < p->trim_least_credits)
        p->trim_least_credits = have;
    if (now >= p->trim_window_end) {
        p->trim_excess = A_LOAD(&p->touched, relaxed) - (stacks - p->trim_least_credits) - spare;
        p->trim_least_credits = have;
        p->trim_window_end = now + window;
    }
    /* What is needed by now is not in excess any more. */
    if (p->trim_excess > A_LOAD(&p->touched, relaxed) - (stacks - have) - spare)
        p->trim_excess = A_LOAD(&p->touched, relaxed) - (stacks - have) - spare;
    if (p->trim_excess > 0) {
        unsigned most = p->trim_excess < PER_TICK ? (unsigned)p->trim_excess : PER_TICK;
        unsigned done = weft__stack_trim(p, most);

        p->trim_excess = done < most ? 0 : p->trim_excess - done;
        if (p->trim_excess > 0)
            return 1;
        /* What lies in magazines cannot be had: no use in looking for it again before others have run. */
        if (done < most)
            return -1;
    }
    if (A_LOAD(&p->touched, relaxed) - (stacks - have) <= spare)
        return -1;
    return (int)((p->trim_window_end - now) / NS_PER_MS) + 1;
}

int weft__trim_tick(struct weft__stack_pool *pools, weft_time now)
{
    int soonest = -1;

    for (unsigned i = 0; i < WEFT__STACK_CLASSES; i++) {
        int ms = tick(&pools[i], now, i == 0 ? SPARE : 0);

        if (ms >= 0 && (soonest < 0 || ms < soonest))
            soonest = ms;
    }
    return soonest;
}
