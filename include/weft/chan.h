/* SPDX-License-Identifier: MIT */
/*
 * Channels: queues of fixed capacity between tasks of one runtime; several may send and several receive.
 *
 * Items are copied in and out. A channel is first-in-first-out, and so are its waiters. Close lets the receivers drain
 * what is there; after that, and at once for senders, calls return WEFT_ECLOSED.
 */
#ifndef WEFT_CHAN_H
#define WEFT_CHAN_H

#include <stddef.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_chan weft_chan;

/* Makes a channel for `capacity` items of `item_size` bytes; with capacity 0 a send waits for its receiver. Returns NULL where memory
 * is out or `item_size` is 0. The caller owns it. Callable anywhere. */
WEFT_API WEFT_CHECK weft_chan *weft_chan_create(size_t item_size, size_t capacity);

/* Frees the channel and what is in it. Nobody may wait in it or come to it any more (undefined otherwise); a call that has
 * handed the caller an item may still be on its way out. Takes NULL. */
WEFT_API void weft_chan_destroy(weft_chan *c);

/* Puts a copy of `*item` into the channel, waiting while it is full. Returns 0, or WEFT_ECLOSED, WEFT_ECANCELED
 * (then the item was not sent). Suspends; a plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_chan_send(weft_chan *c, const void *item) WEFT_NONNULL(1, 2);

/* Takes the oldest item into `*item`, waiting while the channel is empty. Returns 0, or WEFT_ECLOSED (closed and
 * drained), WEFT_ECANCELED (then nothing was taken). Suspends; a plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_chan_recv(weft_chan *c, void *item) WEFT_NONNULL(1, 2);

/* The same without waiting: WEFT_EFULL, WEFT_EEMPTY instead. Do not suspend. Callable from any thread. */
WEFT_API WEFT_CHECK int weft_chan_try_send(weft_chan *c, const void *item) WEFT_NONNULL(1, 2);
WEFT_API WEFT_CHECK int weft_chan_try_recv(weft_chan *c, void *item) WEFT_NONNULL(1, 2);

/* Closes the channel and wakes its waiters. Returns 0, or WEFT_ECLOSED when it was closed before. Does not suspend.
 * Callable from any thread. */
WEFT_API int weft_chan_close(weft_chan *c) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
