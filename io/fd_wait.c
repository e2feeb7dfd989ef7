/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/* weft_fd_wait(): descriptors that weft does not own, armed afresh for each wait. */
#include "io/fd_wait.h"

#include <fcntl.h>

#include <weft/error.h>
#include <weft/fd.h>

#include "io/io.h"
#include "io/sys.h"
#include "sched/park.h"

static const int event_of[2] = {[WEFT__READ] = WEFT_READABLE, [WEFT__WRITE] = WEFT_WRITABLE};

/* Caller holds the lock. */
static void take_out(struct weft__descriptor *d, struct weft__fd_wait *wait)
{
    for (int dir = 0; dir < 2; dir++)
        if (d->foreign[dir] == wait)
            d->foreign[dir] = NULL;
}

/* Arms the descriptor for all who wait. Caller holds the lock. 0, 1 (always ready) or a code. */
static int arm(struct weft__descriptor *d)
{
    struct weft__io *io = d->io;
    struct epoll_event e = {.events = EPOLLONESHOT};

    if (d->foreign[WEFT__READ] != NULL)
        e.events |= EPOLLIN | EPOLLRDHUP;
    if (d->foreign[WEFT__WRITE] != NULL)
        e.events |= EPOLLOUT;
    /* A new generation for each arming: an event that was on its way for an earlier one is not meant. */
    e.data.u64 = weft__descriptor_tag(d->fd, A_ADD(&d->generation, 1, relaxed) + 1); /* relaxed: under the lock */
    if (weft__sys_epoll_ctl(io->epoll, EPOLL_CTL_MOD, d->fd, &e) == 0)
        return 0;
    /* The owner of the descriptor may have closed and reopened it, and then the set has forgotten it. */
    if (errno == ENOENT && weft__sys_epoll_ctl(io->epoll, EPOLL_CTL_ADD, d->fd, &e) == 0)
        return 0;
    return errno == EPERM ? 1 : -errno;
}

int weft__fd_wait_dispatch(struct weft__descriptor *d, uint32_t generation, uint32_t events)
{
    bool broken = events & (EPOLLERR | EPOLLHUP);
    bool came[2] = {broken || (events & (EPOLLIN | EPOLLRDHUP)), broken || (events & EPOLLOUT)};
    struct weft__fd_wait *done[2] = {NULL, NULL};
    int woken = 0, rc;

    weft__lock(&d->lock);
    if (A_LOAD(&d->generation, relaxed) != generation) {
        weft__unlock(&d->lock);
        return 0;
    }
    for (int dir = 0; dir < 2; dir++)
        if (came[dir] && d->foreign[dir] != NULL) {
            done[dir] = d->foreign[dir];
            done[dir]->ready |= event_of[dir];
        }
    for (int dir = 0; dir < 2; dir++)
        if (done[dir] != NULL) {
            take_out(d, done[dir]);
            /* A wait for both directions is claimed once; the second claim finds that it has been won. */
            woken += weft__unpark(done[dir]->task, done[dir]->ticket, WEFT__WON_EVENT);
            if (done[1] == done[dir])
                break;
        }
    /* The one shot is spent; somebody else may still wait. */
    if ((d->foreign[WEFT__READ] != NULL || d->foreign[WEFT__WRITE] != NULL) && (rc = arm(d)) < 0)
        weft__fd_wait_evict(d, rc);
    weft__unlock(&d->lock);
    return woken;
}

void weft__fd_wait_evict(struct weft__descriptor *d, int code)
{
    for (int dir = 0; dir < 2; dir++)
        if (d->foreign[dir] != NULL) {
            struct weft__fd_wait *wait = d->foreign[dir];

            wait->ready = code;
            take_out(d, wait);
            (void)weft__unpark(wait->task, wait->ticket, WEFT__WON_EVENT);
        }
}

/* Puts the wait into its slots and arms: 0, 1 (ready at once) or a code; nothing is left behind unless 0. */
static int start(struct weft__descriptor *d, struct weft__fd_wait *wait)
{
    int rc = 0;

    weft__lock(&d->lock);
    if (A_LOAD(&d->state, relaxed) & WEFT__OWNED) /* relaxed: written under the lock */
        rc = WEFT_EBUSY;
    for (int dir = 0; dir < 2; dir++)
        if ((wait->events & event_of[dir]) && d->foreign[dir] != NULL)
            rc = WEFT_EBUSY;
    if (rc == 0) {
        for (int dir = 0; dir < 2; dir++)
            if (wait->events & event_of[dir])
                d->foreign[dir] = wait;
        rc = arm(d);
        if (rc != 0)
            take_out(d, wait);
    }
    weft__unlock(&d->lock);
    return rc;
}

int weft__fd_wait_enter(struct weft__fd_wait *wait, int fd)
{
    struct weft__descriptor *d = weft__descriptor_get(wait->task->rt->io, fd);
    int rc;

    if (d == NULL)
        return fcntl(fd, F_GETFD) < 0 ? WEFT_EBADF : WEFT_ENOMEM;
    A_STORE(&d->io->in_use, true, relaxed); /* relaxed: as in weft__descriptor_open() */
    wait->descriptor = d;
    rc = start(d, wait);
    return rc > 0 ? wait->events : rc;
}

int weft__fd_wait_leave(struct weft__fd_wait *wait)
{
    struct weft__descriptor *d = wait->descriptor;

    /* Also where the event won: the dispatcher may still hold the lock, and this frame. */
    weft__lock(&d->lock);
    take_out(d, wait);
    weft__unlock(&d->lock);
    return wait->ready;
}

int weft_fd_wait(int fd, int events)
{
    struct weft__fd_wait wait = {.events = events};
    enum weft__phase won;
    int rc, ready;

    if ((wait.task = weft__task_self()) == NULL)
        return WEFT_ENOTASK;
    if (events == 0 || (events & ~(WEFT_READABLE | WEFT_WRITABLE)))
        return WEFT_EINVAL;
    if (fd < 0)
        return WEFT_EBADF;
    if ((rc = weft__enter(&wait.task)) < 0 || (rc = weft__park_prepare(wait.task, WEFT__CANCELABLE)) < 0)
        return rc;
    wait.ticket = weft__park_ticket(wait.task);
    if ((rc = weft__fd_wait_enter(&wait, fd)) != 0) {
        weft__park_abandon(wait.task);
        return rc;
    }
    won = weft__park(wait.task);
    ready = weft__fd_wait_leave(&wait);
    return won == WEFT__WON_EVENT ? ready : WEFT_ECANCELED;
}
