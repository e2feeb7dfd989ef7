/* SPDX-License-Identifier: MIT */
/* Who gets a turn on a worker that is never idle: mostly on one worker, as with several the others help out. */
#include "tests/sched/tasks.h"

/* What is always ready, and a sleeper: on one worker the loop must let the timer through. */
struct busy {
    atomic_int stop;
    int kind;
};

static int loop_of_ready_checkpoints(void *arg)
{
    struct busy *b = arg;
    weft_group *empty = weft_group_open(NULL);

    while (atomic_load(&b->stop) == 0)
        switch (b->kind) {
        case 0:
            CHECK_OK(weft_yield());
            break;
        case 1:
            CHECK_OK(weft_sleep_ms(0));
            break;
        case 2:
            CHECK_OK(weft_group_wait(empty));
            break;
        case 3:
            CHECK_OK(weft_spawn(empty, nothing, NULL));
            CHECK_OK(weft_group_wait(empty));
            break;
        }
    weft_group_close(empty);
    return 0;
}

static int stop_after_a_sleep(void *arg)
{
    struct busy *b = arg;

    CHECK_OK(weft_sleep_ms(3));
    atomic_store(&b->stop, 1);
    return 0;
}

static int busy_beside_sleeper(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, loop_of_ready_checkpoints, arg));
    CHECK_OK(weft_spawn(g, loop_of_ready_checkpoints, arg));
    CHECK_OK(weft_spawn(g, stop_after_a_sleep, arg));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(fairness, loop_of_ready_checkpoints_starves_no_timer)
{
    for (int kind = 0; kind < 4; kind++) {
        struct busy b = {.kind = kind};

        CHECK_OK(run_on(1, busy_beside_sleeper, &b));
        b = (struct busy){.kind = kind};
        CHECK_OK(test_run(busy_beside_sleeper, &b));
    }
}

/* A group of many children that compute, which the waiting owner runs one after another on its own stack. */
struct crunch {
    atomic_int asleep, done, done_at_waking;
};

enum { CRUNCHES = 1000 };

static int compute_a_while(void *arg)
{
    struct crunch *c = arg;
    weft_time end = weft_now() + 300000;

    while (weft_now() < end)
        ;
    atomic_fetch_add(&c->done, 1);
    return 0;
}

static int sleep_beside(void *arg)
{
    struct crunch *c = arg;

    atomic_store(&c->asleep, 1);
    CHECK_OK(weft_sleep_ms(3));
    atomic_store(&c->done_at_waking, atomic_load(&c->done));
    return 0;
}

static int join_many_beside_sleeper(void *arg)
{
    struct crunch c = {.done_at_waking = CRUNCHES};
    weft_group *outer = weft_group_open(NULL), *g;

    (void)arg;
    CHECK_OK(weft_spawn(outer, sleep_beside, &c));
    yield_until(&c.asleep, 1);
    g = weft_group_open(NULL);
    for (int i = 0; i < CRUNCHES; i++)
        CHECK_OK(weft_spawn(g, compute_a_while, &c));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    CHECK_LT(atomic_load(&c.done_at_waking), CRUNCHES);
    return 0;
}

WEFT_TEST(fairness, join_of_many_that_compute_starves_no_timer)
{
    CHECK_OK(run_on(1, join_many_beside_sleeper, NULL));
}

/* A recursion of groups that never leaves its stack, for the same third of a second. */
static int recurse(void *arg)
{
    struct crunch *c = arg;

    for (int i = 0; i < 20; i++) {
        weft_group *g = weft_group_open(NULL);

        for (int j = 0; j < 50; j++)
            CHECK_OK(weft_spawn(g, j % 2 == 0 ? compute_a_while : nothing, c));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}

static int recurse_beside_sleeper(void *arg)
{
    struct crunch c = {.done_at_waking = CRUNCHES};
    weft_group *outer = weft_group_open(NULL), *g;

    (void)arg;
    CHECK_OK(weft_spawn(outer, sleep_beside, &c));
    yield_until(&c.asleep, 1);
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, recurse, &c));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    CHECK_LT(atomic_load(&c.done_at_waking), 500);
    return 0;
}

WEFT_TEST(fairness, recursion_of_groups_starves_no_timer)
{
    CHECK_OK(run_on(1, recurse_beside_sleeper, NULL));
}

/* New tasks beside such as yield all the time: the queue of those is never empty. */
struct crowd {
    weft_group *g;
    atomic_int stop, spawned, ended;
};

static int yield_until_stopped(void *arg)
{
    struct crowd *c = arg;

    while (atomic_load(&c->stop) == 0)
        CHECK_OK(weft_yield());
    return 0;
}

static int new_among_yielders(void *arg)
{
    struct crowd c = {.g = weft_group_open(NULL)};

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(c.g, yield_until_stopped, &c));
    for (int i = 1; i <= 100; i++) {
        int yields = 0;

        CHECK_OK(weft_spawn(c.g, count, &c.ended));
        for (; atomic_load(&c.ended) < i; yields++)
            CHECK_OK(weft_yield());
        CHECK_LE(yields, 4);
    }
    atomic_store(&c.stop, 1);
    CHECK_OK(weft_group_wait(c.g));
    weft_group_close(c.g);
    return 0;
}

WEFT_TEST(fairness, new_task_gets_its_turn_beside_tasks_that_yield)
{
    CHECK_OK(run_on(1, new_among_yielders, NULL));
}

static int spawn_and_yield(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < 1000; i++) {
        CHECK_OK(weft_spawn(c->g, count, &c->ended));
        atomic_fetch_add(&c->spawned, 1);
        CHECK_OK(weft_yield());
        CHECK_LE(atomic_load(&c->spawned) - atomic_load(&c->ended), 200);
    }
    return 0;
}

static int spawners(void *arg)
{
    struct crowd c = {.g = weft_group_open(NULL)};

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(c.g, spawn_and_yield, &c));
    CHECK_OK(weft_group_wait(c.g));
    weft_group_close(c.g);
    return 0;
}

WEFT_TEST(fairness, tasks_that_spawn_and_yield_do_not_pile_up_children)
{
    CHECK_OK(run_on(1, spawners, NULL));
}

/* Two tasks that compute for ever, and only pass checkpoints that succeed at once, and others that want short turns. */
enum manner { SLEEPING_NOT, SPAWNING, JOINING, LOOPING, MANNERS };

struct endless {
    enum manner manner;
    weft_group *g;
    atomic_int stop, rounds[2], short_ones;
};

struct greedy {
    struct endless *all;
    int i;
};

static int compute_briefly(void *arg)
{
    weft_time end = weft_now() + 1000;

    (void)arg;
    while (weft_now() < end)
        ;
    return 0;
}

static int compute_piece(size_t begin, size_t end, void *arg)
{
    (void)begin;
    (void)end;
    return compute_briefly(arg);
}

static int go_on_for_ever(void *arg)
{
    struct greedy *greedy = arg;
    struct endless *e = greedy->all;

    while (atomic_load(&e->stop) == 0) {
        switch (e->manner) {
        case SLEEPING_NOT:
            CHECK_OK(compute_briefly(NULL));
            CHECK_OK(weft_sleep_ms(0));
            break;
        case SPAWNING:
            CHECK_OK(weft_spawn(e->g, nothing, NULL));
            break;
        case JOINING:
            CHECK_OK(weft_join(compute_briefly, NULL, compute_briefly, NULL));
            break;
        default:
            CHECK_OK(weft_parallel_for_range(0, 100, 1, compute_piece, NULL));
            break;
        }
        atomic_fetch_add(&e->rounds[greedy->i], 1);
    }
    return 0;
}

/* Its turns come while the others go on, and let them go on. */
static int want_short_turns(void *arg)
{
    struct endless *e = arg;

    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_yield());
    atomic_fetch_add(&e->short_ones, 1);
    return 0;
}

static int short_turns_beside_endless(void *arg)
{
    struct endless *e = arg;
    struct greedy greedy[2] = {{e, 0}, {e, 1}};
    weft_group *g = weft_group_open(NULL);
    int seen[2];

    e->g = g;
    for (int i = 0; i < 2; i++)
        CHECK_OK(weft_spawn(g, go_on_for_ever, &greedy[i]));
    for (int round = 0; round < 3; round++) {
        weft_group *s = weft_group_open(NULL);

        for (int i = 0; i < 2; i++)
            seen[i] = atomic_load(&e->rounds[i]);
        for (int i = 0; i < 50; i++)
            CHECK_OK(weft_spawn(s, want_short_turns, e));
        CHECK_OK(weft_sleep_ms(1));
        CHECK_OK(weft_group_wait(s));
        weft_group_close(s);
        for (int i = 0; i < 2; i++)
            while (atomic_load(&e->rounds[i]) == seen[i])
                CHECK_OK(weft_yield());
    }
    CHECK_EQ(atomic_load(&e->short_ones), 150);
    atomic_store(&e->stop, 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(fairness, endless_tasks_and_short_ones_all_go_on)
{
    for (enum manner m = SLEEPING_NOT; m < MANNERS; m++) {
        struct endless e = {.manner = m};

        if (m == SPAWNING && test_under_valgrind())
            continue; /* each task that waits for its turn costs it two of at most 30,000 mappings */
        CHECK_OK(run_on(1, short_turns_beside_endless, &e));
        e = (struct endless){.manner = m};
        CHECK_OK(test_run(short_turns_beside_endless, &e));
    }
}

/* The oldest task that never ran, below a pile of newer ones that never gets smaller. */
struct pile {
    weft_group *g;
    weft_chan *done;
    atomic_int newer, oldest;
};

static int begin_oldest(void *arg)
{
    struct pile *p = arg;
    int item = 0;

    atomic_store(&p->oldest, 1);
    return p->done != NULL ? weft_chan_send(p->done, &item) : 0;
}

static int pile_up(void *arg)
{
    struct pile *p = arg;

    atomic_fetch_add(&p->newer, 1);
    if (atomic_load(&p->oldest) == 0)
        CHECK_OK(weft_spawn(p->g, pile_up, p));
    return 0;
}

static int oldest_below_a_pile(void *arg)
{
    struct pile p = {.g = weft_group_open(NULL), .done = weft_chan_create(sizeof(int), 1)};
    int item;

    (void)arg;
    CHECK_OK(weft_spawn(p.g, begin_oldest, &p));
    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn(p.g, pile_up, &p));
    CHECK_OK(weft_chan_recv(p.done, &item));
    /* At every 61st pick, but where the monitor had it look around just before: of its looks one in four goes to the oldest. */
    CHECK_LE(atomic_load(&p.newer), 4 * 61 + 30);
    CHECK_OK(weft_group_wait(p.g));
    weft_group_close(p.g);
    weft_chan_destroy(p.done);
    return 0;
}

WEFT_TEST(fairness, oldest_new_task_below_a_pile_is_begun_soon)
{
    for (int i = 0; i < 50; i++)
        CHECK_OK(run_on(1, oldest_below_a_pile, NULL));
}

/* The same where the owner, which waits for its group, calls the newest one after another, and picks nothing. */
static int oldest_below_a_joined_pile(void *arg)
{
    weft_group *outer = weft_group_open(NULL);
    struct pile p = {0};

    (void)arg;
    CHECK_OK(weft_spawn(outer, begin_oldest, &p));
    p.g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(p.g, pile_up, &p));
    CHECK_OK(weft_group_wait(p.g));
    weft_group_close(p.g);
    CHECK_EQ(atomic_load(&p.oldest), 1);
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    return 0;
}

WEFT_TEST(fairness, oldest_new_task_is_begun_beside_a_join_without_end)
{
    CHECK_OK(run_on(1, oldest_below_a_joined_pile, NULL));
    CHECK_OK(test_run(oldest_below_a_joined_pile, NULL));
}

/* A task that spawns and never waits: its children have turns, and as they are shorter than their spawns, they do not pile up. At a pace
 * that leaves enough stacks where guards cost mappings, and at full speed. There children are the longer ones in debug builds. */
enum { INTERRUPTIONS = 40, LAST = 10 };

#ifdef WEFT_DEBUG
enum { PACES = 1 };
#else
enum { PACES = 2 };
#endif

struct spawner {
    weft_group *g;
    bool fast;
    atomic_int ended;
};

static int spawn_without_end(void *arg)
{
    struct spawner *s = arg;
    int64_t spawned = 0, least = INT64_MAX;

    for (int interruptions = 0; interruptions < INTERRUPTIONS;) {
        int ended = atomic_load(&s->ended), rc;

        for (int i = 0; !s->fast && i < 5; i++)
            CHECK_OK(compute_briefly(NULL));
        rc = weft_spawn(s->g, count, &s->ended);
        if (rc == WEFT_EMAPLIMIT && s->fast)
            return 0;
        CHECK_OK(rc);
        spawned++;
        if (atomic_load(&s->ended) != ended) {
            interruptions++;
            if (interruptions > INTERRUPTIONS - LAST && spawned - ended < least)
                least = spawned - ended;
        }
    }
    /* A slice may become a long one, where the monitor has no processor; but not all of the last. */
    CHECK_LE(least, spawned / 3);
    return 0;
}

static int spawner_alone(void *arg)
{
    struct spawner *s = arg;
    weft_group *g;
    int rc;

    s->g = weft_group_open(NULL);
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, spawn_without_end, s));
    rc = weft_group_wait(g);
    if (rc != WEFT_ECANCELED) /* by the failure of the outer group */
        CHECK_OK(rc);
    weft_group_close(g);
    CHECK_RC(weft_group_wait(s->g), rc == 0 ? 0 : WEFT_EMAPLIMIT);
    CHECK(rc == 0 || s->fast);
    weft_group_close(s->g);
    return 0;
}

WEFT_TEST(fairness, task_that_spawns_without_end_has_a_bounded_backlog)
{
    if (test_under_valgrind())
        TEST_SKIP("what waits in the backlog of a few slices there takes more mappings than valgrind keeps");
    for (int fast = 0; fast < PACES; fast++) {
        struct spawner s = {.fast = fast};

        CHECK_OK(run_on(1, spawner_alone, &s));
    }
}
