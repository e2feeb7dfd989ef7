/* SPDX-License-Identifier: MIT */
#ifndef WEFT_SYNC_MISUSE_H
#define WEFT_SYNC_MISUSE_H

#include <weft/error.h>

#include "sched/list.h"
#include "sched/lock.h"
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

/* Whether what these guard and hold may end: 0, or WEFT_EBUSY where somebody is in the queue. It takes the lock also because whoever let
 * the caller through may hold it still. */
static inline int weft__may_end(struct weft__spinlock *lock, const struct weft__list *waiters, const char *misuse)
{
    bool busy;

    weft__spinlock_lock(lock);
    busy = waiters->first != NULL;
    weft__spinlock_unlock(lock);
    return busy ? weft__misuse(WEFT_EBUSY, misuse) : 0;
}

#endif
