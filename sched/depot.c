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

#ifndef CK_F_STACK_POP_MPMC
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
    ck_stack_push_mpmc((ck_stack_t *)d->opaque, (ck_stack_entry_t *)(void *)e);
}

struct weft__depot_entry *weft__depot_pop(struct weft__depot *d)
{
    void *e = ck_stack_pop_mpmc((ck_stack_t *)d->opaque);

    if (e != NULL)
        ACQUIRED(e);
    return e;
}
