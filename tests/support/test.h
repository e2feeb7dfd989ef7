/* SPDX-License-Identifier: MIT */
/*
 * How tests are written, whoever runs them.
 *
 *     WEFT_TEST(deque, last_item_goes_to_one_thief)
 *     {
 *         CHECK_EQ(count, 1);
 *     }
 *
 * A suite is a module, a test's name is a sentence. Native builds hand the tests to Criterion (TEST_CRITERION is
 * defined); sanitizers, valgrind, qemu and coverage use tests/support/main.c, since Criterion does not look
 * at the exit status of a test's process, which is how those tools report.
 *
 * Every check may be used on any thread and in any task. The first one that fails prints its place and its values on
 * stderr and ends the process at once: nothing unwinds, so it does not matter whose stack it runs on.
 */
#ifndef WEFT_TESTS_SUPPORT_TEST_H
#define WEFT_TESTS_SUPPORT_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* How long one test may run, in seconds; the environment's WEFT_TEST_TIMEOUT takes its place. */
#define TEST_TIMEOUT 60

#ifdef TEST_CRITERION

#include <criterion/criterion.h>

/* To Criterion, a test that exits in the middle with status 0 is one that passed. So ours end with another status. */
#define WEFT_TEST(suite, name)                                                                                         \
    static void suite##__##name(void);                                                                                 \
    Test(suite, name, .timeout = TEST_TIMEOUT, .exit_code = TEST_EXIT_RETURNED)                                        \
    {                                                                                                                  \
        suite##__##name();                                                                                             \
        exit(TEST_EXIT_RETURNED);                                                                                      \
    }                                                                                                                  \
    static void suite##__##name(void)

#else

struct test_case {
    const char *suite;
    const char *name;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *test);

#define WEFT_TEST(suite, name)                                                                                         \
    static void suite##__##name(void);                                                                                 \
    __attribute__((constructor)) static void suite##__##name##_register(void)                                          \
    {                                                                                                                  \
        static struct test_case test = {#suite, #name, suite##__##name, NULL};                                         \
        test_register(&test);                                                                                          \
    }                                                                                                                  \
    static void suite##__##name(void)

#endif

/* Wide enough for every integer, signed or not, so that comparing -1 with UINT64_MAX fails as it should. */
#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 test_int;
#else
typedef intmax_t test_int;
#endif

/* True under a sanitizer. What runs there is several times slower, and memory does not behave as usual. */
#if defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_TSAN 1
#endif
#endif
#ifndef TEST_ASAN
#define TEST_ASAN 0
#endif
#ifndef TEST_TSAN
#define TEST_TSAN 0
#endif

#define CHECK(expr)                                                                                                    \
    do {                                                                                                               \
        if (!(expr))                                                                                                   \
            test_fail(__FILE__, __LINE__, "%s", #expr);                                                                \
    } while (0)

/* Fails with a message, as printf(3). */
#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

/* Integers. Each argument is evaluated once. */
#define CHECK_EQ(a, b) TEST_COMPARE(a, ==, b)
#define CHECK_NE(a, b) TEST_COMPARE(a, !=, b)
#define CHECK_LT(a, b) TEST_COMPARE(a, <, b)
#define CHECK_LE(a, b) TEST_COMPARE(a, <=, b)
#define CHECK_GT(a, b) TEST_COMPARE(a, >, b)
#define CHECK_GE(a, b) TEST_COMPARE(a, >=, b)

#define CHECK_NULL(p) CHECK_PTR_EQ(p, NULL)
#define CHECK_NOT_NULL(p) CHECK((p) != NULL)
#define CHECK_PTR_EQ(a, b) test_check_pointers(__FILE__, __LINE__, #a, #b, (a), (b))

/* Strings; NULL is equal to itself only. */
#define CHECK_STR_EQ(a, b) test_check_strings(__FILE__, __LINE__, #a, #b, (a), (b))

#define CHECK_MEM_EQ(a, b, size) test_check_memory(__FILE__, __LINE__, #a, #b, (a), (b), (size))

/* A code that a function of weft returned. What is printed has the names of the codes. */
#define CHECK_RC(expr, code) test_check_code(__FILE__, __LINE__, #expr, #code, (long long)(expr), (long long)(code))
#define CHECK_OK(expr) CHECK_RC(expr, 0)

/* Ends the test and says why it cannot run here. In the test's function itself only, before it starts threads.
 * main.c counts it apart; Criterion, which would have to unwind, as passed. */
#define TEST_SKIP(why) test_skip(why)

#define TEST_COMPARE(a, op, b)                                                                                         \
    do {                                                                                                               \
        test_int test_left = (test_int)(a);                                                                            \
        test_int test_right = (test_int)(b);                                                                           \
        if (!(test_left op test_right))                                                                                \
            test_fail_integers(__FILE__, __LINE__, #a, #op, #b, test_left, test_right);                                \
    } while (0)

/* What the macros call. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void test_fail_integers(const char *file, int line, const char *a, const char *op, const char *b,
                                  test_int left, test_int right);
_Noreturn void test_skip(const char *why);
void test_check_pointers(const char *file, int line, const char *a, const char *b, const void *left, const void *right);
void test_check_strings(const char *file, int line, const char *a, const char *b, const char *left, const char *right);
void test_check_memory(const char *file, int line, const char *a, const char *b, const void *left, const void *right,
                       size_t size);
void test_check_code(const char *file, int line, const char *expr, const char *code, long long left, long long right);

/* Names codes in messages; set by tests/support/support.c, so that this harness works without the library. */
extern const char *(*test_code_name)(int code);

/* The exit status of a test's process: where main.c runs it, after a failed check and when it was skipped; where
 * Criterion runs it, when its function has returned. */
#define TEST_EXIT_FAILED 98
#define TEST_EXIT_SKIPPED 97
#define TEST_EXIT_RETURNED 96

#endif
