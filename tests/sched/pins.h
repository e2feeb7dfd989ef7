/* SPDX-License-Identifier: MIT */
/* Tasks that are pinned, and see that they stay. */
#ifndef WEFT_TESTS_SCHED_PINS_H
#define WEFT_TESTS_SCHED_PINS_H

#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sched/tasks.h"

static const weft_task_options pinned = {.pinned = true};

/* The thread that the caller is on. By a system call: what a library returns may have been kept from before a suspension. */
static inline long thread_now(void)
{
    return syscall(SYS_gettid);
}

#endif
