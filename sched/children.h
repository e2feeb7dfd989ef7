/* SPDX-License-Identifier: MIT */
/*
 * Everybody's count of a group's children, `pending` in scope.h: the steps on that word, apart from the records, so that the
 * model tests can take them alone.
 *
 *      0 .. n, or below 0      the owner does not wait: (spawns by others) - (ends of children that it did not run itself)
 *      WAITING + n, n > 0      the owner waits for n children
 *
 * The decrement that would leave WAITING leaves 0 instead: its thread is the one that wakes the owner. To the group it is the last
 * access, of every child: an owner that sees 0, or that is woken, may free it.
 */
#ifndef WEFT_SCHED_CHILDREN_H
#define WEFT_SCHED_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/atomic.h"

#define WEFT__GROUP_WAITING ((int64_t)1 << 40)

/* Another than the owner spawns. Before the child is to be seen. */
static inline void weft__children_add(_Atomic int64_t *pending)
{
    A_ADD(pending, 1, relaxed); /* relaxed: the spawner is itself a child that is still counted */
}

/* A child has ended. True: the owner waits for nothing else, and the caller is to wake it. */
static inline bool weft__children_end(_Atomic int64_t *pending)
{
    int64_t n = A_LOAD(pending, relaxed), left; /* relaxed: only compared */

    /* One step, not a decrement and a look: a spawn by others in between would make two wakers. acq_rel: the last child hands on
     * what all of them wrote. */
    do
        left = n == WEFT__GROUP_WAITING + 1 ? 0 : n - 1;
    while (!A_CAS_WEAK(pending, &n, left, acq_rel, relaxed));
    return n == WEFT__GROUP_WAITING + 1;
}

/* The owner, which knows of no child of its own: whether none of others is left. */
static inline bool weft__children_gone(_Atomic int64_t *pending)
{
    return A_LOAD(pending, acquire) == 0; /* pairs with the swap in weft__children_end() */
}

/* The owner, which knows of `left` children: whether all of them have ended, and those of others. Then the count begins anew. */
static inline bool weft__children_settled(_Atomic int64_t *pending, int64_t left)
{
    if (A_LOAD(pending, acquire) + left != 0) /* as in weft__children_gone() */
        return false;
    A_STORE(pending, 0, relaxed); /* relaxed: nobody else is left */
    return true;
}

/* The owner begins to wait, and adds what it alone knows. True: there are children, the last one of which wakes it. */
static inline bool weft__children_wait(_Atomic int64_t *pending, int64_t left)
{
    int64_t n = A_LOAD(pending, relaxed), sum; /* relaxed: only compared */

    /* acq_rel: see what those that have ended wrote; a child that wakes the owner sees that it is armed */
    do
        sum = n + left;
    while (!A_CAS_WEAK(pending, &n, sum == 0 ? 0 : sum + WEFT__GROUP_WAITING, acq_rel, relaxed));
    return sum != 0;
}

#endif
