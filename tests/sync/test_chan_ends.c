/* SPDX-License-Identifier: MIT */
/* How channels end: counted ends, the close that throws away, destroy; their storage, and what they count. */
#include <string.h>

#include "tests/sched/process.h"
#include "tests/sync/sync.h"

static weft_chan *make(size_t capacity)
{
    weft_chan *c = weft_chan_create(sizeof(int), capacity);

    CHECK_NOT_NULL(c);
    return c;
}

static void fill(weft_chan *c, int n)
{
    for (int i = 0; i < n; i++)
        CHECK_OK(weft_chan_try_send(c, &i));
}

static weft_chan_counts counts_of(weft_chan *c)
{
    weft_chan_counts counts;

    memset(&counts, 0xff, sizeof counts);
    weft_chan_stats(c, &counts);
    CHECK_EQ(counts.sent, counts.received + counts.dropped + counts.length);
    return counts;
}

WEFT_TEST(chan_ends, the_last_sender_closes_and_what_is_there_is_drained)
{
    weft_chan *c = make(4);
    int item;

    CHECK_OK(weft_chan_retain_sender(c));
    CHECK_OK(weft_chan_retain_sender(c));
    fill(c, 2);
    CHECK_OK(weft_chan_release_sender(c));
    CHECK_OK(weft_chan_release_sender(c));
    CHECK(!weft_chan_is_closed(c));
    CHECK_OK(weft_chan_try_send(c, &(int){2}));
    CHECK_OK(weft_chan_release_sender(c));
    CHECK(weft_chan_is_closed(c));
    CHECK_RC(weft_chan_try_send(c, &item), WEFT_ECLOSED);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(weft_chan_try_recv(c, &item));
        CHECK_EQ(item, i);
    }
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_ECLOSED);
    /* Nobody holds one any more. */
    CHECK_RC(weft_chan_release_sender(c), WEFT_ECLOSED);
    CHECK_RC(weft_chan_retain_sender(c), WEFT_ECLOSED);
    CHECK_EQ(counts_of(c).senders, 0);
    CHECK_EQ(counts_of(c).receivers, 1);
    CHECK_OK(weft_chan_destroy(c));
}

WEFT_TEST(chan_ends, the_last_receiver_closes_and_says_how_many_items_nobody_will_receive)
{
    weft_chan *c = make(4);
    int item;

    CHECK_OK(weft_chan_retain_receiver(c));
    fill(c, 3);
    CHECK_EQ(weft_chan_release_receiver(c), 0);
    CHECK(!weft_chan_is_closed(c));
    CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_EQ(weft_chan_release_receiver(c), 2);
    CHECK(weft_chan_is_closed(c));
    CHECK_RC(weft_chan_try_send(c, &item), WEFT_ECLOSED);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_ECLOSED);
    CHECK_RC(weft_chan_release_receiver(c), WEFT_ECLOSED);
    CHECK_RC(weft_chan_retain_receiver(c), WEFT_ECLOSED);
    CHECK_EQ(counts_of(c).dropped, 2);
    CHECK_OK(weft_chan_destroy(c));
}

WEFT_TEST(chan_ends, releases_after_a_close_are_in_order)
{
    weft_chan *c = make(4);

    fill(c, 1);
    CHECK_OK(weft_chan_close(c));
    CHECK_OK(weft_chan_retain_sender(c));
    CHECK_OK(weft_chan_release_sender(c));
    CHECK_OK(weft_chan_release_sender(c));
    CHECK_EQ(weft_chan_release_receiver(c), 1);
    CHECK_OK(weft_chan_destroy(c));

    c = make(4);
    CHECK_OK(weft_chan_close(c));
    CHECK_EQ(weft_chan_release_receiver(c), 0);
    CHECK_OK(weft_chan_destroy(c));
}

TASK_TEST(chan_ends, senders_that_wait_are_told_that_the_last_receiver_has_gone)
{
    (void)arg;
    weft_chan *c = make(1);
    struct sync_call calls[3];
    weft_group *g = weft_group_open(NULL);

    fill(c, 1);
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct sync_call){.chan = c};
        sync_begin(g, sync_send, &calls[i]);
    }
    /* The item in the channel; those of the waiting senders are still theirs, unless they were not waiting yet. */
    CHECK_EQ(weft_chan_release_receiver(c), 1);
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < 3; i++)
        CHECK_RC(calls[i].result, WEFT_ECLOSED);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

TASK_TEST(chan_ends, receivers_that_wait_are_told_that_the_last_sender_has_gone)
{
    (void)arg;
    weft_chan *c = make(1);
    struct sync_call calls[3];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++) {
        calls[i] = (struct sync_call){.chan = c};
        sync_begin(g, sync_recv, &calls[i]);
    }
    CHECK_OK(weft_chan_release_sender(c));
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < 3; i++)
        CHECK_RC(calls[i].result, WEFT_ECLOSED);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_ends, closing_now_says_how_many_items_it_threw_away)
{
    for (int k = 0; k < 2; k++) {
        weft_chan *c = make(k == 0 ? 3000 : WEFT_UNBOUNDED);
        int item;

        fill(c, 2500);
        CHECK_OK(weft_chan_try_recv(c, &item));
        CHECK_EQ(weft_chan_close_now(c), 2499);
        CHECK_RC(weft_chan_close_now(c), WEFT_ECLOSED);
        CHECK_RC(weft_chan_close(c), WEFT_ECLOSED);
        CHECK_RC(weft_chan_try_recv(c, &item), WEFT_ECLOSED);
        CHECK_RC(weft_chan_try_send(c, &item), WEFT_ECLOSED);
        CHECK_EQ(weft_chan_length(c), 0);
        CHECK_EQ(counts_of(c).dropped, 2499);
        CHECK_OK(weft_chan_destroy(c));
    }
}

WEFT_TEST(chan_ends, closing_now_ends_a_drain)
{
    weft_chan *c = make(8);
    int item;

    fill(c, 5);
    CHECK_OK(weft_chan_close(c));
    CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_EQ(weft_chan_close_now(c), 4);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_ECLOSED);
    CHECK_OK(weft_chan_destroy(c));

    c = make(8);
    CHECK_EQ(weft_chan_close_now(c), 0);
    CHECK_RC(weft_chan_close_now(c), WEFT_ECLOSED);
    CHECK_OK(weft_chan_destroy(c));
}

TASK_TEST(chan_ends, a_destroy_is_refused_while_somebody_waits)
{
    (void)arg;
    weft_chan *c = make(1);
    struct sync_call call = {.chan = c};
    weft_group *g = weft_group_open(NULL);
    weft_chan_counts counts;

    for (int k = 0; k < 2; k++) {
        sync_begin(g, k == 0 ? sync_recv : sync_send, &call);
        do {
            CHECK_OK(weft_yield());
            counts = counts_of(c);
        } while ((k == 0 ? counts.recv_waits : counts.send_waits) == 0);
        CHECK_RC(weft_chan_destroy(c), WEFT_EBUSY);
        if (k == 0)
            CHECK_OK(weft_chan_send(c, &(int){1}));
        else
            CHECK_OK(weft_chan_recv(c, &(int){0}));
        CHECK_OK(weft_group_wait(g));
        CHECK_OK(call.result);
        if (k == 0)
            fill(c, 1);
    }
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    CHECK_OK(weft_chan_destroy(NULL));
    return 0;
}

/* Misuse is told in debug mode, to whoever does it in a task. */

static int misuse(void *arg)
{
    weft_chan *c = make(0);
    weft_group *g = weft_group_open(NULL);
    struct sync_call call = {.chan = c};

    (void)arg;
    sync_begin(g, sync_recv, &call);
    while (counts_of(c).recv_waits == 0)
        CHECK_OK(weft_yield());
    CHECK_RC(weft_chan_destroy(c), WEFT_EBUSY);
    CHECK_OK(weft_chan_release_sender(c));
    CHECK_OK(weft_group_wait(g));
    CHECK_RC(weft_chan_release_sender(c), WEFT_ECLOSED);
    CHECK_EQ(weft_chan_release_receiver(c), 0);
    CHECK_RC(weft_chan_release_receiver(c), WEFT_ECLOSED);
    weft_group_close(g);
    return weft_chan_destroy(c);
}

static void misuse_with_debug(void)
{
    CHECK_OK(weft_run_with(misuse, NULL, &(weft_runtime_options){.workers = test_workers(), .debug = true}));
}

WEFT_TEST(chan_ends, misuse_is_reported_in_debug_mode)
{
    static char said[4096];
    const char *released;

    CHECK_EQ(process_listen(misuse_with_debug, said, sizeof said), 0);
    CHECK_NOT_NULL(strstr(said, "destroys a channel that is waited in\n"));
    released = strstr(said, "releases an end of a channel that nobody holds\n");
    CHECK_NOT_NULL(released);
    CHECK_NOT_NULL(strstr(released + 1, "releases an end of a channel that nobody holds\n"));
}

/* Items that refer to memory of their own, and a function that frees it. */

struct owner {
    int dropped;
    void *first;
};

static void free_item(void *item, void *arg)
{
    struct owner *o = arg;
    void *p;

    memcpy(&p, item, sizeof p);
    if (o->dropped++ == 0)
        o->first = p;
    free(p);
}

WEFT_TEST(chan_ends, what_is_thrown_away_goes_through_the_drop_function_in_order)
{
    static const size_t capacities[] = {700, WEFT_UNBOUNDED};

    for (int k = 0; k < 4; k++) {
        struct owner owner = {0};
        void *p, *second = NULL;
        weft_chan *c = weft_chan_create_with(&(weft_chan_options){
            .item_size = sizeof(void *), .capacity = capacities[k % 2], .drop = free_item, .drop_arg = &owner});

        CHECK_NOT_NULL(c);
        for (int i = 0; i < 700; i++) {
            p = malloc(1);
            CHECK_NOT_NULL(p);
            if (i == 1)
                second = p;
            CHECK_OK(weft_chan_try_send(c, &p));
        }
        CHECK_OK(weft_chan_try_recv(c, &p));
        free(p);
        CHECK_EQ(owner.dropped, 0);
        if (k < 2) {
            CHECK_EQ(weft_chan_close_now(c), 699);
            CHECK_EQ(owner.dropped, 699);
        }
        CHECK_OK(weft_chan_destroy(c));
        CHECK_EQ(owner.dropped, 699);
        CHECK_PTR_EQ(owner.first, second);
    }
}

WEFT_TEST(chan_ends, a_channel_lies_in_storage_of_the_callers)
{
    static _Alignas(16) char storage[WEFT_CHAN_BYTES(sizeof(int), 3)];
    static _Alignas(16) char record[WEFT_CHAN_BYTES(sizeof(int), WEFT_UNBOUNDED)];
    weft_chan_options o = {.item_size = sizeof(int), .capacity = 3, .storage = storage, .storage_size = sizeof storage};
    int item;

    for (int turn = 0; turn < 3; turn++) {
        memset(storage, 0xff, sizeof storage);
        weft_chan *c = weft_chan_create_with(&o);
        CHECK_PTR_EQ((void *)c, storage);
        fill(c, 3);
        CHECK_RC(weft_chan_try_send(c, &item), WEFT_EFULL);
        for (int i = 0; i < 2; i++) {
            CHECK_OK(weft_chan_try_recv(c, &item));
            CHECK_EQ(item, i);
        }
        CHECK_OK(weft_chan_destroy(c));
    }
    o.storage_size--;
    CHECK_NULL(weft_chan_create_with(&o));
    o.storage_size = sizeof storage - 8;
    o.capacity = 1;
    o.storage = storage + 8;
    CHECK_NULL(weft_chan_create_with(&o));
    o = (weft_chan_options){
        .item_size = sizeof(int), .capacity = WEFT_UNBOUNDED, .storage = record, .storage_size = sizeof record};
    weft_chan *c = weft_chan_create_with(&o);
    CHECK_NOT_NULL(c);
    fill(c, 3000);
    CHECK_OK(weft_chan_destroy(c));
    CHECK_NULL(weft_chan_create_with(&(weft_chan_options){.capacity = 1}));
    CHECK_NULL(weft_chan_create_with(&(weft_chan_options){.item_size = 1, .capacity = 1, .reserved = {0, 0, 0, 1}}));
    CHECK_NULL(weft_chan_create(SIZE_MAX / 4, WEFT_UNBOUNDED));
}

TASK_TEST(chan_ends, everything_is_counted)
{
    (void)arg;
    weft_chan *c = make(2);
    struct sync_call call = {.chan = c};
    weft_group *g = weft_group_open(NULL);
    weft_chan_counts counts = counts_of(c);
    int item;

    CHECK_EQ(counts.sent | counts.received | counts.send_waits | counts.recv_waits | counts.high_water, 0);
    CHECK_EQ(counts.senders, 1);
    CHECK_EQ(counts.receivers, 1);
    fill(c, 2);
    sync_begin(g, sync_send, &call);
    while (counts_of(c).send_waits == 0)
        CHECK_OK(weft_yield());
    counts = counts_of(c);
    CHECK_EQ(counts.sent, 2);
    CHECK_EQ(counts.length, 2);
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_chan_recv(c, &item));
    CHECK_OK(weft_group_wait(g));
    counts = counts_of(c);
    CHECK_EQ(counts.sent, 3);
    CHECK_EQ(counts.received, 3);
    CHECK_EQ(counts.high_water, 2);
    CHECK_EQ(counts.length, 0);
    CHECK_EQ(counts.recv_waits, 0);
    sync_begin(g, sync_recv, &call);
    while (counts_of(c).recv_waits == 0)
        CHECK_OK(weft_yield());
    CHECK_OK(weft_chan_send(c, &(int){4}));
    CHECK_OK(weft_group_wait(g));
    counts = counts_of(c);
    CHECK_EQ(counts.sent, 4);
    CHECK_EQ(counts.received, 4);
    CHECK_EQ(counts.send_waits, 1);
    CHECK_EQ(counts.recv_waits, 1);
    CHECK_EQ(counts.high_water, 2);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

/* Producers that come and go: the last one closes, whichever it is. */

struct crowd {
    weft_chan *chan;
    _Atomic int sent, received;
};

static int send_and_leave(void *arg)
{
    struct crowd *crowd = arg;

    for (int i = 0; i < 10; i++) {
        CHECK_OK(weft_chan_send(crowd->chan, &i));
        crowd->sent++;
    }
    return weft_chan_release_sender(crowd->chan);
}

static int receive_until_closed(void *arg)
{
    struct crowd *crowd = arg;
    int item, rc;

    while ((rc = weft_chan_recv(crowd->chan, &item)) == 0)
        crowd->received++;
    CHECK_RC(rc, WEFT_ECLOSED);
    return (int)weft_chan_release_receiver(crowd->chan);
}

TASK_TEST(chan_ends, the_last_of_many_ends_closes)
{
    (void)arg;
    for (int turn = 0; turn < SYNC_SCALE(20, 100); turn++) {
        struct crowd crowd = {.chan = make((size_t)turn % 4)};
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 8; i++) {
            CHECK_OK(weft_chan_retain_sender(crowd.chan));
            CHECK_OK(weft_chan_retain_receiver(crowd.chan));
            weft_spawn(g, send_and_leave, &crowd);
            weft_spawn(g, receive_until_closed, &crowd);
        }
        CHECK_OK(weft_chan_release_sender(crowd.chan));
        CHECK_EQ(weft_chan_release_receiver(crowd.chan), 0);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_EQ(crowd.sent, 80);
        CHECK_EQ(crowd.received, 80);
        CHECK_EQ(counts_of(crowd.chan).dropped, 0);
        CHECK_OK(weft_chan_destroy(crowd.chan));
    }
    return 0;
}

/* What the drop function is given is an item in its place, which it may use as what it is. */

struct wide {
    _Alignas(16) char bytes[16];
};

static void check_place(void *item, void *arg)
{
    CHECK_EQ((uintptr_t)item % _Alignof(struct wide), 0);
    ++*(int *)arg;
}

WEFT_TEST(chan_ends, items_lie_where_their_type_may)
{
    static const size_t capacities[] = {3, WEFT_UNBOUNDED};

    for (int i = 0; i < 2; i++) {
        struct wide item = {"item"};
        int dropped = 0;
        weft_chan *c = weft_chan_create_with(&(weft_chan_options){
            .item_size = sizeof item, .capacity = capacities[i], .drop = check_place, .drop_arg = &dropped});

        CHECK_NOT_NULL(c);
        for (int k = 0; k < 3; k++)
            CHECK_OK(weft_chan_try_send(c, &item));
        CHECK_OK(weft_chan_destroy(c));
        CHECK_EQ(dropped, 3);
    }
}
