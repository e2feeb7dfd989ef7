/* SPDX-License-Identifier: MIT */
#include <weft/task.h>

#include <weft/error.h>

#include "sched/park.h"

int weft_yield(void)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;

    if (t == NULL)
        return WEFT_ENOTASK;
    if (WEFT__UNLIKELY(weft__task_canceled(t)))
        return weft__checkpoint_slow(w, t);
    if (WEFT__UNLIKELY(A_LOAD(&w->attention, relaxed) != 0))
        (void)weft__worker_attend(w, t);
    else
        weft__worker_yield(w, t);
    return 0;
}

bool weft_canceled(void)
{
    struct weft__task *t = weft__task_self();

    return t != NULL && weft__task_canceled(t);
}
