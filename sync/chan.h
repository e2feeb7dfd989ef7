/* SPDX-License-Identifier: MIT */
/*
 * What a channel is made of, for its own files and for select. A ring under a lock, and two queues of waiters. Invariants, whenever
 * the lock is free, of the waiters that were not cancelled:
 *      receivers wait  =>  the ring is empty, no sender waits, and the channel is open
 *      senders wait    =>  the ring is full, no receiver waits, and the channel is open
 * So at most one queue holds somebody. A sender hands its item straight to the receiver that has waited longest; a receiver
 * that makes room moves the item of the sender that has waited longest into the ring. Without a ring (capacity 0) it takes
 * that item itself.
 */
#ifndef WEFT_SYNC_CHAN_H
#define WEFT_SYNC_CHAN_H

#include <weft/chan.h>

#include "sync/waiter.h"

/* The waiter of one operation. */
struct weft__chan_waiter {
    struct weft__waiter waiter;
    void *in;        /* a receiver's buffer */
    const void *out; /* a sender's item */
    int result;      /* once it is granted: 0, or WEFT_ECLOSED */
};

struct weft_chan {
    struct weft__spinlock lock; /* guards all; a leaf but for the wait words of the waiters */
    bool closed;
    size_t item_size, capacity, head, count;
    struct weft__list senders, receivers; /* of struct weft__chan_waiter */
    char ring[];
};

/* One try, under the lock. 0, WEFT_ECLOSED, WEFT_EFULL. */
int weft__chan_send_now(weft_chan *c, const void *item, struct weft__wakes *wakes);

/* 0, WEFT_ECLOSED (closed and drained), WEFT_EEMPTY. */
int weft__chan_recv_now(weft_chan *c, void *item, struct weft__wakes *wakes);

#endif
