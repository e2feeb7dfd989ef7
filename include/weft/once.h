/* SPDX-License-Identifier: MIT */
/*
 * Once: something is done by whoever needs it first, and the others wait until it is done.
 *
 *     static weft_once once = WEFT_ONCE_INIT;
 *     static int table[256];
 *
 *     static int fill(void *arg)
 *     {
 *         (void)arg;
 *         for (int i = 0; i < 256; i++)
 *             table[i] = i * i;
 *         return 0;
 *     }
 *
 *     static int look_up(int i)
 *     {
 *         int rc = weft_once_do(&once, fill, NULL);
 *
 *         return rc < 0 ? rc : table[i];
 *     }
 *
 * Its states:
 *
 *     new --do--> running --its function returns 0 or more--> done, for good
 *      ^             |
 *      |             +--fails, others wait--> running: the one that has waited longest calls its own function
 *      `-------------'  fails, nobody waits
 *
 * The function may suspend. One that fails gives its code to its caller alone: the next one tries again. So a caller
 * that is cancelled in the middle of it spoils nothing for the others. Whoever finds it done sees all that the function
 * has written.
 *
 * Both tasks and plain threads may call; a thread that waits is blocked. The function runs in its caller. From within
 * the function the same once is WEFT_EDEADLK; but a task that the function waits for, such as half of a weft_join(),
 * waits for ever.
 *
 * A weft_once is 32 bytes of the caller's, which stay where they are from the first use to fini; zeroed memory is one
 * that is new.
 */
#ifndef WEFT_ONCE_H
#define WEFT_ONCE_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/runtime.h>

WEFT_BEGIN_DECLS

typedef struct weft_once {
    uint64_t opaque[4];
} weft_once;

/* clang-format off */
#define WEFT_ONCE_INIT {{0}}
/* clang-format on */

/* Makes `*o` new, whatever was there. Does not suspend; callable from any thread. */
WEFT_API void weft_once_init(weft_once *o) WEFT_NONNULL(1);

/* Ends the use of `*o`: after it the memory may go, or be used anew. Returns 0, and `*o` is as after init; or
 * WEFT_EBUSY while its function runs, and nothing has changed; debug mode reports it. Nobody may be in another call for
 * it then, but for the one whose function has done it: also not one that was cancelled and has not returned yet. Does
 * not suspend; callable from any thread. */
WEFT_API int weft_once_fini(weft_once *o) WEFT_NONNULL(1);

/*
 * Calls `fn(arg)` unless it is done, or waits for the one who does. Returns 0: it is done, here or elsewhere. Else it
 * is not:
 *   what `fn` returned, where it was called here and failed
 *   WEFT_ECANCELED    the scope of the caller is cancelled; its `fn` was not called
 *   WEFT_EDEADLK      called by the function that it runs; reported in debug mode
 *   WEFT_ENOTASK      on a thread of a runtime that runs no task, where nothing may wait
 * Suspends; a plain thread is blocked. Where it is done already it is a look at one word: it does not suspend, and is
 * no checkpoint.
 */
WEFT_API WEFT_CHECK int weft_once_do(weft_once *o, weft_fn fn, void *arg) WEFT_NONNULL(1, 2);

/* The same without waiting for another: WEFT_EBUSY where the function of another runs. It is no checkpoint; `fn` may
 * suspend. Callable from any thread. */
WEFT_API WEFT_CHECK int weft_once_try_do(weft_once *o, weft_fn fn, void *arg) WEFT_NONNULL(1, 2);

/* Whether it is done: then all that its function has written is to be seen. Does not suspend; callable from any
 * thread. */
WEFT_API bool weft_once_done(const weft_once *o) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
