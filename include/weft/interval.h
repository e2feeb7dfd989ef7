/* SPDX-License-Identifier: MIT */
/*
 * Intervals: something is done every so often.
 *
 *     weft_interval every;
 *     int rc = weft_interval_init_ms(&every, 1000, WEFT_MISSED_SKIP);
 *
 *     while (rc == 0 && (rc = weft_interval_tick(&every, NULL)) == 0)
 *         report();
 *
 * Ticks are due at points in time, first, first + period, first + 2 periods ..., not a period after one another: that report() takes
 * a while, or a wake comes late by some microseconds, does not add up. A tick is missed when nobody waits for it: the task is still busy
 * when its time comes. It is taken late then, and what follows is the interval's mode. The words are those of Tokio's MissedTickBehavior.
 * With a period of 10 ms, and a task that comes for the tick of 10 only at 35, and for all others at once, ticks are taken at
 *
 *     WEFT_MISSED_BURST   35, 35, 35, 40, 50, 60 ...   all that were missed follow at once, until they are made up for: for those who
 *                                                      do a fixed amount of work for each period
 *     WEFT_MISSED_DELAY   35, 45, 55, 65 ...           the interval begins anew with the late tick, so that two are never closer than
 *                                                      a period: for those who must not press others
 *     WEFT_MISSED_SKIP    35, 40, 50, 60 ...           what was missed meanwhile is left out, and the rest are where they always were:
 *                                                      for clocks and reports
 *
 * An interval lies where its user puts it, holds nothing that would have to be freed, and belongs to one task at a time.
 */
#ifndef WEFT_INTERVAL_H
#define WEFT_INTERVAL_H

#include <stdint.h>

#include <weft/attr.h>
#include <weft/time.h>

WEFT_BEGIN_DECLS

enum weft_missed { WEFT_MISSED_BURST, WEFT_MISSED_DELAY, WEFT_MISSED_SKIP };

typedef struct weft_interval {
    uint64_t opaque[4];
} weft_interval;

/* Makes an interval whose first tick is due at `first`, 0 for now, and the others every `period` nanoseconds after it. Returns 0, or
 * WEFT_EINVAL: a period of 0 or less, a negative `first`, no such mode. Callable anywhere. */
WEFT_API WEFT_CHECK int weft_interval_init(weft_interval *i, weft_time first, weft_time period, enum weft_missed missed)
    WEFT_NONNULL(1);

/* The same, from now on, every `period_ms` milliseconds: the first tick is due at once. */
WEFT_API WEFT_CHECK int weft_interval_init_ms(weft_interval *i, int64_t period_ms, enum weft_missed missed)
    WEFT_NONNULL(1);

/*
 * Suspends the calling task until the next tick is due, and takes it; lets others run once where it is due already. Stores in `*due`, unless
 * that is NULL, the time at which the tick was due. Returns 0; or WEFT_ECANCELED, WEFT_ENOMEM, WEFT_ENOTASK, or WEFT_EINVAL (no interval was
 * made here): then the tick has not been taken, and `*due` is left alone. Suspends; task only.
 */
WEFT_API WEFT_CHECK int weft_interval_tick(weft_interval *i, weft_time *due) WEFT_NONNULL(1);

/* When the next tick is due: to wait for it together with other things. Callable anywhere. */
WEFT_API weft_time weft_interval_next(const weft_interval *i) WEFT_NONNULL(1);

/* Begins anew: the next tick is due a period from now. Callable anywhere. */
WEFT_API void weft_interval_reset(weft_interval *i) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
