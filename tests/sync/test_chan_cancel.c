/* SPDX-License-Identifier: MIT */
/* Channels whose senders and receivers are cancelled: nothing is lost and nothing comes twice. */
#include "tests/sync/sync.h"

static weft_chan *make(size_t capacity)
{
    weft_chan *c = weft_chan_create(sizeof(int), capacity);

    CHECK_NOT_NULL(c);
    return c;
}

TASK_TEST(chan_cancel, a_canceled_scope_neither_sends_nor_receives)
{
    (void)arg;
    weft_chan *c = make(2);
    int item = -1;
    weft_scope *scope = weft_scope_open(0);

    CHECK_OK(weft_chan_send(c, &(int){1}));
    CHECK_OK(weft_scope_cancel(scope));
    for (int i = 0; i < 3; i++) {
        CHECK_RC(weft_chan_recv(c, &item), WEFT_ECANCELED);
        CHECK_RC(weft_chan_send(c, &item), WEFT_ECANCELED);
    }
    CHECK_EQ(item, -1);
    /* What never waits is no checkpoint. */
    CHECK_OK(weft_chan_try_send(c, &(int){2}));
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    CHECK_OK(weft_chan_recv(c, &item));
    CHECK_EQ(item, 1);
    CHECK_OK(weft_chan_recv(c, &item));
    CHECK_EQ(item, 2);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(chan_cancel, cancellation_comes_before_the_close)
{
    (void)arg;
    weft_chan *c = make(1);
    int item = -1;
    weft_scope *scope = weft_scope_open(0);

    CHECK_OK(weft_chan_close(c));
    CHECK_OK(weft_scope_cancel(scope));
    CHECK_RC(weft_chan_recv(c, &item), WEFT_ECANCELED);
    CHECK_RC(weft_chan_send(c, &item), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(chan_cancel, a_receiver_that_is_canceled_leaves_the_item_to_others)
{
    (void)arg;
    weft_chan *c = make(1);
    struct sync_call first = {.chan = c, .item = -1}, second = {.chan = c, .item = -1};

    for (int i = 0; i < 20; i++) {
        weft_group *a = weft_group_open(NULL);
        sync_begin(a, sync_recv, &first);
        weft_group *b = weft_group_open(NULL);
        sync_begin(b, sync_recv, &second);
        /* The outer group is cancelled from inside the inner one, so both of them end. */
        CHECK_OK(weft_group_cancel(a));
        weft_group_close(b);
        weft_group_close(a);
        CHECK_RC(first.result, WEFT_ECANCELED);
        CHECK_RC(second.result, WEFT_ECANCELED);
        CHECK_OK(weft_chan_send(c, &i));
        CHECK_OK(weft_chan_recv(c, &first.item));
        CHECK_EQ(first.item, i);
    }
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(chan_cancel, one_of_several_receivers_is_canceled)
{
    (void)arg;
    weft_chan *c = make(1);
    struct sync_call stays[2] = {{.chan = c, .item = -1}, {.chan = c, .item = -1}}, goes = {.chan = c, .item = -1};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 10; i++) {
        sync_begin(g, sync_recv, &stays[0]);
        weft_group *canceled = weft_group_open(NULL);
        sync_begin(canceled, sync_recv, &goes);
        sync_begin(g, sync_recv, &stays[1]);
        weft_group_close(canceled);
        CHECK_RC(goes.result, WEFT_ECANCELED);
        CHECK_OK(weft_chan_send(c, &(int){1}));
        CHECK_OK(weft_chan_send(c, &(int){2}));
        CHECK_OK(weft_group_wait(g));
        CHECK_OK(stays[0].result);
        CHECK_OK(stays[1].result);
        CHECK_EQ(stays[0].item + stays[1].item, 3);
    }
    weft_group_close(g);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(chan_cancel, a_sender_that_is_canceled_has_sent_nothing)
{
    (void)arg;
    weft_chan *c = make(1);
    struct sync_call stays[2] = {{.chan = c, .item = 10}, {.chan = c, .item = 20}}, goes = {.chan = c, .item = 99};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 10; i++) {
        int sum = 0, item;

        CHECK_OK(weft_chan_send(c, &(int){1}));
        sync_begin(g, sync_send, &stays[0]);
        weft_group *canceled = weft_group_open(NULL);
        sync_begin(canceled, sync_send, &goes);
        sync_begin(g, sync_send, &stays[1]);
        weft_group_close(canceled);
        CHECK_RC(goes.result, WEFT_ECANCELED);
        for (int k = 0; k < 3; k++) {
            CHECK_OK(weft_chan_recv(c, &item));
            sum += item;
        }
        CHECK_EQ(sum, 31);
        CHECK_OK(weft_group_wait(g));
        CHECK_OK(stays[0].result);
        CHECK_OK(stays[1].result);
        CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    }
    weft_group_close(g);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(chan_cancel, a_deadline_ends_a_receive_and_a_send)
{
    (void)arg;
    weft_chan *c = make(1);
    int item = -1;
    weft_time begin = weft_now();
    weft_scope *scope = weft_scope_open(weft_after_ms(15));

    int rc = weft_chan_recv(c, &item);
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now() - begin, 15 * 1000000);

    CHECK_OK(weft_chan_send(c, &(int){1}));
    begin = weft_now();
    scope = weft_scope_open(weft_after_ms(15));
    rc = weft_chan_send(c, &(int){2});
    CHECK_RC(weft_scope_close(scope, rc), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now() - begin, 15 * 1000000);

    CHECK_OK(weft_chan_recv(c, &item));
    CHECK_EQ(item, 1);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    weft_chan_destroy(c);
    return 0;
}

/* An item and a cancellation come at the same time: the one or the other, and never both or neither. */

TASK_TEST(chan_cancel, a_receiver_gets_the_item_or_the_cancellation)
{
    (void)arg;
    weft_chan *c = make(1);

    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        struct sync_call call = {.chan = c, .item = -1};
        weft_group *g = weft_group_open(NULL);
        int item;

        weft_spawn(g, sync_recv, &call);
        if (i % 2 == 0)
            CHECK_OK(weft_yield());
        int sent = weft_chan_try_send(c, &i);
        weft_group_close(g);
        CHECK_OK(sent);
        if (call.result == 0) {
            CHECK_EQ(call.item, i);
            CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
        } else {
            CHECK_RC(call.result, WEFT_ECANCELED);
            CHECK_OK(weft_chan_try_recv(c, &item));
            CHECK_EQ(item, i);
        }
    }
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(chan_cancel, a_sender_sends_or_gets_the_cancellation)
{
    (void)arg;
    weft_chan *c = make(1);

    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        struct sync_call call = {.chan = c, .item = i};
        weft_group *g = weft_group_open(NULL);
        int item = -1;

        CHECK_OK(weft_chan_try_send(c, &(int){-2}));
        weft_spawn(g, sync_send, &call);
        if (i % 2 == 0)
            CHECK_OK(weft_yield());
        CHECK_OK(weft_chan_try_recv(c, &item));
        CHECK_EQ(item, -2);
        weft_group_close(g);
        if (call.result == 0) {
            CHECK_OK(weft_chan_try_recv(c, &item));
            CHECK_EQ(item, i);
        } else {
            CHECK_RC(call.result, WEFT_ECANCELED);
        }
        CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    }
    weft_chan_destroy(c);
    return 0;
}
