/* SPDX-License-Identifier: MIT */
/* weft_run(), weft_main(), and SIGINT. What concerns signals happens in processes of their own. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

WEFT_TEST(run, returns_the_code_of_the_task)
{
    static const int codes[] = {0, -1, -EIO, WEFT_ECANCELED, WEFT_ETIMEDOUT};

    for (size_t i = 0; i < 5; i++) {
        CHECK_RC(test_run(fail_with, (void *)&codes[i]), codes[i]);
        CHECK_RC(weft_run(fail_with, (void *)&codes[i]), codes[i]);
        CHECK_RC(weft_run_with(fail_with, (void *)&codes[i], NULL), codes[i]);
    }
}

/* weft_main() in a process of its own: its exit status, and whether it says something on stderr. */
static int main_of(weft_fn fn, void *arg, char *said, size_t size)
{
    int pipe_of[2];
    ssize_t n;
    pid_t child;

    CHECK_OK(pipe(pipe_of));
    child = process_fork();
    if (child == 0) {
        (void)dup2(pipe_of[1], STDERR_FILENO);
        _exit(weft_main(fn, arg));
    }
    (void)close(pipe_of[1]);
    n = read(pipe_of[0], said, size - 1);
    said[n > 0 ? n : 0] = '\0';
    (void)close(pipe_of[0]);
    return process_wait(child);
}

WEFT_TEST(run, main_turns_codes_into_exit_statuses)
{
    static const int refused = WEFT_ECONNREFUSED, timed_out = WEFT_ETIMEDOUT;
    char said[256];

    CHECK_EQ(main_of(nothing, NULL, said, sizeof said), 0);
    CHECK_STR_EQ(said, "");
    CHECK_EQ(main_of(fail_with, (void *)&refused, said, sizeof said), 1);
    CHECK_STR_EQ(said, "weft: connection refused\n");
    CHECK_EQ(main_of(fail_with, (void *)&timed_out, said, sizeof said), 1);
    CHECK_STR_EQ(said, "weft: deadline passed\n");
}

static volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    handled++;
}

static int interrupt_itself(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    (void)arg;
    CHECK_OK(weft_spawn(g, sleep_forever, NULL));
    CHECK_OK(weft_yield());
    CHECK_OK(kill(getpid(), SIGINT));
    rc = weft_group_wait(g);
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK_RC(weft_sleep_ms(1), WEFT_ECANCELED);
    CHECK_EQ(weft_cancel_reason(), WEFT_REASON_SHUTDOWN);
    weft_group_close(g);
    return rc;
}

static struct sigaction install(void)
{
    struct sigaction mine = {.sa_handler = handle, .sa_flags = SA_NODEFER};

    (void)sigemptyset(&mine.sa_mask);
    (void)sigaddset(&mine.sa_mask, SIGUSR1);
    CHECK_OK(sigaction(SIGINT, &mine, NULL));
    return mine;
}

static void check_restored(void)
{
    struct sigaction now;

    CHECK_OK(sigaction(SIGINT, NULL, &now));
    CHECK(now.sa_handler == handle);
    CHECK(sigismember(&now.sa_mask, SIGUSR1));
    CHECK(now.sa_flags & SA_NODEFER);
    handled = 0;
    CHECK_OK(raise(SIGINT));
    CHECK_EQ(handled, 1);
}

WEFT_TEST(run, interrupt_cancels_every_task_and_the_handler_is_restored)
{
    pid_t child = process_fork();

    if (child == 0) {
        (void)install();
        for (int i = 0; i < 10; i++) {
            CHECK_RC(test_run(interrupt_itself, NULL), WEFT_ECANCELED);
            CHECK_EQ(handled, i == 0 ? 0 : 1);
            check_restored();
        }
        _exit(0);
    }
    CHECK_EQ(process_wait(child), 0);
}

WEFT_TEST(run, handler_is_restored_without_an_interrupt_and_after_a_failure_too)
{
    pid_t child = process_fork();

    if (child == 0) {
        (void)install();
        CHECK_OK(test_run(nothing, NULL));
        check_restored();
        CHECK_RC(run_on(10000, nothing, NULL), WEFT_EINVAL);
        check_restored();
        _exit(0);
    }
    CHECK_EQ(process_wait(child), 0);
}

WEFT_TEST(run, main_says_130_after_an_interrupt)
{
    char said[256];

    CHECK_EQ(main_of(interrupt_itself, NULL, said, sizeof said), 130);
    CHECK_STR_EQ(said, "");
}

static int ignore_the_first(void *arg)
{
    (void)arg;
    CHECK_OK(kill(getpid(), SIGINT));
    while (weft_yield() == 0)
        ;
    CHECK_OK(kill(getpid(), SIGINT));
    while (weft_canceled())
        (void)weft_sleep_ms(FOREVER_MS);
    return 0;
}

WEFT_TEST(run, second_interrupt_kills)
{
    pid_t child = process_fork();

    if (child == 0) {
        (void)signal(SIGINT, SIG_DFL);
        _exit(test_run(ignore_the_first, NULL) == 0);
    }
    CHECK_EQ(process_wait(child), -SIGINT);
}

static int survive_interrupt(void *arg)
{
    (void)arg;
    CHECK_OK(kill(getpid(), SIGINT));
    return weft_sleep_ms(20);
}

WEFT_TEST(run, interrupt_that_was_ignored_stays_so)
{
    pid_t child = process_fork();

    if (child == 0) {
        (void)signal(SIGINT, SIG_IGN);
        CHECK_OK(test_run(survive_interrupt, NULL));
        CHECK(signal(SIGINT, SIG_DFL) == SIG_IGN);
        _exit(0);
    }
    CHECK_EQ(process_wait(child), 0);
}

WEFT_TEST(run, explicit_runtime_installs_no_handler)
{
    pid_t child = process_fork();

    if (child == 0) {
        weft_runtime *rt;

        (void)install();
        CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
        check_restored();
        handled = 0;
        CHECK_OK(weft_runtime_run(rt, survive_interrupt, NULL));
        CHECK_EQ(handled, 1);
        weft_runtime_destroy(rt);
        check_restored();
        _exit(0);
    }
    CHECK_EQ(process_wait(child), 0);
}

static int look_at_mask(void *arg)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    static const int others[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM};
    sigset_t set;

    (void)arg;
    CHECK_OK(pthread_sigmask(SIG_BLOCK, NULL, &set));
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        CHECK(!sigismember(&set, faults[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(sigismember(&set, others[i]));
    return 0;
}

WEFT_TEST(run, workers_block_all_signals_but_faults)
{
    CHECK_OK(test_run(look_at_mask, NULL));
}
