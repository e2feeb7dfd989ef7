/* SPDX-License-Identifier: MIT */
#include "sched/handle.h"

#include <string.h>

#include <weft/error.h>

#include "sched/group.h"
#include "sched/group_more.h"
#include "sched/held.h"
#include "sched/local.h"
#include "sched/report.h"

/* Records. */

static weft_task *take(weft_runtime *rt)
{
    struct weft__worker *w = weft__worker_self();
    bool here = w != NULL && w->rt == rt;
    weft_task *h = here ? weft__slab_cache_take(&w->handles, &rt->handles) : weft__slab_take(&rt->handles);

    if (h == NULL)
        return NULL;
    h->rt = rt;
    h->locals = NULL;
    h->result = NULL;
    h->code = 0;
    h->start = WEFT__NO_START;
    h->runs = h->detached = h->for_holder = h->is_listed = false;
    A_STORE(&h->group, NULL, relaxed); /* relaxed, here and below: not shared yet */
    A_STORE(&h->state, WEFT_TASK_NEW, relaxed);
    A_STORE(&h->refs, 1, relaxed);
    A_STORE(&h->name[0], 0, relaxed);
    return h;
}

static void give(weft_task *h)
{
    struct weft__worker *w = weft__worker_self();

    if (w != NULL && w->rt == h->rt)
        weft__slab_cache_give(&w->handles, &h->rt->handles, h);
    else
        weft__slab_give(&h->rt->handles, h);
}

static void unref(weft_task *h)
{
    if (A_SUB(&h->refs, 1, acq_rel) == 1) /* acq_rel: who frees it has seen what the other did */
        give(h);
}

static void set_name(weft_task *h, const char *name)
{
    union {
        char text[WEFT_NAME_MAX + 1];
        uint64_t words[(WEFT_NAME_MAX + 1) / 8];
    } u = {.text = ""};

    if (name != NULL)
        memcpy(u.text, name, strnlen(name, WEFT_NAME_MAX));
    for (size_t i = 0; i < sizeof u.words / sizeof u.words[0]; i++)
        A_STORE(&h->name[i], u.words[i], release); /* after the handle was taken from its last task, for weft_tasks() */
}

/* Running. */

/* Ends the scope of the task: true when it was cancelled before. */
static bool end_scope(weft_task *h, struct weft__task *t)
{
    if (weft__scope_end(&h->scope)) {
        t->scope = h->scope.parent;
        return false;
    }
    weft__scope_leave_slow(t, &h->scope);
    return true;
}

/* Who has the error `rc` of the task. */
static void hand_over_error(weft_task *h, struct weft__task *t, int rc, bool canceled)
{
    weft_runtime *rt = t->rt;
    weft_error e;

    if (h->detached) {
        e = weft__error_of(t, rc);
        e.left_over =
            A_LOAD(&rt->stopped, relaxed); /* relaxed: it was cancelled by those who set it, or did not notice */
        weft__report_error(rt, &e);
    } else if (rc != WEFT_ECANCELED || !canceled) {
        weft__group_child_failed(t->group, t, rc);
    }
}

/* Whether weft_start() returns the task's error. After it weft_ready() cannot be called any more. */
static bool starter_has_it(weft_task *h)
{
    bool it_has;

    weft__spinlock_lock(&h->lock);
    it_has = h->start == WEFT__STARTING || h->start == WEFT__ABANDONED;
    weft__spinlock_unlock(&h->lock);
    return it_has;
}

/* The record's function. What it returns is the group's business no more. */
static int run(void *arg)
{
    weft_task *h = arg;
    struct weft__task *t = weft__task_self();
    weft_group *g;
    bool canceled;
    int rc;

    A_STORE(&h->state, WEFT_TASK_RUNNING, relaxed); /* relaxed: it says nothing of what the task did */
    rc = A_LOAD(&h->fn, relaxed)(h->arg);           /* relaxed: here and below, published with the task */
    if (WEFT__UNLIKELY(t->scope != &h->scope))
        weft__scope_close_left(t, &h->scope);
    g = t->group;
    canceled = end_scope(h, t);
    h->code = rc;
    if (rc < 0) {
        if (!starter_has_it(h))
            hand_over_error(h, t, rc, canceled);
    } else if (g->wraps && weft__group_policy(g) == WEFT_FIRST_SUCCESS) {
        weft__group_child_succeeded(g, t->rt);
    }
    weft__locals_end(t);
    if (WEFT__UNLIKELY(t->extras & WEFT__HAS_HELD))
        weft__held_end(t, __builtin_frame_address(0));
    weft__spinlock_lock(&h->lock);
    A_STORE(&h->state, WEFT_TASK_DONE, release); /* with it code and result; pairs with the acquire of who sees it */
    weft__handle_tell(h, WEFT__EVENT_DONE);
    weft__group_list_ended(h);
    if (g->wraps)
        weft__group_let_go(g);
    A_STORE(&t->fn, A_LOAD(&h->fn, relaxed), relaxed); /* relaxed: for reports */
    A_STORE(&t->handle, NULL, release);                /* after the function */
    unref(h);
    return 0;
}

int weft__handle_attach(struct weft__task *child, const struct weft__task *spawner,
                        const struct weft__handle_wish *wish)
{
    weft_task *h = take(child->rt);
    int rc = WEFT_ENOMEM;

    if (h == NULL)
        return rc;
    h->runs = true;
    h->detached = wish->detached;
    if (wish->to_start)
        h->start = WEFT__STARTING;
    if (wish->for_holder) {
        h->for_holder = true;
        A_STORE(&h->refs, 2, relaxed);
        if (!wish->to_start && (rc = weft__group_expect(child->group, h)) < 0) {
            give(h);
            return rc;
        }
    }
    if (wish->name != NULL)
        set_name(h, wish->name);
    h->locals = spawner != NULL ? weft__locals_share(spawner) : NULL;
    child->extras = h->locals != NULL ? WEFT__HAS_LOCALS : 0;
    A_STORE(&h->fn, A_LOAD(&child->fn, relaxed), release); /* as with the name */
    h->arg = child->arg;
    h->scope.kind = WEFT__SCOPE_OF_TASK;
    weft__scope_push(child, &h->scope);
    child->arg = h;
    A_STORE(&child->handle, h, release); /* pairs with weft_tasks(); others get it with the task */
    A_STORE(&child->fn, run, release);   /* after the handle, for weft_tasks() */
    return 0;
}

weft_task *weft__handle_late(struct weft__task *t)
{
    weft_task *h = A_LOAD(&t->handle, relaxed); /* relaxed: the calling task's own */

    if (h != NULL || (h = take(t->rt)) == NULL)
        return h;
    A_STORE(&h->fn, A_LOAD(&t->fn, relaxed), relaxed);
    A_STORE(&t->handle, h, release); /* pairs with weft_tasks() */
    return h;
}

void weft__handle_late_end(struct weft__task *t)
{
    weft_task *h = A_LOAD(&t->handle, relaxed); /* relaxed: the calling task's own */

    weft__locals_end(t);
    A_STORE(&t->handle, NULL, relaxed);
    give(h);
}

/* Waiting. */

void weft__handle_tell(weft_task *h, enum weft__handle_event event)
{
    struct weft__link *next;

    for (struct weft__link *e = h->waiters.first; e != NULL; e = next) {
        struct weft__handle_waiter *w = WEFT__CONTAINER(e, struct weft__handle_waiter, link);

        next = e->next;
        if (!(w->events & event))
            continue;
        weft__list_remove(&h->waiters, e);
        w->queued = false;
        if (w->many != NULL && !weft__many_ends(w, h))
            continue;
        (void)weft__unpark(w->task, w->ticket, WEFT__WON_EVENT); /* won or not, *w may be gone from here on */
    }
    weft__spinlock_unlock(&h->lock);
}

/* Which of the events have come about. Caller holds the lock, or sees the end. */
static unsigned events_of(const weft_task *h)
{
    return (A_LOAD(&h->state, acquire) == WEFT_TASK_DONE ? WEFT__EVENT_DONE : 0u) |
           (h->start == WEFT__READY ? WEFT__EVENT_READY : 0u);
}

bool weft__handle_enter(weft_task *h, struct weft__handle_waiter *w)
{
    bool came;

    weft__spinlock_lock(&h->lock);
    came = (events_of(h) & w->events) != 0;
    if (!came) {
        w->queued = true;
        weft__list_append(&h->waiters, &w->link);
    }
    weft__spinlock_unlock(&h->lock);
    return !came;
}

void weft__handle_leave(weft_task *h, struct weft__handle_waiter *w)
{
    weft__spinlock_lock(&h->lock);
    if (w->queued)
        weft__list_remove(&h->waiters, &w->link);
    w->queued = false;
    weft__spinlock_unlock(&h->lock);
}

int weft__handle_wait(weft_task *h, unsigned events, enum weft__cancelable how)
{
    struct weft__task *t = weft__task_self();
    struct weft__handle_waiter w = {.task = t, .events = events, .queued = true};
    int rc;

    weft__park_will_prepare(t);
    weft__spinlock_lock(&h->lock);
    if ((events_of(h) & events) != 0 || (rc = weft__park_prepare(t, how)) < 0) {
        bool came = (events_of(h) & events) != 0;

        weft__spinlock_unlock(&h->lock);
        return came ? 0 : WEFT_ECANCELED;
    }
    w.ticket = weft__park_ticket(t);
    weft__list_append(&h->waiters, &w.link);
    weft__spinlock_unlock(&h->lock);
    if (weft__park(t) == WEFT__WON_EVENT)
        return 0;
    weft__handle_leave(h, &w);
    return WEFT_ECANCELED;
}

/* The public face. */

int weft_task_join(weft_task *h)
{
    struct weft__task *t;
    int rc = weft__enter(&t);

    if (rc < 0)
        return rc;
    if (h == NULL)
        return WEFT_ENOMEM;
    if (A_LOAD(&t->handle, relaxed) == h) /* relaxed: the calling task's own */
        return WEFT_EDEADLK;
    if (A_LOAD(&h->state, acquire) != WEFT_TASK_DONE &&
        (rc = weft__handle_wait(h, WEFT__EVENT_DONE, WEFT__CANCELABLE)) < 0)
        return rc;
    return weft__handle_code(h);
}

void weft_task_release(weft_task *h)
{
    if (h == NULL)
        return;
    weft__group_forget(h);
    unref(h);
}

int weft_task_cancel(weft_task *h)
{
    if (h == NULL)
        return WEFT_ENOMEM;
    (void)weft__cancel(h->rt, &h->scope, WEFT_REASON_CALL);
    return 0;
}

enum weft_task_state weft_task_state(const weft_task *h)
{
    return h != NULL ? (enum weft_task_state)A_LOAD(&h->state, acquire) : WEFT_TASK_DONE;
}

int weft_task_code(const weft_task *h)
{
    if (h == NULL)
        return WEFT_ENOMEM;
    return weft_task_state(h) == WEFT_TASK_DONE ? h->code : WEFT_EBUSY;
}

void *weft_task_arg(const weft_task *h)
{
    return h != NULL ? h->arg : NULL;
}

void *weft_task_result(const weft_task *h)
{
    return h != NULL && weft_task_state(h) == WEFT_TASK_DONE ? h->result : NULL;
}

enum weft_reason weft_task_reason(const weft_task *h)
{
    return h != NULL ? weft__scope_reason(&h->scope) : WEFT_REASON_NONE;
}

int weft_task_set_result(void *result)
{
    struct weft__task *t = weft__task_self();
    weft_task *h;

    if (t == NULL)
        return WEFT_ENOTASK;
    h = A_LOAD(&t->handle, relaxed); /* relaxed: the calling task's own */
    if (h == NULL || !h->for_holder)
        return WEFT_EINVAL;
    h->result = result;
    return 0;
}
