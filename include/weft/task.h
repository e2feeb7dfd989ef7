/* SPDX-License-Identifier: MIT */
/*
 * Tasks. A task is a function that runs on a coroutine stack; it belongs to exactly one group (weft/group.h), or, detached, to the
 * runtime itself, and ends when its function returns. Its result is a code, and whatever it wrote into its argument.
 *
 *     weft_spawn(g, fetch, &page);                        nothing is kept of it once it has ended
 *
 *     weft_task *t = weft_spawn_task(g, compute, &x, &(weft_task_options){.name = "compute"});
 *     rc = weft_task_join(t);                             a handle: joined, cancelled, asked; kept until it is released
 *     weft_task_release(t);
 *
 *     rc = weft_start(g, serve, &server, NULL);           returns once the server has called weft_ready(), or with its error
 *     rc = weft_spawn_detached(log_writer, &log, NULL);   lives until the runtime ends
 */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/error.h>
#include <weft/runtime.h>

WEFT_BEGIN_DECLS

typedef struct weft_group weft_group;

/*
 * Starts `fn(arg)` as a task of the group `g`. 0 promises that `fn` is entered exactly once, even when the group is
 * cancelled first (its blocking calls then return WEFT_ECANCELED): what the caller handed over in `arg` is the
 * task's to release. After any other code `fn` is not entered and the caller keeps `arg`:
 *   WEFT_ECANCELED  the group is being cancelled; not counted as an error of the group
 *   WEFT_ENOMEM     no memory for a task or a stack, or `g` is NULL; the group fails with this code
 *   WEFT_EMAPLIMIT  no stack: before Linux 6.13 each costs two memory mappings, of which vm.max_map_count allows 65,530 by
 *                   default; the group fails with this code. A stack is kept until the runtime ends, so it is the tasks
 *                   alive at once that count
 *   WEFT_ENOTASK    called outside of a task
 * The code may be ignored: weft_group_wait() reports it. It waits for nothing, but a task that has held its thread for long
 * lets others run here first, as weft_yield() does: so hold no pthread mutex.
 * `g` must be open for the time of the call: a group of the calling task, the one that it lives in (also while the owner
 * waits), or one further out that its own group lies in. Otherwise the behaviour is undefined.
 */
WEFT_API int weft_spawn(weft_group *g, weft_fn fn, void *arg) WEFT_NONNULL(2);

/* How soon a task that is ready has its turn, beside others of its worker. Of 16 turns that all levels want, some 9 go to
 * high, 4 to normal and 1 to low, the rest to pinned tasks, so none waits for ever. No order is promised among workers. */
enum weft_priority { WEFT_PRIORITY_LOW = -1, WEFT_PRIORITY_NORMAL = 0, WEFT_PRIORITY_HIGH = 1 };

/* What is kept of a task's name: as many bytes, and a zero. */
#define WEFT_NAME_MAX 31

typedef struct weft_task_options {
    const char *name;  /* for people, in reports and lists; copied, up to WEFT_NAME_MAX bytes; NULL: none */
    size_t stack_size; /* bytes that the task may count on; 0: the runtime's default. At most 64 MiB */
    int priority;      /* enum weft_priority */
    /* Once it has begun it stays on its thread: for libraries that keep state in thread-locals. A thread that is blocked by another
     * task holds it up. */
    bool pinned;
    uint64_t reserved[4];
} weft_task_options;

/* weft_spawn() with options, which may be NULL. Also returns
 *   WEFT_EINVAL     a stack of more than 64 MiB, no such priority, a reserved word that is set; not an error of the group
 *   WEFT_EMAPLIMIT  no more stacks can be guarded; the group fails with this code */
WEFT_API int weft_spawn_with(weft_group *g, weft_fn fn, void *arg, const weft_task_options *options) WEFT_NONNULL(2);

/* The largest argument that is copied. */
#define WEFT_COPY_MAX 56

/* weft_spawn_with() of a task that gets a copy of the `size` bytes at `arg`: they lie in the task's record, aligned for any type,
 * and are the task's to write to until it ends. Also returns WEFT_EINVAL when there are more than WEFT_COPY_MAX bytes. */
WEFT_API int weft_spawn_copy(weft_group *g, weft_fn fn, const void *arg, size_t size, const weft_task_options *options)
    WEFT_NONNULL(2, 3);

/*
 * Starts `fn(arg)` as a task that belongs to the runtime: nobody waits for it but the runtime's end, which cancels it. Its error goes
 * to the runtime's on_error at once, and so does, at the end of the runtime, that it was still running and had to be cancelled. It inherits
 * the caller's task-locals, but not its cancellation. Returns 0, or as weft_spawn_with(), or WEFT_ECLOSED: the runtime is ending.
 * Task only (weft_runtime_spawn() is for threads); does not suspend otherwise than weft_spawn().
 */
WEFT_API int weft_spawn_detached(weft_fn fn, void *arg, const weft_task_options *options) WEFT_NONNULL(1);

/*
 * Starts `fn(arg)` as a task of `g` and waits until it calls weft_ready(): for a server that has to bind its port before its clients
 * begin. Returns
 *   0                once the task is ready; from then on it is a child like any other
 *   its code         it ended first, with an error. The caller has it, so the group does not fail
 *   WEFT_ENOTREADY   it ended without an error, but never was ready
 *   WEFT_ECANCELED   the caller was cancelled first: then the task has been cancelled, has ended, and did not fail the group
 *   as weft_spawn_with(): it was not entered
 * Suspends; task only.
 */
WEFT_API WEFT_CHECK int weft_start(weft_group *g, weft_fn fn, void *arg, const weft_task_options *options)
    WEFT_NONNULL(2);

/* The calling task, started by weft_start(), is ready. Returns 0, WEFT_ECANCELED: the starter has given up, WEFT_EINVAL: called before, or not
 * by a task that was started so; WEFT_ENOTASK. Does not suspend. */
WEFT_API int weft_ready(void);

/*
 * Handles. A handle keeps what is known of a task until it is released, whether the task has ended or not; releasing it
 * neither cancels the task nor waits for it. Each of these may be called from any task or thread that knows the handle not to be released
 * meanwhile; it must be released before the runtime ends. NULL, what a refused spawn returns, is taken by all of them.
 */
typedef struct weft_task weft_task;

/* weft_spawn_with() that returns a handle of the task, or NULL where weft_spawn_with() returns a code. */
WEFT_API WEFT_CHECK weft_task *weft_spawn_task(weft_group *g, weft_fn fn, void *arg, const weft_task_options *options)
    WEFT_NONNULL(2);

/*
 * Waits until the task has ended. Several may. A task that fails fails its group, whether somebody joins it or not. Returns
 *   its code, 0 or more or its error
 *   WEFT_ETASKCANCELED  that task was cancelled (it returned WEFT_ECANCELED)
 *   WEFT_ECANCELED      the caller is cancelled; the task goes on
 *   WEFT_EDEADLK        it is the calling task
 *   WEFT_ENOMEM         `t` is NULL (WEFT_ECANCELED where the caller is cancelled)
 *   WEFT_ENOTASK        called outside of a task
 * Suspends; task only.
 */
WEFT_API int weft_task_join(weft_task *t);

/* Gives the handle up. */
WEFT_API void weft_task_release(weft_task *t);

/* Cancels the task, and what it waits for, but not its siblings; that it then returns WEFT_ECANCELED is no failure of its group.
 * Idempotent; a no-op once it has ended. Returns 0, or WEFT_ENOMEM for NULL. Does not suspend. */
WEFT_API int weft_task_cancel(weft_task *t);

enum weft_task_state {
    WEFT_TASK_NEW,     /* not begun yet */
    WEFT_TASK_RUNNING, /* begun; it may be waiting for something */
    WEFT_TASK_DONE,    /* its function has returned */
};

/* WEFT_TASK_DONE for NULL. */
WEFT_API enum weft_task_state weft_task_state(const weft_task *t);

/* The code of a task that has ended; WEFT_EBUSY: it has not; WEFT_ENOMEM for NULL. */
WEFT_API int weft_task_code(const weft_task *t);

/* The argument that the task was spawned with; NULL for NULL. */
WEFT_API void *weft_task_arg(const weft_task *t);

/* What the task gave to weft_task_set_result(), once it has ended; NULL before that. Whose it is, is between the two. */
WEFT_API void *weft_task_result(const weft_task *t);

/* Why the task was cancelled by weft_task_cancel(); WEFT_REASON_NONE: it was not, by that. */
WEFT_API enum weft_reason weft_task_reason(const weft_task *t);

/* Leaves a result for those who have a handle of the calling task. Returns 0, or WEFT_EINVAL: the task was spawned without a handle;
 * WEFT_ENOTASK. Does not suspend. */
WEFT_API int weft_task_set_result(void *result);

/* The calling task. */

/* A number for the calling task that no other task of its runtime has, before 2^32 others have used its record; 0 outside
 * of a task. Does not suspend. */
WEFT_API uint64_t weft_task_id(void);

/* The name that the calling task was given, valid until it ends; NULL: none, or outside of a task. Does not suspend. */
WEFT_API const char *weft_task_name(void);

/* Lets the other tasks that are ready run first. Returns 0, or WEFT_ECANCELED, WEFT_ENOTASK. Suspends; task only. */
WEFT_API int weft_yield(void);

/* True when the calling task's scope is cancelled, so that the next checkpoint will say so: for long
 * computations. False outside of a task. Does not suspend. */
WEFT_API bool weft_canceled(void);

/* All tasks. */

typedef struct weft_task_info {
    uint64_t id;                  /* as weft_task_id() */
    weft_fn fn;                   /* what it runs */
    bool waiting;                 /* suspended until something happens; else it runs, or waits for its turn */
    char name[WEFT_NAME_MAX + 1]; /* empty: none */
    uint64_t reserved[2];
} weft_task_info;

/* Fills in `out`, of `capacity` entries, with the tasks of `rt` that are alive, in no order, and returns how many there are, which may be
 * more. What begins or ends meanwhile may or may not be there; each entry is of one task. Callable from any thread while `rt` lives.
 * Looks at every record that was ever in use. Does not suspend. */
WEFT_API size_t weft_tasks(weft_runtime *rt, weft_task_info *out, size_t capacity) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
