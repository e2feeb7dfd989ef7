/* SPDX-License-Identifier: MIT */
/*
 * Handles: what only some tasks have beside their record. One is made for a task with a name, whose spawner asked for a handle, that
 * inherits task-locals, that is detached or waited for until it is ready, or whose group has a policy or a limit; and later for one that
 * sets a task-local. All but the last are run by their handle: the record's function is one of handle.c, which calls the task's own and
 * does what is to be done before and after. So the paths of plain tasks know nothing of all this.
 *
 *      new --begins--> running --its function returns--> done        `state`, written by the task, read by all
 *
 *      refs: 1 for the task, 1 for the spawner's handle. Who gives up the last frees the record.
 *
 * A task that is run by its handle has a scope of its own in it, around all that it opens: the one that weft_task_cancel() marks. At the
 * end of the task its reason becomes WEFT__ENDED, unless it was marked: so exactly one of cancel and end comes first, and a late
 * cancel is a no-op. An end that comes second waits for the canceller.
 *
 * Waiting: those who wait for a state lie in `waiters`, under the lock. The one who changes the state claims them, under the lock.
 *
 * Ready signal (`start`, under the lock):
 *      none                                         not started by weft_start()
 *      starting --weft_ready()--> ready             the starter returns 0
 *         |---the task ends-----> (done)            the starter has the error
 *         `---starter cancelled-> abandoned         weft_ready() says so; the starter cancels the task and waits for its end
 */
#ifndef WEFT_SCHED_HANDLE_H
#define WEFT_SCHED_HANDLE_H

#include <weft/task.h>

#include "sched/park.h"

enum weft__start { WEFT__NO_START, WEFT__STARTING, WEFT__READY, WEFT__ABANDONED };

/* What somebody waits for; may be combined. */
enum weft__handle_event { WEFT__EVENT_DONE = 1, WEFT__EVENT_READY = 2 };

struct weft__locals;

struct weft_task {
    void *slab_link;
    weft_runtime *rt;
    _Atomic(weft_fn) fn; /* atomic for weft_tasks(), which may read it too late */
    void *arg;
    weft_scope scope;
    struct weft__locals *locals; /* the task's own; NULL: none */
    void *result;                /* written before the end */
    int code;                    /* the same */
    _Atomic uint32_t refs;
    _Atomic uint32_t state; /* enum weft_task_state */
    bool runs;              /* the task is run by this handle */
    bool detached;
    bool for_holder; /* the spawner has it */

    struct weft__spinlock lock; /* guards the next two; a leaf but for the wait words of the waiters */
    uint8_t start;              /* enum weft__start */
    struct weft__list waiters;

    /* For weft_group_next(): under the lock of that group. */
    bool is_listed;
    _Atomic(weft_group *) group; /* the group that is to give it out; NULL: none */
    struct weft__link ended;

    _Atomic uint64_t name[(WEFT_NAME_MAX + 1) / 8]; /* the same */
};

/* What a handle is made with. */
struct weft__handle_wish {
    const char *name;
    bool detached, for_holder, to_start;
};

/* Gives the new task `child` a handle that runs it, with the locals of `spawner`, the calling task; NULL: it is no task. 0 or -ENOMEM, and
 * the child is as it was. */
int weft__handle_attach(struct weft__task *child, const struct weft__task *spawner,
                        const struct weft__handle_wish *wish);

/* The handle of `t`, the calling task or one that nobody else knows; if need be one is made, which does not run it. NULL where memory is
 * out. */
weft_task *weft__handle_late(struct weft__task *t);

/* Ends one that does not run its task, which ends, or does not need it after all. */
void weft__handle_late_end(struct weft__task *t);

/* Waits for one of `events`: 0 or WEFT_ECANCELED. By a task. */
int weft__handle_wait(weft_task *h, unsigned events, enum weft__cancelable how);

/* One who waits for events of a handle, in its frame. */
struct weft__handle_waiter {
    struct weft__link link; /* in the handle's list */
    struct weft__task *task;
    weft__ticket ticket;
    unsigned events;
    bool queued;
    struct weft__many *many; /* it waits for several at a time (wait.c); NULL: for this one */
};

/* Enters `w`, with task, ticket and events filled in, the rest zeroed: false where one of the events has come about, and then it has not. */
bool weft__handle_enter(weft_task *h, struct weft__handle_waiter *w);

/* Takes it out, if it still is in. After it nobody touches `w` any more. */
void weft__handle_leave(weft_task *h, struct weft__handle_waiter *w);

/* What weft_task_join() returns of a task that has ended. */
static inline int weft__handle_code(const weft_task *h)
{
    return h->code == WEFT_ECANCELED ? WEFT_ETASKCANCELED : h->code;
}

/* An event that `w` waits for has come about: whether that ends its wait. The caller holds the lock of `h`. */
bool weft__many_ends(struct weft__handle_waiter *w, const weft_task *h);

/* Wakes those who wait for `event`, which has come about under the lock, and lets go of the lock. */
void weft__handle_tell(weft_task *h, enum weft__handle_event event);

#endif
