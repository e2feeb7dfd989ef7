/* SPDX-License-Identifier: MIT */
/* No descriptors and no memory: by the limit of the process, and by the seam. */

#include "io/io.h"
#include "tests/io/net.h"

/* What the hook does: fails the calls to one seam while `failing` says so, and counts all that it gets. */
static enum weft__seam target;
static _Atomic bool failing;
static _Atomic int calls;
static _Atomic weft_time last_failure;

static bool fail_target(enum weft__seam what)
{
    if (what != target)
        return false;
    calls++;
    if (failing)
        last_failure = weft_now();
    return failing;
}

/* For the test's own thread, before the runtime starts. */
static void watch(enum weft__seam what)
{
    target = what;
    A_STORE(&weft__fault_hook, fail_target, relaxed);
}

static void check_listen_fails(int code)
{
    weft_listener *l = (weft_listener *)&l;

    CHECK_RC(weft_tcp_listen(&l, "127.0.0.1:0", NULL), code);
    CHECK_NULL(l);
}

static void check_connect_fails(const char *address, int code)
{
    weft_stream *s = (weft_stream *)&s;

    CHECK_RC(weft_tcp_connect(&s, address), code);
    CHECK_NULL(s);
}

TASK_TEST(shortage, no_descriptors_are_an_answer_to_listen_and_connect)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);

    net_limit_descriptors(0);
    for (int i = 0; i < 3; i++) {
        check_listen_fails(WEFT_EMFILE);
        check_connect_fails(address, WEFT_EMFILE);
    }
    net_unlimit_descriptors();
    struct net_pair p = {net_connect(address), net_accept(l)};
    net_carry(p.client, p.server, "again");
    net_close(&p);
    weft_listener_close(l);
}

static void fail_sockets(void)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);

    failing = true;
    check_listen_fails(WEFT_EMFILE);
    check_connect_fails(address, WEFT_EMFILE);
    failing = false;
    weft_listener_close(l);
}

WEFT_TEST(shortage, a_socket_that_cannot_be_made_is_an_answer)
{
    watch(WEFT__SEAM_SOCKET);
    net_run(fail_sockets);
}

static void fail_registration(void)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    int before = net_descriptors();

    failing = true;
    check_listen_fails(WEFT_ENOMEM);
    check_connect_fails(address, WEFT_ENOMEM);
    failing = false;
    CHECK_EQ(net_descriptors(), before);
    /* The connect had begun, and left a connection to be accepted. */
    char byte;
    weft_stream *s = net_accept(l);
    CHECK_LE(weft_read(s, &byte, 1), 0);
    weft_stream_close(s);
    weft_listener_close(l);
}

WEFT_TEST(shortage, a_socket_that_cannot_be_watched_is_closed)
{
    watch(WEFT__SEAM_EPOLL);
    net_run(fail_registration);
}

static void fail_read_and_write(void)
{
    struct net_pair p = net_pair();
    char byte;

    CHECK_EQ(weft_write(p.client, "x", 1), 1);
    failing = true;
    if (target == WEFT__SEAM_RECV)
        CHECK_RC(weft_read(p.server, &byte, 1), -EIO);
    else
        CHECK_RC(weft_write(p.client, "y", 1), -EIO);
    failing = false;
    CHECK_EQ(weft_read(p.server, &byte, 1), 1);
    CHECK_EQ(byte, 'x');
    net_carry(p.client, p.server, "goes on");
    net_close(&p);
}

WEFT_TEST(shortage, other_errors_of_a_read_are_told_as_they_are)
{
    watch(WEFT__SEAM_RECV);
    net_run(fail_read_and_write);
}

WEFT_TEST(shortage, other_errors_of_a_write_are_told_as_they_are)
{
    watch(WEFT__SEAM_SEND);
    net_run(fail_read_and_write);
}

/* A connection that waits for its acceptor to get a descriptor. The listener comes in, the client goes out. */
struct starving {
    struct net_call call;
    weft_stream *client;
    weft_group *group;
};

static void starve(struct starving *s, weft_listener *l, const char *address)
{
    s->call = (struct net_call){.listener = l};
    s->client = net_connect(address);
    s->group = weft_group_open(NULL);
    weft_spawn(s->group, net_call_accept, &s->call);
    net_await_begun(&s->call);
}

static void check_fed(struct starving *s)
{
    CHECK_OK(weft_group_wait(s->group));
    CHECK_OK(s->call.result);
    net_carry(s->client, s->call.stream, "at last");
    weft_stream_close(s->call.stream);
    weft_stream_close(s->client);
    weft_group_close(s->group);
}

static void accept_without_descriptors(void)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    struct starving s;

    /* The client takes the last descriptor. */
    net_limit_descriptors(1);
    weft_time begin = weft_now();
    starve(&s, l, address);
    CHECK_OK(weft_sleep_ms(350));
    CHECK(!s.call.done);
    /* It tries again, but it does not spin: once, and once more for each 100 ms. */
    CHECK_GE(calls, 2);
    CHECK_LE(calls, 2 + (weft_now() - begin) / (100 * 1000000));
    net_unlimit_descriptors();
    check_fed(&s);
    weft_listener_close(l);
}

/* Valgrind keeps the limit of descriptors itself: it lets the kernel accept, closes what that gave, and says EMFILE. */
static void skip_where_limits_lose_connections(void)
{
    if (test_under_valgrind())
        TEST_SKIP("under valgrind, accepting without descriptors loses the connection");
}

WEFT_TEST(shortage, an_acceptor_without_descriptors_tries_again_and_does_not_spin)
{
    skip_where_limits_lose_connections();
    watch(WEFT__SEAM_ACCEPT);
    net_run(accept_without_descriptors);
}

static void accept_after_a_close(void)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    bool at_once = false;

    /* On a busy machine one round may be late, but not all of them. */
    for (int i = 0; i < 20 && !at_once; i++) {
        struct net_pair spare = net_pair();
        struct starving s;

        failing = true;
        starve(&s, l, address);
        while (last_failure == 0)
            CHECK_OK(weft_yield());
        weft_time retry = last_failure + 100 * 1000000;
        failing = false;
        weft_stream_close(spare.server);
        CHECK_OK(weft_group_wait(s.group));
        at_once = weft_now() < retry;
        check_fed(&s);
        weft_stream_close(spare.client);
        last_failure = 0;
    }
    CHECK(at_once);
    weft_listener_close(l);
}

WEFT_TEST(shortage, a_descriptor_that_weft_closes_feeds_the_acceptor)
{
    watch(WEFT__SEAM_ACCEPT);
    net_run(accept_after_a_close);
}

static void cancel_a_starved_acceptor(void)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    struct starving s;

    failing = true;
    starve(&s, l, address);
    CHECK_OK(weft_group_cancel(s.group));
    CHECK_OK(weft_group_wait(s.group));
    CHECK_RC(s.call.result, WEFT_ECANCELED);
    weft_group_close(s.group);

    weft_scope *scope = weft_scope_open(weft_after_ms(20));
    weft_stream *stream;
    int rc = weft_accept(l, &stream);
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    failing = false;
    stream = net_accept(l);
    net_carry(s.client, stream, "not lost");
    weft_stream_close(stream);
    weft_stream_close(s.client);
    weft_listener_close(l);
}

WEFT_TEST(shortage, a_starved_acceptor_can_be_canceled)
{
    watch(WEFT__SEAM_ACCEPT);
    net_run(cancel_a_starved_acceptor);
}

static void close_a_starved_listener(void)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    struct starving s;

    failing = true;
    starve(&s, l, address);
    weft_listener_close(l);
    CHECK_OK(weft_group_wait(s.group));
    CHECK_RC(s.call.result, WEFT_ECLOSED);
    weft_group_close(s.group);
    weft_stream_close(s.client);
}

WEFT_TEST(shortage, closing_its_listener_ends_a_starved_acceptor)
{
    watch(WEFT__SEAM_ACCEPT);
    net_run(close_a_starved_listener);
}

static int hold_for_a_while(void *arg)
{
    CHECK_OK(weft_sleep_ms(2));
    weft_stream_close(arg);
    return 0;
}

static int serve(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 60; i++)
        weft_spawn(g, hold_for_a_while, net_accept(arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static int wait_for_the_end(void *arg)
{
    char byte;

    CHECK_EQ(weft_read(arg, &byte, 1), 0);
    weft_stream_close(arg);
    return 0;
}

static void serve_with_few_descriptors(void)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    weft_group *g = weft_group_open(NULL);

    /* The clients have theirs; five are left for the server. */
    net_limit_descriptors(65);
    for (int i = 0; i < 60; i++)
        weft_spawn(g, wait_for_the_end, net_connect(address));
    weft_spawn(g, serve, l);
    CHECK_OK(weft_group_wait(g));
    net_unlimit_descriptors();
    weft_group_close(g);
    weft_listener_close(l);
}

WEFT_TEST(shortage, a_server_with_few_descriptors_serves_them_all_in_the_end)
{
    skip_where_limits_lose_connections();
    net_run(serve_with_few_descriptors);
}
