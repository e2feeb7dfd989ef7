/* SPDX-License-Identifier: MIT */
/*
 * Channels: a ring under a lock, and two queues of waiters. Invariants, whenever the lock is free:
 *      receivers wait  =>  the ring is empty and the channel open
 *      senders wait    =>  the ring is full and the channel open
 * So at most one queue holds somebody. A sender hands its item straight to a receiver that waits; a receiver that makes room
 * moves the item of the sender that has waited longest into the ring.
 *
 * A waiter stays in its queue until it is claimed, under the lock, or takes itself out after a cancellation. Items are copied
 * under the lock, before the claim: a waiter that loses its wait to a cancellation must take the lock to leave, so its
 * buffer lives. What was copied to a receiver that is then not claimed is not counted as taken.
 *
 * The last one to be woken may destroy the channel at once (a reply channel's only reader does): so a claimer does not touch the
 * channel after its unlock, and the claimed waits for that.
 */
#include <weft/chan.h>

#include <string.h>

#include <weft/error.h>

#include "sched/list.h"
#include "sched/lock.h"
#include "sched/park.h"

struct waiter {
    struct weft__link link;
    struct weft__task *task;
    weft__ticket ticket;
    void *in;        /* a receiver's buffer */
    const void *out; /* a sender's item */
    bool queued;
    bool closed; /* woken by the close */
};

struct weft_chan {
    struct weft__spinlock lock; /* guards all; a leaf but for the wait words of the waiters */
    bool closed;
    size_t item_size, capacity, head, count;
    struct weft__list senders, receivers;
    char ring[];
};

weft_chan *weft_chan_create(size_t item_size, size_t capacity)
{
    size_t bytes;
    weft_chan *c;

    if (item_size == 0 || capacity == 0 || __builtin_mul_overflow(item_size, capacity, &bytes) ||
        __builtin_add_overflow(bytes, sizeof *c, &bytes))
        return NULL;
    c = weft__alloc(bytes);
    if (c == NULL)
        return NULL;
    c->item_size = item_size;
    c->capacity = capacity;
    return c;
}

void weft_chan_destroy(weft_chan *c)
{
    weft__free(c);
}

/* The ring. The caller holds the lock, here and below. */

static void put(weft_chan *c, const void *item)
{
    size_t tail = c->head + c->count++;

    if (tail >= c->capacity)
        tail -= c->capacity;
    memcpy(c->ring + tail * c->item_size, item, c->item_size);
}

static void get(weft_chan *c, void *item)
{
    memcpy(item, c->ring + c->head * c->item_size, c->item_size);
    c->head = c->head + 1 < c->capacity ? c->head + 1 : 0;
    c->count--;
}

static struct waiter *first(struct weft__list *queue)
{
    return queue->first != NULL ? WEFT__CONTAINER(queue->first, struct waiter, link) : NULL;
}

/* Takes `w` out of its queue and tries to win it. True when won; then *wake is the task to make ready after the
 * unlock, if it sleeps. */
static bool claim(struct weft__list *queue, struct waiter *w, struct weft__task **wake)
{
    enum weft__claim c;
    struct weft__task *t = w->task;

    weft__list_remove(queue, &w->link);
    w->queued = false;
    c = weft__claim(t, w->ticket, WEFT__WON_EVENT); /* if won, *w may be gone from here on */
    *wake = c == WEFT__CLAIM_ASLEEP ? t : NULL;
    return c != WEFT__CLAIM_LOST;
}

/* One try: 0, WEFT_ECLOSED or WEFT_EFULL. */
static int send_now(weft_chan *c, const void *item, struct weft__task **wake)
{
    struct waiter *r;

    if (c->closed)
        return WEFT_ECLOSED;
    while ((r = first(&c->receivers)) != NULL) {
        memcpy(r->in, item, c->item_size);
        if (claim(&c->receivers, r, wake))
            return 0;
    }
    if (c->count == c->capacity)
        return WEFT_EFULL;
    put(c, item);
    return 0;
}

/* One try: 0, WEFT_ECLOSED or WEFT_EEMPTY. */
static int recv_now(weft_chan *c, void *item, struct weft__task **wake)
{
    struct waiter *s;

    if (c->count == 0)
        return c->closed ? WEFT_ECLOSED : WEFT_EEMPTY;
    get(c, item);
    while ((s = first(&c->senders)) != NULL) {
        put(c, s->out);
        if (claim(&c->senders, s, wake))
            return 0;
        c->count--; /* it was cancelled: its item was not sent */
    }
    return 0;
}

static void make_ready(struct weft__task *t)
{
    if (t != NULL)
        weft__make_ready(t);
}

int weft_chan_try_send(weft_chan *c, const void *item)
{
    struct weft__task *wake = NULL;
    int rc;

    weft__spinlock_lock(&c->lock);
    rc = send_now(c, item, &wake);
    weft__spinlock_unlock(&c->lock);
    make_ready(wake);
    return rc;
}

int weft_chan_try_recv(weft_chan *c, void *item)
{
    struct weft__task *wake = NULL;
    int rc;

    weft__spinlock_lock(&c->lock);
    rc = recv_now(c, item, &wake);
    weft__spinlock_unlock(&c->lock);
    make_ready(wake);
    return rc;
}

/* Waits in `queue`, in which the caller has put `w` under the lock, and has unlocked. */
static int wait_in(weft_chan *c, struct weft__list *queue, struct waiter *w)
{
    if (weft__park(w->task) == WEFT__WON_EVENT) {
        /* The winner may still hold the lock, and the caller be about to destroy the channel. */
        weft__spinlock_wait(&c->lock);
        return w->closed ? WEFT_ECLOSED : 0;
    }
    weft__spinlock_lock(&c->lock);
    if (w->queued)
        weft__list_remove(queue, &w->link);
    weft__spinlock_unlock(&c->lock);
    return WEFT_ECANCELED;
}

/* Sends `out` or receives `in`, whichever is not NULL. */
static int operate(weft_chan *c, const void *out, void *in)
{
    struct weft__task *t, *wake = NULL;
    struct weft__list *queue = out != NULL ? &c->senders : &c->receivers;
    struct waiter w;
    int rc = weft__enter(&t);

    if (rc < 0)
        return rc;
    weft__park_will_prepare(t);
    weft__spinlock_lock(&c->lock);
    rc = out != NULL ? send_now(c, out, &wake) : recv_now(c, in, &wake);
    if (rc != WEFT_EFULL && rc != WEFT_EEMPTY) {
        weft__spinlock_unlock(&c->lock);
        make_ready(wake);
        return rc;
    }
    if ((rc = weft__park_prepare(t, WEFT__CANCELABLE)) < 0) {
        weft__spinlock_unlock(&c->lock);
        return rc;
    }
    w = (struct waiter){.task = t, .ticket = weft__park_ticket(t), .in = in, .out = out, .queued = true};
    weft__list_append(queue, &w.link);
    weft__spinlock_unlock(&c->lock);
    return wait_in(c, queue, &w);
}

int weft_chan_send(weft_chan *c, const void *item)
{
    return operate(c, item, NULL);
}

int weft_chan_recv(weft_chan *c, void *item)
{
    return operate(c, NULL, item);
}

int weft_chan_close(weft_chan *c)
{
    struct weft__list *queues[2] = {&c->senders, &c->receivers};

    weft__spinlock_lock(&c->lock);
    if (c->closed) {
        weft__spinlock_unlock(&c->lock);
        return WEFT_ECLOSED;
    }
    c->closed = true;
    for (int i = 0; i < 2; i++) {
        struct waiter *w;

        while ((w = first(queues[i])) != NULL) {
            struct weft__task *wake;

            w->closed = true;
            if (claim(queues[i], w, &wake))
                make_ready(wake);
        }
    }
    weft__spinlock_unlock(&c->lock);
    return 0;
}
