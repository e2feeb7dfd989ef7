/* SPDX-License-Identifier: MIT */
/*
 * The work-stealing deque of Chase and Lev, in the form of Lê, Pop, Cohen and Zappa Nardelli, "Correct and Efficient
 * Work-Stealing for Weak Memory Models" (PPoPP 2013). One owner pushes and pops at the bottom; anybody, the owner
 * too, steals at the top, oldest first. A worker keeps two: the tasks that never ran (push, pop) and the ready queue (push, steal).
 *
 *      top                bottom
 *       v                   v
 *   [..][x][x][x][x][x][x][..]          indices only grow (pop undoes a push); slot = index & mask
 *
 * Invariants: top <= bottom whenever no pop is under way; the slots of [top, bottom) hold tasks; whoever moves top from
 * t to t + 1, by compare-and-swap, owns the task of slot t, read before the swap.
 *
 * Deviations from the paper:
 *   - Stand-alone fences are sequentially consistent accesses instead, which TSan understands.
 *   - The array is grown by its owner, published with release and read by thieves with acquire; push loads it again
 *     after growing. Old arrays are kept until the deque ends: a thief may still read one.
 *   - The store of bottom in push is sequentially consistent, not release: with the load of the idle state that follows
 *     it makes half of the handshake with a worker that goes to sleep (idle.h). A quiet push is the paper's.
 *   - pop looks before it writes: an empty deque costs two plain loads.
 */
#ifndef WEFT_SCHED_DEQUE_H
#define WEFT_SCHED_DEQUE_H

#include "sched/platform.h"

#ifndef WEFT__DEQUE_CAPACITY
#ifdef WEFT_DEBUG
#define WEFT__DEQUE_CAPACITY 2 /* so that growth happens all the time */
#else
#define WEFT__DEQUE_CAPACITY 256
#endif
#endif

struct weft__deque_array {
    int64_t mask;
    struct weft__deque_array *older;
    _Atomic(void *) slot[];
};

struct weft__deque {
    WEFT__ALIGNED _Atomic int64_t top;    /* thieves */
    WEFT__ALIGNED _Atomic int64_t bottom; /* the owner */
    _Atomic(struct weft__deque_array *) array;
};

enum weft__steal {
    WEFT__STEAL_EMPTY,
    WEFT__STEAL_LOST, /* another took it: trying again may help */
    WEFT__STEAL_GOT,
};

/* 0 or -ENOMEM. A zeroed deque may be ended. */
int weft__deque_init(struct weft__deque *d);
void weft__deque_fini(struct weft__deque *d);

/* Owner. The newest task, or NULL. */
void *weft__deque_pop(struct weft__deque *d);

/* Anybody. The oldest task. */
enum weft__steal weft__deque_steal(struct weft__deque *d, void **item);

/* Owner. Makes room for another item: 0 or -ENOMEM. */
int weft__deque_grow(struct weft__deque *d);

/* The part that both forms of push share: puts `item` into the slot at bottom, `*b`. 0 or -ENOMEM. */
static inline int weft__deque_put(struct weft__deque *d, void *item, int64_t *bottom)
{
    /* relaxed: only the owner writes bottom and array */
    int64_t b = A_LOAD(&d->bottom, relaxed);
    struct weft__deque_array *a = A_LOAD(&d->array, relaxed);

    /* acquire pairs with the swap of top in weft__deque_steal(): the slot has been read before it is written again */
    if (WEFT__UNLIKELY(b - A_LOAD(&d->top, acquire) > a->mask)) {
        int rc = weft__deque_grow(d);

        if (rc < 0)
            return rc;
        a = A_LOAD(&d->array, relaxed);
    }
    A_STORE(&a->slot[b & a->mask], item, relaxed); /* published by the store of bottom */
    *bottom = b + 1;
    return 0;
}

/* Owner. 0, or -ENOMEM and nothing is changed. To be followed by a notification. */
static inline int weft__deque_push(struct weft__deque *d, void *item)
{
    int64_t bottom;
    int rc = weft__deque_put(d, item, &bottom);

    /* pairs with the load of bottom in weft__deque_steal(), and with weft__deque_seems_empty() after the announcement
     * of a sleeper in weft__idle_sleep() */
    if (WEFT__LIKELY(rc == 0))
        A_STORE(&d->bottom, bottom, seq_cst);
    return rc;
}

/* Owner. The same for an item that the owner will itself come to, and that nobody is told of: a sleeper may miss it. */
static inline int weft__deque_push_quietly(struct weft__deque *d, void *item)
{
    int64_t bottom;
    int rc = weft__deque_put(d, item, &bottom);

    if (WEFT__LIKELY(rc == 0))
        A_STORE(&d->bottom, bottom, release); /* pairs with the load of bottom in weft__deque_steal() */
    return rc;
}

/* Owner. The number of items, or more where thieves have taken some meanwhile. */
static inline int64_t weft__deque_count_of_owner(struct weft__deque *d)
{
    /* relaxed: bottom is the owner's own; a top that is out of date errs towards more */
    return A_LOAD(&d->bottom, relaxed) - A_LOAD(&d->top, relaxed);
}

/* Anybody. Exact for the owner of an idle deque, a hint to all others, and strong enough for a last look before
 * sleeping: a push that is ordered before the sleeper's announcement is seen. */
static inline bool weft__deque_seems_empty(struct weft__deque *d)
{
    int64_t t = A_LOAD(&d->top, seq_cst);

    return A_LOAD(&d->bottom, seq_cst) <= t;
}

#endif
