/* SPDX-License-Identifier: MIT */
/* Where tasks that are ready are put; where they are taken from is pick.c's business. */
#include "sched/idle.h"
#include "sched/inbox.h"
#include "sched/runtime.h"
#include "sched/worker.h"

/* A task that lies in a queue belongs to whoever takes it, and its record soon to another task: it is not looked at any more. */

/* A pinned task that has begun goes to its own worker. */
static void queue_pinned(struct weft__worker *w, struct weft__task *t)
{
    weft_runtime *rt = t->rt;
    struct weft__worker *home = &rt->workers[t->home];

    if (home == w) {
        t->next = NULL;
        *w->pinned_end = t;
        w->pinned_end = &t->next;
        return;
    }
    weft__inbox_push(&home->inbox, t);
    A_STORE(&home->look, 1, relaxed); /* relaxed: a hint */
    weft__idle_wake(rt, home);
}

void weft__worker_queue(struct weft__worker *w, struct weft__task *t)
{
    if (WEFT__UNLIKELY(t->kind.pinned) && t->stack != NULL)
        queue_pinned(w, t);
    /* Where there is no memory to grow the queue: the inbox needs none. */
    else if (WEFT__UNLIKELY(weft__deque_push_shared(&w->ready[t->kind.level], t) < 0))
        weft__inbox_push(&w->rt->inbox, t);
}

/* From a thread that is not a worker of the task's runtime. */
static void make_ready_from_outside(struct weft__task *t)
{
    weft_runtime *rt = t->rt;

    /* The task is won, but in no queue yet: so the runtime is there. It may be gone as soon as the task has run. */
    weft__runtime_enter(rt);
    if (t->kind.pinned) {
        queue_pinned(NULL, t);
    } else {
        weft__inbox_push(&rt->inbox, t);
        weft__idle_notify(rt);
    }
    weft__runtime_leave(rt);
}

void weft__make_ready_slow(struct weft__worker *w, struct weft__task *t)
{
    struct weft__deque *ready;

    if (WEFT__UNLIKELY(w == NULL || w->rt != t->rt)) {
        make_ready_from_outside(t);
        return;
    }
    if (WEFT__UNLIKELY(t->kind.pinned)) {
        queue_pinned(w, t); /* it has begun, so no other worker may run it */
        return;
    }
    ready = &w->ready[t->kind.level];
    weft__worker_queue(w, t);
    /* In the loop the first is for this worker. One that still counts as asleep, in the poller, tells others when it is out of it. */
    if (w->current != NULL || (A_LOAD(&w->sleep, relaxed) == 0 && weft__deque_count_of_owner(ready) > 1))
        weft__idle_notify_lazily(w);
}

/* Several at a time. */

/* Whether `next`, the one behind `t` in a list, goes to the same queue as `t`. */
static bool go_together(const struct weft__task *t, const struct weft__task *next)
{
    return next != NULL && next->rt == t->rt && next->kind.level == t->kind.level && !t->kind.pinned &&
           !next->kind.pinned;
}

/* Makes those ready that go together with `oldest`, and returns the first that does not. */
static struct weft__task *make_run_ready_from_outside(struct weft__task *oldest)
{
    weft_runtime *rt = oldest->rt;
    struct weft__task *newest = oldest, *next = oldest->next;

    if (!go_together(oldest, next)) {
        make_ready_from_outside(oldest);
        return next;
    }
    while (go_together(newest, next)) {
        struct weft__task *t = next;

        next = t->next;
        t->next = newest;
        newest = t;
    }
    weft__runtime_enter(rt); /* as in make_ready_from_outside() */
    weft__inbox_push_chain(&rt->inbox, newest, oldest);
    weft__idle_notify(rt);
    weft__runtime_leave(rt);
    return next;
}

void weft__make_ready_all(struct weft__task *t)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *next;

    /* The slot is for the first of them, so that they run in their order. */
    if (t != NULL && w != NULL && w->current != NULL && w->rt == t->rt && weft__kind_is_usual(t->kind) &&
        weft__slot_seems_empty(&w->slot)) {
        next = t->next;
        (void)weft__slot_put(&w->slot, t);
        t = next;
    }
    while (t != NULL) {
        if (w == NULL || w->rt != t->rt) {
            t = make_run_ready_from_outside(t);
            continue;
        }
        next = t->next; /* from here on it may run, and end */
        /* Only the last one of a run is told of, and with it all. */
        if (!go_together(t, next))
            weft__make_ready_slow(w, t);
        else
            weft__worker_queue_quietly(w, WEFT__NORMAL, t);
        t = next;
    }
}
