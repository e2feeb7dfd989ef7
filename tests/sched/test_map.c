/* SPDX-License-Identifier: MIT */
/* What weft/combine.h promises of bounded maps. */
#include <limits.h>

#include "sched/platform.h"

#include "tests/sched/tasks.h"

enum { MANY = TEST_TSAN ? 1000 : 10000 };

/* What all items of a map share. */
struct shared {
    atomic_int alive, most, entered, left;
    int fail_at;
};

struct item {
    struct shared *shared;
    int number, result;
};

static void rise(struct shared *s)
{
    int now = atomic_fetch_add(&s->alive, 1) + 1, most = atomic_load(&s->most);

    while (now > most && !atomic_compare_exchange_weak(&s->most, &most, now))
        ;
}

static int square(void *arg)
{
    struct item *i = arg;

    rise(i->shared);
    atomic_fetch_add(&i->shared->entered, 1);
    if (i->number % 3 == 0)
        CHECK_OK(weft_yield());
    i->result = i->number * i->number;
    atomic_fetch_sub(&i->shared->alive, 1);
    return i->number % 2;
}

static struct item *make_items(struct shared *s, int count)
{
    struct item *items = calloc((size_t)count, sizeof *items);

    CHECK_NOT_NULL(items);
    for (int i = 0; i < count; i++)
        items[i] = (struct item){s, i, -1};
    return items;
}

static int over_an_array(void *arg)
{
    static const size_t limits[] = {1, 2, 7, 0, 100000};

    (void)arg;
    for (int l = 0; l < 5; l++) {
        struct shared s = {.alive = 0};
        struct item *items = make_items(&s, MANY);

        CHECK_OK(weft_map(items, MANY, sizeof *items, square,
                          limits[l] != 0 ? &(weft_map_options){.limit = limits[l]} : NULL));
        CHECK_EQ(atomic_load(&s.entered), MANY);
        CHECK_EQ(atomic_load(&s.alive), 0);
        CHECK_LE(atomic_load(&s.most), limits[l] != 0 ? limits[l] : WEFT_MAP_LIMIT);
        for (int i = 0; i < MANY; i++)
            CHECK_EQ(items[i].result, i * i);
        free(items);
    }
    return 0;
}

WEFT_TEST(map, each_item_is_entered_once_and_no_more_than_the_limit_at_once)
{
    CHECK_OK(test_run(over_an_array, NULL));
}

static int meet(void *arg)
{
    struct item *i = arg;

    atomic_fetch_add(&i->shared->entered, 1);
    yield_until(&i->shared->entered, 10);
    return 0;
}

static int limit_is_used(void *arg)
{
    struct shared s = {.alive = 0};
    struct item *items = make_items(&s, 10);

    (void)arg;
    CHECK_OK(weft_map(items, 10, sizeof *items, meet, &(weft_map_options){.limit = 10}));
    free(items);
    return 0;
}

WEFT_TEST(map, as_many_as_the_limit_run_side_by_side)
{
    CHECK_OK(test_run(limit_is_used, NULL));
}

static int fail_or_sleep(void *arg)
{
    struct item *i = arg;
    int rc = 0;

    atomic_fetch_add(&i->shared->entered, 1);
    if (i->number == i->shared->fail_at)
        rc = -EIO;
    else if (i->number > i->shared->fail_at - 3)
        rc = weft_sleep_ms(FOREVER_MS);
    atomic_fetch_add(&i->shared->left, 1);
    return rc;
}

static int first_error(void *arg)
{
    (void)arg;
    for (int at = 0; at < 20; at++) {
        struct shared s = {.fail_at = at};
        struct item *items = make_items(&s, MANY);

        CHECK_RC(weft_map(items, MANY, sizeof *items, fail_or_sleep, &(weft_map_options){.limit = 4}), -EIO);
        CHECK_EQ(atomic_load(&s.entered), atomic_load(&s.left));
        /* No item is begun after an error; three may have been, beside the one that failed. */
        CHECK_LE(atomic_load(&s.entered), at + 4);
        CHECK_GE(atomic_load(&s.entered), at > 3 ? at - 2 : 1);
        CHECK(!weft_canceled());
        free(items);
    }
    return weft_yield();
}

WEFT_TEST(map, first_error_cancels_the_others_and_begins_no_more)
{
    CHECK_OK(test_run(first_error, NULL));
}

static int empty(void *arg)
{
    weft_map_options bad = {.limit = 1};
    weft_scope *s;

    (void)arg;
    CHECK_OK(weft_map(NULL, 0, 8, nothing, NULL));
    bad.reserved[3] = 1;
    CHECK_RC(weft_map(NULL, 0, 8, nothing, &bad), WEFT_EINVAL);
    s = weft_scope_open(0);
    CHECK_OK(weft_scope_cancel(s));
    CHECK_RC(weft_map(NULL, 0, 8, nothing, NULL), WEFT_ECANCELED);
    CHECK_RC(weft_scope_close(s, 0), 0);
    return 0;
}

WEFT_TEST(map, of_nothing_is_a_checkpoint)
{
    CHECK_OK(test_run(empty, NULL));
    CHECK_RC(weft_map(NULL, 0, 8, nothing, NULL), WEFT_ENOTASK);
}

static int tell_name(void *arg)
{
    CHECK_STR_EQ(weft_task_name(), "item");
    atomic_fetch_add(&((struct item *)arg)->shared->entered, 1);
    return 0;
}

static int with_task_options(void *arg)
{
    struct shared s = {.alive = 0};
    struct item *items = make_items(&s, 10);
    weft_task_options named = {.name = "item"}, bad = {.priority = 5};

    (void)arg;
    CHECK_OK(weft_map(items, 10, sizeof *items, tell_name, &(weft_map_options){.limit = 2, .task = &named}));
    CHECK_EQ(atomic_load(&s.entered), 10);
    CHECK_RC(weft_map(items, 10, sizeof *items, tell_name, &(weft_map_options){.task = &bad}), WEFT_EINVAL);
    CHECK_EQ(atomic_load(&s.entered), 10);
    free(items);
    return 0;
}

WEFT_TEST(map, tasks_have_the_options_that_are_given)
{
    CHECK_OK(test_run(with_task_options, NULL));
}

struct outer {
    weft_scope *scope;
    atomic_int parked;
    int least;
};

static int cancel_outer(void *arg)
{
    struct outer *o = arg;

    yield_until(&o->parked, o->least);
    CHECK_OK(weft_scope_cancel(o->scope));
    return 0;
}

static int park_item(void *arg)
{
    return count_and_sleep_forever(&(*(struct outer **)arg)->parked);
}

/* Cancelled while the caller waits for room, and while it waits for the last. */
static int outer_cancellation(void *arg)
{
    (void)arg;
    for (int count = 3; count <= 50; count += 47) {
        struct outer o = {.least = 3}, *items[50];
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < count; i++)
            items[i] = &o;
        o.scope = weft_scope_open(0);
        CHECK_OK(weft_spawn(g, cancel_outer, &o));
        CHECK_RC(weft_map(items, (size_t)count, sizeof *items, park_item, &(weft_map_options){.limit = 3}),
                 WEFT_ECANCELED);
        CHECK_EQ(atomic_load(&o.parked), 3);
        CHECK_RC(weft_map(items, (size_t)count, sizeof *items, park_item, NULL), WEFT_ECANCELED);
        CHECK_EQ(atomic_load(&o.parked), 3);
        CHECK_RC(weft_scope_close(o.scope, 0), 0);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return weft_yield();
}

WEFT_TEST(map, outer_cancellation_ends_it_at_each_stage)
{
    CHECK_OK(test_run(outer_cancellation, NULL));
}

/* A generator that counts what it has made, and of what size. */
struct source {
    struct shared shared;
    int made, count, code_at_end;
    bool inside;
};

static int make_item(void *ctx, void *item)
{
    struct source *s = ctx;
    struct item *i = item;

    CHECK(!s->inside);
    s->inside = true;
    if (s->made % 5 == 0) {
        int rc = weft_yield();

        if (rc < 0) {
            s->inside = false;
            return rc;
        }
    }
    s->inside = false;
    if (s->made == s->count)
        return s->code_at_end;
    CHECK_EQ((uintptr_t)item % _Alignof(max_align_t), 0);
    /* Alive as of now. */
    rise(&s->shared);
    *i = (struct item){&s->shared, s->made++, -1};
    return 0;
}

static int use_item(void *arg)
{
    struct item *i = arg;
    struct shared *s = i->shared;

    atomic_fetch_add(&s->entered, 1);
    if (i->number % 3 == 0)
        (void)weft_yield();
    CHECK_EQ(i->result, -1);
    i->result = i->number;
    atomic_fetch_sub(&s->alive, 1);
    return i->number == s->fail_at ? -EIO : 0;
}

static int over_a_generator(void *arg)
{
    static const size_t limits[] = {1, 2, 7, 0, 100000};

    (void)arg;
    for (int l = 0; l < 5; l++) {
        struct source s = {.shared = {.fail_at = -1}, .count = MANY, .code_at_end = WEFT_EEMPTY};

        CHECK_OK(weft_map_each(sizeof(struct item), make_item, &s, use_item, &(weft_map_options){.limit = limits[l]}));
        CHECK_EQ(atomic_load(&s.shared.entered), MANY);
        CHECK_EQ(s.made, MANY);
        CHECK_EQ(atomic_load(&s.shared.alive), 0);
        CHECK_LE(atomic_load(&s.shared.most), limits[l] != 0 ? limits[l] : WEFT_MAP_LIMIT);
    }
    return 0;
}

WEFT_TEST(map, items_of_a_generator_are_made_only_when_there_is_room)
{
    CHECK_OK(test_run(over_a_generator, NULL));
}

static int generator_fails(void *arg)
{
    struct source s = {.shared = {.fail_at = -1}, .count = 20, .code_at_end = -EPROTO};

    (void)arg;
    CHECK_RC(weft_map_each(sizeof(struct item), make_item, &s, use_item, NULL), -EPROTO);
    CHECK_EQ(atomic_load(&s.shared.entered), 20);
    s = (struct source){.shared = {.fail_at = -1}, .code_at_end = WEFT_EEMPTY};
    CHECK_OK(weft_map_each(sizeof(struct item), make_item, &s, use_item, NULL));
    s.code_at_end = -EPROTO;
    CHECK_RC(weft_map_each(sizeof(struct item), make_item, &s, use_item, NULL), -EPROTO);
    CHECK_EQ(s.made, 0);
    return weft_yield();
}

WEFT_TEST(map, error_of_the_generator_is_the_result)
{
    CHECK_OK(test_run(generator_fails, NULL));
}

static int error_stops_the_generator(void *arg)
{
    (void)arg;
    for (int at = 0; at < 50; at++) {
        struct source s = {.shared = {.fail_at = at}, .count = INT_MAX, .code_at_end = WEFT_EEMPTY};

        CHECK_RC(weft_map_each(sizeof(struct item), make_item, &s, use_item, &(weft_map_options){.limit = 4}), -EIO);
        CHECK_EQ(atomic_load(&s.shared.entered), s.made); /* whatever was made was entered */
        CHECK_EQ(atomic_load(&s.shared.alive), 0);
        CHECK(!weft_canceled());
    }
    return weft_yield();
}

WEFT_TEST(map, error_of_an_item_stops_the_generator_and_each_item_made_is_entered)
{
    CHECK_OK(test_run(error_stops_the_generator, NULL));
}

static int make_one_then_wait(void *ctx, void *item)
{
    int *made = ctx;

    *(int *)item = *made;
    return (*made)++ == 0 ? 0 : weft_sleep_ms(FOREVER_MS);
}

static int fail_item(void *arg)
{
    (void)arg;
    return -EIO;
}

static int waiting_generator(void *arg)
{
    int made = 0;

    (void)arg;
    CHECK_RC(weft_map_each(sizeof(int), make_one_then_wait, &made, fail_item, NULL), -EIO);
    return weft_yield();
}

WEFT_TEST(map, generator_that_waits_is_cancelled_by_an_error)
{
    CHECK_OK(test_run(waiting_generator, NULL));
}

/* An item whose function leaves a group open, with a task that uses the item. */
static int use_later(void *arg)
{
    int *number = arg, before = *number;

    (void)weft_sleep_ms(2);
    CHECK_EQ(*number, before);
    return 0;
}

static int leave_open(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    return weft_spawn(g, use_later, arg);
}

static int count_up(void *ctx, void *item)
{
    int *n = ctx;

    *(int *)item = *n;
    return (*n)++ < 100 ? 0 : WEFT_EEMPTY;
}

static int slots_are_kept(void *arg)
{
    int n = 0;

    (void)arg;
    return weft_map_each(sizeof n, count_up, &n, leave_open, &(weft_map_options){.limit = 3});
}

WEFT_TEST(map, slot_is_used_again_only_when_all_of_its_item_has_ended)
{
    CHECK_OK(test_run(slots_are_kept, NULL));
}

/* Counts what is allocated in a map: at most one slot for each item that may be alive. */
static atomic_int allocations;
static atomic_int fail_after;

static bool count_allocations(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC && atomic_fetch_add(&allocations, 1) >= atomic_load(&fail_after);
}

static int bounded_memory(void *arg)
{
    struct source s = {.shared = {.fail_at = -1}, .count = MANY, .code_at_end = WEFT_EEMPTY};

    (void)arg;
    CHECK_OK(
        weft_map_each(sizeof(struct item), make_item, &s, use_item, &(weft_map_options){.limit = 5})); /* warms up */
    s.made = 0;
    atomic_store(&fail_after, INT_MAX);
    A_STORE(&weft__fault_hook, count_allocations, relaxed);
    CHECK_OK(weft_map_each(sizeof(struct item), make_item, &s, use_item, &(weft_map_options){.limit = 5}));
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_LE(atomic_load(&allocations), 5);
    CHECK_GE(atomic_load(&allocations), 1);
    return 0;
}

WEFT_TEST(map, generator_needs_memory_for_the_limit_only)
{
    CHECK_OK(run_on(1, bounded_memory, NULL));
}

static int wait_canceled(void *arg)
{
    struct item *i = arg;

    atomic_fetch_add(&i->shared->entered, 1);
    return weft_sleep_ms(FOREVER_MS);
}

static int without_memory(void *arg)
{
    (void)arg;
    for (int n = 0; n < 4; n++) {
        struct source s = {.shared = {.fail_at = -1}, .count = MANY, .code_at_end = WEFT_EEMPTY};

        atomic_store(&allocations, 0);
        atomic_store(&fail_after, n);
        A_STORE(&weft__fault_hook, count_allocations, relaxed);
        CHECK_RC(weft_map_each(sizeof(struct item), make_item, &s, wait_canceled, &(weft_map_options){.limit = 100}),
                 WEFT_ENOMEM);
        A_STORE(&weft__fault_hook, NULL, relaxed);
        CHECK_EQ(atomic_load(&s.shared.entered), s.made);
    }
    CHECK_RC(weft_map_each(SIZE_MAX, count_up, NULL, nothing, NULL), WEFT_ENOMEM);
    return weft_yield();
}

WEFT_TEST(map, lack_of_memory_cancels_what_has_begun)
{
    CHECK_OK(run_on(1, without_memory, NULL));
}
