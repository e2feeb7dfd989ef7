/* SPDX-License-Identifier: MIT */
/*
 * A runner of tests for builds in which the way that a process ends is the report: under sanitizers, valgrind, qemu
 * and gcov. Each test runs in a process of its own, and passes only when its function returned and the process then
 * exited with status 0, so that what LeakSanitizer and others find at exit counts too.
 *
 *     test_x [--list] [--filter TEXT] [--repeat N]
 *
 * --filter takes the tests whose "suite/name" contains TEXT, or matches it where TEXT has a '*'. The time limit of a test is TEST_TIMEOUT seconds times
 * WEFT_TEST_TIME_SCALE, or WEFT_TEST_TIMEOUT as it stands.
 */
#include "tests/support/test.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

static struct test_case *first_test;
static struct test_case **last_link = &first_test;

/* Shared with the test's process, which sets it when the function has returned: exit(0) in the middle is a failure. */
static volatile sig_atomic_t *returned;

void test_register(struct test_case *test)
{
    *last_link = test;
    last_link = &test->next;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double environment_number(const char *name, double otherwise)
{
    const char *text = getenv(name);
    char *end;
    if (!text || !*text)
        return otherwise;
    double value = strtod(text, &end);
    return *end == '\0' && value > 0 ? value : otherwise;
}

static double time_limit(void)
{
    return environment_number("WEFT_TEST_TIMEOUT", TEST_TIMEOUT * environment_number("WEFT_TEST_TIME_SCALE", 1));
}

/* Waits for `pid` for at most `limit` seconds; SIGCHLD is blocked. Returns false when the time is up. */
static bool wait_for(pid_t pid, double limit, int *status)
{
    double end = now() + limit;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);

    for (;;) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid)
            return true;
        double left = end - now();
        if (left <= 0)
            return false;
        struct timespec pause = {.tv_sec = (time_t)left};
        pause.tv_nsec = (long)((left - (double)pause.tv_sec) * 1e9);
        sigtimedwait(&set, NULL, &pause);
    }
}

static _Noreturn void run_in_child(const struct test_case *test, const sigset_t *mask)
{
    /* A group of its own, so that a test that hangs is killed with its children; and it must not outlive us. */
    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    sigprocmask(SIG_SETMASK, mask, NULL);
    test->run();
    *returned = 1;
    exit(0);
}

enum outcome { PASSED, FAILED, SKIPPED };

/* Says how the process ended, in words. */
static enum outcome judge(int status, char *text, size_t size)
{
    text[0] = '\0';
    if (WIFSIGNALED(status)) {
        snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        return FAILED;
    }
    int code = WEXITSTATUS(status);
    if (code == TEST_EXIT_SKIPPED && !*returned)
        return SKIPPED;
    if (code == TEST_EXIT_FAILED && !*returned)
        snprintf(text, size, "a check failed");
    else if (code != 0)
        snprintf(text, size, "exit status %d%s", code, *returned ? " after the test had returned" : "");
    else if (!*returned)
        snprintf(text, size, "exited in the middle");
    else
        return PASSED;
    return FAILED;
}

static enum outcome run(const struct test_case *test)
{
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGCHLD);
    sigprocmask(SIG_BLOCK, &block, &before);

    *returned = 0;
    fflush(NULL);
    double start = now();
    pid_t pid = fork();
    if (pid < 0) {
        printf("FAIL %s/%s: fork: %s\n", test->suite, test->name, strerror(errno));
        sigprocmask(SIG_SETMASK, &before, NULL);
        return FAILED;
    }
    if (pid == 0)
        run_in_child(test, &before);

    char why[128];
    int status = 0;
    double limit = time_limit();
    enum outcome outcome = FAILED;
    if (wait_for(pid, limit, &status)) {
        outcome = judge(status, why, sizeof why);
    } else {
        snprintf(why, sizeof why, "no end after %.0f s", limit);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    /* What the test left running. The group is gone already where it left nothing. */
    kill(-pid, SIGKILL);
    sigprocmask(SIG_SETMASK, &before, NULL);

    static const char *const words[] = {[PASSED] = "pass", [FAILED] = "FAIL", [SKIPPED] = "skip"};
    printf("%s %s/%s (%.0f ms)%s%s\n", words[outcome], test->suite, test->name, (now() - start) * 1e3,
           outcome == FAILED ? ": " : "", outcome == FAILED ? why : "");
    fflush(stdout);
    return outcome;
}

static bool chosen(const char *name, const char *filter)
{
    return strchr(filter, '*') ? fnmatch(filter, name, 0) == 0 : strstr(name, filter) != NULL;
}

static _Noreturn void usage(const char *program)
{
    fprintf(stderr, "usage: %s [--list] [--filter TEXT] [--repeat N]\n", program);
    exit(2);
}

int main(int argc, char **argv)
{
    const char *filter = "";
    bool list = false;
    long repeat = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0)
            list = true;
        else if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc)
            filter = argv[++i];
        else if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
            repeat = strtol(argv[++i], NULL, 10);
        else
            usage(argv[0]);
    }
    if (repeat < 1)
        usage(argv[0]);

    returned = mmap(NULL, sizeof *returned, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (returned == MAP_FAILED) {
        perror("mmap");
        return 2;
    }

    unsigned long count[3] = {0, 0, 0};
    for (long round = 0; round < repeat; round++) {
        for (const struct test_case *test = first_test; test; test = test->next) {
            char name[256];
            snprintf(name, sizeof name, "%s/%s", test->suite, test->name);
            if (!chosen(name, filter))
                continue;
            if (list)
                printf("%s\n", name);
            else
                count[run(test)]++;
        }
        if (list)
            return 0;
    }

    if (count[SKIPPED] > 0)
        printf("%lu skipped\n", count[SKIPPED]);
    printf("%lu passed, %lu failed\n", count[PASSED], count[FAILED]);
    /* No test at all is a mistake in the filter or in the build, not a success. */
    return count[FAILED] > 0 || count[PASSED] + count[SKIPPED] == 0 ? 1 : 0;
}
