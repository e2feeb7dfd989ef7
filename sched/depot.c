/* SPDX-License-Identifier: MIT */
/* concurrencykit's accesses are no atomics to TSan: this file is compiled without it, and says what it orders. */
#include "sched/depot.h"

#include <ck_stack.h>
#include <stddef.h>

#ifdef WEFT_SANITIZE_THREAD
#include <sanitizer/tsan_interface.h>
#define RELEASED(p) __tsan_release(p)
#define ACQUIRED(p) __tsan_acquire(p)
#else
#define RELEASED(p) ((void)(p))
#define ACQUIRED(p) ((void)(p))
#endif

#ifndef CK_F_STACK_TRYPOP_MPMC
#error "concurrencykit has no double-word compare-and-swap for this machine"
#endif

_Static_assert(sizeof(struct weft__depot) >= sizeof(ck_stack_t), "room for a ck_stack");
_Static_assert(sizeof(struct weft__depot_entry) == sizeof(ck_stack_entry_t), "an entry is a ck_stack_entry");

void weft__depot_init(struct weft__depot *d)
{
    ck_stack_init((ck_stack_t *)d->opaque);
}

void weft__depot_push(struct weft__depot *d, struct weft__depot_entry *e)
{
    RELEASED(e);
    /* CK orders the stores before a push, but on weakly ordered machines not the loads: without this the next holder's
     * writes could be what this one reads. Costs nothing on x86. */
    ck_pr_fence_release();
    ck_stack_push_mpmc((ck_stack_t *)d->opaque, (ck_stack_entry_t *)(void *)e);
}

struct weft__depot_entry *weft__depot_pop(struct weft__depot *d)
{
    ck_stack_t *stack = (ck_stack_t *)d->opaque;
    ck_stack_entry_t *e;

    /* Not ck_stack_pop_mpmc(): it goes on with what a failed swap has read, and aarch64's load of two words (before LSE2) is
     * one access only where the store succeeds. A head of one moment beside the generation of another defeats the check
     * against ABA. A new try reads the generation first, and then the head. */
    while (!ck_stack_trypop_mpmc(stack, &e))
        if (ck_pr_load_ptr(&stack->head) == NULL)
            return NULL;
    ACQUIRED(e);
    return (struct weft__depot_entry *)(void *)e;
}
