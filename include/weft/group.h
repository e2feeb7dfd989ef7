/* SPDX-License-Identifier: MIT */
/*
 * Groups: where tasks live. A group is opened by a task, its owner, and closed by it; no child outlives the group.
 *
 *     WEFT_GROUP(g, NULL) {                   the block form: whichever way the block is left, by its end, by return, break or
 *         weft_spawn(g, reader, &conn);       goto, what is left of the children is cancelled and waited for first
 *         weft_spawn(g, writer, &conn);
 *         rc = weft_group_wait(g);
 *     }
 *
 *     weft_group *g = weft_group_open(NULL);  the same by hand
 *     ...
 *     rc = weft_group_wait(g);
 *     weft_group_close(g);
 *
 * Tasks, the body between open and close among them, are members of one undertaking. What happens when one of them fails is the
 * group's policy; by default its siblings and the body are cancelled, and weft_group_wait() returns that first error. When the group
 * is cancelled, or its deadline passes, all its children are, and the body's blocking calls return WEFT_ECANCELED too.
 *
 * A group that lives for months, a server's, keeps nothing of the children that have ended but their errors, up to max_errors.
 *
 * Groups and scopes of a task nest: close them in the reverse order of opening. Closing an outer one first closes those inside
 * it, whose handles are gone then: to use the handle of a group or scope that has been closed, by this or by a call, is undefined.
 * (Closing it once more changes nothing, and debug reports it, as long as no other has taken its place in memory.)
 *
 * What a task leaves open when its function returns is cancelled, waited for and closed before the task counts as ended, and
 * reported where the runtime has its option debug; but by then the frame of the function is gone, and with it what
 * its children may still point to: the block form is the safe one.
 */
#ifndef WEFT_GROUP_H
#define WEFT_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

WEFT_BEGIN_DECLS

/* What the end of a child means to the others. */
enum weft_policy {
    WEFT_FAIL_FAST, /* the first error cancels the group */
    WEFT_WAIT_ALL,  /* errors are gathered; all children run to their end */
    WEFT_FIRST_SUCCESS, /* the first child that returns 0 or more cancels the others: a race. The errors of the others are listed, but
                         * the wait returns 0; only where no child succeeds does it return the first error */
};

typedef struct weft_group_options {
    weft_time deadline;      /* the group is cancelled when it passes; 0: none */
    enum weft_policy policy; /* 0: WEFT_FAIL_FAST */
    /* Children alive at a time; 0: no limit. Those beyond it are queued, first in first out, and begin as others end; the spawn
     * returns at once. A queued task keeps the promise of weft_spawn(). */
    unsigned limit;
    unsigned max_errors; /* how many are kept for weft_group_error(); 0: 16 */
    uint64_t reserved[5];
} weft_group_options;

/* Opens a group of the calling task; `options` may be NULL. Returns NULL where memory is out, outside of a task, or for options
 * that make no sense; every call below takes NULL and answers WEFT_ENOMEM, so the check at the wait is enough. Does not suspend. */
WEFT_API weft_group *weft_group_open(const weft_group_options *options);

/*
 * Waits until every child has ended. Owner only. The wait itself is never cut short: a cancellation goes to the
 * children, and the wait ends when they have. It is a checkpoint also where there is no child. What it returns is what came to the group,
 * also where the caller is in a shield that it has opened since. Returns, the first that applies:
 *   0               by the policy WEFT_FIRST_SUCCESS, a child has succeeded
 *   the first error of a child or of a spawn, or given to weft_group_fail(); a child's WEFT_ECANCELED is none when
 *                   its group was being cancelled, or that child was by weft_task_cancel()
 *   WEFT_ECANCELED  a scope around the group is cancelled. An error does not swallow it: the next checkpoint says so
 *   WEFT_ETIMEDOUT  the deadline of the group has passed
 *   0               the group was cancelled by weft_group_cancel()
 *   WEFT_ECANCELED  the call is made in a cancelled scope that was opened inside of the group
 *   0               all is well
 * A scope opened inside of the group does not hold the children, so a deadline of such a scope does not end a wait in it: give the
 * deadline to the group, or move the group's (weft_group_reschedule()).
 * The group may be used again after it: for more spawns, and another wait.
 * WEFT_EINVAL: the caller is not the owner. WEFT_ENOMEM: `g` is NULL. Suspends; task only.
 */
WEFT_API int weft_group_wait(weft_group *g);

/*
 * In order of completion: waits for the next child, of those spawned by weft_spawn_task(), that has ended and was not given out by this
 * call before, and stores its handle in `*done`. Owner only. The handle stays whose it was: release it once. Children
 * whose handles have been released are not given out. Returns 0, or
 *   WEFT_EEMPTY     all have been given out
 *   WEFT_ECANCELED  the owner is cancelled, which it is too where a child has failed and the policy is WEFT_FAIL_FAST
 *   WEFT_EINVAL, WEFT_ENOMEM, WEFT_ENOTASK as weft_group_wait()
 * Suspends; task only.
 */
WEFT_API WEFT_CHECK int weft_group_next(weft_group *g, weft_task **done) WEFT_NONNULL(2);

/* Cancels and waits for the children that are left, and frees the group. Owner only. Takes NULL. Suspends, and is
 * not cut short. */
WEFT_API void weft_group_close(weft_group *g);

/* These are callable from any task or thread for as long as the group is open, and do not suspend. */

/* Cancels the group: children and body. Quiet: by itself it makes weft_group_wait() return no error. Idempotent.
 * Returns 0 or WEFT_ENOMEM. */
WEFT_API int weft_group_cancel(weft_group *g);

/* Says that the body failed: the group fails with `code` (negative; WEFT_EINVAL otherwise) unless it has failed before, and is cancelled
 * where its policy says so. Returns 0, WEFT_EINVAL or WEFT_ENOMEM. */
WEFT_API int weft_group_fail(weft_group *g, int code);

/* True when the group itself has been cancelled: by a call, an error or its deadline. False for NULL. */
WEFT_API bool weft_group_canceled(const weft_group *g);

/* Why it was: the first reason. WEFT_REASON_NONE: it was not, or NULL. */
WEFT_API enum weft_reason weft_group_reason(const weft_group *g);

/* Stores the `i`-th error, from 0, in the order in which they came, with the name of the task, a copy. Returns 0, or WEFT_EEMPTY: there are
 * no more than `i`, or no more were kept; WEFT_ENOMEM for NULL. Those beyond max_errors are counted, and go to the runtime's on_error. */
WEFT_API int weft_group_error(weft_group *g, size_t i, weft_error *out) WEFT_NONNULL(3);

/* How many errors there were, kept or not. 0 for NULL. */
WEFT_API size_t weft_group_failed(const weft_group *g);

/* How many children have not ended, queued ones among them. Exact where nothing is spawned, ends or begins to wait at the
 * moment, else off by as much as that. 0 for NULL. */
WEFT_API size_t weft_group_live(const weft_group *g);

/* Moves the deadline (0 or WEFT_NEVER: none), as weft_scope_reschedule(), by the owner. */
WEFT_API int weft_group_reschedule(weft_group *g, weft_time deadline);

/* The block form. `g` is declared by it; `options` as for weft_group_open(). At the end of the block, however it is reached, the children that
 * are left are cancelled and waited for: to let them finish, weft_group_wait() in the block. With the compiler's cleanup attribute, also in C++. */
#define WEFT_GROUP(g, options)                                                                                         \
    for (weft_group * g WEFT__CLEANUP(weft__group_block_end) = weft_group_open(options), **g##_once = &g;              \
         g##_once != NULL; g##_once = NULL)

static inline void weft__group_block_end(weft_group **g)
{
    weft_group_close(*g);
}

WEFT_END_DECLS

#endif
