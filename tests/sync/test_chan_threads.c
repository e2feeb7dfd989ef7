/* SPDX-License-Identifier: MIT */
/* Channels between tasks and threads that are none. */
#include <pthread.h>
#include <sched.h>

#include "tests/sync/sync.h"

enum { FOREIGN = 3 };

struct foreign {
    weft_chan *chan;
    int first, count;
    long long sum;
};

static void *send_from_outside(void *arg)
{
    struct foreign *f = arg;

    for (int i = f->first; i < f->first + f->count; i++) {
        int rc;
        while ((rc = weft_chan_try_send(f->chan, &i)) == WEFT_EFULL)
            sched_yield();
        CHECK_OK(rc);
    }
    return NULL;
}

static void *receive_outside(void *arg)
{
    struct foreign *f = arg;
    int item, rc;

    while ((rc = weft_chan_try_recv(f->chan, &item)) != WEFT_ECLOSED) {
        if (rc == WEFT_EEMPTY) {
            sched_yield();
            continue;
        }
        CHECK_OK(rc);
        f->sum += item;
        f->count++;
    }
    return NULL;
}

TASK_TEST(chan_threads, threads_outside_send_to_tasks)
{
    (void)arg;
    const int each = SYNC_SCALE(300, 3000);
    weft_chan *c = weft_chan_create(sizeof(int), 4);
    CHECK_NOT_NULL(c);
    struct foreign f[FOREIGN];
    pthread_t threads[FOREIGN];
    int last[FOREIGN], item;

    for (int i = 0; i < FOREIGN; i++) {
        f[i] = (struct foreign){.chan = c, .first = i * each, .count = each};
        last[i] = i * each - 1;
        CHECK_OK(pthread_create(&threads[i], NULL, send_from_outside, &f[i]));
    }
    for (int i = 0; i < FOREIGN * each; i++) {
        CHECK_OK(weft_chan_recv(c, &item));
        /* In order from each sender. */
        CHECK_EQ(item, last[item / each] + 1);
        last[item / each] = item;
    }
    for (int i = 0; i < FOREIGN; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(chan_threads, threads_outside_receive_from_tasks)
{
    (void)arg;
    const int n = SYNC_SCALE(1000, 10000);
    weft_chan *c = weft_chan_create(sizeof(int), 4);
    CHECK_NOT_NULL(c);
    struct foreign f[FOREIGN];
    pthread_t threads[FOREIGN];
    long long sum = 0, count = 0;

    for (int i = 0; i < FOREIGN; i++) {
        f[i] = (struct foreign){.chan = c};
        CHECK_OK(pthread_create(&threads[i], NULL, receive_outside, &f[i]));
    }
    for (int i = 0; i < n; i++)
        CHECK_OK(weft_chan_send(c, &i));
    CHECK_OK(weft_chan_close(c));
    for (int i = 0; i < FOREIGN; i++) {
        CHECK_OK(pthread_join(threads[i], NULL));
        sum += f[i].sum;
        count += f[i].count;
    }
    CHECK_EQ(count, n);
    CHECK_EQ(sum, (long long)n * (n - 1) / 2);
    weft_chan_destroy(c);
    return 0;
}

static void *close_from_outside(void *arg)
{
    CHECK_OK(weft_chan_close(arg));
    return NULL;
}

TASK_TEST(chan_threads, a_thread_outside_closes)
{
    (void)arg;
    weft_chan *c = weft_chan_create(sizeof(int), 1);
    CHECK_NOT_NULL(c);
    struct sync_call call = {.chan = c};
    weft_group *g = weft_group_open(NULL);
    pthread_t thread;

    sync_begin(g, sync_recv, &call);
    CHECK_OK(pthread_create(&thread, NULL, close_from_outside, c));
    CHECK_OK(weft_group_wait(g));
    CHECK_RC(call.result, WEFT_ECLOSED);
    CHECK_OK(pthread_join(thread, NULL));
    weft_group_close(g);
    weft_chan_destroy(c);
    return 0;
}

/* Threads that are none of the runtime's, blocked in a channel. */

struct blocked {
    weft_chan *chan;
    int item, result;
    pthread_t thread;
};

static void *send_blocking(void *arg)
{
    struct blocked *b = arg;

    b->result = weft_chan_send(b->chan, &b->item);
    return NULL;
}

static void *recv_blocking(void *arg)
{
    struct blocked *b = arg;

    b->result = weft_chan_recv(b->chan, &b->item);
    return NULL;
}

/* Until `n` waits were counted on that side. */
static void until_waits(weft_chan *c, bool senders, uint64_t n)
{
    weft_chan_counts counts;

    for (;;) {
        weft_chan_stats(c, &counts);
        if ((senders ? counts.send_waits : counts.recv_waits) == n)
            return;
        sched_yield();
    }
}

static void begin_blocked(struct blocked *b, weft_chan *c, int item, void *(*call)(void *))
{
    *b = (struct blocked){.chan = c, .item = item, .result = 1};
    CHECK_OK(pthread_create(&b->thread, NULL, call, b));
}

WEFT_TEST(chan_threads, blocked_threads_are_served_in_their_order_without_any_runtime)
{
    static const size_t capacities[] = {0, 1};
    struct blocked b[FOREIGN];
    int item;

    for (int k = 0; k < 2; k++) {
        weft_chan *c = weft_chan_create(sizeof(int), capacities[k]);
        CHECK_NOT_NULL(c);
        for (int i = 0; i < FOREIGN; i++) {
            begin_blocked(&b[i], c, -1, recv_blocking);
            until_waits(c, false, (uint64_t)i + 1);
        }
        CHECK_RC(weft_chan_destroy(c), WEFT_EBUSY);
        for (int i = 0; i < FOREIGN; i++)
            CHECK_OK(weft_chan_send(c, &i));
        for (int i = 0; i < FOREIGN; i++) {
            CHECK_OK(pthread_join(b[i].thread, NULL));
            CHECK_OK(b[i].result);
            CHECK_EQ(b[i].item, i);
        }
        if (k == 1)
            CHECK_OK(weft_chan_send(c, &(int){-1}));
        for (int i = 0; i < FOREIGN; i++) {
            begin_blocked(&b[i], c, i, send_blocking);
            until_waits(c, true, (uint64_t)i + 1);
        }
        for (int i = k == 0 ? 0 : -1; i < FOREIGN; i++) {
            CHECK_OK(weft_chan_recv(c, &item));
            CHECK_EQ(item, i);
        }
        for (int i = 0; i < FOREIGN; i++) {
            CHECK_OK(pthread_join(b[i].thread, NULL));
            CHECK_OK(b[i].result);
        }
        CHECK_OK(weft_chan_destroy(c));
    }
}

WEFT_TEST(chan_threads, closing_wakes_threads_that_are_blocked)
{
    struct blocked b[FOREIGN];

    for (int k = 0; k < 4; k++) {
        weft_chan *c = weft_chan_create(sizeof(int), 1);
        bool senders = k % 2 == 0;
        CHECK_NOT_NULL(c);
        if (senders)
            CHECK_OK(weft_chan_send(c, &(int){7}));
        for (int i = 0; i < FOREIGN; i++)
            begin_blocked(&b[i], c, -1, senders ? send_blocking : recv_blocking);
        until_waits(c, senders, FOREIGN);
        if (k < 2)
            CHECK_OK(weft_chan_close(c));
        else
            CHECK_EQ(weft_chan_close_now(c), senders);
        for (int i = 0; i < FOREIGN; i++) {
            CHECK_OK(pthread_join(b[i].thread, NULL));
            CHECK_RC(b[i].result, WEFT_ECLOSED);
            CHECK_EQ(b[i].item, -1);
        }
        CHECK_OK(weft_chan_destroy(c));
    }
}

TASK_TEST(chan_threads, a_close_wakes_threads_and_tasks_in_one_queue)
{
    (void)arg;
    weft_chan *c = weft_chan_create(sizeof(int), 0);
    CHECK_NOT_NULL(c);
    struct sync_call calls[FOREIGN];
    struct blocked b[FOREIGN];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < FOREIGN; i++) {
        calls[i] = (struct sync_call){.chan = c};
        begin_blocked(&b[i], c, -1, recv_blocking);
        sync_begin(g, sync_recv, &calls[i]);
    }
    /* One of them, whichever has come first, gets the item. */
    CHECK_OK(weft_chan_send(c, &(int){5}));
    CHECK_OK(weft_chan_close(c));
    CHECK_OK(weft_group_wait(g));
    int served = 0;
    for (int i = 0; i < FOREIGN; i++) {
        CHECK_OK(pthread_join(b[i].thread, NULL));
        CHECK(b[i].result == 0 ? b[i].item == 5 : b[i].result == WEFT_ECLOSED);
        CHECK(calls[i].result == 0 ? calls[i].item == 5 : calls[i].result == WEFT_ECLOSED);
        served += (b[i].result == 0) + (calls[i].result == 0);
    }
    CHECK_EQ(served, 1);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

struct sides {
    weft_chan *chan;
    int each;
    _Atomic long long sent, received;
};

static int send_each(void *arg)
{
    struct sides *s = arg;

    for (int i = 1; i <= s->each; i++) {
        CHECK_OK(weft_chan_send(s->chan, &i));
        s->sent += i;
    }
    return weft_chan_release_sender(s->chan);
}

static int recv_each(void *arg)
{
    struct sides *s = arg;
    int items[5], rc;
    ssize_t n;

    while ((rc = weft_chan_recv(s->chan, items)) == 0) {
        s->received += items[0];
        if (items[0] % 8 == 0 && (n = weft_chan_recv_many(s->chan, items, 5)) > 0)
            while (n > 0)
                s->received += items[--n];
    }
    CHECK_RC(rc, WEFT_ECLOSED);
    return 0;
}

static void *send_each_outside(void *arg)
{
    CHECK_OK(send_each(arg));
    return NULL;
}

static void *recv_each_outside(void *arg)
{
    CHECK_OK(recv_each(arg));
    return NULL;
}

TASK_TEST(chan_threads, blocked_threads_and_tasks_on_both_sides_lose_nothing)
{
    static const size_t capacities[] = {0, 1, 16, WEFT_UNBOUNDED};

    (void)arg;
    for (size_t k = 0; k < sizeof capacities / sizeof capacities[0]; k++) {
        struct sides s = {.chan = weft_chan_create(sizeof(int), capacities[k]), .each = SYNC_SCALE(100, 1000)};
        weft_group *g = weft_group_open(NULL);
        pthread_t threads[4];

        CHECK_NOT_NULL(s.chan);
        for (int i = 0; i < 4; i++)
            CHECK_OK(weft_chan_retain_sender(s.chan));
        for (int i = 0; i < 2; i++) {
            CHECK_OK(pthread_create(&threads[i], NULL, send_each_outside, &s));
            CHECK_OK(pthread_create(&threads[2 + i], NULL, recv_each_outside, &s));
            weft_spawn(g, send_each, &s);
            weft_spawn(g, recv_each, &s);
        }
        CHECK_OK(weft_chan_release_sender(s.chan));
        CHECK_OK(weft_group_wait(g));
        for (int i = 0; i < 4; i++)
            CHECK_OK(pthread_join(threads[i], NULL));
        CHECK_EQ(s.sent, s.received);
        CHECK_EQ(s.sent, 4LL * s.each * (s.each + 1) / 2);
        weft_group_close(g);
        CHECK_OK(weft_chan_destroy(s.chan));
    }
    return 0;
}

/* A reply: the thread that receives it frees the channel at once. */
TASK_TEST(chan_threads, the_one_that_was_woken_may_destroy_at_once)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(50, 300); i++) {
        struct sides s = {.chan = weft_chan_create(sizeof(int), (size_t)i % 2), .each = 1};
        pthread_t thread;
        int item;

        CHECK_NOT_NULL(s.chan);
        CHECK_OK(pthread_create(&thread, NULL, send_each_outside, &s));
        CHECK_OK(weft_chan_recv(s.chan, &item));
        CHECK_RC(weft_chan_recv(s.chan, &item), WEFT_ECLOSED);
        CHECK_OK(weft_chan_destroy(s.chan));
        CHECK_OK(pthread_join(thread, NULL));
    }
    return 0;
}
