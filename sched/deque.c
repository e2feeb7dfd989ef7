/* SPDX-License-Identifier: MIT */
#include "sched/deque.h"

#include <errno.h>

static struct weft__deque_array *new_array(int64_t capacity)
{
    struct weft__deque_array *a = weft__alloc(sizeof *a + (size_t)capacity * sizeof a->slot[0]);

    if (a != NULL)
        a->mask = capacity - 1;
    return a;
}

int weft__deque_init(struct weft__deque *d)
{
    struct weft__deque_array *a = new_array(WEFT__DEQUE_CAPACITY);

    if (a == NULL)
        return -ENOMEM;
    A_STORE(&d->top, 0, relaxed); /* relaxed: not shared yet */
    A_STORE(&d->split, 0, relaxed);
    A_STORE(&d->limit, 0, relaxed);
    A_STORE(&d->bottom, 0, relaxed);
    A_STORE(&d->asked, WEFT__ASKED_NOT, relaxed);
    A_STORE(&d->forcing, 0, relaxed);
    A_STORE(&d->array, a, relaxed);
    return 0;
}

void weft__deque_share_always(struct weft__deque *d)
{
    A_STORE(&d->asked, WEFT__ASKED_ALWAYS, relaxed); /* relaxed: not shared yet */
}

void weft__deque_fini(struct weft__deque *d)
{
    struct weft__deque_array *a = A_LOAD(&d->array, relaxed); /* relaxed: no longer shared */

    while (a != NULL) {
        struct weft__deque_array *older = a->older;

        weft__free(a);
        a = older;
    }
    A_STORE(&d->array, NULL, relaxed);
}

int weft__deque_grow(struct weft__deque *d)
{
    struct weft__deque_array *old = A_LOAD(&d->array, relaxed); /* relaxed: the owner's own */
    struct weft__deque_array *a = new_array((old->mask + 1) * 2);
    int64_t b = A_LOAD(&d->bottom, relaxed);

    if (a == NULL)
        return -ENOMEM;
    a->older = old;
    /* A top that is out of date copies a few slots too many. */
    for (int64_t i = A_LOAD(&d->top, acquire); i < b; i++)
        A_STORE(&a->slot[i & a->mask], A_LOAD(&old->slot[i & old->mask], relaxed), relaxed);
    A_STORE(&d->array, a, release); /* pairs with the acquire in weft__deque_steal() */
    return 0;
}

/* Owner. Lets thieves have [.., split). */
static void share(struct weft__deque *d, int64_t split)
{
    A_STORE(&d->limit, split, relaxed); /* relaxed: read by the owner only, while nobody forces */
    /* pairs with the load of split in weft__deque_steal(); seq_cst where all is shared: as in weft__deque_push_shared() */
    A_STORE(&d->split, split, seq_cst);
}

/* Owner. Keeps forcers out, and waits for one that is at it. */
static void hold(struct weft__deque *d)
{
    unsigned turns = 0;

    while (A_XCHG(&d->forcing, 1, acquire) != 0) /* pairs with release() */
        weft__spin(&turns);
}

static void release(struct weft__deque *d)
{
    A_STORE(&d->forcing, 0, release);
}

void weft__deque_answer(struct weft__deque *d)
{
    int64_t b = A_LOAD(&d->bottom, relaxed), s; /* relaxed: the owner's own */

    hold(d);
    s = A_LOAD(&d->split, relaxed);
    if (A_LOAD(&d->asked, relaxed) == WEFT__ASKED_ALWAYS) {
        share(d, b);
    } else {
        A_STORE(&d->asked, WEFT__ASKED_NOT, relaxed); /* relaxed: a hint */
        if (b > s)
            share(d, s + (b - s + 1) / 2);
    }
    release(d);
}

void weft__deque_share_oldest(struct weft__deque *d)
{
    int64_t s;

    if (A_LOAD(&d->split, relaxed) > A_LOAD(&d->top, relaxed)) /* relaxed: what is there already needs nothing */
        return;
    hold(d);
    s = A_LOAD(&d->split, relaxed);
    if (s <= A_LOAD(&d->top, relaxed) &&
        s < A_LOAD(&d->bottom, relaxed)) /* relaxed: a top that is out of date only grows */
        share(d, s + 1);
    release(d);
}

/* Owner. */
static void *slot_of(struct weft__deque *d, int64_t i)
{
    struct weft__deque_array *a = A_LOAD(&d->array, relaxed);

    return A_LOAD(&a->slot[i & a->mask], relaxed);
}

/* Owner. Takes the items of [b, split) back, the last of the shared part: NULL where thieves were faster. Holds forcers out. */
static void *take_last(struct weft__deque *d, int64_t b)
{
    void *item = NULL;
    int64_t t;

    /* seq_cst twice: this store and the next load pair with the load of split and the swap of top in weft__deque_steal().
     * Of an owner and a thief that meet at the last item, at least one sees the other. */
    A_STORE(&d->split, b, seq_cst);
    t = A_LOAD(&d->top, seq_cst);
    if (t <= b)
        item = slot_of(d, b);
    if (t < b) {
        A_STORE(&d->limit, b, relaxed);
        A_STORE(&d->bottom, b, relaxed);
        return item;
    }
    if (t == b && !A_CAS(&d->top, &t, t + 1, seq_cst, relaxed))
        item = NULL;
    A_STORE(&d->limit, b + 1, relaxed);
    A_STORE(&d->split, b + 1, relaxed); /* relaxed: every index below has been taken, so nothing is published */
    return item;
}

void *weft__deque_take_back(struct weft__deque *d)
{
    int64_t b = A_LOAD(&d->bottom, relaxed) - 1, s;
    int64_t t = A_LOAD(&d->top, relaxed); /* relaxed: top only grows, so an old one errs towards "not empty" */
    void *item;

    if (t > b)
        return NULL;
    hold(d);
    s = A_LOAD(&d->split, relaxed);
    if (s <= b) {
        /* Somebody was forcing when pop looked, and has found less to share. */
        A_STORE(&d->bottom, b, relaxed);
        item = slot_of(d, b);
    } else if (s - t >= 4 && A_LOAD(&d->asked, relaxed) != WEFT__ASKED_ALWAYS) {
        int64_t half = t + (s - t) / 2;

        /* As in take_last(), for all of [half, split) at once: a thief that takes an index of it has read a top of at least `half`
         * before it read split, and if top was lower after our store, then it has read our split. */
        A_STORE(&d->split, half, seq_cst);
        if (A_LOAD(&d->top, seq_cst) < half) {
            A_STORE(&d->limit, half, relaxed);
            A_STORE(&d->bottom, b, relaxed);
            item = slot_of(d, b);
        } else {
            A_STORE(&d->split, s, release); /* nothing of it was touched */
            item = take_last(d, b);
        }
    } else {
        item = take_last(d, b);
    }
    release(d);
    return item;
}

bool weft__deque_force(struct weft__deque *d)
{
    int64_t s, b, now;
    bool more;

    if (!weft__deque_seems_private(d) || A_XCHG(&d->forcing, 1, acquire) != 0)
        return false;
    s = A_LOAD(&d->split, relaxed);
    b = A_LOAD(&d->bottom, acquire); /* pairs with weft__deque_put() */
    more = b > s;
    if (more) {
        A_STORE(&d->limit, b, relaxed);
        weft__membarrier(); /* pairs with the store of bottom and the load of limit in weft__deque_pop() */
        now = A_LOAD(&d->bottom, acquire);
        b = now < s ? s : now < b ? now : b;
        A_STORE(&d->limit, b, relaxed);
        A_STORE(&d->split, b, seq_cst); /* pairs with the load of split in weft__deque_steal() */
    }
    release(d);
    return more;
}
