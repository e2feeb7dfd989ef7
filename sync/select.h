/* SPDX-License-Identifier: MIT */
/* What the files of select share: one select, and what each kind of case needs in the waiter's frame. */
#ifndef WEFT_SYNC_SELECT_H
#define WEFT_SYNC_SELECT_H

#include <weft/select.h>

#include "io/fd_wait.h"
#include "sched/handle.h"
#include "sync/chan.h"
#include "sync/event.h"

/* Of each case. */
struct weft__select_node {
    union {
        struct weft__waiter waiter; /* of an event, and the first member of the next */
        struct weft__chan_waiter chan;
        struct weft__handle_waiter task;
        struct weft__fd_wait fd;
    } wait;
    /* Not of this case, but entries of two lists that have as many places. */
    weft_chan *channel; /* the channels by address, with those that stand in several cases */
    int turn;           /* the cases in the order in which they are looked at */
    bool entered;       /* of this case again: it is in a queue, or was */
};

struct weft__select {
    weft_case *cases;
    struct weft__select_node *nodes;
    struct weft__task *task; /* NULL: a thread, which does not wait */
    weft__ticket ticket;
    int n, channels;
    int otherwise;   /* the default case; -1: none */
    uint32_t random; /* 0: the cases are looked at in order */
    weft_time now;   /* once a case has needed it */
};

/* All but channels (select_case.c). */

/* Whether the case has come about, with its result. Does not wait; under the locks of channels where `locked`, when
 * descriptors are left out. */
bool weft__select_look(struct weft__select *s, weft_case *c, bool locked);

/* Enters the case in what it waits for, with the armed ticket of `s`. True: it has come about, with `*result`, and has
 * not entered. */
bool weft__select_enter(struct weft__select *s, int i, int *result);

/* Takes one that has entered back, under the lock of those who would claim it. True: it has come about meanwhile, with
 * `*result`; never so for an event, whose claim says WEFT__WON_GRANT. */
bool weft__select_leave(struct weft__select *s, int i, int *result);

static inline weft_chan *weft__select_channel(const weft_case *c)
{
    return c->kind == WEFT__CASE_RECV || c->kind == WEFT__CASE_SEND ? (weft_chan *)c->source : NULL;
}

/* Whether it waits by a struct weft__waiter. */
static inline bool weft__select_is_waiter(const weft_case *c)
{
    return weft__select_channel(c) != NULL || c->kind == WEFT__CASE_EVENT;
}

#endif
