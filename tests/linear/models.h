/* SPDX-License-Identifier: MIT */
/* The sequential models. */
#ifndef WEFT_TESTS_LINEAR_MODELS_H
#define WEFT_TESTS_LINEAR_MODELS_H

#include "tests/linear/linear.h"

/*
 * Two channels, the objects 0 and 1. Items are numbers up to 65535. A select is recorded as the operation that happened: its kind and
 * object are set before linear_return().
 *
 * Without a buffer a send and its receive take place at one moment, that of which the order has them side by side: both must be under
 * way then, and one of them must be of those that wait. A try that finds nobody is always right there: the order does not show
 * who waits.
 */
enum { LINEAR_SEND, LINEAR_RECV, LINEAR_TRY_SEND, LINEAR_TRY_RECV, LINEAR_CLOSE, LINEAR_NONE_READY };

#define LINEAR_UNBOUNDED 255u
#define LINEAR_CAPACITIES(a, b) ((unsigned)(a) | (unsigned)(b) << 8) /* the parameter; each at most 32 */

/* The argument of LINEAR_NONE_READY, a select's default case: which of its cases there were. */
#define LINEAR_CASE_SEND(object) (1 << (object))
#define LINEAR_CASE_RECV(object) (4 << (object))

extern const struct linear_model linear_channels;

/* A mutex, with the thread that owns it. The parameter is not used. */
enum { LINEAR_LOCK, LINEAR_TRY_LOCK, LINEAR_UNLOCK };

extern const struct linear_model linear_mutex;

/* A semaphore. The parameter is the number of permits at first. The order does not show who waits: a try that may have failed for
 * that has LINEAR_MAY_FAIL as its value. */
enum { LINEAR_ACQUIRE, LINEAR_TRY_ACQUIRE, LINEAR_RELEASE };
enum { LINEAR_MAY_FAIL = 1 };

extern const struct linear_model linear_semaphore;

#endif
