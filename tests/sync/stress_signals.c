/* SPDX-License-Identifier: MIT */
/* Notifications, barriers and latches under load, with waits that are cut short at random, tasks and threads. */
#include <string.h>

#include "sched/worker.h"
#include "tests/sync/waits.h"

enum { TASKS = 8 };

/* Opens a scope that may end at any moment of what runs in it, or never. */
static weft_scope *open_impatient(uint32_t *random)
{
    bool patient = sync_random(random) % 4 == 0;
    weft_scope *scope = weft_scope_open(patient ? 0 : weft_now() + sync_random(random) % 40000);

    CHECK_NOT_NULL(scope);
    return scope;
}

/* Closes it after a call that returned `rc`: true where that was cut short, and nothing else has gone wrong. */
static bool close_impatient(weft_scope *scope, int rc)
{
    int closed = (int)weft_scope_close(scope, rc);

    if (rc == WEFT_ECANCELED)
        CHECK_RC(closed, WEFT_ETIMEDOUT);
    else
        CHECK_GE(rc, 0);
    return rc == WEFT_ECANCELED;
}

/* Notifications. */

struct jobs {
    weft_notify changed, empty;
    _Atomic int there; /* relaxed, as all here: the notifications order it */
    _Atomic bool over;
    _Atomic unsigned taken;
};

struct consumer {
    struct jobs *jobs;
    uint32_t random;
};

static bool take_job(struct jobs *j)
{
    int n = A_LOAD(&j->there, relaxed);

    while (n > 0)
        if (A_CAS_WEAK(&j->there, &n, n - 1, relaxed, relaxed))
            return true;
    return false;
}

static int consume(void *arg)
{
    struct consumer *c = arg;
    struct jobs *j = c->jobs;

    for (;;) {
        uint64_t round = weft_notify_round(&j->changed);

        while (take_job(j))
            if (A_ADD(&j->taken, 1, relaxed) + 1 == (unsigned)SYNC_SCALE(2000, 20000))
                weft_notify_one(&j->empty);
        if (A_LOAD(&j->over, relaxed))
            return 0;
        weft_scope *scope = open_impatient(&c->random);
        (void)close_impatient(scope, weft_notify_wait_since(&j->changed, round));
    }
}

static void *produce_outside(void *arg)
{
    struct jobs *j = arg;

    for (int i = 0; i < SYNC_SCALE(1000, 10000); i++) {
        (void)A_ADD(&j->there, 1, relaxed);
        weft_notify_one(&j->changed);
    }
    return NULL;
}

TASK_TEST(stress_notify, no_job_is_left_and_nobody_waits_for_ever)
{
    (void)arg;
    struct jobs j = {.changed = WEFT_NOTIFY_INIT};
    struct consumer consumers[TASKS];
    weft_group *g = weft_group_open(NULL);
    pthread_t thread;

    for (unsigned i = 0; i < TASKS; i++) {
        consumers[i] = (struct consumer){&j, 1 + i};
        weft_spawn(g, consume, &consumers[i]);
    }
    CHECK_OK(pthread_create(&thread, NULL, produce_outside, &j));
    for (int i = 0; i < SYNC_SCALE(1000, 10000); i++) {
        (void)A_ADD(&j.there, 1, relaxed);
        weft_notify_one(&j.changed);
        if (i % 8 == 0)
            CHECK_OK(weft_yield());
    }
    CHECK_OK(weft_notify_wait(&j.empty));
    A_STORE(&j.over, true, relaxed);
    weft_notify_all(&j.changed);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_EQ(j.there, 0);
    CHECK_EQ(j.taken, SYNC_SCALE(2000, 20000));
    CHECK_OK(weft_notify_fini(&j.changed));
    CHECK_OK(weft_notify_fini(&j.empty));
    return 0;
}

/* A notification for one in turn, and others in the queue who lose patience, and pass on what they get. */

static int pass_on(void *arg)
{
    struct consumer *c = arg;

    while (!c->jobs->over) {
        weft_scope *scope = weft_scope_open(weft_now() + sync_random(&c->random) % 20000);
        int rc = weft_notify_wait(&c->jobs->changed);

        CHECK_NOT_NULL(scope);
        if (!close_impatient(scope, rc)) {
            weft_notify_one(&c->jobs->changed);
            CHECK_OK(weft_yield());
        }
    }
    return 0;
}

static int take_each(void *arg)
{
    struct jobs *j = arg;

    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        while (!take_job(j))
            CHECK_OK(weft_notify_wait(&j->changed));
        weft_notify_one(&j->empty);
    }
    return 0;
}

TASK_TEST(stress_notify, those_that_are_canceled_swallow_no_notification)
{
    (void)arg;
    struct jobs j = {.changed = WEFT_NOTIFY_INIT};
    struct consumer others[TASKS];
    weft_group *g = weft_group_open(NULL);

    weft_spawn(g, take_each, &j);
    for (unsigned i = 0; i < TASKS; i++) {
        others[i] = (struct consumer){&j, 1 + i};
        weft_spawn(g, pass_on, &others[i]);
    }
    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        (void)A_ADD(&j.there, 1, relaxed);
        weft_notify_one(&j.changed);
        CHECK_OK(weft_notify_wait(&j.empty));
    }
    j.over = true;
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_notify_fini(&j.changed));
    return 0;
}

/* Barriers. */

enum { PARTIES = TASKS + 1 };

struct rounds {
    weft_barrier barrier;
    _Atomic unsigned arrived[4], indices[4]; /* of the rounds, four in turn */
    _Atomic unsigned cut_short;
    _Atomic bool over;
};

struct party {
    struct rounds *rounds;
    uint32_t random;
};

static int meet(void *arg)
{
    struct party *p = arg;
    struct rounds *r = p->rounds;

    for (unsigned round = 0; round < (unsigned)SYNC_SCALE(200, 2000); round++) {
        unsigned k = round % 4;
        int index;

        (void)A_ADD(&r->arrived[k], 1, relaxed); /* relaxed: the barrier orders it */
        for (;;) {
            weft_scope *scope = weft__task_self() != NULL ? open_impatient(&p->random) : NULL;

            index = weft_barrier_wait(&r->barrier);
            if (scope == NULL || !close_impatient(scope, index))
                break;
            r->cut_short++;
        }
        CHECK_GE(index, 0);
        CHECK_LT(index, PARTIES);
        CHECK_EQ(A_LOAD(&r->arrived[k], relaxed), PARTIES);
        /* Nobody may come to the round after the next before all have left this one. */
        CHECK_EQ(A_OR(&r->indices[k], 1u << index, relaxed) >> index & 1, 0);
        if (index == PARTIES - 1) {
            A_STORE(&r->arrived[(k + 2) % 4], 0, relaxed);
            A_STORE(&r->indices[(k + 2) % 4], 0, relaxed);
        }
    }
    return 0;
}

static void *meet_outside(void *arg)
{
    (void)meet(arg);
    return NULL;
}

TASK_TEST(stress_barrier, every_round_has_every_party_once)
{
    (void)arg;
    struct rounds r = {.barrier = WEFT_BARRIER_INIT(PARTIES)};
    struct party parties[PARTIES];
    weft_group *g = weft_group_open(NULL);
    pthread_t thread;

    for (unsigned i = 0; i < PARTIES; i++)
        parties[i] = (struct party){&r, 1 + i};
    for (unsigned i = 0; i < TASKS; i++)
        weft_spawn(g, meet, &parties[i]);
    CHECK_OK(pthread_create(&thread, NULL, meet_outside, &parties[TASKS]));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_EQ(weft_barrier_waiting(&r.barrier), 0);
    CHECK_EQ(r.indices[(SYNC_SCALE(200, 2000) - 1) % 4], (1u << PARTIES) - 1);
    CHECK_OK(weft_barrier_fini(&r.barrier));
    return 0;
}

static int meet_until_over(void *arg)
{
    struct party *p = arg;
    struct rounds *r = p->rounds;

    while (!r->over) {
        weft_scope *scope = open_impatient(&p->random);
        int rc = weft_barrier_wait(&r->barrier);

        (void)close_impatient(scope, rc == WEFT_EBROKEN ? 0 : rc);
        if (rc == WEFT_EBROKEN)
            CHECK_OK(weft_yield());
    }
    return 0;
}

TASK_TEST(stress_barrier, abort_and_reset_leave_nobody_behind)
{
    (void)arg;
    struct rounds r = {.barrier = WEFT_BARRIER_INIT(PARTIES / 2)};
    struct party parties[TASKS];
    weft_group *g = weft_group_open(NULL);

    for (unsigned i = 0; i < TASKS; i++) {
        parties[i] = (struct party){&r, 1 + i};
        weft_spawn(g, meet_until_over, &parties[i]);
    }
    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        if (i % 2 == 0)
            weft_barrier_abort(&r.barrier);
        if (i % 3 == 0)
            CHECK_OK(weft_yield());
        weft_barrier_reset(&r.barrier);
        CHECK_OK(weft_yield());
    }
    r.over = true;
    weft_barrier_abort(&r.barrier);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(weft_barrier_waiting(&r.barrier), 0);
    CHECK_OK(weft_barrier_fini(&r.barrier));
    return 0;
}

/* Latches. */

struct count {
    weft_latch latch;
    _Atomic unsigned done; /* relaxed: the latch orders it */
    unsigned all;
};

static int do_and_count_down(void *arg)
{
    struct count *c = arg;

    (void)A_ADD(&c->done, 1, relaxed);
    CHECK_OK(weft_latch_count_down(&c->latch, 1));
    return 0;
}

struct arrival {
    struct count *count;
    uint32_t random;
};

static int arrive_impatiently(void *arg)
{
    struct arrival *a = arg;
    weft_scope *scope;
    int rc;

    (void)A_ADD(&a->count->done, 1, relaxed);
    do {
        scope = open_impatient(&a->random);
        rc = weft_latch_arrive_and_wait(&a->count->latch);
    } while (close_impatient(scope, rc));
    CHECK_EQ(A_LOAD(&a->count->done, relaxed), a->count->all);
    return 0;
}

static int wait_impatiently(void *arg)
{
    struct arrival *a = arg;
    weft_scope *scope = open_impatient(&a->random);

    if (!close_impatient(scope, weft_latch_wait(&a->count->latch)))
        CHECK_EQ(A_LOAD(&a->count->done, relaxed), a->count->all);
    return 0;
}

TASK_TEST(stress_latch, opens_when_all_have_counted_whoever_loses_patience)
{
    (void)arg;
    uint32_t random = 7;

    for (int i = 0; i < SYNC_SCALE(100, 1000); i++) {
        unsigned arriving = sync_random(&random) % TASKS, counting = sync_random(&random) % TASKS;
        struct count c = {.all = arriving + counting};
        struct arrival arrivals[2 * TASKS];
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_latch_init(&c.latch, 0));
        CHECK_OK(weft_latch_add(&c.latch, c.all));
        for (unsigned k = 0; k < 2 * TASKS; k++)
            arrivals[k] = (struct arrival){&c, 1 + random % 1000 + k};
        for (unsigned k = 0; k < TASKS; k++) {
            weft_spawn(g, wait_impatiently, &arrivals[TASKS + k]);
            if (k < arriving)
                weft_spawn(g, arrive_impatiently, &arrivals[k]);
            if (k < counting)
                weft_spawn(g, do_and_count_down, &c);
        }
        CHECK_OK(weft_latch_wait(&c.latch));
        CHECK_EQ(A_LOAD(&c.done, relaxed), c.all);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_EQ(weft_latch_count(&c.latch), 0);
        CHECK_OK(weft_latch_fini(&c.latch));
    }
    return 0;
}

TASK_TEST(stress_latch, storage_may_go_as_soon_as_it_is_open)
{
    (void)arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < SYNC_SCALE(300, 5000); i++) {
        struct count *c = malloc(sizeof *c);

        CHECK_NOT_NULL(c);
        memset(c, 0, sizeof *c);
        CHECK_OK(weft_latch_init(&c->latch, 3));
        for (int k = 0; k < 3; k++)
            weft_spawn(g, do_and_count_down, c);
        CHECK_OK(weft_latch_wait(&c->latch));
        CHECK_EQ(A_LOAD(&c->done, relaxed), 3);
        CHECK_OK(weft_latch_fini(&c->latch));
        memset(c, 0xff, sizeof *c);
        free(c);
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}
