/* SPDX-License-Identifier: MIT */
/* The checks accept what is right. That they report what is wrong is shown by tests/faults. */
#include "tests/support/test.h"

#include <pthread.h>
#include <string.h>

WEFT_TEST(support, integers_of_any_sign_and_width_compare)
{
    CHECK_EQ(1, 1u);
    CHECK_NE(-1, UINT64_MAX);
    CHECK_LT(INT64_MIN, UINT64_MAX);
    CHECK_LE((unsigned char)7, 7LL);
    CHECK_GT(UINT64_MAX, INT64_MAX);
    CHECK_GE(0, -1);
}

WEFT_TEST(support, arguments_are_evaluated_once)
{
    int n = 0;
    CHECK_EQ(++n, 1);
    CHECK_STR_EQ(&"ab"[n++], "b");
    CHECK_RC(-n++, -2);
    CHECK_EQ(n, 3);
}

WEFT_TEST(support, strings_pointers_and_memory_compare)
{
    char text[] = "weft";
    CHECK_STR_EQ(text, "weft");
    CHECK_STR_EQ(NULL, NULL);
    CHECK_MEM_EQ(text, "weft", 5);
    CHECK_MEM_EQ(text, "warp", 1);
    CHECK_PTR_EQ(text, &text[0]);
    CHECK_NULL(strchr(text, 'x'));
    CHECK_NOT_NULL(strchr(text, 'f'));
}

static void *check_on_thread(void *arg)
{
    CHECK_PTR_EQ(arg, arg);
    return arg;
}

WEFT_TEST(support, checks_work_on_other_threads)
{
    pthread_t thread;
    int x;
    void *result;
    CHECK_OK(pthread_create(&thread, NULL, check_on_thread, &x));
    CHECK_OK(pthread_join(thread, &result));
    CHECK_PTR_EQ(result, &x);
}

WEFT_TEST(support, a_test_can_be_skipped)
{
    TEST_SKIP("to show that it can");
}
