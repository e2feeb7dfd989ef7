/* SPDX-License-Identifier: MIT */
/*
 * Combinators that have wait protocols of their own, beside ends and cancellations at any moment. The scheduler is the whole real one. A
 * wake-up that is lost ends a run as a deadlock; batches and handles lie on the heap, where a late access is seen.
 */
#include <weft/batch.h>
#include <weft/combine.h>
#include <weft/error.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "sched/park.h"
#include "sched/runtime.h"
#include "tests/model/explorer.h"
#include "tests/model/fake.h"
#include "tests/model/io.h"

static weft_runtime *runtime;

static void run(weft_fn fn)
{
    runtime = model_runtime(2);
    MODEL_CHECK(weft_runtime_run(runtime, fn, NULL) == 0);
    weft_runtime_destroy(runtime);
}

static int succeed(void *arg)
{
    (void)arg;
    return 0;
}

static int fail(void *arg)
{
    (void)arg;
    return -5;
}

static int cancel(void *scope)
{
    return weft_scope_cancel(scope);
}

/* Waits until it is cancelled. */
static int wait_for_ever(void *arg)
{
    struct weft__task *t = weft__task_self();

    (void)arg;
    if (weft__park_prepare(t, WEFT__CANCELABLE) == 0)
        MODEL_CHECK(weft__park(t) == WEFT__WON_CANCEL);
    return WEFT_ECANCELED;
}

/* Waiting for several tasks, while they end. */

static int wait_in_each_way(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.policy = WEFT_WAIT_ALL});
    weft_task *tasks[2] = {weft_spawn_task(g, succeed, NULL, NULL), weft_spawn_task(g, fail, NULL, NULL)};
    int i;

    (void)arg;
    switch (model_choose(3)) {
    case 0:
        MODEL_CHECK(weft_wait(tasks, 2, WEFT_FIRST_ERROR) == 1);
        break;
    case 1:
        MODEL_CHECK(weft_wait(tasks, 2, WEFT_ALL_COMPLETED) == 2);
        break;
    default:
        i = weft_wait(tasks, 2, WEFT_FIRST_COMPLETED);
        MODEL_CHECK(i == 0 || i == 1);
        MODEL_CHECK(weft_task_state(tasks[i]) == WEFT_TASK_DONE);
    }
    weft_task_release(tasks[0]);
    weft_task_release(tasks[1]);
    MODEL_CHECK(weft_group_wait(g) == -5);
    weft_group_close(g);
    return 0;
}

static void wait_ends(void)
{
    run(wait_in_each_way);
}

/* The same, cancelled at any moment. */
static int wait_in_scope(void *arg)
{
    weft_scope *s = weft_scope_open(0);
    weft_group *g = weft_group_open(NULL);
    weft_task *tasks[2] = {weft_spawn_task(g, succeed, NULL, NULL), weft_spawn_task(g, succeed, NULL, NULL)};
    int i;

    (void)arg;
    MODEL_CHECK(weft_spawn(g, cancel, s) == 0);
    i = weft_wait(tasks, 2, WEFT_ALL_COMPLETED);
    MODEL_CHECK(i == 2 || i == WEFT_ECANCELED);
    weft_task_release(tasks[0]);
    weft_task_release(tasks[1]);
    MODEL_CHECK(weft_group_wait(g) == WEFT_ECANCELED);
    weft_group_close(g);
    MODEL_CHECK(weft_scope_close(s, 0) == 0);
    return 0;
}

static void wait_canceled(void)
{
    run(wait_in_scope);
}

/* Batches. */

struct asker {
    weft_batcher *b;
    int key, answer, rc;
    bool to_cancel;
};

static int answer(void *const *items, int *codes, size_t count, void *ctx)
{
    (void)ctx;
    MODEL_CHECK(count == 1 || count == 2);
    for (size_t i = 0; i < count; i++) {
        struct asker *a = items[i];

        MODEL_CHECK(a->answer == 0);
        a->answer = a->key;
        codes[i] = a->key;
    }
    return 0;
}

static int ask(void *arg)
{
    struct asker *a = arg;
    weft_scope *s = weft_scope_open(0);
    weft_group *g = weft_group_open(NULL);

    if (a->to_cancel)
        MODEL_CHECK(weft_spawn(g, cancel, s) == 0);
    a->rc = weft_batch(a->b, a);
    (void)weft_group_wait(g);
    weft_group_close(g);
    MODEL_CHECK(weft_scope_close(s, 0) == 0);
    return 0;
}

/* Two submitters; `cancels` of them may be cancelled. */
static void ask_both(weft_batch_fn fn, size_t max, int64_t linger_ms, int cancels, bool answers)
{
    weft_group *g = weft_group_open(NULL);
    weft_batcher *b = weft_batcher_create(g, fn, NULL, &(weft_batch_options){.max = max, .linger_ms = linger_ms});
    struct asker *a = model_alloc(2 * sizeof *a, 16);

    for (int i = 0; i < 2; i++) {
        a[i] = (struct asker){.b = b, .key = i + 1, .to_cancel = i < cancels};
        MODEL_CHECK(weft_spawn(g, ask, &a[i]) == 0);
    }
    MODEL_CHECK(weft_group_wait(g) == 0);
    for (int i = 0; i < 2; i++) {
        MODEL_CHECK(a[i].rc == a[i].key || (a[i].to_cancel && a[i].rc == WEFT_ECANCELED));
        MODEL_CHECK((a[i].rc == a[i].key) == answers || !answers);
        MODEL_CHECK(a[i].answer == (a[i].rc == a[i].key ? a[i].key : 0));
    }
    weft_batcher_destroy(b);
    weft_group_close(g);
    model_free(a);
}

static int full_batch(void *arg)
{
    (void)arg;
    ask_both(answer, 2, INT64_MAX, 0, true);
    return 0;
}

static void batch_full(void)
{
    run(full_batch);
}

static int batch_and_leave(void *arg)
{
    (void)arg;
    ask_both(answer, 2, 0, 1, false);
    return 0;
}

static void batch_left(void)
{
    run(batch_and_leave);
}

/* One that never answers ends with the last of its submitters. */
static int answer_never(void *const *items, int *codes, size_t count, void *ctx)
{
    (void)items;
    (void)codes;
    (void)count;
    return wait_for_ever(ctx);
}

static int batch_and_cancel(void *arg)
{
    (void)arg;
    ask_both(answer_never, 2, 0, 2, false);
    return 0;
}

static void batch_canceled(void)
{
    run(batch_and_cancel);
}

/* A map that has room for one item. */

struct source {
    int made;
    _Atomic int alive;
};

struct item {
    struct source *source;
    int number;
};

static int make(void *ctx, void *item)
{
    struct source *s = ctx;

    if (s->made == 3)
        return WEFT_EEMPTY;
    MODEL_CHECK(A_ADD(&s->alive, 1, relaxed) == 0);
    *(struct item *)item = (struct item){s, s->made++};
    return 0;
}

static int use(void *arg)
{
    struct item *i = arg;

    MODEL_CHECK(A_SUB(&i->source->alive, 1, relaxed) == 1);
    return 0;
}

static int map_one_by_one(void *arg)
{
    struct source *s = model_alloc(sizeof *s, 16);

    (void)arg;
    s->made = 0;
    A_STORE(&s->alive, 0, relaxed);
    MODEL_CHECK(weft_map_each(sizeof(struct item), make, s, use, &(weft_map_options){.limit = 1}) == 0);
    MODEL_CHECK(s->made == 3);
    model_free(s);
    return 0;
}

static void map(void)
{
    run(map_one_by_one);
}

/* A race of two that succeed and one that never does. */

static int race_three(void *arg)
{
    int winner = weft_race(3, (weft_fn[]){succeed, wait_for_ever, succeed}, NULL);

    (void)arg;
    MODEL_CHECK(winner == 0 || winner == 2);
    MODEL_CHECK(!weft_canceled());
    return 0;
}

static void race(void)
{
    run(race_three);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"wait_ends", wait_ends},
        {"wait_canceled", wait_canceled},
        {"batch_full", batch_full},
        {"batch_left", batch_left},
        {"batch_canceled", batch_canceled},
        {"map", map},
        {"race", race},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
