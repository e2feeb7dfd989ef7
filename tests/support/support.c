/* SPDX-License-Identifier: MIT */
#include "tests/support/support.h"

#include <stdlib.h>

#include "sched/valgrind.h"

__attribute__((constructor)) static void name_codes(void)
{
    test_code_name = weft_error_name;
}

unsigned test_workers(void)
{
    const char *text = getenv("WEFT_TEST_WORKERS");
    if (!text || !*text)
        return 2;
    char *end;
    unsigned long workers = strtoul(text, &end, 10);
    if (*end != '\0' || workers < 1 || workers > WEFT_WORKERS_MAX)
        FAIL("WEFT_TEST_WORKERS is \"%s\"", text);
    return (unsigned)workers;
}

weft_time test_soon(void)
{
    const char *text = getenv("WEFT_TEST_TIME_SCALE");
    long scale = text != NULL ? strtol(text, NULL, 10) : 1;

    return weft_after_ms(20 * (scale > 0 && scale <= 100 ? scale : 1));
}

bool test_under_valgrind(void)
{
    return RUNNING_ON_VALGRIND;
}

int test_run(weft_fn fn, void *arg)
{
    weft_runtime_options options = {.workers = test_workers()};
    return weft_run_with(fn, arg, &options);
}
