/* SPDX-License-Identifier: MIT */
/* What weft/batch.h promises. */
#include <limits.h>

#include "sched/platform.h"

#include "tests/sched/tasks.h"

/* All of them wait at once, each on a stack of its own, of which tools can hold only so many. */
static int many(void)
{
    return TEST_TSAN ? 300 : test_under_valgrind() ? 1000 : 10000;
}

struct ctx {
    weft_group *g;
    weft_batcher *b;
    atomic_int calls, items, largest, inside, go, answered;
    int rc; /* what the batch function returns */
};

struct lookup {
    struct ctx *c;
    int key, answer, code, got;
};

static int answer(void *const *items, int *codes, size_t count, void *arg)
{
    struct ctx *c = arg;
    int n = (int)count, most = atomic_load(&c->largest);

    CHECK_GE(n, 1);
    atomic_fetch_add(&c->calls, 1);
    atomic_fetch_add(&c->items, n);
    while (n > most && !atomic_compare_exchange_weak(&c->largest, &most, n))
        ;
    for (size_t i = 0; i < count; i++) {
        struct lookup *l = items[i];

        CHECK_EQ(codes[i], 0);
        l->answer = l->key * l->key;
        codes[i] = l->code;
    }
    return c->rc;
}

static int ask(void *arg)
{
    struct lookup *l = arg;

    l->got = weft_batch(l->c->b, l);
    atomic_fetch_add(&l->c->answered, 1);
    return 0;
}

static void open_batcher(struct ctx *c, weft_batch_fn fn, size_t max, int64_t linger_ms)
{
    c->g = weft_group_open(NULL);
    c->b = weft_batcher_create(c->g, fn, c, &(weft_batch_options){.max = max, .linger_ms = linger_ms});
    CHECK_NOT_NULL(c->b);
}

static struct lookup *make_lookups(struct ctx *c, int count)
{
    struct lookup *l = calloc((size_t)count, sizeof *l);

    CHECK_NOT_NULL(l);
    for (int i = 0; i < count; i++)
        l[i] = (struct lookup){.c = c, .key = i, .got = 1};
    return l;
}

static void ask_all(struct ctx *c, struct lookup *l, int count)
{
    for (int i = 0; i < count; i++)
        CHECK_OK(weft_spawn(c->g, ask, &l[i]));
}

static int own_answers(void *arg)
{
    static const struct {
        size_t max;
        int64_t linger_ms;
    } forms[] = {{0, 0}, {1, 0}, {7, 0}, {7, 1}, {1000, 3}};
    int count = many();

    (void)arg;
    for (int f = 0; f < 5; f++) {
        struct ctx c = {.rc = f == 2 ? -EPROTO : 0};
        struct lookup *l = make_lookups(&c, count);

        open_batcher(&c, answer, forms[f].max, forms[f].linger_ms);
        for (int i = 0; i < count; i++)
            l[i].code = i % 3 == 0 ? -1 - i : i % 3 == 1 ? i : 0;
        ask_all(&c, l, count);
        CHECK_OK(weft_group_wait(c.g));
        for (int i = 0; i < count; i++) {
            CHECK_EQ(l[i].answer, i * i);
            CHECK_EQ(l[i].got, l[i].code != 0 ? l[i].code : c.rc);
        }
        CHECK_EQ(atomic_load(&c.items), count);
        CHECK_LE(atomic_load(&c.largest), forms[f].max != 0 ? forms[f].max : 100);
        weft_batcher_destroy(c.b);
        weft_group_close(c.g);
        free(l);
    }
    return 0;
}

WEFT_TEST(batch, each_submitter_gets_its_own_answer_and_no_batch_exceeds_its_size)
{
    CHECK_OK(test_run(own_answers, NULL));
}

static int full_batches(void *arg)
{
    struct ctx c = {.rc = 0};
    struct lookup *l = make_lookups(&c, 50);
    weft_time start = weft_now();

    (void)arg;
    /* It would linger for ever; the last is full as well. */
    open_batcher(&c, answer, 10, FOREVER_MS);
    ask_all(&c, l, 50);
    CHECK_OK(weft_group_wait(c.g));
    CHECK_EQ(atomic_load(&c.calls), 5);
    CHECK_EQ(atomic_load(&c.largest), 10);
    CHECK_LT(elapsed_ms(start), FOREVER_MS);
    weft_batcher_destroy(c.b);
    weft_group_close(c.g);
    free(l);
    return 0;
}

WEFT_TEST(batch, full_one_runs_at_once_and_once)
{
    CHECK_OK(test_run(full_batches, NULL));
}

static int lingering(void *arg)
{
    struct ctx c = {.rc = 0};
    struct lookup *l = make_lookups(&c, 1);
    weft_time start = weft_now();

    (void)arg;
    open_batcher(&c, answer, 10, 20);
    ask_all(&c, l, 1);
    CHECK_OK(weft_group_wait(c.g));
    CHECK_GE(elapsed_ms(start), 20);
    CHECK_EQ(atomic_load(&c.calls), 1);
    weft_batcher_destroy(c.b);
    weft_group_close(c.g);
    free(l);
    return 0;
}

WEFT_TEST(batch, one_that_does_not_fill_runs_when_it_has_lingered)
{
    CHECK_OK(test_run(lingering, NULL));
}

static int what_is_ready(void *arg)
{
    struct ctx c = {.rc = 0};
    struct lookup *l = make_lookups(&c, 20);

    (void)arg;
    open_batcher(&c, answer, 0, 0);
    ask_all(&c, l, 20);
    CHECK_OK(weft_group_wait(c.g));
    CHECK_LE(atomic_load(&c.calls), 4);
    weft_batcher_destroy(c.b);
    weft_group_close(c.g);
    free(l);
    return 0;
}

WEFT_TEST(batch, without_lingering_tasks_that_are_ready_still_share_one)
{
    CHECK_OK(run_on(1, what_is_ready, NULL));
}

static int whole_fails(void *const *items, int *codes, size_t count, void *arg)
{
    (void)items;
    (void)codes;
    (void)count;
    return ((struct ctx *)arg)->rc;
}

static int failure_of_all(void *arg)
{
    struct ctx c = {.rc = -EPROTO};
    struct lookup *l = make_lookups(&c, 10);

    (void)arg;
    open_batcher(&c, whole_fails, 10, FOREVER_MS);
    ask_all(&c, l, 10);
    CHECK_OK(weft_group_wait(c.g)); /* the group does not fail */
    for (int i = 0; i < 10; i++)
        CHECK_RC(l[i].got, -EPROTO);
    weft_batcher_destroy(c.b);
    weft_group_close(c.g);
    free(l);
    return weft_yield();
}

WEFT_TEST(batch, error_of_the_function_goes_to_its_submitters_only)
{
    CHECK_OK(test_run(failure_of_all, NULL));
}

/* Waits until the test lets it go on. */
static int held(void *const *items, int *codes, size_t count, void *arg)
{
    struct ctx *c = arg;

    atomic_fetch_add(&c->inside, 1);
    while (atomic_load(&c->go) == 0) {
        int rc = weft_sleep_ms(1);

        if (rc < 0)
            return rc;
    }
    return answer(items, codes, count, arg);
}

/* Asks in a scope that others may cancel. */
struct asker {
    struct lookup l;
    weft_scope *scope;
    atomic_int ready;
};

static int ask_in_scope(void *arg)
{
    struct asker *a = arg;

    a->scope = weft_scope_open(0);
    atomic_store(&a->ready, 1);
    (void)ask(&a->l);
    CHECK_RC(weft_scope_close(a->scope, 0), 0);
    return 0;
}

static void start_askers(struct ctx *c, struct asker *a, int count)
{
    for (int i = 0; i < count; i++) {
        a[i] = (struct asker){.l = {.c = c, .key = i, .got = 1}};
        CHECK_OK(weft_spawn(c->g, ask_in_scope, &a[i]));
    }
    for (int i = 0; i < count; i++)
        yield_until(&a[i].ready, 1);
}

static int cancel_before(void *arg)
{
    struct ctx c = {.rc = 0};
    struct asker a[4];

    (void)arg;
    open_batcher(&c, answer, 4, FOREVER_MS);
    start_askers(&c, a, 3);
    CHECK_OK(weft_scope_cancel(a[1].scope));
    yield_until(&c.answered, 1);
    CHECK_RC(a[1].l.got, WEFT_ECANCELED);
    CHECK_EQ(atomic_load(&c.calls), 0);
    start_askers(&c, &a[3], 1);
    for (int i = 0; i < 5; i++) /* the place of the one that left is free: three are not four */
        CHECK_OK(weft_sleep_ms(1));
    CHECK_EQ(atomic_load(&c.calls), 0);
    {
        struct lookup last = {.c = &c, .key = 9};

        CHECK_OK(weft_spawn(c.g, ask, &last));
        CHECK_OK(weft_group_wait(c.g));
        CHECK_EQ(last.answer, 81);
    }
    CHECK_EQ(atomic_load(&c.calls), 1);
    CHECK_EQ(atomic_load(&c.items), 4);
    CHECK_EQ(a[0].l.got, 0);
    CHECK_EQ(a[2].l.answer, 4);
    CHECK_EQ(a[1].l.answer, 0);
    weft_batcher_destroy(c.b);
    weft_group_close(c.g);
    return 0;
}

WEFT_TEST(batch, submitter_that_is_cancelled_before_takes_its_item_back)
{
    CHECK_OK(test_run(cancel_before, NULL));
}

static int cancel_while_running(void *arg)
{
    struct ctx c = {.rc = 0};
    struct asker a[3];

    (void)arg;
    open_batcher(&c, held, 3, FOREVER_MS);
    start_askers(&c, a, 3);
    yield_until(&c.inside, 1);
    CHECK_OK(weft_scope_cancel(a[0].scope));
    CHECK_OK(weft_scope_cancel(a[2].scope));
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_sleep_ms(1));
    CHECK_EQ(atomic_load(&c.answered), 0); /* its item is in use */
    atomic_store(&c.go, 1);
    CHECK_OK(weft_group_wait(c.g));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(a[i].l.got);
        CHECK_EQ(a[i].l.answer, i * i);
    }
    weft_batcher_destroy(c.b);
    weft_group_close(c.g);
    return 0;
}

WEFT_TEST(batch, submitter_that_is_cancelled_while_it_runs_waits_and_harms_nobody)
{
    CHECK_OK(test_run(cancel_while_running, NULL));
}

static int cancel_all(void *arg)
{
    struct ctx c = {.rc = 0};
    struct asker a[3];

    (void)arg;
    for (int running = 0; running < 2; running++) {
        atomic_store(&c.inside, 0);
        open_batcher(&c, held, running != 0 ? 3 : 4, running != 0 ? FOREVER_MS : 20);
        start_askers(&c, a, 3);
        if (running != 0)
            yield_until(&c.inside, 1);
        for (int i = 0; i < 3; i++)
            CHECK_OK(weft_scope_cancel(a[i].scope));
        CHECK_OK(weft_group_wait(c.g)); /* ends, although nobody lets the function go on */
        for (int i = 0; i < 3; i++)
            CHECK_RC(a[i].l.got, WEFT_ECANCELED);
        CHECK_EQ(atomic_load(&c.items), 0);
        weft_batcher_destroy(c.b);
        weft_group_close(c.g);
    }
    return weft_yield();
}

WEFT_TEST(batch, is_cancelled_with_the_last_of_its_submitters)
{
    CHECK_OK(test_run(cancel_all, NULL));
}

/* The batcher's group is not the one that the submitters live in. */
struct inner {
    struct ctx *c;
    struct lookup *l;
};

static int ask_from_inside(void *arg)
{
    struct inner *in = arg;
    weft_scope *shelter = weft_scope_open(0);
    weft_group *g = weft_group_open(NULL);
    int rc;

    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, ask, &in->l[i]));
    rc = weft_group_wait(g);
    weft_group_close(g);
    CHECK_RC(weft_scope_close(shelter, 0), 0);
    return rc;
}

static int group_is_cancelled(void *arg)
{
    struct ctx c = {.rc = 0};
    struct lookup *l = make_lookups(&c, 4);
    struct inner in = {&c, l};

    (void)arg;
    open_batcher(&c, held, 3, FOREVER_MS);
    CHECK_OK(weft_spawn(c.g, ask_from_inside, &in));
    yield_until(&c.inside, 1);
    CHECK_OK(weft_group_cancel(c.g));
    CHECK_OK(weft_group_wait(c.g));
    for (int i = 0; i < 3; i++) /* they live in it as well; the end of the batch may come before their own turn */
        CHECK(l[i].got == WEFT_ECANCELED || l[i].got == WEFT_ETASKCANCELED);
    CHECK_RC(weft_batch(c.b, &l[3]), WEFT_ECANCELED);
    weft_batcher_destroy(c.b);
    weft_group_close(c.g);

    /* A group beside: its tasks are not cancelled, what they wait for is. */
    {
        weft_group *beside = weft_group_open(NULL);
        weft_group *outer = c.g = weft_group_open(NULL);

        c.b = weft_batcher_create(beside, held, &c, &(weft_batch_options){.max = 3, .linger_ms = FOREVER_MS});
        atomic_store(&c.inside, 0);
        ask_all(&c, l, 2);
        for (int i = 0; i < 5; i++)
            CHECK_OK(weft_sleep_ms(1));
        CHECK_OK(weft_group_cancel(beside));
        CHECK_RC(weft_group_wait(outer), WEFT_ECANCELED); /* it lies inside */
        weft_group_close(outer);
        CHECK_OK(weft_group_wait(beside));
        weft_batcher_destroy(c.b);
        weft_group_close(beside);
    }
    free(l);
    return weft_yield();
}

WEFT_TEST(batch, cancellation_of_its_group_ends_collecting_and_running)
{
    CHECK_OK(test_run(group_is_cancelled, NULL));
}

static int bad_arguments(void *arg)
{
    weft_batch_options bad = {.max = 1};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_NULL(weft_batcher_create(NULL, answer, NULL, NULL));
    CHECK_NULL(weft_batcher_create(g, answer, NULL, &(weft_batch_options){.linger_ms = -1}));
    bad.reserved[0] = 1;
    CHECK_NULL(weft_batcher_create(g, answer, NULL, &bad));
    CHECK_RC(weft_batch(NULL, NULL), WEFT_ENOMEM);
    weft_batcher_destroy(NULL);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(batch, bad_arguments_are_refused)
{
    CHECK_OK(test_run(bad_arguments, NULL));
    CHECK_RC(weft_batch(NULL, NULL), WEFT_ENOTASK);
}

static int large_one(void *arg)
{
    struct ctx c = {.rc = 0};
    struct lookup *l = make_lookups(&c, 200);

    (void)arg;
    open_batcher(&c, answer, 200, FOREVER_MS);
    ask_all(&c, l, 200);
    CHECK_OK(weft_group_wait(c.g));
    CHECK_EQ(atomic_load(&c.calls), 1);
    for (int i = 0; i < 200; i++)
        CHECK_EQ(l[i].answer, i * i);
    weft_batcher_destroy(c.b);
    weft_group_close(c.g);
    free(l);
    return 0;
}

WEFT_TEST(batch, large_one_is_whole)
{
    CHECK_OK(test_run(large_one, NULL));
}

static atomic_int until_failure;

static bool fail_nth(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC && atomic_fetch_sub(&until_failure, 1) == 1;
}

static int without_memory(void *arg)
{
    int failures = 0;

    (void)arg;
    for (int n = 1; n < 6; n++) {
        struct ctx c = {.rc = 0};
        struct lookup *l = make_lookups(&c, 100);
        int refused = 0, rc;

        open_batcher(&c, answer, 100, 2);
        ask_all(&c, l, 100);
        atomic_store(&until_failure, n);
        A_STORE(&weft__fault_hook, fail_nth, relaxed);
        rc = weft_group_wait(c.g);
        A_STORE(&weft__fault_hook, NULL, relaxed);
        CHECK(rc == 0 || rc == WEFT_ENOMEM);
        for (int i = 0; i < 100; i++) {
            CHECK(l[i].got == 0 || l[i].got == WEFT_ENOMEM || l[i].got == WEFT_ECANCELED ||
                  l[i].got == WEFT_ETASKCANCELED);
            refused += l[i].got != 0;
        }
        CHECK_EQ(refused + atomic_load(&c.items), 100);
        failures += refused;
        weft_batcher_destroy(c.b);
        weft_group_close(c.g);
        free(l);
    }
    CHECK_GT(failures, 0);
    A_STORE(&weft__fault_hook, fail_nth, relaxed);
    atomic_store(&until_failure, 1);
    {
        weft_group *g = weft_group_open(NULL);

        CHECK_NULL(weft_batcher_create(g, answer, NULL, NULL));
        weft_group_close(g);
    }
    A_STORE(&weft__fault_hook, NULL, relaxed);
    return weft_yield();
}

WEFT_TEST(batch, lack_of_memory_is_reported_to_those_whom_it_meets)
{
    CHECK_OK(run_on(1, without_memory, NULL));
}

/* Cancels submitters at all moments: each has one outcome, and its item was in a batch exactly when it has not left. */
static int ask_until(void *arg)
{
    struct lookup *l = arg;
    weft_scope *s = weft_scope_open(weft_now() + l->key * 1000);

    (void)ask(l);
    CHECK(weft_scope_close(s, 0) == 0);
    return 0;
}

static int cancel_anywhere(void *arg)
{
    enum { ROUNDS = TEST_TSAN ? 20 : 200, ASKERS = 100 };

    (void)arg;
    for (int round = 0; round < ROUNDS; round++) {
        struct ctx c = {.rc = 0};
        struct lookup *l = make_lookups(&c, ASKERS);
        int answered = 0;

        open_batcher(&c, answer, 8, round % 2);
        for (int i = 0; i < ASKERS; i++) {
            l[i].key = i * 7 % ASKERS * 10;
            CHECK_OK(weft_spawn(c.g, ask_until, &l[i]));
        }
        CHECK_OK(weft_group_wait(c.g));
        for (int i = 0; i < ASKERS; i++) {
            CHECK(l[i].got == 0 || l[i].got == WEFT_ECANCELED);
            if (l[i].got == 0)
                CHECK_EQ(l[i].answer, l[i].key * l[i].key);
            answered += l[i].got == 0;
        }
        CHECK_EQ(atomic_load(&c.items), answered);
        weft_batcher_destroy(c.b);
        weft_group_close(c.g);
        free(l);
    }
    return 0;
}

WEFT_TEST(batch, cancelled_at_any_moment_a_submitter_has_one_outcome)
{
    CHECK_OK(test_run(cancel_anywhere, NULL));
}
