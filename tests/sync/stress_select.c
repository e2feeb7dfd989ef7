/* SPDX-License-Identifier: MIT */
/* Selects under load: against each other, against sends, receives, closes and deadlines. No item is lost, none arrives twice. */
#include "tests/sync/sync.h"

enum { CHANNELS = 5, TASKS = 12 };

#define EACH SYNC_SCALE(300, 3000)

/* Two selects of opposite order over the same unbuffered channels. */

struct duel {
    weft_chan *chans[2];
    _Atomic long long sent, received;
    _Atomic unsigned left;
};

struct duellist {
    struct duel *duel;
    unsigned index;
};

static int fight(void *arg)
{
    struct duellist *me = arg;
    struct duel *d = me->duel;
    unsigned first = me->index % 2;

    for (int i = 1; i <= EACH; i++) {
        int in = 0;
        weft_case cases[] = {WEFT_SEND(d->chans[first], &i), WEFT_RECV(d->chans[!first], &in)};
        int happened = (i + (int)me->index) % 3 ? weft_select(cases, 2) : weft_select_biased(cases, 2);

        CHECK_GE(happened, 0);
        if (cases[happened].result == WEFT_ECLOSED)
            return 0;
        CHECK_OK(cases[happened].result);
        if (happened == 0)
            d->sent += i;
        else
            d->received += in;
    }
    /* The last ones would wait for partners that have gone. */
    if (--d->left == 0)
        for (int i = 0; i < 2; i++)
            (void)weft_chan_close(d->chans[i]);
    else
        while (d->left > 0) {
            int in = 0, none = 0;
            weft_case cases[] = {WEFT_SEND(d->chans[first], &none), WEFT_RECV(d->chans[!first], &in)};
            int happened = weft_select(cases, 2);

            CHECK_GE(happened, 0);
            if (happened == 1 && cases[1].result == 0)
                d->received += in;
        }
    return 0;
}

static void run_duel(unsigned duellists)
{
    struct duel d = {.left = duellists};
    struct duellist all[TASKS];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 2; i++) {
        d.chans[i] = weft_chan_create(sizeof(int), 0);
        CHECK_NOT_NULL(d.chans[i]);
    }
    for (unsigned i = 0; i < duellists; i++) {
        all[i] = (struct duellist){.duel = &d, .index = i};
        weft_spawn(g, fight, &all[i]);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(d.sent, d.received);
    CHECK_GT(d.sent, 0);
    weft_chan_destroy(d.chans[0]);
    weft_chan_destroy(d.chans[1]);
}

TASK_TEST(stress_select, selects_of_opposite_order_meet)
{
    (void)arg;
    run_duel(2);
    run_duel(TASKS);
    return 0;
}

/* A crowd. */

struct crowd {
    weft_chan *chans[CHANNELS];
    bool closes;
    _Atomic unsigned left;
    bool *sent[TASKS];
    _Atomic unsigned char *received[TASKS];
};

struct item {
    unsigned sender, number;
};

struct member {
    struct crowd *crowd;
    unsigned index;
    uint32_t random;
};

static void receive(struct crowd *c, const struct item *item)
{
    CHECK_LT(item->sender, TASKS);
    CHECK_LT(item->number, EACH);
    CHECK_EQ(++c->received[item->sender][item->number], 1);
}

/* One select of random cases: some of them send the same item, so at most one may arrive. */
static void select_something(struct member *m, unsigned number)
{
    struct crowd *crowd = m->crowd;
    struct item mine = {m->index, number}, got[6];
    weft_case cases[6];
    uint32_t shape = sync_random(&m->random);
    size_t n = 1 + shape % 6;
    weft_scope *scope = NULL;
    int happened;

    for (size_t i = 0; i < n; i++) {
        weft_chan *chan = crowd->chans[sync_random(&m->random) % CHANNELS];

        got[i].sender = UINT32_MAX;
        switch (sync_random(&m->random) % 16) {
        case 0:
            cases[i] = WEFT_AT(weft_now() + sync_random(&m->random) % 50000);
            break;
        case 1:
            cases[i] = (weft_case){0};
            break;
        case 2:
        case 3:
        case 4:
        case 5:
        case 6:
        case 7:
        case 8:
            cases[i] = WEFT_SEND(chan, &mine);
            break;
        default:
            cases[i] = WEFT_RECV(chan, &got[i]);
        }
    }
    if (shape >> 8 & 1)
        cases[n - 1] = WEFT_DEFAULT;
    else
        CHECK_NOT_NULL(scope = weft_scope_open(weft_now() + sync_random(&m->random) % 100000));
    happened = shape >> 9 & 1 ? weft_select(cases, n) : weft_select_biased(cases, n);
    if (scope != NULL)
        (void)weft_scope_close(scope, 0);
    if (happened < 0)
        CHECK_RC(happened, WEFT_ECANCELED);
    else if (cases[happened].result < 0)
        CHECK(crowd->closes && cases[happened].result == WEFT_ECLOSED);
    else if (cases[happened].kind == WEFT__CASE_SEND)
        crowd->sent[m->index][number] = true;
    else if (cases[happened].kind == WEFT__CASE_RECV)
        receive(crowd, &got[happened]);
    for (size_t i = 0; i < n; i++)
        if ((int)i != happened)
            CHECK_EQ(got[i].sender, UINT32_MAX);
    mine = (struct item){UINT32_MAX, UINT32_MAX}; /* nobody takes it any more */
}

/* The same by plain calls. */
static void operate_plainly(struct member *m, unsigned number)
{
    struct crowd *crowd = m->crowd;
    weft_chan *chan = crowd->chans[sync_random(&m->random) % CHANNELS];
    struct item mine = {m->index, number}, got;
    weft_scope *scope = weft_scope_open(weft_now() + sync_random(&m->random) % 100000);
    bool send = sync_random(&m->random) % 2;
    int rc;

    CHECK_NOT_NULL(scope);
    rc = send ? weft_chan_send(chan, &mine) : weft_chan_recv(chan, &got);
    (void)weft_scope_close(scope, 0);
    if (rc == 0 && send)
        crowd->sent[m->index][number] = true;
    else if (rc == 0)
        receive(crowd, &got);
    else
        CHECK(rc == WEFT_ECANCELED || (crowd->closes && rc == WEFT_ECLOSED));
}

static int mingle(void *arg)
{
    struct member *m = arg;
    struct crowd *crowd = m->crowd;

    for (unsigned i = 0; i < (unsigned)EACH; i++) {
        if (m->index % 3 == 0)
            operate_plainly(m, i);
        else
            select_something(m, i);
        if (crowd->closes && m->index == 1 && i >= (unsigned)EACH / 2 && i - (unsigned)EACH / 2 < CHANNELS)
            (void)weft_chan_close(crowd->chans[i - (unsigned)EACH / 2]);
    }
    return 0;
}

static void run_crowd(size_t capacity, bool closes)
{
    struct crowd crowd = {.closes = closes};
    struct member members[TASKS];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < CHANNELS; i++) {
        crowd.chans[i] = weft_chan_create(sizeof(struct item), capacity);
        CHECK_NOT_NULL(crowd.chans[i]);
    }
    for (unsigned i = 0; i < TASKS; i++) {
        crowd.sent[i] = calloc((size_t)EACH, sizeof *crowd.sent[i]);
        crowd.received[i] = calloc((size_t)EACH, sizeof *crowd.received[i]);
        CHECK(crowd.sent[i] && crowd.received[i]);
    }
    for (unsigned i = 0; i < TASKS; i++) {
        members[i] = (struct member){.crowd = &crowd, .index = i, .random = 77 + i};
        weft_spawn(g, mingle, &members[i]);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < CHANNELS; i++) {
        struct item left;

        while (weft_chan_try_recv(crowd.chans[i], &left) == 0)
            receive(&crowd, &left);
        weft_chan_destroy(crowd.chans[i]);
    }
    for (unsigned i = 0; i < TASKS; i++) {
        for (unsigned k = 0; k < (unsigned)EACH; k++)
            if (crowd.received[i][k] != crowd.sent[i][k])
                FAIL("item %u of %u: sent %d, received %d", k, i, crowd.sent[i][k], crowd.received[i][k]);
        free(crowd.sent[i]);
        free((void *)crowd.received[i]);
    }
}

TASK_TEST(stress_select, what_was_sent_arrives_once)
{
    (void)arg;
    run_crowd(0, false);
    run_crowd(1, false);
    run_crowd(7, false);
    return 0;
}

TASK_TEST(stress_select, what_was_sent_arrives_once_whoever_closes)
{
    (void)arg;
    run_crowd(0, true);
    run_crowd(2, true);
    return 0;
}

/* An item moves between two channels: it is sent into one before another is taken out of the other. So at each moment one of them has
 * an item, though each is often empty. */

struct moves {
    weft_chan *chans[2];
    _Atomic bool stop;
};

static int move(void *arg)
{
    struct moves *m = arg;
    int item;

    for (unsigned to = 0; !m->stop; to = !to) {
        int sent = weft_chan_try_send(m->chans[to], &(int){1}), taken = weft_chan_try_recv(m->chans[!to], &item);

        CHECK(sent == 0 || sent == WEFT_EFULL);
        CHECK(taken == 0 || taken == WEFT_EEMPTY);
        if (to)
            CHECK_OK(weft_yield());
    }
    return 0;
}

TASK_TEST(stress_select, the_default_does_not_happen_while_an_item_is_in_one_channel_or_the_other)
{
    struct moves m = {.stop = false};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 2; i++)
        CHECK_NOT_NULL(m.chans[i] = weft_chan_create(sizeof(int), 1));
    CHECK_OK(weft_chan_try_send(m.chans[0], &(int){1}));
    weft_spawn(g, move, &m);
    for (int i = 0; i < 10 * EACH; i++) {
        int item;
        weft_case cases[] = {WEFT_RECV(m.chans[0], &item), WEFT_RECV(m.chans[1], &item), WEFT_DEFAULT};
        int happened = weft_select(cases, 3);

        CHECK(happened == 0 || happened == 1);
        /* Back; the mover may have put another one there. */
        int sent = weft_chan_try_send(m.chans[happened], &item);
        CHECK(sent == 0 || sent == WEFT_EFULL);
    }
    m.stop = true;
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(m.chans[0]));
    CHECK_OK(weft_chan_destroy(m.chans[1]));
    return 0;
}
