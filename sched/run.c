/* SPDX-License-Identifier: MIT */
/* weft_run() and its kin: a runtime for the time of one call, and SIGINT. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>
#include <weft/runtime.h>

#include "sched/runtime.h"

/* A signal handler has no argument. The first of several concurrent weft_run() calls gets the signal. */
static _Atomic(weft_runtime *) interrupt_target;

static void on_sigint(int signal)
{
    weft_runtime *rt = A_LOAD(&interrupt_target, acquire);

    (void)signal;
    if (rt != NULL)
        weft__runtime_interrupt(rt);
}

/* True when SIGINT was taken over: it was not ignored, as it is for a shell's background jobs, and nobody else has it. */
static bool catch_sigint(weft_runtime *rt, struct sigaction *old)
{
    struct sigaction act;
    weft_runtime *none = NULL;

    if (sigaction(SIGINT, NULL, old) < 0 || (!(old->sa_flags & SA_SIGINFO) && old->sa_handler == SIG_IGN))
        return false;
    if (!A_CAS(&interrupt_target, &none, rt, release, relaxed))
        return false;
    memset(&act, 0, sizeof act);
    act.sa_handler = on_sigint;
    act.sa_flags = SA_RESTART | (int)SA_RESETHAND; /* a second one finds the default, and kills */
    (void)sigaction(SIGINT, &act, NULL);
    return true;
}

static void release_sigint(const struct sigaction *old)
{
    (void)sigaction(SIGINT, old, NULL);
    A_STORE(&interrupt_target, NULL, release);
}

int weft_run_with(weft_fn fn, void *arg, const weft_runtime_options *options)
{
    weft_runtime *rt;
    struct sigaction old;
    bool caught;
    int rc = weft_runtime_create(&rt, options);

    if (rc < 0)
        return rc;
    caught = catch_sigint(rt, &old);
    rc = weft_runtime_run(rt, fn, arg);
    if (caught)
        release_sigint(&old);
    weft_runtime_destroy(rt);
    return rc;
}

int weft_run(weft_fn fn, void *arg)
{
    return weft_run_with(fn, arg, NULL);
}

int weft_main(weft_fn fn, void *arg)
{
    int rc = weft_run(fn, arg);

    if (rc == WEFT_ECANCELED)
        return 128 + SIGINT;
    if (rc < 0) {
        (void)fprintf(stderr, "weft: %s\n", weft_strerror(rc));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
