/* SPDX-License-Identifier: MIT */
/*
 * After Go's sysmon. While workers run it looks every 1 to 10 ms: sooner while somebody is stuck, later while all goes well.
 * Once all workers have been asleep for a while it sleeps too, and the next worker to wake up wakes it: an idle
 * runtime has no tick, and a server with a request now and then does not wake a third thread for each. It sleeps for good, unless
 * there are stacks whose memory is to be given back: then until it is time for that.
 */
#include "sched/cancel.h"
#include "sched/runtime.h"
#include "sched/trim.h"

enum { DELAY_MIN_MS = 1, DELAY_MAX_MS = 10, BLOCKED_LOOKS = 10, IDLE_LOOKS = 10 };

/* Hands out the slot of a worker whose task goes on and on. */
static bool free_slot(weft_runtime *rt, struct weft__worker *w)
{
    struct weft__task *t = weft__slot_take_from_outside(&w->slot, rt->has_membarrier);

    if (t == NULL)
        return false;
    weft__inbox_push(&rt->inbox, t);
    return true;
}

/* Looks for a worker that goes on and on whether the wait which it has begun last is cancelled. */
static void make_sure(weft_runtime *rt, struct weft__worker *w)
{
    struct weft__task *t;

    /* relaxed: a look ahead. Who missed the wait had moved the epoch before, so it is seen at some tick */
    if (A_LOAD(&rt->cancel_epoch, relaxed) != A_LOAD(&w->unsure.epoch, relaxed) &&
        (t = weft__unsure_look(&w->unsure, rt)) != NULL)
        weft__make_ready(t);
}

/* Whether the slice of a worker that is stuck is over: its task has computed for long enough, or holds its thread by other means. It is
 * not while it is only the thread that waits for a CPU. */
static bool is_over(struct weft__worker *w)
{
    weft_time cpu = weft__thread_clock(A_LOAD(&w->cpu_clock, relaxed));

    if (++w->monitor_stuck == 1)
        A_STORE(&w->monitor_cpu, cpu, relaxed);
    return cpu - A_LOAD(&w->monitor_cpu, relaxed) > WEFT__SLICE_NS || w->monitor_stuck >= BLOCKED_LOOKS;
}

/* Looks at one worker; true when it seems stuck. */
static bool watch(weft_runtime *rt, struct weft__worker *w)
{
    uint32_t picks = A_LOAD(&w->picks, relaxed); /* relaxed: hints, here and below; they carry no data */

    A_STORE(&w->look, 1, relaxed); /* its picks may take long, and it counts picks */
    make_sure(rt, w);
    if (picks != w->monitor_picks || A_LOAD(&w->sleep, relaxed) != 0) {
        w->monitor_picks = picks;
        w->monitor_stuck = 0;
        return false;
    }
    if (is_over(w))
        A_STORE(&w->attention, picks, relaxed);
    if (free_slot(rt, w))
        weft__idle_notify(rt);
    return true;
}

int weft__monitor_tick(weft_runtime *rt)
{
    unsigned asleep = weft__idle_asleep(A_LOAD(&rt->idle.word, seq_cst));
    bool stuck = false;

    if (asleep == rt->workers_count) {
        if (++rt->monitor_idle_looks < IDLE_LOOKS)
            return DELAY_MAX_MS;
        /* Say so, then look again: pairs with weft__monitor_kick() after a worker has left the sleepers. */
        A_STORE(&rt->monitor_asleep, true, seq_cst);
        if (weft__idle_asleep(A_LOAD(&rt->idle.word, seq_cst)) == rt->workers_count)
            return weft__trim_tick(rt->stacks, weft__clock());
    }
    /* relaxed: who has just found it true sends another wake, for nothing */
    if (A_LOAD(&rt->monitor_asleep, relaxed))
        A_STORE(&rt->monitor_asleep, false, relaxed);
    rt->monitor_idle_looks = 0;
    for (unsigned i = 0; i < rt->workers_count; i++)
        stuck |= watch(rt, &rt->workers[i]);
    (void)weft__runtime_run_timers(rt);
    (void)weft__trim_tick(rt->stacks, weft__clock());
    if (stuck && asleep > 0)
        weft__idle_fill_seat(rt); /* descriptors that nobody waits on */
    if (asleep > 0 && weft__runtime_has_work(rt, true))
        weft__idle_notify(rt);
    if (stuck)
        rt->monitor_delay_ms = DELAY_MIN_MS;
    else if (rt->monitor_delay_ms < DELAY_MAX_MS)
        rt->monitor_delay_ms++;
    return (int)rt->monitor_delay_ms;
}

void weft__monitor_wake(weft_runtime *rt)
{
    if (!rt->interrupt_seen && A_LOAD(&rt->interrupted, acquire)) {
        rt->interrupt_seen = true;
        (void)weft__cancel(rt, &rt->root.scope, WEFT_REASON_SHUTDOWN);
    }
    rt->monitor_idle_looks = 0;
    rt->monitor_delay_ms = DELAY_MIN_MS;
}

void weft__monitor_kick_slow(weft_runtime *rt)
{
    if (A_XCHG(&rt->monitor_asleep, false, seq_cst))
        rt->ops->wake_driver(rt->io);
}
