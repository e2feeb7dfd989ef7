/* SPDX-License-Identifier: MIT */
/*
 * Select: waiting for the first of several things to happen: an item, room for one, a time, a descriptor, the end of a
 * task, an event.
 *
 *     struct reply r;
 *     weft_case cases[] = {
 *         WEFT_RECV(replies, &r),
 *         WEFT_SEND(log, &line),
 *         WEFT_AFTER_MS(100),
 *         WEFT_JOIN(server),
 *     };
 *
 *     switch (weft_select(cases, 4)) {
 *     case 0:
 *         return use(&r);                             the reply, unless cases[0].result is WEFT_ECLOSED
 *     case 1:
 *         return next_line();
 *     case 2:
 *         return give_up();
 *     case 3:
 *         return restart();                           cases[3].result is what weft_task_join() would return
 *     default:
 *         return stop();                              a code: WEFT_ECANCELED
 *     }
 *
 * Rules
 *   - Exactly one case happens, and its index is returned, or none does, and a code is. What did not happen has left no
 *     trace: nothing was sent, nothing taken. What has happened is returned, whatever the scope of the caller has come
 *     to meanwhile; the next call then says WEFT_ECANCELED.
 *   - Where several can happen, weft_select() chooses one of them at random, each with the same chance, so that none is
 *     starved; weft_select_biased() the first in order. Where none can, both wait, and whatever comes first happens.
 *   - A case that can only fail happens too, and says so in its `result`: a channel that is closed, a bad descriptor.
 *   - A case is disabled by a NULL channel or event, a negative descriptor, WEFT_NEVER, or by being zeroed: it never
 *     happens. A select of such cases alone, or of none at all, waits until it is cancelled.
 *   - The same channel may stand in several cases, and to send as well as to receive: a select never gives an item to
 *     itself.
 *   - WEFT_DEFAULT happens where no other case can, so that the select does not wait. That no channel was ready is then
 *     true of all channels at one moment.
 *   - The cases are the caller's, and may be used for further selects as they are; only `result` of the one that
 *     happened is written. WEFT_AFTER_MS() counts from where the case is made.
 *
 * What a case names has to live until the select returns, and items to send keep their place and value. But whoever
 * learns that the case has happened may destroy its channel at once, as with a send or a receive, unless another case
 * of the select names it too.
 *
 * Select is for tasks; with WEFT_DEFAULT, when it waits for nothing, for any thread. A task reaches channels and events
 * of other runtimes too. Up to WEFT_SELECT_ON_STACK cases need no memory beside the stack. Time is linear in the number
 * of cases.
 */
#ifndef WEFT_SELECT_H
#define WEFT_SELECT_H

#include <stddef.h>

#include <weft/attr.h>
#include <weft/chan.h>
#include <weft/event.h>
#include <weft/fd.h>
#include <weft/task.h>
#include <weft/time.h>

WEFT_BEGIN_DECLS

/* 48 bytes (of 64-bit machines). Made by the macros below. Zeroed, it is disabled. */
typedef struct weft_case {
    int result; /* of the case that happened; see there */

    /* The rest is weft's. */
    int kind, fd, events;
    void *source, *in;
    const void *out;
    weft_time at;
} weft_case;

/* Takes the oldest item of `chan`, a weft_chan *, into `*item`. result: 0, or WEFT_ECLOSED (closed and drained). */
#define WEFT_RECV(chan, item) weft__case_recv((chan), (item))

/* Puts a copy of `*item` into `chan`. result: 0, or WEFT_ECLOSED. */
#define WEFT_SEND(chan, item) weft__case_send((chan), (item))

/* `ms` milliseconds from now have passed; at once for 0 or less. result: 0. */
#define WEFT_AFTER_MS(ms) weft__case_at(weft_after_ms(ms))

/* It is `time`, a weft_time, or later. result: 0. */
#define WEFT_AT(time) weft__case_at(time)

/* The task of the handle has ended. result: what weft_task_join() returns: its code, or WEFT_ETASKCANCELED; WEFT_ENOMEM
 * for NULL. */
#define WEFT_JOIN(task) weft__case_join(task)

/* `event`, a weft_event *, is set. result: 0. */
#define WEFT_EVENT(event) weft__case_event(event)

/*
 * The descriptor `fd` is ready for some of `events`, a union of WEFT_READABLE and WEFT_WRITABLE, as weft_fd_wait()
 * says; also one that weft owns, such as weft_stream_fd() of a stream, which is readable when weft_read() would not
 * wait. result: the events that are ready (> 0), or
 *   WEFT_EBADF   not an open descriptor        WEFT_EBUSY  another task waits for the same event of it, or another case does
 *   WEFT_ECLOSED weft owned it, and has closed it           WEFT_ENOMEM, -errno of epoll_ctl(2)
 * Do not close a descriptor that is not weft's while a select waits for it.
 */
#define WEFT_FD(fd, events) weft__case_fd((fd), (events))

/* No other case can happen now. result: 0. At most one in a select, anywhere. */
#define WEFT_DEFAULT weft__case_default()

/* Up to so many cases need no memory. */
#define WEFT_SELECT_ON_STACK 16

/*
 * Waits until one of `n` cases happens, and returns its index, or
 *   WEFT_ECANCELED  the caller is cancelled, and none has happened; also where one could have
 *   WEFT_EDEADLK    a case waits for the end of the calling task
 *   WEFT_EINVAL     a case of no kind, no event or an unknown one, no item, two of WEFT_DEFAULT, n is more than INT_MAX
 *   WEFT_ENOMEM     no memory for a timer, or for more than WEFT_SELECT_ON_STACK cases
 *   WEFT_ENOTASK    outside of a task, and without WEFT_DEFAULT
 * Suspends; with WEFT_DEFAULT it waits for nothing, but is a checkpoint all the same, and so may let others run first.
 */
WEFT_API WEFT_CHECK int weft_select(weft_case *cases, size_t n);

/* The same, but of the cases that can happen the first in order does. */
WEFT_API WEFT_CHECK int weft_select_biased(weft_case *cases, size_t n);

/* What the macros call: functions, so that types are checked, and initialisers are good C and C++. */

enum weft__case_kind {
    WEFT__CASE_DISABLED,
    WEFT__CASE_DEFAULT,
    WEFT__CASE_RECV,
    WEFT__CASE_SEND,
    WEFT__CASE_AT,
    WEFT__CASE_JOIN,
    WEFT__CASE_EVENT,
    WEFT__CASE_FD,
    WEFT__CASE_KINDS
};

static inline weft_case weft__case(int kind)
{
    weft_case c = {0, 0, 0, 0, NULL, NULL, NULL, 0};

    c.kind = kind;
    return c;
}

static inline weft_case weft__case_recv(weft_chan *chan, void *item)
{
    weft_case c = weft__case(WEFT__CASE_RECV);

    c.source = chan;
    c.in = item;
    return c;
}

static inline weft_case weft__case_send(weft_chan *chan, const void *item)
{
    weft_case c = weft__case(WEFT__CASE_SEND);

    c.source = chan;
    c.out = item;
    return c;
}

static inline weft_case weft__case_at(weft_time at)
{
    weft_case c = weft__case(WEFT__CASE_AT);

    c.at = at;
    return c;
}

static inline weft_case weft__case_join(weft_task *task)
{
    weft_case c = weft__case(WEFT__CASE_JOIN);

    c.source = task;
    return c;
}

static inline weft_case weft__case_event(weft_event *event)
{
    weft_case c = weft__case(WEFT__CASE_EVENT);

    c.source = event;
    return c;
}

static inline weft_case weft__case_fd(int fd, int events)
{
    weft_case c = weft__case(WEFT__CASE_FD);

    c.fd = fd;
    c.events = events;
    return c;
}

static inline weft_case weft__case_default(void)
{
    return weft__case(WEFT__CASE_DEFAULT);
}

WEFT_END_DECLS

#endif
