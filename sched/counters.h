/* SPDX-License-Identifier: MIT */
/* Numbers for weft/stats.h: each is written by one thread, or, where several may, by a read-modify-write. */
#ifndef WEFT_SCHED_COUNTERS_H
#define WEFT_SCHED_COUNTERS_H

#include <stdint.h>

#include "sched/atomic.h"

struct weft__counters {
    _Atomic uint64_t tasks_run, steals_tried, steals_won, parks, wakes_sent, wakes_futile, polls, timers;
    _Atomic int64_t stacks; /* taken, less those given back; may be negative for one worker */
};

#endif
