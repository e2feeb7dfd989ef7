/* SPDX-License-Identifier: MIT */
/*
 * Blocking work: functions that hold a thread, such as getaddrinfo(), fsync(), a database driver or a long computation without
 * checkpoints, run beside the workers, so that these go on with other tasks.
 *
 *     static int look_up(void *arg) { struct host *h = arg; return getaddrinfo(h->name, NULL, NULL, &h->list) == 0 ? 0 : WEFT_EINVAL; }
 *
 *     int rc = weft_blocking(look_up, &host);              this task waits, its worker does not
 *
 * Threads. Each runtime has a pool of its own, and programs may make more. A pool makes a thread when a call finds none idle, up to
 * a limit; an idle thread is taken before a new one is made, the one that was busy last first; and one that has been idle for
 * a while ends. Where all threads are busy calls queue, and begin in the order of their coming. A pool that has nothing to
 * do has no thread and no tick. The threads are named weft-block-0 and so on, have the system's default of stack, and
 * block every signal but those that a fault raises. A thread that the system refuses to make is an error of the call only where
 * the pool has no other thread; else the call queues.
 *
 * `fn` must return: it may not end its thread, unwind out of itself, or destroy the runtime or the pool that it runs in.
 * On a thread of a pool `fn` is outside of any task: calls of weft that are for tasks return WEFT_ENOTASK there, and those that may be
 * called from any thread work: weft_runtime_spawn(), weft_scope_cancel(), weft_group_cancel(), weft_chan_try_send(), and also
 * weft_runtime_run(), on the caller's own runtime too. That one waits for a task, though, and deadlocks where the task waits for
 * something of this `fn`: for a thread of its pool while all are taken by functions that wait in the same way, or for a lock
 * that it holds. A mutex that a task holds across weft_blocking() is unlocked by whatever thread the task goes on on: hold none.
 *
 * Cancellation. Each call is a checkpoint on entry. One that waits in the queue is taken back when its task is cancelled: it returns
 * WEFT_ECANCELED, and `fn` did not run and will not. Once `fn` has begun it cannot be interrupted: the call returns its real
 * result when it has ended, and the next checkpoint says WEFT_ECANCELED; or, where the options give `abandon`, the task leaves at once.
 */
#ifndef WEFT_BLOCKING_H
#define WEFT_BLOCKING_H

#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/runtime.h>

WEFT_BEGIN_DECLS

/*
 * Runs `fn(arg)` on a thread of the runtime's pool and returns its code; what `fn` has written is seen by the task. Its limits are
 * blocking_threads and blocking_idle_ms of weft_runtime_options. `arg` stays the caller's. Besides the code of `fn`:
 *   WEFT_ECANCELED  the task is cancelled, and `fn` did not run
 *   WEFT_EAGAIN, WEFT_ENOMEM   no thread could be made and the pool has none; `fn` did not run
 *   WEFT_ENOTASK    called outside of a task
 * Suspends; task only.
 */
WEFT_API WEFT_CHECK int weft_blocking(weft_fn fn, void *arg) WEFT_NONNULL(1);

typedef struct weft_pool weft_pool;

typedef struct weft_blocking_options {
    /*
     * Where this is given a cancelled task does not wait for `fn`: the call returns WEFT_ECANCELED at once, and `abandon(arg, rc)` is
     * called when `fn` has ended, with its code, on the thread that ran it. It is to free `arg`, which must not lie on
     * the task's stack. The rule is: a call that returns WEFT_ECANCELED has handed `arg` over, and `abandon` is called exactly once;
     * a call that returns anything else has not, and it is never called. So where `fn` did not run, or has itself
     * returned WEFT_ECANCELED, the calling task calls it before the call returns, with WEFT_ECANCELED.
     * The end of the runtime waits for the functions that were abandoned.
     */
    void (*abandon)(void *arg, int rc);
    uint64_t reserved[3];
} weft_blocking_options;

/*
 * weft_blocking() on a thread of `pool`, NULL: the runtime's own, with options, which may be NULL. Also returns
 *   WEFT_EFULL      as many calls wait in the queue of `pool` as it takes
 *   WEFT_ECLOSED    `pool` is being destroyed
 *   WEFT_ENOMEM     with `abandon`: no memory to remember the call by
 *   WEFT_EINVAL     a reserved word is set
 */
WEFT_API WEFT_CHECK int weft_blocking_with(weft_pool *pool, weft_fn fn, void *arg, const weft_blocking_options *options)
    WEFT_NONNULL(2);

/*
 * Runs `fn(arg)` on the calling task's own stack, while its worker goes on with other tasks: for code that blocks now and then deep
 * inside of a call, or that keeps pointers to what is above it on the stack. The task moves to a thread of the runtime's pool,
 * runs `fn` there, outside of any task as above, and comes back to a worker. So thread-locals, errno among them, are other ones inside
 * than before and after, and the stack is no larger than the task's.
 * Returns as weft_blocking() does, and WEFT_EINVAL in a pinned task, which must not leave its thread. Suspends; task only.
 */
WEFT_API WEFT_CHECK int weft_block_in_place(weft_fn fn, void *arg) WEFT_NONNULL(1);

/* Pools of one's own: for work of one kind that is to be limited, or is not to wait behind others. */
typedef struct weft_pool_options {
    unsigned threads; /* the most at a time; 0: 512 */
    unsigned idle_ms; /* a thread that has had nothing to do for so long ends; 0: 10,000 */
    size_t queue;     /* the most calls that wait for a thread, beyond which they return WEFT_EFULL; 0: no limit */
    const char *name; /* of the threads, with a number behind; the first 10 bytes are copied; NULL: "weft-block" */
    uint64_t reserved[4];
} weft_pool_options;

/* Makes a pool, without a thread yet, and stores it in `*out`. Tasks of any runtime may use it, several at a time. Returns 0, or
 * WEFT_ENOMEM, WEFT_EINVAL (a reserved word that is set), and then `*out` is NULL. The caller owns it. `options` may be NULL. Callable
 * anywhere. Does not suspend. */
WEFT_API WEFT_CHECK int weft_pool_create(weft_pool **out, const weft_pool_options *options) WEFT_NONNULL(1);

/* Waits until all that was called has ended, what is still queued included, ends the threads and frees the pool. Calls that
 * come meanwhile return WEFT_ECLOSED; none may come after it (undefined). A task suspends, and is not
 * cut short; a thread blocks. Not for threads of the pool itself (undefined). Takes NULL. */
WEFT_API void weft_pool_destroy(weft_pool *pool);

WEFT_END_DECLS

#endif
