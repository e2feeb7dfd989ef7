/* SPDX-License-Identifier: MIT */
/* Channels under load, with waits that are cut short at random. */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "tests/sync/sync.h"

enum { PRODUCERS = 4, CONSUMERS = 4 };

#define EACH SYNC_SCALE(500, 4000)

struct item {
    unsigned producer, number;
};

struct load {
    weft_chan *chan;
    bool impatient; /* waits have random deadlines */
    _Atomic unsigned producers_left;
    /* Each written by its producer, and by whoever received the item. */
    bool *sent[PRODUCERS];
    _Atomic unsigned char *received[PRODUCERS];
};

struct worker {
    struct load *load;
    unsigned index;
    uint32_t random;
    unsigned number; /* of items that it has sent or received */
};

/* A scope that may end at any moment of what runs in it, or none. */
static weft_scope *open_impatient(struct worker *w)
{
    if (!w->load->impatient || sync_random(&w->random) % 4 == 0)
        return NULL;
    weft_scope *scope = weft_scope_open(weft_now() + sync_random(&w->random) % 40000);
    CHECK_NOT_NULL(scope);
    return scope;
}

static int close_impatient(weft_scope *scope, int rc)
{
    return scope ? (int)weft_scope_close(scope, rc) : rc;
}

static int produce(void *arg)
{
    struct worker *w = arg;
    struct load *l = w->load;

    for (unsigned i = 0; i < (unsigned)EACH; i++) {
        struct item item = {.producer = w->index, .number = i};
        weft_scope *scope = open_impatient(w);
        int rc = close_impatient(scope, weft_chan_send(l->chan, &item));

        if (rc == 0)
            l->sent[w->index][i] = true;
        else
            CHECK_RC(rc, WEFT_ETIMEDOUT);
        memset(&item, 0xff, sizeof item);
    }
    if (--l->producers_left == 0)
        CHECK_OK(weft_chan_close(l->chan));
    return 0;
}

static int consume(void *arg)
{
    struct worker *w = arg;
    struct load *l = w->load;
    long long last[PRODUCERS] = {-1, -1, -1, -1};

    for (;;) {
        struct item item = {.producer = UINT32_MAX};
        weft_scope *scope = open_impatient(w);
        int rc = close_impatient(scope, weft_chan_recv(l->chan, &item));

        if (rc == WEFT_ECLOSED)
            return 0;
        if (rc == WEFT_ETIMEDOUT)
            continue;
        CHECK_OK(rc);
        CHECK_LT(item.producer, PRODUCERS);
        CHECK_LT(item.number, EACH);
        CHECK_GT(item.number, last[item.producer]);
        last[item.producer] = item.number;
        CHECK_EQ(++l->received[item.producer][item.number], 1);
    }
}

static void run_load(size_t capacity, bool impatient)
{
    struct load l = {.impatient = impatient, .producers_left = PRODUCERS};
    struct worker producers[PRODUCERS], consumers[CONSUMERS];
    weft_group *g = weft_group_open(NULL);

    l.chan = weft_chan_create(sizeof(struct item), capacity);
    CHECK_NOT_NULL(l.chan);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        l.sent[i] = calloc((size_t)EACH, sizeof *l.sent[i]);
        l.received[i] = calloc((size_t)EACH, sizeof *l.received[i]);
        CHECK(l.sent[i] && l.received[i]);
        producers[i] = (struct worker){.load = &l, .index = i, .random = 1 + i};
        weft_spawn(g, produce, &producers[i]);
    }
    for (unsigned i = 0; i < CONSUMERS; i++) {
        consumers[i] = (struct worker){.load = &l, .index = i, .random = 100 + i};
        weft_spawn(g, consume, &consumers[i]);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        for (unsigned k = 0; k < (unsigned)EACH; k++) {
            if (l.received[i][k] != l.sent[i][k])
                FAIL("item %u of %u: sent %d, received %d", k, i, l.sent[i][k], l.received[i][k]);
            CHECK(impatient || l.sent[i][k]);
        }
        free(l.sent[i]);
        free((void *)l.received[i]);
    }
    weft_chan_destroy(l.chan);
}

TASK_TEST(stress_chan, every_item_arrives_once)
{
    (void)arg;
    run_load(0, false);
    run_load(1, false);
    run_load(3, false);
    run_load(64, false);
    run_load(WEFT_UNBOUNDED, false);
    return 0;
}

TASK_TEST(stress_chan, what_was_sent_arrives_once_whoever_loses_patience)
{
    (void)arg;
    run_load(0, true);
    run_load(1, true);
    run_load(3, true);
    run_load(64, true);
    run_load(WEFT_UNBOUNDED, true);
    return 0;
}

/* Groups of senders and receivers that are cancelled as a whole. */

struct tally {
    weft_chan *chan;
    _Atomic long long sent, received;
};

static int send_until_canceled(void *arg)
{
    struct tally *t = arg;
    int rc, one = 1;

    while ((rc = weft_chan_send(t->chan, &one)) == 0)
        t->sent++;
    CHECK_RC(rc, WEFT_ECANCELED);
    return 0;
}

static int receive_until_canceled(void *arg)
{
    struct tally *t = arg;
    int rc, item;

    while ((rc = weft_chan_recv(t->chan, &item)) == 0) {
        CHECK_EQ(item, 1);
        t->received++;
    }
    CHECK_RC(rc, WEFT_ECANCELED);
    return 0;
}

TASK_TEST(stress_chan, canceled_groups_lose_no_item)
{
    (void)arg;
    struct tally t = {.chan = weft_chan_create(sizeof(int), 2)};
    uint32_t random = 7;

    CHECK_NOT_NULL(t.chan);
    for (int i = 0; i < SYNC_SCALE(40, 200); i++) {
        weft_group *g = weft_group_open(NULL);
        uint32_t shape = sync_random(&random);

        for (uint32_t k = 0; k <= shape % 4; k++)
            weft_spawn(g, send_until_canceled, &t);
        for (uint32_t k = 0; k <= shape / 4 % 4; k++)
            weft_spawn(g, receive_until_canceled, &t);
        if (shape / 16 % 2)
            CHECK_OK(weft_sleep_ms(1));
        else
            CHECK_OK(weft_yield());
        weft_group_close(g);
    }
    int item;
    while (weft_chan_try_recv(t.chan, &item) == 0)
        t.received++;
    CHECK_EQ(t.sent, t.received);
    weft_chan_destroy(t.chan);
    return 0;
}

/* A channel that is closed, with what is in it, while all are at it: single items, batches, tries, and waits that are cut short. */

static int send_until_closed(void *arg)
{
    struct worker *w = arg;
    struct load *l = w->load;
    const int ones[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

    for (;;) {
        uint32_t how = sync_random(&w->random);
        weft_scope *scope = open_impatient(w);
        ssize_t rc = how % 4 == 0   ? weft_chan_send_many(l->chan, ones, 1 + how / 4 % 10)
                     : how % 4 == 1 ? weft_chan_try_send(l->chan, ones)
                                    : weft_chan_send(l->chan, ones);

        rc = scope != NULL ? weft_scope_close(scope, rc) : rc;
        if (rc == WEFT_ECLOSED)
            return 0;
        if (rc >= 0)
            w->number += how % 4 == 0 ? (unsigned)rc : 1;
        else if (rc == WEFT_EFULL)
            CHECK_OK(weft_yield());
        else
            CHECK_RC(rc, WEFT_ETIMEDOUT);
    }
}

static int receive_until_closed(void *arg)
{
    struct worker *w = arg;
    struct load *l = w->load;
    int items[10];

    for (;;) {
        uint32_t how = sync_random(&w->random);
        weft_scope *scope = open_impatient(w);
        ssize_t rc = how % 4 == 0   ? weft_chan_recv_many(l->chan, items, 1 + how / 4 % 10)
                     : how % 4 == 1 ? weft_chan_try_recv(l->chan, items)
                                    : weft_chan_recv(l->chan, items);

        rc = scope != NULL ? weft_scope_close(scope, rc) : rc;
        if (rc == WEFT_ECLOSED)
            return 0;
        if (rc >= 0)
            w->number += how % 4 == 0 ? (unsigned)rc : 1;
        else if (rc == WEFT_EEMPTY)
            CHECK_OK(weft_yield());
        else
            CHECK_RC(rc, WEFT_ETIMEDOUT);
    }
}

TASK_TEST(stress_chan, what_was_sent_is_received_or_counted_by_the_close)
{
    static const size_t capacities[] = {0, 1, 5, 64, WEFT_UNBOUNDED};
    uint32_t random = 3;

    (void)arg;
    for (int turn = 0; turn < SYNC_SCALE(40, 120); turn++) {
        struct load l = {.impatient = turn % 2 == 1};
        struct worker workers[PRODUCERS + CONSUMERS];
        weft_group *g = weft_group_open(NULL);
        weft_chan_counts counts;
        unsigned sent = 0, received = 0;
        ssize_t dropped;

        l.chan = weft_chan_create(sizeof(int), capacities[turn % 5]);
        CHECK_NOT_NULL(l.chan);
        for (unsigned i = 0; i < PRODUCERS + CONSUMERS; i++) {
            workers[i] = (struct worker){.load = &l, .random = 1 + i + (unsigned)turn};
            weft_spawn(g, i < PRODUCERS ? send_until_closed : receive_until_closed, &workers[i]);
        }
        if (sync_random(&random) % 2 == 0)
            CHECK_OK(weft_sleep_ms(1));
        else
            CHECK_OK(weft_yield());
        dropped = sync_random(&random) % 2 == 0 ? weft_chan_close_now(l.chan) : weft_chan_release_receiver(l.chan);
        CHECK_GE(dropped, 0);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (unsigned i = 0; i < PRODUCERS + CONSUMERS; i++)
            *(i < PRODUCERS ? &sent : &received) += workers[i].number;
        CHECK_EQ(sent, received + (unsigned)dropped);
        weft_chan_stats(l.chan, &counts);
        CHECK_EQ(counts.sent, sent);
        CHECK_EQ(counts.received, received);
        CHECK_EQ(counts.dropped, dropped);
        CHECK_OK(weft_chan_destroy(l.chan));
    }
    return 0;
}

/* Tasks and threads on both ends. */

struct ends {
    weft_chan *chan;
    _Atomic long long sent, received;
    _Atomic int threads_left;
};

static void *send_outside(void *arg)
{
    struct ends *e = arg;
    int rc = 0;

    for (int i = 1; i <= EACH; i++) {
        while ((rc = weft_chan_try_send(e->chan, &i)) == WEFT_EFULL)
            sched_yield();
        CHECK_OK(rc);
        e->sent += i;
    }
    e->threads_left--;
    return NULL;
}

static int send_inside(void *arg)
{
    struct ends *e = arg;

    for (int i = 1; i <= EACH; i++) {
        CHECK_OK(weft_chan_send(e->chan, &i));
        e->sent += i;
    }
    return 0;
}

static int receive_inside(void *arg)
{
    struct ends *e = arg;
    int item, rc;

    while ((rc = weft_chan_recv(e->chan, &item)) == 0)
        e->received += item;
    CHECK_RC(rc, WEFT_ECLOSED);
    return 0;
}

TASK_TEST(stress_chan, tasks_and_threads_send_together)
{
    (void)arg;
    struct ends e = {.chan = weft_chan_create(sizeof(int), 3), .threads_left = 2};
    weft_group *receivers = weft_group_open(NULL), *senders = weft_group_open(NULL);
    pthread_t threads[2];

    CHECK_NOT_NULL(e.chan);
    for (int i = 0; i < 3; i++)
        weft_spawn(receivers, receive_inside, &e);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(pthread_create(&threads[i], NULL, send_outside, &e));
        weft_spawn(senders, send_inside, &e);
    }
    CHECK_OK(weft_group_wait(senders));
    /* The receivers need this worker, which a join would hold. */
    while (e.threads_left > 0)
        CHECK_OK(weft_sleep_ms(1));
    for (int i = 0; i < 2; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    weft_group_close(senders);
    CHECK_OK(weft_chan_close(e.chan));
    CHECK_OK(weft_group_wait(receivers));
    weft_group_close(receivers);
    CHECK_EQ(e.sent, e.received);
    CHECK_EQ(e.sent, 4LL * EACH * (EACH + 1) / 2);
    weft_chan_destroy(e.chan);
    return 0;
}

/* One worker has the channel to itself most of the time, so that its lock favours it, and others come in between. */

struct visits {
    weft_chan *chan;
    _Atomic bool over;
    _Atomic long long sent, received;
};

/* Moves an item, if it can, and tells of it. */
static void move_one(struct visits *v, int item)
{
    if (weft_chan_try_send(v->chan, &item) == 0)
        v->sent += item;
    if (weft_chan_try_recv(v->chan, &item) == 0)
        v->received += item;
}

static void *visit(void *arg)
{
    struct visits *v = arg;
    uint32_t random = 11;

    while (!v->over) {
        /* Also several times in a row. */
        for (uint32_t i = sync_random(&random) % 4; i > 0; i--)
            move_one(v, 1);
        (void)usleep(sync_random(&random) % 200);
    }
    return NULL;
}

static int visit_as_task(void *arg)
{
    struct visits *v = arg;
    int item = 3;

    while (!v->over) {
        CHECK_OK(weft_chan_send(v->chan, &item));
        v->sent += item;
        CHECK_OK(weft_chan_recv(v->chan, &item));
        v->received += item;
        item = 3;
        CHECK_OK(weft_sleep_ms(1));
    }
    return 0;
}

TASK_TEST(stress_chan, a_channel_that_one_uses_most_of_the_time_serves_others_too)
{
    (void)arg;
    for (int turn = 0; turn < 5; turn++) {
        struct visits v = {.chan = weft_chan_create(sizeof(int), 64)};
        weft_group *g = weft_group_open(NULL);
        pthread_t threads[2];

        CHECK_NOT_NULL(v.chan);
        for (int i = 0; i < 2; i++)
            CHECK_OK(pthread_create(&threads[i], NULL, visit, &v));
        weft_spawn(g, visit_as_task, &v);
        for (int i = 0; i < SYNC_SCALE(20000, 500000); i++) {
            move_one(&v, 2);
            if (i % 50000 == 0)
                CHECK_OK(weft_yield());
        }
        v.over = true;
        for (int i = 0; i < 2; i++)
            CHECK_OK(pthread_join(threads[i], NULL));
        /* One that it waits for may have been taken by another. */
        CHECK_OK(weft_chan_send(v.chan, &(int){3}));
        v.sent += 3;
        CHECK_OK(weft_group_wait(g));
        for (int item; weft_chan_try_recv(v.chan, &item) == 0;)
            v.received += item;
        CHECK_EQ(v.sent, v.received);
        weft_group_close(g);
        CHECK_OK(weft_chan_destroy(v.chan));
    }
    return 0;
}
