/* SPDX-License-Identifier: MIT */
#include "tests/sync/values.h"

static weft_broadcast *make(size_t capacity)
{
    weft_broadcast *b = weft_broadcast_create(sizeof(int), capacity);

    CHECK_NOT_NULL(b);
    return b;
}

static void send(weft_broadcast *b, int first, int last)
{
    for (int i = first; i <= last; i++)
        CHECK_OK(weft_broadcast_send(b, &i));
}

static void expect(weft_subscriber *s, int first, int last)
{
    uint64_t lost = 99;
    int item = -1;

    for (int i = first; i <= last; i++) {
        CHECK_OK(weft_broadcast_recv(s, &item, &lost));
        CHECK_EQ(item, i);
        CHECK_EQ(lost, 0);
    }
}

static void expect_nothing(weft_subscriber *s)
{
    uint64_t lost = 99;
    int item = -1;

    CHECK_RC(weft_broadcast_try_recv(s, &item, &lost), WEFT_EEMPTY);
    CHECK_EQ(item, -1);
    CHECK_EQ(lost, 99);
}

static int receive(struct call *c)
{
    return weft_broadcast_recv(c->on, &c->item, &c->lost);
}

static struct call receive_on(weft_subscriber *s)
{
    return (struct call){.fn = receive, .on = s, .item = -1, .lost = 99};
}

TASK_TEST(broadcast, every_subscriber_sees_every_item_since_it_subscribed)
{
    (void)arg;
    weft_broadcast *b = make(3);
    weft_subscriber early, late, copy;

    weft_subscribe(&early, b);
    send(b, 1, 2);
    weft_subscribe(&late, b);
    expect_nothing(&late);
    send(b, 3, 3);
    expect(&late, 3, 3);
    expect(&early, 1, 1);
    copy = early;
    expect(&early, 2, 3);
    send(b, 4, 4);
    expect(&early, 4, 4);
    expect(&copy, 2, 4);
    expect(&late, 4, 4);
    expect_nothing(&early);
    expect_nothing(&late);
    CHECK_OK(weft_broadcast_destroy(b));
    return 0;
}

TASK_TEST(broadcast, slow_subscriber_is_told_how_many_it_lost)
{
    (void)arg;
    for (int capacity = 1; capacity <= 5; capacity++) {
        weft_broadcast *b = make((size_t)capacity);
        weft_subscriber s;
        uint64_t lost = 99;
        int item = -1;

        weft_subscribe(&s, b);
        send(b, 1, capacity);
        expect(&s, 1, capacity); /* as many as there is room for: nothing is lost */
        send(b, 1, 100);
        CHECK_OK(weft_broadcast_recv(&s, &item, &lost));
        CHECK_EQ(item, 101 - capacity);
        CHECK_EQ(lost, 100 - capacity);
        expect(&s, 102 - capacity, 100);
        expect_nothing(&s);
        send(b, 1, capacity + 1);
        CHECK_OK(weft_broadcast_try_recv(&s, &item, NULL));
        CHECK_EQ(item, 2);
        expect(&s, 3, capacity + 1);
        CHECK_OK(weft_broadcast_destroy(b));
    }
    return 0;
}

TASK_TEST(broadcast, send_wakes_all_that_wait)
{
    (void)arg;
    weft_broadcast *b = make(2);
    weft_subscriber s[3];
    struct call calls[3];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++)
        weft_subscribe(&s[i], b);
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < 3; i++) {
            calls[i] = receive_on(&s[i]);
            call_begin(g, &calls[i]);
            CHECK(!calls[i].done);
        }
        CHECK_RC(weft_broadcast_destroy(b), WEFT_EBUSY);
        send(b, round, round);
        CHECK_OK(weft_group_wait(g));
        for (int i = 0; i < 3; i++) {
            CHECK_OK(calls[i].result);
            CHECK_EQ(calls[i].item, round);
            CHECK_EQ(calls[i].lost, 0);
        }
    }
    weft_group_close(g);
    CHECK_OK(weft_broadcast_destroy(b));
    return 0;
}

TASK_TEST(broadcast, close_lets_subscribers_read_what_is_left)
{
    (void)arg;
    weft_broadcast *b = make(4);
    weft_subscriber waits, reads;
    struct call call;
    int item;

    weft_subscribe(&reads, b);
    send(b, 1, 2);
    weft_subscribe(&waits, b);
    call = receive_on(&waits);
    weft_group *g = weft_group_open(NULL);
    call_begin(g, &call);
    CHECK_OK(weft_broadcast_close(b));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_RC(call.result, WEFT_ECLOSED);
    CHECK_EQ(call.item, -1);
    CHECK_RC(weft_broadcast_send(b, &(int){3}), WEFT_ECLOSED);
    CHECK_RC(weft_broadcast_close(b), WEFT_ECLOSED);
    expect(&reads, 1, 2);
    CHECK_RC(weft_broadcast_recv(&reads, &item, NULL), WEFT_ECLOSED);
    CHECK_RC(weft_broadcast_try_recv(&reads, &item, NULL), WEFT_ECLOSED);
    CHECK_OK(weft_broadcast_destroy(b));
    return 0;
}

TASK_TEST(broadcast, receiver_in_a_canceled_scope_takes_nothing)
{
    (void)arg;
    weft_broadcast *b = make(2);
    weft_subscriber s;
    struct call call = receive_on(&s);

    weft_subscribe(&s, b);
    send(b, 1, 1);
    CHECK_RC(call_canceled(&call), WEFT_ECANCELED);
    expect(&s, 1, 1);
    CHECK_OK(weft_broadcast_destroy(b));
    return 0;
}

TASK_TEST(broadcast, receiver_that_is_canceled_leaves_the_others_alone_and_misses_nothing)
{
    (void)arg;
    weft_broadcast *b = make(2);
    weft_subscriber s[3];
    struct three t = {receive_on(&s[0]), receive_on(&s[1]), receive_on(&s[2])};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++)
        weft_subscribe(&s[i], b);
    three_begin(g, &t);
    send(b, 5, 5);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(t.before.result);
    CHECK_OK(t.behind.result);
    CHECK_EQ(t.before.item + t.behind.item, 10);
    expect(&s[1], 5, 5);
    CHECK_OK(weft_broadcast_destroy(b));
    return 0;
}

TASK_TEST(broadcast, item_and_cancellation_meet_and_the_item_is_seen_once)
{
    (void)arg;
    weft_broadcast *b = make(2);
    weft_subscriber s;

    weft_subscribe(&s, b);
    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        struct call call = receive_on(&s);
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, call_task, &call);
        if (i % 2 == 0)
            CHECK_OK(weft_yield());
        send(b, i, i);
        weft_group_close(g);
        if (call.result == 0) {
            CHECK_EQ(call.item, i);
            expect_nothing(&s);
        } else {
            CHECK_RC(call.result, WEFT_ECANCELED);
            expect(&s, i, i);
        }
    }
    CHECK_OK(weft_broadcast_destroy(b));
    return 0;
}

TASK_TEST(broadcast, deadline_ends_a_receive)
{
    (void)arg;
    weft_broadcast *b = make(2);
    weft_subscriber s;
    struct call call = receive_on(&s);

    weft_subscribe(&s, b);
    CHECK_RC(call_with_deadline(&call), WEFT_ETIMEDOUT);
    send(b, 1, 1);
    CHECK_OK(call_with_deadline(&call));
    CHECK_EQ(call.item, 1);
    CHECK_OK(weft_broadcast_destroy(b));
    return 0;
}

TASK_TEST(broadcast, plain_threads_receive)
{
    (void)arg;
    weft_broadcast *b = make(2);
    weft_subscriber s[2];
    struct call calls[2];
    pthread_t threads[2];

    for (int i = 0; i < 2; i++) {
        weft_subscribe(&s[i], b);
        calls[i] = receive_on(&s[i]);
        call_begin_thread(&threads[i], &calls[i]);
        CHECK(!calls[i].done);
    }
    send(b, 4, 4);
    for (int i = 0; i < 2; i++) {
        call_end_thread(threads[i], &calls[i]);
        CHECK_OK(calls[i].result);
        CHECK_EQ(calls[i].item, 4);
    }
    CHECK_OK(weft_broadcast_destroy(b));
    return 0;
}

TASK_TEST(broadcast, thousand_waiters_see_each_item)
{
    (void)arg;
    enum { SUBSCRIBERS = 1000, ROUNDS = 5 };
    weft_broadcast *b = make(ROUNDS);
    weft_subscriber *s = calloc(SUBSCRIBERS, sizeof *s);
    struct call *calls = calloc(SUBSCRIBERS, sizeof *calls);
    weft_group *g = weft_group_open(NULL);

    CHECK(s != NULL && calls != NULL);
    for (int i = 0; i < SUBSCRIBERS; i++)
        weft_subscribe(&s[i], b);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SUBSCRIBERS; i++) {
            calls[i] = receive_on(&s[i]);
            weft_spawn(g, call_task, &calls[i]);
        }
        sync_settle();
        send(b, round, round);
        CHECK_OK(weft_group_wait(g));
        for (int i = 0; i < SUBSCRIBERS; i++) {
            CHECK_OK(calls[i].result);
            CHECK_EQ(calls[i].item, round);
        }
    }
    weft_group_close(g);
    CHECK_OK(weft_broadcast_destroy(b));
    free(s);
    free(calls);
    return 0;
}

WEFT_TEST(broadcast, arguments_without_sense_make_none)
{
    CHECK_NULL(weft_broadcast_create(0, 1));
    CHECK_NULL(weft_broadcast_create(1, 0));
    CHECK_NULL(weft_broadcast_create(SIZE_MAX / 2, 3));
    CHECK_NULL(weft_broadcast_create(1, SIZE_MAX));
    CHECK_OK(weft_broadcast_destroy(NULL));
}
