/* SPDX-License-Identifier: MIT */
/*
 * Queues of work: first-in-first-out, last-in-first-out, or by priority, bounded or not, with a wait until all that was
 * put has been done. What asyncio has as Queue, LifoQueue and PriorityQueue.
 *
 *     weft_queue *q = weft_queue_create(sizeof(int), &(weft_queue_options){.capacity = 8});
 *
 *     for (int i = 0; i < 3; i++)
 *         weft_spawn(g, work, q);                          gets until it is told WEFT_ECLOSED; weft_queue_task_done() after each
 *     for (int i = 0; i < 100 && rc == 0; i++)
 *         rc = weft_queue_put(q, &i);
 *     rc = weft_queue_join(q);                             here all of them have been done
 *     weft_queue_shutdown(q, WEFT_QUEUE_GRACEFUL);         and the workers end
 *
 * Nothing is put after a shutdown:
 *
 *     open ----graceful shutdown----> drained: puts are refused, gets go on until the queue is empty
 *       |                                |
 *       `----immediate shutdown----------+--> over: what was in the queue is dropped, and puts and gets are refused
 *
 * Refused is WEFT_ECLOSED. Items that are dropped count as done, as asyncio has it; items that were taken are waited
 * for by weft_queue_join() until their takers say so.
 *
 * Items are copied in and out. Whoever waits is served in the order in which they came: an item goes straight to the
 * one who has waited longest for it, and room to the put that has. For a hand-over without a count of what is done, and
 * for select, there are channels (weft/chan.h).
 *
 * Threads: every call may be made by any task, of any runtime, and by any plain thread; the waiting ones suspend the
 * task, or block the plain thread. Items are copied under a lock of a few instructions: keep them below a few hundred
 * bytes. Memory is allocated outside of it, as the queue grows, and mostly given back as it shrinks.
 */
#ifndef WEFT_QUEUE_H
#define WEFT_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_queue weft_queue;

enum weft_queue_kind {
    WEFT_QUEUE_FIFO,
    WEFT_QUEUE_LIFO,
    WEFT_QUEUE_PRIORITY, /* the smallest number first; items of equal priority in the order of their puts */
};

typedef struct weft_queue_options {
    size_t capacity; /* 0: unbounded */
    enum weft_queue_kind kind;
    /* For WEFT_QUEUE_PRIORITY, and only then: the priority of an item; a deadline is one, too. Called once for each
     * item by the task or thread that puts it, before anything has happened, with no lock held. */
    int64_t (*priority)(const void *item);
    uint64_t reserved[4];
} weft_queue_options;

/* Makes a queue of items of `item_size` bytes; `options` may be NULL: unbounded, first-in-first-out. Returns NULL where
 * memory is out or the arguments make no sense. The caller owns it. Callable anywhere. */
WEFT_API WEFT_CHECK weft_queue *weft_queue_create(size_t item_size, const weft_queue_options *options);

/* Frees the queue and what is in it. Returns 0, or WEFT_EBUSY: somebody waits in it, and nothing has changed; debug
 * mode reports it. To be in another call of it meanwhile is undefined. Takes NULL. Does not suspend. */
WEFT_API int weft_queue_destroy(weft_queue *q);

/* Puts a copy of `*item` into the queue, waiting while it is full. Returns 0, or WEFT_ECLOSED, WEFT_ECANCELED,
 * WEFT_ENOMEM: then the item was not put, and nothing else has changed; or WEFT_ENOTASK: on a thread of a runtime that
 * runs no task. Suspends; a plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_queue_put(weft_queue *q, const void *item) WEFT_NONNULL(1, 2);

/* Takes the next item into `*item`, waiting while the queue is empty. Returns 0, or WEFT_ECLOSED, WEFT_ECANCELED,
 * WEFT_ENOTASK: then nothing was taken. Suspends; a plain thread is blocked. */
WEFT_API WEFT_CHECK int weft_queue_get(weft_queue *q, void *item) WEFT_NONNULL(1, 2);

/* The same without waiting: WEFT_EFULL, WEFT_EEMPTY instead. Do not suspend. */
WEFT_API WEFT_CHECK int weft_queue_try_put(weft_queue *q, const void *item) WEFT_NONNULL(1, 2);
WEFT_API WEFT_CHECK int weft_queue_try_get(weft_queue *q, void *item) WEFT_NONNULL(1, 2);

/* Says that an item that was taken has been done. Returns 0, or WEFT_EINVAL: all that was ever put has been done
 * before; debug mode reports it. Does not suspend. */
WEFT_API int weft_queue_task_done(weft_queue *q) WEFT_NONNULL(1);

/* Waits until as many items have been done as were put. Returns 0, or WEFT_ECANCELED, WEFT_ENOTASK. Suspends; a plain
 * thread is blocked. */
WEFT_API WEFT_CHECK int weft_queue_join(weft_queue *q) WEFT_NONNULL(1);

/* The same without waiting: WEFT_EBUSY instead. Does not suspend. */
WEFT_API WEFT_CHECK int weft_queue_try_join(weft_queue *q) WEFT_NONNULL(1);

enum weft_queue_end { WEFT_QUEUE_GRACEFUL, WEFT_QUEUE_IMMEDIATE };

/* Shuts the queue down, and wakes those whose calls will not be served: those that wait to put have not put. Returns
 * how many items were dropped, 0 where it is graceful. An immediate one may follow a graceful one; otherwise a second
 * changes nothing. Where items own something, shut down gracefully and take them with weft_queue_try_get(). Does not
 * suspend. */
WEFT_API size_t weft_queue_shutdown(weft_queue *q, enum weft_queue_end how) WEFT_NONNULL(1);

/* How many items lie in the queue; it may have changed before the caller looks. Does not suspend. */
WEFT_API size_t weft_queue_size(weft_queue *q) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
