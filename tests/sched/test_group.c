/* SPDX-License-Identifier: MIT */
/* What weft/group.h promises of spawning, waiting and errors. Cancelling and closing are in test_cancel.c. */
#include "tests/sched/tasks.h"

static int null_handles(void *arg)
{
    (void)arg;
    CHECK_RC(weft_group_wait(NULL), WEFT_ENOMEM);
    CHECK_RC(weft_group_cancel(NULL), WEFT_ENOMEM);
    CHECK_RC(weft_group_fail(NULL, -5), WEFT_ENOMEM);
    CHECK(!weft_group_canceled(NULL));
    weft_group_close(NULL);
    return 0;
}

WEFT_TEST(group, every_call_takes_null)
{
    CHECK_OK(test_run(null_handles, NULL));
}

static int reserved_word(void *arg)
{
    weft_group_options options = {.deadline = 0};

    (void)arg;
    options.reserved[4] = 1;
    CHECK_NULL(weft_group_open(&options));
    return 0;
}

WEFT_TEST(group, reserved_words_must_be_zero)
{
    CHECK_OK(test_run(reserved_word, NULL));
}

static int wait_on_empty(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_scope *s;

    (void)arg;
    CHECK_NOT_NULL(g);
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(weft_group_wait(g));
    CHECK(!weft_group_canceled(g));
    weft_group_close(g);

    s = weft_scope_open(0);
    g = weft_group_open(NULL);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_group_wait(g), WEFT_ECANCELED);
    CHECK_RC(weft_group_wait(g), WEFT_ECANCELED);
    weft_group_close(g);
    CHECK_RC(weft_scope_close(s, 0), 0);
    return 0;
}

WEFT_TEST(group, wait_on_an_empty_one_is_a_checkpoint)
{
    CHECK_OK(test_run(wait_on_empty, NULL));
}

static int use_again(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = WEFT_NEVER});

    for (int round = 1; round <= 50; round++) {
        for (int i = 0; i < 10; i++)
            CHECK_OK(weft_spawn(g, count, arg));
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(atomic_load((atomic_int *)arg), 10 * round);
    }
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group, may_be_used_again_after_the_wait)
{
    atomic_int n = 0;

    CHECK_OK(test_run(use_again, &n));
}

struct hydra {
    weft_group *g;
    int depth;
    atomic_int *heads;
};

static int grow_heads(void *arg)
{
    struct hydra *h = arg;

    atomic_fetch_add(h->heads, 1);
    if (h->depth > 0)
        for (int i = 0; i < 2; i++) {
            struct hydra *next = malloc(sizeof *next);

            CHECK_NOT_NULL(next);
            *next = (struct hydra){h->g, h->depth - 1, h->heads};
            if (i == h->depth % 2)
                CHECK_OK(weft_yield());
            CHECK_OK(weft_spawn(h->g, grow_heads, next));
        }
    free(h);
    return 0;
}

static int fight_hydra(void *arg)
{
    for (int round = 0; round < 5; round++) {
        atomic_int heads = 0;
        struct hydra *first = malloc(sizeof *first);

        CHECK_NOT_NULL(first);
        *first = (struct hydra){weft_group_open(NULL), 8, &heads};
        {
            weft_group *g = first->g;

            CHECK_OK(weft_spawn(g, grow_heads, first));
            CHECK_OK(weft_group_wait(g));
            CHECK_EQ(atomic_load(&heads), 511);
            CHECK_OK(weft_group_wait(g));
            weft_group_close(g);
        }
    }
    (void)arg;
    return 0;
}

WEFT_TEST(group, children_spawn_into_it_while_the_owner_waits)
{
    CHECK_OK(test_run(fight_hydra, NULL));
}

struct chain {
    weft_group *g;
    int left;
};

static int spawn_successor(void *arg)
{
    struct chain *c = arg;

    /* It ends before its successor does: the count comes close to zero each time. */
    return c->left-- > 0 ? weft_spawn(c->g, spawn_successor, c) : 0;
}

static int run_chain(void *arg)
{
    struct chain *c = arg;

    c->g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(c->g, spawn_successor, c));
    CHECK_OK(weft_group_wait(c->g));
    CHECK_EQ(c->left, -1);
    weft_group_close(c->g);
    return 0;
}

WEFT_TEST(group, wait_outlasts_a_chain_of_successors)
{
    struct chain c = {.left = 2000};

    CHECK_OK(test_run(run_chain, &c));
}

static int fail_after_cancellation(void *arg)
{
    (void)weft_sleep_ms(FOREVER_MS);
    return fail_with(arg);
}

static int first_error(void *arg)
{
    static const int first = -5, later = -6;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_spawn(g, fail_after_cancellation, (void *)&later));
    CHECK(weft_spawn(g, fail_with, (void *)&first) == 0);
    CHECK_RC(weft_group_wait(g), first);
    CHECK(weft_group_canceled(g));
    CHECK_RC(weft_group_wait(g), first);
    CHECK_RC(weft_spawn(g, nothing, NULL), WEFT_ECANCELED);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group, first_error_wins_and_stays)
{
    CHECK_OK(test_run(first_error, NULL));
}

static int expect_cancellation(void *arg)
{
    int rc = weft_sleep_ms(FOREVER_MS);

    CHECK_RC(rc, WEFT_ECANCELED);
    atomic_fetch_add((atomic_int *)arg, 1);
    return rc;
}

static int error_cancels_siblings(void *arg)
{
    static const int code = -EIO;
    atomic_int *canceled = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn(g, expect_cancellation, canceled));
    CHECK_OK(weft_yield());
    (void)weft_spawn(g, fail_with, (void *)&code);
    CHECK_RC(weft_group_wait(g), code);
    CHECK_EQ(atomic_load(canceled), 20);
    weft_group_close(g);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(group, error_of_a_child_cancels_its_siblings)
{
    atomic_int n = 0;

    CHECK_OK(test_run(error_cancels_siblings, &n));
}

static int error_cancels_body(void *arg)
{
    static const int code = -EIO;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, fail_with, (void *)&code));
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK(weft_canceled());
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_group_wait(g), code);
    weft_group_close(g);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(group, error_of_a_child_cancels_the_body)
{
    CHECK_OK(test_run(error_cancels_body, NULL));
}

static int fail_by_body(void *arg)
{
    atomic_int *canceled = arg;
    weft_group *g = weft_group_open(NULL);

    CHECK_RC(weft_group_fail(g, 0), WEFT_EINVAL);
    CHECK_RC(weft_group_fail(g, 1), WEFT_EINVAL);
    CHECK(!weft_group_canceled(g));
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_spawn(g, expect_cancellation, canceled));
    CHECK_OK(weft_group_fail(g, -EIO));
    CHECK_OK(weft_group_fail(g, -EPROTO)); /* it has failed before */
    CHECK(weft_group_canceled(g));
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_RC(weft_group_wait(g), -EIO);
    CHECK_EQ(atomic_load(canceled), 5);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group, body_can_fail_it)
{
    atomic_int n = 0;

    CHECK_OK(test_run(fail_by_body, &n));
}

static int fail_own_group(void *arg)
{
    weft_group *g = arg;

    CHECK_OK(weft_group_fail(g, -EIO));
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    return 0;
}

static int fail_by_child(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, fail_own_group, g));
    CHECK_RC(weft_group_wait(g), -EIO);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group, child_can_fail_it_and_succeed_itself)
{
    CHECK_OK(test_run(fail_by_child, NULL));
}

static int wait_on_parents_group(void *arg)
{
    weft_group *g = arg;

    CHECK_RC(weft_group_wait(g), WEFT_EINVAL);
    weft_group_close(g); /* not the owner's: ignored */
    return weft_yield();
}

static int wrong_owner(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, wait_on_parents_group, g));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(weft_spawn(g, nothing, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group, only_its_owner_may_wait)
{
    CHECK_OK(test_run(wrong_owner, NULL));
}

/* How deep a recursion of groups goes; each level may take a stack, of which TSan has only so many. */
enum { DEPTH = TEST_TSAN ? 300 : 5000 };

static int descend(void *arg)
{
    int depth = *(int *)arg, below = depth - 1;
    weft_group *g;

    if (depth == 0)
        return 0;
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, descend, &below));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(group, recursion_goes_deeper_than_a_stack)
{
    int depth = DEPTH;

    CHECK_OK(test_run(descend, &depth));
}

static int fail_at_the_bottom(void *arg)
{
    int depth = *(int *)arg, below = depth - 1, rc;
    weft_group *g;

    if (depth == 0)
        return -EIO;
    g = weft_group_open(NULL);
    CHECK_OK(weft_spawn(g, fail_at_the_bottom, &below));
    rc = weft_group_wait(g);
    CHECK_RC(rc, -EIO);
    weft_group_close(g);
    return rc;
}

WEFT_TEST(group, error_travels_up_through_nested_ones)
{
    int depth = DEPTH / 10;

    CHECK_RC(test_run(fail_at_the_bottom, &depth), -EIO);
}
