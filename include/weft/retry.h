/* SPDX-License-Identifier: MIT */
/*
 * Trying again, with exponential back-off.
 *
 *     rc = weft_retry(connect_db, &db, &(weft_retry_options){.times = 5, .first_ms = 100, .factor = 2, .jitter = true});
 *
 * The n-th wait, from 0, is drawn from what min(max_ms, first_ms * factor ^ n), the cap, allows:
 *   WEFT_JITTER_NONE    the cap itself
 *   WEFT_JITTER_FULL    anything from 0 to the cap
 *   WEFT_JITTER_EQUAL   half of the cap, and anything from 0 to the other half
 * after Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): many callers that failed together should not come back
 * together, and full jitter is what spreads them best.
 */
#ifndef WEFT_RETRY_H
#define WEFT_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/runtime.h>

WEFT_BEGIN_DECLS

enum weft_jitter { WEFT_JITTER_NONE = 0, WEFT_JITTER_FULL = 1, WEFT_JITTER_EQUAL = 2 };

typedef struct weft_retry_options {
    unsigned times;   /* how often it is called at the most; 0: 3. UINT_MAX: without end */
    int64_t first_ms; /* the first cap; 0: 100 */
    int64_t max_ms;   /* no cap is longer; 0: 30,000, or first_ms where that is longer */
    double factor;    /* from cap to cap, at least 1; 0: 2 */
    int jitter;       /* enum weft_jitter; `true` is the full one */
    /* Asked after each failure that is not the last; false: give up. NULL: never give up. */
    bool (*retry_if)(int code, void *arg);
    uint64_t reserved[4];
} weft_retry_options;

/*
 * Calls `fn(arg)` in the calling task until it succeeds, has been called `times` times, or `retry_if(code, arg)` says that it is of no
 * use, and waits between the calls. Returns what the last call returned, or
 *   WEFT_ECANCELED  cancelled before the first call, or between two; never tried again where `fn` returns it. (A deadline of
 *                   `fn`'s own is WEFT_ETIMEDOUT, and is.)
 *   WEFT_EINVAL     a negative number, a factor below 1, no such jitter, a reserved word that is set; `fn` is not called
 *   WEFT_ENOMEM     no memory for the timer of a wait
 *   WEFT_ENOTASK    outside of a task; `fn` is not called
 * Groups and scopes that a call leaves open are cancelled and closed after it. `options` may be NULL. Suspends; task only.
 */
WEFT_API int weft_retry(weft_fn fn, void *arg, const weft_retry_options *options) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
