/* SPDX-License-Identifier: MIT */
/*
 * Channels: queues of items between tasks, and threads that are none. Several may send, several may receive, and each
 * item that is sent is received once.
 *
 *     static int produce(void *pages)
 *     {
 *         int rc = 0;
 *
 *         for (int i = 1; i <= 3 && rc == 0; i++)
 *             rc = weft_chan_send(pages, &i);
 *         weft_chan_close(pages);
 *         return rc;
 *     }
 *
 *     weft_chan *pages = weft_chan_create(sizeof(int), 16);
 *     int page, rc;
 *
 *     weft_spawn(g, produce, pages);
 *     while ((rc = weft_chan_recv(pages, &page)) == 0)
 *         printf("page %d\n", page);
 *     if (rc != WEFT_ECLOSED)
 *         return rc;
 *
 * Items are of one size and copied in and out; WEFT_CHAN in weft/chan_typed.h lets the compiler check their type. They
 * come in the order in which they were sent, and those that wait are served in the order in which they came. The
 * capacity is how many items may lie in the channel:
 *   n                 a send waits while n are there. A receiver that waits is handed its item directly
 *   0                 a send waits for its receiver: when it returns, the item has been taken
 *   WEFT_UNBOUNDED    a send never waits. Memory grows by the piece, and shrinks as the items are received; where there is none a send
 *                     returns WEFT_ENOMEM, and nothing is lost
 *
 *     open --weft_chan_close(), the last sender released--> draining --the last item is received--> closed
 *      |                                                       |                                      ^
 *      +----weft_chan_close_now(), the last receiver released--+--------------------------------------+
 *
 * In an open channel calls wait; in a draining one receivers get what is left; after that, and at once for senders,
 * calls return WEFT_ECLOSED. All that wait are woken by the close. A sender that waited has then sent nothing.
 *
 * Who closes? One producer closes when it is done. Of several the last one must, so the channel counts its ends: it is
 * made with one sender and one receiver, its creator's. weft_chan_retain_sender() before each producer is started,
 * weft_chan_release_sender() when one is done, and the creator releases its own once all are started: the last release
 * closes. In the same way the last release of a receiver tells the senders that nobody listens. Programs that call
 * weft_chan_close() need none of this. The counts say nothing of memory: the channel is destroyed by one who knows that
 * nobody comes to it any more, such as the owner of the group.
 *
 * Threads: all calls, from any task and any thread, unless stated otherwise. In a task a call that "suspends" is a
 * checkpoint, and is cancelled with its scope, also by its deadline; a thread that runs no task is blocked, and only an
 * item, room, or the close ends that. On a thread of a runtime that runs no task nothing can wait: WEFT_ENOTASK.
 */
#ifndef WEFT_CHAN_H
#define WEFT_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_chan weft_chan;

#define WEFT_UNBOUNDED SIZE_MAX

/* Makes a channel for `capacity` items of `item_size` bytes. Returns NULL where memory is out, or `item_size` is 0 or
 * too large. The caller owns it. */
WEFT_API WEFT_CHECK weft_chan *weft_chan_create(size_t item_size, size_t capacity);

typedef struct weft_chan_options {
    size_t item_size;                    /* in bytes; must be given */
    size_t capacity;                     /* 0: each send waits for its receiver */
    void (*drop)(void *item, void *arg); /* called with each item that is thrown away, to free what it refers to */
    void *drop_arg;                      /* its second argument */
    void *storage;                       /* where the channel is to lie, aligned to 16; NULL: on the heap */
    size_t storage_size;                 /* at least WEFT_CHAN_BYTES of the above */
    uint64_t reserved[4];
} weft_chan_options;

/* The bytes of a channel and its buffer, for storage of the caller's. A constant where its arguments are. */
#define WEFT_CHAN_BYTES(item_size, capacity)                                                                           \
    (WEFT_CHAN_RECORD + ((capacity) == WEFT_UNBOUNDED ? 0 : (item_size) * (capacity)))
#define WEFT_CHAN_RECORD 320

/*
 * Makes a channel as weft_chan_create() does, also in the caller's storage:
 *     static _Alignas(16) char storage[WEFT_CHAN_BYTES(sizeof(int), 8)];
 * Also returns NULL where the storage is too small or not aligned. The storage must outlive the channel, and is the
 * caller's again after weft_chan_destroy(). The drop function runs in the task or on the thread whose call throws items
 * away, and must not suspend; no lock is held.
 */
WEFT_API WEFT_CHECK weft_chan *weft_chan_create_with(const weft_chan_options *options) WEFT_NONNULL(1);

/*
 * Frees the channel; what is in it is thrown away. Nobody may come to it any more (undefined otherwise); the send that
 * has handed the caller an item, or the weft_chan_close() or weft_chan_release_sender() that its WEFT_ECLOSED came
 * from, may still be on its way out. Takes NULL. Returns 0, or WEFT_EBUSY where somebody waits in it: then nothing has
 * happened, and debug mode reports it. Does not suspend.
 */
WEFT_API int weft_chan_destroy(weft_chan *c);

/* Puts a copy of `*item` into the channel, waiting while it is full. Returns 0, or WEFT_ECLOSED, WEFT_ECANCELED,
 * WEFT_ENOMEM (unbounded ones only); then the item was not sent. Suspends; a plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_chan_send(weft_chan *c, const void *item) WEFT_NONNULL(1, 2);

/* Takes the oldest item into `*item`, waiting while the channel is empty. Returns 0, or WEFT_ECLOSED (closed and
 * drained), WEFT_ECANCELED; then nothing was taken. Suspends; a plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_chan_recv(weft_chan *c, void *item) WEFT_NONNULL(1, 2);

/* The same without waiting: WEFT_EFULL (with capacity 0: no receiver waits), WEFT_EEMPTY instead. Do not suspend, and
 * are no checkpoints. */
WEFT_API WEFT_CHECK int weft_chan_try_send(weft_chan *c, const void *item) WEFT_NONNULL(1, 2);
WEFT_API WEFT_CHECK int weft_chan_try_recv(weft_chan *c, void *item) WEFT_NONNULL(1, 2);

/*
 * Sends the `count` items of an array, waiting whenever the channel is full: several with one look at the channel,
 * where there is room. Items of other senders may come in between. Returns how many were sent, from the first on: fewer
 * than `count` where the channel was closed, the task cancelled or memory out in between (the next call says which),
 * and the code alone where none was. Suspends; a plain thread is blocked.
 */
WEFT_API WEFT_CHECK ssize_t weft_chan_send_many(weft_chan *c, const void *items, size_t count) WEFT_NONNULL(1, 2);

/*
 * Takes at most `max` items into an array: waits while the channel is empty, then takes what is there without further
 * waiting. Returns how many, at least 1 unless `max` is 0, or WEFT_ECLOSED, WEFT_ECANCELED; then nothing was taken.
 * Suspends; a plain thread is blocked.
 */
WEFT_API WEFT_CHECK ssize_t weft_chan_recv_many(weft_chan *c, void *items, size_t max) WEFT_NONNULL(1, 2);

/* The same without waiting: what there is room for, or what is there, and WEFT_EFULL, WEFT_EEMPTY where that is none.
 * Do not suspend. */
WEFT_API WEFT_CHECK ssize_t weft_chan_try_send_many(weft_chan *c, const void *items, size_t count) WEFT_NONNULL(1, 2);
WEFT_API WEFT_CHECK ssize_t weft_chan_try_recv_many(weft_chan *c, void *items, size_t max) WEFT_NONNULL(1, 2);

/* Closes the channel and wakes all that wait; what is in it can still be received. Returns 0, or WEFT_ECLOSED when it
 * was closed before. Does not suspend. */
WEFT_API int weft_chan_close(weft_chan *c) WEFT_NONNULL(1);

/* Closes the channel, or ends its draining, and throws away what is in it. Returns how many items those were (each was
 * reported as sent, and nobody receives it), or WEFT_ECLOSED when it was closed and empty before. Does not suspend. */
WEFT_API ssize_t weft_chan_close_now(weft_chan *c) WEFT_NONNULL(1);

/* One more sender or receiver that has to release itself. Returns 0, or WEFT_ECLOSED where the last one was released
 * already: then there is none more. For one who holds such an end, so that the count is not zero. Does not suspend. */
WEFT_API int weft_chan_retain_sender(weft_chan *c) WEFT_NONNULL(1);
WEFT_API int weft_chan_retain_receiver(weft_chan *c) WEFT_NONNULL(1);

/*
 * One sender fewer; the last one closes the channel as weft_chan_close() does. Returns 0, or WEFT_ECLOSED where the
 * last one was released already, which debug mode reports. Does not suspend.
 */
WEFT_API int weft_chan_release_sender(weft_chan *c) WEFT_NONNULL(1);

/* One receiver fewer; the last one closes the channel as weft_chan_close_now() does. Returns how many items that threw
 * away, else 0, or WEFT_ECLOSED as above. Does not suspend. */
WEFT_API ssize_t weft_chan_release_receiver(weft_chan *c) WEFT_NONNULL(1);

/* How it stood a moment ago. Do not suspend. */
WEFT_API size_t weft_chan_length(weft_chan *c) WEFT_NONNULL(1);   /* items in it; those of waiting senders are not */
WEFT_API size_t weft_chan_capacity(weft_chan *c) WEFT_NONNULL(1); /* as it was made */
WEFT_API bool weft_chan_is_closed(weft_chan *c) WEFT_NONNULL(1);  /* or drained: senders get WEFT_ECLOSED */

/* What has happened in a channel since it was made. */
typedef struct weft_chan_counts {
    uint64_t sent;       /* items: received + dropped + length */
    uint64_t received;   /* items */
    uint64_t dropped;    /* items that were thrown away */
    uint64_t send_waits; /* how often a sender had to wait */
    uint64_t recv_waits; /* how often a receiver had to */
    size_t length;       /* items that are in it */
    size_t high_water;   /* the most that ever were */
    size_t senders;      /* ends that were not released */
    size_t receivers;
    uint64_t reserved[4];
} weft_chan_counts;

/* Fills in `*out`, all as of one moment. Does not suspend. */
WEFT_API void weft_chan_stats(weft_chan *c, weft_chan_counts *out) WEFT_NONNULL(1, 2);

WEFT_END_DECLS

#endif
