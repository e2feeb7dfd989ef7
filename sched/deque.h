/* SPDX-License-Identifier: MIT */
/*
 * The work-stealing deque of Chase and Lev, in the form of Lê, Pop, Cohen and Zappa Nardelli, "Correct and Efficient
 * Work-Stealing for Weak Memory Models" (PPoPP 2013), with a private part as in Lace (van Dijk and van de Pol, "Lace: Non-blocking
 * Split Deque for Work-Stealing", 2014). One owner pushes and pops at the bottom; anybody, the owner too, steals at the top, oldest
 * first. A worker keeps one for the tasks that never ran (push, pop, steal), and ready queues, one a level (push_shared, push_quietly,
 * steal, steal_half): from those nobody pops.
 *
 *      top         split        bottom
 *       v            v             v
 *   [..][x][x][x][x][x][x][x][x][x][..]      indices only grow (pop undoes a push); slot = index & mask
 *        `- shared -' `- private -'
 *
 * Thieves take from the shared part only, by the protocol of Chase and Lev, in which split has the place of bottom. So the owner
 * pushes and pops in the private part with plain loads and stores. A thief that finds nothing shared asks; the owner, which looks at
 * `asked` at each push, answers by moving split up to the middle of its private part.
 *
 * An owner that runs one task for long, or blocks its thread, does not answer, and may not strand its tasks: so after a moment
 * anybody may force the exposure. That is a handshake like Dekker's in which the rare side pays for both:
 *      owner's pop:  store bottom, then load limit                     no fence: two plain accesses in program order
 *      forcer:       store limit, then membarrier, then load bottom    a barrier in every thread of the process
 * Either the pop sees the new limit, and undoes itself, or the forcer sees the bottom that it left. Only then does split follow limit.
 * Where the system has no membarrier, everything is shared at once (weft__deque_share_always()), which is the paper's deque.
 *
 * Invariants: top <= split <= limit <= bottom whenever no pop or force is under way; split == limit but while one forces; the slots of
 * [top, bottom) hold items; whoever moves top from t to t + n, by compare-and-swap, owns the items of slots t to t + n - 1, read before the
 * swap; n is 1 where the owner pops. Only the owner writes bottom and array; split and limit are written by the owner, or by a forcer between two changes of `forcing`.
 *
 * Deviations from the paper:
 *   - Stand-alone fences are sequentially consistent accesses instead, which TSan understands.
 *   - The array is grown by its owner, published with release and read by thieves with acquire; push loads it again
 *     after growing. Old arrays are kept until the deque ends: a thief may still read one.
 *   - An owner that has used up its private part takes back half of the shared part at once.
 *   - The store of split in push_shared is sequentially consistent, not release: with the load of the idle state that follows
 *     it makes half of the handshake with a worker that goes to sleep (idle.h). A quiet push is the paper's.
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

enum weft__asked {
    WEFT__ASKED_NOT,
    WEFT__ASKED,        /* by a thief that found nothing shared */
    WEFT__ASKED_ALWAYS, /* share everything at once */
};

struct weft__deque {
    WEFT__ALIGNED _Atomic int64_t top; /* thieves */

    WEFT__ALIGNED _Atomic int64_t split; /* rarely written, read by all */
    _Atomic int64_t limit;
    _Atomic uint32_t asked;   /* enum weft__asked */
    _Atomic uint32_t forcing; /* one forces the exposure */

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

/* From now on nothing is private. Before the deque is shared. */
void weft__deque_share_always(struct weft__deque *d);

/* Anybody but the owner: makes what was private until now shared, whatever the owner does meanwhile. False when
 * there is nothing, or another is at it. The system must have membarrier. */
bool weft__deque_force(struct weft__deque *d);

/* Owner. Makes sure that the oldest item, if there is one, is shared. */
void weft__deque_share_oldest(struct weft__deque *d);

/* Owner. The slow sides of push and pop: makes room for another item, 0 or -ENOMEM; answers those who ask; takes an item back from
 * the shared part, or returns NULL. */
int weft__deque_grow(struct weft__deque *d);
void weft__deque_answer(struct weft__deque *d);
void *weft__deque_take_back(struct weft__deque *d);

/* Anybody but the owner: asks it to share. relaxed: a hint, it carries no data. */
static inline void weft__deque_ask(struct weft__deque *d)
{
    if (A_LOAD(&d->asked, relaxed) == WEFT__ASKED_NOT)
        A_STORE(&d->asked, WEFT__ASKED, relaxed);
}

/* The part that all forms of push share: puts `item` into the slot at bottom, and stores the new bottom. 0 or -ENOMEM. */
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
    A_STORE(&a->slot[b & a->mask], item, relaxed); /* published by the store of bottom, or of split */
    *bottom = b + 1;
    A_STORE(&d->bottom, b + 1, release); /* pairs with the loads of bottom of others */
    return 0;
}

/* Owner. 0, or -ENOMEM and nothing is changed. Nobody may be told of the item by it: a sleeper may miss it, as its owner
 * is awake and comes to it, and the monitor wakes another where that takes long. */
static inline int weft__deque_push(struct weft__deque *d, void *item)
{
    int64_t bottom;
    int rc = weft__deque_put(d, item, &bottom);

    if (WEFT__UNLIKELY(A_LOAD(&d->asked, relaxed) != WEFT__ASKED_NOT) && rc == 0) /* relaxed: a hint */
        weft__deque_answer(d);
    return rc;
}

/* Owner of a deque without a private part. 0, or -ENOMEM and nothing is changed. To be followed by a notification. */
static inline int weft__deque_push_shared(struct weft__deque *d, void *item)
{
    int64_t bottom;
    int rc = weft__deque_put(d, item, &bottom);

    /* pairs with the load of split in weft__deque_steal(), and with weft__deque_seems_empty() after the announcement
     * of a sleeper in weft__idle_sleep() */
    if (WEFT__LIKELY(rc == 0)) {
        A_STORE(&d->limit, bottom, relaxed); /* relaxed: the owner's own where nobody forces */
        A_STORE(&d->split, bottom, seq_cst);
    }
    return rc;
}

/* The same for an item that nobody is told of, as the owner will itself come to it, or tells of others after it, or ends its search
 * afterwards (weft__idle_end_search()): a sleeper may miss it. */
static inline int weft__deque_push_quietly(struct weft__deque *d, void *item)
{
    int64_t bottom;
    int rc = weft__deque_put(d, item, &bottom);

    if (WEFT__LIKELY(rc == 0)) {
        A_STORE(&d->limit, bottom, relaxed);
        A_STORE(&d->split, bottom, release); /* pairs with the load of split in weft__deque_steal() */
    }
    return rc;
}

/* Owner. The newest item, or NULL. */
static inline void *weft__deque_pop(struct weft__deque *d)
{
    int64_t b = A_LOAD(&d->bottom, relaxed) - 1; /* relaxed: the owner's own */
    struct weft__deque_array *a = A_LOAD(&d->array, relaxed);

    if (b < A_LOAD(&d->limit, relaxed)) /* relaxed: a hint; most deques that are popped from in vain are empty */
        return weft__deque_take_back(d);
    A_STORE(&d->bottom, b, relaxed);
    /* The order of this store and the next load is the forcer's business (membarrier); the compiler keeps it. */
    A_COMPILER_FENCE();
    if (WEFT__LIKELY(b >= A_LOAD(&d->limit, relaxed)))
        return A_LOAD(&a->slot[b & a->mask], relaxed);
    A_STORE(&d->bottom, b + 1, relaxed);
    return weft__deque_take_back(d);
}

/* Anybody. The oldest item of the shared part. */
static inline enum weft__steal weft__deque_steal(struct weft__deque *d, void **item)
{
    int64_t t = A_LOAD(&d->top, seq_cst);
    int64_t s = A_LOAD(&d->split, seq_cst); /* pairs with the stores of split by owner and forcer */
    struct weft__deque_array *a;
    void *x;

    if (t >= s)
        return WEFT__STEAL_EMPTY;
    a = A_LOAD(&d->array, acquire);             /* pairs with the release in weft__deque_grow() */
    x = A_LOAD(&a->slot[t & a->mask], relaxed); /* before the swap: after it the owner may write the slot again */
    if (!A_CAS(&d->top, &t, t + 1, seq_cst, relaxed))
        return WEFT__STEAL_LOST;
    *item = x;
    return WEFT__STEAL_GOT;
}

/* The same for the older half, rounded up, `*count` at most; stores how many. Only for a deque from which nobody pops: pop and take_back
 * count on thieves that take one. */
static inline enum weft__steal weft__deque_steal_half(struct weft__deque *d, void **items, int64_t *count)
{
    int64_t t = A_LOAD(&d->top, seq_cst);
    int64_t n = A_LOAD(&d->split, seq_cst) - t; /* as above */
    struct weft__deque_array *a;

    if (n <= 0)
        return WEFT__STEAL_EMPTY;
    n = n - n / 2 < *count ? n - n / 2 : *count;
    a = A_LOAD(&d->array, acquire); /* as above */
    for (int64_t i = 0; i < n; i++)
        items[i] = A_LOAD(&a->slot[(t + i) & a->mask], relaxed); /* before the swap, as above */
    if (!A_CAS(&d->top, &t, t + n, seq_cst, relaxed))
        return WEFT__STEAL_LOST;
    *count = n;
    return WEFT__STEAL_GOT;
}

/* Owner. The number of items, or more where thieves have taken some meanwhile. */
static inline int64_t weft__deque_count_of_owner(struct weft__deque *d)
{
    /* relaxed: bottom is the owner's own; a top that is out of date errs towards more */
    return A_LOAD(&d->bottom, relaxed) - A_LOAD(&d->top, relaxed);
}

/* Anybody. Whether the shared part looks empty: a hint, and strong enough for a last look before sleeping: a shared
 * push that is ordered before the sleeper's announcement is seen. */
static inline bool weft__deque_seems_empty(struct weft__deque *d)
{
    int64_t t = A_LOAD(&d->top, seq_cst);

    return A_LOAD(&d->split, seq_cst) <= t;
}

/* Anybody. Whether there is anything, shared or not: a hint. */
static inline bool weft__deque_seems_used(struct weft__deque *d)
{
    return A_LOAD(&d->bottom, relaxed) > A_LOAD(&d->top, relaxed); /* relaxed: a hint */
}

/* Anybody. Whether there is a private part: a hint. */
static inline bool weft__deque_seems_private(struct weft__deque *d)
{
    return A_LOAD(&d->bottom, relaxed) > A_LOAD(&d->limit, relaxed); /* relaxed: a hint */
}

#endif
