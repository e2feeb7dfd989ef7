/* SPDX-License-Identifier: MIT */
/*
 * What weft/interval.h promises. No bound on how late a tick may be: tests come late on purpose, and look at when the ticks were
 * due. A machine that stalls can make more ticks late, never a wrong sequence, so each rule is checked against the clock as it was read.
 */
#include "tests/sched/tasks.h"

enum { PERIOD = 2000000 };

static void make(weft_interval *i, weft_time first, enum weft_missed missed)
{
    CHECK_OK(weft_interval_init(i, first, PERIOD, missed));
}

static int tick_on_time(void *arg)
{
    for (int mode = WEFT_MISSED_BURST; mode <= WEFT_MISSED_SKIP; mode++) {
        weft_time first = weft_now() + PERIOD, due, last = 0;
        weft_interval i;

        make(&i, first, (enum weft_missed)mode);
        CHECK_EQ(weft_interval_next(&i), first);
        for (int n = 0; n < 20; n++) {
            CHECK_OK(weft_interval_tick(&i, &due));
            CHECK_GE(weft_now(), due); /* never early */
            if (n == 0)
                CHECK_EQ(due, first);
            else if (mode == WEFT_MISSED_BURST)
                CHECK_EQ(due, last + PERIOD);
            else
                CHECK_GE(due, last + PERIOD);
            if (mode != WEFT_MISSED_DELAY) /* no drift */
                CHECK_EQ((due - first) % PERIOD, 0);
            last = due;
        }
        CHECK_OK(weft_interval_tick(&i, NULL));
    }
    (void)arg;
    return 0;
}

WEFT_TEST(interval, ticks_are_never_early_and_do_not_drift)
{
    CHECK_OK(test_run(tick_on_time, NULL));
}

/* Late: comes when `periods` and a half have passed since the first tick was due. */
static weft_time come_late(weft_interval *i, enum weft_missed mode, int periods)
{
    weft_time first = weft_now() + PERIOD;

    make(i, first, mode);
    CHECK_OK(weft_sleep_until(first + (weft_time)periods * PERIOD + PERIOD / 2));
    return first;
}

static int burst(void *arg)
{
    weft_interval i;
    weft_time first = come_late(&i, WEFT_MISSED_BURST, 5), late = weft_now(), due;

    (void)arg;
    for (int n = 0; n <= 5; n++) { /* the one that was waited for in vain, and the five after it */
        CHECK_LE(weft_interval_next(&i), late);
        CHECK_OK(weft_interval_tick(&i, &due));
        CHECK_EQ(due, first + n * (weft_time)PERIOD);
    }
    CHECK_EQ(weft_interval_next(&i), first + 6 * (weft_time)PERIOD);
    CHECK_OK(weft_interval_tick(&i, &due));
    CHECK_EQ(due, first + 6 * (weft_time)PERIOD);
    CHECK_GE(weft_now(), due);
    return 0;
}

WEFT_TEST(interval, burst_makes_up_for_all_that_was_missed)
{
    CHECK_OK(test_run(burst, NULL));
}

static int delay(void *arg)
{
    weft_interval i;
    weft_time first = come_late(&i, WEFT_MISSED_DELAY, 5), late = weft_now(), due;

    (void)arg;
    CHECK_OK(weft_interval_tick(&i, &due));
    CHECK_EQ(due, first);
    CHECK_GE(weft_interval_next(&i), late + PERIOD);
    for (int n = 0; n < 5; n++) {
        weft_time before = weft_interval_next(&i);

        CHECK_OK(weft_interval_tick(&i, &due));
        CHECK_EQ(due, before);
        CHECK_GE(weft_now(), before);
        CHECK_GE(weft_interval_next(&i), before + PERIOD);
    }
    return 0;
}

WEFT_TEST(interval, delay_begins_anew_with_the_late_tick)
{
    CHECK_OK(test_run(delay, NULL));
}

static int skip(void *arg)
{
    weft_interval i;
    weft_time first = come_late(&i, WEFT_MISSED_SKIP, 5), late = weft_now(), due;

    (void)arg;
    CHECK_OK(weft_interval_tick(&i, &due));
    CHECK_EQ(due, first);
    CHECK_GT(weft_interval_next(&i), late); /* the five between are left out */
    CHECK_LE(weft_interval_next(&i), weft_now() + PERIOD);
    CHECK_EQ((weft_interval_next(&i) - first) % PERIOD, 0);
    CHECK_OK(weft_interval_tick(&i, &due));
    CHECK_GT(due, late);
    CHECK_EQ((due - first) % PERIOD, 0);
    return 0;
}

WEFT_TEST(interval, skip_leaves_out_what_was_missed_and_keeps_its_place)
{
    CHECK_OK(test_run(skip, NULL));
}

static int begin_at_once(void *arg)
{
    weft_time before = weft_now(), due;
    weft_interval i;

    (void)arg;
    CHECK_OK(weft_interval_init_ms(&i, FOREVER_MS, WEFT_MISSED_BURST));
    CHECK_OK(weft_interval_tick(&i, &due));
    CHECK_GE(due, before);
    CHECK_LE(due, weft_now());
    CHECK_EQ(weft_interval_next(&i), due + (weft_time)FOREVER_MS * 1000000);
    before = weft_now();
    weft_interval_reset(&i);
    CHECK_GE(weft_interval_next(&i), before + (weft_time)FOREVER_MS * 1000000);
    CHECK_LE(weft_interval_next(&i), weft_now() + (weft_time)FOREVER_MS * 1000000);
    return 0;
}

WEFT_TEST(interval, first_tick_comes_at_once_and_reset_waits_a_period)
{
    CHECK_OK(test_run(begin_at_once, NULL));
}

static int cancel_tick(void *arg)
{
    weft_time at, due = 4711;
    weft_interval i;
    weft_scope *s;

    (void)arg;
    CHECK_OK(weft_interval_init(&i, weft_now(), (weft_time)FOREVER_MS * 1000000, WEFT_MISSED_SKIP));
    at = weft_interval_next(&i);
    s = weft_scope_open(0);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_interval_tick(&i, &due), WEFT_ECANCELED); /* also where it is due */
    CHECK_RC(weft_scope_close(s, 0), 0);
    CHECK_EQ(weft_interval_next(&i), at);
    CHECK_EQ(due, 4711);
    CHECK_OK(weft_interval_tick(&i, &due));
    CHECK_EQ(due, at);
    at = weft_interval_next(&i);
    s = weft_scope_open(weft_after_ms(3));
    CHECK_RC(weft_scope_close(s, weft_interval_tick(&i, &due)), WEFT_ETIMEDOUT);
    CHECK_EQ(weft_interval_next(&i), at);
    return 0;
}

WEFT_TEST(interval, tick_that_is_canceled_is_not_taken)
{
    CHECK_OK(test_run(cancel_tick, NULL));
}

WEFT_TEST(interval, bad_arguments_are_told)
{
    weft_interval i;

    CHECK_RC(weft_interval_init(&i, 0, 0, WEFT_MISSED_SKIP), WEFT_EINVAL);
    CHECK_RC(weft_interval_init(&i, 0, -1, WEFT_MISSED_SKIP), WEFT_EINVAL);
    CHECK_RC(weft_interval_init(&i, -1, 1, WEFT_MISSED_SKIP), WEFT_EINVAL);
    CHECK_RC(weft_interval_init(&i, 0, 1, (enum weft_missed)3), WEFT_EINVAL);
    CHECK_RC(weft_interval_init_ms(&i, 0, WEFT_MISSED_SKIP), WEFT_EINVAL);
    CHECK_RC(weft_interval_init_ms(&i, INT64_MIN, WEFT_MISSED_SKIP), WEFT_EINVAL);
    CHECK_RC(weft_interval_tick(&i, NULL), WEFT_EINVAL);
    CHECK_OK(weft_interval_init_ms(&i, INT64_MAX, WEFT_MISSED_SKIP));
    CHECK_RC(weft_interval_tick(&i, NULL), WEFT_ENOTASK);
    weft_interval_reset(&i);
    CHECK_EQ(weft_interval_next(&i), WEFT_NEVER);
}
