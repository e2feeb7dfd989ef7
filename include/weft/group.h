/* SPDX-License-Identifier: MIT */
/*
 * Groups: where tasks live. A group is opened by a task, its owner, and closed by it; no child outlives the group.
 *
 *   open --spawn*--> wait --> close          the usual way
 *   open --spawn*--> close                   leaving early: close cancels the children and waits for them
 *
 * The group is fail-fast: when a child returns a negative code, its siblings and the owner's body are cancelled, and
 * weft_group_wait() returns that first code. The body, between open and close, runs in the scope of the group: when
 * the group is cancelled or its deadline passes, the body's blocking calls return WEFT_ECANCELED too.
 *
 * Groups and scopes of a task nest: close them in the reverse order of opening. Closing an outer one first closes
 * those inside it. What a task leaves open when its function returns is cancelled, waited for and closed.
 */
#ifndef WEFT_GROUP_H
#define WEFT_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/task.h>
#include <weft/time.h>

WEFT_BEGIN_DECLS

typedef struct weft_group_options {
    weft_time deadline; /* the group is cancelled when it passes; 0: none */
    uint64_t reserved[7];
} weft_group_options;

/* Opens a group of the calling task; `options` may be NULL. Returns NULL where memory is out, or outside of a
 * task; every call below takes NULL and answers WEFT_ENOMEM, so the check at the wait is enough. Does not suspend. */
WEFT_API weft_group *weft_group_open(const weft_group_options *options);

/*
 * Waits until every child has ended. Owner only. The wait itself is never cut short: a cancellation goes to the
 * children, and the wait ends when they have. Returns, the first that applies:
 *   the first error of a child or of a spawn, or given to weft_group_fail(); a child's WEFT_ECANCELED is none when
 *                   its group was being cancelled
 *   WEFT_ECANCELED  a scope around the group is cancelled
 *   WEFT_ETIMEDOUT  the deadline of the group has passed
 *   0               all is well, or the group was cancelled by weft_group_cancel()
 * The group may be used again after it: for more spawns, and another wait.
 * WEFT_EINVAL: the caller is not the owner. WEFT_ENOMEM: `g` is NULL. Suspends; task only.
 */
WEFT_API int weft_group_wait(weft_group *g);

/* Cancels and waits for the children that are left, and frees the group. Owner only. Takes NULL. Suspends, and is
 * not cut short. */
WEFT_API void weft_group_close(weft_group *g);

/* Cancels the group: children and body. Quiet: by itself it makes weft_group_wait() return no error. Idempotent.
 * Callable from any task or thread for as long as the group is open. Does not suspend. Returns 0 or WEFT_ENOMEM. */
WEFT_API int weft_group_cancel(weft_group *g);

/* Says that the body failed: the group is cancelled, and fails with `code` (negative; WEFT_EINVAL otherwise) unless it
 * has failed before. Returns 0, WEFT_EINVAL or WEFT_ENOMEM. Callable as weft_group_cancel(). */
WEFT_API int weft_group_fail(weft_group *g, int code);

/* True when the group itself has been cancelled: by a call, an error or its deadline. False for NULL. */
WEFT_API bool weft_group_canceled(const weft_group *g);

WEFT_END_DECLS

#endif
