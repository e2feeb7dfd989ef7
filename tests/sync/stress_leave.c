/* SPDX-License-Identifier: MIT */
/* A task that wakes another and waits leaves for it, and is parked unsure (sched/unsure.h): cancellations meet that at every moment. */
#include <pthread.h>
#include <sched.h>

#include "tests/sync/sync.h"

#define ROUNDS SYNC_SCALE(1000, 10000)

enum partner { WAITS_AGAIN, REPLIES, LEAVES_TOO, COMPUTES, PARTNERS };

struct round {
    int number;
    enum partner partner; /* what it does when it gets this */
};

struct leaver {
    weft_chan *there, *back, *third;
    _Atomic(weft_scope *) doomed;
    _Atomic bool over;
};

static void *cancel_each(void *arg)
{
    struct leaver *l = arg;
    uint32_t random = 5;

    while (!l->over) {
        weft_scope *doomed = l->doomed;

        if (doomed == NULL) {
            (void)sched_yield();
            continue;
        }
        for (uint32_t i = sync_random(&random) % 256; i > 0; i--)
            __asm__ volatile("");
        CHECK_OK(weft_scope_cancel(doomed));
        l->doomed = NULL;
    }
    return NULL;
}

static void compute(uint32_t turns)
{
    for (uint32_t i = 0; i < turns; i++)
        __asm__ volatile("");
}

static int be_partner(void *arg)
{
    struct leaver *l = arg;
    uint32_t random = 3;
    struct round r;

    while (weft_chan_recv(l->there, &r) == 0)
        switch (r.partner) {
        case WAITS_AGAIN:
            break;
        case REPLIES:
            CHECK_OK(weft_chan_send(l->back, &r.number));
            break;
        case LEAVES_TOO:
            CHECK_OK(weft_chan_send(l->third, &r.number));
            break;
        case COMPUTES:
            compute(sync_random(&random) % 65536);
            break;
        case PARTNERS:
            FAIL("no partner");
        }
    return 0;
}

static int be_third(void *arg)
{
    struct leaver *l = arg;
    int item;

    while (weft_chan_recv(l->third, &item) == 0)
        ;
    return 0;
}

/* Unless the partner replies only the cancellation ends the wait: one that is lost hangs the test. */
static void wait_once(struct leaver *l, const struct round *r)
{
    weft_scope *scope = weft_scope_open(0);
    int reply = -1, rc;

    CHECK_NOT_NULL(scope);
    if (r->number % 2)
        l->doomed = scope; /* else as late as can be */
    rc = weft_chan_send(l->there, r);
    if (r->number % 2 == 0)
        l->doomed = scope;
    while (rc == 0 && reply != r->number)
        rc = weft_chan_recv(l->back, &reply); /* first come the replies to those who had been cancelled */
    CHECK(rc == WEFT_ECANCELED || (rc == 0 && r->partner == REPLIES));
    while (l->doomed != NULL) {
        (void)weft_yield(); /* which says so too, once it is cancelled */
        (void)sched_yield();
    }
    CHECK_RC((int)weft_scope_close(scope, rc), rc);
}

TASK_TEST(stress_leave, a_cancellation_reaches_a_task_that_has_left_for_another)
{
    (void)arg;
    struct leaver l = {.there = weft_chan_create(sizeof(struct round), 1),
                       .back = weft_chan_create(sizeof(int), WEFT_UNBOUNDED),
                       .third = weft_chan_create(sizeof(int), 1)};
    weft_group *g = weft_group_open(NULL);
    pthread_t canceller;
    uint32_t random = 7;

    CHECK(l.there && l.back && l.third);
    CHECK_OK(pthread_create(&canceller, NULL, cancel_each, &l));
    weft_spawn(g, be_partner, &l);
    weft_spawn(g, be_third, &l);
    for (int i = 0; i < ROUNDS; i++) {
        wait_once(&l, &(struct round){.number = i, .partner = (enum partner)(sync_random(&random) % PARTNERS)});
    }
    CHECK_OK(weft_chan_close(l.there));
    CHECK_OK(weft_chan_close(l.third));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    l.over = true;
    CHECK_OK(pthread_join(canceller, NULL));
    (void)weft_chan_destroy(l.there);
    (void)weft_chan_destroy(l.back);
    (void)weft_chan_destroy(l.third);
    return 0;
}
