/* SPDX-License-Identifier: MIT */
/* Select over descriptors: those of others, and those that weft owns. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "io/io.h"
#include "tests/io/fds.h"
#include "tests/sync/selects.h"

/* Waits until somebody waits for `fd` to be readable. */
static void await_waiting(int fd)
{
    struct weft__descriptor *d = weft__descriptor_get(weft__io_self(), fd);
    bool waits = false;

    CHECK_NOT_NULL(d);
    while (!waits) {
        CHECK_OK(weft_yield());
        weft__lock(&d->lock);
        waits = d->waiter[WEFT__READ].task != NULL || d->foreign[WEFT__READ] != NULL;
        weft__unlock(&d->lock);
    }
}

TASK_TEST(select_fd, one_that_is_ready_happens_with_its_events)
{
    int fds[2];

    make_socketpair(fds);
    weft_case cases[] = {WEFT_FD(fds[0], WEFT_READABLE), WEFT_FD(fds[0], WEFT_READABLE | WEFT_WRITABLE)};
    CHECK_EQ(weft_select(cases, 2), 1);
    CHECK_EQ(cases[1].result, WEFT_WRITABLE);
    fill(fds[0]);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    for (int i = 0; i < 20; i++) {
        int happened = weft_select(cases, 2);

        CHECK_GE(happened, 0);
        CHECK_EQ(cases[happened].result, WEFT_READABLE);
    }
    close_both(fds);
}

TASK_TEST(select_fd, one_that_becomes_ready_ends_the_wait)
{
    int fds[2];
    weft_chan *never = weft_chan_create(1, 0);
    char item;

    make_socketpair(fds);
    fill(fds[0]);
    for (int i = 0; i < 20; i++) {
        weft_group *g = weft_group_open(NULL);
        struct selecting s = {
            .n = 3, .cases = {WEFT_RECV(never, &item), WEFT_FD(fds[0], WEFT_READABLE), WEFT_FD(fds[0], WEFT_WRITABLE)}};

        selects_begin(g, &s);
        if (i % 2)
            CHECK_EQ(write(fds[1], "x", 1), 1);
        else
            drain(fds[1]);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_EQ(s.happened, i % 2 ? 1 : 2);
        CHECK_EQ(s.cases[s.happened].result, i % 2 ? WEFT_READABLE : WEFT_WRITABLE);
        drain(fds[0]);
        fill(fds[0]);
    }
    CHECK_OK(weft_chan_destroy(never));
    close_both(fds);
}

/* Whatever ends it, nothing of it is left in the descriptor's record: the next wait for the same event is not refused. */
TASK_TEST(select_fd, what_ended_by_other_means_has_left_the_descriptor)
{
    int fds[2];
    weft_chan *c = weft_chan_create(1, 1);
    char item = 'c';

    make_socketpair(fds);
    for (int i = 0; i < 10; i++) {
        weft_case cases[] = {WEFT_FD(fds[0], WEFT_READABLE), WEFT_AFTER_MS(1), WEFT_RECV(c, &item)};
        weft_scope *scope;

        CHECK_EQ(weft_select(cases, 2), 1);
        CHECK_OK(weft_chan_send(c, &item));
        CHECK_EQ(weft_select(cases + 2, 1), 0);
        scope = weft_scope_open(weft_after_ms(1));
        CHECK_RC(weft_scope_close(scope, weft_select(cases, 1)), WEFT_ETIMEDOUT);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
        drain(fds[0]);
    }
    CHECK_OK(weft_chan_destroy(c));
    close_both(fds);
}

TASK_TEST(select_fd, one_that_others_wait_for_is_busy_and_a_bad_one_is_told)
{
    int fds[2];
    weft_group *g = weft_group_open(NULL);
    struct net_call reader = {.events = WEFT_READABLE};

    make_socketpair(fds);
    reader.fd = fds[0];
    weft_spawn(g, net_call_fd_wait, &reader);
    await_waiting(reader.fd);
    weft_case cases[] = {WEFT_FD(fds[0], WEFT_READABLE), WEFT_AT(WEFT_NEVER)};
    CHECK_EQ(weft_select(cases, 2), 0);
    CHECK_RC(cases[0].result, WEFT_EBUSY);
    CHECK(!reader.done);
    weft_case twice[] = {WEFT_FD(fds[1], WEFT_READABLE), WEFT_FD(fds[1], WEFT_READABLE)};
    int happened = weft_select(twice, 2);
    CHECK_GE(happened, 0);
    CHECK_RC(twice[happened].result, WEFT_EBUSY);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(reader.result, WEFT_READABLE);
    close_both(fds);
    weft_case closed[] = {WEFT_AT(WEFT_NEVER), WEFT_FD(fds[0], WEFT_READABLE), WEFT_DEFAULT};
    CHECK_EQ(weft_select(closed, 2), 1);
    CHECK_RC(closed[1].result, WEFT_EBADF);
    CHECK_EQ(weft_select(closed, 3), 1);
}

TASK_TEST(select_fd, the_default_happens_where_no_descriptor_is_ready)
{
    int fds[2];

    make_socketpair(fds);
    weft_case cases[] = {WEFT_FD(fds[0], WEFT_READABLE), WEFT_DEFAULT};
    CHECK_EQ(weft_select(cases, 2), 1);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(weft_select(cases, 2), 0);
    CHECK_EQ(cases[0].result, WEFT_READABLE);
    close_both(fds);
}

TASK_TEST(select_fd, a_regular_file_is_always_ready)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    CHECK_GE(fd, 0);
    weft_case cases[] = {WEFT_AT(WEFT_NEVER), WEFT_FD(fd, WEFT_READABLE)};
    CHECK_EQ(weft_select(cases, 2), 1);
    CHECK_EQ(cases[1].result, WEFT_READABLE);
    CHECK_OK(close(fd));
}

TASK_TEST(select_fd, a_stream_is_readable_when_a_read_would_not_wait)
{
    struct net_pair p = net_pair();

    for (int i = 0; i < 30; i++) {
        char byte = 0;
        weft_group *g = weft_group_open(NULL);
        weft_case now[] = {WEFT_FD(weft_stream_fd(p.server), WEFT_READABLE), WEFT_DEFAULT};
        struct selecting s = {.n = 2, .cases = {now[0], WEFT_AT(WEFT_NEVER)}};

        CHECK_EQ(weft_select(now, 2), 1);
        if (i % 2)
            selects_begin(g, &s);
        CHECK_EQ(weft_write(p.client, "x", 1), 1);
        if (!(i % 2))
            weft_spawn(g, selects, &s);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_EQ(s.happened, 0);
        CHECK_EQ(s.cases[0].result, WEFT_READABLE);
        /* No more than there is: the stream does not learn that it has been emptied, but from the kernel. */
        CHECK_EQ(weft_read(p.server, &byte, 1), 1);
        CHECK_EQ(byte, 'x');
    }
    net_close(&p);
}

TASK_TEST(select_fd, a_stream_is_writable_once_its_peer_has_read)
{
    struct net_pair p = net_tight_pair();
    weft_group *g = weft_group_open(NULL);
    static char buffer[1 << 16];

    net_fill(p.client);
    struct selecting s = {
        .n = 2,
        .cases = {WEFT_FD(weft_stream_fd(p.client), WEFT_WRITABLE), WEFT_FD(weft_stream_fd(p.client), WEFT_READABLE)}};
    selects_begin(g, &s);
    while (!s.done) {
        /* Not by a read alone: it would wait for ever where the select has ended, but could not say so yet. */
        weft_case more[] = {WEFT_FD(weft_stream_fd(p.server), WEFT_READABLE), WEFT_AFTER_MS(1)};

        if (weft_select(more, 2) == 0)
            CHECK_GT(weft_read(p.server, buffer, sizeof buffer), 0);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(s.happened, 0);
    CHECK_EQ(s.cases[0].result, WEFT_WRITABLE);
    net_close(&p);
}

TASK_TEST(select_fd, closing_a_stream_ends_the_select)
{
    struct net_pair p = net_pair();
    weft_group *g = weft_group_open(NULL);
    int fd = weft_stream_fd(p.server);
    struct selecting s = {.n = 2, .cases = {WEFT_AT(WEFT_NEVER), WEFT_FD(fd, WEFT_READABLE)}};

    selects_begin(g, &s);
    await_waiting(fd);
    weft_stream_close(p.server);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(s.happened, 1);
    CHECK_RC(s.cases[1].result, WEFT_ECLOSED);
    weft_stream_close(p.client);
}

TASK_TEST(select_fd, a_stream_that_is_read_is_busy_and_is_read_on)
{
    struct net_pair p = net_pair();
    weft_group *g = weft_group_open(NULL);
    char buffer[4];
    struct net_call reader = {.stream = p.server, .buffer = buffer, .size = sizeof buffer};
    weft_case cases[] = {WEFT_AT(WEFT_NEVER), WEFT_FD(weft_stream_fd(p.server), WEFT_READABLE)};
    weft_scope *scope;

    weft_spawn(g, net_call_read, &reader);
    await_waiting(weft_stream_fd(p.server));
    CHECK_EQ(weft_select(cases, 2), 1);
    CHECK_RC(cases[1].result, WEFT_EBUSY);
    CHECK(!reader.done);
    CHECK_EQ(weft_write(p.client, "x", 1), 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(reader.result, 1);
    /* And a select that was cut short has left the place of the reader. */
    for (int i = 0; i < 5; i++) {
        scope = weft_scope_open(weft_after_ms(1));
        CHECK_RC(weft_scope_close(scope, weft_select(cases, 2)), WEFT_ETIMEDOUT);
        net_carry(p.client, p.server, "hello");
    }
    net_close(&p);
}

TASK_TEST(select_fd, a_stream_is_closed_for_good_whatever_a_select_has_made_of_it)
{
    int before = net_descriptors();

    for (int i = 0; i < 5; i++) {
        struct net_pair p = net_pair();
        int fd = weft_stream_fd(p.server);
        weft_case late[] = {WEFT_FD(fd, WEFT_READABLE), WEFT_AFTER_MS(1)};
        weft_case twice[] = {WEFT_FD(fd, WEFT_READABLE), WEFT_FD(fd, WEFT_READABLE)};
        int happened = weft_select(late, 2);

        CHECK_EQ(happened, 1);
        happened = weft_select(twice, 2);
        CHECK_GE(happened, 0);
        CHECK_RC(twice[happened].result, WEFT_EBUSY);
        CHECK_EQ(weft_write(p.client, "x", 1), 1);
        CHECK_EQ(weft_select(late, 1), 0);
        net_close(&p);
        CHECK_EQ(net_descriptors(), before);
    }
}
