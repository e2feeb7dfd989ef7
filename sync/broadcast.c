/* SPDX-License-Identifier: MIT */
/*
 * The lock guards all: the ring, and the positions of the subscribers. `sent` numbers the items; the ring holds those
 * from oldest() on, an item in the slot of its number modulo the capacity.
 *
 *     open --close--> closed: `sent` stays
 *
 * Those who wait have seen all that was sent, and the broadcast is open: each send and the close claim all of them.
 * Whoever was claimed copies its item itself, out of the ring, so a send costs one copy under the lock however many
 * wait; who comes too late for that is told.
 */
#include <weft/broadcast.h>

#include <string.h>

#include "sync/misuse.h"
#include "sync/waiter.h"

struct weft_broadcast {
    struct weft__spinlock lock; /* a leaf but for the wait words of the waiters */
    bool closed;
    size_t item_size, capacity;
    uint64_t sent;
    struct weft__list receivers;
    char ring[];
};

_Static_assert(sizeof(weft_subscriber) == 16, "as the header says");

weft_broadcast *weft_broadcast_create(size_t item_size, size_t capacity)
{
    size_t bytes;
    weft_broadcast *b;

    if (item_size == 0 || capacity == 0 || __builtin_mul_overflow(item_size, capacity, &bytes) ||
        __builtin_add_overflow(bytes, sizeof *b, &bytes) || (b = weft__alloc(bytes)) == NULL)
        return NULL;
    b->item_size = item_size;
    b->capacity = capacity;
    return b;
}

int weft_broadcast_destroy(weft_broadcast *b)
{
    int rc = b != NULL ? weft__may_end(&b->lock, &b->receivers, "destroys a broadcast that is waited for") : 0;

    if (rc == 0)
        weft__free(b);
    return rc;
}

void weft_subscribe(weft_subscriber *s, weft_broadcast *b)
{
    s->broadcast = b;
    weft__spinlock_lock(&b->lock);
    s->opaque[0] = b->sent;
    weft__spinlock_unlock(&b->lock);
}

/* Under the lock, here and below. */
static char *slot(weft_broadcast *b, uint64_t number)
{
    return b->ring + number % b->capacity * b->item_size;
}

static uint64_t oldest(const weft_broadcast *b)
{
    return b->sent > b->capacity ? b->sent - b->capacity : 0;
}

static int take(weft_subscriber *s, void *item, uint64_t *lost)
{
    weft_broadcast *b = s->broadcast;
    uint64_t next = s->opaque[0], missed = next < oldest(b) ? oldest(b) - next : 0;

    if (next == b->sent)
        return b->closed ? WEFT_ECLOSED : WEFT_EEMPTY;
    next += missed;
    memcpy(item, slot(b, next), b->item_size);
    s->opaque[0] = next + 1;
    if (lost != NULL)
        *lost = missed;
    return 0;
}

/* Sends an item, or closes where it is NULL. */
static int change(weft_broadcast *b, const void *item)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&b->lock);
    if (b->closed) {
        weft__spinlock_unlock(&b->lock);
        return WEFT_ECLOSED;
    }
    if (item != NULL)
        memcpy(slot(b, b->sent++), item, b->item_size);
    b->closed = item == NULL;
    weft__waiters_claim_all(&b->receivers, &wakes);
    weft__spinlock_unlock(&b->lock);
    weft__wake(&wakes);
    return 0;
}

int weft_broadcast_send(weft_broadcast *b, const void *item)
{
    return change(b, item);
}

int weft_broadcast_close(weft_broadcast *b)
{
    return change(b, NULL);
}

int weft_broadcast_try_recv(weft_subscriber *s, void *item, uint64_t *lost)
{
    weft_broadcast *b = s->broadcast;
    int rc;

    weft__spinlock_lock(&b->lock);
    rc = take(s, item, lost);
    weft__spinlock_unlock(&b->lock);
    return rc;
}

int weft_broadcast_recv(weft_subscriber *s, void *item, uint64_t *lost)
{
    weft_broadcast *b = s->broadcast;
    struct weft__waiter w;
    int rc = weft__wait_enter(&w);

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&b->lock);
    /* Once, but where others use this subscriber, too: they may have been faster. */
    while ((rc = take(s, item, lost)) == WEFT_EEMPTY) {
        if ((rc = weft__wait_in(&w, &b->receivers, &b->lock)) < 0)
            break;
        weft__spinlock_lock(&b->lock);
    }
    weft__spinlock_unlock(&b->lock);
    return rc;
}
