/* SPDX-License-Identifier: MIT */
/*
 * Cases that are no channels: times, tasks, events, descriptors. They tell of a state that their coming about does not
 * change, so it does no harm that several of them may have come about when one is chosen.
 */
#include "sync/select.h"

#include <weft/error.h>

static bool has_ended(const weft_task *h, int *result)
{
    if (h == NULL)
        *result = WEFT_ENOMEM;
    else if (A_LOAD(&h->state, acquire) == WEFT_TASK_DONE) /* pairs with the end of the task */
        *result = weft__handle_code(h);
    else
        return false;
    return true;
}

static bool has_passed(struct weft__select *s, const weft_case *c)
{
    if (c->at == WEFT_NEVER)
        return false;
    if (s->now == 0)
        s->now = weft__clock();
    return c->at <= s->now;
}

bool weft__select_look(struct weft__select *s, weft_case *c, bool locked)
{
    int ready;

    switch (c->kind) {
    case WEFT__CASE_AT:
        if (!has_passed(s, c))
            return false;
        c->result = 0;
        return true;
    case WEFT__CASE_JOIN:
        return has_ended(c->source, &c->result);
    case WEFT__CASE_EVENT:
        if (c->source == NULL || !weft_event_is_set(c->source))
            return false;
        c->result = 0;
        return true;
    case WEFT__CASE_FD:
        if (locked || c->fd < 0 || (ready = weft__fd_ready(c->fd, c->events)) == 0)
            return false;
        c->result = ready;
        return true;
    default:
        return false;
    }
}

/* Queues the waiter, unless the event is set. */
static bool enter_event(struct weft__event *e, struct weft__waiter *w)
{
    bool set;

    weft__spinlock_lock(&e->lock);
    set = A_LOAD(&e->set, relaxed); /* relaxed: under the lock */
    if (!set)
        weft__wait_queue(w, &e->waiters);
    weft__spinlock_unlock(&e->lock);
    return !set;
}

static void leave_event(struct weft__event *e, struct weft__waiter *w)
{
    weft__spinlock_lock(&e->lock);
    weft__wait_leave(w, &e->waiters);
    weft__spinlock_unlock(&e->lock);
}

bool weft__select_enter(struct weft__select *s, int i, int *result)
{
    struct weft__select_node *node = &s->nodes[i];
    const weft_case *c = &s->cases[i];

    switch (c->kind) {
    case WEFT__CASE_JOIN:
        node->wait.task =
            (struct weft__handle_waiter){.task = s->task, .ticket = s->ticket, .events = WEFT__EVENT_DONE};
        node->entered = weft__handle_enter(c->source, &node->wait.task);
        return !node->entered && has_ended(c->source, result);
    case WEFT__CASE_EVENT:
        if (c->source == NULL)
            return false;
        node->wait.waiter = (struct weft__waiter){.task = s->task, .ticket = s->ticket};
        node->entered = enter_event(weft__event_of(c->source), &node->wait.waiter);
        *result = 0;
        return !node->entered;
    case WEFT__CASE_FD:
        if (c->fd < 0)
            return false;
        node->wait.fd = (struct weft__fd_wait){.task = s->task, .ticket = s->ticket, .events = c->events};
        *result = weft__fd_wait_enter_any(&node->wait.fd, c->fd);
        node->entered = *result == 0;
        return !node->entered;
    default:
        return false;
    }
}

bool weft__select_leave(struct weft__select *s, int i, int *result)
{
    struct weft__select_node *node = &s->nodes[i];
    const weft_case *c = &s->cases[i];

    switch (c->kind) {
    case WEFT__CASE_JOIN:
        weft__handle_leave(c->source, &node->wait.task);
        return has_ended(c->source, result);
    case WEFT__CASE_EVENT:
        leave_event(weft__event_of(c->source), &node->wait.waiter);
        return false;
    case WEFT__CASE_FD:
        *result = weft__fd_wait_leave_any(&node->wait.fd);
        return *result != 0;
    default:
        return false;
    }
}
