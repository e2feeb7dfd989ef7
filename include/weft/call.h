/* SPDX-License-Identifier: MIT */
/*
 * Calls that are made later: a function, a point in time, and a handle by which it is cancelled before.
 *
 *     weft_call timeout;
 *
 *     int rc = weft_call_later(30000, drop_idle, connection, &timeout);
 *     ...
 *     if (rc == 0 && weft_call_cancel(timeout) == 0)
 *         ...                                      drop_idle will not run: the connection is ours alone
 *
 * A call that waits is an entry among the timers, not a task: it costs less than 100 bytes (see docs/ARCHITECTURE.md), and no
 * stack. When its time has come its function is started as a task of the runtime's root group, as by weft_runtime_spawn(): so it may
 * suspend, runs on a stack of its own, and nobody waits for it but the runtime's end; what it returns goes where the codes of such tasks
 * go. It belongs neither to the group nor to the scope of the one who made the call, and is not cancelled with them.
 *
 *     pending --time--> due: the function runs, once
 *         `----weft_call_cancel()--> cancelled: it never does             exactly one of the two, whoever races
 *
 * A call that is due while there is no memory for a task stays due, and is started as soon as there is, tried every 10 ms.
 * weft_runtime_stop() drops what has not begun: those functions are never called, and what `arg` points to remains the caller's to
 * free. The end of a runtime, and of weft_run(), waits for no call that is pending.
 *
 * A handle is a value of 16 bytes, to be copied as one likes. It names one call; once that is over the handle is stale, and
 * harmless, for as long as the runtime lives.
 */
#ifndef WEFT_CALL_H
#define WEFT_CALL_H

#include <stdint.h>

#include <weft/attr.h>
#include <weft/runtime.h>
#include <weft/time.h>

WEFT_BEGIN_DECLS

/* Names one call. Zeroed, it names none. */
typedef struct weft_call {
    uint64_t opaque[2];
} weft_call;

/*
 * Has the runtime of the calling task call `fn(arg)` at `when`, or `ms` milliseconds from now; a time that has passed is due at once,
 * which is when a worker next looks at the timers (weft/time.h). Stores the handle in `*call`, before the function can run, unless
 * `call` is NULL. Calls of one moment are made in no order.
 * Returns 0, and then `fn` is entered exactly once if neither weft_call_cancel() nor weft_runtime_stop() comes first; or
 *   WEFT_ENOMEM    no memory; `*call` is zeroed, here and below
 *   WEFT_ECLOSED   the runtime has been stopped
 *   WEFT_ENOTASK   not called by a task
 * Does not suspend. Task only.
 */
WEFT_API WEFT_CHECK int weft_call_at(weft_time when, weft_fn fn, void *arg, weft_call *call) WEFT_NONNULL(2);
WEFT_API WEFT_CHECK int weft_call_later(int64_t ms, weft_fn fn, void *arg, weft_call *call) WEFT_NONNULL(2);

/* weft_call_at() for threads, and for tasks of other runtimes. Callable from any task or thread for as long as `rt` lives. */
WEFT_API WEFT_CHECK int weft_runtime_call_at(weft_runtime *rt, weft_time when, weft_fn fn, void *arg, weft_call *call)
    WEFT_NONNULL(1, 3);

/* Cancels a call that is pending. Returns 0: this call of weft_call_cancel() did it, and the function will not run. Or WEFT_EALREADY: it
 * is due, so its function will run, runs, or has run; or it was cancelled before; or the handle is zeroed. Does not suspend;
 * callable from any task or thread for as long as the call's runtime lives. */
WEFT_API int weft_call_cancel(weft_call call);

WEFT_END_DECLS

#endif
