/* SPDX-License-Identifier: MIT */
/*
 * Coroutine stacks. They are cut from slabs of address space; below each lies a guard, and its record lies at its own
 * top, so that a stack in use costs one page at the least:
 *
 *     low end of the slab                                                      high end
 *     | guard | ........ usable ........ | record || guard | ..... usable ..... | record || ...
 *
 * Life of a stack:
 *
 *      fresh --take--> in use --give--> free (a worker's magazine, or the depot) --take--> in use ...
 *        ^                                                       |
 *        `---------------------- trim ---------------------------'
 *
 * A fresh stack has its guard, but no memory: neither record nor context. Trimming (trim.h) takes free stacks out of the depot
 * and makes them fresh again, record and all: of a stack on which a task only waited, the page that holds the record is all that
 * there is to gain. A free stack may hold a loop, suspended where it left for a task, but such a loop owns nothing, and a new one
 * begins when the stack is taken again. The slabs stay mapped, and guarded, until the pool ends.
 *
 * Classes: a runtime has a pool for what every task may count on, class 0, and one for each power of two up to
 * WEFT__STACK_MAX, for tasks that ask for more. These map nothing before the first such task. Magazines, and batches of
 * credits, are for class 0; the stacks of other classes come from their depot, their credits one at a time.
 *
 * Credits: a spawn that succeeds promises that its task will find a stack, so it takes a credit of its class first, and only
 * taking credits can fail. Invariant of class 0: stacks mapped and guarded >= credits taken + workers * (magazine + 1), where the
 * last term covers the free stacks that other workers hold back, and the one that each runs its loop on. Of other classes: stacks
 * mapped >= credits taken; a loop leaves such a stack, for one of class 0, before it looks for other work (worker.c).
 * So weft__stack_take() always succeeds for a holder of a credit, after a short wait at the worst. Who trims takes credits for the
 * stacks that it is about to hold, like everybody else.
 */
#ifndef WEFT_SCHED_STACK_H
#define WEFT_SCHED_STACK_H

#include <weft/time.h>

#include "sched/context.h"
#include "sched/depot.h"
#include "sched/lock.h"

#define WEFT__STACK_GUARD ((size_t)16 << 10)   /* at least: a large frame jumps over a single page of 4 KiB */
#define WEFT__STACK_DEFAULT ((size_t)64 << 10) /* what a task may count on */
#define WEFT__STACK_DEFAULT_MAX ((size_t)8 << 20)
#define WEFT__STACK_CLASS_MIN ((size_t)16 << 10)
#define WEFT__STACK_CLASSES 14 /* the default, and 16 KiB to 64 MiB */
#define WEFT__STACK_MAX (WEFT__STACK_CLASS_MIN << (WEFT__STACK_CLASSES - 2))
#define WEFT__MAGAZINE 16

struct weft__stack_slab;

struct weft__stack {
    struct weft__depot_entry entry;
    struct weft__context context;
    char *low; /* of the usable part */
    struct weft__stack_pool *pool;
    struct weft__stack_slab *slab;
    struct weft__stack *magazine_next;
    unsigned stack_class;
    /* For what a wait needs in memory while its call has no frame: see weft__wait_holding(). */
    _Alignas(8) unsigned char room[64];
};

struct weft__stack_pool {
    /* Read by all, written at the start only. */
    size_t promise;       /* usable bytes that a task may count on */
    size_t guard, stride; /* bytes below a stack, and of address space for both; whole pages */
    size_t page;
    unsigned stack_class;
    weft__context_entry *entry;

    WEFT__ALIGNED struct weft__depot depot;
    _Atomic int64_t credits; /* that may still be taken */
    _Atomic int64_t stacks;  /* in all slabs */
    _Atomic int64_t touched; /* of these, those that are not fresh */
    _Atomic int64_t touched_peak;
    struct weft__lock lock; /* guards the list of fresh ones; a leaf */
    struct weft__stack_slab *fresh;

    WEFT__ALIGNED struct weft__lock growth; /* held while a slab is mapped, which takes long; before `lock`. Guards: */
    unsigned next_count;                    /* stacks in the next slab */
    struct weft__stack_slab *slabs;

    /* The monitor's own (trim.c). */
    weft_time trim_window_end;
    int64_t trim_least_credits, trim_excess;

    /* High-water mark (stack_use.h). */
    _Atomic size_t use_max;
    _Atomic bool use_warned;
};

/* A worker's own free stacks. */
struct weft__magazine {
    struct weft__stack *top;
    unsigned count;
};

/*
 * The pools of a runtime, WEFT__STACK_CLASSES of them; `promise` is that of class 0. 0, -ENOMEM or WEFT_EMAPLIMIT.
 * fini() takes zeroed pools, and such that init() left half made.
 */
int weft__stack_pools_init(struct weft__stack_pool *pools, size_t promise, unsigned workers,
                           weft__context_entry *entry);
void weft__stack_pools_fini(struct weft__stack_pool *pools);

/* The class of stacks for a task that is to count on `size` bytes: 0 where every task may, or where `size` is 0; else the
 * smallest that suffices. WEFT_EINVAL: there is none so large. */
int weft__stack_class_of(const struct weft__stack_pool *pools, size_t size);

/* One pool. 0, -ENOMEM or WEFT_EMAPLIMIT. `workers` hold stacks back in magazines; 0: the pool has none, and maps nothing
 * yet. Free stacks are entered at `entry`. */
int weft__stack_pool_init(struct weft__stack_pool *p, size_t promise, unsigned workers, weft__context_entry *entry);
void weft__stack_pool_fini(struct weft__stack_pool *p); /* no stack is in use; takes a zeroed pool */

/* Sets the sizes of a pool on a machine with pages of `page` bytes. For weft__stack_pool_init(), and for its test. */
void weft__stack_pool_lay_out(struct weft__stack_pool *p, size_t promise, size_t page);

/* Takes `n` credits, or none: 0, -ENOMEM or WEFT_EMAPLIMIT. */
int weft__stack_credit_take(struct weft__stack_pool *p, int64_t n);
void weft__stack_credit_give(struct weft__stack_pool *p, int64_t n);

/* A free stack; the most recently used where there is one. `m` is NULL but for class 0. */
struct weft__stack *weft__stack_take(struct weft__stack_pool *p, struct weft__magazine *m);
void weft__stack_give(struct weft__stack_pool *p, struct weft__magazine *m, struct weft__stack *s);
/* Makes up to `most` free stacks of the depot fresh. Returns how many. */
unsigned weft__stack_trim(struct weft__stack_pool *p, unsigned most);

void weft__magazine_empty(struct weft__stack_pool *p, struct weft__magazine *m);

/* Whether `at` points into the guard below `s`. Safe in a signal handler. */
static inline bool weft__stack_guards(const struct weft__stack *s, const void *at)
{
    return (uintptr_t)s->low - (uintptr_t)at - 1 < s->pool->guard;
}

#endif
