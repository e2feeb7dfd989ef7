/* SPDX-License-Identifier: MIT */
/*
 * States: open -> shut (nothing is put any more); an immediate end empties the queue besides. Invariants, whenever the
 * lock is free, of the waiters that were not cancelled:
 *      getters wait  =>  the queue is empty, no putter waits, and it is not shut
 *      putters wait  =>  the queue is full, no getter waits, and it is not shut
 *      joiners wait  =>  unfinished > 0
 * A put hands its item straight to the getter that has waited longest; a get puts the item of the putter that has
 * waited longest into the node that it has emptied. So what is granted needs no memory, and only who makes the queue
 * longer allocates: before, or between two holds of the lock. Nodes that fall free are kept up to SPARES, so that a
 * queue that stays short does not allocate at all.
 */
#include <weft/queue.h>

#include <string.h>

#include "sched/options.h"
#include "sync/misuse.h"
#include "sync/queue_items.h"
#include "sync/waiter.h"

enum { SPARES = 64 };

struct weft_queue {
    struct weft__spinlock lock; /* guards all that changes; a leaf but for the wait words of the waiters */
    bool shut;
    size_t item_size, capacity; /* SIZE_MAX: unbounded */
    int64_t (*priority)(const void *item);
    struct weft__queue_items items;
    struct weft__queue_node *spares;
    unsigned spares_count;
    uint64_t unfinished;
    struct weft__list getters, putters, joiners; /* of struct queue_waiter */
};

struct queue_waiter {
    struct weft__waiter waiter;
    void *in;         /* a getter's buffer */
    const void *out;  /* a putter's item */
    int64_t priority; /* of that */
    int result;       /* once it is granted: 0, or WEFT_ECLOSED */
};

static bool options_make_sense(const weft_queue_options *o)
{
    if (!WEFT__RESERVED_ARE_ZERO(o))
        return false;
    switch (o->kind) {
    case WEFT_QUEUE_FIFO:
    case WEFT_QUEUE_LIFO:
        return o->priority == NULL;
    case WEFT_QUEUE_PRIORITY:
        return o->priority != NULL;
    }
    return false;
}

weft_queue *weft_queue_create(size_t item_size, const weft_queue_options *options)
{
    const weft_queue_options o = options != NULL ? *options : (weft_queue_options){0};
    weft_queue *q;

    if (item_size == 0 || item_size > SIZE_MAX - sizeof(struct weft__queue_node) || !options_make_sense(&o) ||
        (q = weft__alloc(sizeof *q)) == NULL)
        return NULL;
    q->item_size = item_size;
    q->capacity = o.capacity > 0 ? o.capacity : SIZE_MAX;
    q->priority = o.priority;
    q->items.kind = o.kind;
    return q;
}

static size_t free_items(struct weft__queue_items *items)
{
    struct weft__queue_node *n;
    size_t count = 0;

    for (; (n = weft__queue_items_take(items)) != NULL; count++)
        weft__free(n);
    return count;
}

int weft_queue_destroy(weft_queue *q)
{
    struct weft__queue_node *n;
    bool busy;

    if (q == NULL)
        return 0;
    weft__spinlock_lock(&q->lock);
    busy = q->getters.first != NULL || q->putters.first != NULL || q->joiners.first != NULL;
    weft__spinlock_unlock(&q->lock);
    if (busy)
        return weft__misuse(WEFT_EBUSY, "destroys a queue that is waited for");
    (void)free_items(&q->items);
    while ((n = q->spares) != NULL) {
        q->spares = n->next;
        weft__free(n);
    }
    weft__free(q);
    return 0;
}

/* The caller holds the lock, from here on to get_now(). */

static struct queue_waiter *claim_first(struct weft__list *queue, struct weft__wakes *wakes)
{
    struct weft__waiter *w = weft__waiters_claim_first(queue, wakes);

    return w != NULL ? WEFT__CONTAINER(w, struct queue_waiter, waiter) : NULL;
}

static void claim_all(struct weft__list *queue, int result, struct weft__wakes *wakes)
{
    struct queue_waiter *w;

    while ((w = claim_first(queue, wakes)) != NULL)
        w->result = result;
}

static void insert(weft_queue *q, struct weft__queue_node *n, const void *item, int64_t priority)
{
    memcpy(n->item, item, q->item_size);
    n->priority = priority;
    weft__queue_items_put(&q->items, n);
    q->unfinished++;
}

/* Takes a spare node, or `*fresh` where there is none. */
static struct weft__queue_node *take_node(weft_queue *q, struct weft__queue_node **fresh)
{
    struct weft__queue_node *n = q->spares;

    if (n != NULL) {
        q->spares = n->next;
        q->spares_count--;
    } else {
        n = *fresh;
        *fresh = NULL;
    }
    return n;
}

/* Keeps a node for later. Returns it where it is to be freed instead. */
static struct weft__queue_node *spare(weft_queue *q, struct weft__queue_node *n)
{
    if (n == NULL || q->spares_count == SPARES)
        return n;
    n->next = q->spares;
    q->spares = n;
    q->spares_count++;
    return NULL;
}

/* 0, WEFT_ECLOSED, WEFT_EFULL, or WEFT_ENOMEM: it needs a fresh node. */
static int put_now(weft_queue *q, const struct queue_waiter *w, struct weft__queue_node **fresh,
                   struct weft__wakes *wakes)
{
    struct queue_waiter *getter;
    struct weft__queue_node *n;

    if (q->shut)
        return WEFT_ECLOSED;
    if ((getter = claim_first(&q->getters, wakes)) != NULL) {
        memcpy(getter->in, w->out, q->item_size);
        q->unfinished++;
        return 0;
    }
    if (q->items.count >= q->capacity)
        return WEFT_EFULL;
    if ((n = take_node(q, fresh)) == NULL)
        return WEFT_ENOMEM;
    insert(q, n, w->out, w->priority);
    return 0;
}

/* 0, WEFT_ECLOSED, WEFT_EEMPTY. Stores a node that is to be freed. */
static int get_now(weft_queue *q, void *item, struct weft__queue_node **freed, struct weft__wakes *wakes)
{
    struct weft__queue_node *n = weft__queue_items_take(&q->items);
    struct queue_waiter *putter;

    if (n == NULL)
        return q->shut ? WEFT_ECLOSED : WEFT_EEMPTY;
    memcpy(item, n->item, q->item_size);
    if ((putter = claim_first(&q->putters, wakes)) != NULL)
        insert(q, n, putter->out, putter->priority);
    else
        *freed = spare(q, n);
    return 0;
}

/* Waits in `queue`, and lets go of the lock. */
static int wait_in(weft_queue *q, struct queue_waiter *w, struct weft__list *queue)
{
    int rc = weft__wait_in(&w->waiter, queue, &q->lock);

    if (rc == 0)
        return w->result;
    weft__spinlock_unlock(&q->lock);
    return rc;
}

/* Allocates a node between two holds of the lock. */
static struct weft__queue_node *allocate(weft_queue *q)
{
    struct weft__queue_node *n;

    weft__spinlock_unlock(&q->lock);
    n = weft__alloc(sizeof *n + q->item_size);
    weft__spinlock_lock(&q->lock);
    return n;
}

static int put(weft_queue *q, const void *item, bool wait)
{
    struct queue_waiter w = {.out = item, .priority = q->priority != NULL ? q->priority(item) : 0};
    struct weft__queue_node *fresh = NULL;
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc = wait ? weft__wait_enter(&w.waiter) : 0;

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&q->lock);
    rc = put_now(q, &w, &fresh, &wakes);
    if (rc == WEFT_ENOMEM && (fresh = allocate(q)) != NULL) {
        rc = put_now(q, &w, &fresh, &wakes);
        fresh = spare(q, fresh); /* meanwhile there was another way */
    }
    if (rc == WEFT_EFULL && wait) {
        rc = wait_in(q, &w, &q->putters);
    } else {
        weft__spinlock_unlock(&q->lock);
        weft__wake(&wakes);
    }
    weft__free(fresh);
    return rc;
}

int weft_queue_put(weft_queue *q, const void *item)
{
    return put(q, item, true);
}

int weft_queue_try_put(weft_queue *q, const void *item)
{
    return put(q, item, false);
}

static int get(weft_queue *q, void *item, bool wait)
{
    struct queue_waiter w = {.in = item};
    struct weft__queue_node *freed = NULL;
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc = wait ? weft__wait_enter(&w.waiter) : 0;

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&q->lock);
    rc = get_now(q, item, &freed, &wakes);
    if (rc == WEFT_EEMPTY && wait)
        return wait_in(q, &w, &q->getters);
    weft__spinlock_unlock(&q->lock);
    weft__wake(&wakes);
    weft__free(freed);
    return rc;
}

int weft_queue_get(weft_queue *q, void *item)
{
    return get(q, item, true);
}

int weft_queue_try_get(weft_queue *q, void *item)
{
    return get(q, item, false);
}

int weft_queue_task_done(weft_queue *q)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    bool any;

    weft__spinlock_lock(&q->lock);
    any = q->unfinished > 0;
    if (any && --q->unfinished == 0)
        claim_all(&q->joiners, 0, &wakes);
    weft__spinlock_unlock(&q->lock);
    weft__wake(&wakes);
    return any ? 0 : weft__misuse(WEFT_EINVAL, "has done more items of a queue than were put");
}

int weft_queue_join(weft_queue *q)
{
    struct queue_waiter w = {.result = 0};
    int rc = weft__wait_enter(&w.waiter);

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&q->lock);
    if (q->unfinished > 0)
        return wait_in(q, &w, &q->joiners);
    weft__spinlock_unlock(&q->lock);
    return 0;
}

int weft_queue_try_join(weft_queue *q)
{
    bool is_done;

    weft__spinlock_lock(&q->lock);
    is_done = q->unfinished == 0;
    weft__spinlock_unlock(&q->lock);
    return is_done ? 0 : WEFT_EBUSY;
}

size_t weft_queue_shutdown(weft_queue *q, enum weft_queue_end how)
{
    struct weft__queue_items dropped = {0};
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&q->lock);
    q->shut = true;
    claim_all(&q->getters, WEFT_ECLOSED, &wakes);
    claim_all(&q->putters, WEFT_ECLOSED, &wakes);
    if (how == WEFT_QUEUE_IMMEDIATE) {
        dropped = q->items;
        q->items.first = q->items.last = NULL;
        q->items.count = 0;
        /* Fewer are unfinished than there are where some were said to be done before they were taken. */
        q->unfinished -= dropped.count < q->unfinished ? dropped.count : q->unfinished;
        if (q->unfinished == 0)
            claim_all(&q->joiners, 0, &wakes);
    }
    weft__spinlock_unlock(&q->lock);
    weft__wake(&wakes);
    return free_items(&dropped);
}

size_t weft_queue_size(weft_queue *q)
{
    size_t count;

    weft__spinlock_lock(&q->lock);
    count = q->items.count;
    weft__spinlock_unlock(&q->lock);
    return count;
}
