/* SPDX-License-Identifier: MIT */
/* Numbers and names of tasks. */
#include <string.h>

#include "tests/sched/tasks.h"

enum { MANY = TEST_TSAN ? 300 : 10000, SUCCESSORS = 2000 };

struct ids {
    atomic_int begun, moved;
    uint64_t of[MANY > SUCCESSORS ? MANY : SUCCESSORS];
};

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void check_unique(uint64_t *ids, size_t n)
{
    qsort(ids, n, sizeof *ids, compare);
    CHECK_NE(ids[0], 0);
    for (size_t i = 1; i < n; i++)
        CHECK_NE(ids[i], ids[i - 1]);
}

/* All alive at once. */
static int keep_id(void *arg)
{
    struct ids *ids = arg;
    int i = atomic_fetch_add(&ids->begun, 1);

    ids->of[i] = weft_task_id();
    if (i % 4 == 0)
        CHECK_OK(weft_yield());
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK_EQ(weft_task_id(), ids->of[i]);
    return 0;
}

static int keep_ids(void *arg)
{
    struct ids *ids = arg;
    weft_group *g = weft_group_open(NULL);
    uint64_t mine = weft_task_id();

    for (int i = 0; i < MANY; i++)
        CHECK_OK(weft_spawn_with(g, keep_id, ids, &(weft_task_options){.priority = i % 3 - 1, .pinned = i % 7 == 0}));
    yield_until(&ids->begun, MANY);
    weft_group_close(g); /* cancels them */
    CHECK_EQ(weft_task_id(), mine);
    for (int i = 0; i < MANY; i++)
        CHECK_NE(ids->of[i], mine);
    check_unique(ids->of, MANY);
    return 0;
}

WEFT_TEST(task_id, no_two_live_tasks_have_the_same)
{
    static struct ids ids;

    CHECK_OK(test_run(keep_ids, &ids));
}

/* One after another, so that they use the same few records. */
static int note_id(void *arg)
{
    struct ids *ids = arg;
    int i = atomic_fetch_add(&ids->begun, 1);

    ids->of[i] = weft_task_id();
    if (i % 2 == 0) {
        CHECK_OK(weft_yield());
        CHECK_EQ(weft_task_id(), ids->of[i]);
    }
    return 0;
}

static int note_ids(void *arg)
{
    struct ids *ids = arg;
    weft_group *g = weft_group_open(NULL);
    uint64_t mine = weft_task_id();

    for (int i = 0; i < SUCCESSORS; i++) {
        CHECK_OK(weft_spawn(g, note_id, ids));
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(weft_task_id(), mine);
    }
    weft_group_close(g);
    check_unique(ids->of, SUCCESSORS);
    return 0;
}

WEFT_TEST(task_id, no_task_has_that_of_an_earlier_one)
{
    static struct ids ids;

    CHECK_OK(test_run(note_ids, &ids));
}

static int note_one(void *arg)
{
    *(uint64_t *)arg = weft_task_id();
    return 0;
}

WEFT_TEST(task_id, tasks_that_threads_bring_have_their_own)
{
    uint64_t ids[100];
    weft_runtime *rt;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_runtime_run(rt, note_one, &ids[i]));
    weft_runtime_destroy(rt);
    check_unique(ids, 100);
}

/* Wherever a task goes on. With several workers it is mostly another than the last. */
static int move_about(void *arg)
{
    struct ids *ids = arg;
    uint64_t mine = weft_task_id();

    CHECK_STR_EQ(weft_task_name(), "mover");
    for (int i = 0; i < 500; i++) {
        CHECK_OK(i % 50 == 0 ? weft_sleep_ms(1) : weft_yield());
        CHECK_EQ(weft_task_id(), mine);
        CHECK_STR_EQ(weft_task_name(), "mover");
    }
    atomic_fetch_add(&ids->moved, 1);
    return 0;
}

static int move_many(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn_with(g, move_about, arg, &(weft_task_options){.name = "mover"}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(task_id, number_and_name_stay_over_suspensions)
{
    static struct ids ids;

    CHECK_OK(test_run(move_many, &ids));
    CHECK_EQ(ids.moved, 20);
}

/* Names. */

static int check_name(void *arg)
{
    const char *name = arg;

    CHECK_STR_EQ(weft_task_name(), name);
    CHECK_OK(weft_yield());
    CHECK_STR_EQ(weft_task_name(), name);
    return 0;
}

static int name_children(void *arg)
{
    static char names[3][8] = {"one", "two", "three"};
    weft_group *g = weft_group_open(NULL);

    CHECK_NULL(weft_task_name());
    for (int i = 0; i < 60; i++) {
        char *name = i % 4 < 3 ? names[i % 4] : NULL;

        CHECK_OK(weft_spawn_with(g, check_name, name,
                                 &(weft_task_options){.name = name, .priority = i % 5 == 0, .pinned = i % 7 == 0}));
        CHECK_OK(weft_spawn(g, check_name, NULL)); /* a record that had a name has none */
        if (i % 10 == 9)
            CHECK_OK(weft_group_wait(g));
        CHECK_NULL(weft_task_name());
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_NULL(weft_task_name());
    return count(arg);
}

WEFT_TEST(task_id, names_are_those_that_were_given)
{
    atomic_int n = 0;

    CHECK_OK(test_run(name_children, &n));
    CHECK_EQ(n, 1);
}

WEFT_TEST(task_id, nobody_but_a_task_has_a_number_or_a_name)
{
    atomic_int n = 0;

    CHECK_EQ(weft_task_id(), 0);
    CHECK_NULL(weft_task_name());
    CHECK_OK(test_run(name_children, &n));
    CHECK_EQ(weft_task_id(), 0);
    CHECK_NULL(weft_task_name());
}
