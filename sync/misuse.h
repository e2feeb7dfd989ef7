/* SPDX-License-Identifier: MIT */
#ifndef WEFT_SYNC_MISUSE_H
#define WEFT_SYNC_MISUSE_H

#include "sched/report.h"
#include "sched/worker.h"

/* Returns the code for a misuse, which in debug mode is reported where it is a task's. Not under a lock. */
static inline int weft__misuse(int code, const char *what)
{
    struct weft__task *t = weft__task_self();

    if (t != NULL)
        weft__report_misuse(t, what);
    return code;
}

#endif
