/* SPDX-License-Identifier: MIT */
/*
 * Blocking calls beside cancellations: exactly one outcome each, whatever the moment. The scheduler is the whole real one, the
 * runtime is stopped while its task calls, and pools end with it. A wake-up that is lost ends a run as a deadlock.
 */
#include <weft/blocking.h>
#include <weft/error.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/task.h>
#include <weft/time.h>

#include "sched/runtime.h"
#include "tests/model/explorer.h"
#include "tests/model/fake.h"
#include "tests/model/io.h"

struct world {
    weft_runtime *rt;
    weft_pool *pool;
    _Atomic uint32_t ran, dropped, done, canceled, refused;
};

static struct world *world;

static void begin(unsigned workers, unsigned threads, unsigned idle_ms)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    MODEL_CHECK(weft__runtime_create(&world->rt,
                                     &(weft_runtime_options){.workers = workers,
                                                             .no_fault_handler = true,
                                                             .blocking_threads = threads,
                                                             .blocking_idle_ms = idle_ms},
                                     &model_io_ops) == 0);
}

/* The calls. `arg` is the plain memory that the function works on. */

static int work(void *arg)
{
    ++*(int *)arg;
    A_ADD(&world->ran, 1, relaxed);
    return 5;
}

static void drop(void *arg, int rc)
{
    MODEL_CHECK(*(int *)arg == (rc == 5 ? 1 : 0));
    model_free(arg);
    A_ADD(&world->dropped, 1, relaxed);
}

static int settle(int rc, const int *n)
{
    if (rc == 5) {
        MODEL_CHECK(*n == 1);
        A_ADD(&world->done, 1, relaxed);
    } else {
        MODEL_CHECK(*n == 0);
        MODEL_CHECK(rc == WEFT_ECANCELED || rc == WEFT_EAGAIN);
        A_ADD(rc == WEFT_ECANCELED ? &world->canceled : &world->refused, 1, relaxed);
    }
    return 0;
}

static int call(void *arg)
{
    int n = 0;

    (void)arg;
    return settle(weft_blocking(work, &n), &n);
}

static int call_in_place(void *arg)
{
    int n = 0;

    (void)arg;
    return settle(weft_block_in_place(work, &n), &n);
}

static int call_to_abandon(void *arg)
{
    int *n = model_alloc(sizeof *n, 16);
    int rc;

    (void)arg;
    rc = weft_blocking_with(world->pool, work, n, &(weft_blocking_options){.abandon = drop});
    if (rc == WEFT_ECANCELED) {
        A_ADD(&world->canceled, 1, relaxed);
        return 0;
    }
    (void)settle(rc, n);
    model_free(n);
    return 0;
}

static void run_task(void *arg)
{
    int rc = weft_runtime_run(world->rt, *(weft_fn *)arg, NULL);

    MODEL_CHECK(rc == 0 || rc == WEFT_ECLOSED);
}

/* Two tasks from outside, while the runtime is stopped. */
static void race(weft_fn fn, unsigned threads)
{
    unsigned first, second;

    begin(1, threads, 0);
    first = model_start("foreign", run_task, &fn);
    second = model_start("foreign", run_task, &fn);
    for (unsigned i = model_choose(4); i > 0; i--)
        model_spin();
    if (model_choose(4) != 0)
        weft_runtime_stop(world->rt);
    model_join(first);
    model_join(second);
    weft_runtime_destroy(world->rt);
}

static uint32_t total(void)
{
    return A_LOAD(&world->done, relaxed) + A_LOAD(&world->canceled, relaxed) + A_LOAD(&world->refused, relaxed);
}

static void waited_for(void)
{
    race(call, 1 + model_choose(2));
    MODEL_CHECK(A_LOAD(&world->ran, relaxed) == A_LOAD(&world->done, relaxed));
    MODEL_CHECK(total() <= 2);
}

static void in_place(void)
{
    race(call_in_place, 1 + model_choose(2));
    MODEL_CHECK(A_LOAD(&world->ran, relaxed) == A_LOAD(&world->done, relaxed));
    MODEL_CHECK(total() <= 2);
}

static void abandoned(void)
{
    race(call_to_abandon, 1 + model_choose(2));
    MODEL_CHECK(A_LOAD(&world->dropped, relaxed) == A_LOAD(&world->canceled, relaxed));
    MODEL_CHECK(A_LOAD(&world->ran, relaxed) >= A_LOAD(&world->done, relaxed));
}

/* To a pool that outlives the runtime: what was abandoned must not. */
static void abandoned_to_others(void)
{
    weft_fn fn = call_to_abandon;
    unsigned foreign;

    begin(1, 0, 0);
    MODEL_CHECK(weft_pool_create(&world->pool, &(weft_pool_options){.threads = 1}) == 0);
    foreign = model_start("foreign", run_task, &fn);
    for (unsigned i = model_choose(4); i > 0; i--)
        model_spin();
    weft_runtime_stop(world->rt);
    model_join(foreign);
    weft_runtime_destroy(world->rt);
    MODEL_CHECK(A_LOAD(&world->dropped, relaxed) == A_LOAD(&world->canceled, relaxed));
    weft_pool_destroy(world->pool);
}

/* A thread cannot be made, whoever counts on it. */

static void refused(void)
{
    static const weft_fn fns[] = {call, call_in_place};
    weft_fn first = fns[model_choose(2)], second = fns[model_choose(2)];
    unsigned threads[2];

    begin(2, 1, 0);
    model_refuse_threads(2);
    threads[0] = model_start("foreign", run_task, &first);
    threads[1] = model_start("foreign", run_task, &second);
    if (model_choose(2) == 0)
        weft_runtime_stop(world->rt);
    model_join(threads[0]);
    model_join(threads[1]);
    weft_runtime_destroy(world->rt);
    MODEL_CHECK(A_LOAD(&world->ran, relaxed) == A_LOAD(&world->done, relaxed));
    MODEL_CHECK(total() <= 2);
}

/* Calls that come when the thread is about to end for want of them. */

static int call_twice(void *arg)
{
    (void)call(arg);
    for (unsigned i = model_choose(3); i > 0; i--)
        (void)weft_sleep_ms(1);
    return call(arg);
}

static void threads_end(void)
{
    begin(1, 1, 1);
    MODEL_CHECK(weft_runtime_run(world->rt, call_twice, NULL) == 0);
    weft_runtime_destroy(world->rt);
    MODEL_CHECK(A_LOAD(&world->done, relaxed) == 2);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"waited_for", waited_for}, {"in_place", in_place},
        {"abandoned", abandoned},   {"abandoned_to_others", abandoned_to_others},
        {"refused", refused},       {"threads_end", threads_end},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
