/* SPDX-License-Identifier: MIT */
/*
 * Task-locals. The values that a task has form a set that does not change while two know of it: children share their parent's,
 * and who sets a value makes a set of its own. Sets and values are counted; the last holder frees them.
 */
#ifndef WEFT_SCHED_LOCAL_H
#define WEFT_SCHED_LOCAL_H

#include <weft/local.h>

#include "sched/task.h"

struct weft__locals;

/* The set of `t`, which is the calling task, or which the calling task spawns; counted once more. NULL: none. */
struct weft__locals *weft__locals_share(const struct weft__task *t);

/* Gives `t`, which is not shared yet and may have a handle, the set. 0 or -ENOMEM; the caller keeps its count. */
int weft__locals_adopt(struct weft__task *t, struct weft__locals *l);

/* Gives up what `t` has, which is the calling task or known to nobody else, and ends. */
void weft__locals_end(struct weft__task *t);

/* Gives up a count; takes NULL. */
void weft__locals_drop(struct weft__locals *l);

#endif
