/* SPDX-License-Identifier: MIT */
/* weft_tcp_listen() and weft_listener_address(). */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/io/net.h"

/* Anything but NULL: a failure must replace it. */
#define STALE ((weft_listener *)&stale)
static char stale;

static bool has_ipv6(void)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&in6, sizeof in6) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

static void need_ipv6(void)
{
    if (!has_ipv6())
        TEST_SKIP("there is no IPv6 here");
}

static void check_refused(const char *address, const weft_listen_options *options, int code)
{
    weft_listener *l = STALE;

    CHECK_RC(weft_tcp_listen(&l, address, options), code);
    CHECK_NULL(l);
}

static void address_with_port(char text[WEFT_ADDRESS_MAX], const char *host, unsigned port)
{
    CHECK_LT(snprintf(text, WEFT_ADDRESS_MAX, "%s:%u", host, port), WEFT_ADDRESS_MAX);
}

TASK_TEST(listen, port_0_lets_the_system_choose)
{
    char address[WEFT_ADDRESS_MAX], other[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address), *m = net_listen(other);

    CHECK_EQ(strncmp(address, "127.0.0.1:", strlen("127.0.0.1:")), 0);
    CHECK_NE(net_port(address), 0);
    CHECK_NE(net_port(address), net_port(other));
    weft_listener_close(l);
    weft_listener_close(m);
}

TASK_TEST(listen, localhost_stands_for_127_0_0_1)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l;

    CHECK_OK(weft_tcp_listen(&l, "localhost:0", NULL));
    CHECK_OK(weft_listener_address(l, address, sizeof address));
    CHECK_EQ(strncmp(address, "127.0.0.1:", strlen("127.0.0.1:")), 0);
    weft_listener_close(l);
}

TASK_TEST(listen, a_port_in_use_is_refused)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);

    check_refused(address, NULL, WEFT_EADDRINUSE);
    weft_listener_close(l);
    CHECK_OK(weft_tcp_listen(&l, address, NULL));
    weft_listener_close(l);
}

TASK_TEST(listen, a_shared_port_needs_every_listeners_consent)
{
    weft_listen_options share = {.reuse_port = true};
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l, *m;

    CHECK_OK(weft_tcp_listen(&l, "127.0.0.1:0", &share));
    CHECK_OK(weft_listener_address(l, address, sizeof address));
    check_refused(address, NULL, WEFT_EADDRINUSE);
    CHECK_OK(weft_tcp_listen(&m, address, &share));
    weft_listener_close(l);
    weft_listener_close(m);
}

TASK_TEST(listen, a_port_with_old_connections_can_be_taken_again)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    struct net_pair p = {net_connect(address), net_accept(l)};
    char byte;

    /* The end that closes first keeps the port busy for a minute. */
    weft_stream_close(p.server);
    CHECK_EQ(weft_read(p.client, &byte, 1), 0);
    weft_stream_close(p.client);
    weft_listener_close(l);
    CHECK_OK(weft_tcp_listen(&l, address, NULL));
    weft_listener_close(l);
}

TASK_TEST(listen, an_address_that_cannot_be_read_is_refused)
{
    static const char *const texts[] = {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "example.com:80", "::1:0"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_refused(texts[i], NULL, WEFT_EINVAL);
}

TASK_TEST(listen, options_that_mean_nothing_are_refused)
{
    weft_listen_options options = {.backlog = -1};

    check_refused("127.0.0.1:0", &options, WEFT_EINVAL);
    for (size_t i = 0; i < sizeof options.reserved / sizeof options.reserved[0]; i++) {
        options = (weft_listen_options){.backlog = 1};
        options.reserved[i] = 1;
        check_refused("127.0.0.1:0", &options, WEFT_EINVAL);
    }
}

/* A number of the system's settings. */
static int setting(const char *path, int otherwise)
{
    FILE *f = fopen(path, "r");
    int value = otherwise;

    if (f) {
        if (fscanf(f, "%d", &value) != 1)
            value = otherwise;
        fclose(f);
    }
    return value;
}

static void listen_on_an_address_of_another_machine(void)
{
    check_refused("192.0.2.1:0", NULL, WEFT_EADDRNOTAVAIL);
}

WEFT_TEST(listen, an_address_of_another_machine_is_refused)
{
    if (setting("/proc/sys/net/ipv4/ip_nonlocal_bind", 0) != 0)
        TEST_SKIP("this system lets every address be bound");
    net_run(listen_on_an_address_of_another_machine);
}

static int listen_on_a_privileged_port(void *arg)
{
    (void)arg;
    check_refused("127.0.0.1:1", NULL, WEFT_EACCES);
    return 0;
}

WEFT_TEST(listen, a_privileged_port_needs_the_privilege)
{
    int status;

    if (setting("/proc/sys/net/ipv4/ip_unprivileged_port_start", 1024) <= 1)
        TEST_SKIP("no port is privileged here");
    /* In a child, since there is no way back to the privilege. */
    pid_t pid = fork();
    CHECK_GE(pid, 0);
    if (pid == 0) {
        if (geteuid() == 0)
            CHECK_OK(setresuid(65534, 65534, 65534));
        CHECK_OK(test_run(listen_on_a_privileged_port, NULL));
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static void listen_on_ipv6(void)
{
    char address[WEFT_ADDRESS_MAX], text[WEFT_ADDRESS_MAX], other[WEFT_ADDRESS_MAX];
    weft_listener *l;

    CHECK_OK(weft_tcp_listen(&l, "[::1]:0", NULL));
    CHECK_OK(weft_listener_address(l, address, sizeof address));
    CHECK_EQ(strncmp(address, "[::1]:", strlen("[::1]:")), 0);
    CHECK_NE(net_port(address), 0);

    struct net_pair p = {net_connect(address), net_accept(l)};
    net_carry(p.client, p.server, "by IPv6");
    CHECK_OK(weft_stream_peer_address(p.client, text, sizeof text));
    CHECK_STR_EQ(text, address);
    CHECK_OK(weft_stream_local_address(p.client, text, sizeof text));
    CHECK_OK(weft_stream_peer_address(p.server, other, sizeof other));
    CHECK_STR_EQ(text, other);
    net_close(&p);
    weft_listener_close(l);
}

WEFT_TEST(listen, ipv6_is_listened_on)
{
    need_ipv6();
    net_run(listen_on_ipv6);
}

TASK_TEST(listen, the_wildcard_takes_both_families)
{
    char text[WEFT_ADDRESS_MAX];
    bool ipv6 = has_ipv6();
    weft_listener *l;

    CHECK_OK(weft_tcp_listen(&l, ":0", NULL));
    CHECK_OK(weft_listener_address(l, text, sizeof text));
    unsigned port = net_port(text);
    CHECK_NE(port, 0);

    address_with_port(text, "127.0.0.1", port);
    struct net_pair p = {net_connect(text), net_accept(l)};
    net_carry(p.client, p.server, "by IPv4");
    net_close(&p);
    if (ipv6) {
        address_with_port(text, "[::1]", port);
        p = (struct net_pair){net_connect(text), net_accept(l)};
        net_carry(p.client, p.server, "by IPv6");
        net_close(&p);
    }
    weft_listener_close(l);
}

static void listen_on_the_ipv6_wildcard(void)
{
    char text[WEFT_ADDRESS_MAX];
    weft_listener *six, *four = NULL;
    int rc = WEFT_EADDRINUSE;

    /* Another program may have the port that this one got, so there is more than one try. */
    for (int i = 0; i < 20 && rc == WEFT_EADDRINUSE; i++) {
        CHECK_OK(weft_tcp_listen(&six, "[::]:0", NULL));
        CHECK_OK(weft_listener_address(six, text, sizeof text));
        unsigned port = net_port(text);
        address_with_port(text, "0.0.0.0", port);
        rc = weft_tcp_listen(&four, text, NULL);
        weft_listener_close(six);
    }
    CHECK_OK(rc);
    weft_listener_close(four);
}

WEFT_TEST(listen, a_written_ipv6_wildcard_leaves_ipv4_alone)
{
    need_ipv6();
    net_run(listen_on_the_ipv6_wildcard);
}

TASK_TEST(listen, an_address_needs_room)
{
    char address[WEFT_ADDRESS_MAX], text[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);

    CHECK_OK(weft_listener_address(l, text, strlen(address) + 1));
    CHECK_STR_EQ(text, address);
    for (size_t size = 0; size <= strlen(address); size++)
        CHECK_RC(weft_listener_address(l, text, size), WEFT_EINVAL);
    weft_listener_close(l);
}

TASK_TEST(listen, a_thousand_listeners_in_turn_leave_nothing)
{
    char address[WEFT_ADDRESS_MAX];

    for (int i = 0; i < NET_SCALE(200, 1000); i++)
        weft_listener_close(net_listen(address));
}

TASK_TEST(listen, a_canceled_scope_does_not_matter)
{
    weft_scope *scope = weft_scope_open(0);
    weft_listener *l;

    CHECK_OK(weft_scope_cancel(scope));
    int rc = weft_tcp_listen(&l, "127.0.0.1:0", NULL);
    CHECK_OK(weft_scope_close(scope, rc));
    weft_listener_close(l);
}

TASK_TEST(listen, closing_no_listener_is_nothing)
{
    weft_listener_close(NULL);
}

WEFT_TEST(listen, needs_a_task)
{
    check_refused("127.0.0.1:0", NULL, WEFT_ENOTASK);
}
