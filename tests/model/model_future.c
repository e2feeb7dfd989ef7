/* SPDX-License-Identifier: MIT */
/*
 * Futures, with the whole scheduler: those who settle, and those who wait, be they tasks or threads, beside a cancellation at any moment.
 * Who learns of the end frees the future at once, where nobody else waits: a late access of the settler is seen, and so is a value that was not
 * there yet. A waiter that nobody wakes ends a run as a deadlock.
 */
#include <weft/error.h>
#include <weft/future.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "sched/runtime.h"
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

enum { VALUE = 42 };

struct world {
    weft_runtime *rt;
    weft_future *future; /* on the heap, where a late access is seen */
    int *place;
    int guarded;              /* written before the set, and read after the wait */
    _Atomic uint32_t winners; /* of those who settle it */
    struct model_doomed doomed;
    _Atomic uint32_t outcomes; /* of the waits that were not cancelled: how many, and */
    int values[2];             /* what they were, or the codes */
};

static struct world *world;

static void make(void)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->future = model_alloc(sizeof *world->future, 16);
    world->place = model_alloc(sizeof *world->place, 16);
    weft_future_init(world->future, world->place, sizeof *world->place);
}

static void begin(unsigned workers)
{
    make();
    world->rt = model_runtime(workers);
}

/* One sets, and one waits in one of three ways, and frees it. */

static void set_outside(void *arg)
{
    (void)arg;
    model_pause();
    world->guarded = 1;
    MODEL_CHECK(weft_future_set(world->future, &(int){VALUE}) == 0);
}

static int set_inside(void *arg)
{
    set_outside(arg);
    return 0;
}

static int wait_and_free(void *arg)
{
    int value = 0, rc;

    (void)arg;
    switch (model_choose(3)) {
    case 0:
        while ((rc = weft_future_try_get(world->future, &value)) == WEFT_EEMPTY) {
            (void)weft_yield();
            model_spin();
        }
        break;
    case 1:
        while (!weft_future_is_done(world->future)) {
            (void)weft_yield();
            model_spin();
        }
        rc = 0;
        value = *world->place;
        break;
    default:
        rc = weft_future_wait(world->future, &value);
        break;
    }
    MODEL_CHECK(rc == 0);
    MODEL_CHECK(value == VALUE);
    MODEL_CHECK(world->guarded == 1);
    model_free(world->place);
    model_free(world->future);
    return 0;
}

static void wait_and_free_outside(void *arg)
{
    (void)wait_and_free(arg);
}

static void set_by_thread(void)
{
    unsigned setter;

    begin(1);
    setter = model_start("setter", set_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, wait_and_free, NULL) == 0);
    model_join(setter);
    weft_runtime_destroy(world->rt);
}

static void set_for_thread(void)
{
    unsigned waiter;

    begin(1);
    waiter = model_start("waiter", wait_and_free_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, set_inside, NULL) == 0);
    model_join(waiter);
    weft_runtime_destroy(world->rt);
}

/* Threads alone, without a runtime whose steps are most of a run. */
static void among_threads(void)
{
    unsigned setter;

    make();
    setter = model_start("setter", set_outside, NULL);
    wait_and_free_outside(NULL);
    model_join(setter);
}

/* A thread sets it, another fails it, and two tasks wait: all agree on which of the two was first. */

static void fail_outside(void *arg)
{
    (void)arg;
    model_pause();
    if (weft_future_fail(world->future, WEFT_EBROKEN) == 0)
        (void)A_ADD(&world->winners, 1, relaxed);
    else
        MODEL_CHECK(weft_future_is_done(world->future));
}

static void set_or_not(void *arg)
{
    (void)arg;
    model_pause();
    if (weft_future_set(world->future, &(int){VALUE}) == 0)
        (void)A_ADD(&world->winners, 1, relaxed);
    else
        MODEL_CHECK(weft_future_is_done(world->future));
}

static int wait_inside(void *arg)
{
    int value = 0, rc = weft_future_wait(world->future, &value);

    (void)arg;
    MODEL_CHECK(rc == 0 ? value == VALUE : rc == WEFT_EBROKEN && value == 0);
    world->values[A_ADD(&world->outcomes, 1, relaxed)] = rc;
    return 0;
}

static int two_wait(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(g, wait_inside, arg) == 0);
    MODEL_CHECK(weft_spawn(g, wait_inside, arg) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void one_outcome(void)
{
    unsigned threads[2];

    begin(2);
    threads[0] = model_start("setter", set_or_not, NULL);
    threads[1] = model_start("failer", fail_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, two_wait, NULL) == 0);
    for (int i = 0; i < 2; i++)
        model_join(threads[i]);
    MODEL_CHECK(A_LOAD(&world->winners, relaxed) == 1);
    MODEL_CHECK(A_LOAD(&world->outcomes, relaxed) == 2 && world->values[0] == world->values[1]);
    MODEL_CHECK(weft_future_fini(world->future) == 0);
    weft_runtime_destroy(world->rt);
}

/* A waiter is cancelled at any moment, while a thread sets it: it has got the value, or left no trace. */

static int wait_canceled(void *arg)
{
    int value = 0, rc;

    (void)arg;
    model_doomed_open(&world->doomed);
    rc = weft_future_wait(world->future, &value);
    MODEL_CHECK(rc == 0 ? value == VALUE && world->guarded == 1 : rc == WEFT_ECANCELED && value == 0);
    model_doomed_close(&world->doomed);
    return wait_and_free(NULL);
}

static void canceled(void)
{
    unsigned threads[2];

    begin(1);
    threads[0] = model_start("canceller", model_doom, &world->doomed);
    threads[1] = model_start("setter", set_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, wait_canceled, NULL) == 0);
    for (int i = 0; i < 2; i++)
        model_join(threads[i]);
    weft_runtime_destroy(world->rt);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"set_by_thread", set_by_thread}, {"set_for_thread", set_for_thread},
        {"among_threads", among_threads}, {"one_outcome", one_outcome},
        {"canceled", canceled},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
