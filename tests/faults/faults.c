/* SPDX-License-Identifier: MIT */
/*
 * Planted faults: tests that are wrong on purpose. tests/faults/check.py demands that each is reported as a failure by
 * every build that can see it, and that the two tests without a fault are not. Nothing here needs the library.
 */
#include "tests/support/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void *volatile sink;

WEFT_TEST(sound, passes)
{
    CHECK_EQ(1 + 1, 2);
}

WEFT_TEST(sound, frees_what_it_allocates)
{
    sink = malloc(100);
    free(sink);
    sink = NULL;
}

WEFT_TEST(fault, failed_check_at_once)
{
    int one = 1;
    CHECK_EQ(one, 2);
}

static void *failed_check_body(void *arg)
{
    CHECK_STR_EQ(arg, "right");
    return NULL;
}

WEFT_TEST(fault, failed_check_on_a_thread)
{
    static char wrong[] = "wrong";
    pthread_t thread;
    CHECK_OK(pthread_create(&thread, NULL, failed_check_body, wrong));
    CHECK_OK(pthread_join(thread, NULL));
}

/* A runtime's threads block signals; the report must get through all the same. */
WEFT_TEST(fault, failed_check_with_signals_blocked)
{
    sigset_t all;
    sigfillset(&all);
    CHECK_OK(pthread_sigmask(SIG_BLOCK, &all, NULL));
    signal(SIGABRT, SIG_IGN);
    CHECK(sink != NULL);
}

WEFT_TEST(fault, crash)
{
    raise(SIGSEGV);
}

WEFT_TEST(fault, exit_in_the_middle_with_handlers)
{
    exit(0);
}

WEFT_TEST(fault, exit_in_the_middle_past_handlers)
{
    _exit(0);
}

WEFT_TEST(fault, endless)
{
    for (;;)
        pause();
}

static __attribute__((noinline)) void lose_memory(void)
{
    sink = malloc(100);
    sink = NULL;
}

WEFT_TEST(fault, leak)
{
    lose_memory();
    /* Overwrites what the calls left of the pointer in registers and below the stack's top. */
    for (int i = 0; i < 20; i++) {
        sink = malloc(200);
        free(sink);
    }
    sink = NULL;
}

WEFT_TEST(fault, use_after_free)
{
    volatile char *p = malloc(16);
    CHECK(p != NULL);
    free((void *)p);
    p[3] = 1;
}

/* Many accesses: of two at the very same moment the detector may see only one. */
static volatile int racy;

static void *race_body(void *arg)
{
    for (int i = 0; i < 10000; i++)
        racy = racy + 1;
    return arg;
}

WEFT_TEST(fault, race)
{
    pthread_t a, b;
    CHECK_OK(pthread_create(&a, NULL, race_body, NULL));
    CHECK_OK(pthread_create(&b, NULL, race_body, NULL));
    CHECK_OK(pthread_join(a, NULL));
    CHECK_OK(pthread_join(b, NULL));
    CHECK_GT(racy, 0);
}
