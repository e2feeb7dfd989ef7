/* SPDX-License-Identifier: MIT */
#include "sched/scope.h"

#include <weft/error.h>

#include "sched/cancel.h"
#include "sched/park.h"
#include "sched/report.h"
#include "sched/runtime.h"

bool weft__scope_chain_canceled(weft_scope *s)
{
    weft_scope *found = s;

    /* pairs with the mark in weft__cancel() */
    while (found != NULL && A_LOAD(&found->mark, seq_cst) == 0)
        found = found->kind != WEFT__SCOPE_SHIELD ? found->parent : NULL;
    if (found == NULL)
        return false;
    /* Else each level of a deep nesting would walk up to the mark. release: who sees this, sees the mark. */
    for (; s != found; s = s->parent)
        (void)A_OR(&s->mark, WEFT__MARK_OUTER, release);
    return true;
}

const weft_scope *weft__scope_outermost_canceled(const weft_scope *s)
{
    const weft_scope *found = NULL;

    for (; s != NULL; s = s->kind != WEFT__SCOPE_SHIELD ? s->parent : NULL)
        if (weft__scope_reason(s) != WEFT_REASON_NONE)
            found = s;
    return found;
}

static void deadline_passed(struct weft__timer *timer)
{
    weft_scope *s = WEFT__CONTAINER(timer, weft_scope, timer);

    (void)weft__cancel(s->owner->rt, s, WEFT_REASON_DEADLINE);
}

/* `s` has no timer. 0 or -ENOMEM. */
static int arm(struct weft__worker *w, weft_scope *s, weft_time deadline)
{
    A_STORE(&s->timer.deadline, deadline, relaxed); /* relaxed: a number */
    if (deadline <= weft__clock()) {
        (void)weft__cancel(w->rt, s, WEFT_REASON_DEADLINE);
        return 0;
    }
    s->timer.fire = deadline_passed;
    return weft__timer_add(&w->timers, &s->timer);
}

int weft__scope_enter(struct weft__worker *w, struct weft__task *t, weft_scope *s, weft_time deadline)
{
    int rc;

    weft__scope_push(t, s);
    if (deadline == 0 || deadline == WEFT_NEVER)
        return 0;
    rc = arm(w, s, deadline);
    if (rc < 0)
        t->scope = s->parent;
    return rc;
}

int weft__scope_reschedule(struct weft__worker *w, weft_scope *s, weft_time deadline)
{
    if (weft__scope_reason(s) != WEFT_REASON_NONE)
        return WEFT_ECANCELED;
    if (deadline == 0)
        deadline = WEFT_NEVER;
    if (deadline != WEFT_NEVER && deadline <= weft__clock()) {
        weft__timer_remove(&s->timer);
        A_STORE(&s->timer.deadline, deadline, relaxed); /* relaxed: a number, here and below */
        return weft__cancel(w->rt, s, WEFT_REASON_DEADLINE) ? 0 : WEFT_ECANCELED;
    }
    if (weft__timer_move(&s->timer, deadline)) {
        /* This worker does not look at the heap of another before it sleeps, and that one may sleep in the poller. */
        if (s->timer.home != &w->timers)
            weft__idle_timer_added(w->rt, deadline);
        return 0;
    }
    /* There was none, or it has just passed. */
    weft__timer_remove(&s->timer);
    if (weft__scope_reason(s) != WEFT_REASON_NONE)
        return WEFT_ECANCELED;
    return deadline != WEFT_NEVER ? arm(w, s, deadline) : 0;
}

weft_time weft__scope_deadline(const weft_scope *s)
{
    /* A timer that is idle has no deadline, or one that has passed. acquire: with it what the number was */
    if (A_LOAD(&s->timer.state, acquire) == WEFT__TIMER_IDLE && weft__scope_reason(s) != WEFT_REASON_DEADLINE)
        return WEFT_NEVER;
    return A_LOAD(&s->timer.deadline, relaxed);
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
    if ((mark & WEFT__MARK_REASON) != 0)
        t->seen_canceled = 0; /* nobody reads it as an answer before the epoch is known again */
}

bool weft__scope_is_open(struct weft__task *t, const weft_scope *s)
{
    /* Not out of what it is called by: the half of a join, or its own function. */
    for (const weft_scope *open = t->scope;
         open->owner == t && open->kind != WEFT__SCOPE_OF_HALF && open->kind != WEFT__SCOPE_OF_TASK;
         open = open->parent)
        if (open == s)
            return true;
    weft__report_misuse(t, "closes a group or scope that is closed");
    return false;
}

void weft__scope_close_inner(struct weft__task *t, weft_scope *until)
{
    while (t->scope != until) {
        if (t->scope->kind == WEFT__SCOPE_PLAIN || t->scope->kind == WEFT__SCOPE_SHIELD)
            (void)weft_scope_close(t->scope, 0);
        else
            weft_group_close(WEFT__GROUP_OF(t->scope));
    }
}

void weft__scope_close_left(struct weft__task *t, weft_scope *until)
{
    weft__report_misuse(t, "has left groups or scopes open");
    weft__scope_close_inner(t, until);
}

/* The public face. */

static weft_scope *open_scope(enum weft__scope_kind kind, weft_time deadline)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    weft_scope *s;

    if (t == NULL)
        return NULL;
    s = weft__slab_cache_take(&w->scopes, &w->rt->scopes);
    if (s == NULL)
        return NULL;
    s->kind = (uint8_t)kind;
    if (weft__scope_enter(w, t, s, deadline) < 0) {
        weft__slab_cache_give(&w->scopes, &w->rt->scopes, s);
        return NULL;
    }
    return s;
}

weft_scope *weft_scope_open(weft_time deadline)
{
    return open_scope(WEFT__SCOPE_PLAIN, deadline);
}

weft_scope *weft_shield_open(weft_time deadline)
{
    weft_scope *s = deadline != 0 && deadline != WEFT_NEVER ? open_scope(WEFT__SCOPE_SHIELD, deadline) : NULL;

    if (s != NULL) {
        /* relaxed: the arming of a wait publishes it to cancellers (cancel.c). No epoch is 0 */
        A_STORE(&s->owner->shield, s->depth + 1, relaxed);
        s->owner->seen_epoch = 0;
    }
    return s;
}

/* Takes the shield away: the next checkpoint looks what it has held back. */
static void lower_shield(struct weft__task *t, const weft_scope *s)
{
    const weft_scope *outer = s->parent;

    while (outer->owner == t && outer->kind != WEFT__SCOPE_SHIELD)
        outer = outer->parent;
    A_STORE(&t->shield, outer->owner == t ? outer->depth + 1 : 0, relaxed); /* relaxed: as above */
    t->seen_epoch = 0;
}

/* Whether nothing around `s` is cancelled, or a shield keeps it out. */
static bool is_outermost(const weft_scope *s)
{
    return s->kind == WEFT__SCOPE_SHIELD || !weft__scope_chain_canceled(s->parent);
}

ssize_t weft_scope_close(weft_scope *s, ssize_t result)
{
    struct weft__task *t = weft__task_self();
    struct weft__worker *w;

    if (s == NULL || t != s->owner)
        return result < 0 ? result : s == NULL ? WEFT_ENOMEM : WEFT_EINVAL;
    if (t->scope != s) {
        if (!weft__scope_is_open(t, s))
            return result < 0 ? result : WEFT_EINVAL;
        weft__scope_close_inner(t, s);
    }
    weft__scope_leave(t, s); /* ends the timer first: the reason is final after it */
    if (s->kind == WEFT__SCOPE_SHIELD)
        lower_shield(t, s);
    if (result == WEFT_ECANCELED && weft__scope_reason(s) == WEFT_REASON_DEADLINE && is_outermost(s))
        result = WEFT_ETIMEDOUT;
    w = weft__worker_self();
    weft__slab_cache_give(&w->scopes, &w->rt->scopes, s);
    return result;
}

int weft_scope_cancel(weft_scope *s)
{
    if (s == NULL)
        return WEFT_ENOMEM;
    (void)weft__cancel(s->owner->rt, s, WEFT_REASON_CALL);
    return 0;
}

int weft_scope_reschedule(weft_scope *s, weft_time deadline)
{
    struct weft__worker *w = weft__worker_self();

    if (s == NULL)
        return WEFT_ENOMEM;
    if (w == NULL || w->current != s->owner ||
        (s->kind == WEFT__SCOPE_SHIELD && (deadline == 0 || deadline == WEFT_NEVER)))
        return WEFT_EINVAL;
    return weft__scope_reschedule(w, s, deadline);
}

enum weft_reason weft_scope_reason(const weft_scope *s)
{
    return s != NULL ? weft__scope_reason(s) : WEFT_REASON_NONE;
}

weft_time weft_scope_deadline(const weft_scope *s)
{
    return s != NULL ? weft__scope_deadline(s) : WEFT_NEVER;
}

weft_time weft_deadline(void)
{
    const struct weft__task *t = weft__task_self();
    weft_time earliest = WEFT_NEVER;

    for (const weft_scope *s = t != NULL ? t->scope : NULL; s != NULL;
         s = s->kind != WEFT__SCOPE_SHIELD ? s->parent : NULL) {
        weft_time at = weft__scope_deadline(s);

        if (at < earliest)
            earliest = at;
    }
    return earliest;
}

enum weft_reason weft_cancel_reason(void)
{
    const struct weft__task *t = weft__task_self();
    const weft_scope *s = t != NULL ? weft__scope_outermost_canceled(t->scope) : NULL;

    return s != NULL ? weft__scope_reason(s) : WEFT_REASON_NONE;
}
