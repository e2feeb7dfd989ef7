/* SPDX-License-Identifier: MIT */
/*
 * The runtime: worker threads that run tasks, and one driver thread that watches over them.
 *
 * Most programs call weft_main() or weft_run() once and never see a weft_runtime. The explicit form is for
 * programs that keep a runtime beside other work; several may live in one process.
 *
 * Signals: weft_run(), weft_run_with() and weft_main() handle SIGINT while they run: the first cancels every task,
 * a second one kills the process as usual; the former handler is restored before they return. An explicit runtime
 * does not handle it. The threads of a runtime block all signals but those that a fault raises. SIGPIPE never
 * comes from weft's writes: they return WEFT_EPIPE.
 * While any runtime lives, a handler of SIGSEGV and SIGBUS tells a stack overflow of a task from other faults, and prints which
 * task it was and how large its stack is on stderr. Then, and at once for any other fault, it does what would have happened
 * without it: calls the former handler, or lets the default one kill the process at the instruction that faulted. The first
 * runtime installs it, the last restores the former handlers. A handler that the program installs on top stays, and may
 * call ours. no_fault_handler leaves both signals alone.
 *
 * fork: a child has the forking thread only, so no runtime of the parent, nor anything that belongs to one (channels,
 * streams, groups), may be used or destroyed there. The parent goes on as if nothing had happened.
 *   - Forked by a task, or by another thread of a runtime: the child may call exec or _exit, and only what is safe in a signal
 *     handler before that.
 *   - Forked by any other thread: the child may also have runtimes of its own, as if weft had never been used. SIGINT does
 *     there what it did before the parent's weft_run() until the child calls weft_run() itself.
 * The child shares the parent's open descriptors: what the parent closes stays open until the child has ended or called exec
 * (all descriptors of weft are closed by exec), so a peer may wait that long for the end of a stream.
 */
#ifndef WEFT_RUNTIME_H
#define WEFT_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/error.h>

WEFT_BEGIN_DECLS

/* What a task runs: 0 or a negative code. */
typedef int (*weft_fn)(void *arg);

typedef struct weft_runtime weft_runtime;

typedef void weft_error_fn(const weft_error *error, void *arg);

/* The largest number of workers that may be asked for. */
#define WEFT_WORKERS_MAX 1024

typedef struct weft_runtime_options {
    unsigned workers;          /* worker threads; 0: the environment's WEFT_WORKERS, or else weft_cpus() */
    size_t stack_size;         /* bytes that every task may count on; 0: 64 KiB. Rounded up; at most 8 MiB */
    bool no_fault_handler;     /* leave SIGSEGV and SIGBUS alone */
    bool debug;                /* report misuse, see below; also set by WEFT_DEBUG=1 in the environment */
    unsigned blocking_threads; /* the most threads for weft_blocking() at a time; 0: 512 */
    unsigned blocking_idle_ms; /* those that have had nothing to do for so long end; 0: 10,000 */

    /* Told of errors that nobody else gets: those of detached tasks, and those that a group does not keep. On any thread of the
     * runtime, maybe on several at a time; it must not suspend, and be content with 16 KiB of stack. NULL: prints a line on stderr, for the first
     * hundred. */
    weft_error_fn *on_error;
    void *on_error_arg; /* its second argument */
    uint64_t reserved[2];
} weft_runtime_options;

/* What debug reports, a line each on stderr, is no error but hardly meant: groups and scopes that a task has left open, or closes when
 * they are closed already, loops that try again and again although they are cancelled, and misuse
 * of locks, semaphores and their kin, as their headers say. */

/* The CPUs that this process may use: its affinity mask, cut by the CPU quota of its cgroup (v1 and v2, rounded
 * up); at least 1. Callable anywhere. */
WEFT_API unsigned weft_cpus(void);

/*
 * Runs `fn(arg)` as a task on a runtime of its own, waits until it and every task that it left have ended, and
 * returns its code. Blocks the calling thread; not for tasks.
 *   WEFT_EDEADLK   called from a task or another thread of a runtime
 *   WEFT_EINVAL    more than WEFT_WORKERS_MAX workers, a stack of more than 8 MiB, a reserved word that is set
 *   WEFT_ENOMEM, WEFT_EAGAIN, WEFT_EMFILE, ...   no memory, threads or descriptors for the runtime
 *   WEFT_EMAPLIMIT too many memory mappings, see weft_spawn()
 *   WEFT_ECANCELED SIGINT came and the task ended with this code
 */
WEFT_API WEFT_CHECK int weft_run(weft_fn fn, void *arg) WEFT_NONNULL(1);
WEFT_API WEFT_CHECK int weft_run_with(weft_fn fn, void *arg, const weft_runtime_options *options) WEFT_NONNULL(1);

/* weft_run() for main(): returns an exit status. 0 becomes 0; WEFT_ECANCELED after SIGINT becomes 130; any other
 * code is printed on stderr as text and becomes 1. */
WEFT_API WEFT_CHECK int weft_main(weft_fn fn, void *arg) WEFT_NONNULL(1);

/* Starts a runtime and stores it in `*out`. Returns 0 or a code as weft_run() does; then `*out` is NULL and nothing
 * is left behind. Callable from any thread that is not a runtime's (WEFT_EDEADLK). The caller owns the runtime. */
WEFT_API WEFT_CHECK int weft_runtime_create(weft_runtime **out, const weft_runtime_options *options) WEFT_NONNULL(1);

/* Runs `fn(arg)` as a task of `rt` and blocks the calling thread until it has ended. Returns its code, or WEFT_ENOMEM,
 * WEFT_EMAPLIMIT, WEFT_EDEADLK (called from a runtime's thread), WEFT_ECLOSED (`rt` has been stopped). Several threads may
 * do this at once. */
WEFT_API WEFT_CHECK int weft_runtime_run(weft_runtime *rt, weft_fn fn, void *arg) WEFT_NONNULL(1, 2);

/* Starts `fn(arg)` as a detached task of `rt`, as weft_spawn_detached() does: nobody waits for it but weft_runtime_destroy(), and its error
 * goes to on_error. Returns 0, and then `fn` is entered exactly once, or WEFT_ECLOSED (`rt` has been stopped), WEFT_ENOMEM, WEFT_EMAPLIMIT. Callable from any thread, and
 * from tasks of any runtime, for as long as `rt` lives. Does not suspend. */
WEFT_API int weft_runtime_spawn(weft_runtime *rt, weft_fn fn, void *arg) WEFT_NONNULL(1, 2);

/* Cancels every task of `rt`; later calls of weft_runtime_run() and weft_runtime_spawn() return WEFT_ECLOSED. Idempotent. Callable from any
 * thread, and from tasks. */
WEFT_API void weft_runtime_stop(weft_runtime *rt) WEFT_NONNULL(1);

/* Stops `rt`, waits for its tasks and threads and frees it. No weft_runtime_run() of another thread may be under
 * way. Takes NULL. Not for threads of a runtime (undefined). */
WEFT_API void weft_runtime_destroy(weft_runtime *rt);

/* The number of worker threads. Callable anywhere while `rt` lives. */
WEFT_API unsigned weft_runtime_workers(const weft_runtime *rt) WEFT_NONNULL(1);

/* The runtime of the calling task; NULL outside of one. Not owned by the caller. */
WEFT_API weft_runtime *weft_runtime_current(void);

WEFT_END_DECLS

#endif
