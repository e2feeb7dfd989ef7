/* SPDX-License-Identifier: MIT */
/* A resource pool under load: users that lose patience, opens and checks that fail, resources that are thrown away or grow old. */
#include "tests/sync/values.h"

enum { USERS = 24, MAX = 4 };

struct load {
    weft_resource_pool *pool;
    _Atomic int open, opened, closed, users;
    _Atomic long long served, out_of_time, refused;
    _Atomic uint32_t seeds;
};

struct resource {
    _Atomic bool used;
    int uses;
};

static uint32_t any(struct load *l)
{
    uint32_t random = ++l->seeds * 2654435761U | 1;

    return sync_random(&random);
}

/* Suspends now and then, so that a cancellation can come. What it says is told to the pool. */
static int dawdle(struct load *l)
{
    uint32_t random = any(l);

    if (weft__task_self() == NULL)
        return 0;
    if (random % 16 == 0)
        return weft_sleep_until(weft_now() + random % 20000);
    return random % 4 == 0 ? weft_yield() : 0;
}

static int open_resource(void **resource, void *arg)
{
    struct load *l = arg;
    struct resource *r = NULL;
    int rc;

    CHECK_LE(++l->open, MAX);
    rc = dawdle(l);
    if (rc == 0 && any(l) % 8 == 0)
        rc = WEFT_ECONNREFUSED;
    if (rc == 0) {
        r = calloc(1, sizeof *r);
        CHECK_NOT_NULL(r);
        *resource = r;
        l->opened++;
    } else {
        l->open--;
    }
    return rc;
}

static void close_resource(void *resource, void *arg)
{
    struct load *l = arg;
    struct resource *r = resource;

    CHECK(!r->used);
    r->used = true;
    (void)dawdle(l);
    free(r);
    l->closed++;
    l->open--;
}

static int check_resource(void *resource, void *arg)
{
    struct load *l = arg;
    struct resource *r = resource;
    int rc;

    CHECK(!r->used);
    r->used = true;
    rc = dawdle(l);
    r->used = false;
    return rc < 0 ? rc : any(l) % 16 == 0 ? WEFT_EBROKEN : 0;
}

static int use_resources(void *arg)
{
    struct load *l = arg;
    uint32_t random = (uint32_t)++l->users;

    for (int i = 0; i < SYNC_SCALE(150, 1000); i++) {
        weft_scope *scope = open_impatient(&random);
        void *resource = NULL;
        int rc = random % 8 == 0 ? weft_resource_pool_try_acquire(l->pool, &resource)
                                 : weft_resource_pool_acquire(l->pool, &resource);

        if (rc == 0) {
            struct resource *r = resource;

            CHECK(!r->used);
            r->used = true;
            r->uses++;
            (void)dawdle(l);
            r->used = false;
            l->served++;
            CHECK_OK(random % 32 == 1 ? weft_resource_pool_discard(l->pool, r)
                                      : weft_resource_pool_release(l->pool, r));
        }
        rc = close_impatient(scope, rc);
        if (rc == WEFT_ETIMEDOUT)
            l->out_of_time++;
        else if (rc == WEFT_ECONNREFUSED || rc == WEFT_EBUSY)
            l->refused++;
        else if (rc == WEFT_ECLOSED)
            return 0;
        else
            CHECK_OK(rc);
    }
    return 0;
}

static void run_load(int64_t idle_ms, bool cut_short)
{
    struct load l = {.open = 0};
    weft_group *users = weft_group_open(NULL), *tender = weft_group_open(NULL);
    weft_resource_pool_stats stats;
    struct foreign thread;

    l.pool = weft_resource_pool_create(&(weft_resource_pool_options){.open = open_resource,
                                                                     .close = close_resource,
                                                                     .check = check_resource,
                                                                     .arg = &l,
                                                                     .max = MAX,
                                                                     .idle_ms = idle_ms});
    CHECK_NOT_NULL(l.pool);
    weft_spawn(tender, weft_resource_pool_tend, l.pool);
    for (int i = 0; i < USERS; i++)
        weft_spawn(users, use_resources, &l);
    foreign_begin(&thread, use_resources, &l);
    if (cut_short) {
        CHECK_OK(weft_sleep_ms(3));
        CHECK_OK(weft_resource_pool_close(l.pool));
    }
    CHECK_OK(weft_group_wait(users));
    foreign_end(&thread);
    if (!cut_short) {
        weft_resource_pool_get_stats(l.pool, &stats);
        CHECK_EQ(stats.waiting, 0);
        CHECK_OK(weft_resource_pool_close(l.pool));
    }
    CHECK_OK(weft_group_wait(tender));
    weft_group_close(tender);
    weft_group_close(users);
    weft_resource_pool_get_stats(l.pool, &stats);
    CHECK_EQ(stats.open, 0);
    CHECK_EQ(stats.idle, 0);
    CHECK_EQ(l.open, 0);
    CHECK_EQ(l.opened, l.closed);
    CHECK(cut_short || l.served > 0);
    CHECK_OK(weft_resource_pool_destroy(l.pool));
}

TASK_TEST(stress_resource_pool, every_resource_has_one_user_and_none_is_lost)
{
    (void)arg;
    run_load(0, false);
    run_load(1, false);
    run_load(0, true);
    run_load(1, true);
    return 0;
}
