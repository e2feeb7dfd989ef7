/* SPDX-License-Identifier: MIT */
/* A thread cancels a group at the moment when something happens in it: exactly one of the two comes first, and all agree on which. */
#include "sched/park.h"
#include "tests/sched/races.h"

enum { TIMES = 100000 };

static void cancel(struct race_slot *slot)
{
    CHECK_OK(weft_group_cancel(slot->group));
}

/* Against a wake: the wait ends with what won, and the waker is told the same. */

enum { REFUSED = -1 };

static int wait_once(void *arg)
{
    struct race_slot *slot = arg;
    struct weft__task *t = weft__task_self();

    atomic_fetch_add(&slot->entered, 1);
    if (weft__park_prepare(t, WEFT__CANCELABLE) < 0) {
        atomic_store(&slot->outcome, REFUSED);
        return WEFT_ECANCELED;
    }
    slot->waiter = t;
    slot->ticket = weft__park_ticket(t);
    atomic_store(&slot->accepted, 1);
    atomic_store(&slot->outcome, (int)weft__park(t));
    CHECK(atomic_load(&slot->outcome) != WEFT__WON_CANCEL || weft_canceled());
    return 0;
}

static int wake(void *arg)
{
    struct race_slot *slot = arg;
    bool won = false, early = random_next(&slot->random) % 4 == 0; /* it meets the way to sleep, or the wake */
    int rc, outcome;

    slot->group = weft_group_open(NULL);
    rc = weft_spawn(slot->group, wait_once, slot);
    CHECK_OK(rc);
    if (early)
        race_announce(slot);
    while (!atomic_load(&slot->accepted) && atomic_load(&slot->outcome) != REFUSED)
        race_breathe();
    if (!early)
        race_publish(slot);
    if (atomic_load(&slot->accepted))
        won = weft__unpark(slot->waiter, slot->ticket, WEFT__WON_EVENT);
    CHECK_OK(weft_group_wait(slot->group));
    race_wait_for_partner(slot);
    weft_group_close(slot->group);
    outcome = atomic_load(&slot->outcome);
    CHECK_EQ(atomic_load(&slot->entered), 1);
    CHECK_EQ(won, outcome == WEFT__WON_EVENT);
    CHECK(won || outcome == WEFT__WON_CANCEL || outcome == REFUSED);
    return 0;
}

WEFT_TEST(races_cancel, meets_a_wake)
{
    race_run(wake, cancel, TIMES);
}

/* Against spawns, by the owner and by a child: accepted is entered, once, and refused is not. */

enum { CHILDREN = 4 };

static int child(void *arg)
{
    atomic_fetch_add(&((struct race_slot *)arg)->entered, 1);
    return 0;
}

static void spawn_one(struct race_slot *slot, weft_fn fn)
{
    int rc = weft_spawn(slot->group, fn, slot);

    if (rc == 0)
        atomic_fetch_add(&slot->accepted, 1);
    else
        CHECK_RC(rc, WEFT_ECANCELED);
}

static int child_that_spawns(void *arg)
{
    spawn_one(arg, child);
    return child(arg);
}

static int spawn_some(void *arg)
{
    struct race_slot *slot = arg;

    slot->group = weft_group_open(NULL);
    race_publish(slot);
    for (int i = 0; i < CHILDREN; i++)
        spawn_one(slot, i == 0 ? child_that_spawns : child);
    CHECK_OK(weft_group_wait(slot->group));
    CHECK_EQ(atomic_load(&slot->entered), atomic_load(&slot->accepted));
    race_wait_for_partner(slot);
    weft_group_close(slot->group);
    CHECK_EQ(atomic_load(&slot->entered), atomic_load(&slot->accepted));
    return 0;
}

WEFT_TEST(races_cancel, meets_spawns)
{
    race_run(spawn_some, cancel, TIMES);
}

/* Against the end of children, some of which cancellers find, and against the close, which may come as soon as the owner sees the mark. */

static int end_soon(void *arg)
{
    struct race_slot *slot = arg;
    struct weft__task *t = weft__task_self();

    atomic_fetch_add(&slot->entered, 1);
    if (weft__park_prepare(t, WEFT__CANCELABLE) == 0)
        weft__park_abandon(t); /* now it is linked */
    return 0;
}

static int end_below(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc = weft_spawn(g, end_soon, arg);

    if (rc == 0)
        atomic_fetch_add(&((struct race_slot *)arg)->accepted, 1);
    else
        CHECK_RC(rc, WEFT_ECANCELED);
    rc = weft_group_wait(g);
    CHECK(rc == 0 || rc == WEFT_ECANCELED);
    weft_group_close(g);
    return rc;
}

static int finish(void *arg)
{
    struct race_slot *slot = arg;

    slot->group = weft_group_open(NULL);
    for (int i = 0; i < 2; i++)
        spawn_one(slot, end_soon);
    CHECK_OK(weft_spawn(slot->group, end_below, slot));
    race_publish(slot);
    CHECK_OK(weft_group_wait(slot->group));
    CHECK_EQ(atomic_load(&slot->entered), atomic_load(&slot->accepted));
    while (!weft_group_canceled(slot->group))
        race_breathe();
    weft_group_close(slot->group); /* the canceller may still be in it */
    return 0;
}

WEFT_TEST(races_cancel, meets_the_end_of_children_and_the_close)
{
    race_run(finish, cancel, TIMES);
}

/* Against a second one: a child fails while the thread cancels the group around, and a deadline may pass in between. */

static int fail_soon(void *arg)
{
    struct race_slot *slot = arg;

    random_pause(&slot->random_below);
    return -7;
}

static int wait_for_ever(void *arg)
{
    atomic_fetch_add(&((struct race_slot *)arg)->entered, 1);
    CHECK_RC(weft_sleep_until(WEFT_NEVER), WEFT_ECANCELED);
    return WEFT_ECANCELED;
}

static int fail_below(void *arg)
{
    struct race_slot *slot = arg;
    weft_time soon = weft_now() + random_next(&slot->random_below) % 30000;
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = soon});
    int rc;

    for (int i = 0; i < 2; i++) {
        rc = weft_spawn(g, wait_for_ever, slot);
        if (rc == 0)
            atomic_fetch_add(&slot->accepted, 1);
        else
            CHECK_RC(rc, WEFT_ECANCELED);
    }
    (void)weft_spawn(g, fail_soon, slot);
    rc = weft_group_wait(g);
    CHECK(rc == -7 || rc == WEFT_ECANCELED || rc == WEFT_ETIMEDOUT);
    weft_group_close(g);
    return 0;
}

static int two_cancel(void *arg)
{
    struct race_slot *slot = arg;

    slot->group = weft_group_open(NULL);
    CHECK_OK(weft_spawn(slot->group, wait_for_ever, slot));
    atomic_fetch_add(&slot->accepted, 1);
    CHECK_OK(weft_spawn(slot->group, fail_below, slot));
    race_publish(slot);
    CHECK_OK(weft_group_wait(slot->group));
    weft_group_close(slot->group);
    CHECK_EQ(atomic_load(&slot->entered), atomic_load(&slot->accepted));
    return 0;
}

WEFT_TEST(races_cancel, meets_failures_and_deadlines_below)
{
    race_run(two_cancel, cancel, TIMES);
}
