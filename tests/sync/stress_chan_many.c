/* SPDX-License-Identifier: MIT */
/*
 * Ten million items through channels: 8 producers and 8 consumers, all of whom are cancelled again and again at random moments, and
 * begin anew, and most of whose operations have deadlines. What was reported sent is received once; the rest never.
 */
#include <stdatomic.h>

#include "tests/sync/sync.h"

enum { PRODUCERS = 8, CONSUMERS = 8, NOT_SENT = 0, SENT = 1, RECEIVED = 2 };

struct many {
    weft_chan *chan;
    uint32_t each;     /* items of a producer */
    uint32_t close_at; /* the first producer that comes so far closes the channel; 0: all have sent */
    _Atomic unsigned producers_left;
    _Atomic uint64_t cancellations, deadlines;
    /* Each written by its producer, and by whoever received the item. */
    _Atomic unsigned char *items[PRODUCERS];
};

/* A producer or a consumer: one task at a time works for it. */
struct side {
    struct many *many;
    unsigned index;
    uint32_t next; /* a producer's */
    uint32_t random;
    weft_fn work;
    bool done;
};

struct many_item {
    uint32_t producer, number;
};

/* Some operations in a scope that may end at any moment, or without one. */
static int work_some(struct side *s, int (*operate)(struct side *s))
{
    uint32_t choice = sync_random(&s->random);
    weft_scope *scope = choice % 4 != 0 ? weft_scope_open(weft_now() + choice / 4 % 100000) : NULL;
    int rc = 0;

    for (uint32_t i = choice / 16 % 256; i > 0 && rc == 0; i--)
        rc = operate(s);
    if (scope != NULL)
        rc = (int)weft_scope_close(scope, rc);
    if (rc == WEFT_ETIMEDOUT) {
        s->many->deadlines++;
        rc = 0;
    }
    return rc;
}

/* Until it is cancelled, or there is nothing to do any more. */
static int work_shift(struct side *s, int (*operate)(struct side *s))
{
    int rc;

    while ((rc = work_some(s, operate)) == 0)
        ;
    if (rc == WEFT_ECANCELED)
        s->many->cancellations++;
    else
        s->done = true;
    return 0;
}

static int send_next(struct side *s)
{
    struct many *m = s->many;
    struct many_item item = {s->index, s->next};
    int rc;

    if (s->next == m->each)
        return WEFT_ECLOSED;
    if (m->close_at != 0 && s->next == m->close_at)
        (void)weft_chan_close(m->chan);
    if ((rc = weft_chan_send(m->chan, &item)) != 0)
        return rc;
    /* Who has received it may have been here before. */
    atomic_fetch_add(&m->items[s->index][s->next++], SENT);
    return 0;
}

static int receive_next(struct side *s)
{
    struct many *m = s->many;
    struct many_item item = {.producer = UINT32_MAX};
    int rc = weft_chan_recv(m->chan, &item);

    if (rc != 0) {
        CHECK_EQ(item.producer, UINT32_MAX);
        return rc;
    }
    CHECK_LT(item.producer, PRODUCERS);
    CHECK_LT(item.number, m->each);
    CHECK_LT(atomic_fetch_add(&m->items[item.producer][item.number], RECEIVED), RECEIVED);
    return 0;
}

static int send_shift(void *arg)
{
    return work_shift(arg, send_next);
}

static int receive_shift(void *arg)
{
    return work_shift(arg, receive_next);
}

/* Has the work done, by one task after the other. */
static int manage(void *arg)
{
    struct side *s = arg;

    while (!s->done) {
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, s->work, s);
        (void)weft_sleep_until(weft_now() + sync_random(&s->random) % 2000000);
        (void)weft_group_cancel(g);
        (void)weft_group_wait(g);
        weft_group_close(g);
    }
    if (s->work == send_shift && --s->many->producers_left == 0)
        (void)weft_chan_close(s->many->chan);
    return 0;
}

static void run_many(size_t capacity, uint32_t each, uint32_t close_at)
{
    struct many m = {.each = each, .close_at = close_at, .producers_left = PRODUCERS};
    struct side sides[PRODUCERS + CONSUMERS];
    weft_group *g = weft_group_open(NULL);
    uint64_t sent = 0;

    m.chan = weft_chan_create(sizeof(struct many_item), capacity);
    CHECK_NOT_NULL(m.chan);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        m.items[i] = calloc(each, sizeof *m.items[i]);
        CHECK(m.items[i] != NULL);
    }
    for (unsigned i = 0; i < PRODUCERS + CONSUMERS; i++) {
        sides[i] = (struct side){.many = &m, .index = i, .random = 1 + i};
        sides[i].work = i < PRODUCERS ? send_shift : receive_shift;
        weft_spawn(g, manage, &sides[i]);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_RC(weft_chan_try_recv(m.chan, &(struct many_item){0}), WEFT_ECLOSED);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        for (uint32_t k = 0; k < each; k++) {
            unsigned state = m.items[i][k];

            if (state != NOT_SENT && state != SENT + RECEIVED)
                FAIL("item %u of %u: %s", k, i, state == SENT ? "lost" : "received, but not sent");
            sent += state != NOT_SENT;
        }
        CHECK(close_at != 0 || sides[i].next == each);
        free((void *)m.items[i]);
    }
    CHECK(close_at != 0 || sent == (uint64_t)each * PRODUCERS);
    /* It took long enough for that. */
    CHECK(each < 1000000 || (m.cancellations > 0 && m.deadlines > 0));
    weft_chan_destroy(m.chan);
}

#define EACH (uint32_t) SYNC_SCALE(50000, 10000000 / PRODUCERS)

TASK_TEST(chan_many, no_item_is_lost_without_a_buffer)
{
    (void)arg;
    run_many(0, EACH, 0);
    return 0;
}

TASK_TEST(chan_many, no_item_is_lost_in_one_place)
{
    (void)arg;
    run_many(1, EACH, 0);
    return 0;
}

TASK_TEST(chan_many, no_item_is_lost_in_64_places)
{
    (void)arg;
    run_many(64, EACH, 0);
    return 0;
}

TASK_TEST(chan_many, a_close_in_the_middle_loses_none)
{
    (void)arg;
    for (uint32_t i = 0; i < (uint32_t)SYNC_SCALE(2, 10); i++)
        for (size_t capacity = 0; capacity < 3; capacity++)
            run_many(capacity, EACH / 50 + 2000, EACH / 200 + 1000 + i);
    return 0;
}
