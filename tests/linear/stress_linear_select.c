/* SPDX-License-Identifier: MIT */
/* Histories of select over two channels, beside plain operations: exactly one case happens, at one moment, and nothing of the others. */
#include "tests/linear/record.h"

#define ROUNDS SYNC_SCALE(100, 2000)

enum { CASES = 4 };

/* A select of random cases; the operation becomes what happened. Returns whether to go on. */
static bool note_select(struct record_task *t, int item)
{
    weft_chan **chans = t->record->object;
    weft_case cases[CASES + 1];
    struct linear_op as[CASES + 1] = {{0}};
    weft_scope *s = record_hurry(t);
    unsigned n = 1 + record_below(t, CASES);
    int received = 0, bits = 0, rc;
    struct linear_op *op;

    for (unsigned i = 0; i < n; i++) {
        unsigned object = record_below(t, 2);
        bool sends = record_below(t, 2) == 0;

        cases[i] = sends ? WEFT_SEND(chans[object], &item) : WEFT_RECV(chans[object], &received);
        as[i].kind = sends ? LINEAR_SEND : LINEAR_RECV;
        as[i].object = (uint16_t)object;
        as[i].arg = sends ? item : 0;
        bits |= sends ? LINEAR_CASE_SEND(object) : LINEAR_CASE_RECV(object);
    }
    if (record_below(t, 4) == 0) {
        /* What did not wait met those that did: a try. */
        for (unsigned i = 0; i < n; i++)
            as[i].kind += LINEAR_TRY_SEND - LINEAR_SEND;
        cases[n] = WEFT_DEFAULT;
        as[n].kind = LINEAR_NONE_READY;
        as[n++].arg = bits;
    }
    op = record_invoke(t, LINEAR_NONE_READY, 0, bits);
    rc = record_below(t, 2) == 0 ? weft_select(cases, n) : weft_select_biased(cases, n);
    if (rc >= 0) {
        CHECK_LT(rc, n);
        op->kind = as[rc].kind;
        op->object = as[rc].object;
        op->arg = as[rc].arg;
        linear_return(&t->record->history, op, cases[rc].result, received);
    } else {
        CHECK_RC(rc, WEFT_ECANCELED);
        CHECK_EQ(received, 0);
        linear_return(&t->record->history, op, rc, 0);
    }
    record_calm(s);
    return rc >= 0 || s != NULL;
}

static bool note_plain(struct record_task *t, int item)
{
    weft_chan **chans = t->record->object;
    unsigned object = record_below(t, 2);
    bool sends = record_below(t, 2) == 0;
    weft_scope *s = record_hurry(t);
    struct linear_op *op = record_invoke(t, sends ? LINEAR_SEND : LINEAR_RECV, object, sends ? item : 0);
    int rc = sends ? weft_chan_send(chans[object], &item) : weft_chan_recv(chans[object], &item);

    linear_return(&t->record->history, op, rc, item);
    record_calm(s);
    return rc != WEFT_ECANCELED || s != NULL;
}

static int use_channels(void *arg)
{
    struct record_task *t = arg;

    for (unsigned i = 0; i < t->record->ops; i++) {
        int item = 1 + t->index * 100 + (int)i;

        record_pause(t);
        if (!(record_below(t, 4) == 0 ? note_plain(t, item) : note_select(t, item)))
            break;
    }
    return 0;
}

static void finish_channels(struct record *r)
{
    struct record_task me = {.record = r, .index = RECORD_TASKS + RECORD_THREADS};
    weft_chan **chans = r->object;

    for (unsigned i = 0; i < 2; i++) {
        struct linear_op *op = record_invoke(&me, LINEAR_CLOSE, i, 0);

        linear_return(&r->history, op, weft_chan_close(chans[i]), 0);
    }
}

/* What is left in the channels. */
static void drain(struct record *r, unsigned object, size_t capacity)
{
    struct record_task me = {.record = r, .index = RECORD_TASKS + RECORD_THREADS};
    weft_chan **chans = r->object;

    for (size_t i = 0; i <= capacity; i++) {
        struct linear_op *op = record_invoke(&me, LINEAR_TRY_RECV, object, 0);
        int item = 0, rc = weft_chan_try_recv(chans[object], &item);

        linear_return(&r->history, op, rc, item);
    }
}

static void record_selects(size_t capacity, size_t other_capacity)
{
    struct record *r = calloc(1, sizeof *r);
    struct linear_model m = linear_channels;
    uint32_t first = record_seed();
    weft_chan *chans[2];

    CHECK_NOT_NULL(r);
    m.parameter = LINEAR_CAPACITIES(capacity, other_capacity);
    r->object = (void *)chans;
    for (uint32_t seed = first; seed != first + (uint32_t)ROUNDS; seed++) {
        /* Which of them is locked first depends on their addresses. */
        chans[seed % 2] = weft_chan_create(sizeof(int), seed % 2 ? other_capacity : capacity);
        chans[!(seed % 2)] = weft_chan_create(sizeof(int), seed % 2 ? capacity : other_capacity);
        CHECK(chans[0] && chans[1]);
        r->tasks = 3 + seed % 4;
        r->ops = 48 / r->tasks - seed % 4;
        record_round(r, seed, use_channels, finish_channels);
        drain(r, 0, capacity);
        drain(r, 1, other_capacity);
        CHECK_OK(weft_chan_destroy(chans[0]));
        CHECK_OK(weft_chan_destroy(chans[1]));
        linear_expect(&r->history, &m, r->seed);
    }
    free(r);
}

TASK_TEST(linear_select, without_buffers)
{
    (void)arg;
    record_selects(0, 0);
    return 0;
}

TASK_TEST(linear_select, of_none_and_one)
{
    (void)arg;
    record_selects(0, 1);
    return 0;
}

TASK_TEST(linear_select, of_one_and_two)
{
    (void)arg;
    record_selects(1, 2);
    return 0;
}
