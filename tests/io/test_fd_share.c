/* SPDX-License-Identifier: MIT */
/* weft_fd_wait() where several tasks wait, where waits are cancelled, and where descriptors come and go. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/io.h"
#include "tests/io/fds.h"

static void begin(weft_group *g, struct net_call *call)
{
    call->begun = call->done = false;
    weft_spawn(g, net_call_fd_wait, call);
    net_await_begun(call);
}

TASK_TEST(fd_share, a_reader_and_a_writer_wait_for_one_socket)
{
    int fds[2];
    weft_group *g = weft_group_open(NULL);

    make_socketpair(fds);
    for (int i = 0; i < 10; i++) {
        struct net_call reader = {.fd = fds[0], .events = WEFT_READABLE};
        struct net_call writer = {.fd = fds[0], .events = WEFT_WRITABLE};
        bool reader_first = i % 2 == 0;

        fill(fds[0]);
        begin(g, reader_first ? &reader : &writer);
        begin(g, reader_first ? &writer : &reader);
        CHECK(!reader.done);
        CHECK(!writer.done);
        /* When one of them is woken, the other waits on. */
        if (i % 4 < 2) {
            CHECK_EQ(write(fds[1], "x", 1), 1);
            net_await_done(&reader);
            net_settle();
            CHECK(!writer.done);
            drain(fds[1]);
        } else {
            drain(fds[1]);
            net_await_done(&writer);
            net_settle();
            CHECK(!reader.done);
            CHECK_EQ(write(fds[1], "x", 1), 1);
        }
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(reader.result, WEFT_READABLE);
        CHECK_EQ(writer.result, WEFT_WRITABLE);
        drain(fds[0]);
    }
    weft_group_close(g);
    close_both(fds);
}

TASK_TEST(fd_share, one_that_is_ready_at_once_does_not_disarm_the_other)
{
    int fds[2];
    weft_group *g = weft_group_open(NULL);
    struct net_call reader = {.events = WEFT_READABLE};

    make_socketpair(fds);
    reader.fd = fds[0];
    for (int i = 0; i < 10; i++) {
        begin(g, &reader);
        for (int k = 0; k < 3; k++)
            CHECK_EQ(weft_fd_wait(fds[0], WEFT_WRITABLE), WEFT_WRITABLE);
        CHECK(!reader.done);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(reader.result, WEFT_READABLE);
        drain(fds[0]);
    }
    weft_group_close(g);
    close_both(fds);
}

TASK_TEST(fd_share, one_that_is_canceled_does_not_disarm_the_other)
{
    int fds[2];
    weft_group *g = weft_group_open(NULL);
    struct net_call reader = {.events = WEFT_READABLE};

    make_socketpair(fds);
    reader.fd = fds[0];
    fill(fds[0]);
    begin(g, &reader);
    CHECK_RC(wait_shortly(fds[0], WEFT_WRITABLE), WEFT_ETIMEDOUT);
    CHECK(!reader.done);
    drain(fds[1]);
    net_settle();
    CHECK(!reader.done);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(reader.result, WEFT_READABLE);
    weft_group_close(g);
    close_both(fds);
}

TASK_TEST(fd_share, a_second_waiter_for_an_event_is_refused)
{
    int fds[2];
    weft_group *g = weft_group_open(NULL);
    struct net_call calls[2] = {{.events = WEFT_READABLE}, {.events = WEFT_READABLE}};

    make_pipe(fds);
    for (int i = 0; i < 2; i++) {
        calls[i].fd = fds[0];
        weft_spawn(g, net_call_fd_wait, &calls[i]);
    }
    while (!calls[0].done && !calls[1].done)
        CHECK_OK(weft_sleep_ms(1));
    struct net_call *busy = calls[0].done ? &calls[0] : &calls[1];
    struct net_call *other = calls[0].done ? &calls[1] : &calls[0];
    CHECK_RC(busy->result, WEFT_EBUSY);
    net_settle();
    CHECK(!other->done);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(other->result, WEFT_READABLE);
    weft_group_close(g);
    close_both(fds);
}

TASK_TEST(fd_share, a_wait_for_both_events_takes_both_places)
{
    int fds[2];
    weft_group *g = weft_group_open(NULL);
    struct net_call both = {.events = BOTH};

    make_socketpair(fds);
    both.fd = fds[0];
    fill(fds[0]);
    weft_spawn(g, net_call_fd_wait, &both);
    /* Until it is in its places, we get the places and run out of time. */
    int rc;
    while ((rc = wait_shortly(fds[0], WEFT_READABLE)) == WEFT_ETIMEDOUT && !both.done)
        ;
    if (both.done) {
        CHECK_RC(both.result, WEFT_EBUSY);
    } else {
        CHECK_RC(rc, WEFT_EBUSY);
        CHECK_RC(weft_fd_wait(fds[0], WEFT_WRITABLE), WEFT_EBUSY);
        CHECK_RC(weft_fd_wait(fds[0], BOTH), WEFT_EBUSY);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(both.result, WEFT_READABLE);
    }
    weft_group_close(g);
    close_both(fds);
}

TASK_TEST(fd_share, a_canceled_wait_leaves_its_place)
{
    int fds[2];

    make_pipe(fds);
    for (int i = 0; i < 20; i++) {
        struct net_call call = {.fd = fds[0], .events = WEFT_READABLE};
        weft_group *g = weft_group_open(NULL);

        begin(g, &call);
        weft_group_close(g);
        CHECK_RC(call.result, WEFT_ECANCELED);
    }
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
    close_both(fds);
}

TASK_TEST(fd_share, a_descriptor_may_be_closed_and_reopened_between_waits)
{
    int first = -1;

    for (int i = 0; i < 60; i++) {
        int fds[2] = {-1, -1};

        if (i % 3 == 0) {
            make_pipe(fds);
        } else if (i % 3 == 1) {
            make_socketpair(fds);
        } else {
            fds[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
            fds[1] = dup(fds[0]);
        }
        if (i == 0)
            first = fds[0];
        CHECK_EQ(fds[0], first);
        if (i % 4 == 3) /* A wait that was cancelled leaves the set armed. */
            CHECK_RC(wait_shortly(fds[0], WEFT_READABLE), WEFT_ETIMEDOUT);
        CHECK_EQ(write(fds[1], "12345678", 8), 8);
        CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
        close_both(fds);
    }
}

TASK_TEST(fd_share, a_descriptor_replaced_by_dup2_is_waited_for)
{
    int fds[2], others[2];

    make_pipe(fds);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
    make_pipe(others);
    CHECK_EQ(dup2(others[0], fds[0]), fds[0]);
    CHECK_RC(wait_shortly(fds[0], WEFT_READABLE), WEFT_ETIMEDOUT);
    CHECK_EQ(write(others[1], "y", 1), 1);
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
    close_both(fds);
    close_both(others);
}

TASK_TEST(fd_share, a_number_goes_from_weft_to_others_and_back)
{
    for (int i = 0; i < 20; i++) {
        struct net_pair p = net_pair();
        int number = weft_stream_fd(p.client), fds[2];

        net_carry(p.client, p.server, "weft's");
        net_close(&p);
        make_pipe(fds);
        CHECK(fds[0] == number || fds[1] == number);
        if (i % 2 == 0)
            CHECK_RC(wait_shortly(fds[0], WEFT_READABLE), WEFT_ETIMEDOUT);
        CHECK_EQ(weft_fd_wait(fds[1], WEFT_WRITABLE), WEFT_WRITABLE);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
        close_both(fds);
    }
}

struct relay {
    int in, out;
};

/* Passes bytes on, one at a time, until the end. */
static int pass_on(void *arg)
{
    struct relay *r = arg;
    char byte;

    for (;;) {
        CHECK_EQ(weft_fd_wait(r->in, WEFT_READABLE), WEFT_READABLE);
        ssize_t n = read(r->in, &byte, 1);
        if (n < 0 && errno == EAGAIN)
            continue;
        if (n == 0)
            break;
        CHECK_EQ(n, 1);
        CHECK_EQ(weft_fd_wait(r->out, WEFT_WRITABLE), WEFT_WRITABLE);
        CHECK_EQ(write(r->out, &byte, 1), 1);
    }
    close(r->in);
    close(r->out);
    return 0;
}

TASK_TEST(fd_share, many_tasks_wait_for_many_pipes)
{
    enum { N = 50 };
    int fds[N + 1][2], last;
    struct relay relays[N];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i <= N; i++)
        make_pipe(fds[i]);
    for (int i = 0; i < N; i++) {
        relays[i] = (struct relay){.in = fds[i][0], .out = fds[i + 1][1]};
        weft_spawn(g, pass_on, &relays[i]);
    }
    CHECK_EQ(write(fds[0][1], "through", 7), 7);
    close(fds[0][1]);
    last = fds[N][0];
    for (int i = 0; i < 7;) {
        char byte;

        CHECK_EQ(weft_fd_wait(last, WEFT_READABLE), WEFT_READABLE);
        if (read(last, &byte, 1) == 1)
            CHECK_EQ(byte, "through"[i++]);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    close(last);
}

static _Atomic bool failing;

static bool fail_epoll(enum weft__seam what)
{
    return what == WEFT__SEAM_EPOLL && failing;
}

static void fail_to_arm(void)
{
    int fds[2];

    make_pipe(fds);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    failing = true;
    CHECK_RC(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_ENOMEM);
    failing = false;
    /* The failure has left nobody in the place. */
    CHECK_EQ(weft_fd_wait(fds[0], WEFT_READABLE), WEFT_READABLE);
    close_both(fds);
}

WEFT_TEST(fd_share, a_wait_that_cannot_be_armed_is_an_answer)
{
    A_STORE(&weft__fault_hook, fail_epoll, relaxed);
    net_run(fail_to_arm);
}
