/* SPDX-License-Identifier: MIT */
#include "sched/scope.h"

#include <weft/error.h>

#include "sched/cancel.h"
#include "sched/park.h"
#include "sched/runtime.h"

bool weft__scope_chain_canceled(weft_scope *s)
{
    weft_scope *found = s;

    while (found != NULL && A_LOAD(&found->mark, seq_cst) == 0) /* pairs with the mark in weft__cancel() */
        found = found->parent;
    if (found == NULL)
        return false;
    /* Else each level of a deep nesting would walk up to the mark. release: who sees this, sees the mark. */
    for (; s != found; s = s->parent)
        (void)A_OR(&s->mark, WEFT__MARK_OUTER, release);
    return true;
}

static void deadline_passed(struct weft__timer *timer)
{
    weft_scope *s = WEFT__CONTAINER(timer, weft_scope, timer);

    (void)weft__cancel(s->owner->rt, s, WEFT__CANCELED_DEADLINE);
}

int weft__scope_enter(struct weft__worker *w, struct weft__task *t, weft_scope *s, weft_time deadline)
{
    weft__scope_push(t, s);
    if (deadline != 0 && deadline <= weft__clock()) {
        (void)weft__cancel(t->rt, s, WEFT__CANCELED_DEADLINE);
    } else if (deadline != 0 && deadline != WEFT_NEVER) {
        int rc;

        s->timer.deadline = deadline;
        s->timer.fire = deadline_passed;
        rc = weft__timer_add(&w->timers, &s->timer);
        if (rc < 0) {
            t->scope = s->parent;
            return rc;
        }
    }
    return 0;
}

/* Whether a canceller may touch the scope again. */
static bool is_in_use(uint32_t mark)
{
    return ((mark & WEFT__MARK_REASON) != 0 && (mark & WEFT__MARK_TOLD) == 0) ||
           (mark & (WEFT__MARK_CLAIMED | WEFT__MARK_WALKED)) == WEFT__MARK_CLAIMED;
}

void weft__scope_leave_slow(struct weft__task *t, weft_scope *s)
{
    unsigned turns = 0;
    uint32_t mark;

    weft__timer_remove(&s->timer);
    t->scope = s->parent;
    /* acquire pairs with the last access of a canceller, in cancel.c */
    while (is_in_use(mark = A_LOAD(&s->mark, acquire)))
        weft__spin(&turns);
    /* What made the task cancelled may have been left behind: the next checkpoint looks. No epoch is 0. */
    if (mark != 0 || t->seen_canceled)
        t->seen_epoch = 0;
}

void weft__scope_close_inner(struct weft__task *t, weft_scope *until)
{
    while (t->scope != until) {
        if (t->scope->is_plain)
            (void)weft_scope_close(t->scope, 0);
        else
            weft_group_close(WEFT__GROUP_OF(t->scope));
    }
}

weft_scope *weft_scope_open(weft_time deadline)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    weft_scope *s;

    if (t == NULL)
        return NULL;
    s = weft__slab_cache_take(&w->scopes, &w->rt->scopes);
    if (s == NULL)
        return NULL;
    s->is_plain = true;
    if (weft__scope_enter(w, t, s, deadline) < 0) {
        weft__slab_cache_give(&w->scopes, &w->rt->scopes, s);
        return NULL;
    }
    return s;
}

ssize_t weft_scope_close(weft_scope *s, ssize_t result)
{
    struct weft__task *t = weft__task_self();
    struct weft__worker *w;

    if (s == NULL || t != s->owner)
        return result < 0 ? result : s == NULL ? WEFT_ENOMEM : WEFT_EINVAL;
    if (t->scope != s)
        weft__scope_close_inner(t, s);
    weft__scope_leave(t, s); /* ends the timer first: the reason is final after it */
    if (result == WEFT_ECANCELED && weft__scope_reason(s) == WEFT__CANCELED_DEADLINE &&
        !weft__scope_chain_canceled(s->parent))
        result = WEFT_ETIMEDOUT;
    w = weft__worker_self();
    weft__slab_cache_give(&w->scopes, &w->rt->scopes, s);
    return result;
}

int weft_scope_cancel(weft_scope *s)
{
    if (s == NULL)
        return WEFT_ENOMEM;
    (void)weft__cancel(s->owner->rt, s, WEFT__CANCELED_CALL);
    return 0;
}
