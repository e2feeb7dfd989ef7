/* SPDX-License-Identifier: MIT */
/* Futures, watches, broadcasts and queues under load, with waits that are cut short at random. */
#include <string.h>

#include "tests/sync/values.h"

/* Futures: several settle each of them in different ways, and one wins. */

enum { SETTLERS = 3, WAITERS = 5 };

struct promise {
    weft_future future;
    int place;
    _Atomic int winners, outcome; /* the code, or the value */
    _Atomic unsigned seeds;
};

static int settle(void *arg)
{
    struct promise *p = arg;
    uint32_t random = ++p->seeds;
    int value = (int)(sync_random(&random) % 1000) + 1, rc;

    if (random % 3 == 0)
        CHECK_OK(weft_yield());
    switch (random / 4 % 4) {
    case 0:
        value = WEFT_ECLOSED;
        rc = weft_future_close(&p->future);
        break;
    case 1:
        value = -value;
        rc = weft_future_fail(&p->future, value);
        break;
    default:
        rc = weft_future_set(&p->future, &value);
        break;
    }
    if (rc == 0) {
        p->winners++;
        p->outcome = value;
    } else {
        CHECK_RC(rc, WEFT_EALREADY);
        CHECK(weft_future_is_done(&p->future));
    }
    return 0;
}

struct waiter {
    struct promise *promise;
    int result, value;
};

static int wait_impatiently(void *arg)
{
    struct waiter *w = arg;
    uint32_t random = ++w->promise->seeds;
    weft_scope *scope = open_impatient(&random);

    w->result = close_impatient(scope, weft_future_wait(&w->promise->future, &w->value));
    return 0;
}

TASK_TEST(stress_values, future_has_one_outcome_and_all_that_stay_get_it)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(600, 2000); i++) {
        struct promise p = {.seeds = (unsigned)i * 7919};
        struct waiter waiters[WAITERS];
        weft_group *g = weft_group_open(NULL);

        weft_future_init(&p.future, &p.place, sizeof p.place);
        for (int k = 0; k < WAITERS || k < SETTLERS; k++) {
            waiters[k] = (struct waiter){.promise = &p};
            weft_spawn(g, wait_impatiently, &waiters[k]);
            if (k < SETTLERS)
                weft_spawn(g, settle, &p);
        }
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_EQ(p.winners, 1);
        for (int k = 0; k < WAITERS; k++) {
            if (waiters[k].result == WEFT_ETIMEDOUT)
                continue;
            CHECK_RC(waiters[k].result, p.outcome < 0 ? p.outcome : 0);
            CHECK_EQ(waiters[k].value, p.outcome < 0 ? 0 : p.outcome);
        }
        CHECK_OK(weft_future_fini(&p.future));
    }
    return 0;
}

/* A wait that comes while the value is being stored, which takes long here. */

enum { BIG = 256 * 1024 };

struct big {
    weft_future future;
    _Atomic bool begun;
    char value[BIG], place[BIG];
};

static void *set_big(void *arg)
{
    struct big *b = arg;

    b->begun = true;
    CHECK_OK(weft_future_set(&b->future, b->value));
    return NULL;
}

TASK_TEST(stress_values, wait_that_meets_the_set_gets_the_whole_value)
{
    (void)arg;
    struct big *b = calloc(1, sizeof *b);
    char *copy = malloc(BIG);

    CHECK(b != NULL && copy != NULL);
    for (int i = 1; i <= SYNC_SCALE(50, 300); i++) {
        pthread_t thread;

        memset(b->value, i, BIG);
        b->begun = false;
        weft_future_init(&b->future, b->place, BIG);
        CHECK_OK(pthread_create(&thread, NULL, set_big, b));
        while (!b->begun)
            ;
        CHECK_OK(weft_future_wait(&b->future, copy));
        CHECK_MEM_EQ(copy, b->value, BIG);
        CHECK_OK(pthread_join(thread, NULL));
    }
    free(copy);
    free(b);
    return 0;
}

/* Watches: each writer counts up. No value is torn, none older than one seen before, and the last is seen by all. */

enum { WRITERS = 3, READERS = 6 };

struct state {
    int writer, count, check; /* check: so that a torn value is found */
};

static int check_of(const struct state *s)
{
    return s->writer * 1000003 + s->count;
}

struct board {
    weft_watch watch;
    struct state place;
    _Atomic int writers, writers_left, readers;
};

static int write_on(void *arg)
{
    struct board *b = arg;
    struct state s = {.writer = b->writers++};

    for (s.count = 1; s.count <= SYNC_SCALE(1000, 5000); s.count++) {
        s.check = check_of(&s);
        CHECK_OK(weft_watch_send(&b->watch, &s));
        if (s.count % 16 == 0)
            CHECK_OK(weft_yield());
    }
    if (--b->writers_left == 0)
        CHECK_OK(weft_watch_close(&b->watch));
    return 0;
}

static int read_on(void *arg)
{
    struct board *b = arg;
    weft_watch_reader reader = {{0}};
    struct state s = {0}, last;
    uint32_t random = (uint32_t)++b->readers;
    int seen[WRITERS] = {0}, rc;

    for (;;) {
        weft_scope *scope = open_impatient(&random);

        rc = close_impatient(scope, weft_watch_changed(&b->watch, &reader, &s));
        if (rc == WEFT_ETIMEDOUT)
            continue;
        if (rc < 0)
            break;
        CHECK_EQ(s.check, check_of(&s));
        if (s.count > 0) {
            CHECK_GT(s.count, seen[s.writer]);
            seen[s.writer] = s.count;
        }
    }
    CHECK_RC(rc, WEFT_ECLOSED);
    weft_watch_get(&b->watch, &last);
    CHECK_MEM_EQ(&s, &last, sizeof s);
    return 0;
}

TASK_TEST(stress_values, watch_shows_whole_values_in_order_and_the_last_one_to_all)
{
    (void)arg;
    struct board b = {.writers_left = WRITERS};
    weft_group *g = weft_group_open(NULL);
    struct foreign reader;

    weft_watch_init(&b.watch, &b.place, sizeof b.place);
    for (int i = 1; i < READERS; i++)
        weft_spawn(g, read_on, &b);
    foreign_begin(&reader, read_on, &b);
    for (int i = 0; i < WRITERS; i++)
        weft_spawn(g, write_on, &b);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    foreign_end(&reader);
    CHECK_OK(weft_watch_fini(&b.watch));
    return 0;
}

/* Broadcasts: of each sender every subscriber sees the items in order, and what it received and what it lost is what was sent. */

struct news {
    weft_broadcast *broadcast;
    _Atomic int senders, senders_left;
    weft_subscriber subscribers[READERS];
    _Atomic int readers;
};

struct item {
    int sender, number;
};

static int send_on(void *arg)
{
    struct news *n = arg;
    struct item item = {.sender = n->senders++};

    for (item.number = 1; item.number <= SYNC_SCALE(1000, 5000); item.number++) {
        CHECK_OK(weft_broadcast_send(n->broadcast, &item));
        if (item.number % 4 == 0)
            CHECK_OK(weft_yield());
    }
    if (--n->senders_left == 0)
        CHECK_OK(weft_broadcast_close(n->broadcast));
    return 0;
}

static int listen_on(void *arg)
{
    struct news *n = arg;
    int me = n->readers++, last[WRITERS] = {0}, rc;
    uint32_t random = (uint32_t)me + 1;
    uint64_t received = 0, lost = 0;

    for (;;) {
        weft_scope *scope = open_impatient(&random);
        struct item item = {0};
        uint64_t missed = 0;

        rc = close_impatient(scope, weft_broadcast_recv(&n->subscribers[me], &item, &missed));
        if (rc == WEFT_ETIMEDOUT)
            continue;
        if (rc < 0)
            break;
        CHECK_GT(item.number, last[item.sender]);
        last[item.sender] = item.number;
        received++;
        lost += missed;
        if (me == 0 && received % 64 == 0)
            (void)weft_sleep_ms(1); /* this one is slow, unless it is the thread */
    }
    CHECK_RC(rc, WEFT_ECLOSED);
    CHECK_EQ(received + lost, (uint64_t)WRITERS * (uint64_t)SYNC_SCALE(1000, 5000));
    return 0;
}

TASK_TEST(stress_values, broadcast_items_are_received_in_order_or_counted_as_lost)
{
    (void)arg;
    static const size_t capacities[] = {1, 3, 64};

    for (int round = 0; round < 3; round++) {
        struct news n = {.broadcast = weft_broadcast_create(sizeof(struct item), capacities[round]),
                         .senders_left = WRITERS};
        weft_group *g = weft_group_open(NULL);
        struct foreign listener;

        CHECK_NOT_NULL(n.broadcast);
        for (int i = 0; i < READERS; i++)
            weft_subscribe(&n.subscribers[i], n.broadcast);
        for (int i = 1; i < READERS; i++)
            weft_spawn(g, listen_on, &n);
        foreign_begin(&listener, listen_on, &n);
        for (int i = 0; i < WRITERS; i++)
            weft_spawn(g, send_on, &n);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        foreign_end(&listener);
        CHECK_OK(weft_broadcast_destroy(n.broadcast));
    }
    return 0;
}

/* Queues: what was put is taken once, or dropped by the end; and the join waits for all of it. */

/* The last of each is a plain thread. */
enum { PRODUCERS = 4, CONSUMERS = 4 };

#define EACH SYNC_SCALE(1000, 4000)

struct load {
    weft_queue *queue;
    bool sequential; /* of each producer the items come in order */
    _Atomic int producers, consumers, done;
    _Atomic long long put, taken;
    _Atomic unsigned char *seen[PRODUCERS];
};

static int64_t priority_of(const void *item)
{
    return ((const struct item *)item)->number % 5;
}

static int produce(void *arg)
{
    struct load *l = arg;
    struct item item = {.sender = l->producers++};
    uint32_t random = (uint32_t)item.sender + 1;

    for (item.number = 0; item.number < EACH; item.number++) {
        weft_scope *scope = open_impatient(&random);
        int rc = close_impatient(scope, weft_queue_put(l->queue, &item));

        if (rc == WEFT_ECLOSED)
            return 0;
        if (rc == 0)
            l->put++;
        else
            CHECK_RC(rc, WEFT_ETIMEDOUT);
    }
    return 0;
}

static int consume(void *arg)
{
    struct load *l = arg;
    uint32_t random = 100 + (uint32_t)l->consumers++;
    int last[PRODUCERS] = {-1, -1, -1, -1};

    for (;;) {
        struct item item = {-1, -1};
        weft_scope *scope = open_impatient(&random);
        int rc = close_impatient(scope, weft_queue_get(l->queue, &item));

        if (rc == WEFT_ETIMEDOUT)
            continue;
        if (rc == WEFT_ECLOSED)
            return 0;
        CHECK_OK(rc);
        CHECK_EQ(++l->seen[item.sender][item.number], 1);
        if (l->sequential)
            CHECK_GT(item.number, last[item.sender]);
        last[item.sender] = item.number;
        l->taken++;
        l->done++;
        CHECK_OK(weft_queue_task_done(l->queue));
    }
}

static void run_queue(weft_queue_options options, bool cut_short)
{
    struct load l = {.queue = weft_queue_create(sizeof(struct item), &options),
                     .sequential = options.kind == WEFT_QUEUE_FIFO};
    weft_group *producers = weft_group_open(NULL), *consumers = weft_group_open(NULL);
    struct foreign producer, consumer;
    long long dropped = 0;

    CHECK_NOT_NULL(l.queue);
    for (int i = 0; i < PRODUCERS; i++) {
        l.seen[i] = calloc((size_t)EACH, sizeof *l.seen[i]);
        CHECK(l.seen[i] != NULL);
    }
    for (int i = 1; i < PRODUCERS; i++)
        weft_spawn(producers, produce, &l);
    for (int i = 1; i < CONSUMERS; i++)
        weft_spawn(consumers, consume, &l);
    foreign_begin(&producer, produce, &l);
    foreign_begin(&consumer, consume, &l);
    if (cut_short) {
        CHECK_OK(weft_sleep_ms(2));
        dropped = (long long)weft_queue_shutdown(l.queue, WEFT_QUEUE_IMMEDIATE);
    }
    CHECK_OK(weft_group_wait(producers));
    foreign_end(&producer);
    CHECK_OK(weft_queue_join(l.queue));
    CHECK_EQ(l.done + dropped, l.put);
    CHECK_EQ(weft_queue_shutdown(l.queue, WEFT_QUEUE_GRACEFUL), 0);
    CHECK_OK(weft_group_wait(consumers));
    foreign_end(&consumer);
    weft_group_close(consumers);
    weft_group_close(producers);
    CHECK_EQ(l.taken + dropped, l.put);
    CHECK_OK(weft_queue_destroy(l.queue));
    for (int i = 0; i < PRODUCERS; i++)
        free((void *)l.seen[i]);
}

TASK_TEST(stress_values, queue_items_are_taken_once_whoever_loses_patience)
{
    (void)arg;
    for (int cut_short = 0; cut_short < 2; cut_short++) {
        run_queue((weft_queue_options){.capacity = 1}, cut_short);
        run_queue((weft_queue_options){.capacity = 3, .kind = WEFT_QUEUE_LIFO}, cut_short);
        run_queue((weft_queue_options){.capacity = 3, .kind = WEFT_QUEUE_PRIORITY, .priority = priority_of}, cut_short);
        run_queue((weft_queue_options){.capacity = 0}, cut_short);
        run_queue((weft_queue_options){.kind = WEFT_QUEUE_PRIORITY, .priority = priority_of}, cut_short);
    }
    return 0;
}
