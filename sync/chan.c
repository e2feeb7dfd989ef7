/* SPDX-License-Identifier: MIT */
#include "sync/chan.h"

int weft__chan_send_now(weft_chan *c, const void *item, struct weft__wakes *wakes)
{
    return weft__chan_put_now(c, item, wakes);
}

int weft__chan_recv_now(weft_chan *c, void *item, struct weft__wakes *wakes)
{
    return weft__chan_take_now(c, item, wakes);
}

int weft__chan_grow(weft_chan *c)
{
    struct weft__ring_block *b = weft__ring_block_make(c->ring.item_size);

    if (b == NULL)
        return WEFT_ENOMEM;
    weft__chan_lock(c);
    weft__ring_supply(&c->ring, b);
    weft__chan_unlock(c);
    return 0;
}

/* In one of the two queues, under the lock, which it releases. */
static inline int wait_in(weft_chan *c, struct weft__list *queue, struct weft__chan_waiter *w)
{
    w->result = 0;
    if (WEFT__LIKELY(weft__wait_holding(&w->waiter, queue, &c->lock) == 0))
        return w->result;
    weft__chan_lock(c);
    weft__wait_leave(&w->waiter, queue);
    weft__bias_unlock(&c->lock);
    return WEFT_ECANCELED;
}

int weft__chan_wait_to_send(weft_chan *c, struct weft__chan_waiter *w, const void *item)
{
    c->send_waits++;
    w->out = item;
    return wait_in(c, &c->senders, w);
}

int weft__chan_wait_to_recv(weft_chan *c, struct weft__chan_waiter *w, void *item)
{
    c->recv_waits++;
    w->in = item;
    return wait_in(c, &c->receivers, w);
}

/* The rest of a send that found no block to put its item into, and has let go of the lock: makes one, and tries
 * again. */
static WEFT__NOINLINE int send_growing(weft_chan *c, const void *item)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc;

    do {
        if ((rc = weft__chan_grow(c)) < 0)
            return rc;
        weft__chan_lock(c);
        rc = weft__chan_send_now(c, item, &wakes);
        weft__bias_unlock(&c->lock);
    } while (rc == WEFT_EAGAIN);
    weft__wake(&wakes);
    return rc;
}

int weft_chan_try_send(weft_chan *c, const void *item)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc;

    weft__chan_lock(c);
    rc = weft__chan_put_now(c, item, &wakes);
    weft__bias_unlock(&c->lock);
    if (WEFT__UNLIKELY(rc == WEFT_EAGAIN))
        return send_growing(c, item);
    weft__wake(&wakes);
    return rc;
}

int weft_chan_try_recv(weft_chan *c, void *item)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc;

    weft__chan_lock(c);
    rc = weft__chan_take_now(c, item, &wakes);
    weft__chan_unlock(c);
    weft__wake(&wakes);
    return rc;
}

int weft_chan_send(weft_chan *c, const void *item)
{
    struct weft__chan_waiter w;
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct weft__worker *here;
    int rc = weft__wait_enter_on(&w.waiter, &here);

    if (WEFT__UNLIKELY(rc < 0))
        return rc;
    weft__bias_lock(&c->lock, here);
    rc = weft__chan_put_now(c, item, &wakes);
    if (rc == WEFT_EFULL)
        return weft__chan_wait_to_send(c, &w, item);
    weft__bias_unlock(&c->lock);
    if (WEFT__UNLIKELY(rc == WEFT_EAGAIN))
        return send_growing(c, item);
    weft__wake(&wakes);
    return rc;
}

int weft_chan_recv(weft_chan *c, void *item)
{
    struct weft__chan_waiter w;
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct weft__worker *here;
    int rc = weft__wait_enter_on(&w.waiter, &here);

    if (WEFT__UNLIKELY(rc < 0))
        return rc;
    weft__bias_lock(&c->lock, here);
    rc = weft__chan_take_now(c, item, &wakes);
    if (rc == WEFT_EEMPTY)
        return weft__chan_wait_to_recv(c, &w, item);
    weft__chan_unlock(c);
    weft__wake(&wakes);
    return rc;
}
