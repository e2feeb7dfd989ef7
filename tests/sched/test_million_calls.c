/* SPDX-License-Identifier: MIT */
/*
 * A million pending calls. A record takes 64 bytes, and 64 bytes in 64 KiB besides for the slab's chunks; a place in a heap takes 16, and heaps
 * double: so a call takes 80 to 96 bytes, here 80.9 by the allocations of the library.
 */
#include <stdio.h>

#include "sched/runtime.h"

#include "tests/sched/stress.h"

/* Fewer where everything takes longer. */
static int million(void)
{
    return TEST_TSAN || TEST_ASAN || test_under_valgrind() ? 50000 : 1000000;
}

/* What the calls of a runtime have been given: the chunks of the slab, and the heaps. */
static size_t bytes_of(weft_runtime *rt)
{
    size_t bytes = 0;

    for (void *chunk = rt->calls.slab.chunks; chunk != NULL; chunk = *(void **)chunk)
        bytes += (size_t)64 << 10;
    for (unsigned i = 0; i < rt->workers_count; i++)
        bytes += rt->workers[i].timers.capacity * sizeof(struct weft__timer_slot);
    return bytes;
}

static size_t pending(weft_runtime *rt)
{
    size_t n = 0;

    for (unsigned i = 0; i < rt->workers_count; i++)
        n += rt->workers[i].timers.count;
    return n;
}

/* More than one a heap grows by: the allowance for the first chunk and for small heaps of the other workers. */
static size_t allowance(weft_runtime *rt)
{
    return ((size_t)64 << 10) + rt->workers_count * 64 * sizeof(struct weft__timer_slot);
}

static weft_call *calls;
static int many;

static int call_a_million(void *arg)
{
    weft_runtime *rt = weft_runtime_current();
    atomic_int n = 0;
    uint32_t state = 12345;
    size_t first = 0;

    (void)arg;
    for (int round = 0; round < 3; round++) {
        weft_time base = weft_after_ms(FOREVER_MS);

        for (int i = 0; i < many; i++) {
            CHECK_OK(weft_call_at(base + random_next(&state), count, &n, &calls[i]));
            /* At every moment, also when the heap has just doubled. */
            if (round == 0 && i > 1000 && (i & (i - 1)) <= 1)
                CHECK_LE(bytes_of(rt), (size_t)(i + 1) * 100 + allowance(rt));
        }
        CHECK_EQ(pending(rt), many);
        CHECK_LE(bytes_of(rt), (size_t)many * 100);
        if (round == 0)
            first = bytes_of(rt);
        CHECK_EQ(bytes_of(rt), first); /* records are used again */
        for (int i = 0; i < many; i++)
            CHECK_OK(weft_call_cancel(calls[(size_t)i * 7919 % (size_t)many]));
        CHECK_EQ(pending(rt), 0);
        for (int i = 0; i < many; i += 1000)
            CHECK_RC(weft_call_cancel(calls[i]), WEFT_EALREADY);
    }
    CHECK_EQ(n, 0);
    printf("%.1f bytes each\n", (double)first / many);
    return 0;
}

/* On one worker, so that all lie in one heap. */
WEFT_TEST(million_calls, take_less_than_a_hundred_bytes_each_and_are_all_canceled)
{
    many = million();
    calls = malloc((size_t)many * sizeof *calls);
    CHECK_NOT_NULL(calls);
    CHECK_OK(run_on(1, call_a_million, NULL));
    free(calls);
}

/* All come due at about the same time. */
static int call_and_wait(void *arg)
{
    static atomic_int n;
    weft_time at = weft_now();

    (void)arg;
    atomic_store(&n, 0);
    for (int i = 0; i < many / 10; i++)
        CHECK_OK(weft_call_at(at + i * 100, count, &n, NULL));
    while (atomic_load(&n) < many / 10)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_EQ(pending(weft_runtime_current()), 0);
    return 0;
}

WEFT_TEST(million_calls, a_tenth_of_them_run)
{
    many = million();
    CHECK_OK(test_run(call_and_wait, NULL));
}
