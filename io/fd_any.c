/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/* Waiting for any descriptor beside other things: also for those that weft owns, whose readiness is kept in flags. */
#include "io/fd_wait.h"

#include <weft/error.h>
#include <weft/fd.h>

#include "io/io.h"
#include "io/sys.h"
#include "sched/park.h"

static const struct {
    int event;
    unsigned flags;
} directions[2] = {[WEFT__READ] = {WEFT_READABLE, WEFT__CAN_READ}, [WEFT__WRITE] = {WEFT_WRITABLE, WEFT__CAN_WRITE}};

int weft__fd_ready(int fd, int events)
{
    bool in = events & WEFT_READABLE, out = events & WEFT_WRITABLE;
    int came = weft__sys_poll(fd, (short)((in ? POLLIN | POLLRDHUP : 0) | (out ? POLLOUT : 0)));

    if (came < 0)
        return came;
    if (came & POLLNVAL)
        return WEFT_EBADF;
    if (came & (POLLERR | POLLHUP))
        return events;
    return (came & (POLLIN | POLLRDHUP) ? WEFT_READABLE : 0) | (came & POLLOUT ? WEFT_WRITABLE : 0);
}

/* One try: 0 and it is in the slots, 1 where flags of `*seen` say that something is ready, or a code. */
static int enter_slots(struct weft__descriptor *d, struct weft__fd_wait *wait, unsigned wanted, uint64_t *seen)
{
    int rc = 0;

    weft__lock(&d->lock);
    *seen = A_LOAD(&d->state, acquire); /* pairs with dispatch; the lock orders it with wake() */
    if (*seen & WEFT__CLOSING)
        rc = WEFT_ECLOSED;
    else if (*seen & wanted)
        rc = 1;
    for (int dir = 0; rc == 0 && dir < 2; dir++)
        if ((wait->events & directions[dir].event) && d->waiter[dir].task != NULL)
            rc = WEFT_EBUSY;
    for (int dir = 0; rc == 0 && dir < 2; dir++)
        if (wait->events & directions[dir].event)
            d->waiter[dir] = (struct weft__descriptor_waiter){wait->task, wait->ticket};
    weft__unlock(&d->lock);
    return rc;
}

/* Inside an operation. */
static int enter_owned(struct weft__descriptor *d, struct weft__fd_wait *wait)
{
    unsigned wanted = 0;

    for (int dir = 0; dir < 2; dir++)
        wanted |= wait->events & directions[dir].event ? directions[dir].flags : 0;
    for (;;) {
        uint64_t seen;
        int rc = enter_slots(d, wait, wanted, &seen);

        /* A flag may be left from what has been read since: nobody has met EAGAIN. So the kernel is asked. */
        if (rc <= 0 || (rc = weft__fd_ready(d->fd, wait->events)) != 0)
            return rc;
        weft__descriptor_drained(d, seen, wanted);
    }
}

static int leave_owned(struct weft__fd_wait *wait)
{
    struct weft__descriptor *d = wait->descriptor;
    int ready = 0;

    weft__lock(&d->lock);
    for (int dir = 0; dir < 2; dir++) {
        struct weft__descriptor_waiter *slot = &d->waiter[dir];

        if (!(wait->events & directions[dir].event))
            continue;
        if (slot->task == wait->task && slot->ticket == wait->ticket)
            slot->task = NULL;
        else
            ready |= directions[dir].event;
    }
    if (ready != 0 && (A_LOAD(&d->state, relaxed) & WEFT__CLOSING)) /* relaxed: seen by who took the slot */
        ready = WEFT_ECLOSED;
    weft__unlock(&d->lock);
    weft__descriptor_leave(d);
    return ready;
}

int weft__fd_wait_enter_any(struct weft__fd_wait *wait, int fd)
{
    struct weft__descriptor *d = weft__descriptor_find(wait->task->rt->io, fd);
    int rc;

    if (d == NULL ||
        !(A_LOAD(&d->state, relaxed) & WEFT__OWNED)) /* relaxed: the caller knows of the owner by other means */
        return weft__fd_wait_enter(wait, fd);
    if ((rc = weft__descriptor_enter(d)) < 0)
        return rc;
    wait->descriptor = d;
    wait->owned = true;
    rc = enter_owned(d, wait);
    if (rc != 0)
        weft__descriptor_leave(d);
    return rc;
}

int weft__fd_wait_leave_any(struct weft__fd_wait *wait)
{
    return wait->owned ? leave_owned(wait) : weft__fd_wait_leave(wait);
}
