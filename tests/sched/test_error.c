/* SPDX-License-Identifier: MIT */
#include <weft.h>

#include <stdio.h>
#include <string.h>

#include "tests/support/support.h"

WEFT_TEST(error, each_code_has_its_name_and_text)
{
#define CHECK_CODE(name, value, text)                                                                                  \
    CHECK_EQ(WEFT_##name, value);                                                                                      \
    CHECK_STR_EQ(weft_error_name(value), "WEFT_" #name);                                                               \
    CHECK_STR_EQ(weft_strerror(value), text);
    WEFT_ERRORS(CHECK_CODE)
#undef CHECK_CODE
}

WEFT_TEST(error, codes_are_negative_and_distinct)
{
    static const int codes[] = {
#define VALUE(name, value, text) value,
        WEFT_ERRORS(VALUE)
#undef VALUE
    };
    size_t n = sizeof codes / sizeof codes[0];

    for (size_t i = 0; i < n; i++) {
        CHECK_LT(codes[i], 0);
        for (size_t j = 0; j < i; j++)
            CHECK_NE(codes[i], codes[j]);
    }
}

WEFT_TEST(error, own_codes_lie_outside_the_range_of_errno)
{
    static const int own[] = {WEFT_ECANCELED, WEFT_ETIMEDOUT,     WEFT_ECLOSED,  WEFT_EBUSY,
                              WEFT_EFULL,     WEFT_EEMPTY,        WEFT_ENOTASK,  WEFT_EBROKEN,
                              WEFT_EMAPLIMIT, WEFT_ETASKCANCELED, WEFT_ENOTREADY};

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        CHECK_LT(own[i], -4095);
    CHECK_NE(WEFT_ETIMEDOUT, -ETIMEDOUT);
    CHECK_NE(WEFT_ECANCELED, -ECANCELED);
}

WEFT_TEST(error, zero_is_success_and_has_no_name)
{
    CHECK_STR_EQ(weft_strerror(0), "success");
    CHECK_NULL(weft_error_name(0));
}

WEFT_TEST(error, unknown_codes_have_a_text_but_no_name)
{
    static const int unknown[] = {1, 4711, -4000, -4096, -20000, -20100, INT32_MIN, INT32_MAX};

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        CHECK_STR_EQ(weft_strerror(unknown[i]), "unknown error");
        CHECK_NULL(weft_error_name(unknown[i]));
    }
}

WEFT_TEST(error, other_failures_of_the_system_have_its_text)
{
    CHECK_NULL(weft_error_name(-EIO));
    CHECK_NOT_NULL(weft_strerror(-EIO));
    CHECK(strlen(weft_strerror(-EIO)) > 0);
}

WEFT_TEST(error, version_of_the_library_is_that_of_its_headers)
{
    char text[32];

    CHECK_STR_EQ(weft_version(), WEFT_VERSION_STRING);
    (void)snprintf(text, sizeof text, "%d.%d.%d", WEFT_VERSION_MAJOR, WEFT_VERSION_MINOR, WEFT_VERSION_PATCH);
    CHECK_STR_EQ(weft_version(), text);
}
