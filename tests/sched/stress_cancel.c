/* SPDX-License-Identifier: MIT */
/* Cancelling what is about to park, to wake, to spawn or to end. A wake-up that is lost shows as a test that hangs. */
#include <pthread.h>

#include "tests/sched/stress.h"

static atomic_uint seeds = 1;

static uint32_t seed(void)
{
    return atomic_fetch_add(&seeds, 1) * 2654435769u + 12345;
}

/* Sleeps that may end by time or by cancellation, at about the same moment. */
static int doze(void *arg)
{
    uint32_t r = seed() | 1;
    int rc;

    (void)arg;
    do {
        rc = weft_sleep_until(weft_now() + random_next(&r) % 20000);
        CHECK(rc == 0 || rc == WEFT_ECANCELED);
        CHECK(rc == 0 || weft_canceled());
        random_pause(&r);
    } while (rc == 0 && !weft_canceled());
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    return WEFT_ECANCELED;
}

static int cancel_dozers(void *arg)
{
    uint32_t r = seed() | 1;

    (void)arg;
    for (int round = 0; round < ROUNDS(150); round++) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 6; i++)
            CHECK_OK(weft_spawn(g, doze, NULL));
        if (round % 3 == 0)
            (void)weft_sleep_until(weft_now() + random_next(&r) % 40000);
        else
            random_pause(&r);
        CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK(!weft_canceled());
    }
    return 0;
}

WEFT_TEST(stress_cancel, cancellation_meets_wake_ups)
{
    CHECK_OK(test_run(cancel_dozers, NULL));
}

/* Children that spawn into their group until it refuses: every task that was accepted is entered. */
struct brood {
    weft_group *g;
    atomic_int accepted, entered;
};

static int breed(void *arg)
{
    struct brood *b = arg;
    int rc;

    atomic_fetch_add(&b->entered, 1);
    for (int i = 0; i < 2; i++) {
        rc = weft_spawn(b->g, breed, b);
        if (rc == 0)
            atomic_fetch_add(&b->accepted, 1);
        else
            CHECK_RC(rc, WEFT_ECANCELED);
        rc = weft_yield();
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int cancel_breeders(void *arg)
{
    uint32_t r = seed() | 1;

    (void)arg;
    for (int round = 0; round < ROUNDS(100); round++) {
        struct brood b = {.g = weft_group_open(NULL), .accepted = 1};

        CHECK_OK(weft_spawn(b.g, breed, &b));
        while (atomic_load(&b.entered) < (int)(random_next(&r) % 50))
            CHECK_OK(weft_yield());
        CHECK_OK(weft_group_cancel(b.g));
        CHECK_OK(weft_group_wait(b.g));
        CHECK_EQ(atomic_load(&b.entered), atomic_load(&b.accepted));
        weft_group_close(b.g);
    }
    return 0;
}

WEFT_TEST(stress_cancel, cancellation_meets_spawning_children)
{
    CHECK_OK(test_run(cancel_breeders, NULL));
}

/* A tree that grows, and is cancelled from a thread outside of the runtime while it does. */
static int grow_tree(void *arg)
{
    int depth = *(int *)arg, below = depth - 1, rc;
    weft_group *g;

    if (depth == 0)
        return weft_sleep_ms(FOREVER_MS);
    g = weft_group_open(NULL);
    for (int i = 0; i < 2; i++) {
        rc = weft_spawn(g, grow_tree, &below);
        CHECK(rc == 0 || rc == WEFT_ECANCELED);
    }
    rc = weft_group_wait(g);
    CHECK_RC(rc, WEFT_ECANCELED);
    weft_group_close(g);
    return rc;
}

struct axe {
    weft_group *g;
    atomic_int round;
};

static void *chop(void *arg)
{
    struct axe *a = arg;
    uint32_t r = seed() | 1;

    for (int round = 1; round <= ROUNDS(100); round++) {
        spin_until(&a->round, 2 * round - 1);
        for (uint32_t i = random_next(&r) % 8; i > 0; i--)
            random_pause(&r);
        CHECK_OK(weft_group_cancel(a->g));
        atomic_fetch_add(&a->round, 1);
    }
    return NULL;
}

static int plant_trees(void *arg)
{
    struct axe *a = arg;

    for (int round = 1; round <= ROUNDS(100); round++) {
        int depth = 5, rc;

        a->g = weft_group_open(NULL);
        atomic_fetch_add(&a->round, 1);
        rc = weft_spawn(a->g, grow_tree, &depth);
        CHECK(rc == 0 || rc == WEFT_ECANCELED);
        CHECK_OK(weft_group_wait(a->g));
        while (atomic_load(&a->round) < 2 * round)
            (void)weft_yield(); /* the group stays open while it is cancelled */
        weft_group_close(a->g);
    }
    return 0;
}

WEFT_TEST(stress_cancel, cancellation_from_outside_meets_a_growing_tree)
{
    struct axe a = {0};
    pthread_t thread;

    CHECK_OK(pthread_create(&thread, NULL, chop, &a));
    CHECK_OK(test_run(plant_trees, &a));
    CHECK_OK(pthread_join(thread, NULL));
}

/* Errors from several children at once: one of theirs is the group's. */
static int fail_soon(void *arg)
{
    uint32_t r = seed() | 1;

    random_pause(&r);
    if (random_next(&r) % 4 == 0)
        (void)weft_sleep_until(weft_now() + random_next(&r) % 10000);
    return fail_with(arg);
}

static int many_errors(void *arg)
{
    static const int codes[] = {-101, -102, -103, -104};

    (void)arg;
    for (int round = 0; round < ROUNDS(300); round++) {
        weft_group *g = weft_group_open(NULL);
        int rc, again;

        for (int i = 0; i < 4; i++)
            (void)weft_spawn(g, fail_soon, (void *)&codes[i]);
        rc = weft_group_wait(g);
        again = weft_group_wait(g);
        CHECK(rc <= -101 && rc >= -104);
        CHECK_RC(again, rc);
        weft_group_close(g);
        CHECK_OK(weft_yield());
    }
    return 0;
}

WEFT_TEST(stress_cancel, errors_meet_errors)
{
    CHECK_OK(test_run(many_errors, NULL));
}
