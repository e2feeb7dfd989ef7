/* SPDX-License-Identifier: MIT */
/* The command line of the models. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/model/internal.h"

enum { TRACE_LINES = 400, TRACE_LINES_ALWAYS = 25 };

static struct {
    const char *program, *only;
    uint64_t first, schedules;
    bool trace, expect_failure;
} args = {.first = 1, .schedules = 1000};

/* What is being run, for a crash. */
static const char *case_name;
static uint64_t case_seed;

/* A planted fault, or a case that shows what the explorer finds. */
static bool must_fail(void)
{
    return args.expect_failure || strncmp(case_name, "finds_", 6) == 0;
}

static int usage(void)
{
    (void)fprintf(stderr,
                  "usage: %s [--case NAME] [--schedules N] [--first SEED]    runs N seeds of each case\n"
                  "       %s --case NAME --seed SEED [--trace]               runs one again\n"
                  "       %s --list\n"
                  "--expect-failure: succeeds when each case fails at some seed, for planted faults\n",
                  args.program, args.program, args.program);
    return 2;
}

static bool number(const char *text, uint64_t *n)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *n = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static void report(const char *message)
{
    printf("%s: seed %llu: %s\n%s", case_name, (unsigned long long)case_seed, message, model_threads_text());
    if (!must_fail() || args.trace)
        model_trace_print(args.trace ? TRACE_LINES : TRACE_LINES_ALWAYS);
    printf("again: %s --case %s --seed %llu --trace\n", args.program, case_name, (unsigned long long)case_seed);
}

/* A crash is a failure like others, but the last: nothing is sound after it. */
static void crashed(int sig)
{
    report(sig == SIGABRT ? "aborted" : "crashed: memory that is poisoned or not there");
    (void)fflush(stdout);
    _exit(must_fail() ? 0 : 1);
}

static void catch_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    static char stack[64 << 10];
    stack_t s = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction a = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};

    (void)sigaltstack(&s, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)sigaction(signals[i], &a, NULL);
}

/* True when no seed failed; or when one did that must. */
static bool run_seeds(const struct model_case *c, uint64_t first, uint64_t schedules)
{
    struct model_result r = {0};
    uint64_t steps = 0;

    case_name = c->name;
    for (uint64_t seed = first; seed - first < schedules; seed++) {
        case_seed = seed;
        model_run(c, seed, &r);
        steps += r.steps;
        if (r.failed) {
            report(r.message);
            return must_fail();
        }
    }
    printf("%s: %llu schedules, %llu steps each\n", c->name, (unsigned long long)schedules,
           (unsigned long long)(steps / schedules));
    if (must_fail())
        printf("%s: the fault was not found\n", c->name);
    (void)fflush(stdout);
    return !must_fail();
}

int model_main(int argc, char **argv, const struct model_case *cases, size_t count)
{
    unsigned failed = 0, found = 0;

    args.program = argv[0];
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(a, "--trace") == 0) {
            args.trace = true;
        } else if (strcmp(a, "--expect-failure") == 0) {
            args.expect_failure = true;
        } else if (strcmp(a, "--list") == 0) {
            for (size_t n = 0; n < count; n++)
                puts(cases[n].name);
            return 0;
        } else if (strcmp(a, "--case") == 0 && value != NULL) {
            args.only = value;
            i++;
        } else if (strcmp(a, "--first") == 0 && number(value, &args.first)) {
            i++;
        } else if (strcmp(a, "--schedules") == 0 && number(value, &args.schedules) && args.schedules > 0) {
            i++;
        } else if (strcmp(a, "--seed") == 0 && number(value, &args.first)) {
            args.schedules = 1;
            i++;
        } else {
            return usage();
        }
    }
    catch_crashes();
    for (size_t n = 0; n < count; n++) {
        if (args.only != NULL && strcmp(args.only, cases[n].name) != 0)
            continue;
        found++;
        failed += !run_seeds(&cases[n], args.first, args.schedules);
    }
    if (found == 0) {
        (void)fprintf(stderr, "%s: no case %s\n", args.program, args.only);
        return 2;
    }
    return failed == 0 ? 0 : 1;
}
