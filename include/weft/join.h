/* SPDX-License-Identifier: MIT */
/*
 * Fork-join: for tasks that compute. Groups (weft/group.h) are for tasks that wait.
 *
 * weft_join() is the fork-join of Cilk (Frigo, Leiserson and Randall, "The Implementation of the Cilk-5 Multithreaded Language",
 * 1998), rayon's join and TBB's parallel_invoke: it offers one half to the other workers, runs the other itself, and then, if nobody
 * has taken the offer, runs that too, by a plain call. A join that nobody helps with costs a few nanoseconds and no memory.
 */
#ifndef WEFT_JOIN_H
#define WEFT_JOIN_H

#include <weft/attr.h>
#include <weft/runtime.h>

WEFT_BEGIN_DECLS

/*
 * Runs `f(a)` and `g(b)`, possibly at the same time, and returns when both are done. `f` runs in the calling task; so does `g`, after
 * it, unless another worker has taken it and runs it as a task of its own. Errors and cancellation are as in a group: the first
 * half that returns a negative code cancels the other (its blocking calls return WEFT_ECANCELED, weft_canceled() is true), and a half
 * that has not begun by then is not entered. Returns
 *   the first error of a half; a half's WEFT_ECANCELED is none when the join was being cancelled
 *   WEFT_ECANCELED  the calling task's scope is cancelled; when it was so before, neither half is entered
 *   WEFT_ENOTASK    called outside of a task; neither is entered
 *   0               both have returned 0 or more
 * Both halves may suspend, spawn and join. May suspend; task only. Where memory is out it goes on without help.
 */
WEFT_API int weft_join(weft_fn f, void *a, weft_fn g, void *b) WEFT_NONNULL(1, 3);

WEFT_END_DECLS

#endif
