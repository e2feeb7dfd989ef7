/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "sched/stack.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

static void never_entered(void)
{
    FAIL("a stack was entered");
}

static char *high_end(struct weft__stack *s)
{
    return (char *)s;
}

static void init(struct weft__stack_pool *p, size_t promise, unsigned workers)
{
    memset(p, 0, sizeof *p);
    CHECK_OK(weft__stack_pool_init(p, promise, workers, never_entered));
}

WEFT_TEST(stack, every_stack_has_its_promise_and_is_writable_to_the_end)
{
    static const size_t promises[] = {4096, 20480, WEFT__STACK_DEFAULT, (size_t)1 << 20};

    for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++) {
        struct weft__stack_pool p;
        struct weft__magazine m = {0};
        struct weft__stack *s;

        init(&p, promises[i], 1);
        CHECK_OK(weft__stack_credit_take(&p, 1));
        s = weft__stack_take(&p, &m);
        CHECK_NOT_NULL(s);
        CHECK_GE(high_end(s) - s->low, promises[i]);
        s->low[0] = 1;
        s->low[promises[i] - 1] = 1;
        weft__stack_give(&p, &m, s);
        weft__magazine_empty(&p, &m);
        weft__stack_pool_fini(&p);
    }
}

WEFT_TEST(stack, sizes_suit_every_page)
{
    static const size_t promises[] = {4096, 20480, WEFT__STACK_DEFAULT, WEFT__STACK_MAX};

    for (size_t page = 4096; page <= 65536; page *= 4)
        for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++) {
            struct weft__stack_pool p;

            weft__stack_pool_lay_out(&p, promises[i], page);
            CHECK_GE(p.guard, WEFT__STACK_GUARD);
            CHECK_EQ(p.guard % page, 0);
            CHECK_EQ(p.stride % page, 0);
            /* Room above the guard for a parent's frames and a child that gets its promise. */
            CHECK_GE(p.stride, p.guard + promises[i] * 3 / 2 + sizeof(struct weft__stack));
            if (promises[i] == WEFT__STACK_DEFAULT && page <= 16384)
                CHECK_EQ(p.stride, 131072);
        }
}

WEFT_TEST(stack, taken_stacks_do_not_overlap)
{
    enum { COUNT = 200 };
    struct weft__stack_pool p;
    struct weft__magazine m = {0};
    static struct weft__stack *s[COUNT];

    init(&p, WEFT__STACK_DEFAULT, 1);
    CHECK_OK(weft__stack_credit_take(&p, COUNT));
    for (int i = 0; i < COUNT; i++) {
        s[i] = weft__stack_take(&p, &m);
        for (int j = 0; j < i; j++)
            CHECK(high_end(s[i]) <= s[j]->low || high_end(s[j]) <= s[i]->low);
    }
    for (int i = 0; i < COUNT; i++)
        weft__stack_give(&p, &m, s[i]);
    CHECK_LE(m.count, WEFT__MAGAZINE);
    weft__magazine_empty(&p, &m);
    CHECK_EQ(m.count, 0);
    weft__stack_pool_fini(&p);
}

WEFT_TEST(stack, most_recently_used_one_comes_first)
{
    struct weft__stack_pool p;
    struct weft__magazine m = {0};
    struct weft__stack *a, *b;

    init(&p, WEFT__STACK_DEFAULT, 1);
    a = weft__stack_take(&p, &m);
    b = weft__stack_take(&p, &m);
    weft__stack_give(&p, &m, a);
    weft__stack_give(&p, &m, b);
    CHECK_PTR_EQ(weft__stack_take(&p, &m), b);
    CHECK_PTR_EQ(weft__stack_take(&p, &m), a);
    weft__stack_give(&p, &m, a);
    weft__stack_give(&p, &m, b);
    weft__magazine_empty(&p, &m);
    weft__stack_pool_fini(&p);
}

/* Writes one byte in a process of its own; true when that killed it. */
static bool write_kills(volatile char *at)
{
    int status;
    pid_t child = fork();

    CHECK_GE(child, 0);
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGBUS, SIG_DFL);
        *at = 1;
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

WEFT_TEST(stack, guard_below_each_one_faults)
{
    struct weft__stack_pool p;
    struct weft__magazine m = {0};
    struct weft__stack *s[40]; /* more than one slab */

    init(&p, WEFT__STACK_DEFAULT, 1);
    CHECK_OK(weft__stack_credit_take(&p, 40));
    for (int i = 0; i < 40; i++)
        s[i] = weft__stack_take(&p, &m);
    for (int i = 0; i < 40; i += 13) {
        CHECK(!write_kills(s[i]->low));
        CHECK(write_kills(s[i]->low - 1));
        CHECK(write_kills(s[i]->low - p.guard));
        CHECK(!write_kills(high_end(s[i]) - 1));
    }
    for (int i = 0; i < 40; i++)
        weft__stack_give(&p, &m, s[i]);
    weft__magazine_empty(&p, &m);
    weft__stack_pool_fini(&p);
}

/* Not to be turned into a loop: each level keeps a frame. */
static WEFT__NOINLINE int descend(volatile char *above, long depth)
{
    volatile char frame[512];

    frame[0] = (char)(above[0] + 1);
    if (depth == 0)
        return frame[0];
    return descend(frame, depth - 1) + frame[0];
}

static int overflow(void *arg)
{
    volatile char first[1] = {0};

    (void)arg;
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    (void)signal(SIGSEGV, SIG_DFL);
    (void)signal(SIGBUS, SIG_DFL);
    return descend(first, 1000000) != 0 ? 0 : WEFT_EINVAL;
}

WEFT_TEST(stack, task_that_overflows_kills_the_process_and_not_its_neighbour)
{
    int status;
    pid_t child = fork();

    CHECK_GE(child, 0);
    if (child == 0)
        _exit(test_run(overflow, NULL) == 0 ? 0 : 1);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

/* What a task may count on, less than the frames that measure it take themselves. */
enum { USED = (int)WEFT__STACK_DEFAULT / (TEST_ASAN || TEST_TSAN ? 4 : 1) - 8192 };

static WEFT__NOINLINE int use_stack(volatile char *above, long left)
{
    volatile char frame[1024];

    frame[0] = (char)(above[0] + 1);
    if (left < 1400)
        return frame[0] & 1;
    return use_stack(frame, left - 1400) | (frame[0] & 2);
}

static int use_all_at_each_depth(void *arg)
{
    int depth = *(int *)arg, below = depth - 1;
    volatile char first[1] = {0};
    weft_group *g;

    CHECK_LE(use_stack(first, USED), 3);
    if (depth == 0)
        return 0;
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, use_all_at_each_depth, &below));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stack, child_that_runs_above_its_parent_has_its_promise_too)
{
    int depth = TEST_TSAN ? 200 : 1000;

    CHECK_OK(test_run(use_all_at_each_depth, &depth));
}

WEFT_TEST(stack, credits_map_what_they_promise)
{
    struct weft__stack_pool p;
    struct weft__magazine m = {0};
    static struct weft__stack *s[500];
    int64_t left;

    init(&p, WEFT__STACK_DEFAULT, 2);
    left = A_LOAD(&p.credits, relaxed);
    CHECK_GE(left, 0);
    CHECK_OK(weft__stack_credit_take(&p, 500));
    CHECK_GE(A_LOAD(&p.credits, relaxed), 0);
    for (int i = 0; i < 500; i++)
        CHECK_NOT_NULL(s[i] = weft__stack_take(&p, &m));
    for (int i = 0; i < 500; i++)
        weft__stack_give(&p, &m, s[i]);
    left = A_LOAD(&p.credits, relaxed);
    weft__stack_credit_give(&p, 500);
    CHECK_EQ(A_LOAD(&p.credits, relaxed), left + 500);
    CHECK_OK(weft__stack_credit_take(&p, left + 500));
    CHECK_EQ(A_LOAD(&p.credits, relaxed), 0);
    weft__magazine_empty(&p, &m);
    weft__stack_pool_fini(&p);
}

static enum weft__seam failing;

static bool fail_one_kind(enum weft__seam what)
{
    return what == failing;
}

WEFT_TEST(stack, credits_are_refused_where_memory_is_out_and_nothing_is_lost)
{
    static const enum weft__seam kinds[] = {WEFT__SEAM_ALLOC, WEFT__SEAM_MAP, WEFT__SEAM_GUARD};

    for (size_t i = 0; i < 3; i++) {
        struct weft__stack_pool p;
        struct weft__magazine m = {0};
        struct weft__stack *s;
        int64_t left;

        init(&p, WEFT__STACK_DEFAULT, 1);
        left = A_LOAD(&p.credits, relaxed);
        failing = kinds[i];
        A_STORE(&weft__fault_hook, fail_one_kind, relaxed);
        CHECK_RC(weft__stack_credit_take(&p, left + 1), -ENOMEM);
        CHECK_EQ(A_LOAD(&p.credits, relaxed), left);
        CHECK_OK(weft__stack_credit_take(&p, left));
        s = weft__stack_take(&p, &m);
        CHECK_NOT_NULL(s);
        weft__stack_give(&p, &m, s);
        A_STORE(&weft__fault_hook, NULL, relaxed);
        CHECK_OK(weft__stack_credit_take(&p, 1));
        weft__magazine_empty(&p, &m);
        weft__stack_pool_fini(&p);
    }
}

WEFT_TEST(stack, pool_that_cannot_begin_says_so_and_may_be_ended)
{
    static const enum weft__seam kinds[] = {WEFT__SEAM_ALLOC, WEFT__SEAM_MAP, WEFT__SEAM_GUARD};

    for (size_t i = 0; i < 3; i++) {
        struct weft__stack_pool p = {0};

        failing = kinds[i];
        A_STORE(&weft__fault_hook, fail_one_kind, relaxed);
        CHECK_RC(weft__stack_pool_init(&p, WEFT__STACK_DEFAULT, 1, never_entered), -ENOMEM);
        A_STORE(&weft__fault_hook, NULL, relaxed);
        weft__stack_pool_fini(&p);
    }
}

enum { THREADS = 3, TURNS = TEST_TSAN ? 500 : 5000, HELD = 40 };

static struct weft__stack_pool shared;

static atomic_bool churning;

/* Trims whenever there is something to be trimmed. */
static void *trim(void *arg)
{
    unsigned *n = arg;

    while (atomic_load(&churning)) {
        *n += weft__stack_trim(&shared, 1000);
        (void)sched_yield();
    }
    return NULL;
}

static void *churn(void *arg)
{
    struct weft__magazine m = {0};
    char me = *(char *)arg;

    for (int i = 0; i < TURNS; i++) {
        struct weft__stack *s[HELD];
        int n = i % HELD + 1;

        /* A credit for each, as a spawn has it: so there is one whatever the others hold. */
        CHECK_OK(weft__stack_credit_take(&shared, n));
        for (int j = 0; j < n; j++) {
            s[j] = weft__stack_take(&shared, &m);
            s[j]->low[0] = me;
        }
        for (int j = 0; j < n; j++) {
            CHECK_EQ(s[j]->low[0], me);
            weft__stack_give(&shared, &m, s[j]);
        }
        weft__stack_credit_give(&shared, n);
    }
    weft__magazine_empty(&shared, &m);
    return NULL;
}

WEFT_TEST(stack, no_stack_is_handed_out_twice)
{
    pthread_t threads[THREADS], trimmer;
    char names[THREADS] = {1, 2, 3};
    unsigned trimmed = 0;

    init(&shared, 4096, THREADS);
    atomic_store(&churning, true);
    CHECK_OK(pthread_create(&trimmer, NULL, trim, &trimmed));
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, churn, &names[i]));
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    atomic_store(&churning, false);
    CHECK_OK(pthread_join(trimmer, NULL));
    trimmed += weft__stack_trim(&shared, 1000);
    CHECK_GT(trimmed, 0);
    CHECK_LE(A_LOAD(&shared.touched, relaxed), A_LOAD(&shared.stacks, relaxed));
    weft__stack_pool_fini(&shared);
}

/* Trimming. */

static bool resident(char *page)
{
    unsigned char in = 0;

    CHECK_OK(mincore((void *)((uintptr_t)page & ~(uintptr_t)4095), 4096, &in));
    return in & 1;
}

WEFT_TEST(stack, trimmed_ones_take_no_memory_and_are_found_again)
{
    enum { COUNT = 300 };
    struct weft__stack_pool p;
    struct weft__magazine m = {0};
    static struct weft__stack *s[COUNT], *again[COUNT];
    static char *low[COUNT];
    int64_t credits, touched;

    init(&p, WEFT__STACK_DEFAULT, 1);
    CHECK_OK(weft__stack_credit_take(&p, COUNT));
    for (int i = 0; i < COUNT; i++) {
        s[i] = weft__stack_take(&p, &m);
        low[i] = s[i]->low;
        memset(low[i], 1, 20000);
    }
    touched = A_LOAD(&p.touched, relaxed);
    CHECK_EQ(touched, COUNT + (int)m.count);  /* some are made ready ahead of need */
    CHECK_EQ(weft__stack_trim(&p, COUNT), 0); /* all are in use */
    for (int i = 0; i < COUNT; i++)
        weft__stack_give(&p, &m, s[i]);
    weft__magazine_empty(&p, &m);
    weft__stack_credit_give(&p, COUNT);
    credits = A_LOAD(&p.credits, relaxed);
    CHECK_EQ(A_LOAD(&p.touched, relaxed), touched);
    CHECK_EQ(weft__stack_trim(&p, 100), 100);
    CHECK_EQ(A_LOAD(&p.touched, relaxed), touched - 100);
    CHECK_EQ(weft__stack_trim(&p, 2 * COUNT), touched - 100);
    CHECK_EQ(weft__stack_trim(&p, COUNT), 0);
    CHECK_EQ(A_LOAD(&p.touched, relaxed), 0);
    CHECK_EQ(A_LOAD(&p.credits, relaxed), credits);
    for (int i = 0; i < COUNT; i++) {
        CHECK(!resident(low[i]));
        CHECK(!resident(high_end(s[i])));
    }
    CHECK_OK(weft__stack_credit_take(&p, COUNT));
    for (int i = 0; i < COUNT; i++) {
        again[i] = weft__stack_take(&p, &m);
        for (int j = 0; j < i; j++)
            CHECK(again[i] != again[j]);
        CHECK_EQ(again[i]->low[0], 0);
        if (i % 200 == 0)
            CHECK(write_kills(again[i]->low - 1));
    }
    for (int i = 0; i < COUNT; i++)
        weft__stack_give(&p, &m, again[i]);
    weft__magazine_empty(&p, &m);
    weft__stack_pool_fini(&p);
}

WEFT_TEST(stack, more_are_made_ready_ahead_as_more_are_taken)
{
    enum { COUNT = 2000 / (TEST_TSAN ? 10 : 1) };
    struct weft__stack_pool p;
    struct weft__magazine m = {0};
    static struct weft__stack *s[COUNT];

    init(&p, WEFT__STACK_DEFAULT, 1);
    CHECK_OK(weft__stack_credit_take(&p, COUNT));
    for (int i = 0; i < COUNT; i++) {
        s[i] = weft__stack_take(&p, &m);
        /* One for every 32: what a small runtime has it uses. */
        CHECK_LE(m.count, i / 32);
        CHECK_LT(m.count, WEFT__MAGAZINE);
    }
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < i; j++)
            CHECK(s[i] != s[j]);
    for (int i = 0; i < COUNT; i++)
        weft__stack_give(&p, &m, s[i]);
    weft__magazine_empty(&p, &m);
    weft__stack_pool_fini(&p);
}

WEFT_TEST(stack, trimming_leaves_promised_stacks_alone)
{
    struct weft__stack_pool p;
    struct weft__magazine m = {0};
    struct weft__stack *s[40];

    init(&p, WEFT__STACK_DEFAULT, 1);
    CHECK_OK(weft__stack_credit_take(&p, 40));
    for (int i = 0; i < 40; i++)
        s[i] = weft__stack_take(&p, &m);
    for (int i = 0; i < 40; i++)
        weft__stack_give(&p, &m, s[i]);
    /* Every credit that is left is taken: so no stack may be held back, were it for a moment. */
    CHECK_OK(weft__stack_credit_take(&p, A_LOAD(&p.credits, relaxed)));
    CHECK_EQ(weft__stack_trim(&p, 40), 0);
    weft__magazine_empty(&p, &m);
    weft__stack_pool_fini(&p);
}
