/* SPDX-License-Identifier: MIT */
#include <weft/interval.h>

#include <string.h>

#include <weft/error.h>

#include "sched/platform.h"

struct interval {
    weft_time next, period;
    enum weft_missed missed;
};

_Static_assert(sizeof(struct interval) <= sizeof(weft_interval), "an interval fits into the caller's storage");

static struct interval load(const weft_interval *i)
{
    struct interval in;

    memcpy(&in, i, sizeof in);
    return in;
}

static void store(weft_interval *i, const struct interval *in)
{
    memcpy(i, in, sizeof *in);
}

static weft_time later(weft_time t, weft_time by)
{
    return t <= WEFT_NEVER - by ? t + by : WEFT_NEVER;
}

int weft_interval_init(weft_interval *i, weft_time first, weft_time period, enum weft_missed missed)
{
    struct interval in = {first != 0 ? first : weft__clock(), period, missed};

    memset(i, 0, sizeof *i);
    if (first < 0 || period <= 0 || (unsigned)missed > WEFT_MISSED_SKIP)
        return WEFT_EINVAL;
    store(i, &in);
    return 0;
}

int weft_interval_init_ms(weft_interval *i, int64_t period_ms, enum weft_missed missed)
{
    weft_time period;

    if (__builtin_mul_overflow(period_ms, (int64_t)1000000, &period))
        period = period_ms > 0 ? WEFT_NEVER : -1;
    return weft_interval_init(i, 0, period, missed);
}

/* When the tick after the one of `in->next` is due, where the task came for that one too late and it is `now`. */
static weft_time after_missed(const struct interval *in, weft_time now)
{
    switch (in->missed) {
    case WEFT_MISSED_DELAY:
        return later(now, in->period);
    case WEFT_MISSED_SKIP: /* the first one after now, of those where they always were */
        return later(now - (now - in->next) % in->period, in->period);
    case WEFT_MISSED_BURST:
        break;
    }
    return later(in->next, in->period);
}

int weft_interval_tick(weft_interval *i, weft_time *due)
{
    struct interval in = load(i);
    weft_time now = weft__clock(), tick = in.next;
    bool late = now > tick;
    int rc;

    if (in.period == 0) /* never initialised, or in vain */
        return WEFT_EINVAL;
    if ((rc = weft_sleep_until(tick)) < 0)
        return rc;
    /* Who waited, and was woken so late that the next one is due too, has missed that one. */
    now = weft__clock();
    late = late || now - tick >= in.period;
    in.next = late ? after_missed(&in, now) : later(tick, in.period);
    store(i, &in);
    if (due != NULL)
        *due = tick;
    return 0;
}

weft_time weft_interval_next(const weft_interval *i)
{
    return load(i).next;
}

void weft_interval_reset(weft_interval *i)
{
    struct interval in = load(i);

    in.next = later(weft__clock(), in.period);
    store(i, &in);
}
