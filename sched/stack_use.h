/* SPDX-License-Identifier: MIT */
/*
 * High-water marks: how much of its stack a task has used, in debug builds (WEFT_DEBUG). Fresh stacks are zeros. When a task ends,
 * the lowest word below its first frame that is not zero says how deep it went; what it has left is cleared for the next one.
 * The highest mark of each class is kept, and a task that comes within an eighth of its promise is named on stderr, once a class.
 *
 * What the mark is not: frames of zeros at the very bottom do not count; a loop or a waker that ran on the stack between two tasks
 * counts for the second; about 2 KiB below the first frame are not cleared. A child that ran above its parent's frames has a
 * mark of its own, and is no part of its parent's. Not under the sanitizers, whose frames are others, nor under valgrind.
 */
#ifndef WEFT_SCHED_STACK_USE_H
#define WEFT_SCHED_STACK_USE_H

#include "sched/runtime.h"

#if defined(WEFT_DEBUG) && !WEFT__ASAN && !WEFT__TSAN
#define WEFT__STACK_USE 1
#else
#define WEFT__STACK_USE 0
#endif

#if WEFT__STACK_USE
/* `t`, whose frames began at `first`, has ended, and its worker is still on its stack. */
void weft__stack_use_ended(struct weft__task *t, char *first);
#else
static inline void weft__stack_use_ended(struct weft__task *t, char *first)
{
    (void)t;
    (void)first;
}
#endif

/* The most bytes that an ended task of the class has used; 0 where nothing is measured. */
size_t weft__stack_use_max(const weft_runtime *rt, unsigned stack_class);

#endif
