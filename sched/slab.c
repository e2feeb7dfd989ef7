/* SPDX-License-Identifier: MIT */
#include "sched/slab.h"

enum { CHUNK = 64 << 10, HEADER = WEFT__CACHE_LINE };

void weft__slab_init(struct weft__slab *s, size_t size)
{
    s->size = (size + WEFT__CACHE_LINE - 1) & ~(size_t)(WEFT__CACHE_LINE - 1);
}

void weft__slab_fini(struct weft__slab *s)
{
    while (s->chunks != NULL) {
        void *next = *(void **)s->chunks;

        weft__free(s->chunks);
        s->chunks = next;
    }
    s->free = NULL;
}

/* Caller holds the lock. */
static void *take_locked(struct weft__slab *s)
{
    void *r = s->free;

    if (r != NULL) {
        s->free = *(void **)r;
        return r;
    }
    if (s->chunks == NULL || s->carved + s->size > CHUNK) {
        void *chunk = weft__alloc_aligned(CHUNK);

        if (chunk == NULL)
            return NULL;
        *(void **)chunk = s->chunks;
        s->chunks = chunk;
        s->carved = HEADER;
    }
    r = (char *)s->chunks + s->carved;
    s->carved += s->size;
    return r;
}

void *weft__slab_take(struct weft__slab *s)
{
    void *r;

    weft__lock(&s->lock);
    r = take_locked(s);
    weft__unlock(&s->lock);
    return r;
}

void weft__slab_give(struct weft__slab *s, void *record)
{
    weft__lock(&s->lock);
    *(void **)record = s->free;
    s->free = record;
    weft__unlock(&s->lock);
}

void weft__slab_each(struct weft__slab *s, void (*visit)(void *record, void *arg), void *arg)
{
    weft__lock(&s->lock);
    for (char *chunk = s->chunks; chunk != NULL; chunk = *(void **)(void *)chunk) {
        size_t end = chunk == s->chunks ? s->carved : CHUNK;

        for (size_t at = HEADER; at + s->size <= end; at += s->size)
            visit(chunk + at, arg);
    }
    weft__unlock(&s->lock);
}

void *weft__slab_cache_refill(struct weft__slab_cache *c, struct weft__slab *s, unsigned batch)
{
    void *r;

    weft__lock(&s->lock);
    r = take_locked(s);
    for (unsigned i = 1; r != NULL && i < batch; i++) {
        void *more = take_locked(s);

        if (more == NULL)
            break;
        *(void **)more = c->free;
        c->free = more;
        c->count++;
    }
    weft__unlock(&s->lock);
    return r;
}

void weft__slab_cache_spill(struct weft__slab_cache *c, struct weft__slab *s, unsigned keep)
{
    weft__lock(&s->lock);
    while (c->count > keep) {
        void *r = c->free;

        c->free = *(void **)r;
        c->count--;
        *(void **)r = s->free;
        s->free = r;
    }
    weft__unlock(&s->lock);
}
