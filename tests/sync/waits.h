/* SPDX-License-Identifier: MIT */
/* Tasks and threads that make one call that waits, for the tests of what wakes others. */
#ifndef WEFT_TESTS_SYNC_WAITS_H
#define WEFT_TESTS_SYNC_WAITS_H

#include <pthread.h>

#include "tests/sync/sync.h"

struct waits {
    int (*fn)(void *on, uint64_t n);
    void *on;
    uint64_t n;
    _Atomic unsigned *served; /* NULL, or who counts those whose call has returned */
    unsigned rank;            /* among them */
    int result;
    _Atomic bool begun, done;
};

static inline int waits_call(void *arg)
{
    struct waits *c = arg;

    c->begun = true;
    c->result = c->fn(c->on, c->n);
    if (c->served != NULL)
        c->rank = (*c->served)++;
    c->done = true;
    return 0;
}

static inline void *waits_thread(void *arg)
{
    (void)waits_call(arg);
    return NULL;
}

/* Starts the call in a task of `g`, and gives it the time to wait. With one worker it waits then. */
static inline void waits_begin(weft_group *g, struct waits *c)
{
    c->begun = c->done = false;
    c->result = 1;
    weft_spawn(g, waits_call, c);
    while (!c->begun)
        CHECK_OK(weft_yield());
    sync_settle();
}

/* Starts the call in a thread that is no worker, and gives it the time to wait. */
static inline pthread_t waits_begin_thread(struct waits *c)
{
    pthread_t thread;

    c->begun = c->done = false;
    c->result = 1;
    CHECK_OK(pthread_create(&thread, NULL, waits_thread, c));
    while (!c->begun)
        CHECK_OK(weft_sleep_ms(1));
    sync_settle();
    return thread;
}

/* Waits for the thread without keeping the worker, which others may need. */
static inline void waits_end_thread(struct waits *c, pthread_t thread)
{
    while (!c->done)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(pthread_join(thread, NULL));
}

/* A test whose body is the only task of a runtime with one worker at first: the order of what happens is that of its calls. */
#define ONE_WORKER_TEST(suite, name)                                                                                   \
    static int suite##__##name##__body(void *arg);                                                                     \
    WEFT_TEST(suite, name)                                                                                             \
    {                                                                                                                  \
        CHECK_OK(weft_run_with(suite##__##name##__body, NULL, &(weft_runtime_options){.workers = 1}));                 \
    }                                                                                                                  \
    static int suite##__##name##__body(void *arg)

#endif
