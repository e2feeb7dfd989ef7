/* SPDX-License-Identifier: MIT */
/* Semaphores under load: weights and waits that are cut short at random, tasks and threads, and storage that ends at once. */
#include <string.h>

#include "tests/sync/waits.h"

enum { PERMITS = 7, TASKS = 12, THREADS = 2 };

#define EACH SYNC_SCALE(300, 3000)

struct load {
    weft_semaphore semaphore;
    _Atomic int64_t out; /* permits that somebody has */
    _Atomic unsigned taken, cut_short;
    _Atomic int threads_left;
};

struct user {
    struct load *load;
    uint32_t random;
};

static void use(struct load *l, uint64_t n)
{
    l->out += (int64_t)n;
    CHECK_LE(l->out, PERMITS);
    CHECK_LE(weft_semaphore_value(&l->semaphore), PERMITS - n);
    l->taken++;
    l->out -= (int64_t)n;
    CHECK_OK(weft_semaphore_release_n(&l->semaphore, n));
}

static int use_impatiently(void *arg)
{
    struct user *u = arg;
    struct load *l = u->load;

    for (int i = 0; i < EACH; i++) {
        uint64_t n = sync_random(&u->random) % (PERMITS + 1);
        bool patient = sync_random(&u->random) % 4 == 0;
        weft_scope *scope = weft_scope_open(patient ? 0 : weft_now() + sync_random(&u->random) % 40000);
        int rc = weft_semaphore_acquire_n(&l->semaphore, n);

        CHECK_NOT_NULL(scope);
        if (rc == 0)
            use(l, n);
        rc = (int)weft_scope_close(scope, rc);
        if (rc != 0) {
            CHECK_RC(rc, WEFT_ETIMEDOUT);
            CHECK(!patient);
            l->cut_short++;
        }
        if (i % 16 == 0 && weft_semaphore_try_acquire(&l->semaphore) == 0)
            use(l, 1);
    }
    return 0;
}

static void *use_outside(void *arg)
{
    struct user *u = arg;
    struct load *l = u->load;

    for (int i = 0; i < EACH; i++) {
        uint64_t n = sync_random(&u->random) % (PERMITS + 1);

        CHECK_OK(weft_semaphore_acquire_n(&l->semaphore, n));
        use(l, n);
    }
    l->threads_left--;
    return NULL;
}

TASK_TEST(stress_semaphore, permits_are_neither_lost_nor_made)
{
    (void)arg;
    struct load l = {.semaphore = WEFT_BOUNDED_SEMAPHORE_INIT(PERMITS), .threads_left = THREADS};
    struct user tasks[TASKS], outside[THREADS];
    pthread_t threads[THREADS];
    weft_group *g = weft_group_open(NULL);

    for (unsigned i = 0; i < TASKS; i++) {
        tasks[i] = (struct user){&l, 1 + i};
        weft_spawn(g, use_impatiently, &tasks[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        outside[i] = (struct user){&l, 100 + i};
        CHECK_OK(pthread_create(&threads[i], NULL, use_outside, &outside[i]));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    while (l.threads_left > 0)
        CHECK_OK(weft_sleep_ms(1));
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    CHECK_EQ(weft_semaphore_value(&l.semaphore), PERMITS);
    CHECK_GE(l.taken + l.cut_short, (TASKS + THREADS) * EACH);
    CHECK_OK(weft_semaphore_fini(&l.semaphore));
    return 0;
}

/* Groups of users that are cancelled as a whole. */

static int use_until_canceled(void *arg)
{
    struct user *u = arg;
    int rc;
    uint64_t n = 1;

    while ((rc = weft_semaphore_acquire_n(&u->load->semaphore, n)) == 0) {
        use(u->load, n);
        n = sync_random(&u->random) % (PERMITS + 1);
    }
    CHECK_RC(rc, WEFT_ECANCELED);
    return 0;
}

TASK_TEST(stress_semaphore, canceled_groups_leave_every_permit_behind)
{
    (void)arg;
    struct load l = {.semaphore = WEFT_BOUNDED_SEMAPHORE_INIT(PERMITS)};
    struct user users[TASKS];
    uint32_t random = 7;

    for (int i = 0; i < SYNC_SCALE(40, 200); i++) {
        weft_group *g = weft_group_open(NULL);
        uint32_t shape = sync_random(&random);

        for (uint32_t k = 0; k <= shape % TASKS; k++) {
            users[k] = (struct user){&l, shape + k + 1};
            weft_spawn(g, use_until_canceled, &users[k]);
        }
        if (shape / 16 % 2)
            CHECK_OK(weft_sleep_ms(1));
        else
            CHECK_OK(weft_yield());
        weft_group_close(g);
        CHECK_EQ(weft_semaphore_value(&l.semaphore), PERMITS);
        CHECK_EQ(l.out, 0);
    }
    CHECK_OK(weft_semaphore_fini(&l.semaphore));
    return 0;
}

/* A semaphore that tells of an end, in storage that is gone as soon as it has told. */

static int release_one(void *s)
{
    CHECK_OK(weft_semaphore_release(s));
    return 0;
}

TASK_TEST(stress_semaphore, storage_may_go_as_soon_as_all_permits_have_come)
{
    (void)arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < SYNC_SCALE(300, 5000); i++) {
        int n = i % 3 + 1;
        weft_semaphore *s = malloc(sizeof *s);

        CHECK_NOT_NULL(s);
        CHECK_OK(weft_semaphore_init(s, 0));
        for (int k = 0; k < n; k++)
            weft_spawn(g, release_one, s);
        if (i % 2 == 0)
            CHECK_OK(weft_semaphore_acquire_n(s, (uint64_t)n));
        else
            for (int k = 0; k < n; k++)
                CHECK_OK(weft_semaphore_acquire(s));
        CHECK_OK(weft_semaphore_fini(s));
        memset(s, 0xff, sizeof *s);
        free(s);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}
