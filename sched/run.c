/* SPDX-License-Identifier: MIT */
/* weft_run() and its kin: a runtime for the time of one call, and SIGINT. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>
#include <weft/runtime.h>

#include "sched/runtime.h"

/* A signal handler has no argument. The first of several concurrent weft_run() calls gets the signal. */
static _Atomic(weft_runtime *) interrupt_target;
static _Atomic unsigned handlers; /* that run */

static void on_sigint(int signal)
{
    int saved = errno;
    weft_runtime *rt;

    (void)signal;
    /* seq_cst: count, then look; pairs with release_sigint(), which clears the target, then looks at the count */
    A_ADD(&handlers, 1, seq_cst);
    rt = A_LOAD(&interrupt_target, seq_cst);
    if (rt != NULL)
        weft__runtime_interrupt(rt);
    A_SUB(&handlers, 1, release);
    errno = saved;
}

/* True when SIGINT was taken over: it was not ignored, as it is for a shell's background jobs, and nobody else has it. */
static bool catch_sigint(weft_runtime *rt, struct sigaction *old)
{
    struct sigaction act;
    weft_runtime *none = NULL;

    /* Before the former handler is read: it must not be ours. */
    if (!A_CAS(&interrupt_target, &none, rt, acq_rel, relaxed))
        return false;
    memset(&act, 0, sizeof act);
    act.sa_handler = on_sigint;
    act.sa_flags = SA_RESTART | (int)SA_RESETHAND; /* a second one finds the default, and kills */
    if (sigaction(SIGINT, &act, old) == 0) {
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
