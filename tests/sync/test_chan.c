/* SPDX-License-Identifier: MIT */
/* Channels: order, capacity and close. */
#include <string.h>

#include "sched/platform.h"
#include "tests/sync/sync.h"

static weft_chan *make(size_t capacity)
{
    weft_chan *c = weft_chan_create(sizeof(int), capacity);

    CHECK_NOT_NULL(c);
    return c;
}

static void check_next(weft_chan *c, int expected)
{
    int item = -1;

    CHECK_OK(weft_chan_recv(c, &item));
    CHECK_EQ(item, expected);
}

WEFT_TEST(chan, sizes_that_are_none_make_no_channel)
{
    CHECK_NULL(weft_chan_create(0, 1));
    CHECK_NULL(weft_chan_create(0, 0));
    CHECK_NULL(weft_chan_create(SIZE_MAX, 2));
    CHECK_NULL(weft_chan_create(2, SIZE_MAX - 1));
    CHECK_NULL(weft_chan_create(SIZE_MAX / 2 + 1, 2));
    CHECK_NULL(weft_chan_create(SIZE_MAX, 1));
    weft_chan_destroy(NULL);
}

static bool fail_alloc(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

WEFT_TEST(chan, no_memory_makes_no_channel)
{
    A_STORE(&weft__fault_hook, fail_alloc, relaxed);
    CHECK_NULL(weft_chan_create(1, 1));
    A_STORE(&weft__fault_hook, NULL, relaxed);
    weft_chan_destroy(make(1));
}

WEFT_TEST(chan, the_try_forms_need_no_task)
{
    weft_chan *c = make(2);
    int item = 1;

    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    CHECK_EQ(item, 1);
    CHECK_OK(weft_chan_try_send(c, &(int){10}));
    CHECK_OK(weft_chan_try_send(c, &(int){11}));
    CHECK_RC(weft_chan_try_send(c, &(int){12}), WEFT_EFULL);
    CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_EQ(item, 10);
    CHECK_OK(weft_chan_try_send(c, &(int){13}));
    CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_EQ(item, 11);
    CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_EQ(item, 13);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    weft_chan_destroy(c);
}

WEFT_TEST(chan, a_channel_is_destroyed_with_what_is_in_it)
{
    weft_chan *c = make(8);

    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_chan_try_send(c, &i));
    weft_chan_destroy(c);
}

WEFT_TEST(chan, the_ring_wraps_around_at_every_capacity)
{
    for (size_t capacity = 1; capacity <= 17; capacity++) {
        weft_chan *c = make(capacity);
        int sent = 0, received = 0, item;

        for (size_t turn = 0; turn < 5 * capacity; turn++) {
            /* One more each time than the last, up to all. */
            size_t n = turn % capacity + 1;
            for (size_t i = 0; i < n; i++)
                CHECK_OK(weft_chan_try_send(c, &(int){sent++}));
            if (n == capacity)
                CHECK_RC(weft_chan_try_send(c, &sent), WEFT_EFULL);
            for (size_t i = 0; i < n; i++) {
                CHECK_OK(weft_chan_try_recv(c, &item));
                CHECK_EQ(item, received++);
            }
            CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
        }
        weft_chan_destroy(c);
    }
}

WEFT_TEST(chan, items_of_any_size_are_copied)
{
    static const size_t sizes[] = {1, 3, 8, 13, 64, 1000, 100000};

    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t size = sizes[k];
        weft_chan *c = weft_chan_create(size, 3);
        unsigned char *item = malloc(size);

        CHECK_NOT_NULL(c);
        CHECK_NOT_NULL(item);
        for (unsigned char turn = 0; turn < 10; turn++) {
            for (unsigned char i = 0; i < 3; i++) {
                memset(item, turn * 3 + i, size);
                CHECK_OK(weft_chan_try_send(c, item));
            }
            for (unsigned char i = 0; i < 3; i++) {
                memset(item, 0xff, size);
                CHECK_OK(weft_chan_try_recv(c, item));
                for (size_t b = 0; b < size; b++)
                    CHECK_EQ(item[b], turn * 3 + i);
            }
        }
        free(item);
        weft_chan_destroy(c);
    }
}

WEFT_TEST(chan, a_closed_channel_is_drained_and_takes_nothing)
{
    weft_chan *c = make(3);
    int item = -1;

    CHECK_OK(weft_chan_try_send(c, &(int){1}));
    CHECK_OK(weft_chan_try_send(c, &(int){2}));
    CHECK_OK(weft_chan_close(c));
    CHECK_RC(weft_chan_close(c), WEFT_ECLOSED);
    CHECK_RC(weft_chan_try_send(c, &(int){3}), WEFT_ECLOSED);
    CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_EQ(item, 1);
    CHECK_RC(weft_chan_try_send(c, &(int){3}), WEFT_ECLOSED);
    CHECK_OK(weft_chan_try_recv(c, &item));
    CHECK_EQ(item, 2);
    for (int i = 0; i < 3; i++)
        CHECK_RC(weft_chan_try_recv(c, &item), WEFT_ECLOSED);
    CHECK_RC(weft_chan_close(c), WEFT_ECLOSED);
    weft_chan_destroy(c);
}

static int count_up(void *arg)
{
    weft_chan *c = arg;

    for (int i = 0; i < SYNC_SCALE(500, 5000); i++)
        CHECK_OK(weft_chan_send(c, &i));
    CHECK_OK(weft_chan_close(c));
    return 0;
}

TASK_TEST(chan, items_come_in_the_order_in_which_they_were_sent)
{
    static const size_t capacities[] = {1, 2, 3, 7, 64, 1000};

    (void)arg;
    for (size_t k = 0; k < sizeof capacities / sizeof capacities[0]; k++) {
        weft_chan *c = make(capacities[k]);
        weft_group *g = weft_group_open(NULL);
        int item, rc, expected = 0;

        weft_spawn(g, count_up, c);
        while ((rc = weft_chan_recv(c, &item)) == 0)
            CHECK_EQ(item, expected++);
        CHECK_RC(rc, WEFT_ECLOSED);
        CHECK_EQ(expected, SYNC_SCALE(500, 5000));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        weft_chan_destroy(c);
    }
    return 0;
}

TASK_TEST(chan, closing_wakes_every_receiver)
{
    (void)arg;
    weft_chan *c = make(1);
    struct sync_call calls[5];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 5; i++) {
        calls[i] = (struct sync_call){.chan = c, .item = -1};
        sync_begin(g, sync_recv, &calls[i]);
    }
    CHECK_OK(weft_chan_close(c));
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < 5; i++) {
        CHECK_RC(calls[i].result, WEFT_ECLOSED);
        CHECK_EQ(calls[i].item, -1);
    }
    weft_group_close(g);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(chan, closing_wakes_every_sender_and_sends_nothing_of_theirs)
{
    (void)arg;
    weft_chan *c = make(2);
    struct sync_call calls[5];
    weft_group *g = weft_group_open(NULL);
    int item;

    CHECK_OK(weft_chan_send(c, &(int){1}));
    CHECK_OK(weft_chan_send(c, &(int){2}));
    for (int i = 0; i < 5; i++) {
        calls[i] = (struct sync_call){.chan = c, .item = 100 + i};
        sync_begin(g, sync_send, &calls[i]);
    }
    CHECK_OK(weft_chan_close(c));
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < 5; i++)
        CHECK_RC(calls[i].result, WEFT_ECLOSED);
    check_next(c, 1);
    check_next(c, 2);
    CHECK_RC(weft_chan_recv(c, &item), WEFT_ECLOSED);
    weft_group_close(g);
    weft_chan_destroy(c);
    return 0;
}

static int fifo_of_waiters(void *arg)
{
    enum { N = 8 };
    weft_chan *c = make(1);
    struct sync_call calls[N];
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < N; i++) {
        calls[i] = (struct sync_call){.chan = c, .item = -1};
        sync_begin(g, sync_recv, &calls[i]);
    }
    for (int i = 0; i < N; i++)
        CHECK_OK(weft_chan_send(c, &i));
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < N; i++)
        CHECK_EQ(calls[i].item, i);

    CHECK_OK(weft_chan_send(c, &(int){-1}));
    for (int i = 0; i < N; i++) {
        calls[i].item = i;
        sync_begin(g, sync_send, &calls[i]);
    }
    for (int i = -1; i < N; i++)
        check_next(c, i);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    weft_chan_destroy(c);
    return 0;
}

WEFT_TEST(chan, waiters_are_served_in_their_order)
{
    /* With one worker, so that each waiter certainly waits before the next one begins. */
    CHECK_OK(weft_run_with(fifo_of_waiters, NULL, &(weft_runtime_options){.workers = 1}));
}

TASK_TEST(chan, an_item_goes_straight_to_a_receiver_that_waits)
{
    (void)arg;
    weft_chan *c = make(1);
    struct sync_call call = {.chan = c};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 20; i++) {
        sync_begin(g, sync_recv, &call);
        CHECK_OK(weft_chan_try_send(c, &i));
        CHECK_OK(weft_group_wait(g));
        CHECK_OK(call.result);
        CHECK_EQ(call.item, i);
    }
    weft_group_close(g);
    weft_chan_destroy(c);
    return 0;
}

/* The senders are on their way out when the receiver, which has all that there is, destroys the channel. */
TASK_TEST(chan, who_has_received_all_destroys_the_channel_at_once)
{
    (void)arg;
    for (size_t capacity = 0; capacity < 2; capacity++) {
        struct sync_call calls[3];
        weft_group *g = weft_group_open(NULL);
        weft_chan *c = weft_chan_create(sizeof(int), capacity);
        int item, sum = 0;

        CHECK_NOT_NULL(c);
        for (int i = 0; i < 3; i++) {
            calls[i] = (struct sync_call){.chan = c, .item = i};
            sync_begin(g, sync_send, &calls[i]);
        }
        for (int i = 0; i < 3; i++) {
            CHECK_OK(weft_chan_recv(c, &item));
            sum += item;
        }
        CHECK_EQ(sum, 0 + 1 + 2);
        weft_chan_destroy(c);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (int i = 0; i < 3; i++)
            CHECK_OK(calls[i].result);
    }
    return 0;
}
