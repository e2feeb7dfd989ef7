/* SPDX-License-Identifier: MIT */
/* Tasks that end and still hold a mutex. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sched/process.h"
#include "tests/sync/locks.h"

struct leaver {
    weft_mutex *mutex;
    _Atomic bool got, let_go;
    int rc;
};

/* Ends without unlocking. */
static int leave(void *arg)
{
    struct leaver *l = arg;

    CHECK_OK(weft_mutex_lock(l->mutex));
    l->got = true;
    while (!l->let_go)
        CHECK_OK(weft_yield());
    return l->rc;
}

static int leave_at_once(void *arg)
{
    CHECK_OK(weft_mutex_lock(arg));
    return 0;
}

static void break_it(weft_mutex *m)
{
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, leave_at_once, m);
        CHECK_OK(weft_group_wait(g));
    }
}

TASK_TEST(mutex_broken, is_what_a_task_leaves_that_ends_while_it_holds_one)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    break_it(&m);
    for (int i = 0; i < 3; i++) {
        CHECK_RC(weft_mutex_lock(&m), WEFT_EBROKEN);
        CHECK_RC(weft_mutex_try_lock(&m), WEFT_EBROKEN);
        CHECK_RC(weft_mutex_unlock(&m), WEFT_EPERM);
        CHECK(!weft_mutex_owned(&m));
    }
    CHECK_OK(weft_mutex_fini(&m));
    CHECK_OK(weft_mutex_lock(&m)); /* as after init */
    CHECK_OK(weft_mutex_unlock(&m));
    return 0;
}

TASK_TEST(mutex_broken, those_who_wait_are_told)
{
    enum { WAITERS = 4 };
    weft_mutex m = WEFT_MUTEX_INIT;
    struct leaver l = {.mutex = &m};
    struct locks_holder w[WAITERS];

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, leave, &l);
        locks_await(&l.got);
        for (int i = 0; i < WAITERS; i++) {
            w[i] = (struct locks_holder){.mutex = &m, .let_go = true};
            locks_begin(g, &w[i]);
        }
        l.let_go = true;
        CHECK_OK(weft_group_wait(g));
    }
    for (int i = 0; i < WAITERS; i++)
        CHECK_RC(w[i].result, WEFT_EBROKEN);
    return 0;
}

TASK_TEST(mutex_broken, who_repairs_it_holds_it)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    break_it(&m);
    CHECK_OK(weft_mutex_repair(&m));
    CHECK(weft_mutex_owned(&m));
    CHECK_RC(weft_mutex_repair(&m), WEFT_EALREADY);
    CHECK_OK(weft_mutex_unlock(&m));
    CHECK_RC(weft_mutex_repair(&m), WEFT_EALREADY);
    CHECK_OK(weft_mutex_lock(&m));
    CHECK_OK(weft_mutex_unlock(&m));
    /* And it can break again. */
    break_it(&m);
    CHECK_RC(weft_mutex_lock(&m), WEFT_EBROKEN);
    return 0;
}

/* Whatever the task has beside its record, and however it ends. */

TASK_TEST(mutex_broken, by_tasks_of_every_kind)
{
    static const weft_task_options kinds[] = {
        {.name = "named"}, {.pinned = true}, {.priority = WEFT_PRIORITY_HIGH}, {.stack_size = 256 << 10}};
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        WEFT_GROUP(g, NULL)
        {
            weft_task *task = weft_spawn_task(g, leave_at_once, &m, &kinds[i]);
            CHECK_NOT_NULL(task);
            CHECK_OK(weft_task_join(task));
            /* Who has waited for the task finds it broken. */
            CHECK_RC(weft_mutex_try_lock(&m), WEFT_EBROKEN);
            weft_task_release(task);
        }
        CHECK_OK(weft_mutex_repair(&m));
        CHECK_OK(weft_mutex_unlock(&m));
    }
    return 0;
}

TASK_TEST(mutex_broken, by_a_task_that_fails)
{
    weft_mutex m = WEFT_MUTEX_INIT;
    struct leaver l = {.mutex = &m, .let_go = true, .rc = WEFT_EINVAL};

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, leave, &l);
        CHECK_RC(weft_group_wait(g), WEFT_EINVAL);
    }
    CHECK_RC(weft_mutex_lock(&m), WEFT_EBROKEN);
    return 0;
}

/* Many, so that the end of the task takes long. */

enum { MANY = 20000 };

static int leave_many(void *arg)
{
    weft_mutex *m = arg;

    for (int i = 0; i < MANY; i++)
        CHECK_OK(weft_mutex_lock(&m[i]));
    return 0;
}

WEFT_TEST(mutex_broken, when_the_thread_that_has_run_the_task_goes_on)
{
    weft_mutex *m = calloc(MANY, sizeof *m);
    weft_runtime *rt;

    CHECK_NOT_NULL(m);
    CHECK_OK(weft_runtime_create(&rt, NULL));
    for (int round = 0; round < 5; round++) {
        CHECK_OK(weft_runtime_run(rt, leave_many, m));
        for (int i = 0; i < MANY; i++)
            CHECK_OK(weft_mutex_fini(&m[i])); /* the first was told last. Not held, and free once more */
    }
    weft_runtime_destroy(rt);
    free(m);
}

static void unlock(void *value)
{
    CHECK_OK(weft_mutex_unlock(value));
}

static int leave_it_to_a_local(void *arg)
{
    static const weft_local guard = {unlock};

    CHECK_OK(weft_local_set(&guard, arg));
    return leave_at_once(arg);
}

TASK_TEST(mutex_broken, is_not_what_a_local_of_the_task_unlocks)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    for (int named = 0; named < 2; named++) {
        WEFT_GROUP(g, NULL)
        {
            weft_spawn_with(g, leave_it_to_a_local, &m, &(weft_task_options){.name = named ? "named" : NULL});
            CHECK_OK(weft_group_wait(g));
        }
        CHECK_OK(weft_mutex_lock(&m));
        CHECK_OK(weft_mutex_unlock(&m));
    }
    return 0;
}

static weft_local drops_a_lock;

static int leave_with_a_local(void *arg)
{
    CHECK_OK(weft_local_set(&drops_a_lock, arg));
    return leave_at_once(arg);
}

TASK_TEST(mutex_broken, by_a_task_with_locals)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, leave_with_a_local, &m);
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_RC(weft_mutex_lock(&m), WEFT_EBROKEN);
    return 0;
}

static int leave_with_a_scope_and_a_child(void *arg)
{
    struct locks_holder *waits = arg;
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_mutex_lock(waits->mutex));
    CHECK_NOT_NULL(weft_scope_open(0));
    locks_begin(g, waits);
    return 0;
}

/* What it has left open is closed first: its child, which waits for the mutex, is cancelled. */
TASK_TEST(mutex_broken, after_what_the_task_has_left_open_is_closed)
{
    weft_mutex m = WEFT_MUTEX_INIT;
    struct locks_holder waits = {.mutex = &m};

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, leave_with_a_scope_and_a_child, &waits);
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_RC(waits.result, WEFT_ECANCELED);
    CHECK_RC(weft_mutex_lock(&m), WEFT_EBROKEN);
    return 0;
}

/* Of several, those that are still held, in whatever order the others were unlocked. */

struct several {
    weft_mutex m[4];
    unsigned unlock[4], count;
};

static int leave_some(void *arg)
{
    struct several *s = arg;

    for (int i = 0; i < 4; i++)
        CHECK_OK(weft_mutex_lock(&s->m[i]));
    for (unsigned i = 0; i < s->count; i++)
        CHECK_OK(weft_mutex_unlock(&s->m[s->unlock[i]]));
    return 0;
}

TASK_TEST(mutex_broken, are_those_of_several_that_are_still_held)
{
    static const struct several plans[] = {{.count = 0},
                                           {.unlock = {0}, .count = 1},
                                           {.unlock = {3, 1}, .count = 2},
                                           {.unlock = {1, 2, 3}, .count = 3},
                                           {.unlock = {0, 1, 2, 3}, .count = 4}};

    (void)arg;
    for (size_t p = 0; p < sizeof plans / sizeof plans[0]; p++) {
        struct several s = plans[p];
        bool held[4] = {true, true, true, true};

        WEFT_GROUP(g, NULL)
        {
            weft_spawn(g, leave_some, &s);
            CHECK_OK(weft_group_wait(g));
        }
        for (unsigned i = 0; i < s.count; i++)
            held[s.unlock[i]] = false;
        for (int i = 0; i < 4; i++)
            CHECK_RC(weft_mutex_try_lock(&s.m[i]), held[i] ? WEFT_EBROKEN : 0);
        for (int i = 0; i < 4; i++)
            if (!held[i])
                CHECK_OK(weft_mutex_unlock(&s.m[i]));
    }
    return 0;
}

/* The half of a join is the calling task, or one of its own. */
static int half_nothing(void *arg)
{
    (void)arg;
    return 0;
}

TASK_TEST(mutex_broken, or_the_callers_is_what_half_of_a_join_leaves)
{
    weft_mutex m = WEFT_MUTEX_INIT;

    (void)arg;
    for (int i = 0; i < 100; i++) {
        CHECK_OK(weft_join(half_nothing, NULL, leave_at_once, &m));
        if (weft_mutex_owned(&m)) {
            CHECK_OK(weft_mutex_unlock(&m));
        } else {
            CHECK_RC(weft_mutex_lock(&m), WEFT_EBROKEN);
            CHECK_OK(weft_mutex_fini(&m));
        }
    }
    return 0;
}

/* Reports. */

static weft_mutex global = WEFT_MUTEX_INIT;
static char said[4096];

static int misuse(void *arg)
{
    (void)arg;
    CHECK_RC(weft_mutex_unlock(&global), WEFT_EPERM);
    CHECK_OK(weft_mutex_lock(&global));
    CHECK_RC(weft_mutex_lock(&global), WEFT_EDEADLK);
    CHECK_RC(weft_mutex_try_lock(&global), WEFT_EDEADLK);
    return 0;
}

static int in_its_own_frame(void *arg)
{
    weft_mutex gone = WEFT_MUTEX_INIT;

    (void)arg;
    CHECK_OK(weft_mutex_lock(&gone));
    return 0;
}

static int careless(void *arg)
{
    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, misuse, NULL);
        CHECK_OK(weft_group_wait(g));
    }
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, in_its_own_frame, NULL);
        CHECK_OK(weft_group_wait(g));
    }
    return 0;
}

static void with_debug(void)
{
    CHECK_OK(weft_run_with(careless, NULL, &(weft_runtime_options){.workers = test_workers(), .debug = true}));
}

static void without_debug(void)
{
    CHECK_OK(weft_run_with(careless, NULL, &(weft_runtime_options){.workers = test_workers()}));
}

static int times(const char *text)
{
    int n = 0;

    for (const char *at = said; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

WEFT_TEST(mutex_broken, and_every_misuse_is_named_in_debug_mode)
{
    CHECK_EQ(process_listen(with_debug, said, sizeof said), 0);
    CHECK_EQ(times("ended while it held a mutex\n"), 1);
    CHECK_EQ(times("unlocks a mutex that it does not hold\n"), 1);
    CHECK_EQ(times("locks a mutex that it holds\n"), 2);
    /* The sanitizers keep frames elsewhere. */
    if (!TEST_ASAN)
        CHECK_EQ(times("ended while it held a lock in a frame of its own, which is gone\n"), 1);
    CHECK_EQ(process_listen(without_debug, said, sizeof said), 0);
    CHECK_STR_EQ(said, "");
}
