/* SPDX-License-Identifier: MIT */
/* Descriptors that weft does not own, as the tests of weft_fd_wait() use them. Includers define _GNU_SOURCE first. */
#ifndef WEFT_TESTS_IO_FDS_H
#define WEFT_TESTS_IO_FDS_H

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/io/net.h"

#define BOTH (WEFT_READABLE | WEFT_WRITABLE)

static inline void make_pipe(int fds[2])
{
    CHECK_OK(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
}

static inline void make_socketpair(int fds[2])
{
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
}

static inline void close_both(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

/* Writes until there is no room. */
static inline void fill(int fd)
{
    static const char zeros[4096];

    while (write(fd, zeros, sizeof zeros) > 0)
        ;
    while (write(fd, zeros, 1) > 0)
        ;
}

static inline void drain(int fd)
{
    char buffer[4096];

    while (read(fd, buffer, sizeof buffer) > 0)
        ;
}

/* What a wait of at most 20 ms returns. */
static inline int wait_shortly(int fd, int events)
{
    weft_scope *scope = weft_scope_open(weft_after_ms(20));

    return (int)weft_scope_close(scope, weft_fd_wait(fd, events));
}

#endif
