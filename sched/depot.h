/* SPDX-License-Identifier: MIT */
/*
 * The depot: free stacks that any worker may take, a lock-free stack of concurrencykit (ck_stack.h: Treiber's, with a
 * generation beside its head against ABA). Its entries' memory stays mapped, as a pop may read an entry just taken by another.
 */
#ifndef WEFT_SCHED_DEPOT_H
#define WEFT_SCHED_DEPOT_H

#include <stdint.h>

struct weft__depot {
    _Alignas(16) void *opaque[2];
};

/* The first member of what lies in a depot. */
struct weft__depot_entry {
    void *next;
};

void weft__depot_init(struct weft__depot *d);
void weft__depot_push(struct weft__depot *d, struct weft__depot_entry *e);
struct weft__depot_entry *weft__depot_pop(struct weft__depot *d); /* NULL when empty */

#endif
