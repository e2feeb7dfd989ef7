/* SPDX-License-Identifier: MIT */
/* Tasks that spawn into a group of an ancestor's that they do not live in, as weft/task.h allows: from an outer group into an
 * inner one of the same owner, so that neither the group's cancellation nor its count knows of them. */
#include "tests/sched/tasks.h"

struct visitor {
    weft_group *inner;
    atomic_int canceled, done, entered;
};

static int visit(void *arg)
{
    struct visitor *v = arg;

    yield_until(&v->canceled, 1);
    CHECK_RC(weft_spawn(v->inner, count_and_sleep_forever, &v->entered), WEFT_ECANCELED);
    CHECK_OK(weft_yield());
    atomic_store(&v->done, 1);
    return 0;
}

static int spawn_into_aunt(void *arg)
{
    struct visitor v = {0};
    weft_group *outer = weft_group_open(NULL);

    (void)arg;
    v.inner = weft_group_open(NULL);
    CHECK_OK(weft_spawn(outer, visit, &v));
    CHECK_OK(weft_group_cancel(v.inner));
    atomic_store(&v.canceled, 1);
    while (atomic_load(&v.done) == 0)
        CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_EQ(atomic_load(&v.entered), 0);
    CHECK_OK(weft_group_wait(v.inner));
    weft_group_close(v.inner);
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    return 0;
}

WEFT_TEST(visitor, is_refused_by_a_group_that_is_canceled)
{
    CHECK_OK(test_run(spawn_into_aunt, NULL));
}

struct traffic {
    weft_group *inner;
    atomic_int stop, accepted, ended;
};

static int come_again(void *arg)
{
    struct traffic *t = arg;

    while (atomic_load(&t->stop) == 0) {
        for (int i = 0; i < 8; i++) {
            CHECK_OK(weft_spawn(t->inner, count, &t->ended));
            atomic_fetch_add(&t->accepted, 1);
        }
        CHECK_OK(weft_yield());
    }
    return 0;
}

static int wait_amid_visitors(void *arg)
{
    struct traffic t = {0};
    weft_group *outer = weft_group_open(NULL);

    (void)arg;
    t.inner = weft_group_open(NULL);
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(outer, come_again, &t));
    for (int i = 0; i < (TEST_TSAN ? 300 : 3000); i++) {
        CHECK_OK(weft_spawn(t.inner, count, &t.ended));
        atomic_fetch_add(&t.accepted, 1);
        /* An early end of this wait is nothing wrong, as the visitors go on; a lost one is. */
        CHECK_OK(weft_group_wait(t.inner));
    }
    atomic_store(&t.stop, 1);
    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_sleep_ms(0)); /* a wake-up that was meant for a wait of before would show here */
    CHECK_OK(weft_sleep_ms(2));
    CHECK_OK(weft_group_wait(t.inner));
    weft_group_close(t.inner);
    CHECK_OK(weft_group_wait(outer));
    weft_group_close(outer);
    CHECK_EQ(atomic_load(&t.ended), atomic_load(&t.accepted));
    return 0;
}

WEFT_TEST(visitor, does_not_disturb_the_count_of_a_group_that_is_waited_for)
{
    CHECK_OK(test_run(wait_amid_visitors, NULL));
}
