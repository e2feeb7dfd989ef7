/* SPDX-License-Identifier: MIT */
/* What semaphores, events, notifications, barriers and latches have in common: whom they wake, and what debug mode says. */
#include <string.h>

#include "sched/platform.h"
#include "tests/sched/process.h"
#include "tests/sync/waits.h"

static int wait_for(void *e, uint64_t n)
{
    (void)n;
    return weft_event_wait(e);
}

/* Waiters of every kind in one queue: of two runtimes, pinned, of all priorities, and threads. */

enum { KINDS = 5, EACH = 20, N = KINDS * EACH };

static const weft_task_options kinds[KINDS] = {
    {.priority = WEFT_PRIORITY_NORMAL},
    {.priority = WEFT_PRIORITY_HIGH},
    {.pinned = true},
    {.priority = WEFT_PRIORITY_LOW},
    {.pinned = true, .priority = WEFT_PRIORITY_HIGH},
};

struct crowd {
    weft_event *event;
    weft_runtime *other;
    bool mixed; /* neighbours in the queue are of different kinds */
    struct waits calls[N], others[N], thread;
};

static int start_crowd(void *arg)
{
    struct waits *calls = arg;
    int rc = 0;

    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < N; i++)
            weft_spawn(g, waits_call, &calls[i]);
        rc = weft_group_wait(g);
    }
    return rc;
}

static void *run_other(void *arg)
{
    struct crowd *c = arg;

    CHECK_OK(weft_runtime_run(c->other, start_crowd, c->others));
    return NULL;
}

static int set(void *e, uint64_t n)
{
    (void)n;
    weft_event_set(e);
    return 0;
}

static int be_crowd(void *arg)
{
    struct crowd *c = arg;
    struct waits setter = {.fn = set, .on = c->event};
    pthread_t other, thread;
    weft_group *g = weft_group_open(NULL);

    for (int from_thread = 0; from_thread < 2; from_thread++) {
        weft_event_clear(c->event);
        for (int i = 0; i < N; i++)
            c->calls[i] = c->others[i] = (struct waits){.fn = wait_for, .on = c->event, .result = 1};
        c->thread = c->calls[0];
        CHECK_OK(pthread_create(&other, NULL, run_other, c));
        thread = waits_begin_thread(&c->thread);
        for (int i = 0; i < N; i++)
            CHECK_OK(weft_spawn_with(g, waits_call, &c->calls[i], &kinds[c->mixed ? i % KINDS : i / EACH]));
        for (int i = 0; i < N; i++)
            while (!c->calls[i].begun || !c->others[i].begun)
                CHECK_OK(weft_sleep_ms(1));
        sync_settle();
        if (from_thread)
            waits_end_thread(&setter, waits_begin_thread(&setter));
        else
            weft_event_set(c->event);
        CHECK_OK(weft_group_wait(g));
        waits_end_thread(&c->thread, thread);
        for (int i = 0; i < N; i++)
            while (!c->others[i].done)
                CHECK_OK(weft_sleep_ms(1));
        CHECK_OK(pthread_join(other, NULL));
        for (int i = 0; i < N; i++) {
            CHECK_OK(c->calls[i].result);
            CHECK_OK(c->others[i].result);
        }
    }
    weft_group_close(g);
    return 0;
}

WEFT_TEST(signals, wake_tasks_of_every_kind_of_several_runtimes_and_threads)
{
    static struct crowd c;
    weft_event e = WEFT_EVENT_INIT;

    c.event = &e;
    CHECK_OK(weft_runtime_create(&c.other, &(weft_runtime_options){.workers = 2}));
    for (int mixed = 0; mixed < 2; mixed++) {
        c.mixed = mixed != 0;
        CHECK_OK(test_run(be_crowd, &c));
    }
    weft_runtime_destroy(c.other);
    CHECK_OK(weft_event_fini(&e));
}

/* The queue of those that are ready has to grow, and cannot. */

static bool fail_alloc(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

TASK_TEST(signals, wake_more_than_the_queue_has_room_for_without_memory)
{
    enum { MANY = 700 };
    (void)arg;
    static struct waits calls[MANY];
    weft_event e = WEFT_EVENT_INIT;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < MANY; i++) {
        calls[i] = (struct waits){.fn = wait_for, .on = &e, .result = 1};
        weft_spawn(g, waits_call, &calls[i]);
    }
    for (int i = 0; i < MANY; i++)
        while (!calls[i].begun)
            CHECK_OK(weft_yield());
    sync_settle();
    A_STORE(&weft__fault_hook, fail_alloc, relaxed);
    weft_event_set(&e);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < MANY; i++)
        CHECK_OK(calls[i].result);
    CHECK_OK(weft_event_fini(&e));
    return 0;
}

/* Misuse that is named. */

static int give_too_much(void *arg)
{
    weft_semaphore s = WEFT_BOUNDED_SEMAPHORE_INIT(1);
    weft_latch l = WEFT_LATCH_INIT(1);

    (void)arg;
    CHECK_RC(weft_semaphore_release(&s), WEFT_EINVAL);
    CHECK_RC(weft_latch_count_down(&l, 2), WEFT_EINVAL);
    return 0;
}

static void give_too_much_with_debug(void)
{
    CHECK_OK(weft_run_with(give_too_much, NULL, &(weft_runtime_options){.workers = test_workers(), .debug = true}));
}

static void give_too_much_without_debug(void)
{
    (void)unsetenv("WEFT_DEBUG");
    CHECK_OK(test_run(give_too_much, NULL));
}

WEFT_TEST(signals, that_are_given_too_much_are_named_in_debug_mode)
{
    static char said[4096];

    CHECK_EQ(process_listen(give_too_much_with_debug, said, sizeof said), 0);
    CHECK(strstr(said, "releases more permits than a semaphore may have\n") != NULL);
    CHECK(strstr(said, "counts a latch down below zero\n") != NULL);
    CHECK_EQ(process_listen(give_too_much_without_debug, said, sizeof said), 0);
    CHECK_STR_EQ(said, "");
}
