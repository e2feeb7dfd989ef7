/* SPDX-License-Identifier: MIT */
/* What the checks of test.h do. */
#include "tests/support/test.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef TEST_CRITERION

#include <criterion/hooks.h>

/* Criterion has an option that shortens time limits, but none that replaces them. */
ReportHook(PRE_ALL)(struct criterion_test_set *set)
{
    const char *text = getenv("WEFT_TEST_TIMEOUT");
    double limit = text ? strtod(text, NULL) : 0;
    if (limit <= 0)
        return;
    FOREACH_SET(struct criterion_suite_set *suite, set->suites) {
        FOREACH_SET(struct criterion_test *test, suite->tests) {
            test->data->timeout = limit;
        }
    }
}

static bool any_test;

ReportHook(PRE_INIT)(struct criterion_test *test)
{
    (void)test;
    any_test = true;
}

/* No test at all is a mistake in the filter or in the build, not a success. */
ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    (void)stats;
    if (!any_test) {
        fputs("no test was run\n", stderr);
        exit(2);
    }
}

#endif

const char *(*test_code_name)(int code);

/*
 * Ends the process in the way that its runner certainly sees. Criterion looks at signals only. Our own main looks at
 * the exit status, and leaves tools such as valgrind the chance to say what they know.
 */
static _Noreturn void end_of_test(void)
{
#ifdef TEST_CRITERION
    signal(SIGABRT, SIG_DFL);
    abort();
#else
    _exit(TEST_EXIT_FAILED);
#endif
}

/* One write of the whole message, past stdio: its lock may be held by a task that is suspended. */
static void say(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(STDERR_FILENO, text, size);
        if (n <= 0)
            return;
        text += n;
        size -= (size_t)n;
    }
}

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
    char text[2048];
    int used = snprintf(text, sizeof text, "%s:%d: check failed: ", file, line);
    size_t at = used > 0 && (size_t)used < sizeof text / 2 ? (size_t)used : 0;

    va_list args;
    va_start(args, format);
    int more = vsnprintf(text + at, sizeof text - at - 1, format, args);
    va_end(args);
    if (more > 0)
        at += (size_t)more < sizeof text - at - 1 ? (size_t)more : sizeof text - at - 2;
    text[at++] = '\n';
    say(text, at);
    end_of_test();
}

/* Integers beyond 64 bits do not occur: a test_int holds an int64_t or a uint64_t. */
static void format_integer(char *text, size_t size, test_int value)
{
    if (value < 0)
        snprintf(text, size, "%lld", (long long)value);
    else
        snprintf(text, size, "%llu", (unsigned long long)value);
}

_Noreturn void test_fail_integers(const char *file, int line, const char *a, const char *op, const char *b,
                                  test_int left, test_int right)
{
    char left_text[32], right_text[32];
    format_integer(left_text, sizeof left_text, left);
    format_integer(right_text, sizeof right_text, right);
    test_fail(file, line, "%s %s %s, with %s and %s", a, op, b, left_text, right_text);
}

_Noreturn void test_skip(const char *why)
{
    fprintf(stderr, "skipped: %s\n", why);
    fflush(NULL);
#ifdef TEST_CRITERION
    _exit(TEST_EXIT_RETURNED);
#else
    _exit(TEST_EXIT_SKIPPED);
#endif
}

void test_check_pointers(const char *file, int line, const char *a, const char *b, const void *left, const void *right)
{
    if (left != right)
        test_fail(file, line, "%s == %s, with %p and %p", a, b, left, right);
}

void test_check_strings(const char *file, int line, const char *a, const char *b, const char *left, const char *right)
{
    if (left && right ? strcmp(left, right) != 0 : left != right)
        test_fail(file, line, "%s equals %s, with \"%s\" and \"%s\"", a, b, left ? left : "(NULL)",
                  right ? right : "(NULL)");
}

void test_check_memory(const char *file, int line, const char *a, const char *b, const void *left, const void *right,
                       size_t size)
{
    const unsigned char *l = left, *r = right;
    for (size_t i = 0; i < size; i++) {
        if (l[i] != r[i])
            test_fail(file, line, "%s equals %s, with 0x%02x and 0x%02x at byte %zu of %zu", a, b, l[i], r[i], i, size);
    }
}

static const char *code_name(long long code)
{
    const char *name = NULL;
    if (code == 0)
        return "success";
    if (test_code_name && code < 0)
        name = test_code_name((int)code);
    return name ? name : "no code of weft";
}

void test_check_code(const char *file, int line, const char *expr, const char *code, long long left, long long right)
{
    if (left != right)
        test_fail(file, line, "%s returns %s, with %lld (%s) and %lld (%s)", expr, code, left, code_name(left), right,
                  code_name(right));
}
