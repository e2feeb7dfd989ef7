/* SPDX-License-Identifier: MIT */
/* weft_tcp_connect(). */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/io/net.h"

/* A socket of 127.0.0.1 past weft; it listens where `backlog` is not negative. */
static int bare_socket(int backlog, char address[WEFT_ADDRESS_MAX])
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_GE(fd, 0);
    CHECK_OK(bind(fd, (struct sockaddr *)&in, sizeof in));
    if (backlog >= 0)
        CHECK_OK(listen(fd, backlog));
    CHECK_OK(getsockname(fd, (struct sockaddr *)&in, &size));
    snprintf(address, WEFT_ADDRESS_MAX, "127.0.0.1:%u", ntohs(in.sin_port));
    return fd;
}

static void check_refused(const char *address, int code)
{
    weft_stream *s = (weft_stream *)&s;

    CHECK_RC(weft_tcp_connect(&s, address), code);
    CHECK_NULL(s);
}

TASK_TEST(connect, nobody_listening_is_a_refusal)
{
    char address[WEFT_ADDRESS_MAX];
    int fd = bare_socket(-1, address);

    for (int i = 0; i < 20; i++)
        check_refused(address, WEFT_ECONNREFUSED);
    close(fd);
}

TASK_TEST(connect, an_address_that_cannot_be_read_is_refused)
{
    static const char *const texts[] = {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "example.com:80", "::1:1"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_refused(texts[i], WEFT_EINVAL);
}

TASK_TEST(connect, the_wildcard_is_no_destination)
{
    check_refused(":8080", WEFT_EINVAL);
}

TASK_TEST(connect, a_stream_does_not_delay)
{
    struct net_pair p = net_pair();
    int on = 0;
    socklen_t size = sizeof on;

    CHECK_OK(getsockopt(weft_stream_fd(p.client), IPPROTO_TCP, TCP_NODELAY, &on, &size));
    CHECK_NE(on, 0);
    net_close(&p);
}

TASK_TEST(connect, localhost_is_a_destination)
{
    char address[WEFT_ADDRESS_MAX], text[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);

    snprintf(text, sizeof text, "localhost:%u", net_port(address));
    struct net_pair p = {net_connect(text), net_accept(l)};
    net_carry(p.client, p.server, "hello");
    net_close(&p);
    weft_listener_close(l);
}

/* Connects until nobody answers any more, and leaves the connections that were made in `made`. Each try has a
 * deadline. */
static int connect_in_vain(const char *address, weft_stream *made[8])
{
    for (int i = 0; i < 8; i++) {
        weft_time begin = weft_now();
        weft_scope *scope = weft_scope_open(weft_after_ms(50));
        int rc = (int)weft_scope_close(scope, weft_tcp_connect(&made[i], address));

        if (rc < 0) {
            CHECK_GE(weft_now() - begin, 50 * 1000000);
            CHECK_NULL(made[i]);
            return rc;
        }
    }
    return 0;
}

TASK_TEST(connect, a_deadline_ends_a_connect_that_nobody_answers)
{
    char address[WEFT_ADDRESS_MAX];
    /* With its queue full, a listener drops what comes. */
    int fd = bare_socket(0, address);
    weft_stream *made[8] = {NULL};

    CHECK_RC(connect_in_vain(address, made), WEFT_ETIMEDOUT);
    for (int i = 0; i < 8; i++)
        weft_stream_close(made[i]);
    close(fd);
}

struct attempt {
    const char *address;
    _Atomic bool begun;
    int result;
};

static int attempt(void *arg)
{
    struct attempt *a = arg;
    weft_stream *s;

    a->begun = true;
    a->result = weft_tcp_connect(&s, a->address);
    weft_stream_close(s);
    return 0;
}

TASK_TEST(connect, a_canceled_connect_closes_its_descriptor)
{
    char address[WEFT_ADDRESS_MAX];
    int fd = bare_socket(0, address);
    weft_stream *made[8] = {NULL};

    CHECK_RC(connect_in_vain(address, made), WEFT_ETIMEDOUT);
    int before = net_descriptors();
    for (int i = 0; i < 20; i++) {
        struct attempt a = {.address = address};
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, attempt, &a);
        while (!a.begun)
            CHECK_OK(weft_yield());
        net_settle();
        weft_group_close(g);
        CHECK_RC(a.result, WEFT_ECANCELED);
        CHECK_EQ(net_descriptors(), before);
    }
    for (int i = 0; i < 8; i++)
        weft_stream_close(made[i]);
    close(fd);
}

TASK_TEST(connect, a_canceled_scope_does_not_connect)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    weft_scope *scope = weft_scope_open(0);

    CHECK_OK(weft_scope_cancel(scope));
    check_refused(address, WEFT_ECANCELED);
    check_refused(address, WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);

    scope = weft_scope_open(weft_after_ms(20));
    weft_stream *s;
    int rc = weft_accept(l, &s);
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    weft_listener_close(l);
}

static int echo_once(void *arg)
{
    weft_stream *s = arg;
    char byte;

    CHECK_EQ(weft_read(s, &byte, 1), 1);
    CHECK_EQ(weft_write(s, &byte, 1), 1);
    weft_stream_close(s);
    return 0;
}

static int serve(void *arg)
{
    weft_listener *l = arg;
    weft_group *g = weft_group_open(NULL);
    weft_stream *s;
    int rc;

    while ((rc = weft_accept(l, &s)) == 0)
        weft_spawn(g, echo_once, s);
    CHECK_RC(rc, WEFT_ECLOSED);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static int call_once(void *arg)
{
    weft_stream *s = net_connect(arg);
    char byte = 'w', back = 0;

    CHECK_EQ(weft_write(s, &byte, 1), 1);
    CHECK_EQ(weft_read(s, &back, 1), 1);
    CHECK_EQ(back, byte);
    CHECK_EQ(weft_read(s, &back, 1), 0);
    weft_stream_close(s);
    return 0;
}

TASK_TEST(connect, many_tasks_connect_at_once)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    weft_group *servers = weft_group_open(NULL), *clients = weft_group_open(NULL);

    weft_spawn(servers, serve, l);
    for (int i = 0; i < 200; i++)
        weft_spawn(clients, call_once, address);
    CHECK_OK(weft_group_wait(clients));
    weft_group_close(clients);
    weft_listener_close(l);
    CHECK_OK(weft_group_wait(servers));
    weft_group_close(servers);
}

WEFT_TEST(connect, needs_a_task)
{
    check_refused("127.0.0.1:1", WEFT_ENOTASK);
}
