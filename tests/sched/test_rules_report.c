/* SPDX-License-Identifier: MIT */
/* What a runtime says on stderr: of errors that nobody takes, and, in debug mode, of what is hardly meant. See docs/SEMANTICS.md. */
#include <stdio.h>
#include <string.h>

#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

static char said[8192];

/* How often `text` was said. */
static int times(const char *text)
{
    int n = 0;

    for (const char *at = said; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

static int run_as(bool debug, weft_fn fn, void *arg)
{
    return weft_run_with(fn, arg, &(weft_runtime_options){.workers = test_workers(), .debug = debug});
}

/* Groups and scopes that are left open. */

#define LEFT_OPEN "has left groups or scopes open\n"

static int leave_a_group(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, sleep_forever, NULL));
    return 0;
}

static int leave_a_scope(void *arg)
{
    (void)arg;
    CHECK_NOT_NULL(weft_scope_open(0));
    return 0;
}

static int leave_nothing(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_OK((int)weft_scope_close(s, 0));
    weft_group_close(g);
    return 0;
}

static int some_are_careless(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn_with(g, leave_a_group, NULL, &(weft_task_options){.name = "careless"}));
    CHECK_OK(weft_spawn_with(g, leave_a_scope, NULL, &(weft_task_options){.name = "hasty"}));
    CHECK_OK(weft_spawn_with(g, leave_nothing, NULL, &(weft_task_options){.name = "tidy"}));
    CHECK_OK(weft_spawn(g, leave_a_group, NULL)); /* has no name */
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return leave_a_scope(NULL); /* the first task does too */
}

static void careless_with_debug(void)
{
    CHECK_OK(run_as(true, some_are_careless, NULL));
}

static void careless_without_debug(void)
{
    (void)unsetenv("WEFT_DEBUG");
    CHECK_OK(run_as(false, some_are_careless, NULL));
    CHECK_OK(setenv("WEFT_DEBUG", "0", 1));
    CHECK_OK(run_as(false, some_are_careless, NULL));
    CHECK_OK(setenv("WEFT_DEBUG", "", 1));
    CHECK_OK(run_as(false, some_are_careless, NULL));
}

static void careless_by_environment(void)
{
    CHECK_OK(setenv("WEFT_DEBUG", "1", 1));
    CHECK_OK(run_as(false, some_are_careless, NULL));
}

WEFT_TEST(rules_report, task_that_leaves_groups_or_scopes_open_is_named_in_debug_mode)
{
    void (*const bodies[])(void) = {careless_with_debug, careless_by_environment};

    for (int i = 0; i < 2; i++) {
        CHECK_EQ(process_listen(bodies[i], said, sizeof said), 0);
        CHECK_EQ(times("weft: task careless " LEFT_OPEN), 1);
        CHECK_EQ(times("weft: task hasty " LEFT_OPEN), 1);
        CHECK_EQ(times("tidy"), 0);
        CHECK_EQ(times(LEFT_OPEN), 4);
    }
    CHECK_EQ(process_listen(careless_without_debug, said, sizeof said), 0);
    CHECK_STR_EQ(said, "");
}

/* Groups and scopes that are closed once more. */

static int close_twice(void *arg)
{
    weft_group *g = weft_group_open(NULL), *inner_group;
    weft_scope *inner;

    (void)arg;
    inner = weft_scope_open(0);
    inner_group = weft_group_open(NULL);
    CHECK_OK(weft_spawn(inner_group, nothing, NULL));
    weft_group_close(g); /* with what is inside */
    CHECK_RC((int)weft_scope_close(inner, 0), WEFT_EINVAL);
    CHECK_RC((int)weft_scope_close(inner, -EPROTO), -EPROTO);
    weft_group_close(inner_group);
    weft_group_close(g);
    /* All is as before. */
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, nothing, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return weft_yield();
}

static int run_close_twice(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn_with(g, close_twice, NULL, &(weft_task_options){.name = "hurried"}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static void twice_with_debug(void)
{
    CHECK_OK(run_as(true, run_close_twice, NULL));
}

static void twice_without_debug(void)
{
    (void)unsetenv("WEFT_DEBUG");
    CHECK_OK(run_as(false, run_close_twice, NULL));
}

WEFT_TEST(rules_report, closing_what_was_closed_with_an_outer_one_changes_nothing_and_is_named_in_debug_mode)
{
    CHECK_EQ(process_listen(twice_with_debug, said, sizeof said), 0);
    CHECK_EQ(times("weft: task hurried closes a group or scope that is closed\n"), 4);
    CHECK_EQ(times("\n"), 4);
    CHECK_EQ(process_listen(twice_without_debug, said, sizeof said), 0);
    CHECK_STR_EQ(said, "");
}

/* Loops that try again although they are cancelled. */

#define TRIES_AGAIN "tries again and again although it is canceled\n"

static int try_again(void *arg)
{
    bool in_shield = arg != NULL;
    weft_scope *s = in_shield ? weft_shield_open(weft_now() - 1) : weft_scope_open(weft_now() - 1);

    for (int i = 0; i < 2000; i++)
        CHECK_RC(i % 2 == 0 ? weft_sleep_ms(1) : weft_yield(), WEFT_ECANCELED);
    CHECK_RC((int)weft_scope_close(s, WEFT_ECANCELED), WEFT_ETIMEDOUT);
    return 0;
}

/* Gives up at the first refusal, each time anew: as it should be. */
static int try_anew(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        weft_scope *s = weft_scope_open(weft_now() - 1);

        CHECK_RC((int)weft_scope_close(s, weft_sleep_ms(1)), WEFT_ETIMEDOUT);
    }
    return 0;
}

static int some_are_stubborn(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn_with(g, try_again, NULL, &(weft_task_options){.name = "mule"}));
    CHECK_OK(weft_spawn_with(g, try_again, g, &(weft_task_options){.name = "hinny"}));
    CHECK_OK(weft_spawn_with(g, try_anew, NULL, &(weft_task_options){.name = "horse"}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    (void)arg;
    return 0;
}

static void stubborn_with_debug(void)
{
    CHECK_OK(run_as(true, some_are_stubborn, NULL));
}

static void stubborn_without_debug(void)
{
    (void)unsetenv("WEFT_DEBUG");
    CHECK_OK(run_as(false, some_are_stubborn, NULL));
}

WEFT_TEST(rules_report, loop_that_retries_on_canceled_is_named_once_in_debug_mode)
{
    CHECK_EQ(process_listen(stubborn_with_debug, said, sizeof said), 0);
    CHECK_EQ(times("weft: task mule " TRIES_AGAIN), 1);
    CHECK_EQ(times("weft: task hinny " TRIES_AGAIN), 1);
    CHECK_EQ(times(TRIES_AGAIN), 2);
    CHECK_EQ(process_listen(stubborn_without_debug, said, sizeof said), 0);
    CHECK_STR_EQ(said, "");
}

/* Detached tasks. */

static atomic_int asleep, ended;

static int end_late(void *arg)
{
    (void)arg;
    atomic_fetch_add(&asleep, 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    pause_thread_ms(5); /* who does not wait for it misses the count */
    atomic_fetch_add(&ended, 1);
    return WEFT_ECANCELED;
}

static int leave_some_running(void *arg)
{
    int n = *(int *)arg;

    for (int i = 0; i < n; i++)
        CHECK_OK(i % 2 == 0 ? weft_spawn_detached(end_late, NULL, NULL)
                            : weft_runtime_spawn(weft_runtime_current(), end_late, NULL));
    yield_until(&asleep, n);
    return -5;
}

static void three_left_over(void)
{
    int n = 3;

    CHECK_RC(run_as(false, leave_some_running, &n), -5);
    CHECK_EQ(ended, 3);
}

static void none_left_over(void)
{
    int n = 0;

    CHECK_RC(run_as(false, leave_some_running, &n), -5);
}

WEFT_TEST(rules_report, detached_tasks_that_are_left_are_cancelled_waited_for_and_reported)
{
    CHECK_EQ(process_listen(three_left_over, said, sizeof said), 0);
    CHECK_STR_EQ(said, "weft: 3 detached tasks were still running at the end, and canceled\n");
    CHECK_EQ(process_listen(none_left_over, said, sizeof said), 0);
    CHECK_STR_EQ(said, "");
}

/* Errors that nobody takes. */

static int fail_detached(void *arg)
{
    static const int code = WEFT_ECONNREFUSED;

    (void)arg;
    CHECK_OK(weft_spawn_detached(fail_with, (void *)&code, &(weft_task_options){.name = "writer"}));
    CHECK_OK(weft_spawn_detached(nothing, NULL, NULL));
    while (weft_tasks(weft_runtime_current(), NULL, 0) > 1)
        CHECK_OK(weft_yield());
    return 0;
}

static void without_a_hook(void)
{
    CHECK_OK(run_as(false, fail_detached, NULL));
}

WEFT_TEST(rules_report, error_that_nobody_takes_is_printed_with_the_name_of_its_task)
{
    CHECK_EQ(process_listen(without_a_hook, said, sizeof said), 0);
    CHECK_EQ(times("weft: task writer failed: connection refused ("), 1);
    CHECK_EQ(times("\n"), 1);
}
