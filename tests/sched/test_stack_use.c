/* SPDX-License-Identifier: MIT */
#include "sched/stack_use.h"

#include <string.h>
#include <unistd.h>

#include "sched/group.h"
#include "tests/sched/classes.h"
#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

#define SKIP_WHERE_NOTHING_IS_MEASURED()                                                                               \
    do {                                                                                                               \
        if (!WEFT__STACK_USE || test_under_valgrind())                                                                 \
            TEST_SKIP("only debug builds measure, without tools that change frames");                                  \
    } while (0)

static WEFT__NOINLINE int use_stack(volatile char *above, long left)
{
    volatile char frame[512];

    frame[0] = (char)(above[0] + 1);
    if (left <= 0)
        return frame[0] & 1;
    return use_stack(frame, left - (above - frame)) | (frame[0] & 2);
}

/* Uses as many bytes as `arg` points to, about; before, or after, it has been suspended. */
static int use(void *arg)
{
    volatile char first[1] = {0};

    CHECK_LE(use_stack(first, *(long *)arg), 3);
    return 0;
}

static int use_after_a_sleep(void *arg)
{
    CHECK_OK(weft_sleep_ms(1));
    return use(arg);
}

static size_t most(unsigned stack_class)
{
    return weft__stack_use_max(weft_runtime_current(), stack_class);
}

static void run_one(weft_fn fn, long bytes, unsigned stack_class)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(spawn_of_class(g, fn, &bytes, stack_class));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
}

static int measure(void *arg)
{
    static const weft_fn kinds[] = {use, use_after_a_sleep};
    size_t before;

    for (long bytes = 8000; bytes <= 48000; bytes += 10000)
        for (int i = 0; i < 2; i++) {
            run_one(kinds[i], bytes, 0);
            CHECK_GE(most(0), bytes);
            CHECK_LE(most(0), bytes + 6000);
        }
    /* What a deep task leaves behind is not taken for the next one's. */
    before = most(0);
    for (int i = 0; i < 50; i++)
        run_one(kinds[i & 1], 1000, 0);
    CHECK_EQ(most(0), before);
    /* Classes are measured apart. */
    CHECK_EQ(most(7), 0);
    run_one(use, 300000, 7);
    CHECK_GE(most(7), 300000);
    CHECK_LE(most(7), 306000);
    CHECK_EQ(most(0), before);
    return arg == NULL ? 0 : WEFT_EINVAL;
}

WEFT_TEST(stack_use, highest_mark_of_all_tasks_is_kept)
{
    SKIP_WHERE_NOTHING_IS_MEASURED();
    CHECK_OK(test_run(measure, NULL));
}

static int use_most(void *arg)
{
    (void)arg;
    run_one(use, 58000, 0);
    run_one(use, 59000, 0);
    return 0;
}

static int use_half(void *arg)
{
    (void)arg;
    run_one(use, 32000, 0);
    return 0;
}

static weft_fn heard;

static void run_heard(void)
{
    CHECK_OK(test_run(heard, NULL));
}

/* What a run says on stderr. */
static void listen_to(weft_fn fn, char *said, size_t size)
{
    heard = fn;
    CHECK_OK(process_listen(run_heard, said, size));
}

WEFT_TEST(stack_use, task_that_uses_nearly_all_is_named_once)
{
    char said[4096];
    const char *line;

    SKIP_WHERE_NOTHING_IS_MEASURED();
    listen_to(use_half, said, sizeof said);
    CHECK_STR_EQ(said, "");
    listen_to(use_most, said, sizeof said);
    line = strstr(said, "of the 64 KiB of stack that it may count on");
    CHECK_NOT_NULL(line);
    CHECK_NULL(strstr(strchr(line, '\n'), "it may count on"));
}

static int one_deep(void *arg)
{
    (void)arg;
    run_one(use, 40000, 0);
    CHECK_EQ(most(0), 0);
    return 0;
}

WEFT_TEST(stack_use, nothing_is_measured_in_release_builds)
{
    if (WEFT__STACK_USE && !test_under_valgrind())
        TEST_SKIP("this one measures");
    CHECK_OK(test_run(one_deep, NULL));
}
