/* SPDX-License-Identifier: MIT */
/*
 * Broadcasts: every subscriber sees every item that was sent since it subscribed, in the order of the sends.
 *
 *     weft_broadcast *news = weft_broadcast_create(sizeof(int), 64);
 *     weft_subscriber s;
 *     uint64_t lost;
 *     int item;
 *
 *     weft_subscribe(&s, news);                            before the first send: what came before is not seen
 *     ...
 *     while ((rc = weft_broadcast_recv(&s, &item, &lost)) == 0)
 *         use(item, lost);                                 lost: how many it was too slow for, just before this item
 *
 * A send never waits for anybody: the last `capacity` items are kept, and a subscriber that has fallen further behind
 * than that goes on with the oldest of them, and is told how many it has lost. So a capacity is how long a burst the
 * slowest may sleep through.
 *
 * A subscriber is a position, 16 bytes of the caller's storage: the broadcast need not know it, nothing is to be
 * undone, any number of them costs nothing, and a copy of one is another that goes on from the same item. One that
 * several tasks receive from at the same time gives each item to one of them.
 *
 * weft_broadcast_close() lets the subscribers read what is left, then they get WEFT_ECLOSED.
 *
 * Threads: every call may be made by any task, of any runtime, and by any plain thread. weft_broadcast_recv() suspends
 * the task, or blocks the plain thread. A send copies its item once, and wakes all that wait, in the order in which
 * they came; each of them copies the item out. Both are done under a lock of a few instructions: keep items below a few
 * hundred bytes.
 */
#ifndef WEFT_BROADCAST_H
#define WEFT_BROADCAST_H

#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_broadcast weft_broadcast;

typedef struct weft_subscriber {
    weft_broadcast *broadcast;
    uint64_t opaque[1];
} weft_subscriber;

/* Makes a broadcast that keeps the last `capacity` items of `item_size` bytes, neither of them 0. Returns NULL where
 * memory is out or an argument makes no sense. The caller owns it. Callable anywhere. */
WEFT_API WEFT_CHECK weft_broadcast *weft_broadcast_create(size_t item_size, size_t capacity);

/* Frees it. Returns 0, or WEFT_EBUSY: somebody waits in it, and nothing has changed; debug mode reports it. To use it
 * or a subscriber of it afterwards, or to be in a call meanwhile, is undefined. Takes NULL. Does not suspend. */
WEFT_API int weft_broadcast_destroy(weft_broadcast *b);

/* Has `*s` see all items from the next one on. Does not suspend. */
WEFT_API void weft_subscribe(weft_subscriber *s, weft_broadcast *b) WEFT_NONNULL(1, 2);

/* Sends a copy of `*item` to all subscribers. Returns 0, also where there is none, or WEFT_ECLOSED. Never waits, does
 * not suspend. */
WEFT_API WEFT_CHECK int weft_broadcast_send(weft_broadcast *b, const void *item) WEFT_NONNULL(1, 2);

/* Copies the next item to `*item`, waiting until there is one, and stores in `*lost` (which may be NULL, where that
 * does not matter) how many items before it have gone unseen, mostly 0. Returns 0, or, with nothing stored,
 * WEFT_ECLOSED: it has seen all; WEFT_ECANCELED: the item will be seen by the next call. WEFT_ENOTASK: on a thread of a
 * runtime that runs no task. Suspends; a plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_broadcast_recv(weft_subscriber *s, void *item, uint64_t *lost) WEFT_NONNULL(1, 2);

/* The same without waiting: WEFT_EEMPTY where there is none. Does not suspend. */
WEFT_API WEFT_CHECK int weft_broadcast_try_recv(weft_subscriber *s, void *item, uint64_t *lost) WEFT_NONNULL(1, 2);

/* No other item will come. Wakes all that wait. Returns 0, or WEFT_ECLOSED when it was closed before. Does not
 * suspend. */
WEFT_API int weft_broadcast_close(weft_broadcast *b) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
