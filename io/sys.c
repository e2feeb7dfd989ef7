/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sys.h"

int weft__sys_socket(int family, int type)
{
    int fd;

    if (weft__fault(WEFT__SEAM_SOCKET))
        return -EMFILE;
    fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int weft__sys_accept(int fd)
{
    if (weft__fault(WEFT__SEAM_ACCEPT))
        return -EMFILE;
    fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

ssize_t weft__sys_recv(int fd, void *buffer, size_t size)
{
    ssize_t n;

    if (weft__fault(WEFT__SEAM_RECV))
        return -EIO;
    n = recv(fd, buffer, size, 0);
    return n < 0 ? -errno : n;
}

ssize_t weft__sys_send(int fd, const void *data, size_t size)
{
    ssize_t n;

    if (weft__fault(WEFT__SEAM_SEND))
        return -EIO;
    n = send(fd, data, size, MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

int weft__sys_poll(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    int rc;

    if (weft__fault(WEFT__SEAM_EPOLL))
        return -ENOMEM;
    do
        rc = poll(&p, 1, 0);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : p.revents;
}
