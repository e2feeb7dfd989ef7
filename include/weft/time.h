/* SPDX-License-Identifier: MIT */
/*
 * Time. A weft_time is a point on the monotonic clock (CLOCK_MONOTONIC) in nanoseconds.
 *
 * Timers fire no earlier than asked for. While a worker is idle they are late by what the kernel's wake-up costs: some
 * 50 us where epoll_pwait2 exists (Linux 5.11), up to 1 ms where it does not (there time-outs are rounded up to
 * milliseconds). While all workers are busy they are looked at every 10 ms at the least, and what they wake waits its turn.
 */
#ifndef WEFT_TIME_H
#define WEFT_TIME_H

#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef int64_t weft_time;

/* A deadline that never comes. In options and in weft_scope_open(), 0 means the same. */
#define WEFT_NEVER INT64_MAX

/* The time now. Callable anywhere. */
WEFT_API weft_time weft_now(void);

/* The deadline `ms` milliseconds from now; saturates at WEFT_NEVER, and a negative `ms` counts as 0.
 * Callable anywhere. */
WEFT_API weft_time weft_after_ms(int64_t ms);

/* Suspends the calling task for `ms` milliseconds; 0 or less yields once.
 * Returns 0, or WEFT_ECANCELED (at once when already cancelled), WEFT_ENOMEM, WEFT_ENOTASK. Suspends; task only. */
WEFT_API int weft_sleep_ms(int64_t ms);

/* The same until `deadline`. */
WEFT_API int weft_sleep_until(weft_time deadline);

WEFT_END_DECLS

#endif
