/* SPDX-License-Identifier: MIT */
/* Several items with one call. */
#include "tests/sync/sync.h"

enum { N = 300 }; /* more than go under one hold of the lock */

static weft_chan *make(size_t capacity)
{
    weft_chan *c = weft_chan_create(sizeof(int), capacity);

    CHECK_NOT_NULL(c);
    return c;
}

static void number(int *items, int n, int first)
{
    for (int i = 0; i < n; i++)
        items[i] = first + i;
}

WEFT_TEST(chan_many, the_try_forms_take_what_fits_and_what_is_there)
{
    static const size_t capacities[] = {1, 5, 64, 65, 200, WEFT_UNBOUNDED};
    int items[N], got[N];

    number(items, N, 0);
    for (size_t k = 0; k < sizeof capacities / sizeof capacities[0]; k++) {
        weft_chan *c = make(capacities[k]);
        int fits = capacities[k] < N ? (int)capacities[k] : N;

        CHECK_RC(weft_chan_try_recv_many(c, got, N), WEFT_EEMPTY);
        CHECK_EQ(weft_chan_try_recv_many(c, got, 0), 0);
        CHECK_EQ(weft_chan_try_send_many(c, items, 0), 0);
        for (int turn = 0; turn < 3; turn++) {
            CHECK_EQ(weft_chan_try_send_many(c, items, N), fits);
            if (fits < N)
                CHECK_RC(weft_chan_try_send_many(c, items, N), WEFT_EFULL);
            CHECK_EQ(weft_chan_try_recv_many(c, got, 1), 1);
            CHECK_EQ(got[0], 0);
            CHECK_EQ(fits == 1 ? WEFT_EEMPTY : fits - 1, weft_chan_try_recv_many(c, got + 1, N - 1));
            CHECK_MEM_EQ(items, got, (size_t)fits * sizeof(int));
        }
        CHECK_EQ(weft_chan_try_send_many(c, items, 1), 1);
        CHECK_OK(weft_chan_close(c));
        CHECK_RC(weft_chan_try_send_many(c, items, N), WEFT_ECLOSED);
        CHECK_EQ(weft_chan_try_recv_many(c, got, N), 1);
        CHECK_RC(weft_chan_try_recv_many(c, got, N), WEFT_ECLOSED);
        CHECK_OK(weft_chan_destroy(c));
    }
}

struct transfer {
    weft_chan *chan;
    int *items;
    size_t count, step;
    ssize_t result;
    _Atomic bool begun;
};

static int send_array(void *arg)
{
    struct transfer *t = arg;

    t->begun = true;
    t->result = weft_chan_send_many(t->chan, t->items, t->count);
    return 0;
}

static int recv_array(void *arg)
{
    struct transfer *t = arg;

    t->begun = true;
    t->result = weft_chan_recv_many(t->chan, t->items, t->count);
    return 0;
}

static void begin(weft_group *g, weft_fn fn, struct transfer *t)
{
    t->begun = false;
    weft_spawn(g, fn, t);
    while (!t->begun)
        CHECK_OK(weft_yield());
    sync_settle();
}

TASK_TEST(chan_many, a_send_waits_until_all_are_sent)
{
    static const size_t capacities[] = {0, 1, 7, 100, WEFT_UNBOUNDED};
    int items[N], item;

    (void)arg;
    number(items, N, 0);
    for (size_t k = 0; k < sizeof capacities / sizeof capacities[0]; k++) {
        struct transfer t = {.chan = make(capacities[k]), .items = items, .count = N};
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, send_array, &t);
        for (int i = 0; i < N; i++) {
            CHECK_OK(weft_chan_recv(t.chan, &item));
            CHECK_EQ(item, i);
        }
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(t.result, N);
        CHECK_EQ(weft_chan_send_many(t.chan, items, 0), 0);
        weft_group_close(g);
        CHECK_OK(weft_chan_destroy(t.chan));
    }
    return 0;
}

TASK_TEST(chan_many, a_receive_waits_for_one_and_takes_what_is_there)
{
    int items[N], got[N];
    weft_chan *c = make(WEFT_UNBOUNDED);
    struct transfer t = {.chan = c, .items = got, .count = N};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    number(items, N, 0);
    begin(g, recv_array, &t);
    CHECK_OK(weft_chan_send(c, &items[0]));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(t.result, 1);
    CHECK_EQ(got[0], 0);

    CHECK_EQ(weft_chan_send_many(c, items, N), N);
    CHECK_EQ(weft_chan_recv_many(c, got, 0), 0);
    CHECK_EQ(weft_chan_recv_many(c, got, 100), 100);
    CHECK_EQ(weft_chan_recv_many(c, got + 100, N), N - 100);
    CHECK_MEM_EQ(items, got, sizeof items);

    CHECK_EQ(weft_chan_send_many(c, items, 2), 2);
    CHECK_OK(weft_chan_close(c));
    CHECK_EQ(weft_chan_recv_many(c, got, N), 2);
    CHECK_RC(weft_chan_recv_many(c, got, N), WEFT_ECLOSED);
    CHECK_RC(weft_chan_send_many(c, items, N), WEFT_ECLOSED);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

TASK_TEST(chan_many, several_receivers_that_wait_are_served_by_one_send)
{
    int items[4] = {1, 2, 4, 8}, got[4] = {0}, sum = 0;
    weft_chan *c = make(1);
    struct transfer t[4];
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 4; i++) {
        t[i] = (struct transfer){.chan = c, .items = &got[i], .count = 1};
        begin(g, recv_array, &t[i]);
    }
    CHECK_EQ(weft_chan_send_many(c, items, 4), 4);
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(t[i].result, 1);
        sum += got[i];
    }
    CHECK_EQ(sum, 15);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

TASK_TEST(chan_many, a_receive_takes_from_senders_that_wait)
{
    weft_chan *c = make(2);
    struct sync_call calls[3];
    weft_group *g = weft_group_open(NULL);
    int got[8], sum = 0;

    (void)arg;
    CHECK_EQ(weft_chan_send_many(c, (int[]){1, 2}, 2), 2);
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct sync_call){.chan = c, .item = 10 << i};
        sync_begin(g, sync_send, &calls[i]);
    }
    for (ssize_t n, done = 0; done < 5; done += n) {
        n = weft_chan_recv_many(c, got, 8);
        CHECK_GE(n, 1);
        for (ssize_t i = 0; i < n; i++)
            sum += got[i];
    }
    CHECK_EQ(sum, 73);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

TASK_TEST(chan_many, a_send_that_is_cut_short_says_how_many_went)
{
    int items[N], got[N];

    (void)arg;
    number(items, N, 0);
    for (int k = 0; k < 4; k++) {
        weft_chan *c = make(k % 2 == 0 ? 10 : 0);
        int went = k % 2 == 0 ? 10 : 0;
        struct transfer t = {.chan = c, .items = items, .count = N};
        weft_group *g = weft_group_open(NULL);

        begin(g, send_array, &t);
        while (weft_chan_length(c) < (size_t)went)
            CHECK_OK(weft_yield());
        if (k < 2)
            CHECK_OK(weft_group_cancel(g));
        else
            CHECK_OK(weft_chan_close(c));
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(t.result, went > 0 ? went : k < 2 ? WEFT_ECANCELED : WEFT_ECLOSED);
        if (went > 0)
            CHECK_EQ(weft_chan_try_recv_many(c, got, N), went);
        CHECK_RC(weft_chan_try_recv_many(c, got, N), k < 2 ? WEFT_EEMPTY : WEFT_ECLOSED);
        CHECK_MEM_EQ(items, got, (size_t)went * sizeof(int));
        weft_group_close(g);
        CHECK_OK(weft_chan_destroy(c));
    }
    return 0;
}

TASK_TEST(chan_many, in_a_canceled_scope_nothing_goes)
{
    (void)arg;
    weft_chan *c = make(4);
    int items[2] = {1, 2};
    weft_scope *scope = weft_scope_open(0);

    CHECK_EQ(weft_chan_send_many(c, items, 2), 2);
    CHECK_OK(weft_scope_cancel(scope));
    CHECK_RC(weft_chan_send_many(c, items, 2), WEFT_ECANCELED);
    CHECK_RC(weft_chan_recv_many(c, items, 2), WEFT_ECANCELED);
    CHECK_EQ(weft_chan_try_recv_many(c, items, 2), 2);
    CHECK_RC(weft_scope_close(scope, WEFT_ECANCELED), WEFT_ECANCELED);
    scope = weft_scope_open(weft_after_ms(10));
    CHECK_RC(weft_scope_close(scope, weft_chan_recv_many(c, items, 2)), WEFT_ETIMEDOUT);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

/* Both sides in batches of changing length. */

struct load {
    weft_chan *chan;
    _Atomic long long sent, received;
};

static int send_batches(void *arg)
{
    struct load *l = arg;
    int items[150];
    uint32_t random = 9;

    number(items, 150, 1);
    for (int i = 0; i < SYNC_SCALE(50, 500); i++) {
        size_t n = sync_random(&random) % 150 + 1;

        CHECK_EQ(weft_chan_send_many(l->chan, items, n), n);
        l->sent += (long long)n * ((long long)n + 1) / 2;
    }
    return weft_chan_release_sender(l->chan);
}

static int recv_batches(void *arg)
{
    struct load *l = arg;
    int items[70];
    uint32_t random = 5;
    ssize_t n;

    while ((n = weft_chan_recv_many(l->chan, items, sync_random(&random) % 70 + 1)) > 0)
        for (ssize_t i = 0; i < n; i++)
            l->received += items[i];
    CHECK_RC(n, WEFT_ECLOSED);
    return 0;
}

TASK_TEST(chan_many, nothing_is_lost_between_several_of_either_side)
{
    static const size_t capacities[] = {0, 1, 10, 256, WEFT_UNBOUNDED};

    (void)arg;
    for (size_t k = 0; k < sizeof capacities / sizeof capacities[0]; k++) {
        struct load l = {.chan = make(capacities[k])};
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 3; i++) {
            CHECK_OK(weft_chan_retain_sender(l.chan));
            weft_spawn(g, send_batches, &l);
            weft_spawn(g, recv_batches, &l);
        }
        CHECK_OK(weft_chan_release_sender(l.chan));
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(l.sent, l.received);
        weft_group_close(g);
        CHECK_OK(weft_chan_destroy(l.chan));
    }
    return 0;
}
