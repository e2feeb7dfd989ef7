/* SPDX-License-Identifier: MIT */
/* Conditions under load: a queue of a few places, made of a mutex and two conditions; its users lose patience at random. */
#include "tests/sync/locks.h"

enum { PLACES = 3, PRODUCERS = 8, CONSUMERS = 8 };

#define EACH SYNC_SCALE(300, 4000)

struct store {
    weft_mutex mutex;
    weft_condition filled, emptied;
    bool impatient;
    unsigned count;
    bool closed;
    long long put, taken; /* sums of the items */
    int items[PLACES];
    _Atomic unsigned producers_left;
    _Atomic long long reported_put, reported_taken;
};

struct user {
    struct store *store;
    uint32_t random;
};

static bool has_room(void *arg)
{
    struct store *s = arg;

    return s->count < PLACES;
}

static bool has_something(void *arg)
{
    struct store *s = arg;

    return s->count > 0 || s->closed;
}

/* Signals in one of the ways that there are; those for one suffice, for the waiters are alike. */
static void tell(struct user *u, weft_condition *c)
{
    if (sync_random(&u->random) % 4 == 0)
        weft_condition_broadcast(c);
    else
        weft_condition_signal(c);
}

/* 0, or the code of what failed: then nothing was put or taken. */
static int put(struct user *u, int item)
{
    struct store *s = u->store;
    int rc = weft_mutex_lock(&s->mutex);

    if (rc < 0)
        return rc;
    if ((rc = weft_condition_wait_for(&s->emptied, &s->mutex, has_room, s)) == 0) {
        CHECK_LT(s->count, PLACES);
        s->items[s->count++] = item;
        s->put += item;
        tell(u, &s->filled);
    } else if (s->count < PLACES) {
        tell(u, &s->emptied); /* others may be waiting for what it leaves */
    }
    CHECK(weft_mutex_owned(&s->mutex));
    CHECK_OK(weft_mutex_unlock(&s->mutex));
    return rc;
}

/* As put(); 1: closed. */
static int take(struct user *u, int *item)
{
    struct store *s = u->store;
    int rc = weft_mutex_lock(&s->mutex);

    if (rc < 0)
        return rc;
    if ((rc = weft_condition_wait_for(&s->filled, &s->mutex, has_something, s)) == 0) {
        if (s->count == 0) {
            rc = 1;
        } else {
            *item = s->items[--s->count];
            s->taken += *item;
            tell(u, &s->emptied);
        }
    }
    CHECK(weft_mutex_owned(&s->mutex));
    CHECK_OK(weft_mutex_unlock(&s->mutex));
    return rc;
}

static weft_scope *open_impatient(struct user *u)
{
    if (!u->store->impatient || sync_random(&u->random) % 4 == 0)
        return NULL;
    weft_scope *scope = weft_scope_open(weft_now() + sync_random(&u->random) % 40000);
    CHECK_NOT_NULL(scope);
    return scope;
}

static int close_impatient(weft_scope *scope, int rc)
{
    return scope != NULL ? (int)weft_scope_close(scope, rc) : rc;
}

static int produce(void *arg)
{
    struct user *u = arg;
    struct store *s = u->store;

    for (int i = 1; i <= EACH; i++) {
        weft_scope *scope = open_impatient(u);
        int rc = close_impatient(scope, put(u, i));

        if (rc == 0)
            s->reported_put += i;
        else
            CHECK_RC(rc, WEFT_ETIMEDOUT);
    }
    if (--s->producers_left == 0) {
        CHECK_OK(weft_mutex_lock(&s->mutex));
        s->closed = true;
        weft_condition_broadcast(&s->filled);
        CHECK_OK(weft_mutex_unlock(&s->mutex));
    }
    return 0;
}

static int consume(void *arg)
{
    struct user *u = arg;

    for (;;) {
        weft_scope *scope = open_impatient(u);
        int item = 0, rc = close_impatient(scope, take(u, &item));

        if (rc == 1)
            return 0;
        if (rc == 0)
            u->store->reported_taken += item;
        else
            CHECK_RC(rc, WEFT_ETIMEDOUT);
    }
}

static void run_store(bool impatient)
{
    struct store s = {.impatient = impatient, .producers_left = PRODUCERS};
    struct user u[PRODUCERS + CONSUMERS];

    WEFT_GROUP(g, NULL)
    {
        for (unsigned i = 0; i < PRODUCERS + CONSUMERS; i++) {
            u[i] = (struct user){.store = &s, .random = 1 + i};
            weft_spawn(g, i < PRODUCERS ? produce : consume, &u[i]);
        }
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_EQ(s.put, s.reported_put);
    CHECK_EQ(s.taken, s.reported_taken);
    CHECK_EQ(s.put, s.taken);
    if (!impatient)
        CHECK_EQ(s.put, (long long)PRODUCERS * EACH * (EACH + 1) / 2);
    CHECK_OK(weft_condition_fini(&s.filled));
    CHECK_OK(weft_condition_fini(&s.emptied));
    CHECK_OK(weft_mutex_fini(&s.mutex));
}

TASK_TEST(stress_condition, every_item_is_taken_once)
{
    (void)arg;
    run_store(false);
    return 0;
}

TASK_TEST(stress_condition, every_item_is_taken_once_whoever_loses_patience)
{
    (void)arg;
    run_store(true);
    return 0;
}

/* A herd that waits for a number to rise, by broadcasts: each sees each rise, and none is left behind. */

enum { HERD = 50 };

struct herd {
    weft_mutex mutex;
    weft_condition risen;
    int level, arrived;
};

static int follow(void *arg)
{
    struct herd *h = arg;

    CHECK_OK(weft_mutex_lock(&h->mutex));
    for (int seen = 0; seen < SYNC_SCALE(20, 100); seen++) {
        h->arrived++;
        while (h->level == seen)
            CHECK_OK(weft_condition_wait(&h->risen, &h->mutex));
        CHECK_EQ(h->level, seen + 1);
    }
    CHECK_OK(weft_mutex_unlock(&h->mutex));
    return 0;
}

TASK_TEST(stress_condition, a_herd_is_woken_as_a_whole)
{
    struct herd h = {.level = 0};

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < HERD; i++)
            weft_spawn(g, follow, &h);
        for (int level = 0; level < SYNC_SCALE(20, 100);) {
            CHECK_OK(weft_mutex_lock(&h.mutex));
            if (h.arrived == HERD) {
                h.arrived = 0;
                h.level = ++level;
                weft_condition_broadcast(&h.risen);
            }
            CHECK_OK(weft_mutex_unlock(&h.mutex));
            CHECK_OK(weft_yield());
        }
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(weft_condition_fini(&h.risen));
    CHECK_OK(weft_mutex_fini(&h.mutex));
    return 0;
}
