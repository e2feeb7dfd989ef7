/* SPDX-License-Identifier: MIT */
/*
 * Resource pools, with the whole scheduler: users that are tasks and threads, opens that fail or wait, discards, a cancellation and a close at
 * any moment. A permit that is lost, or a waiter that nobody serves, ends a run as a deadlock; a resource that two have is seen as a race on
 * plain memory, and what stays open is counted.
 */
#include <weft/error.h>
#include <weft/group.h>
#include <weft/resource_pool.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "sched/runtime.h"
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

struct world {
    weft_runtime *rt;
    weft_resource_pool *pool;
    int guarded;           /* by the only resource */
    bool fails;            /* opens may */
    _Atomic uint32_t open; /* resources */
    struct model_doomed doomed;
};

static struct world *world;

static int open_resource(void **resource, void *arg)
{
    int rc = 0;

    MODEL_CHECK(A_ADD(&world->open, 1, relaxed) == 0);
    if (weft__task_self() != NULL && model_choose(3) == 0)
        rc = weft_yield();
    if (rc == 0 && world->fails && model_choose(3) == 0)
        rc = WEFT_ECONNREFUSED;
    if (rc < 0)
        (void)A_SUB(&world->open, 1, relaxed);
    *resource = arg;
    return rc;
}

static void close_resource(void *resource, void *arg)
{
    MODEL_CHECK(resource == arg);
    MODEL_CHECK(A_SUB(&world->open, 1, relaxed) == 1);
}

static int check_resource(void *resource, void *arg)
{
    MODEL_CHECK(resource == arg);
    ++world->guarded;
    return model_choose(4) == 0 ? WEFT_EBROKEN : 0;
}

static void begin(unsigned workers, bool fails)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->fails = fails;
    world->pool = weft_resource_pool_create(&(weft_resource_pool_options){
        .open = open_resource, .close = close_resource, .check = check_resource, .arg = world, .max = 1});
    MODEL_CHECK(world->pool != NULL);
    world->rt = model_runtime(workers);
}

static void end(void)
{
    MODEL_CHECK(weft_resource_pool_destroy(world->pool) == 0);
    MODEL_CHECK(A_LOAD(&world->open, relaxed) == 0);
    weft_runtime_destroy(world->rt);
}

/* Acquires, uses and gives back. What the acquire said. */
static int use_once(void)
{
    void *resource = NULL;
    int rc = weft_resource_pool_acquire(world->pool, &resource);

    if (rc < 0)
        return rc;
    MODEL_CHECK(resource == world);
    ++world->guarded;
    if (model_choose(3) == 0)
        MODEL_CHECK(weft_resource_pool_discard(world->pool, resource) == 0);
    else
        MODEL_CHECK(weft_resource_pool_release(world->pool, resource) == 0);
    return 0;
}

static int use(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int rc = use_once();

        MODEL_CHECK(rc == 0 || (rc == WEFT_ECONNREFUSED && world->fails));
    }
    return 0;
}

static void use_outside(void *arg)
{
    (void)use(arg);
}

static int two_use(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(g, use, arg) == 0);
    MODEL_CHECK(weft_spawn(g, use, arg) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void one_resource(void)
{
    unsigned thread;

    begin(2, true);
    thread = model_start("user", use_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, two_use, NULL) == 0);
    model_join(thread);
    end();
}

/* One is cancelled at any moment, while others use the pool: they are served whatever becomes of it. */

static int use_canceled(void *arg)
{
    int rc;

    (void)arg;
    model_doomed_open(&world->doomed);
    rc = use_once();
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    model_doomed_close(&world->doomed);
    return 0;
}

static int one_of_two_is_canceled(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(g, use, arg) == 0);
    MODEL_CHECK(use_canceled(NULL) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void canceled(void)
{
    unsigned threads[2];

    begin(1, false);
    threads[0] = model_start("canceller", model_doom, &world->doomed);
    threads[1] = model_start("user", use_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, one_of_two_is_canceled, NULL) == 0);
    for (int i = 0; i < 2; i++)
        model_join(threads[i]);
    end();
}

/* A thread closes it: all that wait are told, and what is out is closed as it comes back. */

static void close_outside(void *arg)
{
    (void)arg;
    model_pause();
    MODEL_CHECK(weft_resource_pool_close(world->pool) == 0);
}

static int use_until_closed(void *arg)
{
    int rc;

    (void)arg;
    while ((rc = use_once()) != WEFT_ECLOSED) {
        MODEL_CHECK(rc == 0);
        (void)weft_yield();
        model_spin();
    }
    return 0;
}

static int two_use_until_closed(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(g, use_until_closed, arg) == 0);
    MODEL_CHECK(weft_spawn(g, use_until_closed, arg) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void closed(void)
{
    unsigned closer;

    begin(2, false);
    closer = model_start("closer", close_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, two_use_until_closed, NULL) == 0);
    model_join(closer);
    MODEL_CHECK(A_LOAD(&world->open, relaxed) == 0); /* before the end, which would close it */
    end();
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"one_resource", one_resource},
        {"canceled", canceled},
        {"closed", closed},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
