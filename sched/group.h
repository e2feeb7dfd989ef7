/* SPDX-License-Identifier: MIT */
/* What the rest of sched/ needs of groups. The record is in scope.h, the public face in weft/group.h. */
#ifndef WEFT_SCHED_GROUP_H
#define WEFT_SCHED_GROUP_H

#include "sched/scope.h"

/* `t`, a child, has returned `rc` on worker `w`: tells its group, gives back its credit and its record. `below` is the task
 * on whose frames it ran, NULL for the loop. */
void weft__group_child_ended(struct weft__worker *w, struct weft__task *t, int rc, struct weft__task *below);

/* weft_spawn() of a task that is promised a stack of a class (stack.h). */
int weft__spawn_of_class(weft_group *g, weft_fn fn, void *arg, unsigned stack_class);

/* Fills in a record for a child of `g`, with a stack of class 0. */
void weft__task_init(struct weft__task *t, weft_runtime *rt, weft_group *g, weft_fn fn, void *arg, uint64_t seen_epoch);

#endif
