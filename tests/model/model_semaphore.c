/* SPDX-License-Identifier: MIT */
/*
 * Semaphores, with the whole scheduler: takers and givers, tasks and threads, beside a cancellation at any moment. A permit that is lost,
 * or a waiter that nobody lets go, ends a run as a deadlock; what permits guard is plain memory, where a race is seen.
 */
#include <weft/error.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/semaphore.h>
#include <weft/task.h>

#include "sched/runtime.h"
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

struct world {
    weft_runtime *rt;
    weft_semaphore *sem; /* on the heap, where a late access is seen */
    int guarded;         /* by a permit */
    struct model_doomed doomed;
    _Atomic bool taken;
};

static struct world *world;

static void begin(unsigned workers, uint64_t permits)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->sem = model_alloc(sizeof *world->sem, 16);
    MODEL_CHECK(weft_semaphore_init(world->sem, permits) == 0);
    world->rt = model_runtime(workers);
}

static void end(void)
{
    weft_runtime_destroy(world->rt);
}

/* One permit, for one at a time. */

static int use_alone(void *arg)
{
    bool is_thread = arg != NULL;

    for (int i = 0; i < 2; i++) {
        if (model_choose(4) != 0)
            MODEL_CHECK(weft_semaphore_acquire(world->sem) == 0);
        else if (weft_semaphore_try_acquire(world->sem) != 0)
            continue;
        ++world->guarded;
        if (!is_thread && model_choose(4) == 0)
            MODEL_CHECK(weft_yield() == 0);
        --world->guarded;
        MODEL_CHECK(weft_semaphore_release(world->sem) == 0);
    }
    return 0;
}

static void use_alone_outside(void *arg)
{
    (void)use_alone(arg);
}

static int three_alone(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++)
        MODEL_CHECK(weft_spawn(g, use_alone, arg) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void finish(uint64_t permits)
{
    MODEL_CHECK(world->guarded == 0);
    MODEL_CHECK(weft_semaphore_value(world->sem) == permits);
    MODEL_CHECK(weft_semaphore_fini(world->sem) == 0);
    end();
}

static void exclusion(void)
{
    begin(2, 1);
    MODEL_CHECK(weft_runtime_run(world->rt, three_alone, NULL) == 0);
    finish(1);
}

static void exclusion_of_threads(void)
{
    unsigned threads[2];

    begin(1, 1);
    for (int i = 0; i < 2; i++)
        threads[i] = model_start("user", use_alone_outside, world);
    MODEL_CHECK(weft_runtime_run(world->rt, use_alone, NULL) == 0);
    for (int i = 0; i < 2; i++)
        model_join(threads[i]);
    finish(1);
}

/* A thread that gives what a task waits for, which ends the semaphore at once. */

static void give_outside(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        model_pause();
        ++world->guarded;
        MODEL_CHECK(weft_semaphore_release(world->sem) == 0);
    }
}

static int take_two(void *arg)
{
    (void)arg;
    if (model_choose(2) == 0) {
        MODEL_CHECK(weft_semaphore_acquire_n(world->sem, 2) == 0);
    } else {
        MODEL_CHECK(weft_semaphore_acquire(world->sem) == 0);
        MODEL_CHECK(weft_semaphore_acquire(world->sem) == 0);
    }
    MODEL_CHECK(world->guarded == 2);
    MODEL_CHECK(weft_semaphore_fini(world->sem) == 0);
    model_free(world->sem);
    return 0;
}

static void take_two_outside(void *arg)
{
    (void)take_two(arg);
}

static void given_by_thread(void)
{
    unsigned giver;

    begin(1, 0);
    giver = model_start("giver", give_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, take_two, NULL) == 0);
    model_join(giver);
    end();
}

static int give_inside(void *arg)
{
    give_outside(arg);
    return 0;
}

static void given_to_thread(void)
{
    unsigned taker;

    begin(1, 0);
    taker = model_start("taker", take_two_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, give_inside, NULL) == 0);
    model_join(taker);
    end();
}

/* Threads alone, without a runtime whose steps are most of a run. */
static void given_among_threads(void)
{
    unsigned giver;

    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->sem = model_alloc(sizeof *world->sem, 16);
    giver = model_start("giver", give_outside, NULL);
    take_two_outside(NULL);
    model_join(giver);
}

/*
 * One wants three permits, and is cancelled at any moment; two behind it want one each, of the two that there are. It has got its three,
 * and gives them back, or leaves: the two go on in any case.
 */

static int want_three(void *arg)
{
    int rc;

    (void)arg;
    model_doomed_open(&world->doomed);
    rc = weft_semaphore_acquire_n(world->sem, 3);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    if (rc == 0)
        MODEL_CHECK(weft_semaphore_release_n(world->sem, 3) == 0);
    model_doomed_close(&world->doomed);
    return 0;
}

static int want_one(void *arg)
{
    bool keeps = arg != NULL;

    while (!model_doomed_is_open(&world->doomed)) {
        MODEL_CHECK(weft_yield() == 0);
        model_spin();
    }
    MODEL_CHECK(weft_semaphore_acquire(world->sem) == 0);
    if (!keeps)
        MODEL_CHECK(weft_semaphore_release(world->sem) == 0);
    return 0;
}

static int want_both(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    MODEL_CHECK(weft_spawn(g, want_one, world) == 0);
    MODEL_CHECK(weft_spawn(g, want_one, world) == 0);
    MODEL_CHECK(want_three(NULL) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void heavy_canceled(void)
{
    unsigned canceller;

    begin(2, 2);
    canceller = model_start("canceller", model_doom, &world->doomed);
    MODEL_CHECK(weft_runtime_run(world->rt, want_both, NULL) == 0);
    model_join(canceller);
    finish(0);
}

/* It is cancelled while a thread gives the one that it lacks, and another tries for all: what the giver did is seen by whoever gets that. */

static void give_one_outside(void *arg)
{
    (void)arg;
    model_pause();
    ++world->guarded;
    MODEL_CHECK(weft_semaphore_release(world->sem) == 0);
}

static void try_for_all(void *arg)
{
    (void)arg;
    while (weft_semaphore_try_acquire_n(world->sem, 3) != 0)
        model_spin();
    --world->guarded;
    MODEL_CHECK(weft_semaphore_release_n(world->sem, 3) == 0);
}

static void canceled_and_granted(void)
{
    unsigned threads[3];

    begin(1, 2);
    threads[0] = model_start("canceller", model_doom, &world->doomed);
    threads[1] = model_start("giver", give_one_outside, NULL);
    threads[2] = model_start("other", try_for_all, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, want_three, NULL) == 0);
    for (int i = 0; i < 3; i++)
        model_join(threads[i]);
    finish(3);
}

/*
 * A thread finds somebody waiting, and is late with the permit that it brings: by then nobody waits any more, and a permit is there. So
 * whoever tries meanwhile gets it.
 */

static void take_two_and_say_so(void *arg)
{
    (void)arg;
    MODEL_CHECK(weft_semaphore_acquire_n(world->sem, 2) == 0);
    A_STORE(&world->taken, true, release);
}

static void give_late(void *arg)
{
    (void)arg;
    model_pause();
    MODEL_CHECK(weft_semaphore_release(world->sem) == 0);
}

static void tried(void)
{
    unsigned threads[2];

    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->sem = model_alloc(sizeof *world->sem, 16);
    threads[0] = model_start("taker", take_two_and_say_so, NULL);
    threads[1] = model_start("giver", give_late, NULL);
    MODEL_CHECK(weft_semaphore_release_n(world->sem, 2) == 0);
    while (!A_LOAD(&world->taken, acquire))
        model_spin();
    MODEL_CHECK(weft_semaphore_release(world->sem) == 0);
    MODEL_CHECK(weft_semaphore_try_acquire(world->sem) == 0);
    for (int i = 0; i < 2; i++)
        model_join(threads[i]);
    MODEL_CHECK(weft_semaphore_value(world->sem) == 1);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"exclusion", exclusion},
        {"exclusion_of_threads", exclusion_of_threads},
        {"given_by_thread", given_by_thread},
        {"given_to_thread", given_to_thread},
        {"given_among_threads", given_among_threads},
        {"heavy_canceled", heavy_canceled},
        {"canceled_and_granted", canceled_and_granted},
        {"tried", tried},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
