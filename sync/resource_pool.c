/* SPDX-License-Identifier: MIT */
/*
 * What is handed around under the lock are permits: the right to have one resource open, of which there are `max`. `open` counts those that
 * are given. A permit belongs to
 *      a resource that is idle, in the ring
 *      whoever has a resource, or opens, checks or closes one with the user's functions, without the lock
 * and goes back when the resource has been closed, not before, so there are never more than `max`.
 *
 *     open --close--> closed: nothing is idle any more, and permits only come back
 *
 * Invariants, whenever the lock is free, of the waiters that were not cancelled:
 *      acquirers wait  =>  all permits are given, nothing is idle, and the pool is open
 *      tenders wait    =>  the pool is open
 * An acquirer that waits is granted a permit, with the resource that was released, or without, to open one: after a discard, a failed open or check.
 */
#include <weft/resource_pool.h>

#include "sched/options.h"
#include "sync/misuse.h"
#include "sync/waiter.h"

enum { MAX_DEFAULT = 16 };

struct idle {
    void *resource;
    weft_time since;
};

struct weft_resource_pool {
    struct weft__spinlock lock; /* guards all that changes; a leaf but for the wait words of the waiters */
    bool closed;
    weft_resource_pool_options user;
    size_t open;
    size_t oldest, idle_count;            /* of the ring */
    size_t waiting;                       /* the length of `acquirers`, canceled ones among them */
    struct weft__list acquirers, tenders; /* of struct acquirer */
    struct idle idle[]; /* a ring of `max`: the newest is used first, the oldest grows too old first */
};

/* Who has a permit, or waits for one. */
struct acquirer {
    struct weft__waiter waiter;
    int result; /* once it is granted: 0, or WEFT_ECLOSED */
    bool has;   /* with a resource */
    struct idle got;
};

weft_resource_pool *weft_resource_pool_create(const weft_resource_pool_options *options)
{
    size_t max = options->max > 0 ? options->max : MAX_DEFAULT, bytes;
    weft_resource_pool *p;

    if (options->open == NULL || options->close == NULL || options->idle_ms < 0 || !WEFT__RESERVED_ARE_ZERO(options) ||
        __builtin_mul_overflow(max, sizeof p->idle[0], &bytes) || __builtin_add_overflow(bytes, sizeof *p, &bytes) ||
        (p = weft__alloc(bytes)) == NULL)
        return NULL;
    p->user = *options;
    p->user.max = max;
    return p;
}

/* When something is too old that is idle since then. */
static weft_time end_of(const weft_resource_pool *p, weft_time since)
{
    weft_time end;

    if (p->user.idle_ms == 0 || __builtin_mul_overflow(p->user.idle_ms, 1000000, &end) ||
        __builtin_add_overflow(since, end, &end))
        return WEFT_NEVER;
    return end;
}

/* The time, where anything depends on it. */
static weft_time now(const weft_resource_pool *p)
{
    return p->user.idle_ms > 0 ? weft__clock() : 0;
}

/* The caller holds the lock, from here on to wait_in(). */

static struct idle *ring_slot(weft_resource_pool *p, size_t i)
{
    size_t at = p->oldest + i;

    return &p->idle[at < p->user.max ? at : at - p->user.max];
}

static struct idle take_newest(weft_resource_pool *p)
{
    return *ring_slot(p, --p->idle_count);
}

static struct idle take_oldest(weft_resource_pool *p)
{
    struct idle i = *ring_slot(p, 0);

    p->oldest = p->oldest + 1 < p->user.max ? p->oldest + 1 : 0;
    p->idle_count--;
    return i;
}

static struct acquirer *claim_first(weft_resource_pool *p, struct weft__list *queue, struct weft__wakes *wakes)
{
    struct weft__waiter *w;

    while ((w = weft__waiters_first(queue)) != NULL) {
        p->waiting -= queue == &p->acquirers;
        if (weft__waiter_claim(w, queue, wakes))
            return WEFT__CONTAINER(w, struct acquirer, waiter);
    }
    return NULL;
}

/* Waits in `queue`, and lets go of the lock. */
static int wait_in(weft_resource_pool *p, struct acquirer *a, struct weft__list *queue)
{
    bool counts = queue == &p->acquirers;
    int rc = weft__wait_begin(&a->waiter, queue);

    if (rc == 0) {
        p->waiting += counts;
        weft__spinlock_unlock(&p->lock);
        if ((rc = weft__wait(&a->waiter, &p->lock)) == 0)
            return a->result;
        weft__spinlock_lock(&p->lock);
        p->waiting -= counts && a->waiter.queued;
        weft__wait_leave(&a->waiter, queue);
    }
    weft__spinlock_unlock(&p->lock);
    return rc;
}

/* The caller holds a permit whose resource is closed, and gives it back. */
static void give_permit(weft_resource_pool *p)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&p->lock);
    if (claim_first(p, &p->acquirers, &wakes) == NULL)
        p->open--;
    weft__spinlock_unlock(&p->lock);
    weft__wake(&wakes);
}

/* The same where it is not closed yet. */
static void close_and_give(weft_resource_pool *p, void *resource)
{
    p->user.close(resource, p->user.arg);
    give_permit(p);
}

/* Closes what is idle and too old at `when`; WEFT_NEVER: all of it. */
static size_t close_idle(weft_resource_pool *p, weft_time when)
{
    size_t closed = 0;

    for (;; closed++) {
        struct idle i;

        weft__spinlock_lock(&p->lock);
        if (p->idle_count == 0 || end_of(p, ring_slot(p, 0)->since) > when)
            break;
        i = take_oldest(p);
        weft__spinlock_unlock(&p->lock);
        close_and_give(p, i.resource);
    }
    weft__spinlock_unlock(&p->lock);
    return closed;
}

int weft_resource_pool_close(weft_resource_pool *p)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct acquirer *a;
    bool closed;

    weft__spinlock_lock(&p->lock);
    closed = p->closed;
    p->closed = true;
    while ((a = claim_first(p, &p->acquirers, &wakes)) != NULL)
        a->result = WEFT_ECLOSED;
    while (claim_first(p, &p->tenders, &wakes) != NULL)
        ;
    weft__spinlock_unlock(&p->lock);
    weft__wake(&wakes);
    (void)close_idle(p, WEFT_NEVER);
    return closed ? WEFT_ECLOSED : 0;
}

int weft_resource_pool_destroy(weft_resource_pool *p)
{
    bool busy;

    if (p == NULL)
        return 0;
    weft__spinlock_lock(&p->lock);
    busy = p->open > p->idle_count || p->acquirers.first != NULL || p->tenders.first != NULL;
    weft__spinlock_unlock(&p->lock);
    if (busy)
        return weft__misuse(WEFT_EBUSY, "destroys a resource pool that is in use");
    (void)weft_resource_pool_close(p);
    weft__free(p);
    return 0;
}

/* 0: the resource that `a` has got is one to be used. */
static int check(weft_resource_pool *p, const struct acquirer *a)
{
    if (end_of(p, a->got.since) <= now(p))
        return WEFT_ETIMEDOUT;
    return p->user.check != NULL ? p->user.check(a->got.resource, p->user.arg) : 0;
}

/* For the permit of `a`, which has no resource: takes an idle one, which has a permit of its own. */
static void exchange(weft_resource_pool *p, struct acquirer *a)
{
    weft__spinlock_lock(&p->lock);
    a->has = p->idle_count > 0;
    if (a->has) {
        a->got = take_newest(p);
        p->open--; /* where something is idle nobody waits for the permit */
    }
    weft__spinlock_unlock(&p->lock);
}

/* Makes a usable resource of the permit that `a` has got, or gives it back. */
static int use(weft_resource_pool *p, struct acquirer *a, void **resource)
{
    void *opened = NULL;
    int rc;

    while (a->has) {
        if ((rc = check(p, a)) >= 0) {
            *resource = a->got.resource;
            return 0;
        }
        p->user.close(a->got.resource, p->user.arg);
        if (rc == WEFT_ECANCELED) { /* as whatever else this task would wait for */
            give_permit(p);
            return rc;
        }
        exchange(p, a);
    }
    if ((rc = p->user.open(&opened, p->user.arg)) < 0) {
        give_permit(p);
        return rc;
    }
    *resource = opened;
    return 0;
}

/* Under the lock. 0, WEFT_ECLOSED, WEFT_EBUSY. */
static int take_now(weft_resource_pool *p, struct acquirer *a)
{
    if (p->closed)
        return WEFT_ECLOSED;
    if (p->idle_count > 0) {
        a->got = take_newest(p);
        a->has = true;
        return 0;
    }
    if (p->open == p->user.max)
        return WEFT_EBUSY;
    p->open++;
    return 0;
}

static int acquire(weft_resource_pool *p, void **resource, bool wait)
{
    struct acquirer a = {.has = false};
    int rc = wait ? weft__wait_enter(&a.waiter) : 0;

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&p->lock);
    rc = take_now(p, &a);
    if (rc == WEFT_EBUSY && wait)
        rc = wait_in(p, &a, &p->acquirers);
    else
        weft__spinlock_unlock(&p->lock);
    return rc < 0 ? rc : use(p, &a, resource);
}

int weft_resource_pool_acquire(weft_resource_pool *p, void **resource)
{
    return acquire(p, resource, true);
}

int weft_resource_pool_try_acquire(weft_resource_pool *p, void **resource)
{
    return acquire(p, resource, false);
}

static int none_is_out(void)
{
    return weft__misuse(WEFT_EINVAL, "gives a resource back to a pool of which none is out");
}

/* Under the lock: for the one that has waited longest, or for whoever comes. */
static void hand_on(weft_resource_pool *p, struct idle i, struct weft__wakes *wakes)
{
    struct acquirer *a = claim_first(p, &p->acquirers, wakes);

    if (a == NULL) {
        *ring_slot(p, p->idle_count++) = i;
    } else {
        a->got = i;
        a->has = true;
    }
}

int weft_resource_pool_release(weft_resource_pool *p, void *resource)
{
    struct idle i = {resource, now(p)};
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    bool out, closed;

    weft__spinlock_lock(&p->lock);
    out = p->open > p->idle_count;
    closed = p->closed;
    if (out && !closed)
        hand_on(p, i, &wakes);
    weft__spinlock_unlock(&p->lock);
    weft__wake(&wakes);
    if (!out)
        return none_is_out();
    if (closed)
        close_and_give(p, resource);
    else if (i.since > 0) /* otherwise the pool may be gone, with whoever got the resource */
        (void)close_idle(p, i.since);
    return 0;
}

int weft_resource_pool_discard(weft_resource_pool *p, void *resource)
{
    bool out;

    weft__spinlock_lock(&p->lock);
    out = p->open > p->idle_count;
    weft__spinlock_unlock(&p->lock);
    if (!out)
        return none_is_out();
    close_and_give(p, resource);
    return 0;
}

size_t weft_resource_pool_trim(weft_resource_pool *p)
{
    return p->user.idle_ms > 0 ? close_idle(p, weft__clock()) : 0;
}

/* Waits until the pool is closed. */
static int wait_for_close(weft_resource_pool *p)
{
    struct acquirer a = {.result = 0};
    int rc = weft__wait_enter(&a.waiter);

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&p->lock);
    if (!p->closed)
        return wait_in(p, &a, &p->tenders);
    weft__spinlock_unlock(&p->lock);
    return 0;
}

/* When there may be something that is too old. */
static weft_time next_end(weft_resource_pool *p)
{
    weft_time since = now(p);

    weft__spinlock_lock(&p->lock);
    if (p->idle_count > 0)
        since = ring_slot(p, 0)->since;
    weft__spinlock_unlock(&p->lock);
    return end_of(p, since);
}

int weft_resource_pool_tend(void *pool)
{
    weft_resource_pool *p = pool;

    if (weft__task_self() == NULL)
        return WEFT_ENOTASK;
    for (;;) {
        weft_scope *scope = weft_scope_open(next_end(p));
        int rc;

        if (scope == NULL)
            return WEFT_ENOMEM;
        rc = (int)weft_scope_close(scope, wait_for_close(p));
        if (rc != WEFT_ETIMEDOUT)
            return rc;
        (void)weft_resource_pool_trim(p);
    }
}

void weft_resource_pool_get_stats(weft_resource_pool *p, weft_resource_pool_stats *stats)
{
    weft__spinlock_lock(&p->lock);
    *stats = (weft_resource_pool_stats){.open = p->open, .idle = p->idle_count, .waiting = p->waiting};
    weft__spinlock_unlock(&p->lock);
}
