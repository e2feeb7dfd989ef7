/* SPDX-License-Identifier: MIT */
/* Streams at the edges of a runtime: threads that are no task, streams that nobody closed, several runtimes. */
#include <pthread.h>
#include <sched.h>

#include "tests/io/net.h"

static weft_runtime *create(void)
{
    weft_runtime_options options = {.workers = test_workers()};
    weft_runtime *rt;

    CHECK_OK(weft_runtime_create(&rt, &options));
    return rt;
}

static int make_pair(void *arg)
{
    struct net_pair *p = arg;

    *p = net_pair();
    return 0;
}

static int make_listener(void *arg)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener **l = arg;

    *l = net_listen(address);
    return 0;
}

WEFT_TEST(runtime_streams, calls_that_may_wait_need_a_task)
{
    weft_runtime *rt = create();
    struct net_pair p;
    weft_listener *l;
    weft_stream *s = (weft_stream *)&p;
    char text[WEFT_ADDRESS_MAX];
    size_t done = 7;

    CHECK_OK(weft_runtime_run(rt, make_pair, &p));
    CHECK_OK(weft_runtime_run(rt, make_listener, &l));
    CHECK_RC(weft_read(p.client, text, 1), WEFT_ENOTASK);
    CHECK_RC(weft_write(p.client, text, 1), WEFT_ENOTASK);
    CHECK_RC(weft_write_all(p.client, text, 1), WEFT_ENOTASK);
    CHECK_RC(weft_write_all_counted(p.client, text, 1, &done), WEFT_ENOTASK);
    CHECK_EQ(done, 0);
    CHECK_RC(weft_accept(l, &s), WEFT_ENOTASK);
    CHECK_NULL(s);
    CHECK_RC(weft_fd_wait(0, WEFT_READABLE), WEFT_ENOTASK);
    CHECK_GE(weft_stream_fd(p.client), 0);
    weft_runtime_destroy(rt);
}

WEFT_TEST(runtime_streams, what_is_left_open_is_closed_with_the_runtime)
{
    int before = net_descriptors();
    weft_runtime *rt = create();
    struct net_pair p;
    weft_listener *l;

    for (int i = 0; i < 50; i++)
        CHECK_OK(weft_runtime_run(rt, make_pair, &p));
    CHECK_OK(weft_runtime_run(rt, make_listener, &l));
    CHECK_GT(net_descriptors(), before + 100);
    weft_runtime_destroy(rt);
    CHECK_EQ(net_descriptors(), before);
}

struct readers {
    struct net_pair pair;
    struct net_call call;
    char byte;
};

static int start_reader(void *arg)
{
    struct readers *r = arg;

    r->pair = net_pair();
    r->call.stream = r->pair.client;
    r->call.buffer = &r->byte;
    r->call.size = 1;
    return net_call_read(&r->call);
}

static void *run_reader(void *arg)
{
    void **args = arg;

    CHECK_OK(weft_runtime_run(args[0], start_reader, args[1]));
    return NULL;
}

WEFT_TEST(runtime_streams, stopping_the_runtime_ends_its_waits)
{
    int before = net_descriptors();
    weft_runtime *rt = create();
    struct readers r = {.byte = 0};
    void *args[2] = {rt, &r};
    pthread_t thread;

    CHECK_OK(pthread_create(&thread, NULL, run_reader, args));
    while (!r.call.begun)
        sched_yield();
    weft_runtime_stop(rt);
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_RC(r.call.result, WEFT_ECANCELED);
    weft_runtime_destroy(rt);
    CHECK_EQ(net_descriptors(), before);
}

static int talk(void *arg)
{
    struct net_pair p = net_pair();

    for (int i = 0; i < NET_SCALE(50, 500); i++) {
        net_carry(p.client, p.server, arg);
        net_carry(p.server, p.client, arg);
    }
    net_close(&p);
    return 0;
}

struct talker {
    pthread_t thread;
    weft_runtime *rt;
    char text[8];
};

static void *talk_in_a_runtime(void *arg)
{
    struct talker *t = arg;

    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_runtime_run(t->rt, talk, t->text));
    return NULL;
}

WEFT_TEST(runtime_streams, several_runtimes_live_side_by_side)
{
    struct talker talkers[4] = {{.text = "one"}, {.text = "two"}, {.text = "three"}, {.text = "four"}};
    int before = net_descriptors();

    /* All of them live to the end: the thread sanitizer does not see libuv close a descriptor, and would take the next
     * owner of its number for a second one. */
    for (int i = 0; i < 4; i++)
        talkers[i].rt = create();
    for (int i = 0; i < 4; i++)
        CHECK_OK(pthread_create(&talkers[i].thread, NULL, talk_in_a_runtime, &talkers[i]));
    for (int i = 0; i < 4; i++)
        CHECK_OK(pthread_join(talkers[i].thread, NULL));
    for (int i = 0; i < 4; i++)
        weft_runtime_destroy(talkers[i].rt);
    CHECK_EQ(net_descriptors(), before);
}
