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

/* The runtime has ended: where there is no on_error, says how many errors were too many to be printed, and how many detached tasks it had to
 * cancel. */
void weft__report_rest(weft_runtime *rt);

/* In debug mode: `t`, the calling task, does `what`. */
void weft__report_misuse(struct weft__task *t, const char *what);

#endif
