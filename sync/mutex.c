/* SPDX-License-Identifier: MIT */
#include "sync/mutex.h"

#include <weft/error.h>

#include "sync/misuse.h"

void weft_mutex_init(weft_mutex *m)
{
    *m = (weft_mutex)WEFT_MUTEX_INIT;
}

int weft_mutex_fini(weft_mutex *p)
{
    struct weft__mutex *m = weft__mutex_of(p);
    uint64_t s;
    bool busy;

    weft__spinlock_lock(&m->lock);
    s = A_LOAD(&m->word, acquire); /* pairs with the release of the last owner */
    busy = (s != 0 && s != WEFT__MUTEX_BROKEN) || m->waiters.first != NULL || m->called;
    if (!busy)
        A_STORE(&m->word, 0, relaxed); /* relaxed: nobody else is left */
    weft__spinlock_unlock(&m->lock);
    return busy ? weft__misuse(WEFT_EBUSY, "ends a mutex that is held or waited for") : 0;
}

bool weft_mutex_owned(const weft_mutex *m)
{
    const struct weft__task *t = weft__task_self();

    return t != NULL && weft__mutex_is_owner((const struct weft__mutex *)m, t);
}

static struct weft__mutex_waiter *first(const struct weft__mutex *m)
{
    return m->waiters.first != NULL ? WEFT__CONTAINER(m->waiters.first, struct weft__mutex_waiter, waiter.link) : NULL;
}

/* The word of an owner: who waits now is to be woken by its unlock, unless one is called, who will see to that. Under the lock. */
static uint64_t owned_by(const struct weft__mutex *m, const struct weft__task *t)
{
    return (uintptr_t)t | (m->waiters.first != NULL && !m->called ? WEFT__MUTEX_WAITED : 0);
}

/* Takes `w`, the first, out of the queue, and gives it its turn; false: it was cancelled before. Under the lock. */
static bool claim(struct weft__mutex *m, struct weft__mutex_waiter *w, enum weft__mutex_turn turn,
                  struct weft__wakes *wakes)
{
    if (!w->claimed) {
        if (!weft__waiter_claim(&w->waiter, &m->waiters, wakes))
            return false;
    } else {
        weft__list_remove(&m->waiters, &w->waiter.link);
        weft__wakes_add(wakes, w->waiter.task);
        w->claimed = false;
    }
    w->turn = turn;
    return true;
}

/* The owner `t` has ended. */
static void abandon(struct weft__held *held, struct weft__task *t)
{
    struct weft__mutex *m = WEFT__CONTAINER(held, struct weft__mutex, held);
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct weft__mutex_waiter *w;

    weft__report_misuse(t, "ended while it held a mutex");
    weft__spinlock_lock(&m->lock);
    A_STORE(&m->word, WEFT__MUTEX_BROKEN, release); /* pairs with the acquire of a repair */
    while ((w = first(m)) != NULL)
        (void)claim(m, w, WEFT__MUTEX_BROKE, &wakes);
    weft__spinlock_unlock(&m->lock);
    weft__wake(&wakes);
}

static inline void become_owner(struct weft__mutex *m, struct weft__task *t)
{
    weft__held_add(t, &m->held, abandon);
}

/* 0, or WEFT_EBROKEN, or WEFT_EBUSY: then its unlock comes to the queue, or one is called and will see to that. Under
 * the lock. */
static int take(struct weft__mutex *m, const struct weft__task *t)
{
    uint64_t s = A_LOAD(&m->word, relaxed); /* relaxed: compared by what follows */

    for (;;) {
        if (s == 0) {
            /* acquire pairs with the release of the last owner */
            if (A_CAS_WEAK(&m->word, &s, owned_by(m, t), acquire, relaxed))
                return 0;
        } else if (s == WEFT__MUTEX_BROKEN) {
            return WEFT_EBROKEN;
        } else if ((s & WEFT__MUTEX_WAITED) != 0 || m->called ||
                   A_CAS_WEAK(&m->word, &s, s | WEFT__MUTEX_WAITED, relaxed, relaxed)) {
            /* relaxed: what orders is the lock, which the unlock takes that finds the bit */
            return WEFT_EBUSY;
        }
    }
}

/* Under the lock: 0 or WEFT_ECANCELED, and it is not in the queue. */
static int queue(struct weft__mutex *m, struct weft__mutex_waiter *w, enum weft__cancelable how)
{
    int rc = weft__wait_arm(&w->waiter, how);

    if (rc < 0)
        return rc;
    w->waiter.queued = true;
    if (w->since == 0)
        w->since = weft__clock();
    if (w->turn == WEFT__MUTEX_CALLED) {
        w->losses++;
        weft__list_prepend(&m->waiters, &w->waiter.link);
    } else {
        weft__list_append(&m->waiters, &w->waiter.link);
    }
    w->turn = WEFT__MUTEX_QUEUED;
    return 0;
}

int weft__mutex_acquire(struct weft__mutex *m, struct weft__mutex_waiter *w, enum weft__cancelable how)
{
    struct weft__task *t = w->waiter.task;

    while (w->turn < WEFT__MUTEX_HANDED) {
        int rc;

        weft__spinlock_lock(&m->lock);
        if (w->turn == WEFT__MUTEX_CALLED)
            m->called = false;
        rc = take(m, t);
        if (rc == WEFT_EBUSY && (rc = queue(m, w, how)) == 0) {
            weft__spinlock_unlock(&m->lock);
            if ((rc = weft__wait(&w->waiter)) == 0)
                continue;
            weft__spinlock_lock(&m->lock);
            weft__wait_leave(&w->waiter, &m->waiters);
        }
        weft__spinlock_unlock(&m->lock);
        if (rc < 0)
            return rc;
        break;
    }
    if (w->turn == WEFT__MUTEX_BROKE)
        return WEFT_EBROKEN;
    become_owner(m, t);
    return 0;
}

static int locks_again(void)
{
    return weft__misuse(WEFT_EDEADLK, "locks a mutex that it holds");
}

static WEFT__NOINLINE int lock_slow(struct weft__mutex *m)
{
    struct weft__mutex_waiter w = {.losses = 0};
    struct weft__task *t;
    uint64_t s = 0;
    int rc = weft__enter(&t);

    if (rc < 0)
        return rc;
    /* acquire as below */
    if (A_CAS(&m->word, &s, (uintptr_t)t, acquire, relaxed)) {
        become_owner(m, t);
        return 0;
    }
    if (weft__mutex_is_owner(m, t))
        return locks_again();
    weft__park_will_prepare(t);
    w.waiter.task = t;
    return weft__mutex_acquire(m, &w, WEFT__CANCELABLE);
}

int weft_mutex_lock(weft_mutex *p)
{
    struct weft__mutex *m = weft__mutex_of(p);
    struct weft__worker *worker = weft__worker_self();
    struct weft__task *t = worker != NULL ? worker->current : NULL;
    uint64_t s = 0;

    /* No call but in the tail: what comes before a locked instruction delays it. acquire pairs with the release of the
     * last owner */
    if (WEFT__UNLIKELY(t == NULL || !weft__task_may_go_on(worker, t) ||
                       !A_CAS(&m->word, &s, (uintptr_t)t, acquire, relaxed)))
        return lock_slow(m);
    become_owner(m, t);
    return 0;
}

int weft_mutex_try_lock(weft_mutex *p)
{
    struct weft__mutex *m = weft__mutex_of(p);
    struct weft__task *t = weft__task_self();
    uint64_t s = 0;

    if (WEFT__UNLIKELY(t == NULL))
        return WEFT_ENOTASK;
    /* acquire as above */
    if (WEFT__UNLIKELY(!A_CAS(&m->word, &s, (uintptr_t)t, acquire, relaxed))) {
        if (s == WEFT__MUTEX_BROKEN)
            return WEFT_EBROKEN;
        return weft__mutex_is_owner(m, t) ? locks_again() : WEFT_EBUSY;
    }
    become_owner(m, t);
    return 0;
}

int weft_mutex_repair(weft_mutex *p)
{
    struct weft__mutex *m = weft__mutex_of(p);
    struct weft__task *t = weft__task_self();
    uint64_t s = WEFT__MUTEX_BROKEN;

    if (t == NULL)
        return WEFT_ENOTASK;
    /* acquire pairs with the release in abandon() */
    if (!A_CAS(&m->word, &s, (uintptr_t)t, acquire, relaxed))
        return WEFT_EALREADY;
    become_owner(m, t);
    return 0;
}

/* Hands the mutex to the first that was not cancelled, if it has starved, or frees it and calls that one. */
static WEFT__NOINLINE void release_slow(struct weft__mutex *m)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct weft__mutex_waiter *w;
    uint64_t s = 0;

    weft__spinlock_lock(&m->lock);
    while ((w = first(m)) != NULL) {
        bool starved = w->losses >= WEFT__MUTEX_LOSSES || weft__clock() - w->since > WEFT__MUTEX_PATIENCE;

        if (claim(m, w, starved ? WEFT__MUTEX_HANDED : WEFT__MUTEX_CALLED, &wakes)) {
            if (starved)
                s = owned_by(m, w->waiter.task);
            else
                m->called = true;
            break;
        }
    }
    /* A plain store: with WAITED the word changes under the lock alone. release pairs with the acquire of the next
     * owner */
    A_STORE(&m->word, s, release);
    weft__spinlock_unlock(&m->lock);
    weft__wake(&wakes);
}

void weft__mutex_release(struct weft__mutex *m, struct weft__task *t)
{
    uint64_t s = (uintptr_t)t;

    weft__held_remove(t, &m->held);
    /* release pairs with the acquire of the next owner */
    if (WEFT__UNLIKELY(!A_CAS(&m->word, &s, 0, release, relaxed)))
        release_slow(m);
}

static WEFT__NOINLINE int unlock_slow(struct weft__mutex *m)
{
    struct weft__task *t = weft__task_self();

    if (t == NULL)
        return WEFT_ENOTASK;
    if (WEFT__UNLIKELY(!weft__mutex_is_owner(m, t)))
        return weft__misuse(WEFT_EPERM, "unlocks a mutex that it does not hold");
    weft__mutex_release(m, t);
    return 0;
}

int weft_mutex_unlock(weft_mutex *p)
{
    struct weft__mutex *m = weft__mutex_of(p);
    struct weft__task *t = weft__task_self();
    struct weft__held *next;
    uint64_t s = (uintptr_t)t;

    /* What is in the list of the task is its own: one look says so, and that no walk is needed. */
    if (WEFT__LIKELY(t != NULL && t->held == &m->held)) {
        next = m->held.next;
        /* release pairs with the acquire of the next owner */
        if (WEFT__LIKELY(A_CAS(&m->word, &s, 0, release, relaxed))) {
            t->held = next;
            return 0;
        }
    }
    return unlock_slow(m);
}

void weft__mutex_move(struct weft__mutex *m, struct weft__mutex_waiter *w)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    uint64_t s;

    weft__spinlock_lock(&m->lock);
    w->claimed = true;
    w->since = weft__clock();
    weft__list_append(&m->waiters, &w->waiter.link);
    s = A_LOAD(&m->word, relaxed); /* relaxed: compared by what follows */
    for (;;) {
        if (s == WEFT__MUTEX_BROKEN) {
            (void)claim(m, w, WEFT__MUTEX_BROKE, &wakes);
            break;
        }
        if (m->called || (s & WEFT__MUTEX_WAITED) != 0)
            break;
        if (s == 0) {
            m->called = claim(m, w, WEFT__MUTEX_CALLED, &wakes);
            break;
        }
        /* relaxed: as in take() */
        if (A_CAS_WEAK(&m->word, &s, s | WEFT__MUTEX_WAITED, relaxed, relaxed))
            break;
    }
    weft__spinlock_unlock(&m->lock);
    weft__wake(&wakes);
}
