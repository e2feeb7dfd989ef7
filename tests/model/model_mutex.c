/* SPDX-License-Identifier: MIT */
/*
 * Mutexes and conditions, with the whole scheduler. What a mutex guards is plain memory, where a race is seen; a waiter that nobody lets go
 * ends a run as a deadlock. Mutexes are handed over after one loss here, so that both ways of changing hands come about.
 */
#include <weft/condition.h>
#include <weft/error.h>
#include <weft/group.h>
#include <weft/mutex.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "sched/runtime.h"
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

struct world {
    weft_runtime *rt;
    weft_mutex *mutex; /* on the heap, where a late access is seen */
    weft_condition *condition;
    int guarded, waiting;
    struct model_doomed doomed;
};

static struct world *world;

static void begin(unsigned workers)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->mutex = model_alloc(sizeof *world->mutex, 16);
    world->condition = model_alloc(sizeof *world->condition, 16);
    world->rt = model_runtime(workers);
}

static void end(void)
{
    MODEL_CHECK(weft_mutex_fini(world->mutex) == 0);
    MODEL_CHECK(weft_condition_fini(world->condition) == 0);
    model_free(world->mutex);
    weft_runtime_destroy(world->rt);
}

static void run(weft_fn fn)
{
    MODEL_CHECK(weft_runtime_run(world->rt, fn, NULL) == 0);
}

static void spawn(weft_group *g, weft_fn fn)
{
    MODEL_CHECK(weft_spawn(g, fn, NULL) == 0);
}

static int wait_for_group(weft_group *g)
{
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void lock(void)
{
    MODEL_CHECK(weft_mutex_lock(world->mutex) == 0);
}

static void unlock(void)
{
    MODEL_CHECK(weft_mutex_unlock(world->mutex) == 0);
}

/* One at a time. */

static void use(void)
{
    MODEL_CHECK(world->guarded++ == 0);
    if (model_choose(2) == 0)
        MODEL_CHECK(weft_yield() == 0);
    MODEL_CHECK(--world->guarded == 0);
    unlock();
}

static int use_some(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        if (model_choose(4) == 0) {
            int rc = weft_mutex_try_lock(world->mutex);

            MODEL_CHECK(rc == 0 || rc == WEFT_EBUSY);
            if (rc != 0)
                continue;
        } else {
            lock();
        }
        use();
    }
    return 0;
}

static int three_use(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 2; i++)
        spawn(g, use_some);
    (void)use_some(arg);
    return wait_for_group(g);
}

static void exclusion(void)
{
    begin(2);
    run(three_use);
    end();
}

/* One that waits is cancelled at any moment: it has got the mutex, or those behind it do. */

static int use_doomed(void *arg)
{
    (void)arg;
    model_doomed_open(&world->doomed);
    for (int i = 0; i < 2; i++) {
        int rc = weft_mutex_lock(world->mutex);

        MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
        if (rc == 0) {
            MODEL_CHECK(world->guarded++ == 0);
            (void)weft_yield();
            MODEL_CHECK(--world->guarded == 0);
            unlock();
        }
    }
    model_doomed_close(&world->doomed);
    return 0;
}

static int use_beside_doomed(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    spawn(g, use_some);
    spawn(g, use_doomed);
    (void)use_some(arg);
    return wait_for_group(g);
}

static void canceled(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", model_doom, &world->doomed);
    run(use_beside_doomed);
    model_join(canceller);
    end();
}

/* The last one ends the mutex, while the one before may still be on its way out of the unlock. */

static void count_and_unlock(void)
{
    int left = --world->waiting;

    unlock();
    if (left == 0) {
        MODEL_CHECK(weft_mutex_fini(world->mutex) == 0);
        model_free(world->mutex);
        world->mutex = model_alloc(sizeof *world->mutex, 16);
    }
}

static int use_and_count(void *arg)
{
    (void)arg;
    lock();
    model_pause();
    if (model_choose(2) == 0)
        MODEL_CHECK(weft_yield() == 0);
    count_and_unlock();
    return 0;
}

static int count_doomed(void *arg)
{
    int rc;

    (void)arg;
    model_doomed_open(&world->doomed);
    rc = weft_mutex_lock(world->mutex);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    if (rc == 0)
        count_and_unlock();
    model_doomed_close(&world->doomed);
    return rc == 0 ? 0 : use_and_count(arg);
}

static int two_count(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    world->waiting = 3;
    for (int i = 0; i < 2; i++)
        spawn(g, use_and_count);
    (void)use_and_count(arg);
    return wait_for_group(g);
}

static int count_beside_doomed(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    world->waiting = 2;
    spawn(g, count_doomed);
    (void)use_and_count(arg);
    return wait_for_group(g);
}

static void canceled_one_ends_it(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", model_doom, &world->doomed);
    run(count_beside_doomed);
    model_join(canceller);
    end();
}

static void last_one_ends_it(void)
{
    begin(2);
    run(two_count);
    end();
}

/* The owner ends: one of those that wait repairs the mutex, and all go on. */

static int end_as_owner(void *arg)
{
    (void)arg;
    if (weft_mutex_lock(world->mutex) == 0)
        world->guarded = 5;
    return 0;
}

static bool repair(void)
{
    if (weft_mutex_repair(world->mutex) != 0)
        return false;
    MODEL_CHECK(world->guarded == 5);
    world->guarded = 0;
    return true;
}

static int lock_or_repair(void *arg)
{
    bool looks_first = model_choose(2) == 0;
    int rc;

    (void)arg;
    if (looks_first && repair()) {
        unlock();
        return 0;
    }
    while ((rc = weft_mutex_lock(world->mutex)) == WEFT_EBROKEN && !repair())
        ;
    MODEL_CHECK(rc == 0 || rc == WEFT_EBROKEN);
    use();
    return 0;
}

static int break_it(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    spawn(g, lock_or_repair);
    spawn(g, end_as_owner);
    (void)lock_or_repair(arg);
    (void)wait_for_group(g);
    if (repair())
        unlock();
    return 0;
}

static void broken(void)
{
    begin(2);
    run(break_it);
    end();
}

/* A condition: each waiter takes one, as soon as there are some; they are announced one by one, or all at once. */

static int take_one(void *arg)
{
    (void)arg;
    lock();
    while (world->guarded == 0)
        MODEL_CHECK(weft_condition_wait(world->condition, world->mutex) == 0);
    world->guarded--;
    unlock();
    return 0;
}

static void give(int n, void (*announce)(weft_condition *c))
{
    bool before = model_choose(2) == 0;

    lock();
    world->guarded += n;
    if (before)
        unlock();
    announce(world->condition);
    if (!before)
        unlock();
}

static int give_and_take(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    spawn(g, take_one);
    spawn(g, take_one);
    if (model_choose(2) == 0) {
        give(2, weft_condition_broadcast);
    } else {
        give(1, weft_condition_signal);
        give(1, weft_condition_signal);
    }
    return wait_for_group(g);
}

static void condition(void)
{
    begin(2);
    run(give_and_take);
    end();
}

/* One of two waiters is cancelled: it has got what was given, and gives it back, or the other one has. */

static int take_one_doomed(void *arg)
{
    int rc;

    (void)arg;
    model_doomed_open(&world->doomed);
    rc = weft_mutex_lock(world->mutex);
    if (rc == 0) {
        while (rc == 0 && world->guarded == 0)
            rc = weft_condition_wait(world->condition, world->mutex);
        MODEL_CHECK(weft_mutex_owned(world->mutex));
        if (rc == 0)
            world->guarded--;
        unlock();
    }
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    model_doomed_close(&world->doomed);
    if (rc == 0)
        give(1, weft_condition_signal);
    return 0;
}

static int give_beside_doomed(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    spawn(g, take_one_doomed);
    spawn(g, take_one);
    give(1, weft_condition_signal);
    return wait_for_group(g);
}

static void condition_canceled(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", model_doom, &world->doomed);
    run(give_beside_doomed);
    model_join(canceller);
    end();
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"exclusion", exclusion},
        {"canceled", canceled},
        {"last_one_ends_it", last_one_ends_it},
        {"canceled_one_ends_it", canceled_one_ends_it},
        {"broken", broken},
        {"condition", condition},
        {"condition_canceled", condition_canceled},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
