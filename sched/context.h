/* SPDX-License-Identifier: MIT */
/*
 * Contexts: a place to suspend on and to go on from. A switch saves the registers that the ABI lets a callee keep; the
 * floating-point control words are not switched, so a task must restore what it changes in them before it suspends.
 *
 * The sanitizers hear of every switch here. context.c is compiled without TSan: a function that TSan saw enter on one
 * fiber and leave on another would corrupt its shadow stack.
 */
#ifndef WEFT_SCHED_CONTEXT_H
#define WEFT_SCHED_CONTEXT_H

#include <stddef.h>

#include "sched/platform.h"

#if (defined(__x86_64__) || defined(__aarch64__)) && defined(__LP64__) && defined(__linux__) && !defined(WEFT_UCONTEXT)
#define WEFT__CONTEXT_ASM 1
#else
#define WEFT__CONTEXT_ASM 0
#include <ucontext.h>
#endif

struct weft__context {
#if WEFT__CONTEXT_ASM
    void *sp; /* the saved registers lie on the stack, from here up */
#else
    ucontext_t uc;
#endif
#if WEFT__ASAN
    void *fake_stack;
#endif
#if WEFT__ASAN || WEFT__TSAN
    const void *low;
    size_t size;
    void *fiber;
#endif
    unsigned valgrind_id;
};

typedef void weft__context_entry(void);

/* Prepares `c` to enter `entry`, which must not return, on the stack [low, high). `c` itself may lie at `high`. */
void weft__context_init(struct weft__context *c, void *low, void *high, weft__context_entry *entry);

/* Frees what the sanitizers keep for `c`, which must not be running. */
void weft__context_fini(struct weft__context *c);

/* Makes `c` stand for the calling thread's own stack. */
void weft__context_init_thread(struct weft__context *c);

/* To be called first thing by an entry function. */
void weft__context_entered(void);

#if WEFT__CONTEXT_ASM
/* Saves the caller's context at *save and goes on from `load`. In context_<machine>.S. */
void weft__context_swap(void **save, void *load);
#endif

/* What a context does first when somebody comes back to it. */
typedef int weft__context_land(void);

#if WEFT__CONTEXT_ASM && !WEFT__ASAN && !WEFT__TSAN
static inline void weft__context_switch(struct weft__context *from, struct weft__context *to)
{
    weft__context_swap(&from->sp, to->sp);
}
#else
void weft__context_switch(struct weft__context *from, struct weft__context *to);
#endif

#if WEFT__CONTEXT_ASM && defined(__x86_64__) && !WEFT__ASAN && !WEFT__TSAN
#define WEFT__CONTEXT_LEAVES 1
int weft__context_leave(void **save, void *load, weft__context_land *land);
#else
#define WEFT__CONTEXT_LEAVES 0
#endif

/* The same as a switch after which the caller returns what land() returns, for calls that are the last thing their callers do: there may
 * be nothing left to come back to but the caller of all of them. */
static inline int weft__context_switch_and_land(struct weft__context *from, struct weft__context *to,
                                                weft__context_land *land)
{
#if WEFT__CONTEXT_LEAVES
    return weft__context_leave(&from->sp, to->sp, land);
#else
    weft__context_switch(from, to);
    return land();
#endif
}

#endif
