/* SPDX-License-Identifier: MIT */
/* What weft/task.h promises of priorities: who has more turns on a worker, and that everybody has some. */
#include "sched/runtime.h"

#include "tests/sched/hold.h"

static const weft_task_options levels[] = {
    {.priority = WEFT_PRIORITY_LOW}, {.priority = WEFT_PRIORITY_NORMAL}, {.priority = WEFT_PRIORITY_HIGH}};

enum { LOW, NORMAL, HIGH, LEVELS, OF_EACH = 8 };

/* Options. */

static int ask_for_too_much(void *arg)
{
    static const weft_task_options bad[] = {{.priority = WEFT_PRIORITY_HIGH + 1},
                                            {.priority = WEFT_PRIORITY_LOW - 1},
                                            {.priority = INT32_MAX},
                                            {.priority = INT32_MIN},
                                            {.reserved = {1}},
                                            {.reserved = {0, 1}},
                                            {.reserved = {0, 0, 1}},
                                            {.reserved = {0, 0, 0, UINT64_MAX}},
                                            {.stack_size = ((size_t)64 << 20) + 1},
                                            {.stack_size = SIZE_MAX},
                                            {.pinned = true, .priority = 7}};
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_RC(weft_spawn_with(g, count, &n, &bad[i]), WEFT_EINVAL);
    CHECK(!weft_group_canceled(g));
    CHECK_OK(weft_spawn_with(g, count, &n, NULL));
    CHECK_OK(weft_spawn_with(g, count, &n, &(weft_task_options){0}));
    for (int level = LOW; level <= HIGH; level++)
        CHECK_OK(weft_spawn_with(g, count, &n, &levels[level]));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(atomic_load(&n), 2 + LEVELS);
    weft_group_close(g);
    CHECK_RC(weft_spawn_with(NULL, count, &n, &levels[HIGH]), WEFT_ENOMEM);
    CHECK_EQ(atomic_load(&n), 2 + LEVELS);
    return 0;
}

WEFT_TEST(priority, options_are_checked_and_the_group_does_not_fail_by_them)
{
    atomic_int n = 0;

    CHECK_OK(test_run(ask_for_too_much, NULL));
    CHECK_RC(weft_spawn_with(NULL, count, &n, &levels[HIGH]), WEFT_ENOTASK);
    CHECK_EQ(n, 0);
}

static int spawn_into_canceled(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_group_cancel(g));
    for (int level = LOW; level <= HIGH; level++)
        CHECK_RC(weft_spawn_with(g, count, arg, &levels[level]), WEFT_ECANCELED);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(priority, spawn_into_a_canceled_group_is_refused)
{
    atomic_int n = 0;

    CHECK_OK(test_run(spawn_into_canceled, &n));
    CHECK_EQ(n, 0);
}

/* Turns: some tasks of each level that are ready all the time, and give way in one of several manners. */

enum manner { YIELDING, TALKING, RENEWING, MANNERS };

struct race {
    enum manner manner;
    int total, least; /* turns in all, and of each level, until it ends */
    atomic_int begun, stop, turns[LEVELS], all;
};

struct runner {
    struct race *race;
    int level;
    weft_group *g;
    weft_chan *c;
    struct runner *other;
};

enum { RACE = 16000 };

/* Takes a turn, and says whether the race goes on. */
static bool take_turn(struct runner *r)
{
    struct race *race = r->race;
    bool enough = true;

    if (atomic_load(&race->begun) < LEVELS * OF_EACH)
        return true; /* not all of them want turns yet */
    atomic_fetch_add(&race->turns[r->level], 1);
    enough = atomic_fetch_add(&race->all, 1) + 1 >= race->total;
    for (int level = LOW; level <= HIGH; level++)
        enough = enough && atomic_load(&race->turns[level]) >= race->least;
    if (enough)
        atomic_store(&race->stop, 1);
    return atomic_load(&race->stop) == 0;
}

static int yield_in_race(void *arg)
{
    struct runner *r = arg;

    atomic_fetch_add(&r->race->begun, 1);
    while (take_turn(r))
        CHECK_OK(weft_yield());
    return 0;
}

/* Two of these wake each other, so that one of them waits in the queue of its level. */
static int talk_in_race(void *arg)
{
    struct runner *r = arg;
    int item = 0;

    atomic_fetch_add(&r->race->begun, 1);
    if (r < r->other)
        CHECK_OK(weft_chan_recv(r->c, &item));
    while (take_turn(r)) {
        CHECK_OK(weft_chan_send(r->other->c, &item));
        CHECK_OK(weft_chan_recv(r->c, &item));
    }
    return weft_chan_send(r->other->c, &item);
}

/* Each task is followed by a new one of its level. */
static int renew_in_race(void *arg)
{
    struct runner *r = arg;

    if (atomic_load(&r->race->begun) < LEVELS * OF_EACH)
        atomic_fetch_add(&r->race->begun, 1);
    if (take_turn(r))
        CHECK_OK(weft_spawn_with(r->g, renew_in_race, r, &levels[r->level]));
    return 0;
}

static int run_race(void *arg)
{
    static const weft_fn manners[] = {yield_in_race, talk_in_race, renew_in_race};
    struct race *race = arg;
    struct runner runners[LEVELS][OF_EACH];
    weft_group *g = weft_group_open(NULL);

    for (int level = LOW; level <= HIGH; level++)
        for (int i = 0; i < OF_EACH; i++)
            runners[level][i] =
                (struct runner){race, level, g, weft_chan_create(sizeof(int), 2), &runners[level][i ^ 1]};
    for (int level = LOW; level <= HIGH; level++)
        for (int i = 0; i < OF_EACH; i++)
            CHECK_OK(weft_spawn_with(g, manners[race->manner], &runners[level][i], &levels[level]));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int level = LOW; level <= HIGH; level++)
        for (int i = 0; i < OF_EACH; i++)
            weft_chan_destroy(runners[level][i].c);
    return 0;
}

/* Of 16 turns 9, 4 and 1; the others are the pinned tasks', of which there are none, so the normal level has 6. Looks around and
 * the hand-off slot shift a few. */
WEFT_TEST(priority, levels_have_their_shares_of_turns_on_one_worker)
{
    for (enum manner m = YIELDING; m < MANNERS; m++) {
        struct race race = {.manner = m, .total = RACE};

        CHECK_OK(run_on(1, run_race, &race));
        CHECK_GE(race.turns[LOW], RACE / 32);
        CHECK_LE(race.turns[LOW], RACE / 8);
        CHECK_GE(race.turns[NORMAL], RACE / 4);
        CHECK_LE(race.turns[NORMAL], RACE / 2);
        CHECK_GE(race.turns[HIGH], RACE * 9 / 20);
        CHECK_LE(race.turns[HIGH], RACE * 7 / 10);
    }
}

WEFT_TEST(priority, no_level_waits_for_ever)
{
    for (enum manner m = YIELDING; m < MANNERS; m++) {
        struct race race = {.manner = m, .least = 500};

        CHECK_OK(test_run(run_race, &race));
    }
}

/* Tasks of two levels, the one all the time ready, the other asleep or waiting: who waits comes back to its own level. */

struct guard {
    atomic_int stop, low_turns, high_turns;
    int woken;
};

static int low_turns(void *arg)
{
    struct guard *g = arg;

    while (atomic_load(&g->stop) == 0) {
        atomic_fetch_add(&g->low_turns, 1);
        CHECK_OK(weft_yield());
    }
    return 0;
}

/* Between its wake-up, by a timer or by a task, and its turn, few of the low ones have theirs. */
static int wake_among_low(void *arg)
{
    struct guard *g = arg;

    for (int i = 0; i < 50; i++) {
        int before = atomic_load(&g->low_turns);

        for (int j = 0; j < 20; j++)
            CHECK_OK(weft_yield());
        /* Of the 20 turns that went to others one in two was a low one's at the most, as each yield lets another run first. */
        CHECK_LE(atomic_load(&g->low_turns) - before, 20 + 2);
        CHECK_OK(weft_sleep_ms(1));
        g->woken++;
    }
    atomic_store(&g->stop, 1);
    return 0;
}

static int guard_among_low(void *arg)
{
    struct guard guard = {0};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_spawn_with(g, low_turns, &guard, &levels[LOW]));
    CHECK_OK(weft_spawn_with(g, wake_among_low, &guard, &levels[HIGH]));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(guard.woken, 50);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(priority, high_task_among_many_low_ones_has_its_turn_at_once_after_each_wait)
{
    CHECK_OK(run_on(1, guard_among_low, NULL));
}

/* Stealing: whatever the level, tasks that are ready behind one that holds its thread go on. */

struct behind {
    atomic_int ended[LEVELS];
    int level;
    enum way way;
};

static int end_behind(void *arg)
{
    struct behind *b = arg;

    CHECK_OK(weft_yield());
    atomic_fetch_add(&b->ended[b->level], 1);
    return 0;
}

static int hold_each_level(void *arg)
{
    struct behind b = {.way = *(enum way *)arg};

    for (b.level = LOW; b.level <= HIGH; b.level++) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 50; i++)
            CHECK_OK(weft_spawn_with(g, end_behind, &b, &levels[b.level]));
        hold_until(b.way, &b.ended[b.level], 50, "tasks of a level");
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}

WEFT_TEST(priority, tasks_of_each_level_are_stolen)
{
    for (enum way way = COMPUTING; way < WAYS; way++)
        CHECK_OK(run_on(test_workers() > 1 ? test_workers() : 2, hold_each_level, &way));
}

/* Tasks that compute, and are made to yield only by the monitor. */

struct greed {
    int level;
    atomic_int stop, spun, others[LEVELS];
};

static int compute_until_stopped(void *arg)
{
    struct greed *g = arg;
    weft_group *empty = weft_group_open(NULL);

    while (atomic_load(&g->stop) == 0) {
        atomic_fetch_add(&g->spun, 1);
        CHECK_OK(weft_group_wait(empty)); /* a checkpoint that never waits */
    }
    weft_group_close(empty);
    return 0;
}

static int have_turns(void *arg)
{
    atomic_int *turns = arg;

    for (int i = 0; i < 10; i++) {
        CHECK_OK(weft_yield());
        atomic_fetch_add(turns, 1);
    }
    return 0;
}

static int beside_greed(void *arg)
{
    struct greed *greed = arg;
    weft_group *g = weft_group_open(NULL), *others;

    for (int i = 0; i < 2; i++)
        CHECK_OK(weft_spawn_with(g, compute_until_stopped, greed, &levels[greed->level]));
    yield_until(&greed->spun, 1);
    others = weft_group_open(NULL);
    for (int level = LOW; level <= HIGH; level++)
        CHECK_OK(weft_spawn_with(others, have_turns, &greed->others[level], &levels[level]));
    CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(weft_group_wait(others));
    weft_group_close(others);
    atomic_store(&greed->stop, 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

/* Whoever computes, on one worker everybody else ends. */
WEFT_TEST(priority, task_that_computes_starves_no_level)
{
    for (int level = LOW; level <= HIGH; level++) {
        struct greed greed = {.level = level};

        CHECK_OK(run_on(1, beside_greed, &greed));
        for (int i = LOW; i <= HIGH; i++)
            CHECK_EQ(greed.others[i], 10);
    }
}

/* Joins. */

struct above {
    char *owner; /* its frame */
    uint64_t owner_id;
    atomic_int ran;
};

static int run_apart(void *arg)
{
    struct above *a = arg;

    CHECK_NE(weft_task_id(), a->owner_id);
    CHECK(weft_task_id() != 0);
    atomic_fetch_add(&a->ran, 1);
    return 0;
}

static bool on_stack_of(const struct weft__stack *s, const char *at)
{
    return at >= s->low && at < (const char *)s;
}

static int see_stack_apart(void *arg)
{
    struct above *a = arg;

    CHECK(!on_stack_of(weft__task_self()->stack, a->owner));
    return run_apart(arg);
}

static int see_stack_of_owner(void *arg)
{
    struct above *a = arg;

    CHECK(on_stack_of(weft__task_self()->stack, a->owner));
    return run_apart(arg);
}

static int join_levels(void *arg)
{
    struct above a = {.owner = __builtin_frame_address(0), .owner_id = weft_task_id()};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 50; i++) {
        CHECK_OK(weft_spawn_with(g, see_stack_apart, &a, &levels[i % 2 == 0 ? LOW : HIGH]));
        CHECK_OK(weft_spawn_with(g, see_stack_apart, &a, &(weft_task_options){.pinned = true}));
    }
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(atomic_load(&a.ran), 100);
    CHECK_OK(weft_spawn_with(g, see_stack_of_owner, &a, &(weft_task_options){.name = "a name alone"}));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(atomic_load(&a.ran), 101);
    weft_group_close(g);
    return 0;
}

/* A wait that called them above its frames would give them its own level. */
WEFT_TEST(priority, joins_park_for_tasks_of_other_levels)
{
    CHECK_OK(run_on(1, join_levels, NULL));
}

/* The end of the owner's function, and a cancellation, with tasks of each level in all states. */

static int leave_behind(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 60; i++)
        CHECK_OK(weft_spawn_with(g, i % 2 == 0 ? count_and_sleep_forever : count, arg, &levels[i % 3]));
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_yield());
    return 0; /* closes the group */
}

WEFT_TEST(priority, tasks_of_each_level_are_entered_also_when_they_are_canceled_first)
{
    for (int i = 1; i <= 20; i++) {
        atomic_int n = 0;

        CHECK_OK(test_run(leave_behind, &n));
        CHECK_EQ(n, 60);
    }
}
