/* SPDX-License-Identifier: MIT */
/*
 * Records of one size that are reused but never returned to the system before the slab ends. So a stale pointer to a
 * record always points to a record of the same type: a waker that comes late reads a sequence number that has moved on.
 * A record begins with a pointer, which the slab uses while the record is free; the rest of it is left as it was.
 *
 * A worker takes from and gives back to a private cache; caches trade batches with the slab under its lock.
 */
#ifndef WEFT_SCHED_SLAB_H
#define WEFT_SCHED_SLAB_H

#include "sched/lock.h"

struct weft__slab {
    struct weft__lock lock; /* a leaf: nothing else is locked under it */
    size_t size;
    void *free;
    void *chunks;
    size_t carved; /* bytes used of the newest chunk */
};

struct weft__slab_cache {
    void *free;
    unsigned count;
};

#define WEFT__SLAB_BATCH 32

void weft__slab_init(struct weft__slab *s, size_t size);
void weft__slab_fini(struct weft__slab *s); /* frees all records; takes a zeroed slab */

/* From any thread. NULL where memory is out. */
void *weft__slab_take(struct weft__slab *s);
void weft__slab_give(struct weft__slab *s, void *record);

/* Calls `visit` for each record that was ever handed out, under the lock: it may be free, or in use while it looks. */
void weft__slab_each(struct weft__slab *s, void (*visit)(void *record, void *arg), void *arg);

/* The slow sides of the cache: a batch comes or goes. */
void *weft__slab_cache_refill(struct weft__slab_cache *c, struct weft__slab *s, unsigned batch);
void weft__slab_cache_spill(struct weft__slab_cache *c, struct weft__slab *s, unsigned keep);

static inline void *weft__slab_cache_take(struct weft__slab_cache *c, struct weft__slab *s)
{
    void *r = c->free;

    if (WEFT__UNLIKELY(r == NULL))
        return weft__slab_cache_refill(c, s, WEFT__SLAB_BATCH);
    c->free = *(void **)r;
    c->count--;
    return r;
}

static inline void weft__slab_cache_give(struct weft__slab_cache *c, struct weft__slab *s, void *record)
{
    *(void **)record = c->free;
    c->free = record;
    if (WEFT__UNLIKELY(++c->count > 2 * WEFT__SLAB_BATCH))
        weft__slab_cache_spill(c, s, WEFT__SLAB_BATCH);
}

#endif
