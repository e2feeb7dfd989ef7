/* SPDX-License-Identifier: MIT */
/* What nobody else is told of: errors without a taker, and, in debug mode, what is hardly meant. */
#ifndef WEFT_SCHED_REPORT_H
#define WEFT_SCHED_REPORT_H

#include <weft/error.h>

#include "sched/task.h"

/* The error that the end of `t` with `code` is. */
weft_error weft__error_of(struct weft__task *t, int code);

/* Hands it to the runtime's on_error. */
void weft__report_error(weft_runtime *rt, const weft_error *e);

/* The runtime has ended: says how many detached tasks it had to cancel, where on_error was not there to be told. */
void weft__report_left_over(weft_runtime *rt);

/* In debug mode: `t`, the calling task, does `what`. */
void weft__report_misuse(struct weft__task *t, const char *what);

#endif
