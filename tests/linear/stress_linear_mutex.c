/* SPDX-License-Identifier: MIT */
/* Histories of mutexes: one owner at a time, whoever is cancelled, and however it changes hands. */
#include "tests/linear/record.h"

#define ROUNDS SYNC_SCALE(100, 2000)

static void note(struct record_task *t, int kind, int (*call)(weft_mutex *m), int *rc)
{
    struct linear_op *op = record_invoke(t, kind, 0, 0);

    *rc = call(t->record->object);
    linear_return(&t->record->history, op, *rc, 0);
}

static int use_mutex(void *arg)
{
    struct record_task *t = arg;
    bool held = false;
    int rc = 0;

    for (unsigned i = 0; i < t->record->ops; i++) {
        weft_scope *s = NULL;

        record_pause(t);
        if (held) {
            note(t, LINEAR_UNLOCK, weft_mutex_unlock, &rc);
            held = false;
        } else {
            bool tries = record_below(t, 3) == 0;

            s = tries ? NULL : record_hurry(t);
            note(t, tries ? LINEAR_TRY_LOCK : LINEAR_LOCK, tries ? weft_mutex_try_lock : weft_mutex_lock, &rc);
            held = rc == 0;
        }
        record_calm(s);
    }
    if (held)
        note(t, LINEAR_UNLOCK, weft_mutex_unlock, &rc);
    return 0;
}

/* Misuse is answered, and changes nothing. */
static int misuse_mutex(void *arg)
{
    struct record_task *t = arg;
    bool held = false;
    int rc;

    for (unsigned i = 0; i < t->record->ops; i++) {
        record_pause(t);
        if (record_below(t, 2) == 0) {
            note(t, LINEAR_UNLOCK, weft_mutex_unlock, &rc);
            CHECK_RC(rc, held ? 0 : WEFT_EPERM);
            held = false;
        } else {
            note(t, LINEAR_TRY_LOCK, weft_mutex_try_lock, &rc);
            CHECK(!held || rc == WEFT_EDEADLK);
            held = held || rc == 0;
        }
    }
    if (held)
        note(t, LINEAR_UNLOCK, weft_mutex_unlock, &rc);
    return 0;
}

static void finish_nothing(struct record *r)
{
    (void)r;
}

static void record_mutexes(weft_fn fn)
{
    struct record *r = calloc(1, sizeof *r);
    uint32_t first = record_seed();
    weft_mutex m = WEFT_MUTEX_INIT;

    CHECK_NOT_NULL(r);
    r->object = &m;
    for (uint32_t seed = first; seed != first + (uint32_t)ROUNDS; seed++) {
        r->tasks = 3 + seed % 4;
        r->ops = 60 / r->tasks - seed % 4;
        record_round(r, seed, fn, finish_nothing);
        CHECK_OK(weft_mutex_fini(&m));
        linear_expect(&r->history, &linear_mutex, r->seed);
    }
    free(r);
}

TASK_TEST(linear_mutex, of_users)
{
    (void)arg;
    record_mutexes(use_mutex);
    return 0;
}

TASK_TEST(linear_mutex, of_misusers)
{
    (void)arg;
    record_mutexes(misuse_mutex);
    return 0;
}
