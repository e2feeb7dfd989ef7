/* SPDX-License-Identifier: MIT */
/*
 * Latches: a count, and those who wait until it is zero. One primitive for two uses.
 *
 * A latch is opened once, by as many as it was made for:
 *
 *     static weft_latch loaded = WEFT_LATCH_INIT(2);
 *
 *     static int load(void *part)
 *     {
 *         int rc = read_part(part);
 *
 *         weft_latch_count_down(&loaded, 1);         in any case: others wait for it
 *         return rc;
 *     }
 *
 *     static int serve(void *arg)
 *     {
 *         int rc = weft_latch_wait(&loaded);         returns at once where both are done
 *
 *         return rc < 0 ? rc : answer(arg);
 *     }
 *
 * A wait group counts what is under way: weft_latch_add() before something begins, weft_latch_count_down() when it has
 * ended. The count may rise again after it was zero, at any time: all who waited by then have been let through, and who
 * comes later waits for what is under way then. So whoever must not be let through too early adds before it tells
 * anybody: where the count is zero for a moment, those who wait go. (Where tasks are what is waited for, a group does
 * all of this, and errors and cancellation too: weft/group.h.)
 *
 * What was done before a weft_latch_count_down() is seen by all whom its zero lets through. Counting below zero is
 * refused.
 *
 * Storage: 32 bytes of the caller's, initialised statically or by a call; zeroed memory is an open latch, an empty wait
 * group. It must not move while in use. Before the memory goes away weft_latch_fini() has to be called, and nobody may
 * be in any call for the latch then, but for the count-down that let the caller through: fini waits until that is
 * through.
 *
 * Threads: the waits suspend a task, and block a thread that runs none. All calls but init and fini may be made at any
 * time from any task of any runtime, and from any thread.
 */
#ifndef WEFT_LATCH_H
#define WEFT_LATCH_H

#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_latch {
    uint64_t opaque[4];
} weft_latch;

/* The highest count. */
#define WEFT_LATCH_MAX ((uint64_t)INT64_MAX >> 1)

/* A latch whose count is `n`, at most WEFT_LATCH_MAX. */
/* clang-format off */
#define WEFT_LATCH_INIT(n) {{(uint64_t)(n) << 1, 0, 0, 0}}
/* clang-format on */

/* The same at run time. Returns 0, or WEFT_EINVAL: `n` is too large. Does not suspend. */
WEFT_API int weft_latch_init(weft_latch *l, uint64_t n) WEFT_NONNULL(1);

/* Ends the use of a latch. Returns 0, or WEFT_EBUSY and changes nothing: somebody waits; debug mode reports it. Does
 * not suspend. */
WEFT_API int weft_latch_fini(weft_latch *l) WEFT_NONNULL(1);

/* Lowers the count by `n`; at zero all who wait are let through, in their order. Returns 0, or WEFT_EINVAL and changes
 * nothing: the count is less than `n`; debug mode reports it. Does not suspend. */
WEFT_API int weft_latch_count_down(weft_latch *l, uint64_t n) WEFT_NONNULL(1);

/* Raises the count by `n`. Returns 0, or WEFT_EINVAL and changes nothing: it would be more than WEFT_LATCH_MAX. Does
 * not suspend. */
WEFT_API int weft_latch_add(weft_latch *l, uint64_t n) WEFT_NONNULL(1);

/*
 * Waits until the count is zero, or returns at once where it is. Returns
 *   0                 it is zero, or was while this call waited
 *   WEFT_ECANCELED    the scope is cancelled, or was while it waited; the count was not zero before this call has left
 *   WEFT_ENOTASK      on a thread of a runtime that runs no task, where nothing may wait
 * Suspends; a plain thread is blocked.
 */
WEFT_API WEFT_CHECK int weft_latch_wait(weft_latch *l) WEFT_NONNULL(1);

/* Lowers the count by one and waits until it is zero, as one step: where it returns another code than 0 the count has
 * not been lowered, or has been raised again. The codes are those of weft_latch_wait(), and WEFT_EINVAL: it was zero.
 * Whoever is to count even where it is cancelled calls weft_latch_count_down() and then weft_latch_wait(). */
WEFT_API WEFT_CHECK int weft_latch_arrive_and_wait(weft_latch *l) WEFT_NONNULL(1);

/* Returns 0 where the count is zero, else WEFT_EAGAIN. Does not suspend, and is no checkpoint. */
WEFT_API WEFT_CHECK int weft_latch_try_wait(const weft_latch *l) WEFT_NONNULL(1);

/* The count now. What was done before the count-downs is seen after 0. Does not suspend. */
WEFT_API uint64_t weft_latch_count(const weft_latch *l) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
