/* SPDX-License-Identifier: MIT */
/* Starting with a ready signal; the states are in handle.h. */
#include <weft/error.h>
#include <weft/task.h>

#include "sched/handle.h"
#include "sched/spawn.h"

/* The starter has been cancelled: true when the task was not ready before, and will not be any more. */
static bool abandon(weft_task *h)
{
    bool abandoned;

    weft__spinlock_lock(&h->lock);
    /* relaxed: under the lock */
    abandoned = h->start == WEFT__STARTING && A_LOAD(&h->state, relaxed) != WEFT_TASK_DONE;
    if (abandoned)
        h->start = WEFT__ABANDONED;
    weft__spinlock_unlock(&h->lock);
    return abandoned;
}

int weft_start(weft_group *g, weft_fn fn, void *arg, const weft_task_options *o)
{
    weft_task *h;
    struct weft__task *t;
    int rc = weft__enter(&t);

    if (rc < 0 || (rc = weft__spawn_for_start(g, fn, arg, o, &h)) < 0)
        return rc;
    if (weft__handle_wait(h, WEFT__EVENT_READY | WEFT__EVENT_DONE, WEFT__CANCELABLE) < 0 && abandon(h)) {
        (void)weft_task_cancel(h);
        (void)weft__handle_wait(h, WEFT__EVENT_DONE, WEFT__NOT_CANCELABLE);
        rc = h->code < 0 ? h->code : WEFT_ECANCELED;
    } else if (h->start == WEFT__READY) {
        rc = 0;
    } else {
        rc = h->code < 0 ? h->code : WEFT_ENOTREADY;
    }
    weft_task_release(h);
    return rc;
}

int weft_ready(void)
{
    struct weft__task *t = weft__task_self();
    weft_task *h;

    if (t == NULL)
        return WEFT_ENOTASK;
    h = A_LOAD(&t->handle, relaxed); /* relaxed: the calling task's own */
    if (h == NULL)
        return WEFT_EINVAL;
    weft__spinlock_lock(&h->lock);
    if (h->start != WEFT__STARTING) {
        int rc = h->start == WEFT__ABANDONED ? WEFT_ECANCELED : WEFT_EINVAL;

        weft__spinlock_unlock(&h->lock);
        return rc;
    }
    h->start = WEFT__READY;
    weft__handle_tell(h, WEFT__EVENT_READY);
    return 0;
}
