/* SPDX-License-Identifier: MIT */
/*
 * Fork-join: for tasks that compute. Groups (weft/group.h) are for tasks that wait.
 *
 * weft_join() is the fork-join of Cilk (Frigo, Leiserson and Randall, "The Implementation of the Cilk-5 Multithreaded Language",
 * 1998), rayon's join and TBB's parallel_invoke: it offers one half to the other workers, runs the other itself, and then, if nobody
 * has taken the offer, runs that too, by a plain call. A join that nobody helps with costs a few nanoseconds and no memory.
 *
 *     static int sort(void *arg)                                     a tree: each half joins in its turn
 *     {
 *         struct part *p = arg, low, high;
 *         if (p->count < 1000)
 *             return sort_plainly(p);
 *         partition(p, &low, &high);
 *         return weft_join(sort, &low, sort, &high);
 *     }
 *
 *     rc = weft_parallel_for(0, rows, 0, multiply_row, &matrices);   a loop: it splits itself while others have nothing to do
 *
 * What is run in parallel may be run by another task than the caller, on another stack and worker: it may open groups and scopes of
 * its own, and spawn into those around it, but must not wait for or close what the caller had open before.
 */
#ifndef WEFT_JOIN_H
#define WEFT_JOIN_H

#include <stddef.h>

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
 * Both halves may suspend, spawn and join, but `f` must not wait for `g`, which may begin after it. Another task that runs `g` has the
 * caller's stack size and priority; the halves of a pinned caller stay on its thread. Where memory is out it goes on without help.
 * May suspend; task only.
 */
WEFT_API int weft_join(weft_fn f, void *a, weft_fn g, void *b) WEFT_NONNULL(1, 3);

/*
 * Calls `body(i, arg)` for each index of [begin, end), in any order and possibly at the same time, and returns when all have
 * returned. The range runs in pieces, each in ascending order. `grain` is the most indices of a piece; 0 lets the runtime measure, and
 * make pieces that take some microseconds. Between pieces it looks: it splits what is left in half, and offers the second half, where
 * nothing that it has offered before lies unclaimed; and it yields, where its worker has been busy for long. So uneven
 * indices balance out, and a range that nobody helps with runs as a loop does. Give a grain of 1 where a few indices cost
 * milliseconds more than those before them.
 *
 * The first negative code of a body cancels the others, as in weft_join(); no piece is begun after it, and of its own piece no
 * further index. Returns that code, or
 *   WEFT_ECANCELED  the calling task's scope is cancelled: no piece is begun after it, none at all if it was so before
 *   WEFT_ENOTASK    called outside of a task; nothing is called
 *   0               every index has been called and returned 0 or more; also for an empty range (begin >= end)
 * Bodies may suspend, and nest loops and joins. `arg` is the caller's, and shared. May suspend; task only.
 */
WEFT_API int weft_parallel_for(size_t begin, size_t end, size_t grain, int (*body)(size_t i, void *arg), void *arg)
    WEFT_NONNULL(4);

/* The same with a body for a whole piece, [begin, end): for loops whose steps are shorter than a call. */
WEFT_API int weft_parallel_for_range(size_t begin, size_t end, size_t grain,
                                     int (*body)(size_t begin, size_t end, void *arg), void *arg) WEFT_NONNULL(4);

/* Accumulators of up to so many bytes need no memory beside the stack. */
#define WEFT_REDUCE_ON_STACK 128

/*
 * Folds [begin, end) into `*acc`, an accumulator of `size` bytes: the sum, the minimum, the histogram of what the indices stand for.
 * The range is halved, and each half halved again, until no piece has more than `grain` indices (0: until there are 256 pieces).
 *   body(begin, end, acc, arg)   adds the indices of a piece to `*acc`, in which it finds the identity
 *   combine(acc, right, arg)     adds `*right`, which stands for the indices that follow, to `*acc`; must be associative, but
 *                                need not be commutative: order is kept. `*right` is not used after it
 * `*acc` holds the identity before (zero for a sum), and the result after. It is copied byte by byte into the accumulators of other
 * pieces, which are aligned for every standard type, on the stacks of tasks up to WEFT_REDUCE_ON_STACK bytes, else on the heap.
 *
 * What is combined with what hangs from begin, end and grain alone, not from the workers or their speed: so a sum of floating-point
 * numbers is the same, to the last bit, each time.
 *
 * The first negative code of a body or a combine cancels the rest, as in weft_join(): no piece is begun after it. Accumulators are
 * combined even then, so that what they own ends up in `*acc`, which is incomplete. Returns that code, or
 *   WEFT_ECANCELED  as in weft_parallel_for()
 *   WEFT_ENOMEM     no memory for an accumulator
 *   WEFT_ENOTASK    called outside of a task; nothing is called
 *   0               `*acc` stands for the whole range; for an empty one it is the identity
 * Bodies and combines may suspend. `acc` and `arg` are the caller's. May suspend; task only.
 */
WEFT_API int weft_parallel_reduce(size_t begin, size_t end, size_t grain, void *acc, size_t size,
                                  int (*body)(size_t begin, size_t end, void *acc, void *arg),
                                  int (*combine)(void *acc, void *right, void *arg), void *arg) WEFT_NONNULL(4, 6, 7);

WEFT_END_DECLS

#endif
