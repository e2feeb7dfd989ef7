/* SPDX-License-Identifier: MIT */
/* Misuse is answered by a code, and changes nothing. What each function says of it is in its header. */
#include <limits.h>
#include <unistd.h>

#include "tests/sched/tasks.h"

/* Calls of tasks, made by a plain thread or a thread of a pool of blocking calls. */

static int fail_if_called(void *arg)
{
    (void)arg;
    FAIL("it was called");
}

static int body_of_loop(size_t i, void *arg)
{
    (void)i;
    return fail_if_called(arg);
}

static int body_of_range(size_t begin, size_t end, void *arg)
{
    (void)begin;
    (void)end;
    return fail_if_called(arg);
}

static int body_of_fold(size_t begin, size_t end, void *acc, void *arg)
{
    (void)acc;
    return body_of_range(begin, end, arg);
}

static int fold(void *acc, void *right, void *arg)
{
    (void)acc;
    (void)right;
    return fail_if_called(arg);
}

static int make_none(void *ctx, void *item)
{
    (void)item;
    return fail_if_called(ctx);
}

static int call_all(void *arg)
{
    weft_fn fns[] = {fail_if_called};
    weft_interval interval;
    weft_waiter waiter;
    weft_listener *listener = NULL;
    weft_stream *stream = NULL;
    weft_task *done;
    int item = 0, ends[2];

    (void)arg;
    CHECK_OK(pipe(ends));
    CHECK_RC(weft_yield(), WEFT_ENOTASK);
    CHECK_RC(weft_sleep_ms(0), WEFT_ENOTASK);
    CHECK_RC(weft_sleep_until(1), WEFT_ENOTASK);
    CHECK_RC(weft_spawn(NULL, fail_if_called, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_spawn_with(NULL, fail_if_called, NULL, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_spawn_copy(NULL, fail_if_called, &item, sizeof item, NULL), WEFT_ENOTASK);
    CHECK_NULL(weft_spawn_task(NULL, fail_if_called, NULL, NULL));
    CHECK_RC(weft_spawn_detached(fail_if_called, NULL, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_start(NULL, fail_if_called, NULL, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_ready(), WEFT_ENOTASK);
    CHECK_RC(weft_task_set_result(&item), WEFT_ENOTASK);
    CHECK_RC(weft_task_join(NULL), WEFT_ENOTASK);
    CHECK_NULL(weft_group_open(NULL));
    CHECK_RC(weft_group_wait(NULL), WEFT_ENOTASK);
    CHECK_RC(weft_group_next(NULL, &done), WEFT_ENOTASK);
    CHECK_NULL(weft_scope_open(0));
    CHECK_NULL(weft_shield_open(weft_after_ms(1)));
    CHECK_EQ(weft_deadline(), WEFT_NEVER);
    CHECK_EQ(weft_cancel_reason(), WEFT_REASON_NONE);
    CHECK(!weft_canceled());
    CHECK_EQ(weft_task_id(), 0);
    CHECK_NULL(weft_task_name());
    CHECK_RC(weft_gather(1, fns, NULL, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_race(1, fns, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_map(&item, 1, sizeof item, fail_if_called, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_map_each(sizeof item, make_none, NULL, fail_if_called, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_wait(NULL, 0, WEFT_ALL_COMPLETED), WEFT_ENOTASK);
    CHECK_RC(weft_join(fail_if_called, NULL, fail_if_called, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_parallel_for(0, 1, 0, body_of_loop, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_parallel_for_range(0, 1, 0, body_of_range, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_parallel_reduce(0, 1, 0, &item, sizeof item, body_of_fold, fold, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_retry(fail_if_called, NULL, NULL), WEFT_ENOTASK);
    CHECK_OK(weft_interval_init_ms(&interval, 1, WEFT_MISSED_BURST));
    CHECK_RC(weft_interval_tick(&interval, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_blocking(fail_if_called, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_blocking_with(NULL, fail_if_called, NULL, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_block_in_place(fail_if_called, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_park_enter(), WEFT_ENOTASK);
    CHECK_RC(weft_park_prepare(&waiter), WEFT_ENOTASK);
    CHECK_RC(weft_park_prepare_shielded(&waiter), WEFT_ENOTASK);
    CHECK_RC(weft_fd_wait(ends[0], WEFT_READABLE), WEFT_ENOTASK);
    CHECK_RC(weft_tcp_listen(&listener, "127.0.0.1:0", NULL), WEFT_ENOTASK);
    CHECK_RC(weft_tcp_connect(&stream, "127.0.0.1:1"), WEFT_ENOTASK);
    CHECK_NULL(listener);
    CHECK_NULL(stream);
    CHECK_OK(close(ends[0]));
    CHECK_OK(close(ends[1]));
    return 0;
}

static int call_all_on_a_pool(void *arg)
{
    return weft_blocking(call_all, arg);
}

WEFT_TEST(rules_misuse, calls_of_tasks_made_outside_of_one_say_so_and_call_nothing)
{
    CHECK_OK(call_all(NULL));
    CHECK_OK(test_run(call_all_on_a_pool, NULL));
    /* A runtime that lives in the process makes no difference. */
    weft_runtime *rt;
    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_OK(call_all(NULL));
    weft_runtime_destroy(rt);
}

/* Calls that are the owner's, made by another task. */

struct owned {
    weft_group *g;
    weft_scope *s;
};

static int meddle(void *arg)
{
    struct owned *o = arg;
    weft_task *done;

    CHECK_RC(weft_group_wait(o->g), WEFT_EINVAL);
    CHECK_RC(weft_group_next(o->g, &done), WEFT_EINVAL);
    CHECK_RC(weft_group_reschedule(o->g, 1), WEFT_EINVAL);
    weft_group_close(o->g);
    CHECK_RC(weft_scope_reschedule(o->s, 1), WEFT_EINVAL);
    CHECK_RC((int)weft_scope_close(o->s, 0), WEFT_EINVAL);
    CHECK_RC((int)weft_scope_close(o->s, -EIO), -EIO);
    CHECK(!weft_group_canceled(o->g));
    CHECK(!weft_canceled());
    return weft_yield();
}

static int meddlers(void *arg)
{
    struct owned o;

    (void)arg;
    o.s = weft_scope_open(0);
    o.g = weft_group_open(NULL);
    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_spawn(o.g, meddle, &o));
    CHECK_OK(weft_group_wait(o.g));
    weft_group_close(o.g);
    CHECK_OK((int)weft_scope_close(o.s, 0));
    return 0;
}

WEFT_TEST(rules_misuse, what_belongs_to_its_owner_is_refused_to_others_and_goes_on)
{
    CHECK_OK(test_run(meddlers, NULL));
}

/* Arguments that make no sense. */

static int wait_for_itself(void *arg)
{
    weft_task **self = arg, *t;

    while ((t = *(weft_task *volatile *)self) == NULL)
        CHECK_OK(weft_yield());
    CHECK_RC(weft_task_join(t), WEFT_EDEADLK);
    CHECK_RC(weft_wait(&t, 1, WEFT_ALL_COMPLETED), WEFT_EDEADLK);
    return 0;
}

static int senseless(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_group_options reserved = {.reserved = {0, 1}};
    weft_chan *c = weft_chan_create(1, 1);
    weft_scope *s;
    static weft_task *self;
    weft_interval interval;
    char copy[WEFT_COPY_MAX + 1] = {0};

    (void)arg;
    self = NULL;
    CHECK_NULL(weft_group_open(&reserved));
    CHECK_NULL(weft_group_open(&(weft_group_options){.policy = (enum weft_policy)7}));
    CHECK_RC(weft_group_fail(g, 0), WEFT_EINVAL);
    CHECK_RC(weft_group_fail(g, 5), WEFT_EINVAL);
    CHECK_RC(weft_spawn_copy(g, fail_if_called, copy, sizeof copy, NULL), WEFT_EINVAL);
    CHECK_RC(weft_ready(), WEFT_EINVAL);
    CHECK_RC(weft_task_set_result(&self), WEFT_EINVAL);
    CHECK_RC(weft_race(0, NULL, NULL), WEFT_EINVAL);
    CHECK_RC(weft_wait(NULL, 0, (enum weft_when)9), WEFT_EINVAL);
    CHECK_RC(weft_wait(NULL, (size_t)INT_MAX + 1, WEFT_ALL_COMPLETED), WEFT_EINVAL);
    CHECK_RC(weft_interval_init(&interval, 0, 0, WEFT_MISSED_BURST), WEFT_EINVAL);
    CHECK_NULL(weft_shield_open(0));
    s = weft_shield_open(weft_after_ms(FOREVER_MS));
    CHECK_RC(weft_scope_reschedule(s, WEFT_NEVER), WEFT_EINVAL);
    CHECK_OK((int)weft_scope_close(s, 0));
    CHECK_RC(weft_fd_wait(0, 0), WEFT_EINVAL);
    CHECK_RC(weft_fd_wait(0, 4), WEFT_EINVAL);
    CHECK_RC(weft_fd_wait(-1, WEFT_READABLE), WEFT_EBADF);
    CHECK_OK(weft_chan_close(c));
    CHECK_RC(weft_chan_close(c), WEFT_ECLOSED);
    weft_chan_destroy(c);
    CHECK_NULL(weft_chan_create(0, 1));
    CHECK_RC(weft_runtime_run(weft_runtime_current(), fail_if_called, NULL), WEFT_EDEADLK);
    CHECK_RC(weft_run(fail_if_called, NULL), WEFT_EDEADLK);
    *(weft_task *volatile *)&self = weft_spawn_task(g, wait_for_itself, &self, NULL);
    CHECK_NOT_NULL(self);
    CHECK_OK(weft_group_wait(g)); /* none of it was an error of the group */
    weft_task_release(self);
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(rules_misuse, arguments_without_sense_are_told_and_change_nothing)
{
    CHECK_OK(run_on(1, senseless, NULL));
}

/* NULL, which an open without memory returns. */
static int null_group(void *arg)
{
    weft_group *g = NULL;
    weft_error e;
    weft_task *done;

    (void)arg;
    CHECK_RC(weft_spawn(g, fail_if_called, NULL), WEFT_ENOMEM);
    CHECK_RC(weft_spawn_with(g, fail_if_called, NULL, NULL), WEFT_ENOMEM);
    CHECK_RC(weft_spawn_copy(g, fail_if_called, &e, 8, NULL), WEFT_ENOMEM);
    CHECK_NULL(weft_spawn_task(g, fail_if_called, NULL, NULL));
    CHECK_RC(weft_start(g, fail_if_called, NULL, NULL), WEFT_ENOMEM);
    CHECK_RC(weft_group_next(g, &done), WEFT_ENOMEM);
    CHECK_RC(weft_group_cancel(g), WEFT_ENOMEM);
    CHECK_RC(weft_group_fail(g, -1), WEFT_ENOMEM);
    CHECK_RC(weft_group_error(g, 0, &e), WEFT_ENOMEM);
    CHECK_RC(weft_group_reschedule(g, 0), WEFT_ENOMEM);
    CHECK_EQ(weft_group_failed(g), 0);
    CHECK_EQ(weft_group_live(g), 0);
    CHECK_EQ(weft_group_reason(g), WEFT_REASON_NONE);
    CHECK(!weft_group_canceled(g));
    CHECK_RC(weft_group_wait(g), WEFT_ENOMEM);
    weft_group_close(g);
    CHECK_RC(weft_scope_cancel(NULL), WEFT_ENOMEM);
    CHECK_RC(weft_scope_reschedule(NULL, 0), WEFT_ENOMEM);
    CHECK_RC((int)weft_scope_close(NULL, 0), WEFT_ENOMEM);
    return 0;
}

WEFT_TEST(rules_misuse, every_call_of_a_group_takes_null_and_the_wait_says_that_memory_was_out)
{
    CHECK_OK(test_run(null_group, NULL));
}

/* Zero in every option. */

static int use_zeroed_options(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.limit = 0});
    weft_task_options none = {.name = NULL};
    int item = 0, code = -EPROTO;
    atomic_int n = 0;
    weft_pool *pool;
    weft_error e;
    weft_task *t;

    (void)arg;
    CHECK_NOT_NULL(g);
    CHECK_EQ(weft_deadline(), WEFT_NEVER);
    /* No limit: all of them are alive at once. */
    for (int i = 0; i < 100; i++)
        CHECK_OK(weft_spawn_with(g, count_and_sleep_forever, &n, &none));
    yield_until(&n, 100);
    t = weft_spawn_task(g, fail_with, &code, &none);
    CHECK_RC(weft_group_wait(g), -EPROTO); /* fail-fast */
    CHECK(weft_group_canceled(g));
    CHECK_OK(weft_group_error(g, 0, &e));
    CHECK_STR_EQ(e.task_name, "");
    weft_task_release(t);
    weft_group_close(g);
    CHECK_OK(weft_map(&item, 1, sizeof item, nothing, &(weft_map_options){.limit = 0}));
    CHECK_OK(weft_retry(nothing, NULL, &(weft_retry_options){.reserved = {0}}));
    CHECK_OK(weft_pool_create(&pool, &(weft_pool_options){.threads = 0}));
    CHECK_OK(weft_blocking_with(pool, nothing, NULL, &(weft_blocking_options){.abandon = NULL}));
    weft_pool_destroy(pool);
    return (int)weft_runtime_workers(weft_runtime_current());
}

WEFT_TEST(rules_misuse, zero_in_every_option_is_its_default)
{
    CHECK_OK(unsetenv("WEFT_WORKERS"));
    CHECK_EQ(weft_run_with(use_zeroed_options, NULL, &(weft_runtime_options){.workers = 0}), (int)weft_cpus());
    CHECK_EQ(weft_run_with(use_zeroed_options, NULL, NULL), (int)weft_cpus());
}
