/* SPDX-License-Identifier: MIT */
/*
 * The items of a channel, in order. A bounded one has a buffer that is used round and round; an unbounded one a list of
 * blocks, from the head, where items are taken from, to the tail, where they are put, and at most one spare, so that a
 * channel that goes up and down by a few items does not go to the heap for each. Blocks that are left over are trash
 * until somebody frees them who holds no lock. Both look alike where it matters: `put` and `get` are where the next
 * item goes to and comes from.
 *
 *      bounded:    get != get_end and put != put_end, for both have turned around at once
 *      unbounded:  count > 0   =>  get != get_end
 *                  put == put_end  =>  the next block has to be had first (weft__ring_room)
 *
 * No function here takes a lock, or waits.
 */
#ifndef WEFT_SYNC_RING_H
#define WEFT_SYNC_RING_H

#include <stdint.h>
#include <string.h>

#include <weft/error.h>

#include "sched/platform.h"

struct weft__ring_block {
    struct weft__ring_block *next;
    _Alignas(16) char items[]; /* as the buffer of a bounded one: the drop function is given items where they lie */
};

struct weft__ring {
    char *put, *put_end;
    char *get, *get_end;
    size_t count, capacity; /* SIZE_MAX: unbounded */
    size_t item_size;
    size_t high_water;                      /* of count */
    char *begin;                            /* of the buffer; NULL: unbounded */
    struct weft__ring_block *head, *tail;   /* NULL before the first item */
    struct weft__ring_block *spare, *trash; /* trash is a list */
};

/* How many bytes of items a block has: some 4,000, and at least 4 items. 0: too many. */
static inline size_t weft__ring_block_bytes(size_t item_size)
{
    return item_size <= 1000 ? 4000 / item_size * item_size : item_size <= SIZE_MAX / 8 ? 4 * item_size : 0;
}

/* `buffer` has room for `capacity` items; it is not used where that is SIZE_MAX. */
void weft__ring_init(struct weft__ring *r, size_t item_size, size_t capacity, char *buffer);

/* Frees all blocks, and forgets the items. */
void weft__ring_fini(struct weft__ring *r);

/* Makes a spare block, to be given by weft__ring_supply(). NULL: no memory. It may lie around for as long as it is
 * wanted. */
struct weft__ring_block *weft__ring_block_make(size_t item_size);
void weft__ring_supply(struct weft__ring *r, struct weft__ring_block *b);

int weft__ring_room_slow(struct weft__ring *r);
void weft__ring_next_block(struct weft__ring *r);

/* Whether one more item may be put: 0, WEFT_EFULL, or WEFT_EAGAIN: once a block was supplied. */
static inline int weft__ring_room(struct weft__ring *r)
{
    if (r->count == r->capacity)
        return WEFT_EFULL;
    return WEFT__UNLIKELY(r->put == r->put_end) ? weft__ring_room_slow(r) : 0;
}

/* Items of a word are the usual ones, and a call of memcpy() is longer than they are. */
static inline void weft__ring_copy(void *to, const void *from, size_t size)
{
    if (WEFT__LIKELY(size == sizeof(uint64_t)))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, size);
}

/* After weft__ring_room() said 0. */
static inline void weft__ring_put(struct weft__ring *r, const void *item)
{
    weft__ring_copy(r->put, item, r->item_size);
    r->put += r->item_size;
    if (r->put == r->put_end && WEFT__LIKELY(r->begin != NULL))
        r->put = r->begin;
    if (++r->count > r->high_water)
        r->high_water = r->count;
}

/* Past the oldest item, where `count` is not 0. */
static inline void weft__ring_skip(struct weft__ring *r)
{
    r->count--;
    r->get += r->item_size;
    if (r->get == r->get_end) {
        if (WEFT__LIKELY(r->begin != NULL))
            r->get = r->begin;
        else
            weft__ring_next_block(r);
    }
}

static inline void weft__ring_get(struct weft__ring *r, void *item)
{
    weft__ring_copy(item, r->get, r->item_size);
    weft__ring_skip(r);
}

/* Takes the trash, which the caller frees by weft__ring_free() when it holds no lock any more. NULL, mostly. */
static inline struct weft__ring_block *weft__ring_trash(struct weft__ring *r)
{
    struct weft__ring_block *trash = r->trash;

    if (WEFT__UNLIKELY(trash != NULL))
        r->trash = NULL;
    return trash;
}

void weft__ring_free(struct weft__ring_block *list);

#endif
