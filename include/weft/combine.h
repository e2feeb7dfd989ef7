/* SPDX-License-Identifier: MIT */
/*
 * Combinators: what one would otherwise write with a group (weft/group.h) and a counter.
 *
 *     rc = weft_gather(2, (weft_fn[]){users, posts}, (void *[]){&a, &b}, NULL);       all, side by side
 *     rc = weft_race(2, (weft_fn[]){primary, backup}, (void *[]){&a, &b});            the first that succeeds
 *     rc = weft_map(pages, count, sizeof *pages, fetch, &(weft_map_options){.limit = 10});     ten at a time
 *     i = weft_wait(tasks, 3, WEFT_FIRST_COMPLETED);                                  one of those that run elsewhere
 *
 * Rules of all but weft_wait(), which starts nothing:
 *   - Each runs its functions as tasks of a group of its own, and returns when the last one has ended: no task is left behind, whatever
 *     the result, so what the arguments point to may lie in the caller's frame.
 *   - A cancellation of the caller goes to the tasks, and the call waits for them. It returns a real error where there is one, else
 *     WEFT_ECANCELED; a deadline is a scope around the call (weft/scope.h).
 *   - A task's WEFT_ECANCELED is no error when it has been cancelled.
 *   - Where memory is out, the tasks that have begun are cancelled, and the call returns WEFT_ENOMEM. Outside of a task it returns
 *     WEFT_ENOTASK, and calls nothing.
 *   - `args` may be NULL: then each function gets NULL. Positive codes count as 0.
 * To take results in the order in which they come, ask the group: weft_group_next().
 */
#ifndef WEFT_COMBINE_H
#define WEFT_COMBINE_H

#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/runtime.h>
#include <weft/task.h>

WEFT_BEGIN_DECLS

/*
 * Runs `fns[i](args[i])` for each i < n, all at the same time. Results are what each has written to its argument, and its code.
 *
 * Without `codes` the first error cancels the others: returns it, or 0 when all have succeeded.
 * With `codes`, an array of n, no error cancels anything: codes[i] is what fns[i] returned, whatever became of the others. Returns
 *   0               none has failed
 *   an error        of those in `codes` the first in order (not in time)
 *   WEFT_ECANCELED  the caller is cancelled, and the codes show no error beside
 * A function that was not entered (memory was out, or the caller cancelled) has the code of the refusal in `codes`.
 *
 * With n = 0 it is a checkpoint. Suspends; task only.
 */
WEFT_API int weft_gather(size_t n, const weft_fn *fns, void *const *args, int *codes);

/*
 * Runs the same, and returns the index of the first one to succeed; the others are cancelled, waited for, and what they return is dropped.
 *   the first error  (in time) when all have failed
 *   WEFT_ECANCELED   the caller is cancelled before one has succeeded
 *   WEFT_EINVAL      n is 0 or more than INT_MAX
 * A function that has not been entered when the race is decided is not entered any more. More than one may have succeeded before it
 * heard that it had lost: where a winner's argument owns something, look at all. Suspends; task only.
 */
WEFT_API int weft_race(size_t n, const weft_fn *fns, void *const *args);

/* How many items are alive at once where options do not say. */
#define WEFT_MAP_LIMIT 64

typedef struct weft_map_options {
    size_t limit;                  /* of items alive at once; 0: WEFT_MAP_LIMIT */
    const weft_task_options *task; /* of each item's task; NULL: none */
    uint64_t reserved[4];
} weft_map_options;

/*
 * Calls `fn(item)` for each of the `count` items of `size` bytes at `items`, each in a task of its own, at most `limit` of them at once;
 * they begin in order. The first error cancels those that run, and the items after them are not begun. Returns that error, WEFT_ECANCELED,
 * WEFT_ENOMEM, WEFT_ENOTASK, WEFT_EINVAL (a reserved word is set, or what weft_spawn_with() says of `options->task`), or 0.
 * `options` may be NULL. With count = 0 it is a checkpoint. Suspends; task only.
 *
 * This is for tasks that wait: a loop that computes is better off with weft_parallel_for() (weft/join.h).
 */
WEFT_API int weft_map(void *items, size_t count, size_t size, weft_fn fn, const weft_map_options *options)
    WEFT_NONNULL(4);

/*
 * The same for items that do not exist yet: `next(ctx, item)` makes one in the `size` bytes at `item`, which are aligned for any standard
 * type, and returns 0; or WEFT_EEMPTY when there are no more; or an error, which stops all as an error of `fn` does.
 *
 * `next` runs in the calling task, one call at a time, and may suspend. It is called only when there is room for what it makes: from
 * there until `fn` has returned, the item is one of the `limit` that are alive, and no more memory is needed than for those. An item
 * that `next` has made is always given to `fn`, once: also when it is cancelled meanwhile. After an error `next` is not called again.
 * Items that hold resources are thus `fn`'s to release. The bytes are used again once `fn` has returned.
 */
WEFT_API int weft_map_each(size_t size, int (*next)(void *ctx, void *item), void *ctx, weft_fn fn,
                           const weft_map_options *options) WEFT_NONNULL(2, 4);

/* When weft_wait() returns. */
enum weft_when {
    WEFT_ALL_COMPLETED,   /* all have ended */
    WEFT_FIRST_COMPLETED, /* one has */
    WEFT_FIRST_ERROR,     /* one has ended with an error, or all have without. Being cancelled is none */
};

/*
 * Waits for some of `n` tasks, by their handles (weft_spawn_task(), weft/task.h). It cancels none of them, whatever it returns, and each
 * may be waited for by several, and be named more than once. Returns
 *   an index        that of the task that ended the wait: the first to end, or to fail. Where some had before, the lowest of them
 *   n               all have ended, and there is none to be named: by WEFT_ALL_COMPLETED always, by WEFT_FIRST_ERROR if none has failed,
 *                   and for n = 0
 *   WEFT_ECANCELED  the caller is cancelled; the tasks go on
 *   WEFT_EDEADLK    one is the calling task
 *   WEFT_EINVAL     no such `when`, n is more than INT_MAX
 *   WEFT_ENOMEM     no memory: more than WEFT_WAIT_ON_STACK tasks need some. A handle that is NULL is that of a task that failed with it
 *   WEFT_ENOTASK    outside of a task
 * Its time is linear in n, once, not once for each task that ends: to take tasks one by one as they end, weft_group_next() is made.
 * Suspends; task only.
 */
WEFT_API int weft_wait(weft_task *const *tasks, size_t n, enum weft_when when);

#define WEFT_WAIT_ON_STACK 32

WEFT_END_DECLS

#endif
