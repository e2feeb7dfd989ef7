/* SPDX-License-Identifier: MIT */
/* weft_run() and its kin: a runtime for the time of one call, and SIGINT. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/runtime.h>

#include "sched/runtime.h"

/* A signal handler has no argument. The first of several concurrent weft_run() calls gets the signal. A child of fork() finds
 * here what its parent left, so all of it counts for one process only. */
static _Atomic(weft_runtime *) interrupt_target;
static _Atomic unsigned handlers; /* that run */
static _Atomic pid_t process;
static struct sigaction former; /* what the target's weft_run() found; written by it alone */

static void on_sigint(int signal)
{
    int saved = errno;
    weft_runtime *rt;

    /* relaxed: it changes before the handler is installed, and at a fork() */
    if (A_LOAD(&process, relaxed) != getpid()) {
        /* The handler of the parent's: as if it had never been. */
        (void)sigaction(SIGINT, &former, NULL);
        (void)raise(signal);
        errno = saved;
        return;
    }
    /* seq_cst: count, then look; pairs with release_sigint(), which clears the target, then looks at the count */
    A_ADD(&handlers, 1, seq_cst);
    rt = A_LOAD(&interrupt_target, seq_cst);
    if (rt != NULL)
        weft__runtime_interrupt(rt);
    A_SUB(&handlers, 1, release);
    errno = saved;
}

/* In a child of fork(): lets go of what the parent held. */
static void forget_parent(void)
{
    weft_runtime *stale = A_LOAD(&interrupt_target, acquire);
    pid_t before = A_LOAD(&process, acquire);
    struct sigaction now;

    if (before == getpid() || !A_CAS(&process, &before, getpid(), acq_rel, relaxed) || before == 0)
        return;
    A_STORE(&handlers, 0, relaxed); /* relaxed, here and below: the threads that they were of are not here */
    if (stale != NULL) {
        if (sigaction(SIGINT, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == on_sigint)
            (void)sigaction(SIGINT, &former, NULL);
        (void)A_CAS(&interrupt_target, &stale, NULL, acq_rel, relaxed);
    }
}

/* True when SIGINT was taken over: it was not ignored, as it is for a shell's background jobs, and nobody else has it. */
static bool catch_sigint(weft_runtime *rt, struct sigaction *old)
{
    struct sigaction act;
    weft_runtime *none = NULL;

    forget_parent();
    /* Before the former handler is read: it must not be ours. */
    if (!A_CAS(&interrupt_target, &none, rt, acq_rel, relaxed))
        return false;
    memset(&act, 0, sizeof act);
    act.sa_handler = on_sigint;
    act.sa_flags = SA_RESTART | (int)SA_RESETHAND; /* a second one finds the default, and kills */
    if (sigaction(SIGINT, NULL, old) == 0) {
        former = *old; /* before the handler can run */
        (void)sigaction(SIGINT, &act, NULL);
        if ((old->sa_flags & SA_SIGINFO) || old->sa_handler != SIG_IGN)
            return true;
        (void)sigaction(SIGINT, old, NULL);
    }
    A_STORE(&interrupt_target, NULL, release);
    return false;
}

static void release_sigint(const struct sigaction *old)
{
    unsigned turns = 0;

    (void)sigaction(SIGINT, old, NULL);
    A_STORE(&interrupt_target, NULL, seq_cst);
    while (A_LOAD(&handlers, seq_cst) != 0) /* of other threads: they may hold the target */
        weft__spin(&turns);
}

/* Also stores whether SIGINT came. */
static int run(weft_fn fn, void *arg, const weft_runtime_options *options, bool *interrupted)
{
    weft_runtime *rt;
    struct sigaction old;
    bool caught;
    int rc = weft_runtime_create(&rt, options);

    *interrupted = false;
    if (rc < 0)
        return rc;
    caught = catch_sigint(rt, &old);
    rc = weft_runtime_run(rt, fn, arg);
    if (caught)
        release_sigint(&old);
    *interrupted = A_LOAD(&rt->interrupted, acquire);
    weft_runtime_destroy(rt);
    return rc;
}

int weft_run_with(weft_fn fn, void *arg, const weft_runtime_options *options)
{
    bool interrupted;

    return run(fn, arg, options, &interrupted);
}

int weft_run(weft_fn fn, void *arg)
{
    return weft_run_with(fn, arg, NULL);
}

int weft_main(weft_fn fn, void *arg)
{
    bool interrupted;
    int rc = run(fn, arg, NULL, &interrupted);

    if (rc == WEFT_ECANCELED && interrupted)
        return 128 + SIGINT;
    if (rc < 0) {
        (void)fprintf(stderr, "weft: %s\n", weft_strerror(rc));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
