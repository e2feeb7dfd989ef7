/* SPDX-License-Identifier: MIT */
/* Each case runs in a process of its own, whose last words and death are looked at. */
#define _GNU_SOURCE
#include "sched/overflow.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sched/group.h"
#include "sched/runtime.h"
#include "tests/sched/classes.h"
#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

/* A sanitizer's own handler, which ours calls, reports and exits. */
static void check_killed(int end)
{
    if (TEST_ASAN || TEST_TSAN || test_under_valgrind())
        CHECK_NE(end, 0);
    else
        CHECK_EQ(end, -SIGSEGV);
}

/* Not to be turned into a loop: each level keeps a frame. */
#define DESCEND(name, bytes)                                                                                           \
    static WEFT__NOINLINE int name(volatile char *above, long depth)                                                   \
    {                                                                                                                  \
        volatile char frame[bytes];                                                                                    \
                                                                                                                       \
        frame[0] = (char)(above[0] + 1);                                                                               \
        if (depth == 0)                                                                                                \
            return frame[0];                                                                                           \
        return name(frame, depth - 1) + frame[0];                                                                      \
    }                                                                                                                  \
    static int task_##name(void *arg)                                                                                  \
    {                                                                                                                  \
        volatile char first[1] = {0};                                                                                  \
                                                                                                                       \
        (void)arg;                                                                                                     \
        return name(first, 1000000) != 0 ? 0 : WEFT_EINVAL;                                                            \
    }

DESCEND(small_frames, 256)
DESCEND(large_frames, 12000)

static int after_a_sleep(void *arg)
{
    CHECK_OK(weft_sleep_ms(1));
    return task_small_frames(arg);
}

static int in_a_child(weft_fn fn, unsigned stack_class)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(spawn_of_class(g, fn, NULL, stack_class));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static int inlined(void *arg)
{
    (void)arg;
    return in_a_child(task_small_frames, 0);
}

static int on_a_large_stack(void *arg)
{
    (void)arg;
    return in_a_child(task_small_frames, 7);
}

static void run_small_frames(void)
{
    CHECK_OK(test_run(task_small_frames, NULL));
}

static void run_large_frames(void)
{
    CHECK_OK(test_run(task_large_frames, NULL));
}

static void run_after_a_sleep(void)
{
    CHECK_OK(test_run(after_a_sleep, NULL));
}

static void run_inlined(void)
{
    CHECK_OK(run_on(1, inlined, NULL));
}

static void run_on_a_large_stack(void)
{
    CHECK_OK(test_run(on_a_large_stack, NULL));
}

static int in_place(void *arg)
{
    return weft_block_in_place(task_small_frames, arg);
}

static void run_in_place(void)
{
    CHECK_OK(test_run(in_place, NULL));
}

static int after_a_block(void *arg)
{
    CHECK_OK(weft_block_in_place(nothing, NULL));
    return task_small_frames(arg);
}

static void run_after_a_block(void)
{
    CHECK_OK(test_run(after_a_block, NULL));
}

static char long_name[300];

static int say_number_and_overflow(void *arg)
{
    (void)fprintf(stderr, "number %llu\n", (unsigned long long)weft_task_id());
    return task_small_frames(arg);
}

static int name_a_child(const char *name)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn_with(g, say_number_and_overflow, NULL, &(weft_task_options){.name = name}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static int name_shortly(void *arg)
{
    (void)arg;
    return name_a_child("crawler");
}

static int name_at_length(void *arg)
{
    (void)arg;
    memset(long_name, 'x', sizeof long_name - 1);
    return name_a_child(long_name);
}

static void run_named(void)
{
    CHECK_OK(test_run(name_shortly, NULL));
}

static void run_named_at_length(void)
{
    CHECK_OK(test_run(name_at_length, NULL));
}

WEFT_TEST(overflow, task_is_called_by_number_and_name)
{
    char said[65536], number[128];
    unsigned long long id;

    check_killed(process_listen(run_named, said, sizeof said));
    CHECK_EQ(sscanf(said, "number %llu", &id), 1);
    CHECK_NE(id, 0);
    (void)snprintf(number, sizeof number, ", number %llu, named crawler: its stack of 64 KiB is full", id);
    CHECK_NOT_NULL(strstr(said, number));
    /* A long name is cut, and hides nothing. */
    check_killed(process_listen(run_named_at_length, said, sizeof said));
    CHECK_NOT_NULL(strstr(said, "xxx: its stack of 64 KiB is full"));
}

WEFT_TEST(overflow, task_and_size_of_its_stack_are_named)
{
    static const struct {
        void (*body)(void);
        const char *size;
        weft_fn fn; /* NULL: not known here, it is weft's own */
    } cases[] = {
        {run_small_frames, " 64 KiB ", NULL},
        {run_large_frames, " 64 KiB ", NULL},
        {run_after_a_sleep, " 64 KiB ", NULL},
        {run_inlined, " 64 KiB ", task_small_frames},
        {run_on_a_large_stack, " 1024 KiB ", task_small_frames},
        {run_in_place, " 64 KiB ", NULL}, /* on a thread that is no worker */
        {run_after_a_block, " 64 KiB ", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char said[65536], function[32];

        check_killed(process_listen(cases[i].body, said, sizeof said));
        CHECK_NOT_NULL(strstr(said, "weft: stack overflow in the task of the function at 0x"));
        CHECK_NOT_NULL(strstr(said, cases[i].size));
        if (cases[i].fn == NULL)
            continue;
        (void)snprintf(function, sizeof function, "0x%llx, number ", (unsigned long long)(uintptr_t)cases[i].fn);
        CHECK_NOT_NULL(strstr(said, function));
    }
}

/* A field behind a null pointer: the undefined-behaviour sanitizer has an eye on the pointer itself. */
static int null_task(void *arg)
{
    volatile uintptr_t field = 64;

    *(volatile char *)field = 1;
    return arg == NULL ? 0 : WEFT_EINVAL;
}

static void run_null(void)
{
    CHECK_OK(test_run(null_task, NULL));
}

static int null_in_place(void *arg)
{
    return weft_block_in_place(null_task, arg);
}

static void run_null_in_place(void)
{
    CHECK_OK(test_run(null_in_place, NULL));
}

static int null_beside(void *arg)
{
    return weft_blocking(null_task, arg);
}

static void run_null_beside(void)
{
    CHECK_OK(test_run(null_beside, NULL));
}

/* Another stack's guard is no overflow of this one: just an address that went wrong. */
static int reach_into_a_guard(void *arg)
{
    struct weft__stack *s = weft__task_self()->stack;

    (void)arg;
    s->low[((size_t)128 << 10) - 1] = 1;
    return 0;
}

static void run_stray(void)
{
    CHECK_OK(test_run(reach_into_a_guard, NULL));
}

WEFT_TEST(overflow, other_faults_are_not_taken_for_one)
{
    static void (*const bodies[])(void) = {run_null, run_stray, run_null_in_place, run_null_beside};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char said[65536];

        check_killed(process_listen(bodies[i], said, sizeof said));
        CHECK_NULL(strstr(said, "stack overflow in the task"));
        if (!TEST_ASAN && !TEST_TSAN && !test_under_valgrind())
            CHECK_STR_EQ(said, "");
    }
}

/* Chaining. */

enum { FORMER = 42 };

static void former_with_info(int signal, siginfo_t *info, void *context)
{
    _exit(signal == SIGSEGV && info->si_addr != (void *)4096 && context != NULL ? FORMER : 1);
}

static void former_plain(int signal)
{
    sigset_t now;

    (void)pthread_sigmask(SIG_BLOCK, NULL, &now);
    _exit(signal == SIGSEGV && sigismember(&now, SIGUSR1) == 1 ? FORMER : 1);
}

static void handle(int signal, void (*plain)(int), void (*with_info)(int, siginfo_t *, void *))
{
    struct sigaction act = {.sa_handler = plain};

    if (with_info != NULL) {
        act.sa_sigaction = with_info;
        act.sa_flags = SA_SIGINFO;
    }
    (void)sigaddset(&act.sa_mask, SIGUSR1);
    CHECK_OK(sigaction(signal, &act, NULL));
}

static void run_with_info(void)
{
    handle(SIGSEGV, NULL, former_with_info);
    run_small_frames();
}

static void run_plain(void)
{
    handle(SIGSEGV, former_plain, NULL);
    run_small_frames();
}

static void run_null_with_info(void)
{
    handle(SIGSEGV, NULL, former_with_info);
    run_null();
}

static void run_null_plain(void)
{
    handle(SIGSEGV, former_plain, NULL);
    run_null();
}

WEFT_TEST(overflow, former_handler_is_called_for_every_fault)
{
    static const struct {
        void (*body)(void);
        bool overflow;
    } cases[] = {{run_with_info, true}, {run_plain, true}, {run_null_with_info, false}, {run_null_plain, false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char said[65536];

        int end = process_listen(cases[i].body, said, sizeof said);

        /* valgrind reports the access, and ends the process by a status of its own. */
        if (test_under_valgrind())
            CHECK_GT(end, 0);
        else
            CHECK_EQ(end, FORMER);
        CHECK_EQ(strstr(said, "stack overflow in the task") != NULL, cases[i].overflow);
    }
}

static int raise_segv(void *arg)
{
    (void)arg;
    return raise(SIGSEGV);
}

static void ignore_what_is_sent(void)
{
    handle(SIGSEGV, SIG_IGN, NULL);
    CHECK_OK(test_run(raise_segv, NULL));
    _exit(FORMER);
}

static void fault_while_ignored(void)
{
    handle(SIGSEGV, SIG_IGN, NULL);
    run_null();
}

static void default_for_what_is_sent(void)
{
    handle(SIGSEGV, SIG_DFL, NULL);
    CHECK_OK(test_run(raise_segv, NULL));
}

WEFT_TEST(overflow, ignored_and_default_signals_do_what_they_did)
{
    char said[65536];

    CHECK_EQ(process_listen(ignore_what_is_sent, said, sizeof said), FORMER);
    CHECK_STR_EQ(said, "");
    CHECK_EQ(process_listen(fault_while_ignored, said, sizeof said), -SIGSEGV);
    CHECK_EQ(process_listen(default_for_what_is_sent, said, sizeof said), -SIGSEGV);
    CHECK_NULL(strstr(said, "stack overflow in the task"));
}

/* Who handles SIGSEGV. */

static struct sigaction handler_now(int signal)
{
    struct sigaction act;

    CHECK_OK(sigaction(signal, NULL, &act));
    return act;
}

static bool handled_by(void (*with_info)(int, siginfo_t *, void *))
{
    struct sigaction act = handler_now(SIGSEGV);

    return (act.sa_flags & SA_SIGINFO) && act.sa_sigaction == with_info;
}

static weft_runtime *create(bool no_fault_handler)
{
    weft_runtime *rt;

    CHECK_OK(weft_runtime_create(
        &rt, &(weft_runtime_options){.workers = test_workers(), .no_fault_handler = no_fault_handler}));
    return rt;
}

WEFT_TEST(overflow, last_of_several_runtimes_restores_the_former_handlers)
{
    weft_runtime *a, *b;

    handle(SIGSEGV, NULL, former_with_info);
    handle(SIGBUS, former_plain, NULL);
    a = create(false);
    CHECK(!handled_by(former_with_info));
    b = create(false);
    weft_runtime_destroy(a);
    CHECK(!handled_by(former_with_info));
    CHECK(handler_now(SIGBUS).sa_handler != former_plain);
    weft_runtime_destroy(b);
    CHECK(handled_by(former_with_info));
    CHECK(handler_now(SIGBUS).sa_handler == former_plain);
}

WEFT_TEST(overflow, runtime_may_be_told_to_leave_the_signals_alone)
{
    weft_runtime *rt;

    handle(SIGSEGV, NULL, former_with_info);
    rt = create(true);
    CHECK(handled_by(former_with_info));
    CHECK_OK(weft_runtime_run(rt, nothing, NULL));
    weft_runtime_destroy(rt);
    CHECK(handled_by(former_with_info));
}

static struct sigaction below;

/* A handler that is installed on top of ours and calls it. */
static void on_top(int signal, siginfo_t *info, void *context)
{
    static const char text[] = "on top\n";

    if (write(STDERR_FILENO, text, sizeof text - 1) > 0)
        below.sa_sigaction(signal, info, context);
}

static void run_covered(void)
{
    weft_runtime *rt;

    handle(SIGSEGV, NULL, former_with_info);
    rt = create(false);
    below = handler_now(SIGSEGV);
    handle(SIGSEGV, NULL, on_top);
    /* On an alternate stack, as it must be to run at all once the task's own is full. */
    {
        struct sigaction act = handler_now(SIGSEGV);

        act.sa_flags |= SA_ONSTACK;
        CHECK_OK(sigaction(SIGSEGV, &act, NULL));
    }
    weft_runtime_destroy(rt);
    CHECK(handled_by(on_top));
    /* The next runtime finds ours below another's: it must not go on top of it, or they would call each other. */
    run_small_frames();
}

WEFT_TEST(overflow, handler_on_top_of_ours_is_left_there_and_may_call_it)
{
    char said[65536];

    CHECK_EQ(process_listen(run_covered, said, sizeof said), FORMER);
    CHECK_NOT_NULL(strstr(said, "on top"));
    CHECK_NOT_NULL(strstr(said, "stack overflow in the task"));
    CHECK_NULL(strstr(strstr(said, "on top") + 1, "on top"));
}

static void run_uncovered(void)
{
    weft_runtime *rt = create(false);

    handle(SIGSEGV, NULL, former_with_info); /* calls nobody */
    weft_runtime_destroy(rt);
    handle(SIGSEGV, SIG_DFL, NULL);
    run_small_frames();
}

WEFT_TEST(overflow, handler_is_installed_anew_where_nobody_covers_it_any_more)
{
    char said[65536];

    check_killed(process_listen(run_uncovered, said, sizeof said));
    CHECK_NOT_NULL(strstr(said, "stack overflow in the task"));
}
