/* SPDX-License-Identifier: MIT */
/* The arithmetic of back-off, apart from clock and chance, so that it can be tested alone. */
#ifndef WEFT_SCHED_RETRY_H
#define WEFT_SCHED_RETRY_H

#include <weft/retry.h>

/* Fills in the defaults: 0 or WEFT_EINVAL. */
int weft__retry_settle(weft_retry_options *out, const weft_retry_options *in);

/* The wait after `cap` ms in nanoseconds, by a random number of 64 bits. */
int64_t weft__retry_wait_ns(double cap_ms, int jitter, uint64_t random);

/* The cap after this one. */
double weft__retry_next_cap(const weft_retry_options *o, double cap_ms);

#endif
