/* SPDX-License-Identifier: MIT */
#include "sync/chan.h"

#include <string.h>

#include <weft/error.h>

weft_chan *weft_chan_create(size_t item_size, size_t capacity)
{
    size_t bytes;
    weft_chan *c;

    if (item_size == 0 || __builtin_mul_overflow(item_size, capacity, &bytes) ||
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

/* Takes the one that has waited longest out of `queue`, and wins it. NULL: nobody waits. */
static struct weft__chan_waiter *claim_first(struct weft__list *queue, struct weft__wakes *wakes)
{
    struct weft__waiter *w;

    while ((w = weft__waiters_first(queue)) != NULL)
        if (weft__waiter_claim(w, queue, wakes))
            return WEFT__CONTAINER(w, struct weft__chan_waiter, waiter);
    return NULL;
}

int weft__chan_send_now(weft_chan *c, const void *item, struct weft__wakes *wakes)
{
    struct weft__chan_waiter *receiver;

    if (c->closed)
        return WEFT_ECLOSED;
    if ((receiver = claim_first(&c->receivers, wakes)) != NULL) {
        memcpy(receiver->in, item, c->item_size);
        return 0;
    }
    if (c->count == c->capacity)
        return WEFT_EFULL;
    put(c, item);
    return 0;
}

int weft__chan_recv_now(weft_chan *c, void *item, struct weft__wakes *wakes)
{
    struct weft__chan_waiter *sender;

    if (c->count > 0) {
        get(c, item);
        if ((sender = claim_first(&c->senders, wakes)) != NULL)
            put(c, sender->out);
        return 0;
    }
    if (c->closed)
        return WEFT_ECLOSED;
    if ((sender = claim_first(&c->senders, wakes)) == NULL)
        return WEFT_EEMPTY;
    memcpy(item, sender->out, c->item_size);
    return 0;
}

/* Sends `out` or receives `in`, whichever is not NULL. */
static inline int operate_now(weft_chan *c, const void *out, void *in, struct weft__wakes *wakes)
{
    return out != NULL ? weft__chan_send_now(c, out, wakes) : weft__chan_recv_now(c, in, wakes);
}

static int try_to(weft_chan *c, const void *out, void *in)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc;

    weft__spinlock_lock(&c->lock);
    rc = operate_now(c, out, in, &wakes);
    weft__spinlock_unlock(&c->lock);
    weft__wake(&wakes);
    return rc;
}

int weft_chan_try_send(weft_chan *c, const void *item)
{
    return try_to(c, item, NULL);
}

int weft_chan_try_recv(weft_chan *c, void *item)
{
    return try_to(c, NULL, item);
}

static int operate(weft_chan *c, const void *out, void *in)
{
    struct weft__list *queue = out != NULL ? &c->senders : &c->receivers;
    struct weft__chan_waiter w = {.in = in, .out = out};
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc = weft__wait_enter(&w.waiter);

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&c->lock);
    rc = operate_now(c, out, in, &wakes);
    if (rc != WEFT_EFULL && rc != WEFT_EEMPTY) {
        weft__spinlock_unlock(&c->lock);
        weft__wake(&wakes);
        return rc;
    }
    if ((rc = weft__wait_begin(&w.waiter, queue)) == 0) {
        weft__spinlock_unlock(&c->lock);
        if (weft__wait(&w.waiter, &c->lock) == 0)
            return w.result;
        rc = WEFT_ECANCELED;
        weft__spinlock_lock(&c->lock);
        weft__wait_leave(&w.waiter, queue);
    }
    weft__spinlock_unlock(&c->lock);
    return rc;
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
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&c->lock);
    if (c->closed) {
        weft__spinlock_unlock(&c->lock);
        return WEFT_ECLOSED;
    }
    c->closed = true;
    for (int i = 0; i < 2; i++) {
        struct weft__chan_waiter *w;

        while ((w = claim_first(queues[i], &wakes)) != NULL)
            w->result = WEFT_ECLOSED;
    }
    weft__spinlock_unlock(&c->lock);
    weft__wake(&wakes);
    return 0;
}
