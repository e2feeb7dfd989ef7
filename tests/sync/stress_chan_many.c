/* SPDX-License-Identifier: MIT */
/*
 * Ten million items through channels: 8 producers and 8 consumers, all of whom are cancelled again and again at random moments, and
 * begin anew, and most of whose operations have deadlines. What was reported sent is received once; the rest never.
 */
#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>

#include "tests/sync/sync.h"

enum { PRODUCERS = 8, CONSUMERS = 8, BATCH = 16, NOT_SENT = 0, SENT = 1, RECEIVED = 2 };

struct plan {
    size_t capacity;
    uint32_t each;     /* items of a producer */
    uint32_t close_at; /* the first producer that comes so far closes the channel; 0: all have sent */
    bool at_once;      /* it throws away what is left then */
    bool batches;      /* several items with one call */
};

struct many {
    struct plan plan;
    weft_chan *chan;
    _Atomic uint64_t thrown_away; /* what the close returned */
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

static void close_some(struct many *m)
{
    ssize_t rc = m->plan.at_once ? weft_chan_close_now(m->chan) : weft_chan_close(m->chan);

    if (rc > 0)
        m->thrown_away += (uint64_t)rc;
}

static int send_next(struct side *s)
{
    struct many *m = s->many;
    struct many_item items[BATCH];
    ssize_t rc;
    uint32_t n = m->plan.batches ? 1 + sync_random(&s->random) % BATCH : 1;

    if (s->next == m->plan.each)
        return WEFT_ECLOSED;
    if (m->plan.close_at != 0 && s->next >= m->plan.close_at)
        close_some(m);
    if (n > m->plan.each - s->next)
        n = m->plan.each - s->next;
    for (uint32_t i = 0; i < n; i++)
        items[i] = (struct many_item){s->index, s->next + i};
    rc = m->plan.batches ? weft_chan_send_many(m->chan, items, n) : weft_chan_send(m->chan, items);
    if (rc < 0)
        return (int)rc;
    if (!m->plan.batches)
        rc = 1;
    /* Who has received them may have been here before. */
    for (; rc > 0; rc--)
        atomic_fetch_add(&m->items[s->index][s->next++], SENT);
    return 0;
}

static int receive_next(struct side *s)
{
    struct many *m = s->many;
    struct many_item items[BATCH];
    uint32_t n = m->plan.batches ? 1 + sync_random(&s->random) % BATCH : 1;
    ssize_t rc;

    memset(items, 0xff, sizeof items);
    rc = m->plan.batches ? weft_chan_recv_many(m->chan, items, n) : weft_chan_recv(m->chan, items);
    if (!m->plan.batches && rc == 0)
        rc = 1;
    for (ssize_t i = 0; i < BATCH; i++) {
        if (i >= rc) {
            CHECK_EQ(items[i].producer, UINT32_MAX);
            continue;
        }
        CHECK_LT(items[i].producer, PRODUCERS);
        CHECK_LT(items[i].number, m->plan.each);
        CHECK_LT(atomic_fetch_add(&m->items[items[i].producer][items[i].number], RECEIVED), RECEIVED);
    }
    return rc < 0 ? (int)rc : 0;
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
    uint32_t random = 100 + s->index;

    while (!s->done) {
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, s->work, s);
        (void)weft_sleep_until(weft_now() + sync_random(&random) % 2000000);
        (void)weft_group_cancel(g);
        (void)weft_group_wait(g);
        weft_group_close(g);
    }
    if (s->work == send_shift && --s->many->producers_left == 0)
        (void)weft_chan_close(s->many->chan);
    return 0;
}

static void run_many(struct plan plan)
{
    struct many m = {.plan = plan, .producers_left = PRODUCERS};
    struct side sides[PRODUCERS + CONSUMERS];
    weft_group *g = weft_group_open(NULL);
    uint64_t sent = 0, lost = 0;

    m.chan = weft_chan_create(sizeof(struct many_item), plan.capacity);
    CHECK_NOT_NULL(m.chan);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        m.items[i] = calloc(plan.each, sizeof *m.items[i]);
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
        for (uint32_t k = 0; k < plan.each; k++) {
            unsigned state = m.items[i][k];

            if (state == RECEIVED)
                FAIL("item %u of %u: received, but not sent", k, i);
            lost += state == SENT;
            sent += state != NOT_SENT;
        }
        CHECK(plan.close_at != 0 || sides[i].next == plan.each);
        free((void *)m.items[i]);
    }
    CHECK_EQ(lost, m.thrown_away);
    CHECK(plan.close_at != 0 || sent == (uint64_t)plan.each * PRODUCERS);
    /* It took long enough for that. */
    CHECK(plan.each < 1000000 || (m.cancellations > 0 && m.deadlines > 0));
    CHECK_OK(weft_chan_destroy(m.chan));
}

#ifdef WEFT_DEBUG /* whose checks and tiny queues cost time */
#define EACH (uint32_t) SYNC_SCALE(50000, 200000)
#else
#define EACH (uint32_t) SYNC_SCALE(50000, 10000000 / PRODUCERS)
#endif

TASK_TEST(chan_many, no_item_is_lost_without_a_buffer)
{
    (void)arg;
    run_many((struct plan){.capacity = 0, .each = EACH});
    return 0;
}

TASK_TEST(chan_many, no_item_is_lost_in_one_place)
{
    (void)arg;
    run_many((struct plan){.capacity = 1, .each = EACH});
    return 0;
}

TASK_TEST(chan_many, no_item_is_lost_in_64_places)
{
    (void)arg;
    run_many((struct plan){.capacity = 64, .each = EACH});
    return 0;
}

TASK_TEST(chan_many, no_item_is_lost_without_a_bound)
{
    (void)arg;
    run_many((struct plan){.capacity = WEFT_UNBOUNDED, .each = EACH});
    return 0;
}

static const size_t capacities[] = {0, 1, 5, 64, WEFT_UNBOUNDED};

#define CAPACITIES (sizeof capacities / sizeof capacities[0])

TASK_TEST(chan_many, no_item_is_lost_in_batches)
{
    (void)arg;
    for (size_t i = 0; i < CAPACITIES; i++)
        run_many((struct plan){.capacity = capacities[i], .each = EACH / CAPACITIES, .batches = true});
    return 0;
}

/* Each round ends in another way. */
static void close_rounds(bool at_once)
{
    for (uint32_t i = 0; i < (uint32_t)SYNC_SCALE(2, 10); i++)
        for (size_t k = 0; k < CAPACITIES; k++)
            run_many((struct plan){.capacity = capacities[k],
                                   .each = EACH / 50 + 2000,
                                   .close_at = EACH / 200 + 1000 + i,
                                   .at_once = at_once,
                                   .batches = i % 2 == 0});
}

TASK_TEST(chan_many, a_close_in_the_middle_loses_none)
{
    (void)arg;
    close_rounds(false);
    return 0;
}

TASK_TEST(chan_many, a_close_at_once_loses_what_it_says)
{
    (void)arg;
    close_rounds(true);
    return 0;
}
