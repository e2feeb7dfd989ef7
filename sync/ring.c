/* SPDX-License-Identifier: MIT */
#include "sync/ring.h"

void weft__ring_init(struct weft__ring *r, size_t item_size, size_t capacity, char *buffer)
{
    *r = (struct weft__ring){.item_size = item_size, .capacity = capacity};
    if (capacity != SIZE_MAX) {
        r->begin = r->put = r->get = buffer;
        r->put_end = r->get_end = buffer + item_size * capacity;
    }
}

void weft__ring_free(struct weft__ring_block *list)
{
    while (list != NULL) {
        struct weft__ring_block *next = list->next;

        weft__free(list);
        list = next;
    }
}

void weft__ring_fini(struct weft__ring *r)
{
    weft__ring_free(r->head);
    weft__ring_free(r->spare);
    weft__ring_free(r->trash);
    r->head = r->tail = r->spare = r->trash = NULL;
    r->put = r->put_end = r->get = r->get_end = r->begin;
    r->count = 0;
}

struct weft__ring_block *weft__ring_block_make(size_t item_size)
{
    return weft__alloc(sizeof(struct weft__ring_block) + weft__ring_block_bytes(item_size));
}

static void discard(struct weft__ring *r, struct weft__ring_block *b)
{
    b->next = r->trash;
    r->trash = b;
}

void weft__ring_supply(struct weft__ring *r, struct weft__ring_block *b)
{
    b->next = NULL;
    if (r->spare == NULL)
        r->spare = b;
    else
        discard(r, b);
}

/* The tail is full, or there is none yet. */
int weft__ring_room_slow(struct weft__ring *r)
{
    struct weft__ring_block *b = r->spare;
    size_t bytes = weft__ring_block_bytes(r->item_size);

    if (b == NULL)
        return WEFT_EAGAIN;
    r->spare = NULL;
    if (r->tail != NULL) {
        r->tail->next = b;
    } else {
        r->head = b;
        r->get = b->items;
        r->get_end = b->items + bytes;
    }
    r->tail = b;
    r->put = b->items;
    r->put_end = b->items + bytes;
    return 0;
}

/* The head has no more items to give. */
void weft__ring_next_block(struct weft__ring *r)
{
    struct weft__ring_block *b = r->head;

    if (b == r->tail) {
        /* Full and empty: it begins anew. */
        r->get = r->put = b->items;
        return;
    }
    r->head = b->next;
    r->get = r->head->items;
    r->get_end = r->head->items + (r->get_end - b->items);
    weft__ring_supply(r, b);
}
