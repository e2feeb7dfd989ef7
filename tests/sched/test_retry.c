/* SPDX-License-Identifier: MIT */
/* What weft/retry.h promises. */
#include <limits.h>
#include <math.h>

#include "sched/platform.h"
#include "sched/retry.h"

#include "tests/sched/tasks.h"

/* Fails until it has been called `succeed_at` times. */
struct fake {
    int calls, succeed_at, code, asked;
    weft_time at[64];
};

static int call_fake(void *arg)
{
    struct fake *f = arg;

    if (f->calls < 64)
        f->at[f->calls] = weft_now();
    return ++f->calls == f->succeed_at ? 7 : f->code;
}

static const weft_retry_options quick = {.times = 5, .first_ms = 1, .max_ms = 1};

static int times(void *arg)
{
    weft_retry_options o = quick;

    (void)arg;
    for (int at = 1; at <= 6; at++) {
        struct fake f = {.succeed_at = at, .code = -EIO};

        CHECK_EQ(weft_retry(call_fake, &f, &o), at <= 5 ? 7 : -EIO);
        CHECK_EQ(f.calls, at <= 5 ? at : 5);
    }
    o.times = 0;
    {
        struct fake f = {.code = -EPROTO};

        CHECK_RC(weft_retry(call_fake, &f, &o), -EPROTO);
        CHECK_EQ(f.calls, 3);
    }
    o.times = 1;
    {
        struct fake f = {.code = -EPROTO};

        CHECK_RC(weft_retry(call_fake, &f, &o), -EPROTO);
        CHECK_EQ(f.calls, 1);
    }
    o.times = UINT_MAX;
    {
        struct fake f = {.succeed_at = 20, .code = -EPROTO};

        CHECK_EQ(weft_retry(call_fake, &f, &o), 7);
        CHECK_EQ(f.calls, 20);
    }
    return 0;
}

WEFT_TEST(retry, calls_until_success_or_the_last_time_and_returns_the_last_code)
{
    CHECK_OK(test_run(times, NULL));
}

static int change_code(void *arg)
{
    return -1 - (*(int *)arg)++;
}

static int last_error(void *arg)
{
    int n = 0;

    (void)arg;
    CHECK_EQ(weft_retry(change_code, &n, &quick), -5);
    return 0;
}

WEFT_TEST(retry, error_that_is_returned_is_the_last)
{
    CHECK_OK(test_run(last_error, NULL));
}

static bool twice(int code, void *arg)
{
    struct fake *f = arg;

    CHECK_RC(code, -EIO);
    return ++f->asked < 3;
}

static int retry_if(void *arg)
{
    weft_retry_options o = quick;
    struct fake f = {.code = -EIO};

    (void)arg;
    o.retry_if = twice;
    CHECK_RC(weft_retry(call_fake, &f, &o), -EIO);
    CHECK_EQ(f.calls, 3);
    CHECK_EQ(f.asked, 3);
    f = (struct fake){.code = -EIO};
    o.times = 2;
    CHECK_RC(weft_retry(call_fake, &f, &o), -EIO);
    CHECK_EQ(f.calls, 2);
    CHECK_EQ(f.asked, 1); /* not after the last */
    return 0;
}

WEFT_TEST(retry, retry_if_decides_after_each_failure_but_the_last)
{
    CHECK_OK(test_run(retry_if, NULL));
}

static bool never_asked(int code, void *arg)
{
    (void)arg;
    FAIL("asked for %d", code);
    return true;
}

static int cancellation_is_final(void *arg)
{
    weft_retry_options o = quick;
    struct fake f = {.code = WEFT_ECANCELED};
    weft_scope *s;

    (void)arg;
    o.retry_if = never_asked;
    CHECK_RC(weft_retry(call_fake, &f, &o), WEFT_ECANCELED);
    CHECK_EQ(f.calls, 1);

    s = weft_scope_open(0);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_retry(call_fake, &f, &o), WEFT_ECANCELED);
    CHECK_EQ(f.calls, 1);
    CHECK_RC(weft_scope_close(s, 0), 0);

    /* In the wait between two calls. */
    f = (struct fake){.code = -EIO};
    s = weft_scope_open(weft_after_ms(20));
    CHECK_RC(weft_scope_close(s, weft_retry(call_fake, &f, &(weft_retry_options){.first_ms = FOREVER_MS})),
             WEFT_ETIMEDOUT);
    CHECK_EQ(f.calls, 1);

    /* A deadline of the function's own is an error like others. */
    f = (struct fake){.code = WEFT_ETIMEDOUT};
    CHECK_RC(weft_retry(call_fake, &f, &quick), WEFT_ETIMEDOUT);
    CHECK_EQ(f.calls, 5);
    return weft_yield();
}

WEFT_TEST(retry, cancellation_is_never_retried_and_ends_a_wait)
{
    CHECK_OK(test_run(cancellation_is_final, NULL));
}

static int bad_options(void *arg)
{
    weft_retry_options bad[] = {
        {.first_ms = -1}, {.max_ms = -1}, {.factor = 0.5}, {.factor = -1},
        {.factor = NAN},  {.jitter = 3},  {.jitter = -1},  {.reserved = {0, 0, 0, 1}},
    };
    struct fake f = {.code = -EIO};

    (void)arg;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_RC(weft_retry(call_fake, &f, &bad[i]), WEFT_EINVAL);
    CHECK_EQ(f.calls, 0);
    return 0;
}

WEFT_TEST(retry, bad_options_are_refused_before_the_first_call)
{
    CHECK_OK(test_run(bad_options, NULL));
    CHECK_RC(weft_retry(nothing, NULL, NULL), WEFT_ENOTASK);
}

static int delays(void *arg)
{
    static const int64_t least[] = {4, 8, 16, 20, 20};
    weft_retry_options o = {.times = 6, .first_ms = 4, .max_ms = 20, .jitter = *(int *)arg};
    struct fake f = {.code = -EIO};

    CHECK_RC(weft_retry(call_fake, &f, &o), -EIO);
    for (int i = 0; i < 5; i++) {
        int64_t waited = f.at[i + 1] - f.at[i], cap = least[i] * 1000000;

        CHECK_GE(waited, o.jitter == WEFT_JITTER_NONE ? cap : o.jitter == WEFT_JITTER_EQUAL ? cap / 2 : 0);
    }
    return 0;
}

WEFT_TEST(retry, waits_are_never_shorter_than_the_back_off_says)
{
    for (int jitter = WEFT_JITTER_NONE; jitter <= WEFT_JITTER_EQUAL; jitter++)
        CHECK_OK(test_run(delays, &jitter));
}

WEFT_TEST(retry, caps_grow_by_the_factor_up_to_the_longest)
{
    weft_retry_options o;
    double cap;

    CHECK_OK(weft__retry_settle(&o, NULL));
    CHECK_EQ(o.times, 3);
    CHECK_EQ(o.first_ms, 100);
    CHECK_EQ(o.max_ms, 30000);
    CHECK(o.factor == 2);
    cap = (double)o.first_ms;
    for (int i = 0; i < 8; i++) {
        CHECK(cap == 100.0 * (1 << i));
        cap = weft__retry_next_cap(&o, cap);
    }
    CHECK(cap == 25600);
    cap = weft__retry_next_cap(&o, cap);
    CHECK(cap == 30000);
    CHECK(weft__retry_next_cap(&o, cap) == 30000);

    CHECK_OK(weft__retry_settle(&o, &(weft_retry_options){.first_ms = 60000, .factor = 1}));
    CHECK_EQ(o.max_ms, 60000);
    CHECK(weft__retry_next_cap(&o, 60000) == 60000);
    CHECK_OK(weft__retry_settle(&o, &(weft_retry_options){.first_ms = 60000, .max_ms = 7}));
    CHECK_EQ(o.first_ms, 7);
    CHECK_OK(weft__retry_settle(&o, &(weft_retry_options){.first_ms = INT64_MAX, .factor = INFINITY}));
    CHECK_GT(weft__retry_wait_ns(weft__retry_next_cap(&o, (double)o.first_ms), WEFT_JITTER_NONE, 0), 0);
}

WEFT_TEST(retry, jitter_stays_in_its_half)
{
    CHECK_EQ(weft__retry_wait_ns(10, WEFT_JITTER_NONE, UINT64_MAX), 10000000);
    CHECK_EQ(weft__retry_wait_ns(10, WEFT_JITTER_FULL, 0), 0);
    CHECK_EQ(weft__retry_wait_ns(10, WEFT_JITTER_FULL, UINT64_MAX / 2 + 1), 5000000);
    CHECK_LE(weft__retry_wait_ns(10, WEFT_JITTER_FULL, UINT64_MAX), 10000000);
    CHECK_GE(weft__retry_wait_ns(10, WEFT_JITTER_FULL, UINT64_MAX), 9999999);
    CHECK_EQ(weft__retry_wait_ns(10, WEFT_JITTER_EQUAL, 0), 5000000);
    CHECK_EQ(weft__retry_wait_ns(10, WEFT_JITTER_EQUAL, UINT64_MAX / 2 + 1), 7500000);
    CHECK_EQ(weft__retry_wait_ns(10, true, 0), 0); /* `true` is full */
}

static int leave_open(void *arg)
{
    weft_scope *s = weft_scope_open(0);
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, sleep_forever, NULL));
    CHECK_OK(weft_scope_cancel(s));
    return ++*(int *)arg < 3 ? -EIO : 0;
}

static int left_open(void *arg)
{
    int calls = 0;

    (void)arg;
    CHECK_OK(weft_retry(leave_open, &calls, &quick));
    CHECK_EQ(calls, 3);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(retry, what_a_call_leaves_open_is_closed_after_it)
{
    CHECK_OK(test_run(left_open, NULL));
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

static int without_memory(void *arg)
{
    struct fake f = {.code = -EIO};

    (void)arg;
    A_STORE(&weft__fault_hook, no_memory, relaxed);
    CHECK_RC(weft_retry(call_fake, &f, &(weft_retry_options){.first_ms = FOREVER_MS}), WEFT_ENOMEM);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_EQ(f.calls, 1);
    return weft_yield();
}

WEFT_TEST(retry, lack_of_memory_for_a_wait_is_reported)
{
    CHECK_OK(run_on(1, without_memory, NULL));
}
