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
    A_STORE(&d->bottom, 0, relaxed);
    A_STORE(&d->array, a, relaxed);
    return 0;
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

void *weft__deque_pop(struct weft__deque *d)
{
    int64_t b = A_LOAD(&d->bottom, relaxed) - 1; /* relaxed: the owner's own */
    struct weft__deque_array *a = A_LOAD(&d->array, relaxed);
    int64_t t = A_LOAD(&d->top, relaxed); /* relaxed: top only grows, so an old one errs towards "not empty" */
    void *item;

    if (t > b)
        return NULL;
    /* seq_cst twice: this store and the next load pair with the load of bottom and the swap of top in weft__deque_steal().
     * Of an owner and a thief that meet at the last item, at least one sees the other. */
    A_STORE(&d->bottom, b, seq_cst);
    t = A_LOAD(&d->top, seq_cst);
    if (t > b) {
        A_STORE(&d->bottom, b + 1, relaxed); /* relaxed: every index below has been taken, so nothing is published */
        return NULL;
    }
    item = A_LOAD(&a->slot[b & a->mask], relaxed);
    if (t == b) {
        if (!A_CAS(&d->top, &t, t + 1, seq_cst, relaxed))
            item = NULL;
        A_STORE(&d->bottom, b + 1, relaxed); /* relaxed: as above */
    }
    return item;
}

enum weft__steal weft__deque_steal(struct weft__deque *d, void **item)
{
    int64_t t = A_LOAD(&d->top, seq_cst);
    int64_t b = A_LOAD(&d->bottom, seq_cst); /* pairs with the stores of bottom in push and pop */
    struct weft__deque_array *a;
    void *x;

    if (t >= b)
        return WEFT__STEAL_EMPTY;
    a = A_LOAD(&d->array, acquire);             /* pairs with the release in weft__deque_grow() */
    x = A_LOAD(&a->slot[t & a->mask], relaxed); /* before the swap: after it the owner may write the slot again */
    if (!A_CAS(&d->top, &t, t + 1, seq_cst, relaxed))
        return WEFT__STEAL_LOST;
    *item = x;
    return WEFT__STEAL_GOT;
}
