/* SPDX-License-Identifier: MIT */
/* A hundred thousand children that fail at once: one first error, the rest listed up to the cap and counted, and no more memory than for that.
 * test_cancel_tree.c has the same with all of them asleep on their stacks. */
#include <stdio.h>
#include <string.h>

#include "tests/sched/leftovers.h"
#include "tests/sched/process.h"

/* Codes from BASE - 1 downwards, beyond weft's own. */
enum { CAP = 1000, SLACK_BYTES = 1 << 20, BASE = -100000 };

static int many(void)
{
    return test_under_valgrind()            ? 2000
           : TEST_TSAN                      ? 3000
           : TEST_ASAN                      ? 20000
           : process_stacks_cost_mappings() ? 20000
                                            : 100000;
}

/* What there is for the errors that a group does not keep. */
struct hook {
    atomic_int told, wrong;
    atomic_llong sum;
};

static void count_error(const weft_error *e, void *arg)
{
    struct hook *h = arg;

    atomic_fetch_add(&h->told, 1);
    atomic_fetch_add(&h->sum, e->code);
    if (e->left_over || e->fn == NULL || strcmp(e->task_name, "doomed") != 0)
        atomic_fetch_add(&h->wrong, 1);
}

struct crowd {
    int n;
    unsigned limit;
    bool succeed;
    atomic_int go, entered;
    struct hook hook;
    struct process_state after;
};

/* Each fails with a code of its own. */
static int doomed(void *arg)
{
    struct crowd *c = arg;
    int me;

    while (!atomic_load(&c->go) && weft_yield() == 0)
        ;
    me = atomic_fetch_add(&c->entered, 1) + 1;
    return c->succeed ? 0 : BASE - me;
}

/* The errors that the list has: the first is the group's, no two are the same. */
static void check_list(weft_group *g, struct crowd *c, int first)
{
    bool *seen = calloc((size_t)c->n + 2, sizeof *seen);
    long long sum = 0;
    weft_error e;

    CHECK_NOT_NULL(seen);
    for (size_t i = 0; i < CAP; i++) {
        CHECK_OK(weft_group_error(g, i, &e));
        if (i == 0)
            CHECK_RC(e.code, first);
        CHECK(e.code < BASE && e.code >= BASE - c->n);
        CHECK(!seen[BASE - e.code]);
        seen[BASE - e.code] = true;
        CHECK_STR_EQ(e.task_name, "doomed");
        CHECK(e.fn == doomed);
        CHECK_NE(e.task_id, 0);
        sum += e.code;
    }
    CHECK_RC(weft_group_error(g, CAP, &e), WEFT_EEMPTY);
    CHECK_EQ(c->hook.told, c->n - CAP);
    CHECK_EQ(c->hook.wrong, 0);
    /* Listed or told, each once. */
    CHECK_EQ(sum + c->hook.sum, (long long)BASE * c->n - (long long)c->n * (c->n + 1) / 2);
    free(seen);
}

static int fail_all(void *arg)
{
    struct crowd *c = arg;
    weft_group *g = weft_group_open(&(weft_group_options){.max_errors = CAP, .limit = c->limit});
    int rc;

    for (int i = 0; i < c->n; i++)
        CHECK_OK(weft_spawn_with(g, doomed, c, &(weft_task_options){.name = "doomed"}));
    CHECK_EQ(weft_group_live(g), c->n);
    atomic_store(&c->go, 1);
    rc = weft_group_wait(g);
    CHECK_EQ(weft_group_live(g), 0);
    CHECK_EQ(c->entered, c->n);
    c->after = process_look();
    if (c->succeed) {
        CHECK_OK(rc);
        CHECK_EQ(weft_group_failed(g), 0);
    } else {
        CHECK_LT(rc, 0);
        CHECK_EQ(weft_group_failed(g), c->n);
        CHECK_EQ(weft_group_reason(g), WEFT_REASON_ERROR);
        check_list(g, c, rc);
        CHECK_RC(weft_group_wait(g), rc);
    }
    weft_group_close(g);
    CHECK_EQ(weft_tasks(weft_runtime_current(), NULL, 0), 1);
    return weft_yield();
}

static void told(const weft_error *e, void *arg)
{
    struct crowd **c = arg;

    count_error(e, &(*c)->hook);
}

/* First with children that succeed, which shows what they cost; then with children that fail, which may cost the errors that are kept beside. */
static void compare(unsigned limit)
{
    struct crowd *now;
    weft_runtime *rt;
    struct process_state before;
    long kept = CAP * (long)sizeof(weft_error), grown;

    CHECK_OK(weft_runtime_create(
        &rt, &(weft_runtime_options){.workers = test_workers(), .on_error = told, .on_error_arg = &now}));
    for (int round = 0; round < 2; round++) {
        struct crowd good = {.n = many(), .limit = limit, .succeed = true}, bad = {.n = many(), .limit = limit};

        now = &good;
        CHECK_OK(weft_runtime_run(rt, fail_all, &good));
        before = process_look();
        now = &bad;
        CHECK_OK(weft_runtime_run(rt, fail_all, &bad));
        /* Kept in full, they would take six times as much. Sanitizers keep heaps of their own. */
        grown = bad.after.heap_bytes - good.after.heap_bytes;
        CHECK_LT(grown, 2 * kept + SLACK_BYTES);
        if (round > 0 && !TEST_ASAN && !TEST_TSAN && !test_under_valgrind()) {
            struct process_state after = process_look();

            CHECK_LT(after.heap_bytes - before.heap_bytes, SLACK_BYTES / 8);
            CHECK_LE(after.threads, before.threads);
            CHECK_LE(after.descriptors, before.descriptors);
        }
    }
    leftovers_check(rt);
    weft_runtime_destroy(rt);
}

WEFT_TEST(rules_failures, hundred_thousand_children_fail_at_once_and_the_first_error_is_the_groups)
{
    process_prepare();
    compare(64);
}
