/* SPDX-License-Identifier: MIT */
/* What the tests of sync/ share. */
#ifndef WEFT_TESTS_SYNC_SYNC_H
#define WEFT_TESTS_SYNC_SYNC_H

#include "tests/support/support.h"

/* How often to do something: `few` times under a sanitizer, where all is slow. */
#define SYNC_SCALE(few, many) (TEST_ASAN || TEST_TSAN ? (few) : (many))

/* A test whose body is the first task of a runtime. */
#define TASK_TEST(suite, name)                                                                                         \
    static int suite##__##name##__body(void *arg);                                                                     \
    WEFT_TEST(suite, name)                                                                                             \
    {                                                                                                                  \
        CHECK_OK(test_run(suite##__##name##__body, NULL));                                                             \
    }                                                                                                                  \
    static int suite##__##name##__body(void *arg)

/* Gives the other tasks the time to get to where they wait. What is checked must hold also where it was too short. */
static inline void sync_settle(void)
{
    CHECK_OK(weft_sleep_ms(5));
}

static inline uint32_t sync_random(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* A send or a receive that another task makes, and what came of it. */
struct sync_call {
    weft_chan *chan;
    int item, result;
    _Atomic bool begun, done;
};

static inline int sync_send(void *arg)
{
    struct sync_call *call = arg;

    call->begun = true;
    call->result = weft_chan_send(call->chan, &call->item);
    call->done = true;
    return 0;
}

static inline int sync_recv(void *arg)
{
    struct sync_call *call = arg;

    call->begun = true;
    call->result = weft_chan_recv(call->chan, &call->item);
    call->done = true;
    return 0;
}

/* Starts a call in a task of `g`, and gives it the time to wait. */
static inline void sync_begin(weft_group *g, weft_fn fn, struct sync_call *call)
{
    call->begun = call->done = false;
    weft_spawn(g, fn, call);
    while (!call->begun)
        CHECK_OK(weft_yield());
    sync_settle();
}

#endif
