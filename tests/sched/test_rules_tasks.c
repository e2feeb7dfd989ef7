/* SPDX-License-Identifier: MIT */
/* Rules of tasks and of their spawning, each by the sentence that docs/SEMANTICS.md has for it. */
#include "tests/sched/tasks.h"

/* A task belongs to one group. */

static int two_groups(void *arg)
{
    weft_group *outer = weft_group_open(NULL), *inner = weft_group_open(NULL);
    atomic_int n = 0;

    (void)arg;
    CHECK_OK(weft_spawn(outer, count_and_sleep_forever, &n)); /* although `inner` is the innermost */
    CHECK_OK(weft_spawn(inner, nothing, NULL));
    CHECK_OK(weft_group_wait(inner));
    CHECK_EQ(weft_group_live(inner), 0);
    CHECK_EQ(weft_group_live(outer), 1);
    yield_until(&n, 1);
    CHECK_OK(weft_group_cancel(inner));
    {
        weft_scope *s = weft_shield_open(weft_after_ms(FOREVER_MS));

        CHECK_OK(weft_sleep_ms(3));
        CHECK_OK((int)weft_scope_close(s, 0));
    }
    CHECK_EQ(weft_group_live(outer), 1);
    weft_group_close(inner);
    CHECK_EQ(weft_group_live(outer), 1);
    CHECK_OK(weft_group_cancel(outer));
    CHECK_OK(weft_group_wait(outer));
    CHECK_EQ(weft_group_live(outer), 0);
    weft_group_close(outer);
    return 0;
}

WEFT_TEST(rules_tasks, task_is_waited_for_and_cancelled_by_its_own_group_alone)
{
    CHECK_OK(test_run(two_groups, NULL));
}

/* A spawn that returns 0 has handed its argument over: a block of memory here, which leak checkers look after. */

enum way { PLAIN, NAMED, COPIED, HANDLE, PINNED, LARGE, WAYS };

struct token {
    atomic_int *entered;
};

static int take_over(void *arg)
{
    struct token *t = arg;

    CHECK(weft_canceled());
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    atomic_fetch_add(t->entered, 1);
    free(t);
    return WEFT_ECANCELED;
}

/* On several workers it may have begun before its group is cancelled. */
static int take_over_in_the_end(void *arg)
{
    while (!weft_canceled())
        (void)weft_yield();
    return take_over(arg);
}

static int take_over_copied(void *arg)
{
    return take_over_in_the_end(*(struct token **)arg);
}

static int spawn_by(enum way way, weft_group *g, weft_fn fn, struct token *t)
{
    weft_task *h;

    switch (way) {
    case PLAIN:
        return weft_spawn(g, fn, t);
    case NAMED:
        return weft_spawn_with(g, fn, t, &(weft_task_options){.name = "named"});
    case COPIED:
        return weft_spawn_copy(g, take_over_copied, &t, sizeof t, NULL);
    case HANDLE:
        h = weft_spawn_task(g, fn, t, NULL);
        weft_task_release(h);
        return h != NULL ? 0 : WEFT_ECANCELED;
    case PINNED:
        return weft_spawn_with(g, fn, t, &(weft_task_options){.pinned = true, .priority = WEFT_PRIORITY_LOW});
    default:
        return weft_spawn_with(g, fn, t, &(weft_task_options){.stack_size = 256 << 10});
    }
}

/* Ways in which a group is cancelled before its children begin. */
enum cause { BY_CALL, BY_FAILURE, BY_SCOPE, BY_DEADLINE, BY_CLOSE, CAUSES };

static void cancel_by(enum cause cause, weft_group *g, weft_scope *around)
{
    switch (cause) {
    case BY_CALL:
        CHECK_OK(weft_group_cancel(g));
        break;
    case BY_FAILURE:
        CHECK_OK(weft_group_fail(g, -EPROTO));
        break;
    case BY_SCOPE:
        CHECK_OK(weft_scope_cancel(around));
        break;
    case BY_DEADLINE:
        CHECK_OK(weft_group_reschedule(g, weft_now() - 1));
        break;
    default:
        break;
    }
}

static int cancelled_first(void *arg)
{
    atomic_int entered = 0;
    int spawned = 0;

    (void)arg;
    for (int limit = 0; limit <= 2; limit += 2)
        for (enum cause cause = BY_CALL; cause < CAUSES; cause++)
            for (enum way way = PLAIN; way < WAYS; way++) {
                weft_scope *s = weft_scope_open(0);
                weft_group *g = weft_group_open(&(weft_group_options){.limit = (unsigned)limit});

                for (int i = 0; i < 10; i++) {
                    struct token *t = malloc(sizeof *t);

                    CHECK_NOT_NULL(t);
                    t->entered = &entered;
                    CHECK_OK(spawn_by(way, g, take_over_in_the_end, t));
                    spawned++;
                }
                cancel_by(cause, g, s);
                if (cause != BY_CLOSE)
                    (void)weft_group_wait(g);
                weft_group_close(g);
                CHECK_EQ(entered, spawned);
                CHECK_OK((int)weft_scope_close(s, 0));
            }
    return 0;
}

WEFT_TEST(rules_tasks, spawn_that_returns_0_hands_over_however_the_task_is_spawned_and_cancelled_first)
{
    CHECK_OK(test_run(cancelled_first, NULL));
}

/* Refusals. */

static int refused(void *arg)
{
    atomic_int n = 0;

    (void)arg;
    for (enum cause cause = BY_CALL; cause < BY_CLOSE; cause++) {
        weft_scope *s = weft_scope_open(0);
        weft_group *g = weft_group_open(NULL);
        size_t failed = cause == BY_FAILURE;
        weft_error e;

        cancel_by(cause, g, s);
        CHECK_RC(weft_spawn(g, count, &n), WEFT_ECANCELED);
        CHECK_RC(weft_spawn_with(g, count, &n, &(weft_task_options){.name = "x"}), WEFT_ECANCELED);
        CHECK_RC(weft_spawn_copy(g, count, &n, sizeof n, NULL), WEFT_ECANCELED);
        CHECK_NULL(weft_spawn_task(g, count, &n, NULL));
        CHECK_RC(weft_start(g, count, &n, NULL), WEFT_ECANCELED);
        CHECK_EQ(weft_group_failed(g), failed);
        CHECK_RC(weft_group_error(g, failed, &e), WEFT_EEMPTY);
        CHECK_EQ(weft_group_live(g), 0);
        CHECK_RC(weft_group_wait(g), cause == BY_FAILURE    ? -EPROTO
                                     : cause == BY_SCOPE    ? WEFT_ECANCELED
                                     : cause == BY_DEADLINE ? WEFT_ETIMEDOUT
                                                            : 0);
        weft_group_close(g);
        CHECK_OK((int)weft_scope_close(s, 0));
    }
    CHECK_EQ(n, 0);
    return 0;
}

WEFT_TEST(rules_tasks, refusal_because_of_cancelling_is_no_error_however_the_task_is_spawned)
{
    CHECK_OK(test_run(refused, NULL));
}

/* A refusal for any other reason is one. */
static int bad_wishes(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_task_options o = {.priority = 2};

    (void)arg;
    CHECK_RC(weft_spawn_with(g, nothing, NULL, &o), WEFT_EINVAL);
    o = (weft_task_options){.stack_size = ((size_t)64 << 20) + 1};
    CHECK_RC(weft_spawn_with(g, nothing, NULL, &o), WEFT_EINVAL);
    o = (weft_task_options){.reserved = {1}};
    CHECK_NULL(weft_spawn_task(g, nothing, NULL, &o));
    CHECK_EQ(weft_group_failed(g), 0);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(rules_tasks, bad_options_are_told_to_the_caller_and_do_not_fail_the_group)
{
    CHECK_OK(test_run(bad_wishes, NULL));
}

/* Detached tasks. */

struct heir {
    atomic_int seen;
};

static int not_cancelled(void *arg)
{
    struct heir *h = arg;

    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_yield());
    atomic_fetch_add(&h->seen, 1);
    return 0;
}

static int detach_in_canceled(void *arg)
{
    struct heir h = {0};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_spawn_detached(not_cancelled, &h, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g); /* waits for nobody */
    yield_until(&h.seen, 1);
    return 0;
}

WEFT_TEST(rules_tasks, detached_task_inherits_no_cancellation_and_no_group)
{
    CHECK_OK(test_run(detach_in_canceled, NULL));
}

/* A dropped handle. */

static int drop_handles(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    static const int code = -EPROTO;
    weft_error e;

    (void)arg;
    weft_task_release(weft_spawn_task(g, fail_with, (void *)&code, &(weft_task_options){.name = "lost"}));
    CHECK_RC(weft_group_wait(g), -EPROTO); /* nobody joins it, but its error is told */
    CHECK_OK(weft_group_error(g, 0, &e));
    CHECK_STR_EQ(e.task_name, "lost");
    weft_group_close(g);
    return 0;
}

WEFT_TEST(rules_tasks, error_of_a_task_whose_handle_was_dropped_is_not_lost)
{
    CHECK_OK(test_run(drop_handles, NULL));
}
