/* SPDX-License-Identifier: MIT */
/* Tasks on stacks of a given class. */
#ifndef WEFT_TESTS_SCHED_CLASSES_H
#define WEFT_TESTS_SCHED_CLASSES_H

#include "sched/runtime.h"

/* A task that counts on what a class promises. */
static inline int spawn_of_class(weft_group *g, weft_fn fn, void *arg, unsigned stack_class)
{
    size_t promise = stack_class != 0 ? weft__task_self()->rt->stacks[stack_class].promise : 0;

    return weft_spawn_with(g, fn, arg, &(weft_task_options){.stack_size = promise});
}

#endif
