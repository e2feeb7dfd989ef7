/* SPDX-License-Identifier: MIT */
/*
 * The permits lie in a word, beside a bit that says that there is a queue:
 *
 *      free (no bit)   --acquire finds too few: under the lock, sets the bit and queues-->   queued
 *      whoever takes or gives permits changes           only who holds the lock changes the word; permits go to the first in the queue,
 *      the word by one compare-and-swap                 and to nobody while those there are too few for it
 *                      <--grant() finds the queue empty--
 *
 * Invariants, whenever the lock is free:
 *      the bit is set  <=>  the queue holds somebody
 *      of those in the queue who were not cancelled, the first wants more permits than there are. One that was cancelled wakes up, and calls
 *      grant() when it has left
 *      permits <= bound
 *
 * Order: what was done before a release is seen by who has its permits. The release is a release of the word, by the
 * compare-and-swap or by grant()'s store, which has acquired the word before; the taker acquires the word, or is
 * claimed after that.
 */
#include <weft/semaphore.h>

#include <weft/error.h>

#include "sync/misuse.h"
#include "sync/waiter.h"

#define QUEUED 1u
#define UNIT 2u

struct weft__semaphore {
    _Atomic uint64_t word; /* permits * UNIT, and QUEUED */
    /* Guards the queue, and the word while QUEUED is set. A leaf but for the wait words of the waiters. */
    struct weft__spinlock lock;
    struct weft__list waiters; /* of struct semaphore_waiter */
    uint64_t missing;          /* what the bound lacks to WEFT_SEMAPHORE_MAX: so zero stands for no bound */
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__semaphore) == sizeof(weft_semaphore) && sizeof(weft_semaphore) == 40,
               "as the header says");
_Static_assert(_Alignof(struct weft__semaphore) <= _Alignof(weft_semaphore), "the caller's storage suits");

struct semaphore_waiter {
    struct weft__waiter waiter;
    uint64_t n;
};

static struct weft__semaphore *inside(weft_semaphore *s)
{
    return (struct weft__semaphore *)s;
}

static uint64_t bound_of(const struct weft__semaphore *s)
{
    return WEFT_SEMAPHORE_MAX - s->missing;
}

int weft_semaphore_init(weft_semaphore *s, uint64_t n)
{
    if (n > WEFT_SEMAPHORE_MAX)
        return WEFT_EINVAL;
    *s = (weft_semaphore)WEFT_SEMAPHORE_INIT(n);
    return 0;
}

int weft_bounded_semaphore_init(weft_semaphore *s, uint64_t n)
{
    if (n > WEFT_SEMAPHORE_MAX)
        return WEFT_EINVAL;
    *s = (weft_semaphore)WEFT_BOUNDED_SEMAPHORE_INIT(n);
    return 0;
}

int weft_semaphore_fini(weft_semaphore *sem)
{
    struct weft__semaphore *s = inside(sem);
    uint64_t word;

    weft__spinlock_lock(&s->lock);    /* a release that has let the caller in may hold it still */
    word = A_LOAD(&s->word, relaxed); /* relaxed: nobody else is there, or the answer is of the past */
    weft__spinlock_unlock(&s->lock);
    if ((word & QUEUED) == 0 && (s->missing == 0 || word / UNIT == bound_of(s)))
        return 0;
    return weft__misuse(WEFT_EBUSY, "ends a semaphore that is waited for, or whose permits are out");
}

/* Takes `n` where nobody waits. */
static inline bool take(struct weft__semaphore *s, uint64_t n)
{
    uint64_t word = A_LOAD(&s->word, relaxed); /* relaxed: the exchange acquires */

    while ((word & QUEUED) == 0 && word / UNIT >= n)
        /* acquire pairs with the releases of weft_semaphore_release_n() and grant() */
        if (A_CAS_WEAK(&s->word, &word, word - n * UNIT, acquire, relaxed))
            return true;
    return false;
}

/* The same for one who has failed. The bit may have been set by somebody on the way to the queue, or to those who were in it: what it says
 * counts under the lock only. */
static WEFT__NOINLINE bool take_if_nobody_waits(struct weft__semaphore *s, uint64_t n)
{
    bool taken;

    if (A_LOAD(&s->word, relaxed) / UNIT < n) /* relaxed: as in take() */
        return false;
    weft__spinlock_lock(&s->lock);
    taken = take(s, n);
    weft__spinlock_unlock(&s->lock);
    return taken;
}

/* Adds `more` permits, and hands out what there is in the order of the queue. Under the lock, with QUEUED set. */
static void grant(struct weft__semaphore *s, uint64_t more, struct weft__wakes *wakes)
{
    uint64_t permits = A_LOAD(&s->word, acquire) / UNIT + more; /* acquire, and release below: see the top */
    struct weft__waiter *w;

    while ((w = weft__waiters_first(&s->waiters)) != NULL) {
        uint64_t n = WEFT__CONTAINER(w, struct semaphore_waiter, waiter)->n;

        if (n > permits)
            break;
        if (weft__waiter_claim(w, &s->waiters, wakes))
            permits -= n;
    }
    A_STORE(&s->word, permits * UNIT | (w != NULL ? QUEUED : 0), release);
}

static WEFT__NOINLINE int wait_for(struct weft__semaphore *s, struct semaphore_waiter *w)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    uint64_t word;
    int rc;

    weft__spinlock_lock(&s->lock);
    word = A_OR(&s->word, QUEUED, acquire); /* pairs with the releases of weft_semaphore_release_n() and grant() */
    if ((word & QUEUED) == 0 && word / UNIT >= w->n) {
        A_STORE(&s->word, word - w->n * UNIT, release); /* hands on what was acquired */
        weft__spinlock_unlock(&s->lock);
        return 0;
    }
    if ((rc = weft__wait_in(&w->waiter, &s->waiters, &s->lock)) == 0)
        return 0;
    /* It may have been the one that those behind it had to wait for. The bit may be gone with a grant that took it
     * out. */
    (void)A_OR(&s->word, QUEUED, relaxed); /* relaxed: grant() acquires */
    grant(s, 0, &wakes);
    weft__spinlock_unlock(&s->lock);
    weft__wake(&wakes);
    return rc;
}

int weft_semaphore_acquire_n(weft_semaphore *sem, uint64_t n)
{
    struct weft__semaphore *s = inside(sem);
    struct semaphore_waiter w;
    int rc = weft__wait_enter(&w.waiter);

    if (WEFT__UNLIKELY(rc < 0))
        return rc;
    if (WEFT__LIKELY(take(s, n)))
        return 0;
    if (n > bound_of(s))
        return WEFT_EINVAL;
    w.n = n;
    return wait_for(s, &w);
}

int weft_semaphore_acquire(weft_semaphore *s)
{
    return weft_semaphore_acquire_n(s, 1);
}

int weft_semaphore_try_acquire_n(weft_semaphore *sem, uint64_t n)
{
    struct weft__semaphore *s = inside(sem);

    if (WEFT__LIKELY(take(s, n)))
        return 0;
    if (n > bound_of(s))
        return WEFT_EINVAL;
    return take_if_nobody_waits(s, n) ? 0 : WEFT_EBUSY;
}

int weft_semaphore_try_acquire(weft_semaphore *s)
{
    return weft_semaphore_try_acquire_n(s, 1);
}

static WEFT__NOINLINE int refuse(void)
{
    return weft__misuse(WEFT_EINVAL, "releases more permits than a semaphore may have");
}

/* Gives while there is a queue, or was a moment ago. */
static WEFT__NOINLINE int give_to_waiters(struct weft__semaphore *s, uint64_t n)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    bool refused;

    weft__spinlock_lock(&s->lock);
    /* From here on the word stands still. relaxed: grant() acquires */
    refused = n > bound_of(s) - A_OR(&s->word, QUEUED, relaxed) / UNIT;
    grant(s, refused ? 0 : n, &wakes);
    weft__spinlock_unlock(&s->lock);
    weft__wake(&wakes);
    return refused ? refuse() : 0;
}

int weft_semaphore_release_n(weft_semaphore *sem, uint64_t n)
{
    struct weft__semaphore *s = inside(sem);
    uint64_t word = A_LOAD(&s->word, relaxed); /* relaxed: the exchange releases */

    do {
        if (WEFT__UNLIKELY((word & QUEUED) != 0))
            return give_to_waiters(s, n);
        if (WEFT__UNLIKELY(n > bound_of(s) - word / UNIT))
            return refuse();
    } while (WEFT__UNLIKELY(!A_CAS_WEAK(&s->word, &word, word + n * UNIT, release, relaxed))); /* pairs with take() */
    return 0;
}

int weft_semaphore_release(weft_semaphore *s)
{
    return weft_semaphore_release_n(s, 1);
}

uint64_t weft_semaphore_value(const weft_semaphore *s)
{
    /* relaxed: a number that is of the past as soon as it is read */
    return A_LOAD(&((const struct weft__semaphore *)s)->word, relaxed) / UNIT;
}
