/* SPDX-License-Identifier: MIT */
/*
 * Read-write locks, with the whole scheduler: readers, tasks and threads, and writers, beside a cancellation at any moment and a writer that
 * ends with the lock. One that nobody lets in ends a run as a deadlock; what the lock guards is plain memory, where a race is seen.
 */
#include <weft/error.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/rwlock.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "sched/runtime.h"
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

struct world {
    weft_runtime *rt;
    weft_rwlock *lock; /* on the heap, where a late access is seen */
    int guarded;       /* odd only while somebody writes */
    struct model_doomed doomed;
    _Atomic uint32_t read; /* how many have */
};

static struct world *world;

static void begin(unsigned workers)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->lock = model_alloc(sizeof *world->lock, 16);
    world->rt = model_runtime(workers);
}

static void finish(void)
{
    MODEL_CHECK(world->guarded % 2 == 0);
    MODEL_CHECK(weft_rwlock_fini(world->lock) == 0);
    model_free(world->lock);
    weft_runtime_destroy(world->rt);
}

/* Of one that holds the lock. */
static void look(bool is_thread)
{
    int seen = world->guarded;

    MODEL_CHECK(seen % 2 == 0);
    if (!is_thread && model_choose(4) == 0)
        MODEL_CHECK(weft_yield() == 0);
    MODEL_CHECK(world->guarded == seen);
}

static void change(void)
{
    ++world->guarded;
    if (model_choose(4) == 0)
        (void)weft_yield();
    ++world->guarded;
}

static int run_several(weft_fn fn, int count)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    for (int i = 0; i < count; i++)
        MODEL_CHECK(weft_spawn(g, fn, NULL) == 0);
    rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

/* Readers together, and writers alone. */

static void read_once(bool is_thread)
{
    if (model_choose(4) == 0) {
        if (weft_rwlock_try_read_lock(world->lock) != 0)
            return;
    } else {
        MODEL_CHECK(weft_rwlock_read_lock(world->lock) == 0);
    }
    look(is_thread);
    MODEL_CHECK(weft_rwlock_read_unlock(world->lock) == 0);
}

static void write_once(void)
{
    if (model_choose(4) == 0) {
        if (weft_rwlock_try_write_lock(world->lock) != 0)
            return;
    } else {
        MODEL_CHECK(weft_rwlock_write_lock(world->lock) == 0);
    }
    change();
    if (model_choose(3) == 0) {
        MODEL_CHECK(weft_rwlock_downgrade(world->lock) == 0);
        look(false);
        MODEL_CHECK(weft_rwlock_read_unlock(world->lock) == 0);
    } else {
        MODEL_CHECK(weft_rwlock_write_unlock(world->lock) == 0);
    }
}

static int use(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        if (model_choose(2) == 0)
            read_once(false);
        else
            write_once();
    }
    return 0;
}

static int use_by_three(void *arg)
{
    (void)arg;
    return run_several(use, 3);
}

static void read_outside(void *arg)
{
    (void)arg;
    read_once(true);
    read_once(true);
}

static void exclusion(void)
{
    begin(2);
    MODEL_CHECK(weft_runtime_run(world->rt, use_by_three, NULL) == 0);
    finish();
}

static void threads_read(void)
{
    unsigned threads[2];

    begin(1);
    for (int i = 0; i < 2; i++)
        threads[i] = model_start("reader", read_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, use, NULL) == 0);
    for (int i = 0; i < 2; i++)
        model_join(threads[i]);
    finish();
}

/* A reader that stays until two others have read, and a writer before those, which is cancelled at any moment: with it, they come in. */

static void stay_outside(void *arg)
{
    (void)arg;
    while (A_LOAD(&world->read, acquire) < 2)
        model_spin();
    MODEL_CHECK(weft_rwlock_read_unlock(world->lock) == 0);
}

static int read_behind(void *arg)
{
    (void)arg;
    while (!model_doomed_is_open(&world->doomed)) {
        MODEL_CHECK(weft_yield() == 0);
        model_spin();
    }
    MODEL_CHECK(weft_rwlock_read_lock(world->lock) == 0);
    look(false);
    MODEL_CHECK(weft_rwlock_read_unlock(world->lock) == 0);
    (void)A_ADD(&world->read, 1, release);
    return 0;
}

static int want_to_write(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    (void)arg;
    MODEL_CHECK(weft_spawn(g, read_behind, NULL) == 0);
    MODEL_CHECK(weft_spawn(g, read_behind, NULL) == 0);
    model_doomed_open(&world->doomed);
    rc = weft_rwlock_write_lock(world->lock);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    if (rc == 0) {
        change();
        MODEL_CHECK(weft_rwlock_write_unlock(world->lock) == 0);
    }
    model_doomed_close(&world->doomed);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void canceled(void)
{
    unsigned threads[2];

    begin(2);
    MODEL_CHECK(weft_rwlock_read_lock(world->lock) == 0);
    threads[0] = model_start("canceller", model_doom, &world->doomed);
    threads[1] = model_start("stays", stay_outside, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, want_to_write, NULL) == 0);
    for (int i = 0; i < 2; i++)
        model_join(threads[i]);
    finish();
}

/* One ends while it writes. Of the others, who have come in before or are told, one repairs. */

static int end_with_it(void *arg)
{
    (void)arg;
    MODEL_CHECK(weft_rwlock_write_lock(world->lock) == 0);
    ++world->guarded;
    return 0;
}

static int use_or_repair(void *arg)
{
    bool writes = model_choose(2) == 0;
    int rc;

    (void)arg;
    while ((rc = writes ? weft_rwlock_write_lock(world->lock) : weft_rwlock_read_lock(world->lock)) == WEFT_EBROKEN) {
        rc = weft_rwlock_repair(world->lock);
        if (rc == WEFT_EALREADY)
            continue;
        MODEL_CHECK(rc == 0);
        ++world->guarded;
        MODEL_CHECK(weft_rwlock_write_unlock(world->lock) == 0);
    }
    MODEL_CHECK(rc == 0);
    if (writes) {
        change();
        MODEL_CHECK(weft_rwlock_write_unlock(world->lock) == 0);
    } else {
        look(false);
        MODEL_CHECK(weft_rwlock_read_unlock(world->lock) == 0);
    }
    return 0;
}

static int use_beside_an_end(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    MODEL_CHECK(weft_spawn(g, use_or_repair, NULL) == 0);
    MODEL_CHECK(weft_spawn(g, end_with_it, NULL) == 0);
    MODEL_CHECK(weft_spawn(g, use_or_repair, NULL) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    if (weft_rwlock_repair(world->lock) == 0) { /* nobody came after it */
        ++world->guarded;
        MODEL_CHECK(weft_rwlock_write_unlock(world->lock) == 0);
    }
    return 0;
}

static void broken(void)
{
    begin(2);
    MODEL_CHECK(weft_runtime_run(world->rt, use_beside_an_end, NULL) == 0);
    finish();
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"exclusion", exclusion},
        {"threads_read", threads_read},
        {"canceled", canceled},
        {"broken", broken},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
