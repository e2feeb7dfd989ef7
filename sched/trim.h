/* SPDX-License-Identifier: MIT */
/*
 * When stacks are trimmed: never as they are given back, for the next task may want them warm, but by the monitor, once there have
 * been more of them than were needed for a while. It looks at each tick how many stacks are promised to tasks, and keeps the
 * highest number of a window of time. At the end of the window all touched stacks beyond that number, and some to spare, are in
 * excess; so many are trimmed, a batch at each of the ticks that follow. An idle runtime is looked at until nothing is in excess;
 * then there is no tick.
 */
#ifndef WEFT_SCHED_TRIM_H
#define WEFT_SCHED_TRIM_H

#include "sched/stack.h"

/* One look, on the monitor's thread, at the pools of a runtime. Returns the milliseconds until there is something to be done
 * even if all workers sleep, or -1: there is nothing. */
int weft__trim_tick(struct weft__stack_pool *pools, weft_time now);

#endif
