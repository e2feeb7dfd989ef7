/* SPDX-License-Identifier: MIT */
/* What weft/chan_typed.h accepts, and that it does what the functions beside it do. What it refuses is in refused_chan.c. */
#include "tests/sync/sync.h"

struct page {
    const char *url;
    int bytes;
};

static int produce(void *arg)
{
    WEFT_CHAN(struct page) pages = *(WEFT_CHAN(struct page) *)arg;
    const struct page constant = {"/a", 1};
    struct page several[2] = {{"/b", 2}, {"/c", 3}};

    CHECK_OK(WEFT_CHAN_SEND(pages, &constant));
    CHECK_EQ(WEFT_CHAN_SEND_MANY(pages, several, 2), 2);
    CHECK_OK(weft_chan_close(WEFT_CHAN_OF(pages)));
    return 0;
}

/* Takes what it is given, as a function of a library would. */
static int sum_of(WEFT_CHAN(struct page) pages)
{
    struct page p;
    int rc, sum = 0;

    while ((rc = WEFT_CHAN_RECV(pages, &p)) == 0)
        sum += p.bytes;
    CHECK_RC(rc, WEFT_ECLOSED);
    return sum;
}

TASK_TEST(typed_chan, items_go_through)
{
    (void)arg;
    WEFT_CHAN(struct page) pages = WEFT_CHAN_CREATE(struct page, 1);
    weft_group *g = weft_group_open(NULL);

    CHECK(pages != NULL);
    CHECK_EQ(weft_chan_capacity(WEFT_CHAN_OF(pages)), 1);
    weft_spawn(g, produce, &pages);
    CHECK_EQ(sum_of(pages), 6);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(WEFT_CHAN_OF(pages)));
    return 0;
}

TASK_TEST(typed_chan, batches_and_tries_go_through)
{
    (void)arg;
    weft_chan *plain = weft_chan_create(sizeof(int), WEFT_UNBOUNDED);
    WEFT_CHAN(int) numbers = WEFT_CHAN_FROM(int, plain);
    int out[4] = {1, 2, 3, 4}, in[8] = {0}, one;

    CHECK_PTR_EQ(WEFT_CHAN_OF(numbers), plain);
    CHECK_RC(WEFT_CHAN_TRY_RECV(numbers, &one), WEFT_EEMPTY);
    CHECK_OK(WEFT_CHAN_TRY_SEND(numbers, &out[3]));
    CHECK_OK(WEFT_CHAN_TRY_RECV(numbers, &one));
    CHECK_EQ(one, 4);
    CHECK_EQ(WEFT_CHAN_TRY_SEND_MANY(numbers, out, 4), 4);
    CHECK_EQ(WEFT_CHAN_TRY_RECV_MANY(numbers, in, 2), 2);
    CHECK_EQ(WEFT_CHAN_RECV_MANY(numbers, in + 2, 6), 2);
    CHECK_MEM_EQ(in, out, sizeof out);
    CHECK_OK(weft_chan_destroy(WEFT_CHAN_OF(numbers)));
    return 0;
}

WEFT_TEST(typed_chan, a_channel_that_cannot_be_made_is_null)
{
    CHECK(WEFT_CHAN_CREATE(int, SIZE_MAX - 1) == NULL);
}

TASK_TEST(typed_chan, each_argument_is_evaluated_once)
{
    (void)arg;
    WEFT_CHAN(int) chans[1] = {WEFT_CHAN_CREATE(int, 4)}, *c = chans;
    int items[4] = {1, 2, 3, 4}, *p = items;

    CHECK_OK(WEFT_CHAN_SEND(*c++, p++));
    CHECK_PTR_EQ(c, chans + 1);
    CHECK_PTR_EQ(p, items + 1);
    CHECK_OK(WEFT_CHAN_RECV(*--c, --p));
    CHECK_PTR_EQ(c, chans);
    CHECK_PTR_EQ(p, items);
    CHECK_OK(weft_chan_destroy(WEFT_CHAN_OF(*c)));
    return 0;
}
