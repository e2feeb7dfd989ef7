/* SPDX-License-Identifier: MIT */
/*
 * weft: a multi-threaded, work-stealing runtime for coroutine tasks.
 *
 * A program hands weft one function. It runs as a task: a coroutine with a stack of its own that costs a few
 * hundred nanoseconds, not a thread. A task calls blocking functions in a straight line (weft_read, weft_sleep_ms,
 * weft_group_wait ...); each suspends that task only, and the worker thread beneath goes on with another. There is
 * one worker thread per usable CPU, and a task may resume on another thread than the one that it was suspended on.
 *
 *     static int hello(void *name) { weft_sleep_ms(10); printf("hello %s\n", (char *)name); return 0; }
 *
 *     static int app(void *arg)
 *     {
 *         (void)arg;
 *         weft_group *g = weft_group_open(NULL);
 *         weft_spawn(g, hello, "warp");
 *         weft_spawn(g, hello, "weft");
 *         int rc = weft_group_wait(g);
 *         weft_group_close(g);
 *         return rc;
 *     }
 *
 *     int main(void) { return weft_main(app, NULL); }
 *
 * Conventions of every header:
 *   - A function that can fail returns 0 or a count, or a negative code WEFT_E... (weft/error.h). errno is never set.
 *   - "Suspends" says that the call may suspend the calling task. Such a call is a checkpoint: it returns
 *     WEFT_ECANCELED when the scope of the caller is cancelled, even where it would not have had to wait.
 *   - "Task only" says that the call is for tasks; outside of one it returns WEFT_ENOTASK.
 *   - Time is weft_time, nanoseconds on the monotonic clock. No call takes a time-out: time belongs to scopes.
 *   - create / destroy make and free handles; open / close do so for groups, scopes, streams and listeners.
 *     Destroy and close take NULL.
 *   - Zero in every option means its default; `reserved` words must be zero.
 *
 * What a suspension changes: the thread. Do not keep the address of a thread-local, or errno, across a call that
 * suspends, and hold no pthread mutex across one. docs/ARCHITECTURE.md says more.
 *
 * C++: the headers suit C++11. A task is a function, or a lambda that captures nothing. It may throw and catch, and what lies in between
 * may suspend; only a catch block itself must not, for the exception that it handles is kept by the thread. No exception may leave a function
 * that weft calls, nor a WEFT_GROUP block: that is undefined, unless the function is noexcept, which ends the program at once. What WEFT_SPAWN and WEFT_FN make is
 * (weft/typed.h).
 */
#ifndef WEFT_H
#define WEFT_H

#include <weft/attr.h>
#include <weft/barrier.h>
#include <weft/batch.h>
#include <weft/blocking.h>
#include <weft/broadcast.h>
#include <weft/call.h>
#include <weft/chan.h>
#include <weft/chan_typed.h>
#include <weft/combine.h>
#include <weft/condition.h>
#include <weft/error.h>
#include <weft/event.h>
#include <weft/fd.h>
#include <weft/future.h>
#include <weft/group.h>
#include <weft/interval.h>
#include <weft/join.h>
#include <weft/latch.h>
#include <weft/local.h>
#include <weft/mutex.h>
#include <weft/notify.h>
#include <weft/once.h>
#include <weft/park.h>
#include <weft/queue.h>
#include <weft/resource_pool.h>
#include <weft/retry.h>
#include <weft/runtime.h>
#include <weft/rwlock.h>
#include <weft/scope.h>
#include <weft/select.h>
#include <weft/semaphore.h>
#include <weft/stats.h>
#include <weft/task.h>
#include <weft/tcp.h>
#include <weft/time.h>
#include <weft/typed.h>
#include <weft/version.h>
#include <weft/watch.h>

#endif
