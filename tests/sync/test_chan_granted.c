/* SPDX-License-Identifier: MIT */
/*
 * Cancellation at each stage of a wait in a channel: before it is queued, in the queue, and once it was granted but has not resumed. With
 * one worker, so that each stage is met for certain: what was woken runs only when the test gives way.
 */
#include "tests/sync/sync.h"

struct stage {
    weft_chan *chan;
    weft_scope *scope; /* of the wait */
    bool sends;
    int item, result, next; /* what the call returned, and what the one after it did in the same scope */
    bool begun;
};

static int one_call(struct stage *s)
{
    return s->sends ? weft_chan_send(s->chan, &s->item) : weft_chan_recv(s->chan, &s->item);
}

static int call_in_scope(void *arg)
{
    struct stage *s = arg;

    s->scope = weft_scope_open(0);
    CHECK_NOT_NULL(s->scope);
    s->begun = true;
    s->result = one_call(s);
    s->next = one_call(s);
    (void)weft_scope_close(s->scope, 0);
    return 0;
}

static int run(weft_fn fn, size_t capacity)
{
    return weft_run_with(fn, (void *)capacity, &(weft_runtime_options){.workers = 1});
}

static weft_chan *make(void *capacity)
{
    weft_chan *c = weft_chan_create(sizeof(int), (size_t)(uintptr_t)capacity);

    CHECK_NOT_NULL(c);
    return c;
}

/* Fills it up to where the next send waits. */
static int fill(weft_chan *c)
{
    int n = 0;

    while (weft_chan_try_send(c, &(int){1000 + n}) == 0)
        n++;
    return n;
}

/* Starts one that waits in the channel. */
static void begin(weft_group *g, struct stage *s)
{
    s->begun = false;
    weft_spawn(g, call_in_scope, s);
    while (!s->begun)
        CHECK_OK(weft_yield());
}

static int granted_receiver(void *arg)
{
    weft_chan *c = make(arg);
    weft_group *g = weft_group_open(NULL);
    struct stage s = {.chan = c, .item = -1};
    int item;

    for (int i = 0; i < 3; i++) {
        begin(g, &s);
        CHECK_OK(weft_chan_try_send(c, &i));
        /* It has its item, and does not know yet. */
        CHECK_OK(weft_scope_cancel(s.scope));
        CHECK_OK(weft_group_wait(g));
        CHECK_OK(s.result);
        CHECK_EQ(s.item, i);
        CHECK_RC(s.next, WEFT_ECANCELED);
        CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    }
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_granted, a_receiver_that_has_its_item_keeps_it_and_is_told_next_time)
{
    CHECK_OK(run(granted_receiver, 0));
    CHECK_OK(run(granted_receiver, 1));
    CHECK_OK(run(granted_receiver, WEFT_UNBOUNDED));
}

static int granted_sender(void *arg)
{
    weft_chan *c = make(arg);
    weft_group *g = weft_group_open(NULL);
    int n = fill(c), item;
    struct stage s = {.chan = c, .sends = true, .item = 5};

    begin(g, &s);
    CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_OK(weft_scope_cancel(s.scope));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(s.result);
    CHECK_RC(s.next, WEFT_ECANCELED);
    /* Its item is there, once, behind the others. */
    for (int i = 0; i < n; i++)
        CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_EQ(item, 5);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_granted, a_sender_whose_item_was_taken_has_sent_and_is_told_next_time)
{
    CHECK_OK(run(granted_sender, 0));
    CHECK_OK(run(granted_sender, 1));
    CHECK_OK(run(granted_sender, 3));
}

static int closed_before_canceled(void *arg)
{
    weft_chan *c = make(arg);
    weft_group *g = weft_group_open(NULL);
    struct stage s = {.chan = c, .item = -1};

    begin(g, &s);
    CHECK_OK(weft_chan_close(c));
    CHECK_OK(weft_scope_cancel(s.scope));
    CHECK_OK(weft_group_wait(g));
    CHECK_RC(s.result, WEFT_ECLOSED);
    CHECK_RC(s.next, WEFT_ECANCELED);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_granted, a_close_that_came_first_is_what_the_waiter_is_told)
{
    CHECK_OK(run(closed_before_canceled, 0));
    CHECK_OK(run(closed_before_canceled, 1));
}

/* In the queue, cancelled, and not resumed yet: what comes now passes it by. */
static int canceled_in_the_queue(void *arg)
{
    weft_chan *c = make(arg);
    weft_group *g = weft_group_open(NULL);
    struct stage goes = {.chan = c, .item = -1}, stays = {.chan = c, .item = -1};
    int item;

    begin(g, &goes);
    begin(g, &stays);
    CHECK_OK(weft_scope_cancel(goes.scope));
    CHECK_OK(weft_chan_try_send(c, &(int){7}));
    CHECK_OK(weft_scope_cancel(stays.scope));
    CHECK_OK(weft_group_wait(g));
    CHECK_RC(goes.result, WEFT_ECANCELED);
    CHECK_EQ(goes.item, -1);
    CHECK_OK(stays.result);
    CHECK_EQ(stays.item, 7);

    int n = fill(c);
    goes = (struct stage){.chan = c, .sends = true, .item = 8};
    stays = (struct stage){.chan = c, .sends = true, .item = 9};
    begin(g, &goes);
    begin(g, &stays);
    CHECK_OK(weft_scope_cancel(goes.scope));
    CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_OK(weft_scope_cancel(stays.scope));
    CHECK_OK(weft_group_wait(g));
    CHECK_RC(goes.result, WEFT_ECANCELED);
    CHECK_OK(stays.result);
    for (int i = 0; i < n; i++)
        CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_EQ(item, 9);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_granted, what_comes_for_a_canceled_waiter_goes_to_the_one_behind_it)
{
    CHECK_OK(run(canceled_in_the_queue, 0));
    CHECK_OK(run(canceled_in_the_queue, 1));
    CHECK_OK(run(canceled_in_the_queue, 3));
}

/* All waiters of either side are cancelled before any of them resumes: nobody gets anything, and nothing is left behind. */
static int all_canceled(void *arg)
{
    weft_chan *c = make(arg);
    int n = fill(c), item;
    struct stage s[4];

    for (int k = 0; k < 2; k++) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 4; i++) {
            s[i] = (struct stage){.chan = c, .sends = k == 0, .item = i};
            begin(g, &s[i]);
        }
        for (int i = 0; i < 4; i++)
            CHECK_OK(weft_scope_cancel(s[i].scope));
        for (int i = 0; i < (k == 0 ? n : 0); i++)
            CHECK_OK(weft_chan_try_recv(c, &item));
        CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
        /* They are still in the queue, so the channel is in use. */
        if (n > 0 && k == 1)
            CHECK_RC(weft_chan_destroy(c), WEFT_EBUSY);
        CHECK_OK(weft_group_wait(g));
        for (int i = 0; i < 4; i++) {
            CHECK_RC(s[i].result, WEFT_ECANCELED);
            CHECK_EQ(s[i].item, i);
        }
        weft_group_close(g);
    }
    CHECK_EQ(fill(c), n);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_granted, where_all_waiters_were_canceled_nothing_is_left_behind)
{
    CHECK_OK(run(all_canceled, 0));
    CHECK_OK(run(all_canceled, 1));
    CHECK_OK(run(all_canceled, 3));
}

/* A deadline that passes while the grant is on its way. */
static int late(void *arg)
{
    struct stage *s = arg;
    weft_scope *scope = weft_scope_open(weft_after_ms(5));

    s->begun = true;
    s->result = one_call(s);
    s->next = one_call(s);
    CHECK_RC(weft_scope_close(scope, s->next), WEFT_ETIMEDOUT);
    return 0;
}

static int granted_before_the_deadline(void *arg)
{
    weft_chan *c = make(arg);
    weft_group *g = weft_group_open(NULL);
    struct stage s = {.chan = c, .item = -1};

    weft_spawn(g, late, &s);
    while (!s.begun)
        CHECK_OK(weft_yield());
    int sent = weft_chan_try_send(c, &(int){3});
    for (weft_time end = weft_after_ms(10); weft_now() < end;)
        ;
    CHECK_OK(weft_group_wait(g));
    if (sent == 0 && s.result == 0) {
        CHECK_EQ(s.item, 3);
    } else {
        /* The machine was so slow that the deadline came first. */
        CHECK_RC(s.result, WEFT_ECANCELED);
    }
    CHECK_RC(s.next, WEFT_ECANCELED);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_granted, a_deadline_after_the_grant_is_told_next_time)
{
    CHECK_OK(run(granted_before_the_deadline, 0));
    CHECK_OK(run(granted_before_the_deadline, 1));
}
