/* SPDX-License-Identifier: MIT */
/* What weft/combine.h promises of weft_gather(). */
#include "sched/platform.h"

#include "tests/sched/tasks.h"

enum { MANY = TEST_TSAN ? 300 : 10000 };

struct job {
    int number, result, code;
    atomic_int *entered;
};

/* Those of lower numbers end later. */
static int square(void *arg)
{
    struct job *j = arg;

    if (j->entered != NULL)
        atomic_fetch_add(j->entered, 1);
    for (int i = 10 - j->number % 10; i > 0; i--)
        CHECK_OK(weft_yield());
    j->result = j->number * j->number;
    return j->code;
}

static int results_in_order(void *arg)
{
    struct job jobs[10];
    void *args[10];
    weft_fn fns[10];
    int codes[10];

    (void)arg;
    for (int i = 0; i < 10; i++) {
        jobs[i] = (struct job){.number = i, .code = i % 3 == 0 ? i : 0};
        args[i] = &jobs[i];
        fns[i] = square;
        codes[i] = 77;
    }
    CHECK_OK(weft_gather(10, fns, args, NULL));
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(jobs[i].result, i * i);
        jobs[i].result = 0;
    }
    CHECK_OK(weft_gather(10, fns, args, codes));
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(jobs[i].result, i * i);
        CHECK_EQ(codes[i], jobs[i].code); /* a positive code is kept, and no error */
    }
    return 0;
}

WEFT_TEST(gather, results_and_codes_are_in_order)
{
    CHECK_OK(test_run(results_in_order, NULL));
}

static int both_sides(void *arg)
{
    atomic_int *met = arg;

    atomic_fetch_add(met, 1);
    yield_until(met, 2);
    return 0;
}

static int side_by_side(void *arg)
{
    atomic_int met = 0;

    (void)arg;
    CHECK_OK(weft_gather(2, (weft_fn[]){both_sides, both_sides}, (void *[]){&met, &met}, NULL));
    return 0;
}

WEFT_TEST(gather, functions_run_side_by_side)
{
    CHECK_OK(test_run(side_by_side, NULL));
}

static int sleep_and_count(void *arg)
{
    int rc = weft_sleep_ms(FOREVER_MS);

    CHECK_RC(rc, WEFT_ECANCELED);
    atomic_fetch_add((atomic_int *)arg, 1);
    return rc;
}

static int fail_fast(void *arg)
{
    static const int code = -EIO;
    atomic_int canceled = 0;
    weft_fn fns[4] = {sleep_and_count, sleep_and_count, fail_with, sleep_and_count};
    void *args[4] = {&canceled, &canceled, (void *)&code, &canceled};
    int rc;

    (void)arg;
    rc = weft_gather(4, fns, args, NULL);
    CHECK_RC(rc, code);
    CHECK_GE(atomic_load(&canceled), 2); /* the last may have been refused */
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(gather, without_codes_the_first_error_cancels_the_others)
{
    CHECK_OK(test_run(fail_fast, NULL));
}

static int wait_for_all(void *arg)
{
    static const int late = -EIO, soon = -EPROTO;
    atomic_int met = 0;
    struct job j = {.number = 5};
    weft_fn fns[5] = {both_sides, fail_with, square, fail_with, both_sides};
    void *args[5] = {&met, (void *)&late, &j, (void *)&soon, &met};
    int codes[5];

    (void)arg;
    CHECK_RC(weft_gather(5, fns, args, codes), late);
    CHECK_EQ(codes[0], 0);
    CHECK_EQ(codes[1], late);
    CHECK_EQ(codes[2], 0);
    CHECK_EQ(codes[3], soon);
    CHECK_EQ(codes[4], 0);
    CHECK_EQ(j.result, 25);
    CHECK(!weft_canceled());
    return weft_yield();
}

WEFT_TEST(gather, with_codes_no_error_cancels_and_the_first_in_order_is_returned)
{
    CHECK_OK(test_run(wait_for_all, NULL));
}

static int own_cancellation(void *arg)
{
    static const int code = WEFT_ECANCELED;
    int codes[1];

    (void)arg;
    CHECK_RC(weft_gather(1, (weft_fn[]){fail_with}, (void *[]){(void *)&code}, codes), WEFT_ECANCELED);
    CHECK_RC(weft_gather(1, (weft_fn[]){fail_with}, (void *[]){(void *)&code}, NULL), WEFT_ECANCELED);
    CHECK(!weft_canceled());
    return 0;
}

WEFT_TEST(gather, code_of_cancellation_is_an_error_where_nothing_was_cancelled)
{
    CHECK_OK(test_run(own_cancellation, NULL));
}

static int empty(void *arg)
{
    int code = 1;
    weft_scope *s;

    (void)arg;
    CHECK_OK(weft_gather(0, NULL, NULL, NULL));
    CHECK_OK(weft_gather(0, NULL, NULL, &code));
    s = weft_scope_open(0);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_gather(0, NULL, NULL, NULL), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, 0), 0);
    CHECK_OK(weft_gather(2, (weft_fn[]){nothing, nothing}, NULL, NULL)); /* no arguments */
    return 0;
}

WEFT_TEST(gather, of_nothing_is_a_checkpoint)
{
    CHECK_OK(test_run(empty, NULL));
}

static int many(void *arg)
{
    atomic_int entered = 0;
    struct job *jobs = calloc(MANY, sizeof *jobs);
    void **args = calloc(MANY, sizeof *args);
    weft_fn *fns = calloc(MANY, sizeof *fns);
    int *codes = calloc(MANY, sizeof *codes);

    (void)arg;
    CHECK(jobs != NULL && args != NULL && fns != NULL && codes != NULL);
    for (int i = 0; i < MANY; i++) {
        jobs[i] = (struct job){.number = i, .code = i % 2 != 0 ? -1 - i : 0, .entered = &entered};
        args[i] = &jobs[i];
        fns[i] = square;
    }
    CHECK_EQ(weft_gather(MANY, fns, args, codes), -2);
    CHECK_EQ(atomic_load(&entered), MANY);
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(codes[i], jobs[i].code);
        CHECK_EQ(jobs[i].result, i * i);
    }
    free(codes);
    free(fns);
    free(args);
    free(jobs);
    return 0;
}

WEFT_TEST(gather, of_many_enters_each_once)
{
    CHECK_OK(test_run(many, NULL));
}

struct outer {
    weft_scope *scope;
    atomic_int entered; /* all three: one that is not spawned yet would be refused */
    int code;           /* of the third */
};

static int count_and_return(void *arg)
{
    struct outer *o = arg;

    o->entered++;
    return o->code;
}

static int cancel_outer(void *arg)
{
    struct outer *o = arg;

    yield_until(&o->entered, 3);
    CHECK_OK(weft_scope_cancel(o->scope));
    return 0;
}

static int outer_cancellation(void *arg)
{
    const int error = -EIO;

    for (int form = 0; form < 3; form++) {
        struct outer o = {.code = form == 2 ? error : 0}; /* in the last form there is a real error beside */
        weft_group *g = weft_group_open(NULL);
        weft_fn fns[3] = {count_and_sleep_forever, count_and_sleep_forever, count_and_return};
        void *args[3] = {&o.entered, &o.entered, &o};
        int codes[3] = {1, 1, 1};

        o.scope = weft_scope_open(0);
        CHECK_OK(weft_spawn(g, cancel_outer, &o));
        CHECK_RC(weft_gather(3, fns, args, form > 0 ? codes : NULL), form == 2 ? error : WEFT_ECANCELED);
        CHECK(weft_canceled());
        if (form > 0) {
            CHECK_RC(codes[0], WEFT_ECANCELED);
            CHECK_RC(codes[1], WEFT_ECANCELED);
            CHECK_RC(codes[2], form == 2 ? error : 0);
        }
        /* Cancelled before: none is entered. */
        CHECK_RC(weft_gather(3, fns, args, codes), WEFT_ECANCELED);
        CHECK_EQ(atomic_load(&o.entered), 3);
        CHECK_RC(codes[2], WEFT_ECANCELED);
        CHECK_RC(weft_scope_close(o.scope, 0), 0);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    (void)arg;
    return 0;
}

WEFT_TEST(gather, outer_cancellation_goes_to_the_functions_and_real_errors_beat_it)
{
    CHECK_OK(test_run(outer_cancellation, NULL));
}

static int deadline(void *arg)
{
    atomic_int entered = 0;
    weft_scope *s = weft_scope_open(weft_after_ms(5));
    int rc = weft_gather(1, (weft_fn[]){count_and_sleep_forever}, (void *[]){&entered}, NULL);

    (void)arg;
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, rc), WEFT_ETIMEDOUT);
    return 0;
}

WEFT_TEST(gather, deadline_is_a_scope_around_it)
{
    CHECK_OK(test_run(deadline, NULL));
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC || what == WEFT__SEAM_MAP;
}

static int without_memory(void *arg)
{
    enum { N = 100000 };
    weft_fn *fns = malloc(N * sizeof *fns);
    int *codes = malloc(N * sizeof *codes), refused = 0, canceled = 0;

    (void)arg;
    CHECK(fns != NULL && codes != NULL);
    for (int i = 0; i < N; i++)
        fns[i] = sleep_forever;
    A_STORE(&weft__fault_hook, no_memory, relaxed);
    CHECK_RC(weft_gather(N, fns, NULL, codes), WEFT_ENOMEM);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    for (int i = 0; i < N; i++) {
        refused += codes[i] == WEFT_ENOMEM;
        canceled += codes[i] == WEFT_ECANCELED;
    }
    CHECK_GE(refused, 1);
    CHECK_EQ(refused + canceled, N);
    free(codes);
    free(fns);
    return weft_yield();
}

WEFT_TEST(gather, lack_of_memory_cancels_what_has_begun)
{
    CHECK_OK(run_on(1, without_memory, NULL));
}

WEFT_TEST(gather, outside_of_a_task_nothing_is_called)
{
    int codes[1] = {1};

    CHECK_RC(weft_gather(1, (weft_fn[]){nothing}, NULL, NULL), WEFT_ENOTASK);
    CHECK_RC(weft_gather(1, (weft_fn[]){nothing}, NULL, codes), WEFT_ENOTASK);
    CHECK_RC(codes[0], WEFT_ENOTASK);
}
