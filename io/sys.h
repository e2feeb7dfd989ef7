/* SPDX-License-Identifier: MIT */
/* The seam for the system calls of io/: each may be made to fail by a test. */
#ifndef WEFT_IO_SYS_H
#define WEFT_IO_SYS_H

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "sched/platform.h"

static inline bool weft__sys_fails(enum weft__seam what, int code)
{
    if (!weft__fault(what))
        return false;
    errno = code;
    return true;
}

/* The inline ones return -1 and set errno, as the calls do. */
static inline int weft__sys_epoll_create(void)
{
    return weft__sys_fails(WEFT__SEAM_EPOLL, EMFILE) ? -1 : epoll_create1(EPOLL_CLOEXEC);
}

static inline int weft__sys_epoll_ctl(int epoll, int op, int fd, struct epoll_event *e)
{
    return op != EPOLL_CTL_DEL && weft__sys_fails(WEFT__SEAM_EPOLL, ENOMEM) ? -1 : epoll_ctl(epoll, op, fd, e);
}

static inline int weft__sys_eventfd(void)
{
    return weft__sys_fails(WEFT__SEAM_EVENTFD, EMFILE) ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* These are called in loops that suspend, where the address of errno must not be kept: they return -errno, out of line. */
int weft__sys_socket(int family, int type);
int weft__sys_accept(int fd); /* the new descriptor is non-blocking and closed on exec */
ssize_t weft__sys_recv(int fd, void *buffer, size_t size);
ssize_t weft__sys_send(int fd, const void *data, size_t size);
int weft__sys_poll(int fd, short events); /* without waiting: what came of `events`, and POLLERR, POLLHUP, POLLNVAL */

#endif
