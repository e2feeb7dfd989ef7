/* SPDX-License-Identifier: MIT */
/*
 * Scopes and groups, as records. A group begins with a scope: its own.
 *
 * The scopes that a task has open form a chain from task->scope outwards, through the scope of the task's group, its
 * owner's scopes, and so on to the root's. `parent` never changes while a scope is open, and parents outlive their
 * children, so a task walks its chain without a lock.
 *
 * Cancelling: mark the scope; count the runtime's epoch up; wake what is parked inside (cancel.h). A task that runs sees
 * the new epoch at its next checkpoint and walks its chain: the fast path of a checkpoint is one load and a compare. Where it finds a
 * mark, it leaves word of that in the scopes that it passed, so that those who come after it do not walk as far.
 */
#ifndef WEFT_SCHED_SCOPE_H
#define WEFT_SCHED_SCOPE_H

#include "sched/task.h"
#include "sched/timer.h"

/* In the place of a reason, in a task's own scope: the task has ended, and is not to be cancelled any more. */
#define WEFT__ENDED 15u

/* What a scope belongs to. */
enum weft__scope_kind {
    WEFT__SCOPE_OF_GROUP,
    WEFT__SCOPE_OF_HALF, /* of a join: a group as well, on the C stack */
    WEFT__SCOPE_PLAIN,
    WEFT__SCOPE_SHIELD,  /* plain, and what is cancelled around it is not seen inside */
    WEFT__SCOPE_OF_TASK, /* in its handle, around all that the task opens */
};

/* The word of a scope: 0 until it is cancelled, or known to be. Each bit is set once, and stays until the scope is left. */
enum weft__mark {
    WEFT__MARK_REASON = 15,  /* enum weft_reason: somebody has cancelled this very scope */
    WEFT__MARK_TOLD = 16,    /* ... and is through with what is inside */
    WEFT__MARK_OUTER = 32,   /* somebody saw that it lies in a cancelled scope */
    WEFT__MARK_CLAIMED = 64, /* a group's: a canceller goes through it, or has done so, or is to come to it */
    WEFT__MARK_WALKED = 128, /* ... and has done so */
};

struct weft_scope {
    void *slab_link; /* the slab's while the record is free */
    weft_scope *parent;
    struct weft__task *owner; /* NULL: the root's */
    uint32_t depth;           /* number of scopes of the owner that lie around it */
    uint8_t kind;             /* enum weft__scope_kind */
    _Atomic uint32_t mark;    /* enum weft__mark */
    struct weft__timer timer;
};

struct weft_group {
    weft_scope scope;

    /* Owner only: children that it spawned, less those of them that it ran itself. */
    _Atomic int64_t unstarted;

    /*
     * Everybody's count. Before the owner waits it holds (spawns by others) - (ends of children that the owner did not
     * run itself). An owner that waits adds `unstarted`, and WAITING unless that makes 0. The decrement that would leave
     * WAITING leaves 0 instead: its task is the one that wakes the owner. It is that child's last access to the group.
     */
    _Atomic int64_t pending;
    _Atomic int error; /* the first; 0: none */
    bool
        wraps; /* its children are run by their handles: a policy or a limit wants it. Does not change while there are any */
    _Atomic(struct weft__group_more *) more; /* what few groups need (group_more.h); NULL: nothing of it */

    /* Where a canceller finds it: guarded by the owner's lock. */
    _Atomic bool linked;
    struct weft__link owned;

    /* The one's that has claimed it: its list of groups, and where it stands in this one; `cursor` is NULL but while it is at it. */
    struct weft_group *cancel_next;
    bool cursor_is_set;
    struct weft__link *cursor; /* under `lock`: the next member to be visited */

    struct weft__lock lock; /* guards members */
    struct weft__list members;
};

#define WEFT__GROUP_OF(s) WEFT__CONTAINER((s), weft_group, scope)

/* Why this very scope was cancelled. */
static inline enum weft_reason weft__scope_reason(const weft_scope *s)
{
    uint32_t reason = A_LOAD(&s->mark, acquire) & WEFT__MARK_REASON; /* acquire pairs with the mark in weft__cancel() */

    return reason == WEFT__ENDED ? WEFT_REASON_NONE : (enum weft_reason)reason;
}

/* The outermost scope that is cancelled, of `s` and those around it as far as the innermost shield; NULL: none is. */
const weft_scope *weft__scope_outermost_canceled(const weft_scope *s);

/* True when there is one. For those who keep `s` from being left: whoever is inside of it. */
bool weft__scope_chain_canceled(weft_scope *s);

/* The deadline of `s` itself, WEFT_NEVER: none. From any task inside of it. */
weft_time weft__scope_deadline(const weft_scope *s);

/* Moves it: 0, or WEFT_ECANCELED: it was cancelled before; -ENOMEM. By the owner, the calling task. */
int weft__scope_reschedule(struct weft__worker *w, weft_scope *s, weft_time deadline);

/* Opens `s` inside the current scope of `t`, with the deadline armed. 0 or -ENOMEM. */
int weft__scope_enter(struct weft__worker *w, struct weft__task *t, weft_scope *s, weft_time deadline);

/* The same without a deadline. */
static inline void weft__scope_push(struct weft__task *t, weft_scope *s)
{
    weft_scope *parent = t->scope;

    s->parent = parent;
    s->owner = t;
    s->depth = parent->owner == t ? parent->depth + 1 : 0;
    A_STORE(&s->mark, 0, relaxed); /* relaxed: not shared yet */
    t->scope = s;
}

/* Says of a task's own scope that the task has ended, and is not to be cancelled any more. False: it was cancelled before. */
static inline bool weft__scope_end(weft_scope *s)
{
    uint32_t m = A_LOAD(&s->mark, relaxed); /* relaxed: only compared */

    /* acq_rel: pairs with the mark in weft__cancel() */
    do
        if ((m & WEFT__MARK_REASON) != 0)
            return false;
    while (!A_CAS_WEAK(&s->mark, &m, m | WEFT__ENDED, acq_rel, relaxed));
    return true;
}

/* Leaves the innermost scope of `t`. After it no timer and no canceller touches the record. */
void weft__scope_leave_slow(struct weft__task *t, weft_scope *s);

static inline void weft__scope_leave(struct weft__task *t, weft_scope *s)
{
    /* acquire pairs with the release in weft__timers_run(), and with the mark in weft__cancel() */
    if (WEFT__UNLIKELY(A_LOAD(&s->timer.state, acquire) != WEFT__TIMER_IDLE || A_LOAD(&s->mark, acquire) != 0 ||
                       t->seen_canceled))
        weft__scope_leave_slow(t, s);
    else
        t->scope = s->parent;
}

/* Whether `s` is a scope that `t`, the calling task, has open; else it is reported in debug mode. For what is closed out of turn: a
 * handle may be that of a record that is free. */
bool weft__scope_is_open(struct weft__task *t, const weft_scope *s);

/* Closes what `t` has open inside `until`, innermost first. Suspends where groups have children left. */
void weft__scope_close_inner(struct weft__task *t, weft_scope *until);

/* The same where the task's function has returned and left them open, which is reported in debug mode. */
void weft__scope_close_left(struct weft__task *t, weft_scope *until);

#endif
