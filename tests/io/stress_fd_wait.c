/* SPDX-License-Identifier: MIT */
/* weft_fd_wait() under load: pipes that are opened, waited for and closed by many tasks at once, with waits that are cut
 * short at random. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/io/net.h"

struct side {
    int fd;
    uint32_t random;
    size_t count; /* bytes to pass, and bytes passed so far */
    size_t done;
};

/* Waits with a deadline that may pass at any moment, or without one. */
static int wait_impatiently(struct side *s, int events)
{
    if (net_random(&s->random) % 2)
        return weft_fd_wait(s->fd, events);
    weft_scope *scope = weft_scope_open(weft_now() + net_random(&s->random) % 50000);
    return (int)weft_scope_close(scope, weft_fd_wait(s->fd, events));
}

static int write_side(void *arg)
{
    struct side *s = arg;
    unsigned char bytes[700];

    while (s->done < s->count) {
        size_t size = 1 + net_random(&s->random) % sizeof bytes;

        if (size > s->count - s->done)
            size = s->count - s->done;
        for (size_t i = 0; i < size; i++)
            bytes[i] = net_byte(s->done + i);
        ssize_t n = write(s->fd, bytes, size);
        if (n > 0) {
            s->done += (size_t)n;
            continue;
        }
        int rc = wait_impatiently(s, WEFT_WRITABLE);
        if (rc != WEFT_ETIMEDOUT)
            CHECK_EQ(rc, WEFT_WRITABLE);
    }
    return 0;
}

static int read_side(void *arg)
{
    struct side *s = arg;
    unsigned char bytes[700];

    while (s->done < s->count) {
        ssize_t n = read(s->fd, bytes, 1 + net_random(&s->random) % sizeof bytes);

        if (n > 0) {
            for (ssize_t i = 0; i < n; i++)
                CHECK_EQ(bytes[i], net_byte(s->done + (size_t)i));
            s->done += (size_t)n;
            continue;
        }
        CHECK_LT(n, 0);
        int rc = wait_impatiently(s, WEFT_READABLE);
        if (rc != WEFT_ETIMEDOUT)
            CHECK_EQ(rc, WEFT_READABLE);
    }
    return 0;
}

/* Both directions of one socket pair: a reader and a writer wait for each of its ends. */
static int pass_both_ways(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg;

    for (int i = 0; i < NET_SCALE(4, 15); i++) {
        struct side sides[4];
        weft_group *g = weft_group_open(NULL);
        int fds[2], size = 4096;

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
        for (int k = 0; k < 2; k++)
            CHECK_OK(setsockopt(fds[k], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
        for (int k = 0; k < 4; k++) {
            sides[k] = (struct side){.fd = fds[k / 2], .random = net_random(&random), .count = 40000};
            weft_spawn(g, k % 2 ? write_side : read_side, &sides[k]);
        }
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        close(fds[0]);
        close(fds[1]);
    }
    return 0;
}

/* Short-lived pipes, so that numbers are reused among the tasks and with what weft owns. */
static int open_and_close(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg;

    for (int i = 0; i < NET_SCALE(30, 200); i++) {
        struct side in = {.random = net_random(&random)};
        int fds[2], rc;
        char byte;

        if (net_random(&random) % 4 == 0) {
            struct net_pair p = net_pair();
            net_carry(p.client, p.server, "in between");
            net_close(&p);
        }
        CHECK_OK(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
        in.fd = fds[0];
        if (net_random(&random) % 2) {
            rc = wait_impatiently(&(struct side){.fd = fds[1], .random = in.random}, WEFT_WRITABLE);
            if (rc != WEFT_ETIMEDOUT)
                CHECK_EQ(rc, WEFT_WRITABLE);
        }
        CHECK_EQ(write(fds[1], "x", 1), 1);
        while ((rc = wait_impatiently(&in, WEFT_READABLE)) == WEFT_ETIMEDOUT)
            ;
        CHECK_EQ(rc, WEFT_READABLE);
        CHECK_EQ(read(fds[0], &byte, 1), 1);
        close(fds[0]);
        close(fds[1]);
    }
    return 0;
}

TASK_TEST(stress_fd_wait, pipes_and_sockets_come_and_go)
{
    weft_group *g = weft_group_open(NULL);

    for (uintptr_t i = 1; i <= 6; i++) {
        weft_spawn(g, pass_both_ways, (void *)i);
        weft_spawn(g, open_and_close, (void *)(i + 100));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
}
