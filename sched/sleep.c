/* SPDX-License-Identifier: MIT */
#include <weft/time.h>

#include <weft/error.h>
#include <weft/task.h>

#include "sched/park.h"
#include "sched/timer.h"

weft_time weft_now(void)
{
    return weft__clock();
}

weft_time weft_after_ms(int64_t ms)
{
    weft_time now = weft__clock(), ns, at;

    if (ms <= 0)
        return now;
    if (__builtin_mul_overflow(ms, (int64_t)1000000, &ns) || __builtin_add_overflow(now, ns, &at))
        return WEFT_NEVER;
    return at;
}

struct sleeper {
    struct weft__timer timer;
    struct weft__task *task;
    weft__ticket ticket;
};

static void wake_sleeper(struct weft__timer *timer)
{
    struct sleeper *s = WEFT__CONTAINER(timer, struct sleeper, timer);

    (void)weft__unpark(s->task, s->ticket, WEFT__WON_TIME);
}

int weft__park_until(struct weft__task *t, weft_time deadline, enum weft__phase *won)
{
    struct sleeper s = {.timer = {.deadline = deadline, .fire = wake_sleeper}, .task = t};
    int rc;

    s.ticket = weft__park_ticket(t);
    if (deadline != WEFT_NEVER && (rc = weft__timer_add(&weft__worker_self()->timers, &s.timer)) < 0)
        return rc;
    *won = weft__park(t);
    weft__timer_remove(&s.timer); /* also where it has fired: its last access must be over before this frame is */
    return 0;
}

int weft_sleep_until(weft_time deadline)
{
    struct weft__task *t;
    enum weft__phase won;
    int rc = weft__enter(&t);

    if (rc < 0)
        return rc;
    if (deadline <= weft__clock())
        return weft_yield();
    if ((rc = weft__park_prepare(t, WEFT__CANCELABLE)) < 0)
        return rc;
    if ((rc = weft__park_until(t, deadline, &won)) < 0) {
        weft__park_abandon(t);
        return rc;
    }
    return won == WEFT__WON_TIME ? 0 : WEFT_ECANCELED;
}

int weft_sleep_ms(int64_t ms)
{
    return weft_sleep_until(weft_after_ms(ms));
}
