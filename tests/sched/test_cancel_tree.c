/* SPDX-License-Identifier: MIT */
/* Cancellations and failures of very many tasks at once; and nothing is left of them. How long a tree takes is measured by
 * tests/load/cancel_tree.c. */
#include "tests/sched/leftovers.h"
#include "tests/sched/process.h"
#include "tests/support/support.h"

/* Sanitizers hold fewer stacks, and so do processes whose stacks cost mappings. */
enum {
    LEVELS = TEST_TSAN   ? 20
             : TEST_ASAN ? 50
                         : 1000,
    TASKS = TEST_TSAN   ? 5
            : TEST_ASAN ? 20
                        : 100,
    MANY = TEST_TSAN   ? 200
           : TEST_ASAN ? 2000
                       : 100000,
};

static int scaled(int n)
{
    return test_under_valgrind() ? n / 50 + 1 : process_stacks_cost_mappings() ? n / 5 : n;
}

struct tree {
    int levels, tasks;
    atomic_int ready, canceled;
};

static int leaf(void *arg)
{
    struct tree *tree = arg;

    atomic_fetch_add(&tree->ready, 1);
    CHECK_RC(weft_sleep_until(WEFT_NEVER), WEFT_ECANCELED);
    atomic_fetch_add(&tree->canceled, 1);
    return WEFT_ECANCELED;
}

struct level {
    struct tree *tree;
    int left;
};

static int grow(void *arg)
{
    struct level *here = arg, below = {here->tree, here->left - 1};
    weft_group *g = weft_group_open(NULL);
    int rc;

    for (int i = 0; i < here->tree->tasks; i++)
        CHECK_OK(weft_spawn(g, leaf, here->tree));
    if (below.left > 0)
        CHECK_OK(weft_spawn(g, grow, &below));
    rc = weft_group_wait(g);
    weft_group_close(g);
    CHECK_RC(rc, WEFT_ECANCELED);
    return rc;
}

static int fell(void *arg)
{
    struct tree *tree = arg;
    struct level top = {tree, tree->levels};
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, grow, &top));
    yield_until(&tree->ready, tree->levels * tree->tasks);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(atomic_load(&tree->canceled), tree->levels * tree->tasks);
    return weft_yield();
}

static atomic_int told; /* errors that came to on_error */

static void count_error(const weft_error *e, void *arg)
{
    (void)arg;
    CHECK(e->code <= -1000 && e->code > -1007);
    atomic_fetch_add(&told, 1);
}

/* Runs `fn` in a runtime of its own, twice, and looks that nothing is left of it. */
static void run_cleanly(weft_fn fn, void *arg)
{
    struct process_state before, after;

    process_prepare();
    before = process_look();
    for (int i = 0; i < 2; i++) {
        weft_runtime *rt;

        CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers(), .on_error = count_error}));
        CHECK_OK(weft_runtime_run(rt, fn, arg));
        leftovers_check(rt);
        weft_runtime_destroy(rt);
        if (i == 0)
            before = process_look();
    }
    after = process_look();
    CHECK_EQ(after.threads, before.threads);
    CHECK_EQ(after.descriptors, before.descriptors);
    CHECK_LT(after.heap_bytes,
             before.heap_bytes + 16384); /* as process_check(); what is mapped, the C library's heap decides */
}

static int fell_anew(void *arg)
{
    struct tree tree = {.levels = scaled(LEVELS), .tasks = TASKS};

    (void)arg;
    return fell(&tree);
}

WEFT_TEST(cancel_tree, reaches_every_task_of_a_deep_tree_and_leaves_nothing)
{
    run_cleanly(fell_anew, NULL);
}

/* All fail: one with a code of its own, which cancels the others, and they each with one of theirs. */

struct crowd {
    int size;
    atomic_int ready, entered;
};

static int fail_when_canceled(void *arg)
{
    struct crowd *crowd = arg;
    int mine = atomic_fetch_add(&crowd->entered, 1);

    atomic_fetch_add(&crowd->ready, 1);
    CHECK_RC(weft_sleep_until(WEFT_NEVER), WEFT_ECANCELED);
    return -1000 - mine % 7;
}

static int fail_first(void *arg)
{
    (void)arg;
    return -999;
}

static int all_fail(void *arg)
{
    struct crowd crowd = {.size = scaled(MANY)};
    weft_group *g = weft_group_open(NULL);
    weft_error e;
    size_t kept = 0;

    (void)arg;
    atomic_store(&told, 0);
    for (int i = 0; i < crowd.size; i++)
        CHECK_OK(weft_spawn(g, fail_when_canceled, &crowd));
    yield_until(&crowd.ready, crowd.size);
    CHECK_OK(weft_spawn(g, fail_first, NULL));
    CHECK_RC(weft_group_wait(g), -999);
    CHECK_EQ(atomic_load(&crowd.entered), crowd.size);
    CHECK_EQ(weft_group_failed(g), (size_t)crowd.size + 1);
    while (weft_group_error(g, kept, &e) == 0) {
        if (kept == 0)
            CHECK_RC(e.code, -999);
        else
            CHECK(e.code <= -1000 && e.code > -1007);
        kept++;
    }
    CHECK_EQ(kept, 16); /* where the options do not say */
    CHECK_EQ(atomic_load(&told), crowd.size + 1 - 16);
    CHECK_EQ(weft_group_live(g), 0);
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(cancel_tree, very_many_children_fail_at_once_and_few_errors_are_kept)
{
    run_cleanly(all_fail, NULL);
}

/* Each level fails by itself while the tree is being cancelled from the top: as many cancellers as there are levels. */

static int fail_on_the_way(void *arg)
{
    struct level *here = arg, below = {here->tree, here->left - 1};
    weft_group *g = weft_group_open(NULL);
    int rc;

    for (int i = 0; i < here->tree->tasks; i++)
        CHECK_OK(weft_spawn(g, leaf, here->tree));
    if (below.left > 0)
        CHECK_OK(weft_spawn(g, fail_on_the_way, &below));
    atomic_fetch_add(&here->tree->ready, 1);
    rc = weft_sleep_until(WEFT_NEVER);
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK_OK(weft_group_fail(g, -5));
    rc = weft_group_wait(g);
    CHECK(rc == -5 || rc == -6); /* whichever came first, its own or the next level's */
    weft_group_close(g);
    return -6;
}

static int fail_everywhere(void *arg)
{
    struct tree tree = {.levels = scaled(LEVELS), .tasks = 5};
    struct level top = {&tree, tree.levels};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, fail_on_the_way, &top));
    yield_until(&tree.ready, tree.levels * (tree.tasks + 1));
    CHECK_OK(weft_group_cancel(g));
    CHECK_RC(weft_group_wait(g), -6);
    weft_group_close(g);
    CHECK_EQ(atomic_load(&tree.canceled), tree.levels * tree.tasks);
    return weft_yield();
}

WEFT_TEST(cancel_tree, levels_fail_while_the_tree_is_canceled)
{
    run_cleanly(fail_everywhere, NULL);
}
