/* SPDX-License-Identifier: MIT */
/*
 * Scopes: the extent of a deadline or of a cancellation inside one task. After trio's cancel scopes (Smith, "Timeouts and
 * cancellation for humans", 2018).
 *
 *     weft_scope *s = weft_scope_open(weft_after_ms(500));
 *     ssize_t n = weft_read(stream, buf, sizeof buf);
 *     n = weft_scope_close(s, n);                      WEFT_ETIMEDOUT when the 500 ms have passed
 *
 * Cancellation is level-triggered: once a scope is cancelled, every blocking call in it returns WEFT_ECANCELED until
 * the scope is left. WEFT_ECANCELED means that the operation did not happen: where it had, the call says so, and the next one is
 * cancelled. A loop that takes WEFT_ECANCELED for a reason to try again gives way to others at each turn, and is reported where
 * the runtime has its option debug.
 *
 * A shield holds outer cancellation back, for cleanup that must wait for something although the task is being cancelled. It has a deadline of
 * its own, so that it ends:
 *
 *     weft_scope *s = weft_shield_open(weft_after_ms(500));
 *     ssize_t n = weft_write_all(conn, "QUIT\r\n", 6);
 *     n = weft_scope_close(s, n);
 */
#ifndef WEFT_SCOPE_H
#define WEFT_SCOPE_H

#include <sys/types.h>

#include <weft/attr.h>
#include <weft/error.h>
#include <weft/time.h>

WEFT_BEGIN_DECLS

typedef struct weft_scope weft_scope;

/* Opens a scope of the calling task that is cancelled at `deadline` (0 or WEFT_NEVER: only by weft_scope_cancel()).
 * Of nested deadlines the earliest wins; one that has passed already cancels at once. The deadline is armed once, however many calls
 * it limits. Returns NULL where memory is out or outside of a task. Does not suspend. */
WEFT_API weft_scope *weft_scope_open(weft_time deadline);

/* Opens a scope that what is cancelled around it does not reach: neither the calls in it nor what groups opened in it hold. Only
 * its own deadline, which it must have (0 and WEFT_NEVER are refused), scopes inside it and weft_scope_cancel() do. The first
 * checkpoint after it is closed says WEFT_ECANCELED where the task was cancelled before or meanwhile. Returns as weft_scope_open(); NULL also
 * for no deadline. Does not suspend. */
WEFT_API weft_scope *weft_shield_open(weft_time deadline);

/*
 * Leaves the scope and frees it; call it in the task that opened it. Returns `result`, the result of what ran inside,
 * with one change: WEFT_ECANCELED becomes WEFT_ETIMEDOUT when the deadline of this scope has passed and no scope around
 * it is cancelled, or it is a shield. With NULL (the open failed) it returns `result` where that is negative, else WEFT_ENOMEM.
 * Does not suspend, unless groups opened inside the scope are still open.
 */
WEFT_API ssize_t weft_scope_close(weft_scope *s, ssize_t result);

/* Cancels what runs in the scope. Idempotent. From any task or thread for as long as the scope is open. Returns 0, or
 * WEFT_ENOMEM for NULL. Does not suspend. */
WEFT_API int weft_scope_cancel(weft_scope *s);

/* Moves the deadline of the scope, an absolute time (0 or WEFT_NEVER: none; a shield must have one), later or earlier: an idle limit that is
 * pushed on costs no timer each time. Owner only. Returns 0, or WEFT_ECANCELED: the scope has been cancelled before, maybe by the former
 * deadline, and stays so; WEFT_EINVAL: not the owner, a shield without deadline; WEFT_ENOMEM: also for NULL. Does not suspend. */
WEFT_API int weft_scope_reschedule(weft_scope *s, weft_time deadline);

/* Why the scope itself was cancelled: the first reason. From any task or thread while it is open. WEFT_REASON_NONE: it was not, or NULL. */
WEFT_API enum weft_reason weft_scope_reason(const weft_scope *s);

/* The deadline of the scope itself; WEFT_NEVER: none, or NULL. By its owner. */
WEFT_API weft_time weft_scope_deadline(const weft_scope *s);

/* The calling task. */

/* The earliest deadline that holds here, of all the scopes and groups around the call, as far out as the innermost shield; WEFT_NEVER: none, or
 * outside of a task. One that has passed is in the past. Does not suspend. */
WEFT_API weft_time weft_deadline(void);

/* Why the next checkpoint would return WEFT_ECANCELED: the reason of the outermost scope that is cancelled, as far out as the innermost
 * shield. WEFT_REASON_NONE: it would not. Does not suspend. */
WEFT_API enum weft_reason weft_cancel_reason(void);

WEFT_END_DECLS

#endif
