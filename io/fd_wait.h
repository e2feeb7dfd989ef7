/* SPDX-License-Identifier: MIT */
/*
 * A wait for a descriptor, alone (weft_fd_wait()) or as one of several things that end the same wait (select). The waiter arms its wait,
 * enters, parks, and leaves, whoever won. Knows nothing of the records of descriptors, for users outside of io/.
 */
#ifndef WEFT_IO_FD_WAIT_H
#define WEFT_IO_FD_WAIT_H

#include "sched/task.h"

struct weft__descriptor;

/* In the waiter's frame. It is in the slots of its record until the dispatcher or the waiter takes it out, under the record's lock. */
struct weft__fd_wait {
    struct weft__task *task; /* with ticket and events: the caller's to fill in, the rest zeroed */
    weft__ticket ticket;
    int events;
    int ready; /* what came: events, or a code */
    struct weft__descriptor *descriptor;
    bool owned; /* by weft */
};

/* Which of `events` are ready now: 0 for none, or a code. From any thread. */
int weft__fd_ready(int fd, int events);

/* Enters the wait of the calling task: 0, or the events that are ready at once, or a code; then it has not entered. Not for descriptors that
 * weft owns (WEFT_EBUSY). */
int weft__fd_wait_enter(struct weft__fd_wait *wait, int fd);

/* Takes one back that has entered: what has come, though another may have ended the wait; 0: nothing. */
int weft__fd_wait_leave(struct weft__fd_wait *wait);

/* The same for any descriptor. One that weft owns, and is about to close, ends the wait with WEFT_ECLOSED. */
int weft__fd_wait_enter_any(struct weft__fd_wait *wait, int fd);
int weft__fd_wait_leave_any(struct weft__fd_wait *wait);

#endif
