/* SPDX-License-Identifier: MIT */
/*
 * The count lies in a word, beside a bit that says that somebody waits, or has:
 *
 *      0 --add--> n --count down, add: one compare-and-swap--> m --count down to zero--> 0
 *                 |                                            ^
 *                 wait: under the lock, sets the bit and queues|
 *                 v                                            |
 *      n, somebody waits --count down, add: one compare-and-swap; to zero only under the lock, with all who wait--> 0
 *
 * Invariants, whenever the lock is free:
 *      the queue holds somebody  =>  the bit is set  =>  the count is not zero
 *
 * Order: each count-down is a read-modify-write that releases the word; whoever finds it zero acquires it, and so has
 * all of them, for they are one release sequence. The last one acquires it too, for those that it claims.
 */
#include <weft/latch.h>

#include <weft/error.h>

#include "sync/misuse.h"
#include "sync/waiter.h"

#define QUEUED 1u
#define UNIT 2u

struct weft__latch {
    _Atomic uint64_t word;      /* count * UNIT, and QUEUED */
    struct weft__spinlock lock; /* guards the queue, and QUEUED; a leaf but for the wait words of the waiters */
    struct weft__list waiters;  /* of struct weft__waiter */
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__latch) == sizeof(weft_latch) && sizeof(weft_latch) == 32, "as the header says");
_Static_assert(_Alignof(struct weft__latch) <= _Alignof(weft_latch), "the caller's storage suits");

static struct weft__latch *inside(weft_latch *l)
{
    return (struct weft__latch *)l;
}

int weft_latch_init(weft_latch *l, uint64_t n)
{
    if (n > WEFT_LATCH_MAX)
        return WEFT_EINVAL;
    *l = (weft_latch)WEFT_LATCH_INIT(n);
    return 0;
}

int weft_latch_fini(weft_latch *latch)
{
    struct weft__latch *l = inside(latch);

    return weft__may_end(&l->lock, &l->waiters, "ends a latch that is waited for");
}

uint64_t weft_latch_count(const weft_latch *l)
{
    return A_LOAD(&((const struct weft__latch *)l)->word, acquire) / UNIT; /* pairs with lower() */
}

int weft_latch_try_wait(const weft_latch *l)
{
    return weft_latch_count(l) == 0 ? 0 : WEFT_EAGAIN;
}

enum { TOO_FEW = -1, NEEDS_LOCK = -2 };

/* Lowers the count, and returns what is left of it, or TOO_FEW. NEEDS_LOCK: not `locked`, but it would be zero, and
 * somebody waits. */
static inline int64_t lower(struct weft__latch *l, uint64_t n, bool locked)
{
    uint64_t word = A_LOAD(&l->word, relaxed), next; /* relaxed: the exchange orders */

    do {
        if (WEFT__UNLIKELY(word / UNIT < n))
            return TOO_FEW;
        next = word / UNIT == n ? 0 : word - n * UNIT;
        if (next == 0 && (word & QUEUED) != 0 && !locked)
            return NEEDS_LOCK;
        /* acq_rel pairs with itself, and with the acquires of weft_latch_count() and set_queued() */
    } while (WEFT__UNLIKELY(!A_CAS_WEAK(&l->word, &word, next, acq_rel, relaxed)));
    return (int64_t)(next / UNIT);
}

static int refuse(void)
{
    return weft__misuse(WEFT_EINVAL, "counts a latch down below zero");
}

/* The same under the lock, and lets all go where nothing is left. */
static int64_t lower_locked(struct weft__latch *l, uint64_t n, struct weft__wakes *wakes)
{
    int64_t left = lower(l, n, true);

    if (left == 0)
        weft__waiters_claim_all(&l->waiters, wakes);
    return left;
}

int weft_latch_count_down(weft_latch *latch, uint64_t n)
{
    struct weft__latch *l = inside(latch);
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int64_t left = lower(l, n, false);

    if (WEFT__UNLIKELY(left == NEEDS_LOCK)) {
        weft__spinlock_lock(&l->lock);
        left = lower_locked(l, n, &wakes);
        weft__spinlock_unlock(&l->lock);
        weft__wake(&wakes);
    }
    return left < 0 ? refuse() : 0;
}

int weft_latch_add(weft_latch *latch, uint64_t n)
{
    struct weft__latch *l = inside(latch);
    uint64_t word = A_LOAD(&l->word, relaxed); /* relaxed: an add lets nobody through */

    do {
        if (WEFT__UNLIKELY(n > WEFT_LATCH_MAX || word / UNIT > WEFT_LATCH_MAX - n))
            return WEFT_EINVAL;
    } while (WEFT__UNLIKELY(!A_CAS_WEAK(&l->word, &word, word + n * UNIT, relaxed, relaxed)));
    return 0;
}

/* Says that somebody waits, if there is something to wait for. Under the lock. */
static bool set_queued(struct weft__latch *l)
{
    uint64_t word = A_LOAD(&l->word, acquire); /* pairs with lower() */

    while (word / UNIT != 0)
        if (A_CAS_WEAK(&l->word, &word, word | QUEUED, acquire, acquire))
            return true;
    return false;
}

/* Lowers the count by `arriving`, and waits. */
static int wait_for(struct weft__latch *l, struct weft__waiter *w, uint64_t arriving)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int64_t left = 1;
    bool open = false;
    int rc = 0;

    weft__spinlock_lock(&l->lock);
    if (arriving > 0)
        left = lower_locked(l, arriving, &wakes);
    if (left > 0 && set_queued(l)) {
        if ((rc = weft__wait_begin(w, &l->waiters)) == 0) {
            weft__spinlock_unlock(&l->lock);
            if ((rc = weft__wait(w)) == 0)
                return 0;
            weft__spinlock_lock(&l->lock);
            open = !w->queued;
            weft__wait_leave(w, &l->waiters);
        }
        /* One that was cancelled takes its arrival back, unless the count has been zero with it: then it has been let
         * through. relaxed: as an add */
        if (open)
            rc = 0;
        else if (arriving > 0)
            (void)A_ADD(&l->word, arriving * UNIT, relaxed);
    }
    weft__spinlock_unlock(&l->lock);
    weft__wake(&wakes);
    return left < 0 ? refuse() : rc;
}

int weft_latch_wait(weft_latch *latch)
{
    struct weft__waiter w;
    int rc = weft__wait_enter(&w);

    if (WEFT__UNLIKELY(rc < 0))
        return rc;
    return weft_latch_count(latch) == 0 ? 0 : wait_for(inside(latch), &w, 0);
}

int weft_latch_arrive_and_wait(weft_latch *latch)
{
    struct weft__waiter w;
    int rc = weft__wait_enter(&w);

    return rc < 0 ? rc : wait_for(inside(latch), &w, 1);
}
