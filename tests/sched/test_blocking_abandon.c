/* SPDX-License-Identifier: MIT */
/* Calls that their task leaves when it is cancelled: exactly one of task and function has the argument in the end. */
#include "sched/platform.h"

#include "tests/sched/blocking.h"

/* On the heap, and freed by whoever owns it in the end. */
struct job {
    struct gate *gate;
    atomic_int *dropped, *ended;
    int code; /* to be returned; 0: what passing the gate gives */
    int expected;
};

static struct job *new_job(struct gate *g, atomic_int *dropped, atomic_int *ended)
{
    struct job *j = malloc(sizeof *j);

    CHECK_NOT_NULL(j);
    *j = (struct job){.gate = g, .dropped = dropped, .ended = ended};
    return j;
}

static int do_job(void *arg)
{
    struct job *j = arg;
    int rc = j->code;

    if (rc == 0)
        rc = pass_gate(j->gate);
    atomic_fetch_add(j->ended, 1);
    return rc;
}

static void drop(void *arg, int rc)
{
    struct job *j = arg;

    CHECK_RC(rc, j->expected);
    atomic_fetch_add(j->dropped, 1);
    free(j);
}

static const weft_blocking_options dropping = {.abandon = drop};

struct scene {
    struct gate gate;
    atomic_int dropped, ended, returned;
};

static int leave_running(void *arg)
{
    struct scene *s = arg;
    struct job *j = new_job(&s->gate, &s->dropped, &s->ended);

    j->expected = 7;
    CHECK_RC(weft_blocking_with(NULL, do_job, j, &dropping), WEFT_ECANCELED);
    atomic_fetch_add(&s->returned, 1);
    return WEFT_ECANCELED;
}

static int cancel_and_go_on(void *arg)
{
    struct scene *s = arg;
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, leave_running, s));
    while (atomic_load(&s->gate.begun) == 0)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g)); /* although the function is held by the gate */
    weft_group_close(g);
    CHECK_EQ(s->returned, 1);
    CHECK_EQ(s->ended, 0);
    CHECK_EQ(s->dropped, 0);
    open_gate(&s->gate);
    while (atomic_load(&s->dropped) == 0)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_EQ(s->ended, 1);
    return 0;
}

WEFT_TEST(blocking_abandon, canceled_task_leaves_at_once_and_the_argument_is_dropped_when_the_function_ends)
{
    struct scene s = {.returned = 0};

    CHECK_OK(test_run(cancel_and_go_on, &s));
    CHECK_EQ(s.dropped, 1);
}

static void *open_later(void *arg)
{
    struct scene *s = arg;

    spin_until(&s->returned, 1);
    pause_thread_ms(20);
    open_gate(&s->gate);
    return NULL;
}

static int leave_before_the_end(void *arg)
{
    struct scene *s = arg;
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, leave_running, s));
    while (atomic_load(&s->gate.begun) == 0)
        CHECK_OK(weft_sleep_ms(1));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(blocking_abandon, end_of_the_runtime_waits_for_what_was_abandoned)
{
    struct scene s = {.returned = 0};
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, open_later, &s), 0);
    CHECK_OK(test_run(leave_before_the_end, &s));
    CHECK_EQ(s.dropped, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static int end_in_every_way(void *arg)
{
    struct scene *s = arg;
    struct job *j = new_job(&s->gate, &s->dropped, &s->ended);
    weft_scope *scope;

    /* Delivered. */
    open_gate(&s->gate);
    CHECK_RC(weft_blocking_with(NULL, do_job, j, &dropping), 7);
    CHECK_EQ(s->dropped, 0);
    j->code = WEFT_EINVAL;
    CHECK_RC(weft_blocking_with(NULL, do_job, j, &dropping), WEFT_EINVAL);
    CHECK_EQ(s->dropped, 0);

    /* The function's own code cannot be told from ours, so it means the same. */
    j->code = j->expected = WEFT_ECANCELED;
    CHECK_RC(weft_blocking_with(NULL, do_job, j, &dropping), WEFT_ECANCELED);
    CHECK_EQ(s->dropped, 1);
    CHECK_EQ(s->ended, 3);

    /* Not begun at all. */
    scope = weft_scope_open(0);
    CHECK_OK(weft_scope_cancel(scope));
    j = new_job(&s->gate, &s->dropped, &s->ended);
    j->expected = WEFT_ECANCELED;
    CHECK_RC(weft_blocking_with(NULL, do_job, j, &dropping), WEFT_ECANCELED);
    CHECK_EQ(weft_scope_close(scope, 0), 0);
    CHECK_EQ(s->dropped, 2);
    CHECK_EQ(s->ended, 3);
    return 0;
}

WEFT_TEST(blocking_abandon, argument_is_dropped_where_the_call_says_canceled_and_only_there)
{
    struct scene s = {.returned = 0};

    CHECK_OK(test_run(end_in_every_way, &s));
    CHECK_EQ(s.dropped, 2);
}

static int leave_queue(void *arg)
{
    struct scene *s = arg;
    struct job *j = new_job(&s->gate, &s->dropped, &s->ended);

    j->expected = WEFT_ECANCELED;
    CHECK_RC(weft_blocking_with(NULL, do_job, j, &dropping), WEFT_ECANCELED);
    atomic_fetch_add(&s->returned, 1);
    return WEFT_ECANCELED;
}

static int cancel_in_queue(void *arg)
{
    struct scene *s = arg;
    weft_group *holders = weft_group_open(NULL), *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(holders, block_at_gate, &s->gate));
    while (atomic_load(&s->gate.begun) == 0)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(weft_spawn(g, leave_queue, s));
    sleep_until_queued(1);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(s->dropped, 1);
    CHECK_EQ(s->returned, 1);
    open_gate(&s->gate);
    weft_group_close(g);
    CHECK_OK(weft_group_wait(holders));
    weft_group_close(holders);
    CHECK_EQ(s->ended, 0);
    return 0;
}

WEFT_TEST(blocking_abandon, queued_call_is_taken_back_and_its_argument_dropped_by_the_task)
{
    struct scene s = {.returned = 0};

    CHECK_OK(run_limited(1, cancel_in_queue, &s));
}

/* Two runtimes: the pool goes on after the one whose task left. */
static int leave_to_own_pool(void *arg)
{
    struct {
        weft_pool *pool;
        struct scene *s;
    } *a = arg;
    struct job *j = new_job(&a->s->gate, &a->s->dropped, &a->s->ended);
    weft_scope *scope = weft_scope_open(test_soon());

    j->expected = 7;
    CHECK_EQ(weft_scope_close(scope, weft_blocking_with(a->pool, do_job, j, &dropping)), WEFT_ETIMEDOUT);
    atomic_fetch_add(&a->s->returned, 1);
    return 0;
}

WEFT_TEST(blocking_abandon, runtime_also_waits_for_what_it_left_to_a_pool_of_others)
{
    struct scene s = {.returned = 0};
    struct {
        weft_pool *pool;
        struct scene *s;
    } a = {.s = &s};
    pthread_t thread;

    CHECK_OK(weft_pool_create(&a.pool, NULL));
    CHECK_EQ(pthread_create(&thread, NULL, open_later, &s), 0);
    CHECK_OK(test_run(leave_to_own_pool, &a));
    CHECK_EQ(s.dropped, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    weft_pool_destroy(a.pool);
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

static int call_without_memory(void *arg)
{
    struct scene *s = arg;
    struct job *j = new_job(&s->gate, &s->dropped, &s->ended);

    A_STORE(&weft__fault_hook, no_memory, relaxed);
    CHECK_RC(weft_blocking_with(NULL, do_job, j, &dropping), WEFT_ENOMEM);
    CHECK_OK(weft_blocking(nothing, NULL)); /* which needs none */
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_EQ(s->ended, 0);
    CHECK_EQ(s->dropped, 0);
    free(j);
    return 0;
}

WEFT_TEST(blocking_abandon, call_that_finds_no_memory_leaves_the_argument_to_the_caller)
{
    struct scene s = {.returned = 0};

    CHECK_OK(test_run(call_without_memory, &s));
}
