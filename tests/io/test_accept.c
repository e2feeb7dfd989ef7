/* SPDX-License-Identifier: MIT */
/* weft_accept() and the close of a listener. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/io/net.h"

TASK_TEST(accept, an_accepted_stream_is_the_clients_other_end)
{
    char address[WEFT_ADDRESS_MAX], text[WEFT_ADDRESS_MAX], other[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    struct net_pair p = {net_connect(address), net_accept(l)};

    CHECK_OK(weft_stream_peer_address(p.client, text, sizeof text));
    CHECK_STR_EQ(text, address);
    CHECK_OK(weft_stream_local_address(p.server, text, sizeof text));
    CHECK_STR_EQ(text, address);
    CHECK_OK(weft_stream_local_address(p.client, text, sizeof text));
    CHECK_OK(weft_stream_peer_address(p.server, other, sizeof other));
    CHECK_STR_EQ(text, other);
    net_carry(p.client, p.server, "there");
    net_carry(p.server, p.client, "and back");
    net_close(&p);
    weft_listener_close(l);
}

TASK_TEST(accept, an_accepted_stream_does_not_delay)
{
    struct net_pair p = net_pair();
    int on = 0;
    socklen_t size = sizeof on;

    CHECK_OK(getsockopt(weft_stream_fd(p.server), IPPROTO_TCP, TCP_NODELAY, &on, &size));
    CHECK_NE(on, 0);
    net_close(&p);
}

TASK_TEST(accept, a_stream_outlives_its_listener)
{
    struct net_pair p = net_pair();

    net_carry(p.client, p.server, "the listener has gone");
    net_close(&p);
}

TASK_TEST(accept, every_connection_that_waits_is_taken)
{
    enum { N = 100 };
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    weft_stream *clients[N], *servers[N];

    for (int i = 0; i < N; i++) {
        clients[i] = net_connect(address);
        CHECK_EQ(weft_write(clients[i], &(char){(char)i}, 1), 1);
    }
    for (int i = 0; i < N; i++) {
        char byte;

        servers[i] = net_accept(l);
        CHECK_EQ(weft_read(servers[i], &byte, 1), 1);
        CHECK_EQ(byte, i);
    }
    for (int i = 0; i < N; i++) {
        weft_stream_close(clients[i]);
        weft_stream_close(servers[i]);
    }
    weft_listener_close(l);
}

TASK_TEST(accept, an_acceptor_waits_for_its_client)
{
    char address[WEFT_ADDRESS_MAX];
    struct net_call call = {.listener = net_listen(address)};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 20; i++) {
        call.begun = call.done = false;
        weft_spawn(g, net_call_accept, &call);
        net_await_begun(&call);
        CHECK(!call.done);
        weft_stream *client = net_connect(address);
        CHECK_OK(weft_group_wait(g));
        CHECK_OK(call.result);
        net_carry(client, call.stream, "hello");
        weft_stream_close(client);
        weft_stream_close(call.stream);
    }
    weft_group_close(g);
    weft_listener_close(call.listener);
}

TASK_TEST(accept, a_second_acceptor_is_told_that_the_listener_is_busy)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    struct net_call calls[2] = {{.listener = l}, {.listener = l}};
    weft_group *g = weft_group_open(NULL);

    weft_spawn(g, net_call_accept, &calls[0]);
    weft_spawn(g, net_call_accept, &calls[1]);
    while (!calls[0].done && !calls[1].done)
        CHECK_OK(weft_sleep_ms(1));
    struct net_call *busy = calls[0].done ? &calls[0] : &calls[1];
    struct net_call *other = calls[0].done ? &calls[1] : &calls[0];
    CHECK_RC(busy->result, WEFT_EBUSY);
    CHECK_NULL(busy->stream);
    net_settle();
    CHECK(!other->done);

    weft_stream *client = net_connect(address);
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(other->result);
    weft_stream_close(other->stream);
    weft_stream_close(client);
    weft_group_close(g);
    weft_listener_close(l);
}

TASK_TEST(accept, closing_the_listener_wakes_its_acceptor)
{
    for (int i = 0; i < 20; i++) {
        char address[WEFT_ADDRESS_MAX];
        struct net_call call = {.listener = net_listen(address)};
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, net_call_accept, &call);
        net_await_begun(&call);
        weft_listener_close(call.listener);
        CHECK_OK(weft_group_wait(g));
        CHECK_RC(call.result, WEFT_ECLOSED);
        CHECK_NULL(call.stream);
        weft_group_close(g);
    }
}

TASK_TEST(accept, a_closed_listener_refuses_its_clients)
{
    char address[WEFT_ADDRESS_MAX], byte;
    weft_listener *l = net_listen(address);
    weft_stream *waiting = net_connect(address), *late;

    weft_listener_close(l);
    CHECK_RC(weft_tcp_connect(&late, address), WEFT_ECONNREFUSED);
    /* Who waited to be accepted is reset. */
    CHECK_RC(weft_read(waiting, &byte, 1), WEFT_ECONNRESET);
    weft_stream_close(waiting);
}

TASK_TEST(accept, a_deadline_ends_the_wait_and_loses_no_connection)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    weft_stream *s = (weft_stream *)address;
    weft_time begin = weft_now();
    weft_scope *scope = weft_scope_open(weft_after_ms(20));

    int rc = weft_accept(l, &s);
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now() - begin, 20 * 1000000);
    CHECK_NULL(s);

    weft_stream *client = net_connect(address);
    s = net_accept(l);
    net_carry(client, s, "late");
    weft_stream_close(client);
    weft_stream_close(s);
    weft_listener_close(l);
}

TASK_TEST(accept, a_canceled_acceptor_stops_waiting)
{
    char address[WEFT_ADDRESS_MAX];
    struct net_call call = {.listener = net_listen(address)};
    weft_group *g = weft_group_open(NULL);

    weft_spawn(g, net_call_accept, &call);
    net_await_begun(&call);
    weft_group_close(g);
    CHECK(call.done);
    CHECK_RC(call.result, WEFT_ECANCELED);
    CHECK_NULL(call.stream);
    weft_listener_close(call.listener);
}

TASK_TEST(accept, a_canceled_scope_leaves_the_connection_to_others)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    weft_stream *client = net_connect(address), *s;
    weft_scope *scope = weft_scope_open(0);

    CHECK_OK(weft_scope_cancel(scope));
    for (int i = 0; i < 3; i++) {
        CHECK_RC(weft_accept(l, &s), WEFT_ECANCELED);
        CHECK_NULL(s);
    }
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    s = net_accept(l);
    net_carry(client, s, "still there");
    weft_stream_close(client);
    weft_stream_close(s);
    weft_listener_close(l);
}

TASK_TEST(accept, clients_that_went_before_they_were_accepted_do_no_harm)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);

    for (int i = 0; i < 10; i++) {
        weft_stream *client = net_connect(address);
        CHECK_OK(weft_stream_reset_on_close(client, true));
        weft_stream_close(client);
    }
    weft_stream *client = net_connect(address);
    CHECK_EQ(weft_write(client, "x", 1), 1);
    /* The system may hand out those that were reset, or pass over them. */
    for (;;) {
        weft_stream *s = net_accept(l);
        char byte = 0;
        ssize_t n = weft_read(s, &byte, 1);
        weft_stream_close(s);
        if (n == 1) {
            CHECK_EQ(byte, 'x');
            break;
        }
        CHECK_RC(n, WEFT_ECONNRESET);
    }
    weft_stream_close(client);
    weft_listener_close(l);
}

static int connect_once(void *arg)
{
    weft_stream *s = net_connect(arg);
    char byte;

    CHECK_EQ(weft_read(s, &byte, 1), 0);
    weft_stream_close(s);
    return 0;
}

TASK_TEST(accept, clients_that_come_all_at_once_are_all_accepted)
{
    enum { N = 200 };
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < N; i++)
        weft_spawn(g, connect_once, address);
    for (int i = 0; i < N; i++)
        weft_stream_close(net_accept(l));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    weft_listener_close(l);
}
