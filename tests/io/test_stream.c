/* SPDX-License-Identifier: MIT */
/* Reading and writing where nobody has to wait for long, the ends of streams, and their options. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/io/net.h"

TASK_TEST(stream, a_read_returns_what_is_there)
{
    struct net_pair p = net_pair();
    char buffer[64];

    CHECK_EQ(weft_write(p.client, "hello", 5), 5);
    CHECK_EQ(weft_read(p.server, buffer, sizeof buffer), 5);
    CHECK_MEM_EQ(buffer, "hello", 5);
    CHECK_EQ(weft_write(p.client, "hello", 5), 5);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(weft_read(p.server, buffer, 1), 1);
        CHECK_EQ(buffer[0], "hello"[i]);
    }
    net_carry(p.client, p.server, "and more after that");
    net_close(&p);
}

TASK_TEST(stream, no_bytes_are_read_and_written_at_once)
{
    struct net_pair p = net_pair();
    size_t done = 7;

    CHECK_EQ(weft_read(p.server, NULL, 0), 0);
    CHECK_EQ(weft_write(p.server, NULL, 0), 0);
    CHECK_EQ(weft_write_all(p.server, NULL, 0), 0);
    CHECK_EQ(weft_write_all_counted(p.server, NULL, 0, &done), 0);
    CHECK_EQ(done, 0);
    net_close(&p);
}

TASK_TEST(stream, the_peers_end_comes_after_its_bytes)
{
    struct net_pair p = net_pair();
    char buffer[64];

    CHECK_EQ(weft_write_all(p.client, "last words", 10), 10);
    weft_stream_close(p.client);
    CHECK_EQ(net_read_to_end(p.server, buffer, sizeof buffer), 10);
    CHECK_MEM_EQ(buffer, "last words", 10);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(weft_read(p.server, buffer, sizeof buffer), 0);
    weft_stream_close(p.server);
}

TASK_TEST(stream, a_short_read_does_not_hide_the_end)
{
    /* The end may arrive before, during or after the read of the bytes that precede it. */
    for (int i = 0; i < NET_SCALE(50, 300); i++) {
        struct net_pair p = net_pair();
        char buffer[64];

        CHECK_EQ(weft_write(p.client, "bye", 3), 3);
        if (i % 3 == 0)
            CHECK_OK(weft_yield());
        weft_stream_close(p.client);
        if (i % 3 == 1)
            CHECK_OK(weft_yield());
        CHECK_EQ(net_read_to_end(p.server, buffer, sizeof buffer), 3);
        weft_stream_close(p.server);
    }
}

TASK_TEST(stream, reading_after_a_reset_is_an_error)
{
    struct net_pair p = net_pair();
    char byte;

    CHECK_OK(weft_stream_reset_on_close(p.client, true));
    weft_stream_close(p.client);
    CHECK_RC(weft_read(p.server, &byte, 1), WEFT_ECONNRESET);
    /* The error is told once; after it, the stream is at its end. */
    CHECK_EQ(weft_read(p.server, &byte, 1), 0);
    weft_stream_close(p.server);
}

TASK_TEST(stream, closing_with_bytes_unread_resets_the_peer)
{
    struct net_pair p = net_pair();
    char byte;

    CHECK_EQ(weft_write(p.client, "unread", 6), 6);
    CHECK_EQ(weft_read(p.server, &byte, 1), 1);
    weft_stream_close(p.server);
    CHECK_RC(weft_read(p.client, &byte, 1), WEFT_ECONNRESET);
    weft_stream_close(p.client);
}

TASK_TEST(stream, writing_to_a_peer_that_has_gone_is_an_error_and_no_signal)
{
    struct net_pair p = net_pair();
    ssize_t n;

    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    weft_stream_close(p.server);
    while ((n = weft_write(p.client, "x", 1)) == 1)
        CHECK_OK(weft_yield());
    if (n != WEFT_EPIPE)
        CHECK_RC(n, WEFT_ECONNRESET);
    for (int i = 0; i < 3; i++) {
        size_t done = 7;
        CHECK_RC(weft_write(p.client, "x", 1), WEFT_EPIPE);
        CHECK_RC(weft_write_all_counted(p.client, "x", 1, &done), WEFT_EPIPE);
        CHECK_EQ(done, 0);
    }
    /* Neither delivered nor held back because it is blocked. */
    sigset_t pending;
    CHECK_OK(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGPIPE), 0);
    weft_stream_close(p.client);
}

TASK_TEST(stream, shutdown_ends_one_direction)
{
    struct net_pair p = net_pair();
    char buffer[16];

    CHECK_EQ(weft_write(p.client, "question", 8), 8);
    CHECK_OK(weft_shutdown(p.client));
    CHECK_EQ(net_read_to_end(p.server, buffer, sizeof buffer), 8);
    CHECK_MEM_EQ(buffer, "question", 8);
    /* The other direction goes on. */
    for (int i = 0; i < 10; i++)
        net_carry(p.server, p.client, "answer");
    CHECK_RC(weft_write(p.client, "x", 1), WEFT_EPIPE);
    CHECK_OK(weft_shutdown(p.client));
    CHECK_OK(weft_shutdown(p.server));
    CHECK_EQ(weft_read(p.client, buffer, sizeof buffer), 0);
    net_close(&p);
}

TASK_TEST(stream, shutdown_of_a_broken_stream_is_an_error)
{
    struct net_pair p = net_pair();
    char byte;

    CHECK_OK(weft_stream_reset_on_close(p.client, true));
    weft_stream_close(p.client);
    CHECK_RC(weft_read(p.server, &byte, 1), WEFT_ECONNRESET);
    CHECK_RC(weft_shutdown(p.server), -ENOTCONN);
    weft_stream_close(p.server);
}

static void send_urgent(weft_stream *s)
{
    CHECK_EQ(send(weft_stream_fd(s), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
}

TASK_TEST(stream, urgent_data_does_not_hang_the_reader)
{
    for (int i = 0; i < NET_SCALE(50, 300); i++) {
        struct net_pair p = net_pair();
        char buffer[64];

        CHECK_EQ(weft_write(p.client, "ab", 2), 2);
        if (i % 3 == 1)
            CHECK_EQ(weft_read(p.server, buffer, 1), 1);
        send_urgent(p.client);
        if (i % 3 == 2)
            CHECK_OK(weft_yield());
        CHECK_EQ(weft_write(p.client, "cd", 2), 2);
        size_t before = i % 3 == 1;
        net_read_exactly(p.server, buffer + before, 4 - before);
        CHECK_MEM_EQ(buffer, "abcd", 4);
        weft_stream_close(p.client);
        CHECK_EQ(weft_read(p.server, buffer, sizeof buffer), 0);
        weft_stream_close(p.server);
    }
}

TASK_TEST(stream, urgent_data_does_not_hang_a_reader_that_waits)
{
    struct net_pair p = net_pair();
    char buffer[16];
    struct net_call call = {.stream = p.server, .buffer = buffer, .size = sizeof buffer};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 10; i++) {
        call.begun = call.done = false;
        weft_spawn(g, net_call_read, &call);
        net_await_begun(&call);
        send_urgent(p.client);
        net_settle();
        /* An urgent byte is none of the stream's. */
        CHECK(!call.done);
        CHECK_EQ(weft_write(p.client, "x", 1), 1);
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(call.result, 1);
        CHECK_EQ(buffer[0], 'x');
    }
    weft_group_close(g);
    net_close(&p);
}

static int option(weft_stream *s, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    CHECK_OK(getsockopt(weft_stream_fd(s), level, name, &value, &size));
    return value;
}

TASK_TEST(stream, options_reach_the_socket)
{
    struct net_pair p = net_pair();
    weft_stream *s = p.client;

    CHECK_OK(weft_stream_nodelay(s, false));
    CHECK_EQ(option(s, IPPROTO_TCP, TCP_NODELAY), 0);
    CHECK_OK(weft_stream_nodelay(s, true));
    CHECK_NE(option(s, IPPROTO_TCP, TCP_NODELAY), 0);

    int idle = option(s, IPPROTO_TCP, TCP_KEEPIDLE);
    CHECK_EQ(option(s, SOL_SOCKET, SO_KEEPALIVE), 0);
    CHECK_OK(weft_stream_keepalive(s, true, 0));
    CHECK_NE(option(s, SOL_SOCKET, SO_KEEPALIVE), 0);
    CHECK_EQ(option(s, IPPROTO_TCP, TCP_KEEPIDLE), idle);
    CHECK_OK(weft_stream_keepalive(s, true, 77));
    CHECK_EQ(option(s, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    CHECK_OK(weft_stream_keepalive(s, true, UINT32_MAX));
    CHECK_OK(weft_stream_keepalive(s, false, 77));
    CHECK_EQ(option(s, SOL_SOCKET, SO_KEEPALIVE), 0);

    CHECK_OK(weft_stream_reset_on_close(s, true));
    CHECK_OK(weft_stream_reset_on_close(s, false));
    weft_stream_close(p.client);
    char byte;
    CHECK_EQ(weft_read(p.server, &byte, 1), 0);
    weft_stream_close(p.server);
}

TASK_TEST(stream, addresses_need_room)
{
    struct net_pair p = net_pair();
    char text[WEFT_ADDRESS_MAX], other[WEFT_ADDRESS_MAX];

    CHECK_OK(weft_stream_local_address(p.client, text, sizeof text));
    CHECK_OK(weft_stream_local_address(p.client, other, strlen(text) + 1));
    CHECK_STR_EQ(text, other);
    CHECK_RC(weft_stream_local_address(p.client, other, strlen(text)), WEFT_EINVAL);
    CHECK_RC(weft_stream_peer_address(p.client, other, 0), WEFT_EINVAL);
    net_close(&p);
}

TASK_TEST(stream, a_peer_that_has_gone_has_no_address)
{
    struct net_pair p = net_pair();
    char text[WEFT_ADDRESS_MAX];

    CHECK_OK(weft_stream_reset_on_close(p.client, true));
    weft_stream_close(p.client);
    CHECK_RC(weft_read(p.server, text, 1), WEFT_ECONNRESET);
    CHECK_RC(weft_stream_peer_address(p.server, text, sizeof text), -ENOTCONN);
    CHECK_OK(weft_stream_local_address(p.server, text, sizeof text));
    weft_stream_close(p.server);
}

TASK_TEST(stream, closing_no_stream_is_nothing)
{
    weft_stream_close(NULL);
}
