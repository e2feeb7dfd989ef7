/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/* weft_fd_wait(): descriptors that weft does not own, armed afresh for each wait. */
#include <fcntl.h>

#include <weft/error.h>
#include <weft/fd.h>

#include "io/io.h"
#include "io/sys.h"
#include "sched/park.h"

/* A wait; on the stack of the task that waits. It is in the slots of its record until the dispatcher or the task
 * takes it out, under the record's lock. */
struct weft__fd_wait {
    struct weft__task *task;
    weft__ticket ticket;
    int events;
    int ready; /* what came: events, or a code */
};

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

int weft_fd_wait(int fd, int events)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    struct weft__fd_wait wait = {.task = t, .events = events};
    struct weft__descriptor *d;
    enum weft__phase won;
    int rc;

    if (t == NULL)
        return WEFT_ENOTASK;
    if (events == 0 || (events & ~(WEFT_READABLE | WEFT_WRITABLE)))
        return WEFT_EINVAL;
    if (fd < 0)
        return WEFT_EBADF;
    if ((rc = weft__checkpoint(w, t)) < 0)
        return rc;
    if ((d = weft__descriptor_get(t->rt->io, fd)) == NULL)
        return fcntl(fd, F_GETFD) < 0 ? WEFT_EBADF : WEFT_ENOMEM;
    A_STORE(&d->io->in_use, true, relaxed); /* relaxed: as in weft__descriptor_open() */
    if ((rc = weft__park_prepare(t, WEFT__CANCELABLE)) < 0)
        return rc;
    wait.ticket = weft__park_ticket(t);
    if ((rc = start(d, &wait)) != 0) {
        weft__park_abandon(t);
        return rc > 0 ? events : rc;
    }
    won = weft__park(t);
    /* Also where the event won: the dispatcher may still hold the lock, and this frame. */
    weft__lock(&d->lock);
    take_out(d, &wait);
    weft__unlock(&d->lock);
    return won == WEFT__WON_EVENT ? wait.ready : WEFT_ECANCELED;
}
