/* SPDX-License-Identifier: MIT */
/* What weft/combine.h promises of weft_wait(). */
#include <limits.h>

#include "sched/platform.h"

#include "tests/sched/tasks.h"

enum { MANY = TEST_TSAN ? 300 : 10000 };

/* A task that ends with a code once it is let go. */
struct held {
    atomic_int go, begun;
    int code;
};

static int hold(void *arg)
{
    struct held *h = arg;

    atomic_store(&h->begun, 1);
    while (atomic_load(&h->go) == 0) {
        int rc = weft_sleep_ms(1);

        if (rc < 0)
            return rc;
    }
    return h->code;
}

static weft_group *open_group(void)
{
    weft_group *g = weft_group_open(&(weft_group_options){.policy = WEFT_WAIT_ALL});

    CHECK_NOT_NULL(g);
    return g;
}

static void spawn_held(weft_group *g, struct held *h, weft_task **tasks, int count)
{
    for (int i = 0; i < count; i++) {
        tasks[i] = weft_spawn_task(g, hold, &h[i], NULL);
        CHECK_NOT_NULL(tasks[i]);
    }
}

static void release_all(weft_task **tasks, int count)
{
    for (int i = 0; i < count; i++)
        weft_task_release(tasks[i]);
}

/* Lets one of the tasks go a little later. */
struct later {
    struct held *held;
    int ms;
};

static int let_go(void *arg)
{
    struct later *l = arg;

    CHECK_OK(weft_sleep_ms(l->ms));
    atomic_store(&l->held->go, 1);
    return 0;
}

static int first_completed(void *arg)
{
    struct held h[5] = {{.code = 0}};
    weft_task *tasks[5];
    weft_group *g = open_group();

    (void)arg;
    spawn_held(g, h, tasks, 5);
    CHECK_OK(weft_spawn(g, let_go, &(struct later){&h[3], 3}));
    CHECK_EQ(weft_wait(tasks, 5, WEFT_FIRST_COMPLETED), 3);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(weft_task_state(tasks[i]) == WEFT_TASK_DONE, i == 3);
    CHECK_EQ(weft_wait(tasks, 5, WEFT_FIRST_COMPLETED), 3); /* at once */
    atomic_store(&h[1].go, 1);
    CHECK_OK(weft_task_join(tasks[1]));
    CHECK_EQ(weft_wait(tasks, 5, WEFT_FIRST_COMPLETED), 1); /* the lowest of those that had */
    for (int i = 0; i < 5; i++)
        atomic_store(&h[i].go, 1);
    CHECK_OK(weft_group_wait(g));
    release_all(tasks, 5);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(wait, first_completed_returns_the_index_of_one_that_ended_and_cancels_none)
{
    CHECK_OK(test_run(first_completed, NULL));
}

static int first_error(void *arg)
{
    struct held h[4] = {{.code = 0}, {.code = 5}, {.code = -EIO}, {.code = 0}};
    weft_task *tasks[4];
    weft_group *g = open_group();

    (void)arg;
    spawn_held(g, h, tasks, 4);
    CHECK_OK(weft_task_cancel(tasks[3]));                       /* no failure */
    CHECK_OK(weft_spawn(g, let_go, &(struct later){&h[1], 2})); /* nor is a success */
    CHECK_OK(weft_spawn(g, let_go, &(struct later){&h[2], 5}));
    CHECK_EQ(weft_wait(tasks, 4, WEFT_FIRST_ERROR), 2);
    CHECK_EQ(weft_task_state(tasks[0]) != WEFT_TASK_DONE, true);
    CHECK_EQ(weft_wait(tasks, 2, WEFT_FIRST_COMPLETED) >= 0, true);
    CHECK_OK(weft_spawn(g, let_go, &(struct later){&h[0], 2}));
    CHECK_EQ(weft_wait(tasks, 2, WEFT_FIRST_ERROR), 2); /* all of the two have ended well */
    CHECK_EQ(weft_wait(tasks, 4, WEFT_FIRST_ERROR), 2); /* the third failed */
    CHECK_RC(weft_group_wait(g), -EIO);
    release_all(tasks, 4);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(wait, first_error_waits_past_successes_and_cancellations)
{
    CHECK_OK(test_run(first_error, NULL));
}

static int all_completed(void *arg)
{
    struct held h[3] = {{.code = -EIO}, {.code = 0}, {.code = -EPROTO}};
    struct later later[3];
    weft_task *tasks[3];
    weft_group *g = open_group();

    (void)arg;
    spawn_held(g, h, tasks, 3);
    for (int i = 0; i < 3; i++) {
        later[i] = (struct later){&h[i], 5 - 2 * i};
        CHECK_OK(weft_spawn(g, let_go, &later[i]));
    }
    CHECK_EQ(weft_wait(tasks, 3, WEFT_ALL_COMPLETED), 3);
    for (int i = 0; i < 3; i++)
        CHECK_RC(weft_task_code(tasks[i]), h[i].code);
    CHECK_EQ(weft_wait(tasks, 3, WEFT_ALL_COMPLETED), 3);
    CHECK_RC(weft_group_wait(g), -EPROTO);
    release_all(tasks, 3);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(wait, all_completed_waits_for_all_whatever_their_codes)
{
    CHECK_OK(test_run(all_completed, NULL));
}

static int join_itself(void *arg)
{
    weft_task *const *self = arg;

    while (*(weft_task *const volatile *)self == NULL)
        CHECK_OK(weft_yield());
    return weft_wait(self, 1, WEFT_ALL_COMPLETED);
}

static int edges(void *arg)
{
    weft_task *none[2] = {NULL, NULL}, *done;
    weft_group *g = open_group();
    weft_scope *s;

    (void)arg;
    CHECK_EQ(weft_wait(NULL, 0, WEFT_ALL_COMPLETED), 0);
    CHECK_EQ(weft_wait(NULL, 0, WEFT_FIRST_COMPLETED), 0);
    CHECK_EQ(weft_wait(NULL, 0, WEFT_FIRST_ERROR), 0);
    CHECK_RC(weft_wait(NULL, 0, (enum weft_when)3), WEFT_EINVAL);
    CHECK_RC(weft_wait(NULL, (size_t)INT_MAX + 1, WEFT_ALL_COMPLETED), WEFT_EINVAL);
    /* A spawn that was refused is a task that failed. */
    done = weft_spawn_task(g, nothing, NULL, NULL);
    CHECK_OK(weft_task_join(done));
    none[0] = done;
    CHECK_EQ(weft_wait(none, 2, WEFT_FIRST_ERROR), 1);
    CHECK_EQ(weft_wait(none, 2, WEFT_ALL_COMPLETED), 2);
    CHECK_EQ(weft_wait((weft_task *[]){done, done}, 2, WEFT_ALL_COMPLETED), 2);
    s = weft_scope_open(0);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_wait(none, 2, WEFT_ALL_COMPLETED),
             WEFT_ECANCELED); /* a checkpoint, also where nothing is to be waited for */
    CHECK_RC(weft_wait(NULL, 0, WEFT_ALL_COMPLETED), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, 0), 0);
    weft_task_release(done);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(wait, of_nothing_is_a_checkpoint_and_a_null_handle_has_failed)
{
    CHECK_OK(test_run(edges, NULL));
    CHECK_RC(weft_wait(NULL, 0, WEFT_ALL_COMPLETED), WEFT_ENOTASK);
}

static int own_handle(void *arg)
{
    weft_task *self = NULL;
    weft_group *g = open_group();

    (void)arg;
    __atomic_store_n(&self, weft_spawn_task(g, join_itself, &self, NULL), __ATOMIC_SEQ_CST);
    CHECK_RC(weft_task_join(self), WEFT_EDEADLK);
    weft_task_release(self);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(wait, task_that_waits_for_itself_is_told)
{
    CHECK_OK(run_on(1, own_handle, NULL));
}

static int canceled(void *arg)
{
    struct held h[3] = {{.code = 0}};
    weft_task *tasks[3];
    weft_group *g = open_group();

    (void)arg;
    spawn_held(g, h, tasks, 3);
    for (int when = WEFT_ALL_COMPLETED; when <= WEFT_FIRST_ERROR; when++) {
        weft_scope *s = weft_scope_open(weft_after_ms(3));

        CHECK_RC(weft_scope_close(s, weft_wait(tasks, 3, (enum weft_when)when)), WEFT_ETIMEDOUT);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_NE(weft_task_state(tasks[i]), WEFT_TASK_DONE); /* they go on */
        atomic_store(&h[i].go, 1);
    }
    CHECK_EQ(weft_wait(tasks, 3, WEFT_ALL_COMPLETED), 3);
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_task_code(tasks[i]));
    release_all(tasks, 3);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(wait, is_cancelable_and_the_tasks_go_on)
{
    CHECK_OK(test_run(canceled, NULL));
}

/* Several wait for the same tasks, in all ways, while those end. */
struct crowd {
    weft_task **tasks;
    int count, fails; /* the index of the one that fails; -1: none */
};

static int watch_all(void *arg)
{
    struct crowd *c = arg;

    CHECK_EQ(weft_wait(c->tasks, (size_t)c->count, WEFT_ALL_COMPLETED), c->count);
    for (int i = 0; i < c->count; i++)
        CHECK_EQ(weft_task_state(c->tasks[i]), WEFT_TASK_DONE);
    return 0;
}

static int watch_first(void *arg)
{
    struct crowd *c = arg;
    int i = weft_wait(c->tasks, (size_t)c->count, WEFT_FIRST_COMPLETED);

    CHECK(i >= 0 && i < c->count);
    CHECK_EQ(weft_task_state(c->tasks[i]), WEFT_TASK_DONE);
    return 0;
}

static int watch_errors(void *arg)
{
    struct crowd *c = arg;

    CHECK_EQ(weft_wait(c->tasks, (size_t)c->count, WEFT_FIRST_ERROR), c->fails >= 0 ? c->fails : c->count);
    return 0;
}

static int yield_and_end(void *arg)
{
    int *code = arg;

    CHECK_OK(weft_yield());
    return *code;
}

static void run_crowd(int count, int fails)
{
    static int good = 0, bad = -EIO;
    struct crowd c = {calloc((size_t)count, sizeof(weft_task *)), count, fails};
    weft_group *g = open_group();

    CHECK_NOT_NULL(c.tasks);
    for (int i = 0; i < count; i++) {
        c.tasks[i] = weft_spawn_task(g, yield_and_end, i == fails ? &bad : &good, NULL);
        CHECK_NOT_NULL(c.tasks[i]);
        if (i == count / 2) /* those who wait are in the midst of them */
            CHECK_OK(weft_yield());
    }
    for (int i = 0; i < 2; i++) {
        CHECK_OK(weft_spawn(g, watch_all, &c));
        CHECK_OK(weft_spawn(g, watch_first, &c));
        CHECK_OK(weft_spawn(g, watch_errors, &c));
    }
    CHECK_RC(weft_group_wait(g), fails >= 0 ? -EIO : 0);
    release_all(c.tasks, count);
    free(c.tasks);
    weft_group_close(g);
}

static int crowds(void *arg)
{
    enum { ROUNDS = TEST_TSAN ? 10 : 100 };

    (void)arg;
    for (int round = 0; round < ROUNDS; round++) {
        run_crowd(1, -1 + round % 2);
        run_crowd(WEFT_WAIT_ON_STACK, round % WEFT_WAIT_ON_STACK);
        run_crowd(WEFT_WAIT_ON_STACK + 1 + round, -1);
    }
    run_crowd(MANY, MANY / 3);
    return 0;
}

WEFT_TEST(wait, several_may_wait_for_the_same_tasks_in_every_way)
{
    CHECK_OK(test_run(crowds, NULL));
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

static int without_memory(void *arg)
{
    struct held h[WEFT_WAIT_ON_STACK + 1] = {{.code = 0}};
    weft_task *tasks[WEFT_WAIT_ON_STACK + 1];
    weft_group *g = open_group();

    (void)arg;
    spawn_held(g, h, tasks, WEFT_WAIT_ON_STACK + 1);
    A_STORE(&weft__fault_hook, no_memory, relaxed);
    CHECK_RC(weft_wait(tasks, WEFT_WAIT_ON_STACK + 1, WEFT_ALL_COMPLETED), WEFT_ENOMEM);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    for (int i = 0; i <= WEFT_WAIT_ON_STACK; i++)
        atomic_store(&h[i].go, 1);
    CHECK_EQ(weft_wait(tasks, WEFT_WAIT_ON_STACK + 1, WEFT_ALL_COMPLETED), WEFT_WAIT_ON_STACK + 1);
    release_all(tasks, WEFT_WAIT_ON_STACK + 1);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(wait, lack_of_memory_is_reported_and_nothing_is_cancelled)
{
    CHECK_OK(run_on(1, without_memory, NULL));
}
