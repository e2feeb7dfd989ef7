/* SPDX-License-Identifier: MIT */
/* Channels without a bound: sends never wait, memory comes and goes. */
#include <malloc.h>

#include "sched/platform.h"
#include "tests/sync/sync.h"

static weft_chan *make(size_t item_size)
{
    weft_chan *c = weft_chan_create(item_size, WEFT_UNBOUNDED);

    CHECK_NOT_NULL(c);
    CHECK_EQ(weft_chan_capacity(c), WEFT_UNBOUNDED);
    return c;
}

WEFT_TEST(chan_unbounded, takes_all_and_gives_it_back_in_order)
{
    weft_chan *c = make(sizeof(int));
    int item, n = SYNC_SCALE(5000, 100000);

    for (int i = 0; i < n; i++)
        CHECK_OK(weft_chan_try_send(c, &i));
    CHECK_EQ(weft_chan_length(c), n);
    for (int i = 0; i < n; i++) {
        CHECK_OK(weft_chan_try_recv(c, &item));
        CHECK_EQ(item, i);
    }
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    CHECK_OK(weft_chan_destroy(c));
}

/* Blocks hold some 4,000 bytes, so that their ends are met at each length about them. */
WEFT_TEST(chan_unbounded, goes_up_and_down_across_the_ends_of_blocks)
{
    static const size_t sizes[] = {1, 4, 1000, 1001, 5000};

    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t block = sizes[k] > 1000 ? 4 : 4000 / sizes[k];
        weft_chan *c = make(sizes[k]);
        unsigned char *item = calloc(1, sizes[k]);
        unsigned sent = 0, received = 0;

        CHECK_NOT_NULL(item);
        for (size_t length = block - 2; length <= 2 * block + 2; length++) {
            while (sent - received < length) {
                item[0] = item[sizes[k] - 1] = (unsigned char)sent++;
                CHECK_OK(weft_chan_try_send(c, item));
            }
            while (sent - received > length % 3) {
                CHECK_OK(weft_chan_try_recv(c, item));
                CHECK_EQ(item[0], (unsigned char)received);
                CHECK_EQ(item[sizes[k] - 1], (unsigned char)received++);
            }
            if (length > block + 2 && length < 2 * block - 2)
                length += 10;
        }
        free(item);
        CHECK_OK(weft_chan_destroy(c));
    }
}

static _Atomic int allocations; /* that may still succeed */

static bool fail_alloc(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC && --allocations < 0;
}

static void let_allocate(int n)
{
    allocations = n;
    A_STORE(&weft__fault_hook, fail_alloc, relaxed);
}

TASK_TEST(chan_unbounded, a_send_that_finds_no_memory_says_so_and_loses_nothing)
{
    (void)arg;
    weft_chan *c = make(sizeof(int));
    int item, n = 0, rc;

    let_allocate(2);
    while ((rc = weft_chan_send(c, &n)) == 0)
        n++;
    CHECK_RC(rc, WEFT_ENOMEM);
    CHECK_RC(weft_chan_try_send(c, &n), WEFT_ENOMEM);
    CHECK_RC(weft_chan_send_many(c, &n, 1), WEFT_ENOMEM);
    CHECK_RC(weft_chan_try_send_many(c, &n, 1), WEFT_ENOMEM);
    CHECK_EQ(n, 2000);
    CHECK_EQ(weft_chan_length(c), n);

    /* What is received makes room, without new memory. */
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(weft_chan_recv(c, &item));
        CHECK_EQ(item, i);
    }
    int many[1001];
    for (int i = 0; i < 1001; i++)
        many[i] = n + i;
    CHECK_EQ(weft_chan_send_many(c, many, 1001), 1000);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_OK(weft_chan_send(c, &many[1000]));
    for (int i = 1000; i < 3001; i++) {
        CHECK_OK(weft_chan_recv(c, &item));
        CHECK_EQ(item, i);
    }
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_unbounded, a_channel_that_goes_up_and_down_does_not_go_to_the_heap_each_time)
{
    weft_chan *c = make(sizeof(int));
    int item, sent = 0, received = 0;

    /* Blocks hold 1,000 items, so 1,100 of them lie in three at most; after those no more. */
    let_allocate(3);
    for (int turn = 0; turn < 20; turn++) {
        while (sent - received < 900 + 10 * turn)
            CHECK_OK(weft_chan_try_send(c, &(int){sent++}));
        while (sent - received > 37 * turn) {
            CHECK_OK(weft_chan_try_recv(c, &item));
            CHECK_EQ(item, received++);
        }
    }
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_OK(weft_chan_destroy(c));
}

#if !TEST_ASAN && !TEST_TSAN && defined(__GLIBC__)
WEFT_TEST(chan_unbounded, memory_of_a_burst_is_given_back)
{
    if (test_under_valgrind())
        return; /* whose heap does not count */
    weft_chan *c = make(sizeof(int));
    int item;

    CHECK_OK(weft_chan_try_send(c, &(int){0}));
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 1000000; i++)
        CHECK_OK(weft_chan_try_send(c, &i));
    CHECK_GE(mallinfo2().uordblks, before + 4000000);
    for (int i = 0; i < 1000001; i++)
        CHECK_OK(weft_chan_try_recv(c, &item));
    /* A spare block may stay. */
    CHECK_LE(mallinfo2().uordblks, before + 5000);
    CHECK_OK(weft_chan_destroy(c));
}
#endif

TASK_TEST(chan_unbounded, an_item_goes_straight_to_a_receiver_that_waits)
{
    (void)arg;
    weft_chan *c = make(sizeof(int));
    struct sync_call call = {.chan = c};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 20; i++) {
        sync_begin(g, sync_recv, &call);
        CHECK_OK(weft_chan_send(c, &i));
        CHECK_OK(weft_group_wait(g));
        CHECK_OK(call.result);
        CHECK_EQ(call.item, i);
    }
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

WEFT_TEST(chan_unbounded, is_drained_after_a_close_and_destroyed_with_what_is_in_it)
{
    weft_chan *c = make(sizeof(int));
    int item;

    for (int i = 0; i < 5000; i++)
        CHECK_OK(weft_chan_try_send(c, &i));
    CHECK_OK(weft_chan_close(c));
    CHECK_RC(weft_chan_try_send(c, &item), WEFT_ECLOSED);
    for (int i = 0; i < 3000; i++) {
        CHECK_OK(weft_chan_try_recv(c, &item));
        CHECK_EQ(item, i);
    }
    CHECK_OK(weft_chan_destroy(c));
}

struct load {
    weft_chan *chan;
    _Atomic long long sent, received;
};

static int send_all(void *arg)
{
    struct load *l = arg;

    for (int i = 1; i <= SYNC_SCALE(2000, 20000); i++) {
        CHECK_OK(weft_chan_send(l->chan, &i));
        l->sent += i;
    }
    return weft_chan_release_sender(l->chan);
}

static int recv_all(void *arg)
{
    struct load *l = arg;
    int item, rc;

    while ((rc = weft_chan_recv(l->chan, &item)) == 0)
        l->received += item;
    CHECK_RC(rc, WEFT_ECLOSED);
    return 0;
}

TASK_TEST(chan_unbounded, nothing_is_lost_between_several_of_either_side)
{
    (void)arg;
    struct load l = {.chan = make(sizeof(int))};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 4; i++) {
        CHECK_OK(weft_chan_retain_sender(l.chan));
        weft_spawn(g, send_all, &l);
        weft_spawn(g, recv_all, &l);
    }
    CHECK_OK(weft_chan_release_sender(l.chan));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(l.sent, l.received);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(l.chan));
    return 0;
}
