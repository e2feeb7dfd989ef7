/* SPDX-License-Identifier: MIT */
/* TCP under load: connections that come and go while others talk, so that descriptor numbers are reused all the time;
 * reads that are cut short; closes that meet waits. */
#include <string.h>

#include "io/stream.h"
#include "tests/io/net.h"

/* A server that echoes, a task for each connection, until its listener is closed. */

static int echo(void *arg)
{
    weft_stream *s = arg;
    char buffer[2048];
    ssize_t n;

    /* The client may go in the middle, or reset. */
    while ((n = weft_read(s, buffer, sizeof buffer)) > 0) {
        if (weft_write_all(s, buffer, (size_t)n) != n)
            break;
    }
    weft_stream_close(s);
    return 0;
}

static int serve(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_stream *s;
    int rc;

    while ((rc = weft_accept(arg, &s)) == 0)
        CHECK_OK(weft_spawn(g, echo, s));
    CHECK_RC(rc, WEFT_ECLOSED);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

struct client {
    const char *address;
    uint32_t random;
    int rounds;
};

/* Sends pieces that say whose they are, and compares what comes back. */
static void talk(weft_stream *s, struct client *c, int rounds)
{
    unsigned char out[1500], in[1500];

    for (int i = 0; i < rounds; i++) {
        size_t size = 1 + net_random(&c->random) % sizeof out, start = net_random(&c->random);

        for (size_t k = 0; k < size; k++)
            out[k] = net_byte(start + k);
        CHECK_EQ(weft_write_all(s, out, size), size);
        net_read_exactly(s, in, size);
        CHECK_MEM_EQ(in, out, size);
    }
}

/* One connection for long. */
static int talk_for_long(void *arg)
{
    struct client *c = arg;
    weft_stream *s = net_connect(c->address);
    char byte;

    talk(s, c, c->rounds * 4);
    CHECK_OK(weft_shutdown(s));
    CHECK_EQ(weft_read(s, &byte, 1), 0);
    weft_stream_close(s);
    return 0;
}

/* Connections that are closed, reset or left in the middle as soon as they are there. */
static int come_and_go(void *arg)
{
    struct client *c = arg;
    char bytes[100] = {0};

    for (int i = 0; i < c->rounds; i++) {
        weft_stream *s = net_connect(c->address);

        switch (net_random(&c->random) % 4) {
        case 0:
            break;
        case 1:
            CHECK_OK(weft_stream_reset_on_close(s, true));
            break;
        case 2:
            CHECK_EQ(weft_write(s, bytes, sizeof bytes), sizeof bytes);
            break;
        default:
            talk(s, c, 2);
        }
        weft_stream_close(s);
    }
    return 0;
}

/* Reads with deadlines that may pass at any moment: what was not read is there the next time. */
static int read_impatiently(void *arg)
{
    struct client *c = arg;
    weft_stream *s = net_connect(c->address);

    for (int i = 0; i < c->rounds; i++) {
        unsigned char out[64], in[64];
        size_t done = 0;

        memset(out, i, sizeof out);
        CHECK_EQ(weft_write_all(s, out, sizeof out), sizeof out);
        while (done < sizeof in) {
            weft_scope *scope = weft_scope_open(weft_now() + net_random(&c->random) % 100000);
            ssize_t n = weft_scope_close(scope, weft_read(s, in + done, sizeof in - done));
            if (n > 0)
                done += (size_t)n;
            else
                CHECK_RC(n, WEFT_ETIMEDOUT);
        }
        CHECK_MEM_EQ(in, out, sizeof in);
    }
    weft_stream_close(s);
    return 0;
}

/* Connects that may be cut short at any moment. */
static int connect_impatiently(void *arg)
{
    struct client *c = arg;

    for (int i = 0; i < c->rounds; i++) {
        weft_stream *s;
        weft_scope *scope = weft_scope_open(weft_now() + net_random(&c->random) % 200000);
        int rc = (int)weft_scope_close(scope, weft_tcp_connect(&s, c->address));

        if (rc == 0)
            talk(s, c, 1);
        else
            CHECK_RC(rc, WEFT_ETIMEDOUT);
        weft_stream_close(s);
    }
    return 0;
}

TASK_TEST(stress_tcp, connections_come_and_go_while_others_talk)
{
    static const weft_fn kinds[] = {talk_for_long, come_and_go, read_impatiently, connect_impatiently};
    enum { KINDS = sizeof kinds / sizeof kinds[0], EACH = 6 };
    struct client clients[KINDS][EACH];
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    weft_group *server = weft_group_open(NULL), *g = weft_group_open(NULL);

    weft_spawn(server, serve, l);
    for (uint32_t i = 0; i < EACH; i++) {
        for (uint32_t k = 0; k < KINDS; k++) {
            clients[k][i] =
                (struct client){.address = address, .random = 1 + k * EACH + i, .rounds = NET_SCALE(15, 80)};
            weft_spawn(g, kinds[k], &clients[k][i]);
        }
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    weft_listener_close(l);
    CHECK_OK(weft_group_wait(server));
    weft_group_close(server);
}

/* A stream is closed by one task while another waits in it, and its number is taken at once by the next one. */

struct closing {
    struct net_call call;
    weft_stream *peer;
};

/* Whether a reader is in the stream. What it has said itself it said before it was: a millisecond later it may still be
 * on its way. */
static bool has_reader(weft_stream *s)
{
    bool has;

    weft__lock(&s->d.lock);
    has = s->d.waiter[WEFT__READ].task != NULL;
    weft__unlock(&s->d.lock);
    return has;
}

static int close_when_it_has_begun(void *arg)
{
    struct closing *c = arg;

    while (!c->call.begun)
        CHECK_OK(weft_yield());
    CHECK_OK(weft_sleep_ms(1));
    /* The handle is free after the close, so the reader must be in it before. */
    while (c->peer == c->call.stream && !has_reader(c->peer))
        CHECK_OK(weft_yield());
    weft_stream_close(c->peer);
    return 0;
}

static int close_peers(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg;

    for (int i = 0; i < NET_SCALE(10, 40); i++) {
        struct net_pair p = net_pair();
        char byte;
        struct closing c = {.call = {.stream = p.client, .buffer = &byte, .size = 1}, .peer = p.server};
        weft_group *g = weft_group_open(NULL);
        bool reset = net_random(&random) % 2;

        CHECK_OK(weft_stream_reset_on_close(p.server, reset));
        weft_spawn(g, net_call_read, &c.call);
        weft_spawn(g, close_when_it_has_begun, &c);
        CHECK_OK(weft_group_wait(g));
        CHECK_RC(c.call.result, reset ? WEFT_ECONNRESET : 0);
        weft_stream_close(p.client);
        weft_group_close(g);
    }
    return 0;
}

static int close_under_the_reader(void *arg)
{
    (void)arg;
    for (int i = 0; i < NET_SCALE(10, 40); i++) {
        struct net_pair p = net_pair();
        char byte;
        struct closing c = {.call = {.stream = p.client, .buffer = &byte, .size = 1}, .peer = p.client};
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, net_call_read, &c.call);
        weft_spawn(g, close_when_it_has_begun, &c);
        CHECK_OK(weft_group_wait(g));
        CHECK_RC(c.call.result, WEFT_ECLOSED);
        weft_stream_close(p.server);
        weft_group_close(g);
    }
    return 0;
}

TASK_TEST(stress_tcp, closes_meet_readers_and_numbers_are_reused)
{
    weft_group *g = weft_group_open(NULL);

    for (uintptr_t i = 1; i <= 8; i++)
        weft_spawn(g, i % 2 ? close_peers : close_under_the_reader, (void *)i);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
}

/* Whole trees of connections that are cancelled at a random moment leave nothing open. */

static int talk_until_canceled(void *arg)
{
    struct net_pair p = {NULL, NULL};
    char address[WEFT_ADDRESS_MAX], bytes[256];
    weft_listener *l;
    int rc;

    (void)arg;
    memset(bytes, 'w', sizeof bytes);
    CHECK_OK(weft_tcp_listen(&l, "127.0.0.1:0", NULL));
    CHECK_OK(weft_listener_address(l, address, sizeof address));
    if ((rc = weft_tcp_connect(&p.client, address)) == 0 && (rc = weft_accept(l, &p.server)) == 0) {
        ssize_t n = 1;
        for (int i = 0; n > 0; i++)
            n = i % 2 ? weft_read(p.server, bytes, sizeof bytes) : weft_write_all(p.client, bytes, sizeof bytes);
        rc = (int)n;
    }
    CHECK_RC(rc, WEFT_ECANCELED);
    net_close(&p);
    weft_listener_close(l);
    return 0;
}

TASK_TEST(stress_tcp, canceled_groups_leave_no_descriptor)
{
    int before = net_descriptors();
    uint32_t random = 3;

    for (int i = 0; i < NET_SCALE(10, 60); i++) {
        weft_group *g = weft_group_open(NULL);

        for (int k = 0; k < 10; k++)
            weft_spawn(g, talk_until_canceled, NULL);
        switch (net_random(&random) % 3) {
        case 0:
            break;
        case 1:
            CHECK_OK(weft_yield());
            break;
        default:
            CHECK_OK(weft_sleep_ms(net_random(&random) % 4));
        }
        weft_group_close(g);
        CHECK_EQ(net_descriptors(), before);
    }
}
