/* SPDX-License-Identifier: MIT */
/* What the stress tests share. Each does a fixed amount of work, which takes some 50 ms in a release build. */
#ifndef WEFT_TESTS_SCHED_STRESS_H
#define WEFT_TESTS_SCHED_STRESS_H

#include "tests/sched/tasks.h"

/* The number of rounds of a loop: `n` in native builds, fewer where everything takes longer. */
#define ROUNDS(n) (TEST_TSAN ? (n) / 20 + 1 : TEST_ASAN ? (n) / 5 + 1 : (n))

/* Marsaglia, "Xorshift RNGs" (2003); `state` must not be 0. */
static inline uint32_t random_next(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* A few instructions up to some microseconds, so that what races meets at ever other places. */
static inline void random_pause(uint32_t *state)
{
    for (uint32_t i = random_next(state) % 512; i > 0; i--)
        __asm__ volatile("");
}

#endif
