/* SPDX-License-Identifier: MIT */
/* Reader-writer locks under load: readers together, writers alone, nobody starves, nobody is stranded. */
#include "tests/sync/locks.h"

enum { TASKS = 24, SHARE = 30 };

struct load {
    weft_rwlock lock;
    bool impatient, leaves;
    _Atomic int readers, writers;
    unsigned long long value, twice; /* guarded by the lock: twice is 2 * value */
    _Atomic unsigned long long written;
    _Atomic unsigned left;
    _Atomic long long all;
};

struct user {
    struct load *load;
    uint32_t random;
    unsigned turns, had;
    bool writes;
};

static void pause_at_times(struct user *u)
{
    if (sync_random(&u->random) % 4 == 0) {
        int rc = weft_yield();

        CHECK(rc == 0 || rc == WEFT_ECANCELED);
    }
}

static void read(struct user *u)
{
    struct load *l = u->load;
    unsigned long long seen;

    l->readers++;
    CHECK_EQ(l->writers, 0);
    seen = l->value;
    pause_at_times(u);
    CHECK_EQ(l->value, seen);
    CHECK_EQ(l->twice, 2 * seen);
    CHECK_EQ(l->writers, 0);
    l->readers--;
}

static void write(struct user *u)
{
    struct load *l = u->load;

    CHECK_EQ(++l->writers, 1);
    CHECK_EQ(l->readers, 0);
    l->value++;
    pause_at_times(u);
    l->twice = 2 * l->value;
    l->written++;
    CHECK_EQ(l->readers, 0);
    CHECK_EQ(--l->writers, 0);
}

/* One use; the code of the lock. */
static int use(struct user *u)
{
    struct load *l = u->load;
    uint32_t way = sync_random(&u->random);
    bool writes = way % 4 == 0, tries = way / 4 % 4 == 0;
    int rc;

    if (writes) {
        rc = tries ? weft_rwlock_try_write_lock(&l->lock) : weft_rwlock_write_lock(&l->lock);
        if (rc == WEFT_EBROKEN && (rc = weft_rwlock_repair(&l->lock)) == WEFT_EALREADY)
            return 0;
        if (rc < 0)
            return rc;
        write(u);
        if (l->leaves && way / 16 % 32 == 0)
            return 1;
        if (way / 16 % 2 == 0)
            return weft_rwlock_write_unlock(&l->lock);
        CHECK_OK(weft_rwlock_downgrade(&l->lock));
    } else {
        rc = tries ? weft_rwlock_try_read_lock(&l->lock) : weft_rwlock_read_lock(&l->lock);
        if (rc < 0)
            return rc;
    }
    read(u);
    return weft_rwlock_read_unlock(&l->lock);
}

/* Until its turns are over, or it ends with the lock. */
static int use_it(void *arg)
{
    struct user *u = arg;

    while (u->turns > 0) {
        weft_scope *s = NULL;
        int rc;

        u->turns--;
        if (u->load->impatient && sync_random(&u->random) % 2 == 0) {
            s = weft_scope_open(weft_now() + sync_random(&u->random) % 40000);
            CHECK_NOT_NULL(s);
        }
        rc = use(u);
        CHECK(rc >= 0 || rc == WEFT_ECANCELED || rc == WEFT_EBUSY || rc == WEFT_EBROKEN);
        if (s != NULL)
            (void)weft_scope_close(s, 0);
        if (rc == 1 || weft_canceled())
            return 0;
    }
    return 0;
}

static int use_it_again(void *arg)
{
    struct user *u = arg;

    while (u->turns > 0) {
        WEFT_GROUP(g, NULL)
        {
            weft_spawn(g, use_it, u);
            CHECK_OK(weft_group_wait(g));
        }
    }
    return 0;
}

static void run_load(bool impatient, bool leaves)
{
    struct load l = {.impatient = impatient, .leaves = leaves};
    struct user u[TASKS];

    WEFT_GROUP(g, NULL)
    {
        for (unsigned i = 0; i < TASKS; i++) {
            u[i] = (struct user){.load = &l, .random = 1 + i, .turns = SYNC_SCALE(300, 4000)};
            weft_spawn(g, use_it_again, &u[i]);
        }
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_EQ(l.value, l.written);
    CHECK_OK(weft_rwlock_fini(&l.lock));
}

TASK_TEST(stress_rwlock, readers_together_and_writers_alone)
{
    (void)arg;
    run_load(false, false);
    return 0;
}

TASK_TEST(stress_rwlock, whoever_loses_patience)
{
    (void)arg;
    run_load(true, false);
    return 0;
}

TASK_TEST(stress_rwlock, whoever_ends_while_it_writes)
{
    (void)arg;
    run_load(true, true);
    return 0;
}

TASK_TEST(stress_rwlock, canceled_groups_strand_nobody)
{
    struct load l = {.impatient = false};
    uint32_t random = 5;

    (void)arg;
    for (int i = 0; i < SYNC_SCALE(40, 300); i++) {
        struct user u[6], stays = {.load = &l, .random = 77 + (uint32_t)i, .turns = 50};

        WEFT_GROUP(outer, NULL)
        {
            weft_spawn(outer, use_it, &stays);
            weft_group *inner = weft_group_open(NULL);
            for (unsigned k = 0; k < 6; k++) {
                u[k] = (struct user){.load = &l, .random = 1 + k + (uint32_t)i, .turns = 100000};
                weft_spawn(inner, use_it, &u[k]);
            }
            for (uint32_t k = sync_random(&random) % 8; k > 0; k--)
                CHECK_OK(weft_yield());
            weft_group_close(inner);
            CHECK_OK(weft_group_wait(outer));
        }
        CHECK_EQ(stays.turns, 0);
        CHECK_OK(weft_rwlock_fini(&l.lock));
    }
    CHECK_EQ(l.value, l.written);
    return 0;
}

/* Few writers among many readers who never stop, and the other way round: all have their share. */

static int until_all_had_theirs(void *arg)
{
    struct user *u = arg;
    struct load *l = u->load;

    while (l->left > 0) {
        CHECK_OK(u->writes ? weft_rwlock_write_lock(&l->lock) : weft_rwlock_read_lock(&l->lock));
        if (++l->all > 20000000)
            FAIL("%u tasks have not had their share", l->left);
        if (++u->had == SHARE)
            l->left--;
        CHECK_OK(weft_yield());
        CHECK_OK(u->writes ? weft_rwlock_write_unlock(&l->lock) : weft_rwlock_read_unlock(&l->lock));
    }
    return 0;
}

static void run_shares(unsigned writers)
{
    struct load l = {.left = TASKS};
    struct user u[TASKS];

    WEFT_GROUP(g, NULL)
    {
        for (unsigned i = 0; i < TASKS; i++) {
            u[i] = (struct user){.load = &l, .writes = i < writers};
            weft_spawn(g, until_all_had_theirs, &u[i]);
        }
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(weft_rwlock_fini(&l.lock));
}

TASK_TEST(stress_rwlock, nobody_starves)
{
    (void)arg;
    run_shares(1);
    run_shares(TASKS / 2);
    run_shares(TASKS - 1);
    return 0;
}
