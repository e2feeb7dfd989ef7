/* SPDX-License-Identifier: MIT */
#include <weft/task.h>

#include <weft/error.h>

#include "sched/handle.h"
#include "sched/park.h"

int weft_yield(void)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;

    if (t == NULL)
        return WEFT_ENOTASK;
    if (WEFT__UNLIKELY(weft__task_canceled(t)))
        return weft__checkpoint_slow(w, t);
    weft__worker_yield(w, t);
    return 0;
}

uint64_t weft__task_id_in(weft_runtime *rt, struct weft__task *t)
{
    uint32_t slot = A_LOAD(&t->slot, relaxed); /* relaxed: a number, which stays */

    if (slot == 0) {
        uint32_t next = A_ADD(&rt->slots, 1, relaxed) + 1;

        slot = A_CAS(&t->slot, &slot, next, relaxed, relaxed) ? next : slot;
    }
    return (uint64_t)slot << 32 | A_LOAD(&t->generation, relaxed);
}

weft_fn weft__task_fn(struct weft__task *t)
{
    /* relaxed: of the calling task, which nobody else changes */
    weft_task *h = A_LOAD(&t->handle, relaxed);

    return A_LOAD(h != NULL ? &h->fn : &t->fn, relaxed);
}

const char *weft__task_name(struct weft__task *t)
{
    const weft_task *h = A_LOAD(&t->handle, relaxed);            /* relaxed: as above */
    const char *name = h != NULL ? (const char *)h->name : NULL; /* nobody writes to it any more */

    return name != NULL && *name != '\0' ? name : NULL;
}

uint64_t weft__task_id(struct weft__task *t)
{
    return weft__task_id_in(t->rt, t);
}

uint64_t weft_task_id(void)
{
    struct weft__task *t = weft__task_self();

    return t != NULL ? weft__task_id(t) : 0;
}

const char *weft_task_name(void)
{
    struct weft__task *t = weft__task_self();

    return t != NULL ? weft__task_name(t) : NULL;
}

bool weft_canceled(void)
{
    struct weft__task *t = weft__task_self();

    return t != NULL && weft__task_canceled(t);
}
