/* SPDX-License-Identifier: MIT */
/*
 * Task records as workers take and give them back. Each free record in a worker's cache comes with a stack's credit (stack.h), so
 * that the usual spawn takes both in one step, and only the refill of the cache can fail.
 */
#ifndef WEFT_SCHED_SPAWN_H
#define WEFT_SCHED_SPAWN_H

#include "sched/runtime.h"
#include "sched/worker.h"

/* The slow sides: a batch of records with their credits comes, or goes. */
struct weft__task *weft__task_refill(struct weft__worker *w);
void weft__task_spill(struct weft__worker *w);

/* A record with a credit, or NULL where memory is out. */
static inline struct weft__task *weft__task_take(struct weft__worker *w)
{
    struct weft__task *t = w->tasks.free;

    if (WEFT__UNLIKELY(t == NULL))
        return weft__task_refill(w);
    w->tasks.free = t->next;
    w->tasks.count--;
    return t;
}

/* Gives a record back, and its credit: the task has ended, and its stack is free or somebody else's. */
static inline void weft__task_give(struct weft__worker *w, struct weft__task *t)
{
    A_STORE(&t->fn, NULL, relaxed); /* relaxed: for weft_tasks() */
    t->next = w->tasks.free;
    w->tasks.free = t;
    if (WEFT__UNLIKELY(++w->tasks.count > 2 * WEFT__SLAB_BATCH))
        weft__task_spill(w);
}

/* Fills in a record for a plain child of `g`. */
static inline void weft__task_init(struct weft__task *t, weft_runtime *rt, weft_group *g, weft_fn fn, void *arg,
                                   uint64_t seen_epoch)
{
    A_BUMP(&t->generation); /* relaxed, as the rest: published by the queue. weft_tasks() may look at any time */
    A_STORE(&t->fn, fn, release);
    t->arg = arg;
    t->stack = NULL;
    t->group = g;
    t->scope = &g->scope;
    t->rt = rt;
    t->seen_epoch = seen_epoch;
    t->kind = (struct weft__task_kind){0};
    t->seen_canceled = 0;
    t->extras = 0;
}

/* As weft_spawn_with(), for weft_start(), with a handle of the task. */
int weft__spawn_for_start(weft_group *g, weft_fn fn, void *arg, const weft_task_options *o, weft_task **out);

#endif
