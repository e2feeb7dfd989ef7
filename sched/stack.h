/* SPDX-License-Identifier: MIT */
/*
 * Coroutine stacks. They are cut from slabs of address space; below each lies a guard, and its record lies at its own
 * top, so that a stack in use costs one page at the least:
 *
 *     low end of the slab                                                      high end
 *     | guard | ........ usable ........ | record || guard | ..... usable ..... | record || ...
 *
 * Life of a stack:   fresh --take--> in use --give--> free (a worker's magazine, or the depot) --take--> in use ...
 * The slabs stay mapped until the pool ends.
 *
 * Credits: a spawn that succeeds promises that its task will find a stack, so it takes a credit first, and only taking
 * credits can fail. Invariant: stacks mapped and guarded >= credits taken + workers * (magazine + 1), where the last
 * term covers the free stacks that other workers hold back. So weft__stack_take() always succeeds for a holder of a credit.
 */
#ifndef WEFT_SCHED_STACK_H
#define WEFT_SCHED_STACK_H

#include "sched/context.h"
#include "sched/depot.h"
#include "sched/lock.h"

#define WEFT__STACK_GUARD ((size_t)16 << 10)   /* a large frame jumps over a single page */
#define WEFT__STACK_DEFAULT ((size_t)64 << 10) /* what a task may count on */
#define WEFT__STACK_MAX ((size_t)8 << 20)
#define WEFT__MAGAZINE 16
#define WEFT__CREDIT_BATCH 32

struct weft__stack {
    struct weft__depot_entry entry;
    struct weft__context context;
    char *low; /* of the usable part */
    struct weft__stack *magazine_next;
};

struct weft__stack_slab;

struct weft__stack_pool {
    struct weft__depot depot;
    _Atomic int64_t credits; /* that may still be taken */
    size_t promise;          /* usable bytes that a task may count on */
    size_t stride;           /* bytes of address space a stack */
    weft__context_entry *entry;
    struct weft__lock lock; /* guards the rest; a leaf */
    struct weft__stack_slab *slabs, *fresh;
    unsigned next_count; /* stacks in the next slab */
};

/* A worker's own free stacks. */
struct weft__magazine {
    struct weft__stack *top;
    unsigned count;
};

/* 0, -ENOMEM or WEFT_EMAPLIMIT. Free stacks are entered at `entry`. */
int weft__stack_pool_init(struct weft__stack_pool *p, size_t promise, unsigned workers, weft__context_entry *entry);
void weft__stack_pool_fini(struct weft__stack_pool *p); /* no stack is in use; takes a zeroed pool */

/* Takes `n` credits, or none: 0, -ENOMEM or WEFT_EMAPLIMIT. */
int weft__stack_credit_take(struct weft__stack_pool *p, int64_t n);
void weft__stack_credit_give(struct weft__stack_pool *p, int64_t n);

/* A free stack; the most recently used where there is one. */
struct weft__stack *weft__stack_take(struct weft__stack_pool *p, struct weft__magazine *m);
void weft__stack_give(struct weft__stack_pool *p, struct weft__magazine *m, struct weft__stack *s);
void weft__magazine_empty(struct weft__stack_pool *p, struct weft__magazine *m);

#endif
