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
 *      idle --prepare--> armed --after the switch--> parked
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

struct weft__stack;
struct weft__worker;

enum weft__phase {
    WEFT__IDLE,
    WEFT__ARMED,
    WEFT__PARKED,
    WEFT__WON_EVENT,
    WEFT__WON_CANCEL,
    WEFT__WON_TIME,
    WEFT__PHASE_MASK = 7,
    WEFT__HELD = 8, /* this wait is not to be cancelled */
    WEFT__TICKET_UNIT = 16,
};

typedef uint64_t weft__ticket;

struct weft__task {
    struct weft__task *next; /* in the inbox; the slab's while the record is free */
    weft_fn fn;
    void *arg;
    struct weft__stack *stack; /* NULL before it first runs */
    weft_group *group;
    weft_scope *scope; /* the innermost that is open: the group's own at first */
    weft_runtime *rt;

    /* What the task knows of its own cancellation: valid while the runtime's epoch is `seen_epoch`. */
    uint64_t seen_epoch;
    bool seen_canceled;

    /* The wait word. */
    _Atomic uint64_t wait;

    /* Where a canceller finds it; set once, when it first parks, under the group's lock (cancel.c). */
    _Atomic bool linked;
    struct weft__link member;

    /* Its groups that hold a linked task. */
    struct weft__lock lock;
    struct weft__list groups;
};

#endif
