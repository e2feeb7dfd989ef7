/* SPDX-License-Identifier: MIT */
/*
 * Short tests that tools/stress repeats: each sets tasks, workers and wakers against one another in as many orders as
 * chance gives, and checks what must be true in all of them. One run of all takes a fraction of a second.
 */
#include <stdatomic.h>
#include <string.h>

#include "tests/support/support.h"

/* How much work: less where each step is slower. */
#define SCALE(n) (TEST_ASAN || TEST_TSAN ? (n) / 10 : (n))

/* xorshift: each task has its own, so that runs differ only in how they interleave. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A tree of tasks that spawn, yield and wait: every node is counted exactly once. */

struct tree {
    atomic_uint *nodes;
    unsigned depth;
};

static int grow(void *arg)
{
    struct tree *t = arg;
    atomic_fetch_add_explicit(t->nodes, 1, memory_order_relaxed);
    if (t->depth == 0)
        return weft_yield();

    struct tree child = {t->nodes, t->depth - 1};
    weft_group *g = weft_group_open(NULL);
    for (int i = 0; i < 3; i++)
        weft_spawn(g, grow, &child);
    int rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

WEFT_TEST(stress, every_node_of_a_tree_runs_once)
{
    atomic_uint nodes = 0;
    struct tree root = {&nodes, TEST_ASAN || TEST_TSAN ? 4 : 7};
    unsigned expected = 0, level = 1;
    for (unsigned d = 0; d <= root.depth; d++, level *= 3)
        expected += level;
    CHECK_OK(test_run(grow, &root));
    CHECK_EQ(nodes, expected);
}

/* Tasks hand numbers through small channels: none is lost, none comes twice. */

#define PAIRS 8

struct relay {
    weft_chan *chan;
    uint64_t items, sum;
};

static int send_items(void *arg)
{
    struct relay *r = arg;
    for (uint64_t i = 1; i <= r->items; i++)
        CHECK_OK(weft_chan_send(r->chan, &i));
    return 0;
}

static int receive_items(void *arg)
{
    struct relay *r = arg;
    uint64_t item, last = 0;
    int rc;
    while ((rc = weft_chan_recv(r->chan, &item)) == 0) {
        CHECK_EQ(item, last + 1);
        last = item;
        r->sum += item;
    }
    CHECK_RC(rc, WEFT_ECLOSED);
    return 0;
}

static int relay(void *arg)
{
    struct relay *r = arg;
    weft_group *receivers = weft_group_open(NULL);
    weft_group *senders = weft_group_open(NULL);
    for (int i = 0; i < PAIRS; i++) {
        weft_spawn(receivers, receive_items, &r[i]);
        weft_spawn(senders, send_items, &r[i]);
    }
    CHECK_OK(weft_group_wait(senders));
    for (int i = 0; i < PAIRS; i++)
        CHECK_OK(weft_chan_close(r[i].chan));
    weft_group_close(senders);
    int rc = weft_group_wait(receivers);
    weft_group_close(receivers);
    return rc;
}

WEFT_TEST(stress, channels_lose_nothing_and_repeat_nothing)
{
    struct relay relays[PAIRS];
    for (unsigned i = 0; i < PAIRS; i++) {
        relays[i] = (struct relay){.chan = weft_chan_create(sizeof(uint64_t), 1 + i % 3), .items = SCALE(1000)};
        CHECK_NOT_NULL(relays[i].chan);
    }
    CHECK_OK(test_run(relay, relays));
    for (unsigned i = 0; i < PAIRS; i++) {
        CHECK_EQ(relays[i].sum, relays[i].items * (relays[i].items + 1) / 2);
        weft_chan_destroy(relays[i].chan);
    }
}

/* Wakes by a timer, by a deadline and by a cancel race for the same sleeper: each sleep ends, with a code that fits. */

struct sleeper {
    uint64_t random;
    unsigned rounds;
};

static int sleep_in_scopes(void *arg)
{
    struct sleeper *s = arg;
    for (unsigned i = 0; i < s->rounds; i++) {
        weft_time now = weft_now();
        weft_scope *scope = weft_scope_open(now + (weft_time)(next_random(&s->random) % 400000));
        int rc = weft_sleep_until(now + (weft_time)(next_random(&s->random) % 400000));
        rc = (int)weft_scope_close(scope, rc);
        if (rc == WEFT_ECANCELED)
            return rc;
        if (rc != WEFT_ETIMEDOUT)
            CHECK_OK(rc);
    }
    return 0;
}

static int cancel_sleepers(void *arg)
{
    struct sleeper sleepers[50];
    uint64_t *random = arg;
    for (unsigned round = 0; round < SCALE(50); round++) {
        weft_group *g = weft_group_open(NULL);
        for (unsigned i = 0; i < 50; i++) {
            sleepers[i] = (struct sleeper){next_random(random), 1 + i % 5};
            weft_spawn(g, sleep_in_scopes, &sleepers[i]);
        }
        /* The owner's own sleep is cut short by nothing; the children's may be at any moment of their lives. */
        CHECK_OK(weft_sleep_until(weft_now() + (weft_time)(next_random(random) % 1000000)));
        CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}

WEFT_TEST(stress, a_sleep_ends_by_timer_deadline_or_cancel)
{
    uint64_t random = 88172645463325252u;
    CHECK_OK(test_run(cancel_sleepers, &random));
}

/* Short connections: connect, send, echo, close, from many tasks, while the listener goes away in the end. */

struct echo {
    weft_listener *listener;
    char address[WEFT_ADDRESS_MAX];
};

static int echo_back(void *arg)
{
    weft_stream *s = arg;
    char buffer[256];
    ssize_t n;
    while ((n = weft_read(s, buffer, sizeof buffer)) > 0)
        CHECK_EQ(weft_write_all(s, buffer, (size_t)n), n);
    CHECK_EQ(n, 0);
    weft_stream_close(s);
    return 0;
}

static int accept_all(void *arg)
{
    struct echo *e = arg;
    weft_group *g = weft_group_open(NULL);
    weft_stream *s;
    int rc;
    while ((rc = weft_accept(e->listener, &s)) == 0)
        CHECK_OK(weft_spawn(g, echo_back, s));
    CHECK_RC(rc, WEFT_ECLOSED);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static int talk(void *arg)
{
    struct echo *e = arg;
    for (unsigned i = 0; i < SCALE(20); i++) {
        weft_stream *s;
        char text[100], answer[sizeof text];
        size_t got = 0;
        memset(text, (int)('a' + i % 26), sizeof text);
        CHECK_OK(weft_tcp_connect(&s, e->address));
        CHECK_EQ(weft_write_all(s, text, sizeof text), sizeof text);
        CHECK_OK(weft_shutdown(s));
        for (ssize_t n; (n = weft_read(s, answer + got, sizeof answer - got)) != 0; got += (size_t)n)
            CHECK_GT(n, 0);
        CHECK_EQ(got, sizeof text);
        CHECK_MEM_EQ(answer, text, sizeof text);
        weft_stream_close(s);
    }
    return 0;
}

static int serve_and_talk(void *arg)
{
    struct echo e;
    (void)arg;
    CHECK_OK(weft_tcp_listen(&e.listener, "127.0.0.1:0", NULL));
    CHECK_OK(weft_listener_address(e.listener, e.address, sizeof e.address));

    weft_group *server = weft_group_open(NULL);
    weft_group *clients = weft_group_open(NULL);
    weft_spawn(server, accept_all, &e);
    for (int i = 0; i < 20; i++)
        weft_spawn(clients, talk, &e);
    CHECK_OK(weft_group_wait(clients));
    weft_group_close(clients);
    weft_listener_close(e.listener);
    CHECK_OK(weft_group_wait(server));
    weft_group_close(server);
    return 0;
}

WEFT_TEST(stress, short_connections_are_all_answered)
{
    CHECK_OK(test_run(serve_and_talk, NULL));
}

/* Runtimes come and go: nothing of one is left to disturb the next. */

WEFT_TEST(stress, runtimes_start_and_stop)
{
    for (unsigned i = 0; i < SCALE(30); i++) {
        atomic_uint nodes = 0;
        struct tree root = {&nodes, i % 3};
        CHECK_OK(test_run(grow, &root));
        CHECK_EQ(nodes, i % 3 == 0 ? 1 : i % 3 == 1 ? 4 : 13);
    }
}
