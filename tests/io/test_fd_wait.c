/* SPDX-License-Identifier: MIT */
/* weft_fd_wait(): kinds of descriptors, what it returns, and what it refuses. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/io/fds.h"

TASK_TEST(fd_wait, a_pipe_becomes_readable)
{
    int fds[2];
    weft_group *g = weft_group_open(NULL);

    make_pipe(fds);
    for (int i = 0; i < 20; i++) {
        struct net_call call = {.fd = fds[0], .events = WEFT_READABLE};

        weft_spawn(g, net_call_fd_wait, &call);
        net_await_begun(&call);
        CHECK(!call.done);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(call.result, WEFT_READABLE);
        drain(fds[0]);
    }
    weft_group_close(g);
    close_both(fds);
}

TASK_TEST(fd_wait, a_pipe_becomes_writable)
{
    int fds[2];
    weft_group *g = weft_group_open(NULL);

    make_pipe(fds);
    for (int i = 0; i < 5; i++) {
        struct net_call call = {.fd = fds[1], .events = WEFT_WRITABLE};

        fill(fds[1]);
        CHECK_RC(wait_shortly(fds[1], WEFT_WRITABLE), WEFT_ETIMEDOUT);
        weft_spawn(g, net_call_fd_wait, &call);
        net_await_begun(&call);
        CHECK(!call.done);
        drain(fds[0]);
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(call.result, WEFT_WRITABLE);
    }
    weft_group_close(g);
    close_both(fds);
}

TASK_TEST(fd_wait, readiness_is_a_level_and_not_an_edge)
{
    int fds[2];
    char byte;

    make_pipe(fds);
    CHECK_EQ(write(fds[1], "xyz", 3), 3);
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++)
            CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
        CHECK_EQ(read(fds[0], &byte, 1), 1);
    }
    CHECK_RC(wait_shortly(fds[0], WEFT_READABLE), WEFT_ETIMEDOUT);
    for (int k = 0; k < 3; k++)
        CHECK_EQ(weft_fd_wait(fds[1], WEFT_WRITABLE), WEFT_WRITABLE);
    close_both(fds);
}

TASK_TEST(fd_wait, both_events_are_told_when_both_have_come)
{
    int fds[2];

    make_socketpair(fds);
    CHECK_EQ(weft_fd_wait(fds[0], BOTH), WEFT_WRITABLE);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(weft_fd_wait(fds[0], BOTH), BOTH);
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_WRITABLE), WEFT_WRITABLE);
    fill(fds[0]);
    CHECK_EQ(weft_fd_wait(fds[0], BOTH), WEFT_READABLE);
    close_both(fds);
}

TASK_TEST(fd_wait, a_hang_up_is_all_that_was_asked_for)
{
    int fds[2];

    make_pipe(fds);
    close(fds[1]);
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_WRITABLE), WEFT_WRITABLE);
    CHECK_EQ(weft_fd_wait(fds[0], BOTH), BOTH);
    close(fds[0]);

    make_pipe(fds);
    fill(fds[1]);
    close(fds[0]);
    CHECK_EQ(weft_fd_wait(fds[1], WEFT_READABLE), WEFT_READABLE);
    CHECK_EQ(weft_fd_wait(fds[1], BOTH), BOTH);
    close(fds[1]);

    make_socketpair(fds);
    fill(fds[0]);
    close(fds[1]);
    CHECK_EQ(weft_fd_wait(fds[0], BOTH), BOTH);
    close(fds[0]);
}

TASK_TEST(fd_wait, a_hang_up_wakes_whoever_waits)
{
    int fds[2];
    weft_group *g = weft_group_open(NULL);

    make_socketpair(fds);
    fill(fds[0]);
    struct net_call reader = {.fd = fds[0], .events = WEFT_READABLE}, writer = {.fd = fds[0], .events = WEFT_WRITABLE};
    weft_spawn(g, net_call_fd_wait, &reader);
    weft_spawn(g, net_call_fd_wait, &writer);
    net_await_begun(&reader);
    net_await_begun(&writer);
    close(fds[1]);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(reader.result, WEFT_READABLE);
    CHECK_EQ(writer.result, WEFT_WRITABLE);
    weft_group_close(g);
    close(fds[0]);
}

TASK_TEST(fd_wait, the_peers_half_close_is_readable)
{
    int fds[2];

    make_socketpair(fds);
    CHECK_OK(shutdown(fds[1], SHUT_WR));
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
    CHECK_EQ(weft_fd_wait(fds[0], BOTH), BOTH);
    fill(fds[0]);
    CHECK_RC(wait_shortly(fds[0], WEFT_WRITABLE), WEFT_ETIMEDOUT);
    close_both(fds);
}

TASK_TEST(fd_wait, an_eventfd_and_a_timerfd_and_an_epoll_set_become_readable)
{
    int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), set = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec in_5_ms = {.it_value = {.tv_nsec = 5000000}};
    struct epoll_event e = {.events = EPOLLIN};
    uint64_t value = 3;

    CHECK_RC(wait_shortly(event, WEFT_READABLE), WEFT_ETIMEDOUT);
    CHECK_EQ(weft_fd_wait(event, WEFT_WRITABLE), WEFT_WRITABLE);
    CHECK_OK(epoll_ctl(set, EPOLL_CTL_ADD, event, &e));
    CHECK_RC(wait_shortly(set, WEFT_READABLE), WEFT_ETIMEDOUT);
    CHECK_EQ(write(event, &value, sizeof value), sizeof value);
    CHECK_EQ(weft_fd_wait(event, WEFT_READABLE), WEFT_READABLE);
    CHECK_EQ(weft_fd_wait(set, WEFT_READABLE), WEFT_READABLE);
    CHECK_OK(timerfd_settime(timer, 0, &in_5_ms, NULL));
    CHECK_EQ(weft_fd_wait(timer, WEFT_READABLE), WEFT_READABLE);
    CHECK_EQ(read(timer, &value, sizeof value), sizeof value);
    close(set);
    close(timer);
    close(event);
}

TASK_TEST(fd_wait, a_regular_file_is_always_ready)
{
    char path[] = "/tmp/weft-test-XXXXXX";
    int fd = mkstemp(path);

    CHECK_GE(fd, 0);
    CHECK_OK(unlink(path));
    CHECK_EQ(weft_fd_wait(fd, WEFT_READABLE), WEFT_READABLE);
    CHECK_EQ(weft_fd_wait(fd, WEFT_WRITABLE), WEFT_WRITABLE);
    CHECK_EQ(weft_fd_wait(fd, BOTH), BOTH);
    close(fd);
}

TASK_TEST(fd_wait, no_event_and_unknown_events_are_refused)
{
    static const int events[] = {0, 4, 8 | WEFT_READABLE, -1, BOTH + 1};
    int fds[2];

    make_pipe(fds);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        CHECK_RC(weft_fd_wait(fds[0], events[i]), WEFT_EINVAL);
    CHECK_RC(weft_fd_wait(-1, 0), WEFT_EINVAL);
    close_both(fds);
}

TASK_TEST(fd_wait, what_is_no_open_descriptor_is_refused)
{
    static const int never[] = {-1, -2, INT32_MIN, 100000, 4194303};
    int fds[2];

    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        CHECK_RC(weft_fd_wait(never[i], WEFT_READABLE), WEFT_EBADF);
    make_pipe(fds);
    CHECK_EQ(weft_fd_wait(fds[1], WEFT_WRITABLE), WEFT_WRITABLE);
    close_both(fds);
    CHECK_RC(weft_fd_wait(fds[1], WEFT_WRITABLE), WEFT_EBADF);
    CHECK_RC(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_EBADF);
}

TASK_TEST(fd_wait, a_number_that_no_descriptor_can_have_is_refused)
{
    CHECK_RC(weft_fd_wait(4194304, WEFT_READABLE), WEFT_EBADF);
    CHECK_RC(weft_fd_wait(INT32_MAX, WEFT_READABLE), WEFT_EBADF);
}

TASK_TEST(fd_wait, a_descriptor_of_wefts_is_busy)
{
    struct net_pair p = net_pair();

    CHECK_EQ(weft_write(p.client, "x", 1), 1);
    CHECK_RC(weft_fd_wait(weft_stream_fd(p.server), WEFT_READABLE), WEFT_EBUSY);
    CHECK_RC(weft_fd_wait(weft_stream_fd(p.server), WEFT_WRITABLE), WEFT_EBUSY);
    net_carry(p.server, p.client, "not disturbed");
    net_close(&p);
}

TASK_TEST(fd_wait, a_canceled_scope_does_not_wait)
{
    weft_scope *scope = weft_scope_open(0);
    int fds[2];

    make_pipe(fds);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_OK(weft_scope_cancel(scope));
    for (int i = 0; i < 3; i++)
        CHECK_RC(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
    close_both(fds);
}

TASK_TEST(fd_wait, a_deadline_ends_the_wait)
{
    int fds[2];

    make_pipe(fds);
    for (int i = 0; i < 3; i++) {
        weft_time begin = weft_now();

        CHECK_RC(wait_shortly(fds[0], WEFT_READABLE), WEFT_ETIMEDOUT);
        CHECK_GE(weft_now() - begin, 20 * 1000000);
    }
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(wait_shortly(fds[0], WEFT_READABLE), WEFT_READABLE);
    close_both(fds);
}

WEFT_TEST(fd_wait, needs_a_task)
{
    CHECK_RC(weft_fd_wait(0, WEFT_READABLE), WEFT_ENOTASK);
}
