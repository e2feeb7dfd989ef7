/* SPDX-License-Identifier: MIT */
/*
 * Scopes: the extent of a deadline or of a cancellation inside one task.
 *
 *     weft_scope *s = weft_scope_open(weft_after_ms(500));
 *     ssize_t n = weft_read(stream, buf, sizeof buf);
 *     n = weft_scope_close(s, n);                      WEFT_ETIMEDOUT when the 500 ms have passed
 *
 * Cancellation is level-triggered: once a scope is cancelled, every blocking call in it returns WEFT_ECANCELED until
 * the scope is left. WEFT_ECANCELED means that the operation did not happen.
 */
#ifndef WEFT_SCOPE_H
#define WEFT_SCOPE_H

#include <sys/types.h>

#include <weft/attr.h>
#include <weft/time.h>

WEFT_BEGIN_DECLS

typedef struct weft_scope weft_scope;

/* Opens a scope of the calling task that is cancelled at `deadline` (0 or WEFT_NEVER: only by weft_scope_cancel()).
 * Of nested deadlines the earliest wins; one that has passed already cancels at once. Returns NULL where memory is out or
 * outside of a task. Does not suspend. */
WEFT_API weft_scope *weft_scope_open(weft_time deadline);

/*
 * Leaves the scope and frees it; call it in the task that opened it. Returns `result`, the result of what ran inside,
 * with one change: WEFT_ECANCELED becomes WEFT_ETIMEDOUT when the deadline of this scope has passed and no scope around
 * it is cancelled. With NULL (the open failed) it returns `result` where that is negative, else WEFT_ENOMEM.
 * Does not suspend, unless groups opened inside the scope are still open.
 */
WEFT_API ssize_t weft_scope_close(weft_scope *s, ssize_t result);

/* Cancels what runs in the scope. Idempotent. From any task or thread for as long as the scope is open. Returns 0, or
 * WEFT_ENOMEM for NULL. Does not suspend. */
WEFT_API int weft_scope_cancel(weft_scope *s);

WEFT_END_DECLS

#endif
