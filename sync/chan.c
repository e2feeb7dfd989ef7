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

/* Waiting, in one of the two queues. Each begins under the lock, and releases it. */

_Static_assert(sizeof(struct weft__chan_waiter) <= sizeof((struct weft__stack *)0)->room, "the waiter of a task");

/* The calling task's: its stack is in one wait at a time. */
static inline struct weft__chan_waiter *waiter_of(const struct weft__task *t)
{
    return (struct weft__chan_waiter *)(void *)t->stack->room;
}

/* How a wait ends that has begun, whether or not the calling task has suspended yet. */
static WEFT__NOINLINE int finish(struct weft__task *t)
{
    struct weft__chan_waiter *w = waiter_of(t);
    weft_chan *c;

    if (WEFT__LIKELY(weft__park_landed(t) == WEFT__WON_GRANT)) {
        weft__wait_released(&w->waiter);
        return w->result;
    }
    c = w->chan;
    weft__chan_lock(c);
    weft__wait_leave(&w->waiter, w->sends ? &c->senders : &c->receivers);
    weft__bias_unlock(&c->lock);
    return WEFT_ECANCELED;
}

static int landed(void)
{
    struct weft__task *t = weft__park_land();
    const struct weft__chan_waiter *w = waiter_of(t);

    /* As it is for one that was granted what it waited for in its sleep. acquire, both: as in finish() */
    if (WEFT__LIKELY((A_LOAD(&t->wait, acquire) & WEFT__PHASE_MASK) == WEFT__WON_GRANT &&
                     A_LOAD(&w->waiter.released, acquire) != 0))
        return w->result;
    return finish(t);
}

static inline int wait_of_task(weft_chan *c, struct weft__list *queue, struct weft__worker *here)
{
    struct weft__task *t = here->current, *next;
    struct weft__chan_waiter *w = waiter_of(t);

    w->chan = c;
    w->result = 0;
    if (WEFT__LIKELY((next = weft__wait_holding(&w->waiter, queue, here)) != NULL))
        return weft__worker_leave_holding(here, next, &c->lock, landed);
    (void)weft__park_prepare(t, WEFT__CANCELABLE); /* finish() finds it where it refuses */
    weft__bias_unlock(&c->lock);
    return finish(t);
}

static int wait_of_thread(weft_chan *c, struct weft__list *queue, struct weft__chan_waiter *w)
{
    weft__wait_queue(&w->waiter, queue);
    weft__bias_unlock(&c->lock);
    weft__wait_of_thread(&w->waiter);
    return w->result;
}

static WEFT__NOINLINE int send_of_thread(weft_chan *c, const void *item)
{
    return wait_of_thread(c, &c->senders, &(struct weft__chan_waiter){.out = item});
}

static WEFT__NOINLINE int recv_of_thread(weft_chan *c, void *item)
{
    return wait_of_thread(c, &c->receivers, &(struct weft__chan_waiter){.in = item});
}

int weft__chan_wait_to_send(weft_chan *c, struct weft__worker *here, const void *item)
{
    struct weft__chan_waiter *w;

    c->send_waits++;
    if (WEFT__UNLIKELY(here == NULL))
        return send_of_thread(c, item);
    w = waiter_of(here->current);
    w->out = item;
    w->sends = true;
    return wait_of_task(c, &c->senders, here);
}

int weft__chan_wait_to_recv(weft_chan *c, struct weft__worker *here, void *item)
{
    struct weft__chan_waiter *w;

    c->recv_waits++;
    if (WEFT__UNLIKELY(here == NULL))
        return recv_of_thread(c, item);
    w = waiter_of(here->current);
    w->in = item;
    w->sends = false;
    return wait_of_task(c, &c->receivers, here);
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
    struct weft__worker *here = weft__worker_self();
    int rc;

    weft__bias_lock(&c->lock, here);
    rc = weft__chan_put_now(c, item, &wakes);
    weft__bias_unlock(&c->lock);
    if (WEFT__UNLIKELY(rc == WEFT_EAGAIN))
        return send_growing(c, item);
    weft__wake_from(here, &wakes);
    return rc;
}

int weft_chan_try_recv(weft_chan *c, void *item)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct weft__worker *here = weft__worker_self();
    int rc;

    weft__bias_lock(&c->lock, here);
    rc = weft__chan_take_now(c, item, &wakes);
    weft__chan_unlock(c);
    weft__wake_from(here, &wakes);
    return rc;
}

int weft_chan_send(weft_chan *c, const void *item)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct weft__worker *here;
    int rc = weft__wait_enter_on(&here);

    if (WEFT__UNLIKELY(rc < 0))
        return rc;
    weft__bias_lock(&c->lock, here);
    rc = weft__chan_put_now(c, item, &wakes);
    if (rc == WEFT_EFULL)
        return weft__chan_wait_to_send(c, here, item);
    weft__bias_unlock(&c->lock);
    if (WEFT__UNLIKELY(rc == WEFT_EAGAIN))
        return send_growing(c, item);
    weft__wake_from(here, &wakes);
    return rc;
}

int weft_chan_recv(weft_chan *c, void *item)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct weft__worker *here;
    int rc = weft__wait_enter_on(&here);

    if (WEFT__UNLIKELY(rc < 0))
        return rc;
    weft__bias_lock(&c->lock, here);
    rc = weft__chan_take_now(c, item, &wakes);
    if (rc == WEFT_EEMPTY)
        return weft__chan_wait_to_recv(c, here, item);
    weft__chan_unlock(c);
    weft__wake_from(here, &wakes);
    return rc;
}
