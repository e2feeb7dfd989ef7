/* SPDX-License-Identifier: MIT */
/*
 * The task record, and the word that a waiting task and its wakers settle matters by.
 *
 * Life:   spawned (in a deque, no stack) -> running <-> parked, or ready in a queue -> ended (record reused)
 *
 * A task, the stack that it runs on, its scope and its group are separate things: a join runs a child above the
 * frames of its parent, on the parent's stack, and then `stack` of both is the same.
 *
 * The wait word is a sequence number and a phase. A wait is identified by its ticket, the number; a waker that comes
 * late has an old ticket and changes nothing. Records are never freed while the runtime lives, so it may look.
 *
 *      idle --prepare--> armed --after the switch--> parked        (idle --> parked at once, and from there back to armed: unsure.h)
 *       ^                  |                            |
 *       |                  +--claim (event|cancel|time)-+     exactly one claim wins: one compare-and-swap
 *       |                  v                            v
 *       +--next wait---- won                           won, and the claimer puts the task into a queue
 *
 * An armed task still runs on its stack: it finds that it has won and does not suspend, or whoever runs next on its worker
 * finds it, after the context has been saved (weft__worker_after_switch).
 */
#ifndef WEFT_SCHED_TASK_H
#define WEFT_SCHED_TASK_H

#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/scope.h>

#include "sched/list.h"
#include "sched/lock.h"

struct weft__held;
struct weft__stack;
struct weft__worker;

enum weft__phase {
    WEFT__IDLE,
    WEFT__ARMED,
    WEFT__PARKED,
    WEFT__WON_EVENT,
    WEFT__WON_CANCEL,
    WEFT__WON_TIME,
    WEFT__WON_GRANT, /* an event of a primitive of sync/, by sync/waiter.h */
    WEFT__PHASE_MASK = 7,
    WEFT__HELD = 8,    /* this wait is not to be cancelled */
    WEFT__UNSURE = 16, /* parked, and not looked at since whether it is cancelled (unsure.h) */
    WEFT__TICKET_UNIT = 32,
};

typedef uint64_t weft__ticket;

/* What a spawn asks for beside function and argument; all zero for most tasks. */
struct weft__task_kind {
    uint8_t level; /* enum weft__level */
    bool pinned;
    uint8_t stack_class; /* of the stack that it is promised (stack.h) */
};

/* Levels of the ready queue. The last is for tasks of the normal level that were made to yield. */
enum weft__level { WEFT__NORMAL, WEFT__HIGH, WEFT__LOW, WEFT__SPENT, WEFT__LEVELS };

static inline bool weft__kind_is_plain(struct weft__task_kind k)
{
    return (k.level | k.pinned | k.stack_class) == 0;
}

/* Whether all queues of its level are open to it. */
static inline bool weft__kind_is_usual(struct weft__task_kind k)
{
    return (k.level | k.pinned) == 0;
}

/* What only some tasks have, and their end has to look after: bits of `extras`. */
enum { WEFT__HAS_LOCALS = 1, WEFT__HAS_HELD = 2 };

struct weft__task {
    struct weft__task *next; /* in the inbox; the slab's while the record is free */

    /* One cache line with the above: all that a switch and a checkpoint touch. */
    struct weft__stack *stack; /* NULL before it first runs */
    weft_runtime *rt;
    weft_scope *scope; /* the innermost that is open: the group's own at first */
    weft_group *group;
    uint64_t seen_epoch; /* what the task knows of its own cancellation holds while the runtime's epoch is this */
    _Atomic uint64_t wait;
    struct weft__task_kind kind;
    uint8_t seen_canceled; /* 0: it is not; else it is, and how often it was told, as far as anybody counts (park.c) */
    _Atomic bool linked;   /* a canceller can find it; set when it first parks, under the group's lock (cancel.c) */
    uint8_t extras;        /* locals in its handle, which its children inherit; or it has held a lock */
    uint16_t home;         /* a pinned task's worker, once it has run */

    WEFT__ALIGNED _Atomic(weft_fn) fn; /* NULL: the record is free */
    void *arg;
    struct weft__link member;           /* of the group's; under its lock */
    _Atomic(struct weft_task *) handle; /* what only some tasks have (handle.h); NULL: nothing of it */

    struct weft__lock lock;      /* guards groups */
    _Atomic uint32_t slot;       /* numbers the record, once somebody has asked for an id; 0: nobody yet */
    struct weft__link *groups;   /* its groups that hold a linked task */
    _Atomic uint32_t generation; /* counts the tasks that have used this record */
    _Atomic uint32_t shield;     /* 1 + the depth of its innermost shield, or 0. Its own to write; read by cancellers */

    WEFT__ALIGNED unsigned char copy[WEFT_COPY_MAX]; /* of the argument, where the spawner asked for it */
    struct weft__held *held;                         /* the locks that it holds (held.h), its own */
};

/* Safe in a signal handler. */
uint64_t weft__task_id(struct weft__task *t);
uint64_t weft__task_id_in(weft_runtime *rt, struct weft__task *t); /* which may have ended */
weft_fn weft__task_fn(struct weft__task *t);                       /* as the spawner gave it */
const char *weft__task_name(struct weft__task *t);

_Static_assert(sizeof(struct weft__task) == 3 * WEFT__CACHE_LINE,
               "a task is two cache lines, and one for a copied argument and locks");

#endif
