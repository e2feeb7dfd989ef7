/* SPDX-License-Identifier: MIT */
/*
 * Queues, with the whole scheduler: those who put and get, tasks and threads, beside a cancellation or a shutdown at any moment. An item that is
 * lost, or a waiter that nobody serves, ends a run as a deadlock; what an item stands for is plain memory, where a race is seen.
 */
#include <weft/error.h>
#include <weft/group.h>
#include <weft/queue.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "sched/runtime.h"
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

enum { ITEMS = 3 };

struct world {
    weft_runtime *rt;
    weft_queue *queue;
    int stands_for[2 * ITEMS]; /* written before the put, and counted up after the get */
    _Atomic uint32_t put, taken;
    struct model_doomed doomed;
};

static struct world *world;

static void begin(unsigned workers, size_t capacity)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->queue = weft_queue_create(sizeof(int), &(weft_queue_options){.capacity = capacity});
    MODEL_CHECK(world->queue != NULL);
    world->rt = model_runtime(workers);
}

static void end(void)
{
    MODEL_CHECK(weft_queue_destroy(world->queue) == 0);
    weft_runtime_destroy(world->rt);
}

/* Puts the items from `first` on, until it is refused. */
static int put_from(int first)
{
    for (int i = first; i < first + ITEMS; i++) {
        int rc;

        world->stands_for[i] = 1;
        rc = weft_queue_put(world->queue, &i);
        if (rc == WEFT_ECLOSED)
            break;
        MODEL_CHECK(rc == 0);
        (void)A_ADD(&world->put, 1, relaxed);
    }
    return 0;
}

static int put_inside(void *arg)
{
    (void)arg;
    return put_from(0);
}

static void put_outside(void *arg)
{
    (void)arg;
    (void)put_from(ITEMS);
}

static int get_until_closed(void *arg)
{
    int item, rc;

    (void)arg;
    while ((rc = weft_queue_get(world->queue, &item)) == 0) {
        MODEL_CHECK(++world->stands_for[item] == 2);
        (void)A_ADD(&world->taken, 1, relaxed);
        MODEL_CHECK(weft_queue_task_done(world->queue) == 0);
    }
    MODEL_CHECK(rc == WEFT_ECLOSED);
    return 0;
}

/* A task and a thread put, two tasks get, and all of it is done when the join returns. */

static int put_join_and_shut(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    unsigned thread = model_start("putter", put_outside, NULL);

    (void)arg;
    MODEL_CHECK(weft_spawn(g, get_until_closed, NULL) == 0);
    MODEL_CHECK(weft_spawn(g, get_until_closed, NULL) == 0);
    MODEL_CHECK(put_from(0) == 0);
    while (A_LOAD(&world->put, relaxed) < 2 * ITEMS) {
        MODEL_CHECK(weft_yield() == 0);
        model_spin();
    }
    model_join(thread);
    MODEL_CHECK(weft_queue_join(world->queue) == 0);
    for (int i = 0; i < 2 * ITEMS; i++)
        MODEL_CHECK(world->stands_for[i] == 2);
    MODEL_CHECK(weft_queue_shutdown(world->queue, WEFT_QUEUE_GRACEFUL) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void joined(void)
{
    begin(2, model_choose(3));
    MODEL_CHECK(weft_runtime_run(world->rt, put_join_and_shut, NULL) == 0);
    end();
}

/* A thread drops what there is at any moment: what was put was taken or dropped. */

static void drop_outside(void *arg)
{
    (void)arg;
    model_pause();
    (void)A_ADD(&world->taken, (uint32_t)weft_queue_shutdown(world->queue, WEFT_QUEUE_IMMEDIATE), relaxed);
}

static int put_and_get(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(g, put_inside, arg) == 0);
    MODEL_CHECK(weft_spawn(g, get_until_closed, arg) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return weft_queue_join(world->queue);
}

static void dropped(void)
{
    unsigned threads[2];

    begin(2, 1);
    threads[0] = model_start("dropper", drop_outside, NULL);
    threads[1] = model_start("putter", put_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, put_and_get, NULL) == 0);
    for (int i = 0; i < 2; i++)
        model_join(threads[i]);
    MODEL_CHECK(A_LOAD(&world->put, relaxed) == A_LOAD(&world->taken, relaxed));
    end();
}

/* One who waits for an item is cancelled at any moment, and gets it or leaves it to the one behind. */

static int get_one(void *arg)
{
    int item;

    (void)arg;
    MODEL_CHECK(weft_queue_get(world->queue, &item) == 0);
    MODEL_CHECK(++world->stands_for[item] == 2);
    return 0;
}

static int get_canceled(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int item, rc, left = ITEMS;

    (void)arg;
    MODEL_CHECK(weft_spawn(g, get_one, NULL) == 0);
    left--;
    model_doomed_open(&world->doomed);
    rc = weft_queue_get(world->queue, &item);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    if (rc == 0) {
        MODEL_CHECK(++world->stands_for[item] == 2);
        left--;
    }
    model_doomed_close(&world->doomed);
    while (left-- > 0)
        (void)get_one(NULL);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void canceled(void)
{
    unsigned threads[2];

    begin(1, 1);
    threads[0] = model_start("canceller", model_doom, &world->doomed);
    threads[1] = model_start("putter", put_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, get_canceled, NULL) == 0);
    for (int i = 0; i < 2; i++)
        model_join(threads[i]);
    MODEL_CHECK(weft_queue_size(world->queue) == 0);
    end();
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"joined", joined},
        {"dropped", dropped},
        {"canceled", canceled},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
