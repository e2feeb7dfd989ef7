/* SPDX-License-Identifier: MIT */
/*
 * What a task must not hold when it ends: the locks that it owns. A task keeps a list of them, which is its own; each lock has room for its
 * place in one such list, for it has one owner at the most. At the end of the task those that are left are told. What a lock is,
 * and what it makes of that, is the business of sync/.
 *
 * A record that is free has an empty list: so a spawn need not make it empty, and the end looks at it only where WEFT__HAS_HELD says
 * that the task has ever held anything.
 */
#ifndef WEFT_SCHED_HELD_H
#define WEFT_SCHED_HELD_H

#include "sched/task.h"

struct weft__held {
    struct weft__held *next;
    void (*abandon)(struct weft__held *h, struct weft__task *t); /* its owner `t` ends */
};

/* `t`, the calling task, has become the owner. */
static inline void weft__held_add(struct weft__task *t, struct weft__held *h,
                                  void (*abandon)(struct weft__held *, struct weft__task *))
{
    t->extras |= WEFT__HAS_HELD;
    h->abandon = abandon;
    h->next = t->held;
    t->held = h;
}

/* It is the owner no more. Cheap for the one that was added last. */
static inline void weft__held_remove(struct weft__task *t, struct weft__held *h)
{
    struct weft__held **at = &t->held;

    while (WEFT__UNLIKELY(*at != h))
        if (*at == NULL)
            return; /* what lay in the frame of a task that has ended has hidden it (weft/mutex.h) */
        else
            at = &(*at)->next;
    *at = h->next;
}

/* `t`, the calling task, whose frames began at `first`, ends. */
void weft__held_end(struct weft__task *t, const char *first);

#endif
