/* SPDX-License-Identifier: MIT */
/*
 * The seam for atomics: every atomic access of sched/ and io/ is written with these, so that a model checker can
 * take their place: WEFT_ATOMIC_SEAM is the header that defines them instead. The order is spelled out at each use.
 */
#ifndef WEFT_SCHED_ATOMIC_H
#define WEFT_SCHED_ATOMIC_H

#include <stdatomic.h>

#ifdef WEFT_ATOMIC_SEAM
#include WEFT_ATOMIC_SEAM
#else

#define A_LOAD(p, order) atomic_load_explicit((p), memory_order_##order)
#define A_STORE(p, v, order) atomic_store_explicit((p), (v), memory_order_##order)
#define A_XCHG(p, v, order) atomic_exchange_explicit((p), (v), memory_order_##order)
#define A_ADD(p, v, order) atomic_fetch_add_explicit((p), (v), memory_order_##order)
#define A_SUB(p, v, order) atomic_fetch_sub_explicit((p), (v), memory_order_##order)
#define A_OR(p, v, order) atomic_fetch_or_explicit((p), (v), memory_order_##order)
#define A_AND(p, v, order) atomic_fetch_and_explicit((p), (v), memory_order_##order)
#define A_CAS(p, expected, v, order, failure)                                                                          \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_##order, memory_order_##failure)
#define A_CAS_WEAK(p, expected, v, order, failure)                                                                     \
    atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_##order, memory_order_##failure)

/* Keeps the compiler, and only it, from moving accesses across: for the cheap side of a handshake whose other side uses membarrier. */
#define A_COMPILER_FENCE() atomic_signal_fence(memory_order_seq_cst)

#endif

/* Whether a sequentially consistent read-modify-write is a fence for all accesses around it, as LOCK-prefixed instructions are. In C11 it is
 * not, so those who check the model do without. */
#ifndef A_RMW_IS_FENCE
#if defined(__x86_64__) && !defined(WEFT_SANITIZE_THREAD) && !defined(WEFT_ATOMIC_SEAM)
#define A_RMW_IS_FENCE 1
#else
#define A_RMW_IS_FENCE 0
#endif
#endif

/* A counter with one writer: no read-modify-write is needed, only that others may read it, as a number that orders nothing. */
#ifndef A_BUMP_BY
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(WEFT_SANITIZE_THREAD)
/* One instruction, which gcc does not make of the two accesses. They are on paths where each counts. */
#define A_BUMP_BY(p, n) __asm__("add%z0 %1, %0" : "+m"(*(p)) : "er"((__typeof__((void)0, *(p)))(n)) : "cc")
#else
#define A_BUMP_BY(p, n) A_STORE((p), A_LOAD((p), relaxed) + (n), relaxed)
#endif
#endif
#define A_BUMP(p) A_BUMP_BY((p), 1)

#endif
