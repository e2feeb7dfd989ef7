/* SPDX-License-Identifier: MIT */
/*
 * Waiting for several handles at a time. The waiter enters a node in the list of each, all with the ticket of one wait. Those who tell
 * of an end count it here, and only the one whose end decides wakes the waiter: so it registers once, and is woken once.
 *
 * Nodes and the record lie in the waiter's frame. Tellers touch them under the lock of their handle only, so the waiter, before it
 * leaves, takes the lock of each: after that nobody is in.
 */
#include <limits.h>

#include <weft/combine.h>
#include <weft/error.h>

#include "sched/handle.h"

struct weft__many {
    enum weft_when when;
    _Atomic size_t left; /* tasks that have not ended */
    _Atomic int index;   /* of the one that decided; n: none to be named */
    int n;
    struct weft__handle_waiter *nodes;
};

static bool failed(int code)
{
    return code < 0 && code != WEFT_ECANCELED;
}

/* Counts the end of the task with this index: whether that decides. Each end is counted once. */
static bool count(struct weft__many *m, int index, int code)
{
    bool names = m->when == WEFT_FIRST_COMPLETED || (m->when == WEFT_FIRST_ERROR && failed(code));
    int none = m->n;

    if (names)
        (void)A_CAS(&m->index, &none, index, relaxed, relaxed); /* relaxed: the claim, or the lock, publishes it */
    /* acq_rel: whoever finds the others gone hands on what they did */
    return A_SUB(&m->left, 1, acq_rel) == 1 || names;
}

bool weft__many_ends(struct weft__handle_waiter *w, const weft_task *h)
{
    return count(w->many, (int)(w - w->many->nodes), h->code);
}

/* Enters a node in the list of `h`, unless the task has ended: then it counts that. Whether that decides. */
static bool enter(struct weft__many *m, int index, weft_task *h, weft__ticket ticket)
{
    struct weft__handle_waiter *w = &m->nodes[index];

    *w = (struct weft__handle_waiter){
        .task = weft__task_self(), .ticket = ticket, .events = WEFT__EVENT_DONE, .many = m};
    if (h == NULL)
        return count(m, index, WEFT_ENOMEM);
    return !weft__handle_enter(h, w) && count(m, index, h->code);
}

static void leave(struct weft__many *m, weft_task *const *tasks, int entered)
{
    for (int i = 0; i < entered; i++)
        if (tasks[i] != NULL)
            weft__handle_leave(tasks[i], &m->nodes[i]);
}

static int wait_for(struct weft__many *m, weft_task *const *tasks, struct weft__task *t)
{
    bool decided = false;
    int rc = weft__park_prepare(t, WEFT__CANCELABLE), entered = 0;

    if (rc < 0)
        return rc;
    while (!decided && entered < m->n) {
        decided = enter(m, entered, tasks[entered], weft__park_ticket(t));
        entered++;
    }
    if (decided)
        weft__park_abandon(t);
    else if (weft__park(t) != WEFT__WON_EVENT)
        rc = WEFT_ECANCELED;
    leave(m, tasks, entered);
    return rc < 0 ? rc : A_LOAD(&m->index, relaxed); /* relaxed: see count() */
}

static WEFT__NOINLINE int wait_on_stack(struct weft__many *m, weft_task *const *tasks, struct weft__task *t)
{
    struct weft__handle_waiter nodes[WEFT_WAIT_ON_STACK];

    m->nodes = nodes;
    return wait_for(m, tasks, t);
}

static int wait_on_heap(struct weft__many *m, weft_task *const *tasks, struct weft__task *t)
{
    int rc = WEFT_ENOMEM;

    m->nodes = weft__alloc((size_t)m->n * sizeof *m->nodes);
    if (m->nodes != NULL)
        rc = wait_for(m, tasks, t);
    weft__free(m->nodes);
    return rc;
}

/* What can be said without a wait: an index, n, or -1. */
static int look(weft_task *const *tasks, int n, enum weft_when when)
{
    int ended = 0;

    for (int i = 0; i < n; i++) {
        if (weft_task_state(tasks[i]) != WEFT_TASK_DONE)
            continue;
        ended++;
        if (when == WEFT_FIRST_COMPLETED || (when == WEFT_FIRST_ERROR && failed(weft_task_code(tasks[i]))))
            return i;
    }
    return ended == n ? n : -1;
}

int weft_wait(weft_task *const *tasks, size_t n, enum weft_when when)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    struct weft__many m = {.when = when, .n = (int)n};
    int rc;

    if (t == NULL)
        return WEFT_ENOTASK;
    if (n > INT_MAX || (unsigned)when > WEFT_FIRST_ERROR)
        return WEFT_EINVAL;
    if ((rc = weft__checkpoint(w, t)) < 0)
        return rc;
    for (size_t i = 0; i < n; i++)
        if (tasks[i] != NULL && tasks[i] == A_LOAD(&t->handle, relaxed)) /* relaxed: the calling task's own */
            return WEFT_EDEADLK;
    if ((rc = look(tasks, m.n, when)) >= 0)
        return rc;
    A_STORE(&m.left, n, relaxed); /* relaxed, here and below: not shared yet */
    A_STORE(&m.index, m.n, relaxed);
    return n <= WEFT_WAIT_ON_STACK ? wait_on_stack(&m, tasks, t) : wait_on_heap(&m, tasks, t);
}
