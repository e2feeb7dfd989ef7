/* SPDX-License-Identifier: MIT */
/* Several items with one call: as many as go at once under one hold of the lock, and the wakes after it. */
#include "sync/chan.h"

/* Items under one hold of the lock. */
enum { STEP = 64 };

/* What there is room for, up to a step. Adds to `*done`; 0, or why the last one did not go. */
static int send_step(weft_chan *c, const char *items, size_t count, size_t *done, struct weft__wakes *wakes)
{
    size_t end = count - *done > STEP ? *done + STEP : count;
    int rc = 0;

    while (*done < end && (rc = weft__chan_put_now(c, items + *done * c->ring.item_size, wakes)) == 0)
        ++*done;
    return rc;
}

static int recv_step(weft_chan *c, char *items, size_t max, size_t *done, struct weft__wakes *wakes)
{
    size_t end = max - *done > STEP ? *done + STEP : max;
    int rc = 0;

    while (*done < end && (rc = weft__chan_take_now(c, items + *done * c->ring.item_size, wakes)) == 0)
        ++*done;
    return rc;
}

static ssize_t outcome(size_t done, int rc)
{
    return done > 0 ? (ssize_t)done : rc;
}

/* Whoever waits does so with the one item that did not go. */
static ssize_t send_many(weft_chan *c, const char *items, size_t count, bool waits)
{
    size_t done = 0;
    int rc;

    do {
        struct weft__wakes wakes = WEFT__WAKES_NONE;
        struct weft__worker *here = weft__worker_self();
        size_t before = done;

        if (waits && (rc = weft__wait_enter_on(&here)) < 0)
            break;
        weft__bias_lock(&c->lock, here);
        rc = send_step(c, items, count, &done, &wakes);
        if (waits && rc == WEFT_EFULL && done == before) {
            rc = weft__chan_wait_to_send(c, here, items + done * c->ring.item_size);
            done += rc == 0;
            continue;
        }
        weft__bias_unlock(&c->lock);
        weft__wake_from(here, &wakes);
        if (rc == WEFT_EAGAIN)
            rc = weft__chan_grow(c);
        else if (waits && rc == WEFT_EFULL)
            rc = 0; /* those that were woken may make room; else it waits in the next turn */
    } while (rc == 0 && done < count);
    return outcome(done, rc);
}

static ssize_t recv_many(weft_chan *c, char *items, size_t max, bool waits)
{
    size_t done = 0;
    int rc;

    do {
        struct weft__wakes wakes = WEFT__WAKES_NONE;
        struct weft__worker *here = weft__worker_self();

        if (waits && done == 0 && (rc = weft__wait_enter_on(&here)) < 0)
            break;
        weft__bias_lock(&c->lock, here);
        rc = recv_step(c, items, max, &done, &wakes);
        if (waits && rc == WEFT_EEMPTY && done == 0) {
            rc = weft__chan_wait_to_recv(c, here, items);
            done += rc == 0;
            continue;
        }
        weft__chan_unlock(c);
        weft__wake_from(here, &wakes);
    } while (rc == 0 && done < max);
    return outcome(done, rc);
}

ssize_t weft_chan_send_many(weft_chan *c, const void *items, size_t count)
{
    return send_many(c, items, count, true);
}

ssize_t weft_chan_recv_many(weft_chan *c, void *items, size_t max)
{
    return recv_many(c, items, max, true);
}

ssize_t weft_chan_try_send_many(weft_chan *c, const void *items, size_t count)
{
    return send_many(c, items, count, false);
}

ssize_t weft_chan_try_recv_many(weft_chan *c, void *items, size_t max)
{
    return recv_many(c, items, max, false);
}
