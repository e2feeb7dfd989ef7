/* SPDX-License-Identifier: MIT */
/*
 * Tasks. A task is a function that runs on a coroutine stack; it belongs to exactly one group (weft/group.h) and
 * ends when its function returns. Its result is a code, and whatever it wrote into its argument.
 */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include <stdbool.h>

#include <weft/attr.h>
#include <weft/runtime.h>

WEFT_BEGIN_DECLS

typedef struct weft_group weft_group;

/*
 * Starts `fn(arg)` as a task of the group `g`. 0 promises that `fn` is entered exactly once, even when the group is
 * cancelled first (its blocking calls then return WEFT_ECANCELED): what the caller handed over in `arg` is the
 * task's to release. After any other code `fn` is not entered and the caller keeps `arg`:
 *   WEFT_ECANCELED  the group is being cancelled; not counted as an error of the group
 *   WEFT_ENOMEM     no memory for a task or a stack, or `g` is NULL; the group fails with this code
 *   WEFT_EMAPLIMIT  no stack: before Linux 6.13 each costs two memory mappings, of which vm.max_map_count allows 65,530 by
 *                   default; the group fails with this code. A stack is kept until the runtime ends, so it is the tasks
 *                   alive at once that count
 *   WEFT_ENOTASK    called outside of a task
 * The code may be ignored: weft_group_wait() reports it. Does not suspend.
 * `g` must be open for the time of the call: a group of the calling task, the one that it lives in (also while the owner
 * waits), or one further out that its own group lies in. Otherwise the behaviour is undefined.
 */
WEFT_API int weft_spawn(weft_group *g, weft_fn fn, void *arg) WEFT_NONNULL(2);

/* Lets the other tasks that are ready run first. Returns 0, or WEFT_ECANCELED, WEFT_ENOTASK. Suspends; task only. */
WEFT_API int weft_yield(void);

/* True when the calling task's scope is cancelled, so that the next checkpoint will say so: for long
 * computations. False outside of a task. Does not suspend. */
WEFT_API bool weft_canceled(void);

WEFT_END_DECLS

#endif
