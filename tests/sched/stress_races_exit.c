/* SPDX-License-Identifier: MIT */
/* A thread cancels what is about to end anyway: tasks, which may be gone before the call is back, and whole runtimes. */
#include "tests/sched/races.h"

enum { TIMES = 100000, RUNTIMES = 200 };

/* The owner ends as soon as it is cancelled, or right before. */

static int leave_when_canceled(void *arg)
{
    struct race_slot *slot = arg;

    slot->group = weft_group_open(NULL);
    CHECK_OK(weft_spawn(slot->group, sleep_forever, NULL));
    race_announce(slot);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    return 0; /* with its group open */
}

static void cancel(struct race_slot *slot)
{
    CHECK_OK(weft_group_cancel(slot->group));
}

WEFT_TEST(races_exit, a_cancel_from_outside_meets_the_end_of_the_owner)
{
    race_run(leave_when_canceled, cancel, TIMES);
}

/* By its handle a task may be cancelled whether it has ended or not. */

static int maybe_ended(void *arg)
{
    struct race_slot *slot = arg;

    atomic_fetch_add(&slot->entered, 1);
    spin_until(&slot->met, 1);
    race_linger(slot);
    return weft_yield();
}

static int hand_out(void *arg)
{
    struct race_slot *slot = arg;
    weft_group *g = weft_group_open(NULL);
    weft_task *h = weft_spawn_task(g, maybe_ended, slot, NULL);
    int rc;

    CHECK_NOT_NULL(h);
    slot->group = (void *)h;
    race_announce(slot);
    rc = weft_task_join(h);
    CHECK(rc == 0 || rc == WEFT_ETASKCANCELED);
    CHECK_OK(weft_group_wait(g)); /* it was cancelled alone */
    weft_group_close(g);
    race_wait_for_partner(slot);
    CHECK_EQ(atomic_load(&slot->entered), 1);
    CHECK(rc == 0 || weft_task_reason(h) == WEFT_REASON_CALL);
    weft_task_release(h);
    return 0;
}

static void cancel_task(struct race_slot *slot)
{
    CHECK_OK(weft_task_cancel((void *)slot->group));
}

WEFT_TEST(races_exit, a_cancel_by_handle_meets_the_end_of_the_task)
{
    race_run(hand_out, cancel_task, TIMES);
}

/* A runtime is stopped by a thread while its tasks end by themselves, and is destroyed at once. */

struct stop {
    weft_runtime *rt;
    atomic_int round, done;
    int rounds;
};

static void *stop_runtimes(void *arg)
{
    struct stop *stop = arg;
    uint32_t random = 521288629;

    for (int round = 1; round <= stop->rounds; round++) {
        spin_until(&stop->round, round);
        for (uint32_t i = random_next(&random) % 32; i > 0; i--)
            random_pause(&random);
        weft_runtime_stop(stop->rt);
        atomic_store(&stop->done, round);
    }
    return NULL;
}

static int end_or_be_stopped(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 4; i++)
        (void)weft_spawn(g, i % 2 == 0 ? nothing : sleep_forever, NULL);
    (void)weft_sleep_until(weft_now() + 20000);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(races_exit, a_stop_from_outside_meets_the_end_of_the_runtime)
{
    struct stop stop = {.rounds = ROUNDS(test_under_valgrind() ? RUNTIMES / 50 : RUNTIMES)};
    pthread_t thread;

    CHECK_OK(pthread_create(&thread, NULL, stop_runtimes, &stop));
    for (int round = 1; round <= stop.rounds; round++) {
        int rc;

        CHECK_OK(weft_runtime_create(&stop.rt, &(weft_runtime_options){.workers = test_workers()}));
        atomic_store(&stop.round, round);
        rc = weft_runtime_run(stop.rt, end_or_be_stopped, NULL);
        CHECK(rc == 0 || rc == WEFT_ECLOSED);
        spin_until(&stop.done, round);
        leftovers_check(stop.rt);
        weft_runtime_destroy(stop.rt);
    }
    CHECK_OK(pthread_join(thread, NULL));
}
