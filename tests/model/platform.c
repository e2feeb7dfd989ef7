/* SPDX-License-Identifier: MIT */
/* The model's side of sched/platform.h, the slow sides of sched/lock.h, and the worker of the calling thread. */
#include "sched/platform.h"

#include <string.h>

#include "sched/lock.h"
#include "sched/worker.h"
#include "tests/model/internal.h"

_Atomic(weft__fault_fn *) weft__fault_hook;

void *weft__alloc(size_t size)
{
    return model_alloc(size, 16);
}

void *weft__alloc_aligned(size_t size)
{
    return model_alloc(size, WEFT__CACHE_LINE);
}

void weft__free(void *p)
{
    model_free(p);
}

/* The kernel compares and goes to sleep in one step, and what was written before a wake is seen by it. */
void weft__futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    model_step();
    if ((uint32_t)model_read_newest((uintptr_t)word, sizeof *word) != value)
        return;
    if (model_choose(32) != 0) /* it may return early */
        (void)model_sleep(word, deadline);
}

void weft__futex_wake(_Atomic uint32_t *word, int count)
{
    model_step();
    (void)model_wake(word, (unsigned)count);
}

static _Atomic uint32_t *told(struct weft__completion *c)
{
    return (_Atomic uint32_t *)(void *)&c->semaphore;
}

void weft__completion_init(struct weft__completion *c)
{
    memset(c, 0, sizeof *c);
}

void weft__completion_tell(struct weft__completion *c)
{
    _Atomic uint32_t *word = told(c);

    A_STORE(word, 1, release);
    (void)model_wake(word, 1);
}

void weft__completion_wait(struct weft__completion *c)
{
    while (A_LOAD(told(c), acquire) == 0)
        weft__futex_wait(told(c), 0, INT64_MAX);
}

int64_t weft__clock(void)
{
    return model_clock();
}

int weft__thread_clock_id(void)
{
    return 1;
}

/* A thread that is stuck may have computed, or not. */
int64_t weft__thread_clock(int id)
{
    (void)id;
    return model_choose(2) != 0 ? model_clock() : 0;
}

/* A system may lack it, and then nothing of a deque is private. */
bool weft__membarrier_works(void)
{
    return model_choose(4) != 0;
}

void weft__membarrier(void)
{
    model_membarrier();
}

void weft__stall(void)
{
}

void weft__spin(unsigned *turns)
{
    ++*turns;
    model_spin();
}

void weft__lock_slow(struct weft__lock *l)
{
    while (A_XCHG(&l->word, 2, acquire) != 0)
        weft__futex_wait(&l->word, 2, INT64_MAX);
}

void weft__spinlock_slow(struct weft__spinlock *l)
{
    while (A_XCHG(&l->held, true, acquire))
        model_spin();
}

struct weft__worker *weft__worker_self(void)
{
    return *model_local();
}

void weft__worker_set_self(struct weft__worker *w)
{
    *model_local() = w;
}

/* No model runs a task in place. */
struct weft__worker *weft__worker_stand_in(void)
{
    return NULL;
}

void weft__worker_set_stand_in(struct weft__worker *w)
{
    (void)w;
}
