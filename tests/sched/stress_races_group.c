/* SPDX-License-Identifier: MIT */
/* Failures meet children that spawn, and children that say they are ready. */
#include "tests/sched/races.h"

enum { TIMES = 100000 };

/* Every child spawns two more until one fails: the group still ends. */

struct hydra {
    weft_group *g;
    int fails_at;
    atomic_int entered, accepted;
};

static int head(void *arg)
{
    struct hydra *h = arg;

    if (atomic_fetch_add(&h->entered, 1) + 1 == h->fails_at)
        return -7;
    for (int i = 0; i < 2; i++) {
        int rc = weft_spawn(h->g, head, h);

        if (rc == 0)
            atomic_fetch_add(&h->accepted, 1);
        else
            CHECK_RC(rc, WEFT_ECANCELED);
    }
    return 0;
}

static int behead(void *arg)
{
    uint32_t random = 88675123;
    int times = *(int *)arg;

    for (int i = 0; i < times; i++) {
        struct hydra h = {.g = weft_group_open(NULL), .fails_at = 1 + (int)(random_next(&random) % 40)};

        CHECK_OK(weft_spawn(h.g, head, &h));
        CHECK_RC(weft_group_wait(h.g), -7);
        CHECK_EQ(atomic_load(&h.entered), atomic_load(&h.accepted) + 1);
        weft_group_close(h.g);
    }
    return 0;
}

WEFT_TEST(races_group, a_hydra_ends)
{
    int times = ROUNDS(test_under_valgrind() ? TIMES / 100 : TIMES);
    weft_runtime *rt;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    CHECK_OK(weft_runtime_run(rt, behead, &times));
    leftovers_check(rt);
    weft_runtime_destroy(rt);
}

/* A child says that it is ready, or fails before, while its group fails: the starter is told what the child was. */

static int server(void *arg)
{
    struct race_slot *slot = arg;
    uint32_t choice = random_next(&slot->random) % 3;
    int rc;

    atomic_fetch_add(&slot->entered, 1);
    random_pause(&slot->random);
    if (choice == 0)
        return -8;
    if (choice == 1)
        (void)weft_yield();
    rc = weft_ready();
    if (rc != 0) {
        CHECK_RC(rc, WEFT_ECANCELED);
        return rc;
    }
    atomic_store(&slot->won, 1);
    CHECK_RC(weft_sleep_until(WEFT_NEVER), WEFT_ECANCELED);
    return WEFT_ECANCELED;
}

static int start(void *arg)
{
    struct race_slot *slot = arg;
    int rc;

    slot->group = weft_group_open(NULL);
    race_publish(slot);
    rc = weft_start(slot->group, server, slot, NULL);
    CHECK_LE(atomic_load(&slot->entered), 1);
    CHECK_EQ(rc == 0, atomic_load(&slot->won));
    CHECK(rc == 0 || rc == -8 || rc == WEFT_ECANCELED);
    CHECK(rc == WEFT_ECANCELED || atomic_load(&slot->entered) == 1);
    race_wait_for_partner(slot);
    CHECK_RC(weft_group_wait(slot->group), -7);
    weft_group_close(slot->group);
    return 0;
}

static void fail_group(struct race_slot *slot)
{
    CHECK_OK(weft_group_fail(slot->group, -7));
}

WEFT_TEST(races_group, a_start_meets_the_failure_of_its_group)
{
    race_run(start, fail_group, TIMES);
}
