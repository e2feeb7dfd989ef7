/* SPDX-License-Identifier: MIT */
/* Groups that live for months: a million children, a few at a time, leave nothing behind while the group is open. */
#include "tests/sched/leftovers.h"
#include "tests/sched/process.h"

enum { AT_A_TIME = 8, SLACK_BYTES = 128 << 10, CACHED_BYTES = 32 << 10 };

#ifdef WEFT_DEBUG
enum { CHILDREN = TEST_TSAN ? 20000 : TEST_ASAN ? 50000 : 200000 };
#else
enum { CHILDREN = 1000000 };
#endif

static int total(void)
{
    return test_under_valgrind() ? 5000 : CHILDREN;
}

/* How a child is spawned, and what becomes of its handle. */
enum way { PLAIN, NAMED, DROPPED, JOINED, IN_ORDER, DETACHED, FAILING, WAYS };

struct server {
    enum way way;
    weft_group *g;
    int waiting; /* handles that weft_group_next() is to give out */
    int spawned;
    atomic_int entered, ended;
};

static int request(void *arg)
{
    struct server *s = arg;
    int n = atomic_fetch_add(&s->entered, 1), rc = s->way == FAILING ? -EPROTO : 0;

    if (n % 16 == 0)
        (void)weft_yield();
    atomic_fetch_add(&s->ended, 1); /* of a detached task nothing else says so */
    return rc;
}

static void collect(struct server *s, int most)
{
    weft_task *done;

    for (; s->waiting > most; s->waiting--) {
        CHECK_OK(weft_group_next(s->g, &done));
        CHECK_OK(weft_task_code(done));
        weft_task_release(done);
    }
}

static void serve_one(struct server *s)
{
    weft_task *t;

    switch (s->way) {
    case PLAIN:
    case FAILING:
        CHECK_OK(weft_spawn(s->g, request, s));
        break;
    case NAMED:
        CHECK_OK(weft_spawn_with(s->g, request, s, &(weft_task_options){.name = "request"}));
        break;
    case DETACHED:
        CHECK_OK(weft_spawn_detached(request, s, NULL));
        break;
    default:
        t = weft_spawn_task(s->g, request, s, NULL);
        CHECK_NOT_NULL(t);
        if (s->way == JOINED)
            CHECK_OK(weft_task_join(t));
        if (s->way == IN_ORDER)
            s->waiting++;
        else
            weft_task_release(t);
        break;
    }
}

static size_t alive(struct server *s)
{
    return s->way == DETACHED ? (size_t)(s->spawned - atomic_load(&s->ended)) : weft_group_live(s->g);
}

static void serve(struct server *s, int n)
{
    for (int i = 0; i < n; i++) {
        serve_one(s);
        s->spawned++;
        collect(s, AT_A_TIME);
        while (alive(s) >= AT_A_TIME)
            CHECK_OK(weft_yield());
    }
    collect(s, 0);
    while (alive(s) > 0 || weft_tasks(weft_runtime_current(), NULL, 0) > 1)
        CHECK_OK(weft_yield());
}

/* Stacks that hold tasks, or the loops of workers, of which each may have one more at hand. */
static void check_stacks(void)
{
    weft_runtime_stats stats;

    weft_stats(weft_runtime_current(), &stats);
    CHECK_LE(stats.stacks_live, 2 * stats.workers + AT_A_TIME);
}

static int months(void *arg)
{
    int n = total();

    (void)arg;
    for (enum way way = PLAIN; way < WAYS; way++)
        for (int limited = 0; limited < 2; limited++) {
            struct server s = {.way = way};
            struct process_state before, after;
            int of_this = way == PLAIN ? n : n / 10;

            s.g = weft_group_open(&(weft_group_options){.limit = limited != 0 ? AT_A_TIME / 2 : 0,
                                                        .policy = way == FAILING ? WEFT_WAIT_ALL : WEFT_FAIL_FAST,
                                                        .max_errors = 3});
            serve(&s, of_this / 10);
            before = process_look();
            serve(&s, of_this);
            after = process_look();
            CHECK_EQ(atomic_load(&s.entered), of_this / 10 + of_this);
            /* A byte for each child would be seen. */
            /* Where the heap shows it, a record for each child would be seen; some more lie in the caches of workers. */
            CHECK_LT(after.heap_bytes, before.heap_bytes + SLACK_BYTES + CACHED_BYTES * (long)test_workers());
            check_stacks();
            CHECK_EQ(after.threads, before.threads);
            CHECK_EQ(after.descriptors, before.descriptors);
            CHECK_EQ(weft_tasks(weft_runtime_current(), NULL, 0), 1);
            CHECK_EQ(weft_group_live(s.g), 0);
            if (way == FAILING) {
                weft_error e;

                CHECK_EQ(weft_group_failed(s.g), of_this / 10 + of_this);
                CHECK_OK(weft_group_error(s.g, 2, &e));
                CHECK_RC(weft_group_error(s.g, 3, &e), WEFT_EEMPTY);
            }
            CHECK_RC(weft_group_wait(s.g), way == FAILING ? -EPROTO : 0);
            weft_group_close(s.g);
        }
    return 0;
}

static void forget(const weft_error *e, void *arg)
{
    (void)e;
    (void)arg;
}

WEFT_TEST(rules_months, group_holds_nothing_of_a_million_finished_children)
{
    weft_runtime *rt;

    process_prepare();
    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers(), .on_error = forget}));
    CHECK_OK(weft_runtime_run(rt, months, NULL));
    leftovers_check(rt);
    weft_runtime_destroy(rt);
}
