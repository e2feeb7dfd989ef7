/* SPDX-License-Identifier: MIT */
/*
 * What a channel is made of, for its own files and for select. A ring under a lock, and two queues of waiters.
 * Invariants, whenever the lock is free, of the waiters that were not cancelled:
 *      receivers wait  =>  the ring is empty, no sender waits, and the channel is open
 *      senders wait    =>  the ring is full, no receiver waits, and the channel is open
 * So at most one queue holds somebody. A sender hands its item straight to the receiver that has waited longest; a
 * receiver that makes room moves the item of the sender that has waited longest into the ring. Without a ring (capacity
 * 0) it takes that item itself. In an unbounded channel no sender ever waits. A select may wait in both queues of a
 * channel with capacity 0: the others find it, and it does not meet itself.
 *
 * The ring of an unbounded channel grows by blocks, which are not allocated under the lock: a send that finds none says
 * WEFT_EAGAIN, and its caller unlocks, calls weft__chan_grow(), and tries again. Blocks that a receive has emptied are
 * freed by weft__chan_unlock().
 */
#ifndef WEFT_SYNC_CHAN_H
#define WEFT_SYNC_CHAN_H

#include <weft/chan.h>

#include "sync/ring.h"
#include "sync/waiter.h"

/* The waiter of one operation: a task's lies beside its stack (stack.h), for its call leaves no frame. */
struct weft__chan_waiter {
    struct weft__waiter waiter;
    union {
        void *in;        /* a receiver's buffer */
        const void *out; /* a sender's item */
    };
    weft_chan *chan; /* this and the queue: of one that waits by weft__chan_wait_to_send() or _recv() */
    bool sends;
    int result; /* 0 before it is queued; once it is granted: 0, or WEFT_ECLOSED */
};

struct weft_chan {
    struct weft__bias_lock lock; /* guards all; a leaf but for the wait words of the waiters */
    bool closed;
    bool in_storage;                      /* the caller's */
    struct weft__list senders, receivers; /* of struct weft__chan_waiter */
    struct weft__ring ring;
    uint64_t sent, dropped; /* items */
    uint64_t send_waits, recv_waits;
    size_t sender_ends, receiver_ends;
    void (*drop)(void *item, void *arg);
    void *drop_arg;
};

/* One try, under the lock. 0, WEFT_ECLOSED, WEFT_EFULL, or WEFT_EAGAIN: once weft__chan_grow() was called without the
 * lock. */
int weft__chan_send_now(weft_chan *c, const void *item, struct weft__wakes *wakes);

/* The same for a receive. 0, WEFT_ECLOSED (closed and drained), WEFT_EEMPTY. */
int weft__chan_recv_now(weft_chan *c, void *item, struct weft__wakes *wakes);

/* Room for one more item at least, until others take it. 0 or WEFT_ENOMEM. Takes the lock. */
int weft__chan_grow(weft_chan *c);

static inline void weft__chan_lock(weft_chan *c)
{
    weft__bias_lock(&c->lock, weft__worker_self());
}

/* How the lock is released after a receive. (One who does not leaves the block to the next one.) */
static inline void weft__chan_unlock(weft_chan *c)
{
    struct weft__ring_block *trash = weft__ring_trash(&c->ring);

    weft__bias_unlock(&c->lock);
    if (WEFT__UNLIKELY(trash != NULL))
        weft__ring_free(trash);
}

/* Takes the one that has waited longest out of `queue`, and wins it. NULL: nobody waits. Under the lock. */
static inline struct weft__chan_waiter *weft__chan_claim(struct weft__list *queue, struct weft__wakes *wakes)
{
    struct weft__waiter *w = weft__waiters_claim_first(queue, wakes);

    return w != NULL ? WEFT__CONTAINER(w, struct weft__chan_waiter, waiter) : NULL;
}

/* What weft__chan_send_now() and weft__chan_recv_now() are, for where a call would weigh. */
static inline int weft__chan_put_now(weft_chan *c, const void *item, struct weft__wakes *wakes)
{
    struct weft__chan_waiter *receiver;
    int rc;

    if (WEFT__UNLIKELY(c->closed))
        return WEFT_ECLOSED;
    if ((receiver = weft__chan_claim(&c->receivers, wakes)) != NULL)
        weft__ring_copy(receiver->in, item, c->ring.item_size);
    else if ((rc = weft__ring_room(&c->ring)) < 0)
        return rc;
    else
        weft__ring_put(&c->ring, item);
    c->sent++;
    return 0;
}

static inline int weft__chan_take_now(weft_chan *c, void *item, struct weft__wakes *wakes)
{
    struct weft__chan_waiter *sender;

    if (c->ring.count > 0) {
        weft__ring_get(&c->ring, item);
        if ((sender = weft__chan_claim(&c->senders, wakes)) == NULL)
            return 0;
        weft__ring_put(&c->ring, sender->out);
    } else if ((sender = weft__chan_claim(&c->senders, wakes)) != NULL) {
        weft__ring_copy(item, sender->out, c->ring.item_size);
    } else {
        return c->closed ? WEFT_ECLOSED : WEFT_EEMPTY;
    }
    c->sent++;
    return 0;
}

/* The rest of a send or receive that has entered by weft__wait_enter_on(), holds the lock, and found that it has to wait. Releases the lock.
 * 0, or WEFT_ECLOSED, WEFT_ECANCELED. Suspends. */
int weft__chan_wait_to_send(weft_chan *c, struct weft__worker *here, const void *item);
int weft__chan_wait_to_recv(weft_chan *c, struct weft__worker *here, void *item);

#endif
