/* SPDX-License-Identifier: MIT */
/*
 * A checker of linearisability. A test records what its tasks did to an object, and when:
 *
 *     struct linear_op *op = linear_invoke(h, (struct linear_op){.kind = LINEAR_SEND, .arg = item});
 *     linear_return(h, op, weft_chan_send(c, &item), 0);
 *
 * and linear_check() looks for an order of the operations that a sequential model of the object agrees with, and in which none comes
 * after one that was invoked only when it had returned. After Wing and Gong, "Testing and Verifying Concurrent Objects"
 * (1993), with the memory of Lowe, "Testing for linearizability" (2016): what follows depends only on which operations are
 * placed and on the state they lead to, so each such pair is looked at once.
 *
 * An operation that was cancelled must not have happened: it has no place in the order, and what it did nevertheless is missed by the
 * others. One that has not returned may have happened or not.
 */
#ifndef WEFT_TESTS_LINEAR_LINEAR_H
#define WEFT_TESTS_LINEAR_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINEAR_OPS = 128 };      /* in one history */
#define LINEAR_NEVER UINT32_MAX /* has not returned */

struct linear_op {
    uint32_t invoked, returned; /* moments, all different */
    uint16_t thread, object;
    int kind, arg;
    int result, value; /* what it returned, and stored */
};

struct linear_history {
    _Atomic uint32_t clock, count;
    struct linear_op ops[LINEAR_OPS];
};

struct linear_state {
    uint64_t words[24]; /* zeroed at first; equal states are equal byte by byte */
};

struct linear_model {
    const char *const *kinds; /* their names */
    unsigned parameter;       /* a capacity, a number of permits */
    void (*begin)(struct linear_state *s, unsigned parameter);
    /* Makes the step that `op` is, with the outcome that it had, or any that it may have where it has not returned. False: from
     * this state it can have no such outcome; then the state may be anything. */
    bool (*step)(struct linear_state *s, const struct linear_op *op, unsigned parameter);
    bool (*ends)(const struct linear_state *s); /* whether a history may end there; NULL: anywhere */
};

/* Recording. Any number of threads; each operation is returned by the one that invoked it. */
void linear_reset(struct linear_history *h);
struct linear_op *linear_invoke(struct linear_history *h, struct linear_op op);
void linear_return(struct linear_history *h, struct linear_op *op, int result, int value);

/* Whether the history is linearisable. What was recorded must be seen by the caller. */
bool linear_check(const struct linear_history *h, const struct linear_model *m);

/* Fails the test, showing the history, where it is not. */
void linear_expect(const struct linear_history *h, const struct linear_model *m, uint32_t seed);

#endif
