/* SPDX-License-Identifier: MIT */
/* Histories of semaphores: permits are neither lost nor made, whoever is cancelled. */
#include "tests/linear/record.h"

#define ROUNDS SYNC_SCALE(100, 2000)

static int use_semaphore(void *arg)
{
    struct record_task *t = arg;
    weft_semaphore *sem = t->record->object;
    uint32_t most = t->record->most;
    int held = 0, rc;

    for (unsigned i = 0; i < t->record->ops; i++) {
        struct linear_op *op;
        int n = 1 + (int)record_below(t, most);

        record_pause(t);
        if (held > 0) {
            n = 1 + (int)record_below(t, (uint32_t)held);
            op = record_invoke(t, LINEAR_RELEASE, 0, n);
            rc = weft_semaphore_release_n(sem, (uint64_t)n);
            held -= n;
        } else if (record_below(t, 3) == 0) {
            op = record_invoke(t, LINEAR_TRY_ACQUIRE, 0, n);
            rc = weft_semaphore_try_acquire_n(sem, (uint64_t)n);
            held += rc == 0 ? n : 0;
        } else {
            weft_scope *s = record_hurry(t);

            op = record_invoke(t, LINEAR_ACQUIRE, 0, n);
            rc = weft_semaphore_acquire_n(sem, (uint64_t)n);
            held += rc == 0 ? n : 0;
            record_calm(s);
        }
        linear_return(&t->record->history, op, rc, 0);
    }
    if (held > 0) {
        struct linear_op *op = record_invoke(t, LINEAR_RELEASE, 0, held);

        linear_return(&t->record->history, op, weft_semaphore_release_n(sem, (uint64_t)held), 0);
    }
    return 0;
}

static void finish_nothing(struct record *r)
{
    (void)r;
}

/* A try also fails where somebody waits, or may have, however short and be it in vain: an acquire that overlaps. */
static void mark_tries(struct linear_history *h)
{
    for (unsigned i = 0; i < h->count; i++)
        for (unsigned k = 0; k < h->count; k++)
            if (h->ops[i].kind == LINEAR_TRY_ACQUIRE && h->ops[k].kind == LINEAR_ACQUIRE &&
                h->ops[i].invoked < h->ops[k].returned && h->ops[k].invoked < h->ops[i].returned)
                h->ops[i].value = LINEAR_MAY_FAIL;
}

static void record_semaphores(unsigned permits, uint32_t most)
{
    struct record *r = calloc(1, sizeof *r);
    struct linear_model m = linear_semaphore;
    uint32_t first = record_seed();
    weft_semaphore sem;

    CHECK_NOT_NULL(r);
    m.parameter = permits;
    r->object = &sem;
    r->most = most;
    for (uint32_t seed = first; seed != first + (uint32_t)ROUNDS; seed++) {
        CHECK_OK(seed % 2 == 0 ? weft_semaphore_init(&sem, permits) : weft_bounded_semaphore_init(&sem, permits));
        r->tasks = 3 + seed % 4;
        r->threads = seed % 3 == 0 ? seed / 3 % 2 + 1 : 0;
        r->tasks -= r->threads;
        r->ops = 54 / (r->tasks + r->threads) - seed % 4;
        record_round(r, seed, use_semaphore, finish_nothing);
        CHECK_EQ(weft_semaphore_value(&sem), permits);
        CHECK_OK(weft_semaphore_fini(&sem));
        mark_tries(&r->history);
        linear_expect(&r->history, &m, r->seed);
    }
    free(r);
}

TASK_TEST(linear_semaphore, of_one_permit)
{
    (void)arg;
    record_semaphores(1, 1);
    return 0;
}

TASK_TEST(linear_semaphore, of_two_permits)
{
    (void)arg;
    record_semaphores(2, 1);
    return 0;
}

TASK_TEST(linear_semaphore, of_weights)
{
    (void)arg;
    record_semaphores(4, 4);
    return 0;
}
