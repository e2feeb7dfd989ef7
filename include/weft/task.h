/* SPDX-License-Identifier: MIT */
/*
 * Tasks. A task is a function that runs on a coroutine stack; it belongs to exactly one group (weft/group.h) and
 * ends when its function returns. Its result is a code, and whatever it wrote into its argument.
 */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
 * The code may be ignored: weft_group_wait() reports it. It waits for nothing, but a task that has held its thread for long
 * lets others run here first, as weft_yield() does: so hold no pthread mutex.
 * `g` must be open for the time of the call: a group of the calling task, the one that it lives in (also while the owner
 * waits), or one further out that its own group lies in. Otherwise the behaviour is undefined.
 */
WEFT_API int weft_spawn(weft_group *g, weft_fn fn, void *arg) WEFT_NONNULL(2);

/* How soon a task that is ready has its turn, beside others of its worker. Of 16 turns that all levels want, some 9 go to
 * high, 4 to normal and 1 to low, the rest to pinned tasks, so none waits for ever. No order is promised among workers. */
enum weft_priority { WEFT_PRIORITY_LOW = -1, WEFT_PRIORITY_NORMAL = 0, WEFT_PRIORITY_HIGH = 1 };

typedef struct weft_task_options {
    const char *name;  /* for people, in reports; not copied, so it must outlive the task; NULL: none */
    size_t stack_size; /* bytes that the task may count on; 0: the runtime's default. At most 64 MiB */
    int priority;      /* enum weft_priority */
    bool pinned;       /* once it has begun it stays on its thread: for libraries that keep state in thread-locals. A thread that is
                        * blocked by another task holds it up */
    uint64_t reserved[4];
} weft_task_options;

/* weft_spawn() with options, which may be NULL. Also returns
 *   WEFT_EINVAL     a stack of more than 64 MiB, no such priority, a reserved word that is set; not an error of the group
 *   WEFT_EMAPLIMIT  no more stacks can be guarded; the group fails with this code */
WEFT_API int weft_spawn_with(weft_group *g, weft_fn fn, void *arg, const weft_task_options *options) WEFT_NONNULL(2);

/* The largest argument that is copied. */
#define WEFT_COPY_MAX 64

/* weft_spawn_with() of a task that gets a copy of the `size` bytes at `arg`: they lie in the task's record, aligned for any type,
 * and are the task's to write to until it ends. Also returns WEFT_EINVAL when there are more than WEFT_COPY_MAX bytes. */
WEFT_API int weft_spawn_copy(weft_group *g, weft_fn fn, const void *arg, size_t size, const weft_task_options *options)
    WEFT_NONNULL(2, 3);

/* A number for the calling task that no other task of its runtime has, before 2^32 others have used its record; 0 outside
 * of a task. Does not suspend. */
WEFT_API uint64_t weft_task_id(void);

/* The name that the calling task was given; NULL: none, or outside of a task. Does not suspend. */
WEFT_API const char *weft_task_name(void);

/* Lets the other tasks that are ready run first. Returns 0, or WEFT_ECANCELED, WEFT_ENOTASK. Suspends; task only. */
WEFT_API int weft_yield(void);

/* True when the calling task's scope is cancelled, so that the next checkpoint will say so: for long
 * computations. False outside of a task. Does not suspend. */
WEFT_API bool weft_canceled(void);

WEFT_END_DECLS

#endif
