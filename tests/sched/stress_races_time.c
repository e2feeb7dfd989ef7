/* SPDX-License-Identifier: MIT */
/* A deadline passes at the moment when what it is for succeeds. */
#include "sched/park.h"
#include "tests/sched/races.h"

enum { TIMES = 100000, NEAR_NS = 20000 };

/* The deadline of a wait, that of the scope around it, and an event: one of them. */

static void wake(struct race_slot *slot)
{
    atomic_store(&slot->won, weft__unpark(slot->waiter, slot->ticket, WEFT__WON_EVENT));
}

static int wait_until(void *arg)
{
    struct race_slot *slot = arg;
    struct weft__task *t = weft__task_self();
    weft_time now = weft_now();
    weft_scope *s = weft_scope_open(now + random_next(&slot->random) % NEAR_NS + 1);
    enum weft__phase phase = WEFT__IDLE;
    ssize_t rc = 0;

    CHECK_NOT_NULL(s);
    slot->waiter = t;
    if (weft__park_prepare(t, WEFT__CANCELABLE) < 0) {
        rc = WEFT_ECANCELED;
        slot->ticket = weft__park_ticket(t);
        race_announce(slot);
    } else {
        slot->ticket = weft__park_ticket(t);
        race_announce(slot);
        CHECK_OK(weft__park_until(t, now + random_next(&slot->random) % NEAR_NS, &phase));
        CHECK(phase == WEFT__WON_EVENT || phase == WEFT__WON_TIME || phase == WEFT__WON_CANCEL);
        if (phase == WEFT__WON_CANCEL)
            rc = WEFT_ECANCELED;
    }
    CHECK(rc == 0 || weft_canceled());
    CHECK_RC(weft_scope_close(s, rc), rc == 0 ? 0 : WEFT_ETIMEDOUT);
    CHECK(!weft_canceled());
    race_wait_for_partner(slot);
    CHECK_EQ(atomic_load(&slot->won), phase == WEFT__WON_EVENT);
    return 0;
}

WEFT_TEST(races_time, deadlines_meet_an_event)
{
    race_run(wait_until, wake, TIMES);
}

/* The deadline of a group, and the end of its children: 0 where all of them came first, else ETIMEDOUT. */

static int short_work(void *arg)
{
    struct race_slot *slot = arg;
    int rc = weft_sleep_until(weft_now() + NEAR_NS / 2);

    atomic_fetch_add(&slot->entered, 1);
    if (rc == 0)
        atomic_fetch_add(&slot->won, 1);
    return rc;
}

static int finish_in_time(void *arg)
{
    struct race_slot *slot = arg;
    weft_time deadline = weft_now() + random_next(&slot->random) % (2 * NEAR_NS) + 1;
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = deadline});
    int accepted = 0, rc;

    for (int i = 0; i < 2; i++) {
        rc = weft_spawn(g, short_work, slot);
        CHECK(rc == 0 || rc == WEFT_ECANCELED);
        accepted += rc == 0;
    }
    rc = weft_group_wait(g);
    CHECK(rc == 0 || rc == WEFT_ETIMEDOUT);
    CHECK_EQ(atomic_load(&slot->entered), accepted);
    if (rc == 0)
        CHECK_EQ(atomic_load(&slot->won), 2);
    weft_group_close(g);
    CHECK(!weft_canceled());
    race_publish(slot);
    return 0;
}

static void look_on(struct race_slot *slot)
{
    (void)slot;
}

WEFT_TEST(races_time, the_deadline_of_a_group_meets_the_end_of_its_children)
{
    race_run(finish_in_time, look_on, TIMES);
}

/* A deadline that is moved as it passes: moved, or expired. */

static int move_it(void *arg)
{
    struct race_slot *slot = arg;
    weft_scope *s = weft_scope_open(weft_now() + random_next(&slot->random) % NEAR_NS + 1);
    int rc, slept;

    for (uint32_t i = random_next(&slot->random) % 8; i > 0; i--)
        (void)weft_yield();
    race_linger(slot);
    rc = weft_scope_reschedule(s, WEFT_NEVER);
    CHECK(rc == 0 || rc == WEFT_ECANCELED);
    slept = weft_yield();
    CHECK_RC(slept, rc);
    CHECK_EQ(weft_scope_reason(s), rc == 0 ? WEFT_REASON_NONE : WEFT_REASON_DEADLINE);
    CHECK_RC(weft_scope_close(s, slept), rc == 0 ? 0 : WEFT_ETIMEDOUT);
    race_publish(slot);
    return 0;
}

WEFT_TEST(races_time, a_deadline_is_moved_as_it_passes)
{
    race_run(move_it, look_on, TIMES);
}
