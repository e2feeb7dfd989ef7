/* SPDX-License-Identifier: MIT */
/* What semaphores, events, notifications, barriers and latches have in common: whom they wake, and what debug mode says. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sched/platform.h"
#include "tests/sched/process.h"
#include "tests/sync/waits.h"

static int wait_for(void *e, uint64_t n)
{
    (void)n;
    return weft_event_wait(e);
}

/* Waiters of every kind in one queue: of two runtimes, pinned, of all priorities, and threads. */

enum { KINDS = 6, N = 120 };

/* Two of a kind are neighbours, and a pinned one has neighbours of its level on both sides. */
static const weft_task_options kinds[KINDS] = {
    {.priority = WEFT_PRIORITY_NORMAL},
    {.pinned = true},
    {.priority = WEFT_PRIORITY_NORMAL},
    {.priority = WEFT_PRIORITY_HIGH},
    {.pinned = true, .priority = WEFT_PRIORITY_HIGH},
    {.priority = WEFT_PRIORITY_LOW},
};

struct one {
    struct waits waits;
    weft_runtime *runtime;
    bool pinned;
    _Atomic bool over; /* set last: then it may be used anew */
};

struct crowd {
    weft_event event;
    weft_runtime *other;
    bool mixed; /* neighbours in the queue are of different runtimes */
    struct one here[N], there[N];
};

/* Waits, and is afterwards where it belongs. */
static int be_one(void *arg)
{
    struct one *o = arg;
    long thread = syscall(SYS_gettid);

    /* So that other workers take their share. */
    for (weft_time until = weft_now() + (o->pinned ? 50000 : 0); weft_now() < until;)
        continue;
    CHECK_OK(waits_call(&o->waits));
    CHECK_PTR_EQ(weft_runtime_current(), o->runtime);
    if (o->pinned)
        CHECK_EQ(syscall(SYS_gettid), thread);
    o->over = true;
    return 0;
}

/* Those of two runtimes alternate, or come one after another. */
static void start_crowd(struct crowd *c, weft_group *g)
{
    for (int i = 0; i < 2 * N; i++) {
        bool here = c->mixed ? i % 2 == 0 : i >= N;
        struct one *o = c->mixed ? &(here ? c->here : c->there)[i / 2] : &(here ? c->here : c->there)[i % N];
        const weft_task_options *kind = &kinds[i / 2 % KINDS];

        *o = (struct one){.waits = {.fn = wait_for, .on = &c->event, .result = 1}};
        o->runtime = here ? weft_runtime_current() : c->other;
        o->pinned = here && kind->pinned;
        if (here)
            CHECK_OK(weft_spawn_with(g, be_one, o, kind));
        else
            CHECK_OK(weft_runtime_spawn(c->other, be_one, o));
        while (c->mixed && !o->waits.begun)
            CHECK_OK(weft_yield());
    }
    for (int i = 0; i < N; i++)
        while (!c->here[i].waits.begun || !c->there[i].waits.begun)
            CHECK_OK(weft_sleep_ms(1));
    sync_settle();
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
    struct waits setter = {.fn = set, .on = &c->event};
    weft_group *g = weft_group_open(NULL);

    for (int from_thread = 0; from_thread < 2; from_thread++) {
        struct waits outside = {.fn = wait_for, .on = &c->event};
        pthread_t thread = waits_begin_thread(&outside);

        start_crowd(c, g);
        if (from_thread)
            waits_end_thread(&setter, waits_begin_thread(&setter));
        else
            weft_event_set(&c->event);
        CHECK_OK(weft_group_wait(g));
        waits_end_thread(&outside, thread);
        CHECK_OK(outside.result);
        for (int i = 0; i < N; i++) {
            while (!c->there[i].over)
                CHECK_OK(weft_sleep_ms(1));
            CHECK_OK(c->here[i].waits.result);
            CHECK_OK(c->there[i].waits.result);
        }
        weft_event_clear(&c->event);
    }
    weft_group_close(g);
    return 0;
}

WEFT_TEST(signals, wake_tasks_of_every_kind_of_several_runtimes_and_threads)
{
    static struct crowd c;

    CHECK_OK(weft_runtime_create(&c.other, &(weft_runtime_options){.workers = 2}));
    for (int mixed = 0; mixed < 2; mixed++) {
        c.mixed = mixed != 0;
        CHECK_OK(test_run(be_crowd, &c));
    }
    weft_runtime_destroy(c.other);
    CHECK_OK(weft_event_fini(&c.event));
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
