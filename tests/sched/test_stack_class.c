/* SPDX-License-Identifier: MIT */
/* Tasks that are promised larger stacks than others. */
#include "sched/group.h"
#include "sched/runtime.h"
#include "sched/stack.h"

#include <errno.h>
#include <string.h>

#include "tests/sched/classes.h"
#include "tests/sched/tasks.h"

static void never_entered(void)
{
    FAIL("a stack was entered");
}

WEFT_TEST(stack_class, smallest_that_suffices_is_chosen)
{
    static const struct {
        size_t size;
        int class;
    } cases[] = {
        {0, 0},
        {1, 0},
        {65536, 0},
        {65537, 4},
        {131072, 4},
        {131073, 5},
        {(size_t)1 << 20, 7},
        {(size_t)8 << 20, 10},
        {((size_t)8 << 20) + 1, 11},
        {WEFT__STACK_MAX, WEFT__STACK_CLASSES - 1},
        {WEFT__STACK_MAX + 1, WEFT_EINVAL},
        {SIZE_MAX, WEFT_EINVAL},
    };
    static struct weft__stack_pool pools[WEFT__STACK_CLASSES];

    CHECK_OK(weft__stack_pools_init(pools, 65536, 1, never_entered));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_EQ(weft__stack_class_of(pools, cases[i].size), cases[i].class);
        if (cases[i].class >= 0)
            CHECK_GE(pools[cases[i].class].promise, cases[i].size);
    }
    weft__stack_pools_fini(pools);
}

WEFT_TEST(stack_class, odd_default_is_a_class_of_its_own)
{
    static struct weft__stack_pool pools[WEFT__STACK_CLASSES];

    CHECK_OK(weft__stack_pools_init(pools, 20480, 1, never_entered));
    CHECK_EQ(weft__stack_class_of(pools, 20480), 0);
    CHECK_EQ(weft__stack_class_of(pools, 20481), 2);
    weft__stack_pools_fini(pools);
}

WEFT_TEST(stack_class, nothing_is_mapped_for_a_class_before_its_first_task)
{
    static struct weft__stack_pool pools[WEFT__STACK_CLASSES];

    CHECK_OK(weft__stack_pools_init(pools, WEFT__STACK_DEFAULT, 4, never_entered));
    for (int i = 1; i < WEFT__STACK_CLASSES; i++)
        CHECK_EQ(pools[i].stacks, 0);
    CHECK_OK(weft__stack_credit_take(&pools[7], 1));
    CHECK_GT(pools[7].stacks, 0);
    CHECK_EQ(pools[8].stacks, 0);
    weft__stack_pools_fini(pools);
}

/* Uses `left` bytes of stack, about. */
static WEFT__NOINLINE int use_stack(volatile char *above, size_t left)
{
    volatile char frame[2048];

    frame[0] = (char)(above[0] + 1);
    if (left < 2560)
        return frame[0] & 1;
    return use_stack(frame, left - 2560) | (frame[0] & 2);
}

/* Sanitizers make frames larger. */
static size_t usable(size_t promise)
{
    return promise / (TEST_ASAN || TEST_TSAN ? 3 : 1) - 8192;
}

static struct weft__stack_pool *pool_of(unsigned stack_class)
{
    return &weft_runtime_current()->stacks[stack_class];
}

static atomic_int ended;

/* Uses its promise, whole, before and after it has been suspended. */
static int use_promise(void *arg)
{
    unsigned class = *(const unsigned *)arg;
    size_t promise = pool_of(class)->promise;
    volatile char first[1] = {0};

    CHECK_PTR_EQ(weft__task_self()->stack->pool, pool_of(class));
    CHECK_LE(use_stack(first, usable(promise)), 3);
    CHECK_OK(weft_sleep_ms(1));
    CHECK_LE(use_stack(first, usable(promise)), 3);
    atomic_fetch_add(&ended, 1);
    return 0;
}

/* Every promise of the class has been given back. */
static void check_idle(unsigned stack_class)
{
    struct weft__stack_pool *p = pool_of(stack_class);

    CHECK_EQ(A_LOAD(&p->credits, relaxed), p->stacks);
}

static int each_class(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    unsigned classes[WEFT__STACK_CLASSES];

    (void)arg;
    for (unsigned i = 0; i < WEFT__STACK_CLASSES; i++)
        if (i == 0 || pool_of(i)->promise > pool_of(0)->promise) {
            classes[i] = i;
            CHECK_OK(spawn_of_class(g, use_promise, &classes[i], i));
        }
    /* So that none is called above this task's frames, where it may lie on another class's stack. */
    yield_until(&ended, 11);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (unsigned i = 1; i < WEFT__STACK_CLASSES; i++)
        check_idle(i);
    return 0;
}

WEFT_TEST(stack_class, task_may_use_all_that_its_class_promises)
{
    CHECK_OK(test_run(each_class, NULL));
}

/* Where a child ran, as seen from its parent's stack. */
struct place {
    unsigned class;
    bool same_stack;
    struct weft__stack *parents;
};

static int see_stack(void *arg)
{
    struct place *p = arg;

    p->same_stack = weft__task_self()->stack == p->parents;
    CHECK_GE((char *)__builtin_frame_address(0) - weft__task_self()->stack->low, pool_of(p->class)->promise);
    return 0;
}

static void run_child(struct place *p)
{
    weft_group *g = weft_group_open(NULL);

    p->parents = weft__task_self()->stack;
    CHECK_OK(spawn_of_class(g, see_stack, p, p->class));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
}

/* The monitor may ask the parent to yield before it joins, and then the loop begins the child: hence until it is seen. */
static void run_children_until_inlined(unsigned class)
{
    struct place p = {.class = class};

    do
        run_child(&p);
    while (!p.same_stack);
}

static int run_children_of_classes(void *arg)
{
    struct place large = {.class = 7};

    run_children_until_inlined(0);
    if (*(bool *)arg) {
        run_children_until_inlined(7);
        return 0;
    }
    for (int i = 0; i < 100; i++) {
        run_child(&large);
        CHECK(!large.same_stack);
    }
    return 0;
}

static int parent_of_each_kind(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    bool fits = false;

    (void)arg;
    CHECK_OK(run_children_of_classes(&fits));
    fits = true;
    CHECK_OK(spawn_of_class(g, run_children_of_classes, &fits, 10));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stack_class, join_runs_a_child_itself_only_where_its_promise_fits)
{
    /* One worker, so that nobody steals the child. */
    CHECK_OK(run_on(1, parent_of_each_kind, NULL));
}

static int nap(void *arg)
{
    (void)arg;
    return weft_sleep_ms(1);
}

static int one_after_another(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(spawn_of_class(g, i % 2 ? nap : nothing, NULL, 7));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    /* One at a time, and what each worker's loop may be about to leave. */
    CHECK_LE(pool_of(7)->stacks, 2 * (4 + (int64_t)test_workers()));
    check_idle(7);
    return 0;
}

WEFT_TEST(stack_class, stacks_are_used_again)
{
    CHECK_OK(test_run(one_after_another, NULL));
}

/* A tree of tasks of all kinds that yield, sleep and join: the mill for the loops that move. */
static int mixed(void *arg)
{
    uintptr_t seed = (uintptr_t)arg, depth = seed & 7;
    weft_group *g;

    if (depth == 0)
        return seed & 8 ? weft_yield() : 0;
    g = weft_group_open(NULL);
    CHECK_NOT_NULL(g);
    for (uintptr_t i = 0; i < 4; i++) {
        uintptr_t next = (seed >> 3) * 2862933555777941757u + 3037000493u + i;

        CHECK_OK(
            spawn_of_class(g, mixed, (void *)((next << 3) | (depth - 1)), next >> 20 & 1 ? 0 : 4 + (next >> 30 & 3)));
        if (next >> 40 & 1)
            CHECK_OK(weft_yield());
    }
    if (seed & 64)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static int mill(void *arg)
{
    for (uintptr_t i = 0; i < (TEST_TSAN ? 3 : 20); i++)
        CHECK_OK(mixed((void *)(i << 3 | (TEST_TSAN ? 3 : 5))));
    for (unsigned i = 4; i < 8; i++)
        check_idle(i);
    return arg == NULL ? 0 : WEFT_EINVAL;
}

WEFT_TEST(stack_class, classes_mix_with_yields_sleeps_and_joins)
{
    CHECK_OK(test_run(mill, NULL));
}

static bool no_mapping(enum weft__seam what)
{
    return what == WEFT__SEAM_MAP;
}

static int spawn_without_memory(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_NOT_NULL(g);
    A_STORE(&weft__fault_hook, no_mapping, seq_cst);
    CHECK_RC(spawn_of_class(g, nothing, NULL, 7), WEFT_ENOMEM);
    A_STORE(&weft__fault_hook, NULL, seq_cst);
    CHECK_RC(weft_group_wait(g), WEFT_ENOMEM);
    weft_group_close(g);
    CHECK_EQ(pool_of(7)->stacks, 0);
    g = weft_group_open(NULL);
    CHECK_OK(spawn_of_class(g, nothing, NULL, 7));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    check_idle(7);
    return 0;
}

WEFT_TEST(stack_class, spawn_fails_where_there_is_no_memory_for_its_stack)
{
    CHECK_OK(test_run(spawn_without_memory, NULL));
}
