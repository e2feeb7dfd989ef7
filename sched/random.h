/* SPDX-License-Identifier: MIT */
#ifndef WEFT_SCHED_RANDOM_H
#define WEFT_SCHED_RANDOM_H

#include <stdint.h>

/* The number that follows `x`, both other than 0: Marsaglia, "Xorshift RNGs" (2003). */
static inline uint32_t weft__xorshift(uint32_t x)
{
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

#endif
