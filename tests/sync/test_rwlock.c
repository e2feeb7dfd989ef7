/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/sync/locks.h"

/* A task that reads, or writes, until it is told to end. */
struct user {
    weft_rwlock *lock;
    bool writes, leaves; /* it ends without unlocking */
    _Atomic bool begun, in, let_go;
    int result, turn;
    _Atomic int *turns; /* counts those who came in */
};

static int use(void *arg)
{
    struct user *u = arg;

    u->begun = true;
    u->result = u->writes ? weft_rwlock_write_lock(u->lock) : weft_rwlock_read_lock(u->lock);
    if (u->result < 0)
        return 0;
    CHECK_EQ(weft_rwlock_owned(u->lock), u->writes);
    if (u->turns != NULL)
        u->turn = ++*u->turns;
    u->in = true;
    while (!u->let_go)
        CHECK_OK(weft_yield());
    if (!u->leaves)
        CHECK_OK(u->writes ? weft_rwlock_write_unlock(u->lock) : weft_rwlock_read_unlock(u->lock));
    return 0;
}

static void begin(weft_group *g, struct user *u)
{
    weft_spawn(g, use, u);
    locks_await(&u->begun);
    sync_settle();
}

TASK_TEST(rwlock, many_read_and_one_writes)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(weft_rwlock_read_lock(&l));
        CHECK_OK(weft_rwlock_read_lock(&l));
        CHECK_OK(weft_rwlock_try_read_lock(&l));
        CHECK(!weft_rwlock_owned(&l));
        CHECK_RC(weft_rwlock_try_write_lock(&l), WEFT_EBUSY);
        CHECK_RC(weft_rwlock_fini(&l), WEFT_EBUSY);
        for (int k = 0; k < 3; k++)
            CHECK_OK(weft_rwlock_read_unlock(&l));
        CHECK_OK(i == 0 ? weft_rwlock_write_lock(&l) : weft_rwlock_try_write_lock(&l));
        CHECK(weft_rwlock_owned(&l));
        CHECK_RC(weft_rwlock_fini(&l), WEFT_EBUSY);
        CHECK_OK(weft_rwlock_write_unlock(&l));
        CHECK(!weft_rwlock_owned(&l));
        CHECK_OK(weft_rwlock_fini(&l));
    }
    return 0;
}

TASK_TEST(rwlock, zeroed_memory_is_one_and_fini_takes_it)
{
    weft_rwlock l, made;

    (void)arg;
    memset(&l, 0, sizeof l);
    CHECK_OK(weft_rwlock_fini(&l));
    CHECK_OK(weft_rwlock_write_lock(&l));
    CHECK_OK(weft_rwlock_write_unlock(&l));
    memset(&made, 0xff, sizeof made);
    weft_rwlock_init(&made);
    CHECK_OK(weft_rwlock_read_lock(&made));
    CHECK_OK(weft_rwlock_read_unlock(&made));
    return 0;
}

TASK_TEST(rwlock, its_writer_can_neither_write_nor_read_again)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;

    (void)arg;
    CHECK_OK(weft_rwlock_write_lock(&l));
    CHECK_RC(weft_rwlock_write_lock(&l), WEFT_EDEADLK);
    CHECK_RC(weft_rwlock_read_lock(&l), WEFT_EDEADLK);
    CHECK_RC(weft_rwlock_try_write_lock(&l), WEFT_EDEADLK);
    CHECK_RC(weft_rwlock_try_read_lock(&l), WEFT_EDEADLK);
    CHECK_RC(weft_rwlock_read_unlock(&l), WEFT_EPERM);
    CHECK_RC(weft_rwlock_repair(&l), WEFT_EALREADY);
    CHECK_OK(weft_rwlock_write_unlock(&l));
    CHECK_RC(weft_rwlock_write_unlock(&l), WEFT_EPERM);
    CHECK_RC(weft_rwlock_read_unlock(&l), WEFT_EPERM);
    CHECK_RC(weft_rwlock_downgrade(&l), WEFT_EPERM);
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}

static int meddle(void *arg)
{
    weft_rwlock *l = arg;

    CHECK_RC(weft_rwlock_write_unlock(l), WEFT_EPERM);
    CHECK_RC(weft_rwlock_read_unlock(l), WEFT_EPERM);
    CHECK_RC(weft_rwlock_downgrade(l), WEFT_EPERM);
    CHECK_RC(weft_rwlock_try_write_lock(l), WEFT_EBUSY);
    CHECK_RC(weft_rwlock_try_read_lock(l), WEFT_EBUSY);
    CHECK(!weft_rwlock_owned(l));
    return 0;
}

TASK_TEST(rwlock, belongs_to_its_writer_alone)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;

    (void)arg;
    CHECK_OK(weft_rwlock_write_lock(&l));
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, meddle, &l);
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(weft_rwlock_write_unlock(&l));
    return 0;
}

/* Plain threads read. */

static int read_outside(void *arg)
{
    weft_rwlock *l = arg;

    CHECK_RC(weft_rwlock_write_lock(l), WEFT_ENOTASK);
    CHECK_RC(weft_rwlock_try_write_lock(l), WEFT_ENOTASK);
    CHECK_RC(weft_rwlock_write_unlock(l), WEFT_ENOTASK);
    CHECK_RC(weft_rwlock_downgrade(l), WEFT_ENOTASK);
    CHECK_RC(weft_rwlock_repair(l), WEFT_ENOTASK);
    CHECK(!weft_rwlock_owned(l));
    CHECK_OK(weft_rwlock_read_lock(l));
    CHECK_OK(weft_rwlock_try_read_lock(l));
    CHECK_OK(weft_rwlock_read_unlock(l));
    CHECK_OK(weft_rwlock_read_unlock(l));
    CHECK_RC(weft_rwlock_read_unlock(l), WEFT_EPERM);
    return 0;
}

static void *wait_outside(void *arg)
{
    struct user *u = arg;

    u->begun = true;
    u->result = weft_rwlock_read_lock(u->lock);
    CHECK_OK(weft_rwlock_read_unlock(u->lock));
    u->in = true;
    return NULL;
}

TASK_TEST(rwlock, plain_threads_may_read_and_wait_for_it)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;
    struct user u = {.lock = &l};
    pthread_t thread;

    (void)arg;
    CHECK_OK(locks_outside(read_outside, &l));
    CHECK_OK(weft_rwlock_write_lock(&l));
    CHECK_OK(pthread_create(&thread, NULL, wait_outside, &u));
    locks_await(&u.begun);
    sync_settle();
    CHECK(!u.in);
    CHECK_OK(weft_rwlock_write_unlock(&l));
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_OK(u.result);
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}

/* Phases. */

TASK_TEST(rwlock, a_writer_that_waits_stops_new_readers)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;
    _Atomic int turns = 0;
    struct user writer = {.lock = &l, .writes = true, .turns = &turns}, reader = {.lock = &l, .turns = &turns};

    (void)arg;
    CHECK_OK(weft_rwlock_read_lock(&l));
    WEFT_GROUP(g, NULL)
    {
        begin(g, &writer);
        CHECK_RC(weft_rwlock_try_read_lock(&l), WEFT_EBUSY);
        begin(g, &reader);
        CHECK(!writer.in && !reader.in);
        CHECK_OK(weft_rwlock_read_unlock(&l));
        locks_await(&writer.in);
        sync_settle();
        CHECK(!reader.in);
        writer.let_go = true;
        locks_await(&reader.in);
        reader.let_go = true;
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_EQ(writer.turn, 1);
    CHECK_EQ(reader.turn, 2);
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}

TASK_TEST(rwlock, readers_and_writers_take_turns)
{
    enum { EACH = 3 };
    weft_rwlock l = WEFT_RWLOCK_INIT;
    _Atomic int turns = 0;
    struct user writers[EACH], readers[EACH];

    (void)arg;
    CHECK_OK(weft_rwlock_write_lock(&l));
    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < EACH; i++) {
            writers[i] = (struct user){.lock = &l, .writes = true, .turns = &turns};
            begin(g, &writers[i]);
            readers[i] = (struct user){.lock = &l, .turns = &turns};
            begin(g, &readers[i]);
        }
        CHECK_OK(weft_rwlock_write_unlock(&l));
        /* All readers at once, although writers have come before them. */
        for (int i = 0; i < EACH; i++)
            locks_await(&readers[i].in);
        for (int i = 0; i < EACH; i++)
            CHECK(!writers[i].in);
        for (int i = 0; i < EACH; i++)
            readers[i].let_go = true;
        /* Then a writer after the other, in their order. */
        for (int i = 0; i < EACH; i++) {
            locks_await(&writers[i].in);
            for (int k = i + 1; k < EACH; k++)
                CHECK(!writers[k].in);
            writers[i].let_go = true;
        }
        CHECK_OK(weft_group_wait(g));
    }
    for (int i = 0; i < EACH; i++)
        CHECK_EQ(writers[i].turn, EACH + 1 + i);
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}

TASK_TEST(rwlock, a_writer_becomes_a_reader_and_no_other_writer_comes_in_between)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;
    struct user writer = {.lock = &l, .writes = true, .let_go = true}, reader = {.lock = &l, .let_go = true};

    (void)arg;
    CHECK_OK(weft_rwlock_write_lock(&l));
    CHECK_OK(weft_rwlock_downgrade(&l));
    CHECK(!weft_rwlock_owned(&l));
    CHECK_OK(weft_rwlock_try_read_lock(&l));
    CHECK_OK(weft_rwlock_read_unlock(&l));
    CHECK_OK(weft_rwlock_read_unlock(&l));

    CHECK_OK(weft_rwlock_write_lock(&l));
    WEFT_GROUP(g, NULL)
    {
        begin(g, &writer);
        begin(g, &reader);
        CHECK_OK(weft_rwlock_downgrade(&l));
        locks_await(&reader.in);
        sync_settle();
        CHECK(!writer.in);
        CHECK_RC(weft_rwlock_try_read_lock(&l), WEFT_EBUSY); /* a writer waits */
        CHECK_OK(weft_rwlock_read_unlock(&l));
        CHECK_OK(weft_group_wait(g));
    }
    CHECK(writer.in);
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}

/* Cancellation. */

TASK_TEST(rwlock, a_canceled_scope_locks_nothing)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;
    weft_scope *s = weft_scope_open(0);

    (void)arg;
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_rwlock_read_lock(&l), WEFT_ECANCELED);
    CHECK_RC(weft_rwlock_write_lock(&l), WEFT_ECANCELED);
    CHECK_OK(weft_rwlock_try_write_lock(&l));
    CHECK_OK(weft_rwlock_write_unlock(&l));
    CHECK_OK(weft_scope_close(s, 0));
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}

TASK_TEST(rwlock, a_deadline_ends_a_wait)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;
    struct user holder = {.lock = &l, .writes = true};

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        begin(g, &holder);
        weft_scope *s = weft_scope_open(weft_after_ms(10));
        CHECK_RC(weft_scope_close(s, weft_rwlock_read_lock(&l)), WEFT_ETIMEDOUT);
        s = weft_scope_open(weft_after_ms(10));
        CHECK_RC(weft_scope_close(s, weft_rwlock_write_lock(&l)), WEFT_ETIMEDOUT);
        holder.let_go = true;
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}

TASK_TEST(rwlock, readers_come_in_when_the_writer_before_them_is_canceled)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;
    struct user writer = {.lock = &l, .writes = true}, readers[3];

    (void)arg;
    CHECK_OK(weft_rwlock_read_lock(&l));
    WEFT_GROUP(g, NULL)
    {
        weft_group *canceled = weft_group_open(NULL);

        begin(canceled, &writer);
        for (int i = 0; i < 3; i++) {
            readers[i] = (struct user){.lock = &l};
            begin(g, &readers[i]);
            CHECK(!readers[i].in);
        }
        weft_group_close(canceled);
        CHECK_RC(writer.result, WEFT_ECANCELED);
        /* While the first reader is still in. */
        for (int i = 0; i < 3; i++)
            locks_await(&readers[i].in);
        CHECK_OK(weft_rwlock_try_read_lock(&l));
        CHECK_OK(weft_rwlock_read_unlock(&l));
        for (int i = 0; i < 3; i++)
            readers[i].let_go = true;
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(weft_rwlock_read_unlock(&l));
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}

TASK_TEST(rwlock, a_writer_that_was_let_in_writes_although_it_is_canceled)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;

    (void)arg;
    for (int i = 0; i < 20; i++) {
        struct user writer = {.lock = &l, .writes = true, .let_go = true};
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_rwlock_read_lock(&l));
        weft_spawn(g, use, &writer);
        while (weft_rwlock_try_read_lock(&l) == 0) { /* until it waits */
            CHECK_OK(weft_rwlock_read_unlock(&l));
            CHECK_OK(weft_yield());
        }
        CHECK_OK(weft_rwlock_read_unlock(&l));
        CHECK_OK(weft_group_cancel(g));
        weft_group_close(g);
        CHECK_OK(writer.result);
        CHECK_OK(weft_rwlock_fini(&l));
    }
    return 0;
}

/* An unlock, and a cancellation of who is next: that one, or those behind. */
TASK_TEST(rwlock, one_that_is_canceled_as_it_is_let_in_strands_nobody)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(100, 800); i++) {
        weft_rwlock l = WEFT_RWLOCK_INIT;
        bool first_writes = i % 2 == 0, held_to_write = i / 2 % 2 == 0;
        struct user first = {.lock = &l, .writes = first_writes, .let_go = true};
        struct user behind[2] = {{.lock = &l, .let_go = true}, {.lock = &l, .writes = true, .let_go = true}};
        weft_group *g = weft_group_open(NULL), *canceled;

        CHECK_OK(held_to_write ? weft_rwlock_write_lock(&l) : weft_rwlock_read_lock(&l));
        canceled = weft_group_open(NULL);
        weft_spawn(canceled, use, &first);
        locks_await(&first.begun);
        for (int k = 0; k < 2; k++) {
            weft_spawn(g, use, &behind[k]);
            locks_await(&behind[k].begun);
        }
        if (i % 3 == 0)
            CHECK_OK(weft_group_cancel(canceled));
        CHECK_OK(held_to_write ? weft_rwlock_write_unlock(&l) : weft_rwlock_read_unlock(&l));
        weft_group_close(canceled);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (int k = 0; k < 2; k++)
            CHECK_OK(behind[k].result);
        if (first.result != 0)
            CHECK_RC(first.result, WEFT_ECANCELED);
        CHECK_OK(weft_rwlock_fini(&l));
    }
    return 0;
}

/* Broken. */

TASK_TEST(rwlock, is_broken_by_a_writer_that_ends_with_it_and_can_be_repaired)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;
    struct user leaver = {.lock = &l, .writes = true, .leaves = true};
    struct user waiters[4];

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        begin(g, &leaver);
        for (int i = 0; i < 4; i++) {
            waiters[i] = (struct user){.lock = &l, .writes = i % 2 == 0};
            begin(g, &waiters[i]);
        }
        leaver.let_go = true;
        CHECK_OK(weft_group_wait(g));
    }
    for (int i = 0; i < 4; i++)
        CHECK_RC(waiters[i].result, WEFT_EBROKEN);
    CHECK_RC(weft_rwlock_read_lock(&l), WEFT_EBROKEN);
    CHECK_RC(weft_rwlock_write_lock(&l), WEFT_EBROKEN);
    CHECK_RC(weft_rwlock_try_read_lock(&l), WEFT_EBROKEN);
    CHECK_RC(weft_rwlock_try_write_lock(&l), WEFT_EBROKEN);
    CHECK_RC(weft_rwlock_read_unlock(&l), WEFT_EPERM);
    CHECK_RC(weft_rwlock_write_unlock(&l), WEFT_EPERM);
    CHECK_OK(weft_rwlock_repair(&l));
    CHECK(weft_rwlock_owned(&l));
    CHECK_RC(weft_rwlock_repair(&l), WEFT_EALREADY);
    CHECK_OK(weft_rwlock_write_unlock(&l));
    CHECK_OK(weft_rwlock_read_lock(&l));
    CHECK_OK(weft_rwlock_read_unlock(&l));
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}

static int downgrade_and_leave(void *arg)
{
    CHECK_OK(weft_rwlock_write_lock(arg));
    CHECK_OK(weft_rwlock_downgrade(arg));
    return 0;
}

TASK_TEST(rwlock, is_not_broken_by_one_that_only_reads)
{
    weft_rwlock l = WEFT_RWLOCK_INIT;

    (void)arg;
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, downgrade_and_leave, &l);
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_OK(weft_rwlock_read_lock(&l));
    CHECK_OK(weft_rwlock_read_unlock(&l));
    CHECK_OK(weft_rwlock_read_unlock(&l)); /* for the one that has ended */
    CHECK_OK(weft_rwlock_fini(&l));
    return 0;
}
