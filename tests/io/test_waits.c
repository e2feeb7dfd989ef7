/* SPDX-License-Identifier: MIT */
/* Streams whose tasks have to wait: who wakes them, and with what. */
#include <string.h>

#include "tests/io/net.h"

/* A read (write) that has to wait, in a task of `g`. */
static void begin_read(weft_group *g, struct net_call *call)
{
    call->begun = call->done = false;
    weft_spawn(g, net_call_read, call);
    net_await_begun(call);
}

static void begin_write(weft_group *g, struct net_call *call)
{
    call->begun = call->done = false;
    weft_spawn(g, net_call_write, call);
    net_await_begun(call);
}

/* Of two calls that began, the one that returned; waits for it. */
static struct net_call *returned_of(struct net_call calls[2], struct net_call **other)
{
    while (!calls[0].done && !calls[1].done)
        CHECK_OK(weft_sleep_ms(1));
    *other = calls[0].done ? &calls[1] : &calls[0];
    return calls[0].done ? &calls[0] : &calls[1];
}

/* Makes room for a writer until it has returned. What it writes may be read before it says that it is done, so the reads
 * must not wait for more. */
static void read_until_done(weft_stream *s, struct net_call *writer)
{
    static char buffer[4096];

    while (!writer->done) {
        weft_scope *scope = weft_scope_open(weft_after_ms(5));
        ssize_t n = weft_scope_close(scope, weft_read(s, buffer, sizeof buffer));
        if (n != WEFT_ETIMEDOUT)
            CHECK_GT(n, 0);
    }
}

TASK_TEST(waits, bytes_wake_their_reader)
{
    struct net_pair p = net_pair();
    char byte = 0;
    struct net_call call = {.stream = p.server, .buffer = &byte, .size = 1};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 20; i++) {
        begin_read(g, &call);
        CHECK(!call.done);
        CHECK_EQ(weft_write(p.client, &(char){(char)i}, 1), 1);
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(call.result, 1);
        CHECK_EQ(byte, i);
    }
    weft_group_close(g);
    net_close(&p);
}

TASK_TEST(waits, the_peers_end_wakes_the_reader)
{
    struct net_pair p = net_pair();
    char byte;
    struct net_call call = {.stream = p.server, .buffer = &byte, .size = 1};
    weft_group *g = weft_group_open(NULL);

    begin_read(g, &call);
    weft_stream_close(p.client);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(call.result, 0);
    weft_group_close(g);
    weft_stream_close(p.server);
}

TASK_TEST(waits, a_reset_wakes_reader_and_writer)
{
    struct net_pair p = net_tight_pair();
    static char buffer[4096];
    char byte;
    struct net_call reader = {.stream = p.server, .buffer = &byte, .size = 1};
    struct net_call writer = {.stream = p.server, .buffer = buffer, .size = sizeof buffer};
    weft_group *g = weft_group_open(NULL);

    net_fill(p.server);
    begin_read(g, &reader);
    begin_write(g, &writer);
    CHECK_OK(weft_stream_reset_on_close(p.client, true));
    weft_stream_close(p.client);
    CHECK_OK(weft_group_wait(g));
    /* The system tells the error to the first who asks; the other finds what it left. */
    if (reader.result == 0) {
        CHECK_RC(writer.result, WEFT_ECONNRESET);
    } else {
        CHECK_RC(reader.result, WEFT_ECONNRESET);
        CHECK_RC(writer.result, WEFT_EPIPE);
    }
    weft_group_close(g);
    weft_stream_close(p.server);
}

TASK_TEST(waits, a_second_reader_is_told_that_the_stream_is_busy)
{
    struct net_pair p = net_pair();
    char bytes[2] = {0, 0};
    struct net_call calls[2] = {{.stream = p.server, .buffer = &bytes[0], .size = 1},
                                {.stream = p.server, .buffer = &bytes[1], .size = 1}};
    struct net_call *other;
    weft_group *g = weft_group_open(NULL);

    weft_spawn(g, net_call_read, &calls[0]);
    weft_spawn(g, net_call_read, &calls[1]);
    CHECK_RC(returned_of(calls, &other)->result, WEFT_EBUSY);
    net_settle();
    CHECK(!other->done);
    /* The refusal has not taken the place of the one that waits. */
    CHECK_EQ(weft_write(p.client, "x", 1), 1);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(other->result, 1);
    CHECK_EQ(*other->buffer, 'x');
    weft_group_close(g);
    net_close(&p);
}

TASK_TEST(waits, a_second_writer_is_told_that_the_stream_is_busy)
{
    struct net_pair p = net_tight_pair();
    static char buffer[4096];
    struct net_call calls[2] = {{.stream = p.server, .buffer = buffer, .size = 1},
                                {.stream = p.server, .buffer = buffer, .size = 1}};
    struct net_call *other;
    weft_group *g = weft_group_open(NULL);

    net_fill(p.server);
    weft_spawn(g, net_call_write, &calls[0]);
    weft_spawn(g, net_call_write, &calls[1]);
    CHECK_RC(returned_of(calls, &other)->result, WEFT_EBUSY);
    read_until_done(p.client, other);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(other->result, 1);
    weft_group_close(g);
    net_close(&p);
}

TASK_TEST(waits, a_reader_and_a_writer_wait_at_once)
{
    struct net_pair p = net_tight_pair();
    static char buffer[4096];
    char byte = 0;
    struct net_call reader = {.stream = p.server, .buffer = &byte, .size = 1};
    struct net_call writer = {.stream = p.server, .buffer = buffer, .size = sizeof buffer};
    weft_group *g = weft_group_open(NULL);

    net_fill(p.server);
    begin_read(g, &reader);
    begin_write(g, &writer);
    CHECK(!reader.done);
    CHECK(!writer.done);
    /* Each goes on alone. */
    CHECK_EQ(weft_write(p.client, "r", 1), 1);
    net_await_done(&reader);
    CHECK_EQ(reader.result, 1);
    CHECK_EQ(byte, 'r');
    CHECK(!writer.done);
    begin_read(g, &reader);
    read_until_done(p.client, &writer);
    CHECK_GT(writer.result, 0);
    CHECK(!reader.done);
    CHECK_EQ(weft_write(p.client, "s", 1), 1);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(byte, 's');
    weft_group_close(g);
    net_close(&p);
}

TASK_TEST(waits, closing_wakes_the_reader)
{
    for (int i = 0; i < 20; i++) {
        struct net_pair p = net_pair();
        char byte;
        struct net_call call = {.stream = p.server, .buffer = &byte, .size = 1};
        weft_group *g = weft_group_open(NULL);

        begin_read(g, &call);
        weft_stream_close(p.server);
        CHECK_OK(weft_group_wait(g));
        CHECK_RC(call.result, WEFT_ECLOSED);
        weft_group_close(g);
        CHECK_EQ(weft_read(p.client, &byte, 1), 0);
        weft_stream_close(p.client);
    }
}

TASK_TEST(waits, closing_wakes_reader_and_writer)
{
    struct net_pair p = net_tight_pair();
    static char buffer[4096];
    char byte;
    struct net_call reader = {.stream = p.server, .buffer = &byte, .size = 1};
    struct net_call writer = {.stream = p.server, .buffer = buffer, .size = sizeof buffer};
    weft_group *g = weft_group_open(NULL);

    net_fill(p.server);
    begin_read(g, &reader);
    begin_write(g, &writer);
    weft_stream_close(p.server);
    CHECK_OK(weft_group_wait(g));
    CHECK_RC(reader.result, WEFT_ECLOSED);
    CHECK_RC(writer.result, WEFT_ECLOSED);
    weft_group_close(g);
    weft_stream_close(p.client);
}

TASK_TEST(waits, a_canceled_reader_and_writer_stop_waiting)
{
    struct net_pair p = net_tight_pair();
    static char buffer[4096];
    char byte;
    struct net_call reader = {.stream = p.server, .buffer = &byte, .size = 1};
    struct net_call writer = {.stream = p.server, .buffer = buffer, .size = sizeof buffer};

    net_fill(p.server);
    for (int i = 0; i < 10; i++) {
        weft_group *g = weft_group_open(NULL);
        begin_read(g, &reader);
        begin_write(g, &writer);
        CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_group_wait(g));
        CHECK_RC(reader.result, WEFT_ECANCELED);
        CHECK_RC(writer.result, WEFT_ECANCELED);
        weft_group_close(g);
    }
    /* The stream is as it was. */
    CHECK_EQ(weft_write(p.client, "x", 1), 1);
    CHECK_EQ(weft_read(p.server, &byte, 1), 1);
    CHECK_EQ(byte, 'x');
    net_close(&p);
}

TASK_TEST(waits, a_deadline_ends_a_read)
{
    struct net_pair p = net_pair();
    char byte;

    for (int i = 0; i < 3; i++) {
        weft_time begin = weft_now();
        weft_scope *scope = weft_scope_open(weft_after_ms(15));
        ssize_t n = weft_read(p.server, &byte, 1);
        CHECK_RC(weft_scope_close(scope, n), WEFT_ETIMEDOUT);
        CHECK_GE(weft_now() - begin, 15 * 1000000);
    }
    net_carry(p.client, p.server, "late");
    net_close(&p);
}

TASK_TEST(waits, a_deadline_ends_a_write)
{
    struct net_pair p = net_tight_pair();
    weft_time begin;

    net_fill(p.server);
    begin = weft_now();
    weft_scope *scope = weft_scope_open(weft_after_ms(15));
    ssize_t n = weft_write(p.server, "x", 1);
    CHECK_RC(weft_scope_close(scope, n), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now() - begin, 15 * 1000000);
    net_close(&p);
}

TASK_TEST(waits, a_canceled_scope_reads_and_writes_nothing)
{
    struct net_pair p = net_pair();
    weft_scope *scope = weft_scope_open(0);
    size_t done = 7;
    char byte = 0;

    CHECK_EQ(weft_write(p.client, "x", 1), 1);
    CHECK_OK(weft_scope_cancel(scope));
    for (int i = 0; i < 3; i++) {
        CHECK_RC(weft_read(p.server, &byte, 1), WEFT_ECANCELED);
        CHECK_RC(weft_read(p.server, &byte, 0), WEFT_ECANCELED);
        CHECK_RC(weft_write(p.server, "y", 1), WEFT_ECANCELED);
        CHECK_RC(weft_write_all(p.server, "y", 1), WEFT_ECANCELED);
        CHECK_RC(weft_write_all_counted(p.server, "y", 1, &done), WEFT_ECANCELED);
        CHECK_EQ(done, 0);
    }
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_EQ(weft_read(p.server, &byte, 1), 1);
    CHECK_EQ(byte, 'x');
    CHECK_OK(weft_shutdown(p.server));
    CHECK_EQ(weft_read(p.client, &byte, 1), 0);
    net_close(&p);
}

static int close_stream(void *arg)
{
    weft_stream_close(arg);
    return 0;
}

TASK_TEST(waits, a_close_that_races_with_its_reader_always_ends_it)
{
    /* Also where the reader comes after the close: nothing here opens another descriptor, so the handle stays closed. */
    for (int i = 0; i < NET_SCALE(100, 500); i++) {
        struct net_pair p = net_pair();
        char byte;
        struct net_call call = {.stream = p.server, .buffer = &byte, .size = 1};
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, net_call_read, &call);
        weft_spawn(g, close_stream, p.server);
        CHECK_OK(weft_group_wait(g));
        CHECK_RC(call.result, WEFT_ECLOSED);
        weft_group_close(g);
        weft_stream_close(p.client);
    }
}
