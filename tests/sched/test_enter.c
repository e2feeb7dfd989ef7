/* SPDX-License-Identifier: MIT */
/* weft_runtime_spawn(): each task that was accepted is entered once, before the runtime is gone; each that was not, never. */
#include <pthread.h>

#include "sched/runtime.h"

#include "tests/sched/tasks.h"

enum { THREADS = 4, EACH = 500 };

static weft_runtime *create(void)
{
    weft_runtime *rt;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    return rt;
}

struct gate {
    weft_runtime *rt;
    atomic_int accepted, entered, refused, ended;
};

static int enter_gate(void *arg)
{
    struct gate *g = arg;

    CHECK_PTR_EQ(weft_runtime_current(), g->rt);
    CHECK(weft_task_id() != 0);
    CHECK_NULL(weft_task_name());
    atomic_fetch_add(&g->entered, 1);
    (void)weft_yield();
    atomic_fetch_add(&g->ended, 1);
    return -1; /* nobody asks for it */
}

static void spawn_at(struct gate *g, weft_fn fn)
{
    int rc = weft_runtime_spawn(g->rt, fn, g);

    if (rc == 0) {
        atomic_fetch_add(&g->accepted, 1);
    } else {
        CHECK_RC(rc, WEFT_ECLOSED);
        atomic_fetch_add(&g->refused, 1);
    }
}

/* From threads. */

static void *spawn_each(void *arg)
{
    for (int i = 0; i < EACH; i++)
        spawn_at(arg, enter_gate);
    return NULL;
}

/* weft_runtime_destroy() is called with most of them still to be entered. */
WEFT_TEST(enter, threads_spawn_and_destroy_waits_for_all)
{
    struct gate g = {.rt = create()};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, spawn_each, &g));
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    weft_runtime_destroy(g.rt);
    CHECK_EQ(g.accepted, THREADS * EACH);
    CHECK_EQ(g.entered, THREADS * EACH);
    CHECK_EQ(g.ended, THREADS * EACH);
}

/* From tasks of the same runtime: each brings two more, in all one less than a power of two. */

enum { DEPTH = 10 };

struct branch {
    struct gate *g;
    int depth;
};

static int branch_out(void *arg)
{
    struct branch *b = arg;

    atomic_fetch_add(&b->g->entered, 1);
    for (int i = 0; b->depth > 1 && i < 2; i++) {
        struct branch *child = malloc(sizeof *child);

        CHECK_NOT_NULL(child);
        *child = (struct branch){b->g, b->depth - 1};
        CHECK_OK(weft_runtime_spawn(weft_runtime_current(), branch_out, child));
    }
    atomic_fetch_add(&b->g->ended, 1);
    free(b);
    return 0;
}

static int plant(void *arg)
{
    struct branch *b = malloc(sizeof *b);

    CHECK_NOT_NULL(b);
    *b = (struct branch){arg, DEPTH};
    CHECK_OK(weft_runtime_spawn(weft_runtime_current(), branch_out, b));
    return 0;
}

WEFT_TEST(enter, tasks_spawn_into_their_own_runtime)
{
    struct gate g = {.rt = create()};

    CHECK_OK(weft_runtime_run(g.rt, plant, &g));
    spin_until(&g.ended, (1 << DEPTH) - 1);
    weft_runtime_destroy(g.rt);
    CHECK_EQ(g.entered, (1 << DEPTH) - 1);
}

/* From tasks of another runtime. */

static int spawn_there(void *arg)
{
    weft_runtime *here = weft_runtime_current();

    for (int i = 0; i < EACH; i++) {
        spawn_at(arg, enter_gate);
        CHECK_PTR_EQ(weft_runtime_current(), here);
    }
    return weft_yield();
}

static int many_spawn_there(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < THREADS; i++)
        CHECK_OK(weft_spawn(g, spawn_there, arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(enter, tasks_spawn_into_another_runtime)
{
    struct gate g = {.rt = create()};

    CHECK_OK(test_run(many_spawn_there, &g));
    weft_runtime_destroy(g.rt);
    CHECK_EQ(g.accepted, THREADS * EACH);
    CHECK_EQ(g.entered, THREADS * EACH);
}

/* What a task leaves open is closed, and its failure is nobody's. */

static int leave_things_open(void *arg)
{
    struct gate *g = arg;
    weft_group *group = weft_group_open(NULL);

    CHECK_NOT_NULL(weft_scope_open(weft_after_ms(FOREVER_MS)));
    CHECK_OK(weft_spawn(group, sleep_forever, NULL));
    atomic_fetch_add(&g->entered, 1);
    return WEFT_EINVAL;
}

static int check_not_canceled(void *arg)
{
    (void)arg;
    CHECK_OK(weft_yield());
    CHECK(!weft_canceled());
    return 0;
}

WEFT_TEST(enter, failure_of_one_task_is_dropped_and_what_it_left_is_closed)
{
    struct gate g = {.rt = create()};

    for (int i = 0; i < 100; i++)
        spawn_at(&g, leave_things_open);
    spin_until(&g.entered, 100);
    CHECK_OK(weft_runtime_run(g.rt, check_not_canceled, NULL));
    while (A_LOAD(&g.rt->entered, seq_cst) != 0)
        sched_yield();
    CHECK_OK(weft_runtime_run(g.rt, check_not_canceled, NULL));
    weft_runtime_destroy(g.rt);
    CHECK_EQ(g.entered, 100);
}

/* After the stop. */

static int wait_for_the_stop(void *arg)
{
    struct gate *g = arg;

    atomic_fetch_add(&g->entered, 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    spawn_at(g, enter_gate); /* a task that goes on */
    CHECK_RC(weft_runtime_run(g->rt, enter_gate, g), WEFT_EDEADLK);
    return 0;
}

WEFT_TEST(enter, nobody_enters_a_runtime_that_was_stopped)
{
    struct gate g = {.rt = create()};

    for (int i = 0; i < 10; i++)
        spawn_at(&g, wait_for_the_stop);
    spin_until(&g.entered, 10);
    weft_runtime_stop(g.rt);
    CHECK_RC(weft_runtime_run(g.rt, enter_gate, &g), WEFT_ECLOSED);
    CHECK_OK(test_run(many_spawn_there, &g)); /* they are refused */
    weft_runtime_stop(g.rt);
    CHECK_RC(weft_runtime_spawn(g.rt, enter_gate, &g), WEFT_ECLOSED);
    weft_runtime_destroy(g.rt);
    CHECK_EQ(g.accepted, 10);
    CHECK_EQ(g.entered, 10);
    CHECK_EQ(g.refused, 10 + THREADS * EACH);
}

/* Tasks that are accepted, and canceled before they are entered. */
static int enter_canceled(void *arg)
{
    struct gate *g = arg;

    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK(weft_canceled());
    atomic_fetch_add(&g->ended, 1);
    return 0;
}

struct held {
    atomic_int holding, let_go;
};

static int hold_worker(void *arg)
{
    struct held *h = arg;

    atomic_fetch_add(&h->holding, 1);
    spin_until(&h->let_go, 1);
    return 0;
}

WEFT_TEST(enter, tasks_that_are_canceled_first_are_entered_too)
{
    struct gate g = {.rt = create()};
    struct held h = {0};

    for (unsigned i = 0; i < test_workers(); i++)
        CHECK_OK(weft_runtime_spawn(g.rt, hold_worker, &h));
    spin_until(&h.holding, (int)test_workers());
    for (int i = 0; i < 100; i++)
        spawn_at(&g, enter_canceled);
    weft_runtime_stop(g.rt);
    CHECK_EQ(g.ended, 0);
    atomic_store(&h.let_go, 1);
    weft_runtime_destroy(g.rt);
    CHECK_EQ(g.accepted, 100);
    CHECK_EQ(g.ended, 100);
}

/* Without memory. */

static _Thread_local bool armed;        /* so workers are not */
static _Thread_local int until_failure; /* calls that succeed before all others fail */
static _Thread_local enum weft__seam failing;

static bool fail_mine(enum weft__seam what)
{
    if (!armed || what != failing)
        return false;
    if (until_failure == 0)
        return true;
    until_failure--;
    return false;
}

enum { CROWD = TEST_TSAN ? 200 : 1000 };

static int wait_in_crowd(void *arg)
{
    struct gate *g = arg;

    atomic_fetch_add(&g->entered, 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    return 0;
}

/* Spawns until it fails; then nothing has been taken by the spawn that did. Returns whether it failed. */
static bool crowd_in(struct gate *g)
{
    int rc = 0, n = 0;

    for (; n < CROWD; n++) {
        int64_t credits = A_LOAD(&g->rt->stacks[0].credits, relaxed);
        uint32_t tasks = A_LOAD(&g->rt->entered, seq_cst);

        if ((rc = weft_runtime_spawn(g->rt, wait_in_crowd, g)) < 0) {
            armed = false;
            CHECK_RC(rc, WEFT_ENOMEM);
            CHECK_GE(A_LOAD(&g->rt->stacks[0].credits, relaxed), credits); /* more, if some were mapped */
            CHECK_EQ(A_LOAD(&g->rt->entered, seq_cst), tasks);
            break;
        }
        atomic_fetch_add(&g->accepted, 1);
    }
    armed = false;
    spin_until(&g->entered, n);
    for (int i = 0; i < 10; i++) { /* and now it works */
        CHECK_OK(weft_runtime_spawn(g->rt, wait_in_crowd, g));
        atomic_fetch_add(&g->accepted, 1);
    }
    return rc < 0;
}

static void sweep(enum weft__seam what)
{
    int failures = 0, fine = 0;

    A_STORE(&weft__fault_hook, fail_mine, relaxed);
    for (int n = 0; n < 50 && fine == 0; n++) {
        struct gate g = {.rt = create()};

        failing = what;
        until_failure = n;
        armed = true;
        if (crowd_in(&g))
            failures++;
        else
            fine++;
        weft_runtime_destroy(g.rt);
        CHECK_EQ(g.entered, g.accepted);
    }
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_GT(failures, 0);
    CHECK_GT(fine, 0);
}

WEFT_TEST(enter, lack_of_memory_is_reported_and_leaves_nothing)
{
    sweep(WEFT__SEAM_ALLOC);
}

WEFT_TEST(enter, lack_of_stacks_is_reported_and_leaves_nothing)
{
    if (TEST_TSAN)
        TEST_SKIP("so few tasks need no more stacks than there are at the start");
    sweep(WEFT__SEAM_MAP);
}
