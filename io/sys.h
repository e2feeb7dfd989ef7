/* SPDX-License-Identifier: MIT */
/* The seam for the system calls of io/: each may be made to fail by a test. They return -1 and set errno, as the calls do. */
#ifndef WEFT_IO_SYS_H
#define WEFT_IO_SYS_H

#ifndef _GNU_SOURCE
#error "accept4 needs _GNU_SOURCE before the first header"
#endif

#include <errno.h>
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

static inline int weft__sys_socket(int family, int type)
{
    return weft__sys_fails(WEFT__SEAM_SOCKET, EMFILE) ? -1 : socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* The new descriptor is non-blocking and closed on exec. */
static inline int weft__sys_accept(int fd)
{
    return weft__sys_fails(WEFT__SEAM_ACCEPT, EMFILE) ? -1 : accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline ssize_t weft__sys_recv(int fd, void *buffer, size_t size)
{
    return weft__sys_fails(WEFT__SEAM_RECV, EIO) ? -1 : recv(fd, buffer, size, 0);
}

static inline ssize_t weft__sys_send(int fd, const void *data, size_t size)
{
    return weft__sys_fails(WEFT__SEAM_SEND, EIO) ? -1 : send(fd, data, size, MSG_NOSIGNAL);
}

#endif
