/* SPDX-License-Identifier: MIT */
/* Tasks that spawn into a group further out than the one that they live in, as weft/task.h allows: an owner opens two groups,
 * one inside the other, and what lives in the inner one spawns into the outer one, whose count does not know of the spawner. */
#include "tests/sched/tasks.h"

struct traffic {
    weft_group *outer;
    atomic_int canceled, left, accepted, ended;
};

static int visit_canceled(void *arg)
{
    struct traffic *t = arg;

    spin_until(&t->canceled, 1);
    CHECK_RC(weft_spawn(t->outer, count, &t->ended), WEFT_ECANCELED);
    CHECK(weft_canceled());
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    return WEFT_ECANCELED;
}

static int cancel_outer(void *arg)
{
    struct traffic t = {.outer = weft_group_open(NULL)};
    weft_group *inner = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(inner, visit_canceled, &t));
    CHECK_OK(weft_group_cancel(t.outer));
    atomic_store(&t.canceled, 1);
    CHECK_RC(weft_group_wait(inner), WEFT_ECANCELED);
    weft_group_close(inner);
    CHECK_OK(weft_group_wait(t.outer));
    weft_group_close(t.outer);
    CHECK_EQ(atomic_load(&t.ended), 0);
    return 0;
}

WEFT_TEST(visitor, is_refused_by_a_group_that_is_canceled)
{
    CHECK_OK(test_run(cancel_outer, NULL));
}

enum { VISITORS = 3, VISITS = TEST_TSAN ? 100 : 1000 };

static int come_again(void *arg)
{
    struct traffic *t = arg;

    for (int i = 0; i < VISITS; i++) {
        for (int j = i % 3; j >= 0; j--) {
            CHECK_OK(weft_spawn(t->outer, count, &t->ended));
            atomic_fetch_add(&t->accepted, 1);
        }
        /* The count comes down to nothing again and again: there the last child, the waiter and the next visit meet. */
        do
            CHECK_OK(weft_yield());
        while (atomic_load(&t->ended) < atomic_load(&t->accepted) - 4);
    }
    atomic_fetch_add(&t->left, 1);
    return 0;
}

static int wait_amid_visitors(void *arg)
{
    struct traffic t = {.outer = weft_group_open(NULL)};
    weft_group *inner = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < VISITORS; i++)
        CHECK_OK(weft_spawn(inner, come_again, &t));
    /* That a wait ends while the visitors go on is right; that it is woken twice, or never, is not. */
    while (atomic_load(&t.left) < VISITORS) {
        CHECK_OK(weft_spawn(t.outer, count, &t.ended));
        atomic_fetch_add(&t.accepted, 1);
        CHECK_OK(weft_group_wait(t.outer));
        /* A wake-up that was meant for the wait above would cut this one short. */
        if (atomic_load(&t.ended) % 16 == 0)
            CHECK_OK(weft_sleep_until(weft_now() + 20000));
    }
    CHECK_OK(weft_group_wait(inner));
    weft_group_close(inner);
    CHECK_OK(weft_group_wait(t.outer));
    CHECK_EQ(atomic_load(&t.ended), atomic_load(&t.accepted));
    weft_group_close(t.outer);
    return 0;
}

WEFT_TEST(visitor, does_not_disturb_the_count_of_a_group_that_is_waited_for)
{
    CHECK_OK(test_run(wait_amid_visitors, NULL));
}
