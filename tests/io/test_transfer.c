/* SPDX-License-Identifier: MIT */
/* Many bytes, compared one by one. */
#include <string.h>

#include "tests/io/net.h"

#define MANY ((size_t)NET_SCALE(1, 6) << 20)

struct source {
    weft_stream *stream;
    size_t size, done;
    ssize_t result;
};

static void fill_with_data(unsigned char *data, size_t size, size_t at)
{
    for (size_t i = 0; i < size; i++)
        data[i] = net_byte(at + i);
}

static int send_all(void *arg)
{
    struct source *s = arg;
    unsigned char *data = malloc(s->size);

    CHECK_NOT_NULL(data);
    fill_with_data(data, s->size, 0);
    s->result = weft_write_all_counted(s->stream, data, s->size, &s->done);
    free(data);
    CHECK_OK(weft_shutdown(s->stream));
    return 0;
}

/* Reads to the end in pieces of random sizes, now and then slowly, and returns how many bytes there were. */
static size_t receive(weft_stream *s, uint32_t seed, bool slow)
{
    unsigned char *buffer = malloc(64 << 10);
    size_t done = 0;

    CHECK_NOT_NULL(buffer);
    for (;;) {
        size_t size = 1 + net_random(&seed) % (64 << 10);
        ssize_t n = weft_read(s, buffer, size);

        CHECK_GE(n, 0);
        CHECK_LE(n, size);
        if (n == 0)
            break;
        for (ssize_t i = 0; i < n; i++) {
            if (buffer[i] != net_byte(done + (size_t)i))
                FAIL("byte %zu is 0x%02x and not 0x%02x", done + (size_t)i, buffer[i], net_byte(done + (size_t)i));
        }
        done += (size_t)n;
        if (slow && net_random(&seed) % 64 == 0)
            CHECK_OK(weft_sleep_ms(1));
    }
    free(buffer);
    return done;
}

static void check_transfer(struct net_pair p, bool slow)
{
    struct source source = {.stream = p.client, .size = MANY};
    weft_group *g = weft_group_open(NULL);

    weft_spawn(g, send_all, &source);
    CHECK_EQ(receive(p.server, 1, slow), MANY);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(source.result, MANY);
    CHECK_EQ(source.done, MANY);
    weft_group_close(g);
    net_close(&p);
}

TASK_TEST(transfer, every_byte_arrives_in_order)
{
    check_transfer(net_pair(), false);
}

TASK_TEST(transfer, every_byte_reaches_a_slow_reader)
{
    check_transfer(net_pair(), true);
}

TASK_TEST(transfer, every_byte_passes_small_buffers)
{
    check_transfer(net_tight_pair(), false);
}

struct sink {
    weft_stream *stream;
    size_t done;
};

static int receive_all(void *arg)
{
    struct sink *s = arg;

    s->done = receive(s->stream, 2, false);
    return 0;
}

TASK_TEST(transfer, both_directions_run_at_once)
{
    struct net_pair p = net_tight_pair();
    struct source to = {.stream = p.client, .size = MANY}, from = {.stream = p.server, .size = MANY};
    struct sink at_server = {.stream = p.server}, at_client = {.stream = p.client};
    weft_group *g = weft_group_open(NULL);

    weft_spawn(g, send_all, &to);
    weft_spawn(g, send_all, &from);
    weft_spawn(g, receive_all, &at_server);
    weft_spawn(g, receive_all, &at_client);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(at_server.done, MANY);
    CHECK_EQ(at_client.done, MANY);
    weft_group_close(g);
    net_close(&p);
}

TASK_TEST(transfer, a_canceled_write_says_how_far_it_came)
{
    for (int i = 0; i < 5; i++) {
        struct net_pair p = net_tight_pair();
        struct source source = {.stream = p.client, .size = MANY, .done = SIZE_MAX};
        weft_group *g = weft_group_open(NULL);
        size_t before = (size_t)i * 10000;
        unsigned char *begin = malloc(before + 1);

        CHECK_NOT_NULL(begin);
        weft_spawn(g, send_all, &source);
        net_read_exactly(p.server, begin, before);
        for (size_t k = 0; k < before; k++)
            CHECK_EQ(begin[k], net_byte(k));
        free(begin);
        net_settle();
        /* This is a cancellation too, and one that does not reach the reads below. */
        weft_group_close(g);
        CHECK_RC(source.result, WEFT_ECANCELED);
        CHECK_LT(source.done, MANY);
        CHECK_GE(source.done, before);
        /* What it says, to the byte, is what the peer gets. */
        static char rest[4 << 20];
        size_t left = net_read_to_end(p.server, rest, sizeof rest);
        CHECK_EQ(before + left, source.done);
        for (size_t k = 0; k < left; k++)
            CHECK_EQ((unsigned char)rest[k], net_byte(before + k));
        net_close(&p);
    }
}

TASK_TEST(transfer, a_deadline_in_write_all_says_how_far_it_came)
{
    struct net_pair p = net_tight_pair();
    static char zeros[4 << 20], rest[4 << 20];
    size_t done = SIZE_MAX;
    weft_scope *scope = weft_scope_open(weft_after_ms(30));

    ssize_t n = weft_write_all_counted(p.client, zeros, sizeof zeros, &done);
    CHECK_RC(weft_scope_close(scope, n), WEFT_ETIMEDOUT);
    CHECK_LT(done, sizeof zeros);
    CHECK_GT(done, 0);
    weft_stream_close(p.client);
    CHECK_EQ(net_read_to_end(p.server, rest, sizeof rest), done);
    weft_stream_close(p.server);
}

static int close_late(void *arg)
{
    net_settle();
    weft_stream_close(arg);
    return 0;
}

TASK_TEST(transfer, a_peer_that_goes_ends_write_all)
{
    struct net_pair p = net_tight_pair();
    static char zeros[4 << 20];
    size_t done = SIZE_MAX;
    weft_group *g = weft_group_open(NULL);

    weft_spawn(g, close_late, p.server);
    ssize_t n = weft_write_all_counted(p.client, zeros, sizeof zeros, &done);
    if (n != WEFT_EPIPE)
        CHECK_RC(n, WEFT_ECONNRESET);
    CHECK_LT(done, sizeof zeros);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    weft_stream_close(p.client);
}

static int echo(void *arg)
{
    weft_stream *s = arg;
    char buffer[4096];
    ssize_t n;

    while ((n = weft_read(s, buffer, sizeof buffer)) > 0)
        CHECK_EQ(weft_write_all(s, buffer, (size_t)n), n);
    CHECK_EQ(n, 0);
    CHECK_OK(weft_shutdown(s));
    return 0;
}

TASK_TEST(transfer, many_connections_keep_their_bytes_apart)
{
    enum { N = 20 };
    struct net_pair p[N];
    struct source sources[N];
    struct sink sinks[N];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < N; i++) {
        p[i] = net_pair();
        sources[i] = (struct source){.stream = p[i].client, .size = MANY / N + (size_t)i};
        sinks[i] = (struct sink){.stream = p[i].client};
        weft_spawn(g, echo, p[i].server);
        weft_spawn(g, send_all, &sources[i]);
        weft_spawn(g, receive_all, &sinks[i]);
    }
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < N; i++) {
        CHECK_EQ(sinks[i].done, MANY / N + (size_t)i);
        net_close(&p[i]);
    }
    weft_group_close(g);
}
