/* SPDX-License-Identifier: MIT */
#include "sched/worker.h"

#if defined(__clang__)
#define OPAQUE __attribute__((noinline))
#else
#define OPAQUE __attribute__((noipa))
#endif

/* initial-exec: one load off the thread pointer, from a shared library too. */
static __thread struct weft__worker *self __attribute__((tls_model("initial-exec")));
static __thread struct weft__worker *stand_in __attribute__((tls_model("initial-exec")));

OPAQUE struct weft__worker *weft__worker_self(void)
{
    __asm__ volatile(""); /* no call of this is ever merged with another */
    return self;
}

OPAQUE void weft__worker_set_self(struct weft__worker *w)
{
    self = w;
}

OPAQUE struct weft__worker *weft__worker_stand_in(void)
{
    __asm__ volatile("");
    return stand_in;
}

OPAQUE void weft__worker_set_stand_in(struct weft__worker *w)
{
    stand_in = w;
}
