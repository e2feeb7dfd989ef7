/* SPDX-License-Identifier: MIT */
/* What the tests of locks share. */
#ifndef WEFT_TESTS_SYNC_LOCKS_H
#define WEFT_TESTS_SYNC_LOCKS_H

#include <pthread.h>

#include "tests/sync/sync.h"

/* A task that takes a mutex, and gives it back once it is told to. */
struct locks_holder {
    weft_mutex *mutex;
    _Atomic bool begun, got, let_go;
    int result;
    _Atomic int *turns; /* counts those who had it */
    int turn;
};

static inline int locks_hold(void *arg)
{
    struct locks_holder *h = arg;

    h->begun = true;
    h->result = weft_mutex_lock(h->mutex);
    if (h->result < 0)
        return 0;
    CHECK(weft_mutex_owned(h->mutex));
    if (h->turns != NULL)
        h->turn = ++*h->turns;
    h->got = true;
    while (!h->let_go)
        CHECK_OK(weft_yield());
    CHECK_OK(weft_mutex_unlock(h->mutex));
    return 0;
}

static inline void locks_await(_Atomic bool *what)
{
    while (!*what)
        CHECK_OK(weft_yield());
}

/* Starts one in a task of `g`, and gives it the time to wait. */
static inline void locks_begin(weft_group *g, struct locks_holder *h)
{
    weft_spawn(g, locks_hold, h);
    locks_await(&h->begun);
    sync_settle();
}

/* Calls `fn(arg)` on a plain thread, and returns what it does; the calling task's worker waits for it. */
struct locks_outside {
    weft_fn fn;
    void *arg;
    int result;
};

static inline void *locks_outside_main(void *arg)
{
    struct locks_outside *o = arg;

    o->result = o->fn(o->arg);
    return NULL;
}

static inline int locks_outside(weft_fn fn, void *arg)
{
    struct locks_outside o = {.fn = fn, .arg = arg};
    pthread_t thread;

    CHECK_OK(pthread_create(&thread, NULL, locks_outside_main, &o));
    CHECK_OK(pthread_join(thread, NULL));
    return o.result;
}

#endif
