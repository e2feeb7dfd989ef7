/* SPDX-License-Identifier: MIT */
/* Histories of channels: what tasks did to one under random schedules, cancelled here and there, is what a queue may do. */
#include "tests/linear/record.h"

#define ROUNDS SYNC_SCALE(100, 2000)

/* Both return whether to go on: not where the task is cancelled for good. */

static bool note_send(struct record_task *t, bool tries, int item)
{
    weft_chan *c = t->record->object;
    weft_scope *s = tries ? NULL : record_hurry(t);
    struct linear_op *op = record_invoke(t, tries ? LINEAR_TRY_SEND : LINEAR_SEND, 0, item);
    int rc = tries ? weft_chan_try_send(c, &item) : weft_chan_send(c, &item);

    linear_return(&t->record->history, op, rc, 0);
    record_calm(s);
    return rc != WEFT_ECANCELED || s != NULL;
}

static bool note_recv(struct record_task *t, bool tries)
{
    weft_chan *c = t->record->object;
    weft_scope *s = tries ? NULL : record_hurry(t);
    struct linear_op *op = record_invoke(t, tries ? LINEAR_TRY_RECV : LINEAR_RECV, 0, 0);
    int item = 0, rc = tries ? weft_chan_try_recv(c, &item) : weft_chan_recv(c, &item);

    linear_return(&t->record->history, op, rc, item);
    record_calm(s);
    return rc != WEFT_ECANCELED || s != NULL;
}

static int use_channel(void *arg)
{
    struct record_task *t = arg;
    unsigned style = record_below(t, 3); /* sends, receives, does both */

    for (unsigned i = 0; i < t->record->ops; i++) {
        bool sends = style == 2 ? record_below(t, 2) == 0 : style == 0;

        record_pause(t);
        if (!(sends ? note_send(t, record_below(t, 4) == 0, 1 + t->index * 100 + (int)i)
                    : note_recv(t, record_below(t, 4) == 0)))
            break;
    }
    return 0;
}

static void finish_channel(struct record *r)
{
    struct record_task me = {.record = r, .index = RECORD_TASKS + RECORD_THREADS};
    struct linear_op *op = record_invoke(&me, LINEAR_CLOSE, 0, 0);

    linear_return(&r->history, op, weft_chan_close(r->object), 0);
}

static void record_channels(size_t capacity)
{
    struct record *r = calloc(1, sizeof *r);
    struct linear_model m = linear_channels;
    uint32_t first = record_seed();

    CHECK_NOT_NULL(r);
    m.parameter = LINEAR_CAPACITIES(capacity, 0);
    for (uint32_t seed = first; seed != first + (uint32_t)ROUNDS; seed++) {
        struct record_task me = {.record = r, .index = RECORD_TASKS + RECORD_THREADS, .random = 1};

        r->object = weft_chan_create(sizeof(int), capacity);
        CHECK_NOT_NULL(r->object);
        r->tasks = 3 + seed % 4;
        r->threads = seed % 3 == 0 ? seed / 3 % 2 + 1 : 0;
        r->tasks -= r->threads;
        r->ops = 60 / (r->tasks + r->threads) - seed % 5;
        record_round(r, seed, use_channel, finish_channel);
        for (size_t i = 0; i <= capacity; i++)
            (void)note_recv(&me, true);
        weft_chan_destroy(r->object);
        linear_expect(&r->history, &m, r->seed);
    }
    free(r);
}

TASK_TEST(linear_chan, without_a_buffer)
{
    (void)arg;
    record_channels(0);
    return 0;
}

TASK_TEST(linear_chan, of_one)
{
    (void)arg;
    record_channels(1);
    return 0;
}

TASK_TEST(linear_chan, of_several)
{
    (void)arg;
    record_channels(3);
    return 0;
}
