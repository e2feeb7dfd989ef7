/* SPDX-License-Identifier: MIT */
/* A mutex under load: one at a time, nobody is stranded, nobody starves. */
#include "tests/sync/locks.h"

enum { TASKS = 24 };

struct load {
    weft_mutex mutex;
    bool impatient, leaves; /* waits have random deadlines; tasks end without unlocking */
    unsigned inside;        /* guarded by the mutex, as the next */
    long long count;
    _Atomic long long expected;
    unsigned turns;
};

struct contender {
    struct load *load;
    uint32_t random;
    unsigned turns;
};

/* What is done in the mutex: at times with a suspension. */
static void inside(struct contender *c)
{
    struct load *l = c->load;

    CHECK_EQ(l->inside++, 0);
    l->count++;
    l->expected++;
    if (sync_random(&c->random) % 8 == 0) {
        /* A cancelled task comes back from it all the same. */
        int rc = weft_yield();

        CHECK(rc == 0 || rc == WEFT_ECANCELED);
    }
    CHECK_EQ(--l->inside, 0);
}

/* One lock of the mutex, in one of the ways that there are. */
static int lock(struct contender *c)
{
    weft_mutex *m = &c->load->mutex;
    uint32_t way = sync_random(&c->random) % 8;

    if (way == 0)
        return weft_mutex_try_lock(m);
    if (way > 4 || !c->load->impatient)
        return weft_mutex_lock(m);
    weft_scope *s = weft_scope_open(weft_now() + sync_random(&c->random) % 40000);
    CHECK_NOT_NULL(s);
    int rc = weft_mutex_lock(m);
    if (rc == 0) {
        inside(c);
        CHECK_OK(weft_mutex_unlock(m));
        rc = WEFT_EBUSY; /* had and given back */
    }
    (void)weft_scope_close(s, 0);
    return rc;
}

static int contend(void *arg)
{
    struct contender *c = arg;
    struct load *l = c->load;

    while (c->turns > 0) {
        int rc = lock(c);

        c->turns--;
        if (rc == WEFT_EBROKEN) {
            if ((rc = weft_mutex_repair(&l->mutex)) == WEFT_EALREADY)
                continue;
            l->inside = 0;
        }
        if (rc == 0) {
            inside(c);
            if (l->leaves && sync_random(&c->random) % 64 == 0)
                return 0;
            CHECK_OK(weft_mutex_unlock(&l->mutex));
        } else if (rc != WEFT_EBUSY) {
            CHECK_RC(rc, WEFT_ECANCELED);
            if (weft_canceled())
                return 0;
        }
    }
    return 0;
}

static int contend_again(void *arg)
{
    struct contender *c = arg;

    /* Each time in a task of its own, for it may end with the mutex. */
    while (c->turns > 0) {
        WEFT_GROUP(g, NULL)
        {
            weft_spawn(g, contend, c);
            CHECK_OK(weft_group_wait(g));
        }
    }
    return 0;
}

static void run_load(bool impatient, bool leaves)
{
    struct load l = {.impatient = impatient, .leaves = leaves};
    struct contender c[TASKS];

    WEFT_GROUP(g, NULL)
    {
        for (unsigned i = 0; i < TASKS; i++) {
            c[i] = (struct contender){.load = &l, .random = 1 + i, .turns = SYNC_SCALE(500, 10000)};
            weft_spawn(g, contend_again, &c[i]);
        }
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_EQ(l.count, l.expected);
    CHECK_OK(weft_mutex_fini(&l.mutex));
}

TASK_TEST(stress_mutex, one_at_a_time)
{
    (void)arg;
    run_load(false, false);
    return 0;
}

TASK_TEST(stress_mutex, one_at_a_time_whoever_loses_patience)
{
    (void)arg;
    run_load(true, false);
    return 0;
}

TASK_TEST(stress_mutex, one_at_a_time_whoever_ends_with_it)
{
    (void)arg;
    run_load(true, true);
    return 0;
}

/* Groups of contenders that are cancelled as a whole, beside one that goes on. */

TASK_TEST(stress_mutex, canceled_groups_strand_nobody)
{
    struct load l = {.impatient = false};
    uint32_t random = 11;

    (void)arg;
    for (int i = 0; i < SYNC_SCALE(40, 300); i++) {
        struct contender c[6], stays = {.load = &l, .random = 99, .turns = 50};

        WEFT_GROUP(outer, NULL)
        {
            weft_spawn(outer, contend, &stays);
            weft_group *inner = weft_group_open(NULL);
            for (unsigned k = 0; k < 6; k++) {
                c[k] = (struct contender){.load = &l, .random = 1 + k + (uint32_t)i, .turns = 100000};
                weft_spawn(inner, contend, &c[k]);
            }
            for (uint32_t k = sync_random(&random) % 8; k > 0; k--)
                CHECK_OK(weft_yield());
            weft_group_close(inner);
            CHECK_OK(weft_group_wait(outer));
        }
        CHECK_EQ(stays.turns, 0);
        CHECK_OK(weft_mutex_fini(&l.mutex));
    }
    CHECK_EQ(l.count, l.expected);
    return 0;
}

/* All go on until each has had its share: nobody is passed over for ever. */

struct race {
    weft_mutex mutex;
    long long all; /* guarded by it */
    _Atomic unsigned left;
};

struct runner {
    struct race *race;
    unsigned had;
    bool suspends;
};

enum { SHARE = 40, MOST = 20000000 };

static int run_until_all_had_theirs(void *arg)
{
    struct runner *r = arg;

    while (r->race->left > 0) {
        CHECK_OK(weft_mutex_lock(&r->race->mutex));
        if (++r->race->all > MOST)
            FAIL("%u tasks have not had their share after %d locks", r->race->left, MOST);
        if (++r->had == SHARE)
            r->race->left--;
        if (r->suspends)
            CHECK_OK(weft_yield());
        CHECK_OK(weft_mutex_unlock(&r->race->mutex));
    }
    return 0;
}

TASK_TEST(stress_mutex, nobody_starves)
{
    struct race race = {.left = TASKS};
    struct runner r[TASKS];

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        for (unsigned i = 0; i < TASKS; i++) {
            r[i] = (struct runner){.race = &race, .suspends = i % 3 == 0};
            weft_spawn(g, run_until_all_had_theirs, &r[i]);
        }
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(weft_mutex_fini(&race.mutex));
    return 0;
}
