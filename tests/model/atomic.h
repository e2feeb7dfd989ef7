/* SPDX-License-Identifier: MIT */
/* Takes the place of the macros of sched/atomic.h (WEFT_ATOMIC_SEAM): every access goes to the model of memory. */
#ifndef WEFT_TESTS_MODEL_ATOMIC_H
#define WEFT_TESTS_MODEL_ATOMIC_H

#include "tests/model/memory.h"

/* The type of what `p` points to, without _Atomic and const. */
#define MODEL__TYPE(p) __typeof__((void)0, *(p))
#define MODEL__SITE(text)                                                                                              \
    (__extension__({                                                                                                   \
        static const struct model_site model_site = {__FILE__, __LINE__, text};                                        \
        &model_site;                                                                                                   \
    }))
/* Where a model asks for it, with a fence on both sides, as on x86-64. */
#ifdef MODEL_RMW_IS_FENCE
#define A_RMW_IS_FENCE 1
#define MODEL__FENCED(rmw)                                                                                             \
    (__extension__({                                                                                                   \
        model_fence();                                                                                                 \
        __typeof__(rmw) model_result = (rmw);                                                                          \
        model_fence();                                                                                                 \
        model_result;                                                                                                  \
    }))
#else
#define MODEL__FENCED(rmw) (rmw)
#endif

#define MODEL__RMW(p, op, v, order, text)                                                                              \
    ((MODEL__TYPE(p))MODEL__FENCED(model_rmw((uintptr_t)(p), sizeof *(p), op, (uint64_t)(MODEL__TYPE(p))(v),           \
                                             memory_order_##order, MODEL__SITE(text))))
#define MODEL__CAS(p, expected, v, weak, order, failure, text)                                                         \
    MODEL__FENCED(model_cas((uintptr_t)(p), sizeof *(p), (expected), (uint64_t)(MODEL__TYPE(p))(v), weak,              \
                            memory_order_##order, memory_order_##failure, MODEL__SITE(text)))

#define A_LOAD(p, order)                                                                                               \
    ((MODEL__TYPE(p))model_load((uintptr_t)(p), sizeof *(p), memory_order_##order, MODEL__SITE(#p)))
#define A_STORE(p, v, order)                                                                                           \
    model_store((uintptr_t)(p), sizeof *(p), (uint64_t)(MODEL__TYPE(p))(v), memory_order_##order, MODEL__SITE(#p))
#define A_XCHG(p, v, order) MODEL__RMW(p, MODEL_XCHG, v, order, #p)
#define A_ADD(p, v, order) MODEL__RMW(p, MODEL_ADD, v, order, #p)
#define A_SUB(p, v, order) MODEL__RMW(p, MODEL_SUB, v, order, #p)
#define A_OR(p, v, order) MODEL__RMW(p, MODEL_OR, v, order, #p)
#define A_AND(p, v, order) MODEL__RMW(p, MODEL_AND, v, order, #p)
#define A_CAS(p, expected, v, order, failure) MODEL__CAS(p, expected, v, false, order, failure, #p)
#define A_CAS_WEAK(p, expected, v, order, failure) MODEL__CAS(p, expected, v, true, order, failure, #p)

/* No place to switch at: it is only a number to others. */
#define A_BUMP_BY(p, n) (model_quiet(true), A_STORE((p), A_LOAD((p), relaxed) + (n), relaxed), model_quiet(false))
#define A_COMPILER_FENCE() ((void)0) /* the model does what it is told, in order */

#endif
