/* SPDX-License-Identifier: MIT */
/* What tests that run the runtime share. */
#ifndef WEFT_TESTS_SUPPORT_SUPPORT_H
#define WEFT_TESTS_SUPPORT_SUPPORT_H

#include <weft.h>

#include "tests/support/test.h"

/* The number of workers to test with: the environment's WEFT_TEST_WORKERS, 2 without it. */
unsigned test_workers(void);

/* A deadline that is near, but not so near that it passes while the test still arranges what is to wait for it, be it
 * under an emulator that meets each instruction for the first time. */
weft_time test_soon(void);

/* Whether valgrind runs this process. */
bool test_under_valgrind(void);

/* Runs `fn(arg)` as the first task of a runtime with that number of workers, and returns what weft_run_with() does. */
int test_run(weft_fn fn, void *arg);

#endif
