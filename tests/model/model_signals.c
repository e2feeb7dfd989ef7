/* SPDX-License-Identifier: MIT */
/*
 * Latches, barriers, notifications and once, with the whole scheduler: tasks and threads beside a cancellation at any moment. Whoever nobody
 * wakes ends a run as a deadlock; what was done before one is let through is plain memory, where a race is seen.
 */
#include <weft/barrier.h>
#include <weft/error.h>
#include <weft/group.h>
#include <weft/latch.h>
#include <weft/notify.h>
#include <weft/once.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "sched/runtime.h"
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

struct world {
    weft_runtime *rt;
    union {
        weft_latch latch;
        weft_barrier barrier;
        weft_notify notify;
        weft_once once;
    } * on;                /* on the heap, where a late access is seen */
    int done[2];           /* by each of two others */
    int met, outcome;      /* what came of the call of the task, and of that of the thread */
    _Atomic uint32_t flag; /* what a notification tells of */
    struct model_doomed doomed;
};

static struct world *world;

static void begin(unsigned workers)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->on = model_alloc(sizeof *world->on, 16);
    world->rt = model_runtime(workers);
}

/* Runs `fn` in the runtime beside threads, the last of which cancels the scope of cancelable(). */
static void run_beside(weft_fn fn, void (*const threads[])(void *), unsigned count)
{
    unsigned started[3];

    for (unsigned i = 0; i < count; i++)
        started[i] = model_start("thread", threads[i], &world->doomed);
    MODEL_CHECK(weft_runtime_run(world->rt, fn, NULL) == 0);
    for (unsigned i = 0; i < count; i++)
        model_join(started[i]);
    weft_runtime_destroy(world->rt);
}

/* Makes the call in a scope that is cancelled at any moment. */
static int cancelable(int (*call)(void))
{
    int rc;

    model_doomed_open(&world->doomed);
    rc = call();
    model_doomed_close(&world->doomed);
    return rc;
}

/* A latch that two open, and that one frees who was let through. */

static void count_down(int i)
{
    world->done[i] = 1;
    MODEL_CHECK(weft_latch_count_down(&world->on->latch, 1) == 0);
}

static void count_outside(void *arg)
{
    (void)arg;
    model_pause();
    count_down(0);
}

static int count_inside(void *arg)
{
    (void)arg;
    count_down(1);
    return 0;
}

static int wait_and_free(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    MODEL_CHECK(weft_spawn(g, count_inside, NULL) == 0);
    if (model_choose(2) == 0)
        MODEL_CHECK(weft_yield() == 0);
    MODEL_CHECK(weft_latch_wait(&world->on->latch) == 0);
    MODEL_CHECK(world->done[0] == 1 && world->done[1] == 1);
    MODEL_CHECK(weft_latch_fini(&world->on->latch) == 0);
    model_free(world->on);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void latch(void)
{
    begin(2);
    MODEL_CHECK(weft_latch_init(&world->on->latch, 2) == 0);
    run_beside(wait_and_free, (void (*const[])(void *)){count_outside}, 1);
}

/* One arrives and is cancelled at any moment: it has been let through, or its arrival does not count. */

static void count_and_look_outside(void *arg)
{
    count_outside(arg);
    world->done[1] = weft_latch_try_wait(&world->on->latch) == 0;
}

static int arrive(void)
{
    return weft_latch_arrive_and_wait(&world->on->latch);
}

static int arrive_cancelable(void *arg)
{
    (void)arg;
    world->outcome = cancelable(arrive);
    return 0;
}

static void latch_canceled(void)
{
    begin(1);
    MODEL_CHECK(weft_latch_init(&world->on->latch, 2) == 0);
    run_beside(arrive_cancelable, (void (*const[])(void *)){count_and_look_outside, model_doom}, 2);
    MODEL_CHECK(world->outcome == 0 || world->outcome == WEFT_ECANCELED);
    MODEL_CHECK(weft_latch_count(&world->on->latch) == (world->outcome == 0 ? 0 : 1));
    if (world->done[1]) /* it was open */
        MODEL_CHECK(world->outcome == 0);
    MODEL_CHECK(weft_latch_fini(&world->on->latch) == 0);
}

/* Two parties, one of which is cancelled at any moment, and then breaks the barrier. */

static void meet_outside(void *arg)
{
    (void)arg;
    model_pause();
    world->done[0] = 1;
    world->outcome = weft_barrier_wait(&world->on->barrier);
    if (world->outcome >= 0)
        MODEL_CHECK(world->done[1] == 1);
}

static int meet(void)
{
    return weft_barrier_wait(&world->on->barrier);
}

static int meet_cancelable(void *arg)
{
    (void)arg;
    world->done[1] = 1;
    world->met = cancelable(meet);
    if (world->met >= 0) {
        MODEL_CHECK(world->done[0] == 1);
    } else {
        MODEL_CHECK(world->met == WEFT_ECANCELED);
        weft_barrier_abort(&world->on->barrier);
    }
    return 0;
}

static void barrier(void)
{
    begin(1);
    MODEL_CHECK(weft_barrier_init(&world->on->barrier, 2) == 0);
    run_beside(meet_cancelable, (void (*const[])(void *)){meet_outside, model_doom}, 2);
    /* Both have met, at the indices 0 and 1, or neither. */
    MODEL_CHECK(world->met < 0 ? world->outcome == WEFT_EBROKEN : world->met + world->outcome == 1);
    MODEL_CHECK(weft_barrier_fini(&world->on->barrier) == 0);
}

/* One notification, and two who wait for one: whoever may have been cancelled passes on what it got. */

static void notify_outside(void *arg)
{
    (void)arg;
    model_pause();
    world->done[0] = 1;
    weft_notify_one(&world->on->notify);
}

static int wait_for_one(void)
{
    return weft_notify_wait(&world->on->notify);
}

static int wait_in_a_task(void *arg)
{
    (void)arg;
    MODEL_CHECK(wait_for_one() == 0);
    MODEL_CHECK(world->done[0] == 1);
    return 0;
}

static int two_wait(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    (void)arg;
    MODEL_CHECK(weft_spawn(g, wait_in_a_task, NULL) == 0);
    if (model_choose(2) == 0)
        MODEL_CHECK(weft_yield() == 0);
    rc = cancelable(wait_for_one);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    if (rc == 0)
        weft_notify_one(&world->on->notify);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void notify(void)
{
    begin(2);
    run_beside(two_wait, (void (*const[])(void *)){notify_outside, model_doom}, 2);
    MODEL_CHECK(weft_notify_fini(&world->on->notify) == 0);
}

/* Who asks for the round, then looks, then waits, misses no notification of all. */

static void tell_all_outside(void *arg)
{
    (void)arg;
    model_pause();
    A_STORE(&world->flag, 1, relaxed);
    weft_notify_all(&world->on->notify);
}

static int look_then_wait(void *arg)
{
    uint64_t round = weft_notify_round(&world->on->notify);

    (void)arg;
    if (A_LOAD(&world->flag, relaxed) == 0) {
        MODEL_CHECK(weft_notify_wait_since(&world->on->notify, round) == 0);
        MODEL_CHECK(A_LOAD(&world->flag, relaxed) == 1);
    }
    return 0;
}

static void look_then_wait_outside(void *arg)
{
    (void)look_then_wait(arg);
}

static void notify_all(void)
{
    begin(1);
    run_beside(look_then_wait, (void (*const[])(void *)){tell_all_outside, look_then_wait_outside}, 2);
    MODEL_CHECK(weft_notify_fini(&world->on->notify) == 0);
}

/* Once is done by one of three, after some of them have failed. */

static int fail_or_do(void *arg)
{
    int tries = world->done[1]++; /* one at a time */

    (void)arg;
    if (tries == 0 && model_choose(2) == 0)
        return WEFT_EINVAL;
    MODEL_CHECK(world->done[0] == 0);
    world->done[0] = 1;
    return 0;
}

static int do_once(void *arg)
{
    int rc = weft_once_do(&world->on->once, fail_or_do, NULL);

    (void)arg;
    MODEL_CHECK(rc == 0 || rc == WEFT_EINVAL);
    if (rc == 0)
        MODEL_CHECK(weft_once_done(&world->on->once) && world->done[0] == 1);
    return 0;
}

static void do_once_outside(void *arg)
{
    (void)do_once(arg);
}

static int look_whether_done(void *arg)
{
    (void)arg;
    if (weft_once_done(&world->on->once))
        MODEL_CHECK(world->done[0] == 1);
    return 0;
}

static void look_outside(void *arg)
{
    (void)look_whether_done(arg);
}

static int two_do_once(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(g, do_once, NULL) == 0);
    MODEL_CHECK(do_once(arg) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void once(void)
{
    begin(2);
    run_beside(two_do_once, (void (*const[])(void *)){do_once_outside, look_outside}, 2);
    MODEL_CHECK(weft_once_done(&world->on->once) && weft_once_fini(&world->on->once) == 0);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"latch", latch},   {"latch_canceled", latch_canceled}, {"barrier", barrier},
        {"notify", notify}, {"notify_all", notify_all},         {"once", once},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
