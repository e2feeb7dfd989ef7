/* SPDX-License-Identifier: MIT */
/*
 * The lock guards all: the value, its version, and what readers have seen. Versions are counted from 1, so that a
 * zeroed reader has seen none; `sent` is one less, so that a zeroed watch has the first.
 *
 *     open --close--> closed: the version stays
 *
 * Those who wait have seen the version that there is, and the watch is open: each send and the close claim all of them.
 * Whoever was claimed copies the latest value itself, which may be a later one than it was woken for.
 */
#include <weft/watch.h>

#include <string.h>

#include "sync/misuse.h"
#include "sync/waiter.h"

struct weft__watch {
    void *value;
    size_t size;
    struct weft__list waiters;
    uint64_t sent;
    struct weft__spinlock lock; /* a leaf but for the wait words of the waiters */
    bool closed;
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__watch) == sizeof(weft_watch) && sizeof(weft_watch) == 48 &&
                   sizeof(weft_watch_reader) == 8,
               "as the header says");
_Static_assert(_Alignof(struct weft__watch) <= _Alignof(weft_watch), "the caller's storage suits");
_Static_assert(offsetof(struct weft__watch, size) == offsetof(weft_watch, size), "WEFT_WATCH_INIT sets these two");

static struct weft__watch *of(weft_watch *w)
{
    return (struct weft__watch *)w;
}

void weft_watch_init(weft_watch *w, void *place, size_t size)
{
    *w = (weft_watch){.value = place, .size = size};
}

int weft_watch_fini(weft_watch *watch)
{
    struct weft__watch *w = of(watch);

    return weft__may_end(&w->lock, &w->waiters, "ends a watch that is waited for");
}

/* Replaces the value, or closes the watch. */
static int change(struct weft__watch *w, const void *value, bool close)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&w->lock);
    if (w->closed) {
        weft__spinlock_unlock(&w->lock);
        return WEFT_ECLOSED;
    }
    if (!close && w->size > 0)
        memcpy(w->value, value, w->size);
    w->closed = close;
    w->sent += !close;
    weft__waiters_claim_all(&w->waiters, &wakes);
    weft__spinlock_unlock(&w->lock);
    weft__wake(&wakes);
    return 0;
}

int weft_watch_send(weft_watch *watch, const void *value)
{
    struct weft__watch *w = of(watch);

    return value != NULL || w->size == 0 ? change(w, value, false) : WEFT_EINVAL;
}

int weft_watch_close(weft_watch *w)
{
    return change(of(w), NULL, true);
}

/* Under the lock, here and below. */
static void copy_out(const struct weft__watch *w, void *out)
{
    if (out != NULL && w->size > 0)
        memcpy(out, w->value, w->size);
}

static int look(const struct weft__watch *w, weft_watch_reader *reader, void *out)
{
    if (reader->opaque[0] == w->sent + 1)
        return w->closed ? WEFT_ECLOSED : WEFT_EEMPTY;
    reader->opaque[0] = w->sent + 1;
    copy_out(w, out);
    return 0;
}

void weft_watch_get(weft_watch *watch, void *out)
{
    struct weft__watch *w = of(watch);

    weft__spinlock_lock(&w->lock);
    copy_out(w, out);
    weft__spinlock_unlock(&w->lock);
}

void weft_watch_mark_seen(weft_watch *watch, weft_watch_reader *reader)
{
    struct weft__watch *w = of(watch);

    weft__spinlock_lock(&w->lock);
    reader->opaque[0] = w->sent + 1;
    weft__spinlock_unlock(&w->lock);
}

int weft_watch_try_changed(weft_watch *watch, weft_watch_reader *reader, void *out)
{
    struct weft__watch *w = of(watch);
    int rc;

    weft__spinlock_lock(&w->lock);
    rc = look(w, reader, out);
    weft__spinlock_unlock(&w->lock);
    return rc;
}

int weft_watch_changed(weft_watch *watch, weft_watch_reader *reader, void *out)
{
    struct weft__watch *w = of(watch);
    struct weft__waiter waiter;
    int rc = weft__wait_enter(&waiter);

    if (rc < 0)
        return rc;
    weft__spinlock_lock(&w->lock);
    /* Once, but where others use this reader, too: they may have been faster. */
    while ((rc = look(w, reader, out)) == WEFT_EEMPTY) {
        if ((rc = weft__wait_in(&waiter, &w->waiters, &w->lock)) < 0)
            break;
        weft__spinlock_lock(&w->lock);
    }
    weft__spinlock_unlock(&w->lock);
    return rc;
}
