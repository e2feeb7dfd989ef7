/* SPDX-License-Identifier: MIT */
/* Blocking calls and cancellations that meet at all moments: exactly one outcome each, and nothing left in the end. */
#include "tests/sched/blocking.h"
#include "tests/sched/stress.h"

/* Under valgrind one thread runs at a time, and each switch of threads takes long. */
static int rounds(int n)
{
    return test_under_valgrind() ? n / 500 + 1 : ROUNDS(n);
}

enum kind { PLAIN, ABANDONED, IN_PLACE, KINDS };

struct race {
    int left, kind;
    uint32_t seed;
    atomic_int calls, entered, ended, done, canceled, dropped;
};

/* Pauses in a row: as long as it takes to cancel a task and to wake it. */
enum { LONG = 100 };

struct job {
    struct race *race;
    uint32_t random;
};

static int work(void *arg)
{
    struct job *j = arg;

    atomic_fetch_add(&j->race->entered, 1);
    for (uint32_t n = random_next(&j->random) % LONG; n > 0; n--) {
        random_pause(&j->random);
        if (n % 16 == 0)
            sched_yield(); /* on one core others come to their turn meanwhile */
    }
    atomic_fetch_add(&j->race->ended, 1);
    return 5;
}

static void drop(void *arg, int rc)
{
    struct job *j = arg;

    CHECK(rc == 5 || rc == WEFT_ECANCELED);
    atomic_fetch_add(&j->race->dropped, 1);
    free(j);
}

static int call(struct job *j, enum kind kind)
{
    switch (kind) {
    case ABANDONED:
        return weft_blocking_with(NULL, work, j, &(weft_blocking_options){.abandon = drop});
    case IN_PLACE:
        return weft_block_in_place(work, j);
    default:
        return weft_blocking(work, j);
    }
}

struct victim {
    struct race *race;
    uint32_t random;
    enum kind kind;
};

/* One call that is raced for. Its outcome is told by its code alone. */
static int be_raced(void *arg)
{
    struct victim *v = arg;
    struct race *r = v->race;
    enum kind kind = v->kind;
    struct job *j = malloc(sizeof *j);
    int rc;

    CHECK_NOT_NULL(j);
    *j = (struct job){r, v->random};
    atomic_fetch_add(&r->calls, 1);
    rc = call(j, kind);
    if (rc == WEFT_ECANCELED) {
        atomic_fetch_add(&r->canceled, 1);
        if (kind != ABANDONED)
            free(j);
    } else {
        CHECK_RC(rc, 5);
        atomic_fetch_add(&r->done, 1);
        free(j);
    }
    return 0;
}

enum { AT_ONCE = 4 };

/* Now before they begin, now while they run, now when they have ended. */
static void wait_some(struct race *r, bool until_one_has_begun, int entered, uint32_t *random)
{
    while (until_one_has_begun && atomic_load(&r->entered) == entered) {
        CHECK_OK(weft_yield());
        sched_yield(); /* on one core the worker must not keep it from the threads */
    }
    for (uint32_t turns = random_next(random) % (until_one_has_begun ? LONG : 8); turns > 0; turns--) {
        if (!until_one_has_begun)
            CHECK_OK(weft_yield());
        random_pause(random);
    }
}

static int race(void *arg)
{
    struct race *r = arg;
    uint32_t random = r->seed;
    int n = r->left;

    for (int i = 0; i < n; i += AT_ONCE) {
        struct victim v[AT_ONCE];
        weft_group *g = weft_group_open(NULL);
        int entered = atomic_load(&r->entered);

        for (int k = 0; k < AT_ONCE; k++) {
            v[k] = (struct victim){r, random_next(&random), (enum kind)(r->kind != KINDS ? r->kind : k % KINDS)};
            CHECK_OK(weft_spawn(g, be_raced, &v[k]));
        }
        wait_some(r, i / AT_ONCE % 2 == 1, entered, &random);
        CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}

static void race_for(enum kind kind, int n, unsigned threads)
{
    struct race r = {.left = n, .kind = (int)kind, .seed = 77 + threads};

    CHECK_OK(run_limited(threads, race, &r));
    CHECK_EQ(r.calls, (n + AT_ONCE - 1) / AT_ONCE * AT_ONCE);
    CHECK_EQ(r.done + r.canceled, r.calls);
    CHECK_EQ(r.entered, r.ended);
    if (kind == ABANDONED)
        CHECK_EQ(r.dropped, r.canceled); /* all of them, now that the runtime has ended */
    else if (kind != KINDS)
        CHECK_EQ(r.entered, r.done);
}

WEFT_TEST(blocking_stress, cancel_meets_the_end_of_a_call_that_is_waited_for)
{
    race_for(PLAIN, rounds(50000), 2);
    race_for(PLAIN, rounds(50000), 0);
}

WEFT_TEST(blocking_stress, cancel_meets_the_end_of_a_call_that_may_be_abandoned)
{
    /* Of which a fifth has begun when it is cancelled. */
    race_for(ABANDONED, rounds(250000), 2);
    race_for(ABANDONED, rounds(250000), 0);
}

WEFT_TEST(blocking_stress, cancel_meets_the_begin_of_a_call_in_place)
{
    race_for(IN_PLACE, rounds(50000), 2);
    race_for(IN_PLACE, rounds(50000), 0);
}

WEFT_TEST(blocking_stress, all_kinds_of_calls_share_the_threads)
{
    race_for(KINDS, rounds(30000), 3);
}

/* Threads that come and go all the time: calls meet those that are about to end. */

static int call_often(void *arg)
{
    struct race *r = arg;
    struct job j = {r, 4711};

    for (int i = 0; i < r->left; i++) {
        CHECK_RC(call(&j, i % 2 == 0 ? PLAIN : IN_PLACE), 5);
        if (i % 4 == 0)
            CHECK_OK(weft_sleep_ms(1));
    }
    return 0;
}

static int call_from_some(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 4; i++)
        CHECK_OK(weft_spawn(g, call_often, arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(blocking_stress, calls_meet_threads_that_are_about_to_end)
{
    struct race r = {.left = rounds(4000)};

    CHECK_OK(weft_run_with(
        call_from_some, &r,
        &(weft_runtime_options){.workers = test_workers(), .blocking_threads = 3, .blocking_idle_ms = 1}));
    CHECK_EQ(r.entered, 4 * r.left);
    CHECK_EQ(r.ended, 4 * r.left);
}

/* A pool that is destroyed as soon as its last call has returned, or before. */

struct short_lived {
    weft_pool *pool;
    atomic_int ran;
};

static int call_once(void *arg)
{
    struct short_lived *s = arg;

    return weft_blocking_with(s->pool, count, &s->ran, NULL);
}

static int make_and_destroy(void *arg)
{
    int n = *(int *)arg;

    for (int i = 0; i < n; i++) {
        struct short_lived s = {.ran = 0};
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_pool_create(&s.pool, &(weft_pool_options){.threads = 2, .idle_ms = 1 + (unsigned)i % 3}));
        for (int k = 0; k < 3; k++)
            CHECK_OK(weft_spawn(g, call_once, &s));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        weft_pool_destroy(s.pool);
        CHECK_EQ(s.ran, 3);
    }
    return 0;
}

WEFT_TEST(blocking_stress, pools_are_destroyed_as_soon_as_their_last_call_has_returned)
{
    int n = rounds(3000);

    CHECK_OK(test_run(make_and_destroy, &n));
}
