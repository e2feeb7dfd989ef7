/* SPDX-License-Identifier: MIT */
/* The checker itself: what it must accept, and what it must find. */
#include <stdio.h>
#include <string.h>

#include <weft/error.h>

#include "tests/linear/simulate.h"
#include "tests/support/test.h"

static struct linear_history history;

/* A history from a list of operations; their moments are in it. */
static bool check(const struct linear_model *model, unsigned parameter, const struct linear_op *ops, size_t count)
{
    struct linear_model m = *model;

    m.parameter = parameter;
    linear_reset(&history);
    memcpy(history.ops, ops, count * sizeof *ops);
    history.count = (uint32_t)count;
    return linear_check(&history, &m);
}

#define CHANNEL(capacity, ...)                                                                                         \
    check(&linear_channels, capacity, (const struct linear_op[]){__VA_ARGS__},                                         \
          sizeof((const struct linear_op[]){__VA_ARGS__}) / sizeof(struct linear_op))
#define MUTEX(...)                                                                                                     \
    check(&linear_mutex, 0, (const struct linear_op[]){__VA_ARGS__},                                                   \
          sizeof((const struct linear_op[]){__VA_ARGS__}) / sizeof(struct linear_op))
#define SEMAPHORE(permits, ...)                                                                                        \
    check(&linear_semaphore, permits, (const struct linear_op[]){__VA_ARGS__},                                         \
          sizeof((const struct linear_op[]){__VA_ARGS__}) / sizeof(struct linear_op))
#define OP(from, to, who, what, a, rc, got)                                                                            \
    {                                                                                                                  \
        .invoked = (from), .returned = (to), .thread = (who), .kind = LINEAR_##what, .arg = (a), .result = (rc),       \
        .value = (got)                                                                                                 \
    }

WEFT_TEST(linear, nothing_is_linearisable)
{
    CHECK(check(&linear_channels, 1, (const struct linear_op[]){{0}}, 0));
}

WEFT_TEST(linear, items_come_in_order)
{
    CHECK(CHANNEL(2, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 0, SEND, 8, 0, 0), OP(4, 5, 1, RECV, 0, 0, 7)));
    CHECK(!CHANNEL(2, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 0, SEND, 8, 0, 0), OP(4, 5, 1, RECV, 0, 0, 8)));
    /* Sends that overlap have no order. */
    CHECK(CHANNEL(2, OP(0, 3, 0, SEND, 7, 0, 0), OP(1, 2, 1, SEND, 8, 0, 0), OP(4, 5, 1, RECV, 0, 0, 8)));
    CHECK(CHANNEL(2, OP(0, 3, 0, SEND, 7, 0, 0), OP(1, 2, 1, SEND, 8, 0, 0), OP(4, 5, 1, RECV, 0, 0, 7)));
    /* Both receivers cannot have got the first one. */
    CHECK(!CHANNEL(2, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 5, 1, RECV, 0, 0, 7), OP(3, 4, 2, RECV, 0, 0, 7)));
    /* Nor before it was sent. */
    CHECK(!CHANNEL(2, OP(2, 3, 0, SEND, 7, 0, 0), OP(0, 1, 1, RECV, 0, 0, 7)));
}

WEFT_TEST(linear, a_full_channel_takes_nothing)
{
    CHECK(!CHANNEL(1, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 0, SEND, 8, 0, 0), OP(4, 5, 1, RECV, 0, 0, 7)));
    CHECK(CHANNEL(1, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 4, 0, SEND, 8, 0, 0), OP(3, 5, 1, RECV, 0, 0, 7)));
    CHECK(CHANNEL(1, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 0, TRY_SEND, 8, WEFT_EFULL, 0)));
    CHECK(!CHANNEL(1, OP(0, 1, 0, TRY_SEND, 8, WEFT_EFULL, 0)));
    CHECK(CHANNEL(1, OP(0, 1, 0, TRY_RECV, 0, WEFT_EEMPTY, 0)));
    CHECK(!CHANNEL(1, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 1, TRY_RECV, 0, WEFT_EEMPTY, 0)));
}

WEFT_TEST(linear, a_closed_channel_is_drained)
{
    CHECK(CHANNEL(1, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 0, CLOSE, 0, 0, 0), OP(4, 5, 1, RECV, 0, 0, 7),
                  OP(6, 7, 1, RECV, 0, WEFT_ECLOSED, 0), OP(8, 9, 0, SEND, 8, WEFT_ECLOSED, 0),
                  OP(10, 11, 0, CLOSE, 0, WEFT_ECLOSED, 0)));
    CHECK(!CHANNEL(1, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 0, CLOSE, 0, 0, 0), OP(4, 5, 1, RECV, 0, WEFT_ECLOSED, 0)));
    CHECK(!CHANNEL(1, OP(0, 1, 0, CLOSE, 0, 0, 0), OP(2, 3, 0, SEND, 7, 0, 0)));
    CHECK(!CHANNEL(1, OP(0, 1, 1, RECV, 0, WEFT_ECLOSED, 0)));
    CHECK(!CHANNEL(1, OP(0, 1, 0, CLOSE, 0, 0, 0), OP(2, 3, 0, CLOSE, 0, 0, 0)));
}

WEFT_TEST(linear, what_was_canceled_did_not_happen)
{
    CHECK(CHANNEL(2, OP(0, 1, 0, SEND, 7, WEFT_ECANCELED, 0), OP(2, 3, 1, TRY_RECV, 0, WEFT_EEMPTY, 0)));
    CHECK(!CHANNEL(2, OP(0, 3, 0, SEND, 7, WEFT_ECANCELED, 0), OP(1, 2, 1, RECV, 0, 0, 7)));
    CHECK(!CHANNEL(2, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 1, RECV, 0, WEFT_ECANCELED, 7),
                   OP(4, 5, 1, TRY_RECV, 0, WEFT_EEMPTY, 0)));
}

WEFT_TEST(linear, what_has_not_returned_may_have_happened)
{
    CHECK(CHANNEL(2, OP(0, LINEAR_NEVER, 0, SEND, 7, 0, 0), OP(1, 2, 1, RECV, 0, 0, 7)));
    CHECK(CHANNEL(2, OP(0, LINEAR_NEVER, 0, SEND, 7, 0, 0), OP(1, 2, 1, TRY_RECV, 0, WEFT_EEMPTY, 0)));
    CHECK(!CHANNEL(2, OP(3, LINEAR_NEVER, 0, SEND, 7, 0, 0), OP(1, 2, 1, RECV, 0, 0, 7)));
    CHECK(!CHANNEL(2, OP(0, LINEAR_NEVER, 0, SEND, 7, 0, 0), OP(1, 2, 1, RECV, 0, 0, 7), OP(3, 4, 1, RECV, 0, 0, 7)));
    CHECK(CHANNEL(0, OP(0, 2, 0, SEND, 7, 0, 0), OP(1, LINEAR_NEVER, 1, RECV, 0, 0, 0)));
}

WEFT_TEST(linear, without_a_buffer_both_must_be_there)
{
    CHECK(CHANNEL(0, OP(0, 2, 0, SEND, 7, 0, 0), OP(1, 3, 1, RECV, 0, 0, 7)));
    CHECK(CHANNEL(0, OP(1, 3, 0, SEND, 7, 0, 0), OP(0, 2, 1, RECV, 0, 0, 7)));
    CHECK(!CHANNEL(0, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 1, RECV, 0, 0, 7)));
    CHECK(!CHANNEL(0, OP(0, 1, 0, SEND, 7, 0, 0)));
    CHECK(CHANNEL(0, OP(0, 3, 0, SEND, 7, 0, 0), OP(1, 2, 1, TRY_RECV, 0, 0, 7)));
    CHECK(CHANNEL(0, OP(0, 3, 0, TRY_SEND, 7, 0, 0), OP(1, 2, 1, RECV, 0, 0, 7)));
    CHECK(!CHANNEL(0, OP(0, 3, 0, TRY_SEND, 7, 0, 0), OP(1, 2, 1, TRY_RECV, 0, 0, 7)));
    CHECK(!CHANNEL(0, OP(0, 3, 0, SEND, 7, 0, 0), OP(1, 2, 1, RECV, 0, 0, 7), OP(4, 5, 0, TRY_RECV, 0, 0, 7)));
}

WEFT_TEST(linear, two_channels_do_not_mix)
{
    struct linear_op ops[] = {OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 1, RECV, 0, 0, 7)};

    ops[1].object = 1;
    CHECK(!check(&linear_channels, LINEAR_CAPACITIES(1, 1), ops, 2));
    ops[0].object = 1;
    CHECK(check(&linear_channels, LINEAR_CAPACITIES(1, 1), ops, 2));
    CHECK(!check(&linear_channels, LINEAR_CAPACITIES(1, 0), ops, 2));
}

WEFT_TEST(linear, the_default_case_needs_that_nothing_is_ready)
{
    CHECK(CHANNEL(1, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 1, NONE_READY, LINEAR_CASE_SEND(0), 0, 0)));
    CHECK(!CHANNEL(1, OP(0, 1, 0, SEND, 7, 0, 0), OP(2, 3, 1, NONE_READY, LINEAR_CASE_RECV(0), 0, 0)));
    CHECK(CHANNEL(LINEAR_CAPACITIES(1, 1), OP(0, 1, 1, NONE_READY, LINEAR_CASE_RECV(0) | LINEAR_CASE_RECV(1), 0, 0)));
    CHECK(!CHANNEL(LINEAR_CAPACITIES(1, 1), OP(0, 1, 1, NONE_READY, LINEAR_CASE_RECV(0) | LINEAR_CASE_SEND(1), 0, 0)));
    CHECK(!CHANNEL(1, OP(0, 1, 0, CLOSE, 0, 0, 0), OP(2, 3, 1, NONE_READY, LINEAR_CASE_RECV(0), 0, 0)));
}

WEFT_TEST(linear, a_mutex_has_one_owner)
{
    CHECK(MUTEX(OP(0, 1, 0, LOCK, 0, 0, 0), OP(2, 5, 1, LOCK, 0, 0, 0), OP(3, 4, 0, UNLOCK, 0, 0, 0)));
    CHECK(!MUTEX(OP(0, 1, 0, LOCK, 0, 0, 0), OP(2, 3, 1, LOCK, 0, 0, 0), OP(4, 5, 0, UNLOCK, 0, 0, 0)));
    CHECK(!MUTEX(OP(0, 1, 0, LOCK, 0, 0, 0), OP(2, 3, 1, UNLOCK, 0, 0, 0)));
    CHECK(MUTEX(OP(0, 1, 0, LOCK, 0, 0, 0), OP(2, 3, 1, UNLOCK, 0, WEFT_EINVAL, 0)));
    CHECK(MUTEX(OP(0, 1, 0, LOCK, 0, 0, 0), OP(2, 3, 0, LOCK, 0, WEFT_EDEADLK, 0)));
    CHECK(!MUTEX(OP(0, 1, 0, TRY_LOCK, 0, WEFT_EBUSY, 0)));
    CHECK(MUTEX(OP(0, 3, 0, LOCK, 0, 0, 0), OP(1, 2, 1, TRY_LOCK, 0, WEFT_EBUSY, 0)));
}

WEFT_TEST(linear, permits_are_neither_lost_nor_made)
{
    CHECK(SEMAPHORE(2, OP(0, 1, 0, ACQUIRE, 2, 0, 0), OP(2, 3, 0, RELEASE, 1, 0, 0), OP(4, 5, 1, ACQUIRE, 1, 0, 0)));
    CHECK(!SEMAPHORE(2, OP(0, 1, 0, ACQUIRE, 2, 0, 0), OP(2, 3, 1, ACQUIRE, 1, 0, 0)));
    CHECK(!SEMAPHORE(1, OP(0, 1, 0, TRY_ACQUIRE, 1, WEFT_EBUSY, 0)));
    CHECK(SEMAPHORE(1, OP(0, 1, 0, ACQUIRE, 1, 0, 0), OP(2, 5, 0, RELEASE, 1, 0, 0),
                    OP(3, 4, 1, TRY_ACQUIRE, 1, WEFT_EBUSY, 0)));
}

/* Random histories. */

static const struct linear_model *model_of(const struct sim *sim, struct linear_model *m)
{
    *m = sim->object == SIM_CHANNEL ? linear_channels : sim->object == SIM_MUTEX ? linear_mutex : linear_semaphore;
    m->parameter = sim->parameter;
    return m;
}

WEFT_TEST(linear, objects_that_work_are_linearisable)
{
    static const struct sim sims[] = {
        {.object = SIM_CHANNEL, .parameter = 0},   {.object = SIM_CHANNEL, .parameter = 1},
        {.object = SIM_CHANNEL, .parameter = 3},   {.object = SIM_MUTEX},
        {.object = SIM_SEMAPHORE, .parameter = 1}, {.object = SIM_SEMAPHORE, .parameter = 3},
    };
    struct linear_model m;

    for (size_t i = 0; i < sizeof sims / sizeof sims[0]; i++)
        for (uint32_t seed = 1; seed <= 1000; seed++) {
            struct sim sim = sims[i];

            sim.threads = 2 + seed % 5;
            sim.ops = 4 + seed % 9;
            CHECK(!simulate(&history, &sim, seed));
            linear_expect(&history, model_of(&sim, &m), seed);
        }
}

/* Each fault is found in that share of the histories in which it came about: not all of them do harm. */
WEFT_TEST(linear, planted_faults_are_found)
{
    static const struct {
        struct sim sim;
        const char *name;
        unsigned percent;
    } faults[] = {
        {{SIM_CHANNEL, SIM_REORDERS, 3, 4, 8}, "a channel that reorders", 20},
        {{SIM_CHANNEL, SIM_LOSES, 3, 4, 8}, "a channel that loses", 90},
        {{SIM_CHANNEL, SIM_GIVES_TWICE, 3, 4, 8}, "a channel that gives twice", 90},
        {{SIM_CHANNEL, SIM_CANCELED_SENDS, 3, 4, 8}, "a cancelled send that sends", 80},
        {{SIM_CHANNEL, SIM_CANCELED_RECEIVES, 3, 4, 8}, "a cancelled receive that takes", 80},
        {{SIM_CHANNEL, SIM_TAKES_WHEN_CLOSED, 3, 4, 8}, "a closed channel that takes", 90},
        {{SIM_CHANNEL, SIM_FORGETS_WHEN_CLOSED, 3, 4, 8}, "a closed channel that forgets", 60},
        {{SIM_CHANNEL, SIM_SEES_NOTHING, 3, 4, 8}, "a channel that fails for no reason", 70},
        {{SIM_CHANNEL, SIM_TAKES_EFFECT_TOO_LATE, 3, 4, 8}, "a send that returns first", 20},
        {{SIM_MUTEX, SIM_GIVES_TWICE, 0, 4, 8}, "a mutex that admits two", 90},
        {{SIM_MUTEX, SIM_SEES_NOTHING, 0, 4, 8}, "a mutex that is busy for no reason", 10},
        {{SIM_MUTEX, SIM_TAKES_EFFECT_TOO_LATE, 0, 4, 8}, "an unlock that returns first", 5},
        {{SIM_SEMAPHORE, SIM_LOSES, 2, 4, 8}, "a semaphore that loses a permit", 90},
        {{SIM_SEMAPHORE, SIM_GIVES_TWICE, 2, 4, 8}, "a semaphore that makes a permit", 90},
        {{SIM_SEMAPHORE, SIM_CANCELED_RECEIVES, 2, 4, 8}, "a cancelled acquire that takes", 80},
        {{SIM_SEMAPHORE, SIM_SEES_NOTHING, 2, 4, 8}, "a semaphore that is busy for no reason", 20},
    };
    struct linear_model m;

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        unsigned faulty = 0, found = 0;

        for (uint32_t seed = 1; seed <= 500; seed++) {
            bool came = simulate(&history, &faults[i].sim, seed);
            bool bad = !linear_check(&history, model_of(&faults[i].sim, &m));

            CHECK(came || !bad);
            faulty += came;
            found += bad;
        }
        CHECK_GT(faulty, 30);
        if (found * 100 < faulty * faults[i].percent)
            FAIL("%s: %u of %u found", faults[i].name, found, faulty);
    }
}

/* The same answer as that of all orders tried one by one. */

static bool try_all(const struct linear_history *h, const struct linear_model *m, struct linear_state s,
                    unsigned placed)
{
    bool complete = m->ends == NULL || m->ends(&s);
    uint32_t first_return = LINEAR_NEVER;

    for (unsigned i = 0; i < h->count; i++) {
        const struct linear_op *op = &h->ops[i];

        if ((placed >> i & 1) == 0 && op->returned != LINEAR_NEVER && op->result != WEFT_ECANCELED) {
            complete = false;
            if (op->returned < first_return)
                first_return = op->returned;
        }
    }
    if (complete)
        return true;
    for (unsigned i = 0; i < h->count; i++) {
        const struct linear_op *op = &h->ops[i];
        struct linear_state next = s;

        if ((placed >> i & 1) != 0 || op->invoked > first_return)
            continue;
        if (op->returned != LINEAR_NEVER && op->result == WEFT_ECANCELED)
            continue;
        if (m->step(&next, op, m->parameter) && try_all(h, m, next, placed | 1u << i))
            return true;
    }
    return false;
}

WEFT_TEST(linear, all_orders_tried_one_by_one_agree)
{
    unsigned bad = 0, good = 0;
    struct linear_model m;

    for (uint32_t seed = 1; seed <= 6000; seed++) {
        struct sim sim = {.object = (enum sim_object)(seed % 3),
                          .fault = (enum sim_fault)(seed / 3 % 10),
                          .parameter = 1 + seed / 30 % 2,
                          .threads = 3,
                          .ops = 3};
        struct linear_state s = {{0}};
        bool answer;

        if (sim.object == SIM_CHANNEL && seed / 60 % 3 == 0)
            sim.parameter = 0;
        (void)simulate(&history, &sim, seed);
        model_of(&sim, &m)->begin(&s, m.parameter);
        answer = linear_check(&history, &m);
        if (answer != try_all(&history, &m, s, 0))
            FAIL("seed %u: the checker says %d", seed, answer);
        answer ? good++ : bad++;
    }
    CHECK_GT(good, 1000);
    CHECK_GT(bad, 500);
}
