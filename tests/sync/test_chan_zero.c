/* SPDX-License-Identifier: MIT */
/* Channels without a buffer: a send and a receive meet, or neither happens. */
#include "tests/sync/sync.h"

static weft_chan *make(void)
{
    weft_chan *c = weft_chan_create(sizeof(int), 0);

    CHECK_NOT_NULL(c);
    CHECK_EQ(weft_chan_capacity(c), 0);
    return c;
}

WEFT_TEST(chan_zero, the_try_forms_need_one_who_waits)
{
    weft_chan *c = make();
    int item = -1;

    CHECK_RC(weft_chan_try_send(c, &(int){1}), WEFT_EFULL);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    CHECK_RC(weft_chan_try_send_many(c, (int[]){1, 2}, 2), WEFT_EFULL);
    CHECK_RC(weft_chan_try_recv_many(c, &item, 1), WEFT_EEMPTY);
    CHECK_EQ(item, -1);
    CHECK_EQ(weft_chan_length(c), 0);
    CHECK_OK(weft_chan_close(c));
    CHECK_RC(weft_chan_try_send(c, &item), WEFT_ECLOSED);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_ECLOSED);
    CHECK_OK(weft_chan_destroy(c));
}

TASK_TEST(chan_zero, a_try_takes_from_a_sender_and_gives_to_a_receiver)
{
    (void)arg;
    weft_chan *c = make();
    weft_group *g = weft_group_open(NULL);
    struct sync_call call = {.chan = c, .item = 7};
    int item = -1;

    sync_begin(g, sync_send, &call);
    while (weft_chan_try_recv(c, &item) == WEFT_EEMPTY)
        CHECK_OK(weft_yield());
    CHECK_EQ(item, 7);
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(call.result);

    sync_begin(g, sync_recv, &call);
    while (weft_chan_try_send(c, &(int){8}) == WEFT_EFULL)
        CHECK_OK(weft_yield());
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(call.result);
    CHECK_EQ(call.item, 8);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

struct meeting {
    weft_chan *chan;
    _Atomic int taken; /* items that were received, counted before the next receive */
};

static int send_and_look(void *arg)
{
    struct meeting *m = arg;

    for (int i = 1; i <= SYNC_SCALE(200, 2000); i++) {
        CHECK_OK(weft_chan_send(m->chan, &i));
        /* The one before has been taken and counted; this one has been taken. */
        CHECK_GE(m->taken, i - 1);
    }
    return weft_chan_close(m->chan);
}

TASK_TEST(chan_zero, a_send_returns_once_its_item_is_taken)
{
    (void)arg;
    struct meeting m = {.chan = make()};
    weft_group *g = weft_group_open(NULL);
    int item, rc;

    weft_spawn(g, send_and_look, &m);
    while ((rc = weft_chan_recv(m.chan, &item)) == 0)
        CHECK_EQ(item, ++m.taken);
    CHECK_RC(rc, WEFT_ECLOSED);
    CHECK_EQ(m.taken, SYNC_SCALE(200, 2000));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(m.chan));
    return 0;
}

static int fifo_of_waiters(void *arg)
{
    enum { N = 8 };
    weft_chan *c = make();
    struct sync_call calls[N];
    weft_group *g = weft_group_open(NULL);
    int item;

    (void)arg;
    for (int i = 0; i < N; i++) {
        calls[i] = (struct sync_call){.chan = c, .item = i};
        sync_begin(g, sync_send, &calls[i]);
    }
    for (int i = 0; i < N; i++) {
        CHECK_OK(weft_chan_recv(c, &item));
        CHECK_EQ(item, i);
    }
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < N; i++)
        sync_begin(g, sync_recv, &calls[i]);
    for (int i = 0; i < N; i++)
        CHECK_OK(weft_chan_send(c, &(int){i * 10}));
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < N; i++)
        CHECK_EQ(calls[i].item, i * 10);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_zero, waiters_are_served_in_their_order)
{
    CHECK_OK(weft_run_with(fifo_of_waiters, NULL, &(weft_runtime_options){.workers = 1}));
}

TASK_TEST(chan_zero, closing_wakes_senders_and_their_items_are_theirs)
{
    (void)arg;
    struct sync_call calls[4];

    for (int round = 0; round < 4; round++) {
        weft_chan *c = make();
        weft_group *g = weft_group_open(NULL);
        int item = -1;

        for (int i = 0; i < 4; i++) {
            calls[i] = (struct sync_call){.chan = c, .item = i};
            sync_begin(g, round % 2 == 0 ? sync_send : sync_recv, &calls[i]);
        }
        if (round < 2)
            CHECK_OK(weft_chan_close(c));
        else
            CHECK_EQ(weft_chan_close_now(c), 0);
        CHECK_OK(weft_group_wait(g));
        for (int i = 0; i < 4; i++) {
            CHECK_RC(calls[i].result, WEFT_ECLOSED);
            CHECK_EQ(calls[i].item, i);
        }
        CHECK_RC(weft_chan_recv(c, &item), WEFT_ECLOSED);
        CHECK_EQ(item, -1);
        weft_group_close(g);
        CHECK_OK(weft_chan_destroy(c));
    }
    return 0;
}

TASK_TEST(chan_zero, a_canceled_sender_has_met_nobody_and_those_behind_it_go_on)
{
    (void)arg;
    weft_chan *c = make();
    struct sync_call first = {.chan = c, .item = 1}, goes = {.chan = c, .item = 99}, last = {.chan = c, .item = 2};
    weft_group *g = weft_group_open(NULL), *canceled;
    int item, sum = 0;

    sync_begin(g, sync_send, &first);
    canceled = weft_group_open(NULL);
    sync_begin(canceled, sync_send, &goes);
    sync_begin(g, sync_send, &last);
    weft_group_close(canceled);
    CHECK_RC(goes.result, WEFT_ECANCELED);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(weft_chan_recv(c, &item));
        sum += item;
    }
    CHECK_EQ(sum, 3);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

TASK_TEST(chan_zero, a_deadline_ends_a_wait_on_either_side)
{
    (void)arg;
    weft_chan *c = make();
    int item = 5;
    weft_scope *scope = weft_scope_open(weft_after_ms(10));

    CHECK_RC(weft_scope_close(scope, weft_chan_send(c, &item)), WEFT_ETIMEDOUT);
    scope = weft_scope_open(weft_after_ms(10));
    CHECK_RC(weft_scope_close(scope, weft_chan_recv(c, &item)), WEFT_ETIMEDOUT);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    CHECK_RC(weft_chan_try_send(c, &item), WEFT_EFULL);
    CHECK_EQ(item, 5);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}
