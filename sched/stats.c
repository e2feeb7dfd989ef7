/* SPDX-License-Identifier: MIT */
#include <weft/stats.h>

#include <string.h>

#include <weft/error.h>

#include "sched/runtime.h"

/* relaxed, here and below: numbers that order nothing */
static void add(weft_worker_stats *out, const struct weft__counters *c)
{
    out->tasks_run += A_LOAD(&c->tasks_run, relaxed);
    out->steals_tried += A_LOAD(&c->steals_tried, relaxed);
    out->steals_won += A_LOAD(&c->steals_won, relaxed);
    out->parks += A_LOAD(&c->parks, relaxed);
    out->wakes_sent += A_LOAD(&c->wakes_sent, relaxed);
    out->wakes_futile += A_LOAD(&c->wakes_futile, relaxed);
    out->polls += A_LOAD(&c->polls, relaxed);
    out->timers += A_LOAD(&c->timers, relaxed);
}

void weft_stats(weft_runtime *rt, weft_runtime_stats *out)
{
    int64_t live = 0, touched = 0;

    memset(out, 0, sizeof *out);
    out->workers = rt->workers_count;
    for (unsigned i = 0; i < rt->workers_count; i++) {
        add(&out->sum, &rt->workers[i].counters);
        live += A_LOAD(&rt->workers[i].counters.stacks, relaxed);
    }
    add(&out->elsewhere, &rt->elsewhere);
    for (int class = 0; class < WEFT__STACK_CLASSES; class ++) {
        touched += A_LOAD(&rt->stacks[class].touched, relaxed);
        out->stacks_mapped += (uint64_t)A_LOAD(&rt->stacks[class].stacks, relaxed);
        out->stacks_peak += (uint64_t)A_LOAD(&rt->stacks[class].touched_peak, relaxed);
    }
    out->stacks_live = live > 0 ? (uint64_t)live : 0;
    out->stacks_cached = touched > live ? (uint64_t)(touched - live) : 0;
    weft__lock(&rt->blocking.lock);
    out->blocking_threads = A_LOAD(&rt->blocking.threads, relaxed);
    out->blocking_running = rt->blocking.running;
    out->blocking_queued = (unsigned)rt->blocking.queued;
    weft__unlock(&rt->blocking.lock);
}

int weft_stats_of_worker(weft_runtime *rt, unsigned worker, weft_worker_stats *out)
{
    memset(out, 0, sizeof *out);
    if (worker >= rt->workers_count)
        return WEFT_EINVAL;
    add(out, &rt->workers[worker].counters);
    return 0;
}
