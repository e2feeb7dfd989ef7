/* SPDX-License-Identifier: MIT */
/* How a channel begins and ends. */
#include "sync/chan.h"

#include "sched/options.h"
#include "sched/report.h"

_Static_assert(sizeof(weft_chan) <= WEFT_CHAN_RECORD && WEFT_CHAN_RECORD % 16 == 0, "the record of a channel");

weft_chan *weft_chan_create(size_t item_size, size_t capacity)
{
    return weft_chan_create_with(&(weft_chan_options){.item_size = item_size, .capacity = capacity});
}

/* The size of a record and its buffer, or 0 where that is none. */
static size_t bytes_of(const weft_chan_options *o)
{
    size_t bytes;

    if (o->item_size == 0 || !WEFT__RESERVED_ARE_ZERO(o))
        return 0;
    if (o->capacity == WEFT_UNBOUNDED)
        return weft__ring_block_bytes(o->item_size) != 0 ? WEFT_CHAN_RECORD : 0;
    if (__builtin_mul_overflow(o->item_size, o->capacity, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)WEFT_CHAN_RECORD, &bytes))
        return 0;
    return bytes;
}

weft_chan *weft_chan_create_with(const weft_chan_options *o)
{
    size_t bytes = bytes_of(o);
    weft_chan *c;

    if (bytes == 0)
        return NULL;
    if (o->storage == NULL)
        c = weft__alloc(bytes);
    else
        c = o->storage_size >= bytes && (uintptr_t)o->storage % 16 == 0 ? o->storage : NULL;
    if (c == NULL)
        return NULL;
    *c = (weft_chan){.in_storage = o->storage != NULL,
                     .sender_ends = 1,
                     .receiver_ends = 1,
                     .drop = o->drop,
                     .drop_arg = o->drop_arg};
    weft__ring_init(&c->ring, o->item_size, o->capacity, (char *)c + WEFT_CHAN_RECORD);
    return c;
}

/* In debug mode. A plain thread has no runtime that could be in it. */
static void report(const char *what)
{
    struct weft__task *t = weft__task_self();

    if (t != NULL)
        weft__report_misuse(t, what);
}

/* Closes the channel, under the lock. 0, or WEFT_ECLOSED. */
static int close_locked(weft_chan *c, struct weft__wakes *wakes)
{
    struct weft__list *queues[2] = {&c->senders, &c->receivers};

    if (c->closed)
        return WEFT_ECLOSED;
    c->closed = true;
    for (int i = 0; i < 2; i++) {
        struct weft__chan_waiter *w;

        while ((w = weft__chan_claim(queues[i], wakes)) != NULL)
            w->result = WEFT_ECLOSED;
    }
    return 0;
}

/* Takes the items out of a channel that was closed, under the lock: the buffer stays what it is, for nothing is put there any more. */
static struct weft__ring take_all(weft_chan *c)
{
    struct weft__ring all = c->ring;

    c->ring.head = c->ring.spare = c->ring.trash = NULL;
    weft__ring_fini(&c->ring);
    c->dropped += all.count;
    return all;
}

/* Throws them away, without the lock. Returns how many. */
static size_t drop_all(struct weft__ring *all, void (*drop)(void *item, void *arg), void *arg)
{
    size_t count = all->count;

    if (drop != NULL)
        for (; all->count > 0; weft__ring_skip(all))
            drop(all->get, arg);
    weft__ring_fini(all);
    return count;
}

int weft_chan_destroy(weft_chan *c)
{
    bool waited_in;

    if (c == NULL)
        return 0;
    weft__chan_lock(c);
    waited_in = c->senders.first != NULL || c->receivers.first != NULL;
    weft__bias_unlock(&c->lock);
    if (waited_in) {
        report("destroys a channel that is waited in");
        return WEFT_EBUSY;
    }
    (void)drop_all(&c->ring, c->drop, c->drop_arg);
    if (!c->in_storage)
        weft__free(c);
    return 0;
}

/* Closes and unlocks. */
static int close_and_unlock(weft_chan *c)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc = close_locked(c, &wakes);

    weft__bias_unlock(&c->lock);
    weft__wake(&wakes);
    return rc;
}

static ssize_t close_now_and_unlock(weft_chan *c)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    void (*drop)(void *item, void *arg) = c->drop;
    void *drop_arg = c->drop_arg;
    int rc = close_locked(c, &wakes);
    struct weft__ring all = take_all(c);
    size_t dropped;

    weft__bias_unlock(&c->lock);
    dropped = drop_all(&all, drop, drop_arg);
    weft__wake(&wakes);
    return dropped > 0 ? (ssize_t)dropped : rc;
}

int weft_chan_close(weft_chan *c)
{
    weft__chan_lock(c);
    return close_and_unlock(c);
}

ssize_t weft_chan_close_now(weft_chan *c)
{
    weft__chan_lock(c);
    return close_now_and_unlock(c);
}

static int retain(weft_chan *c, size_t *ends)
{
    int rc = 0;

    weft__chan_lock(c);
    if (*ends == 0)
        rc = WEFT_ECLOSED;
    else
        ++*ends;
    weft__bias_unlock(&c->lock);
    return rc;
}

int weft_chan_retain_sender(weft_chan *c)
{
    return retain(c, &c->sender_ends);
}

int weft_chan_retain_receiver(weft_chan *c)
{
    return retain(c, &c->receiver_ends);
}

/* 1: it was the last one, and the lock is held. Else it is not: 0 or WEFT_ECLOSED. */
static int release(weft_chan *c, size_t *ends)
{
    int rc = 0;

    weft__chan_lock(c);
    if (*ends == 0)
        rc = WEFT_ECLOSED;
    else if (--*ends == 0)
        return 1;
    weft__bias_unlock(&c->lock);
    if (rc < 0)
        report("releases an end of a channel that nobody holds");
    return rc;
}

int weft_chan_release_sender(weft_chan *c)
{
    int rc = release(c, &c->sender_ends);

    if (rc <= 0)
        return rc;
    (void)close_and_unlock(c); /* it may have been closed by other means */
    return 0;
}

ssize_t weft_chan_release_receiver(weft_chan *c)
{
    ssize_t rc = release(c, &c->receiver_ends);

    if (rc <= 0)
        return rc;
    rc = close_now_and_unlock(c);
    return rc < 0 ? 0 : rc;
}

size_t weft_chan_capacity(weft_chan *c)
{
    return c->ring.capacity; /* never changes */
}

size_t weft_chan_length(weft_chan *c)
{
    weft_chan_counts counts;

    weft_chan_stats(c, &counts);
    return counts.length;
}

bool weft_chan_is_closed(weft_chan *c)
{
    bool closed;

    weft__chan_lock(c);
    closed = c->closed;
    weft__bias_unlock(&c->lock);
    return closed;
}

void weft_chan_stats(weft_chan *c, weft_chan_counts *out)
{
    weft__chan_lock(c);
    *out = (weft_chan_counts){.sent = c->sent,
                              .received = c->sent - c->dropped - c->ring.count,
                              .dropped = c->dropped,
                              .send_waits = c->send_waits,
                              .recv_waits = c->recv_waits,
                              .length = c->ring.count,
                              .high_water = c->ring.high_water,
                              .senders = c->sender_ends,
                              .receivers = c->receiver_ends};
    weft__bias_unlock(&c->lock);
}
