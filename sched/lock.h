/* SPDX-License-Identifier: MIT */
/*
 * A small mutex for short critical sections of threads: one word, a compare-and-swap when it is free.
 * After Drepper, "Futexes Are Tricky" (2011), mutex 3: 0 free, 1 held, 2 held and somebody may sleep.
 * A task must not suspend while it holds one.
 */
#ifndef WEFT_SCHED_LOCK_H
#define WEFT_SCHED_LOCK_H

#include "sched/platform.h"

struct weft__lock {
    _Atomic uint32_t word;
};

void weft__lock_slow(struct weft__lock *l);

static inline void weft__lock(struct weft__lock *l)
{
    uint32_t free = 0;

    /* acquire pairs with the release in weft__unlock() */
    if (WEFT__UNLIKELY(!A_CAS(&l->word, &free, 1, acquire, relaxed)))
        weft__lock_slow(l);
}

static inline void weft__unlock(struct weft__lock *l)
{
    if (WEFT__UNLIKELY(A_XCHG(&l->word, 0, release) == 2))
        weft__futex_wake(&l->word, 1);
}

/*
 * The same for sections of a few dozen instructions on paths where each atomic operation counts: releasing it is a plain
 * store. Nobody sleeps on it; who finds it held for long offers the CPU to the holder.
 */
struct weft__spinlock {
    _Atomic bool held;
};

void weft__spinlock_slow(struct weft__spinlock *l);

static inline void weft__spinlock_lock(struct weft__spinlock *l)
{
    /* acquire pairs with the release below */
    if (WEFT__UNLIKELY(A_XCHG(&l->held, true, acquire)))
        weft__spinlock_slow(l);
}

/* Waits until whoever held it, when the caller was told of something that was done under it, has let go of it. */
static inline void weft__spinlock_wait(struct weft__spinlock *l)
{
    unsigned turns = 0;

    while (WEFT__UNLIKELY(A_LOAD(&l->held, acquire))) /* pairs with the release below */
        weft__spin(&turns);
}

static inline void weft__spinlock_unlock(struct weft__spinlock *l)
{
    A_STORE(&l->held, false, release);
}

#endif
