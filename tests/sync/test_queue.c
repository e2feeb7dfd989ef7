/* SPDX-License-Identifier: MIT */
#include "sched/platform.h"
#include "tests/sync/values.h"

struct job {
    int priority, number;
};

static int64_t priority_of(const void *item)
{
    return ((const struct job *)item)->priority;
}

static weft_queue *make(size_t capacity, enum weft_queue_kind kind)
{
    weft_queue_options options = {.capacity = capacity, .kind = kind};

    if (kind == WEFT_QUEUE_PRIORITY)
        options.priority = priority_of;
    weft_queue *q = weft_queue_create(sizeof(struct job), &options);
    CHECK_NOT_NULL(q);
    return q;
}

static void put(weft_queue *q, int priority, int number)
{
    CHECK_OK(weft_queue_put(q, &(struct job){priority, number}));
}

static void expect(weft_queue *q, int priority, int number)
{
    struct job j = {-1, -1};

    CHECK_OK(weft_queue_get(q, &j));
    CHECK_EQ(j.priority, priority);
    CHECK_EQ(j.number, number);
}

static void expect_nothing(weft_queue *q)
{
    struct job j;

    CHECK_EQ(weft_queue_size(q), 0);
    CHECK_RC(weft_queue_try_get(q, &j), WEFT_EEMPTY);
}

/* The item of a call is the number of a job; the priority is always 0. */

static int get_call(struct call *c)
{
    struct job j = {0, c->item};
    int rc = weft_queue_get(c->on, &j);

    c->item = j.number;
    return rc;
}

static int put_call(struct call *c)
{
    return weft_queue_put(c->on, &(struct job){0, c->item});
}

static int join_call(struct call *c)
{
    return weft_queue_join(c->on);
}

TASK_TEST(queue, fifo_gives_the_oldest_first)
{
    (void)arg;
    weft_queue *q = make(0, WEFT_QUEUE_FIFO);

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++)
            put(q, 0, i);
        CHECK_EQ(weft_queue_size(q), 200);
        for (int i = 0; i < 200; i++)
            expect(q, 0, i);
        expect_nothing(q);
    }
    CHECK_OK(weft_queue_destroy(q));
    q = weft_queue_create(sizeof(int), NULL);
    CHECK_NOT_NULL(q);
    CHECK_OK(weft_queue_put(q, &(int){1}));
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, lifo_gives_the_youngest_first)
{
    (void)arg;
    weft_queue *q = make(0, WEFT_QUEUE_LIFO);

    put(q, 0, 1);
    put(q, 0, 2);
    expect(q, 0, 2);
    put(q, 0, 3);
    put(q, 0, 4);
    expect(q, 0, 4);
    expect(q, 0, 3);
    expect(q, 0, 1);
    expect_nothing(q);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, priority_gives_the_smallest_first_and_equal_ones_in_order)
{
    (void)arg;
    enum { JOBS = 5000, PRIORITIES = 17 };
    weft_queue *q = make(0, WEFT_QUEUE_PRIORITY);
    uint32_t random = 11;
    struct job last = {INT32_MIN, -1}, j;

    for (int i = 0; i < JOBS; i++)
        put(q, (int)(sync_random(&random) % PRIORITIES) - PRIORITIES / 2, i);
    for (int i = 0; i < JOBS; i++) {
        CHECK_OK(weft_queue_get(q, &j));
        CHECK(j.priority > last.priority || (j.priority == last.priority && j.number > last.number));
        last = j;
    }
    expect_nothing(q);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, priority_agrees_with_a_model_whatever_comes_and_goes)
{
    (void)arg;
    enum { PRIORITIES = 7, MOST = 64 };
    weft_queue *q = make(MOST, WEFT_QUEUE_PRIORITY);
    int first[PRIORITIES] = {0}, end[PRIORITIES] = {0}, count = 0; /* the jobs of each priority are numbered */
    uint32_t random = 5;

    for (int i = 0; i < 20000; i++) {
        struct job j = {(int)(sync_random(&random) % PRIORITIES), 0};

        if (sync_random(&random) % 2 == 0) {
            j.number = end[j.priority];
            CHECK_RC(weft_queue_try_put(q, &j), count == MOST ? WEFT_EFULL : 0);
            if (count < MOST) {
                end[j.priority]++;
                count++;
            }
        } else if (count == 0) {
            expect_nothing(q);
        } else {
            int next = 0;

            while (first[next] == end[next])
                next++;
            expect(q, next, first[next]++);
            count--;
        }
        CHECK_EQ(weft_queue_size(q), count);
    }
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, worst_order_of_priorities_is_no_deep_one)
{
    (void)arg;
    const int n = SYNC_SCALE(20000, 200000);
    for (int way = 0; way < 2; way++) {
        weft_queue *q = make(0, WEFT_QUEUE_PRIORITY);

        for (int i = 0; i < n; i++)
            put(q, way == 0 ? i : -i, i);
        for (int i = 0; i < n; i++)
            expect(q, way == 0 ? i : i + 1 - n, way == 0 ? i : n - 1 - i);
        CHECK_OK(weft_queue_destroy(q));
    }
    return 0;
}

TASK_TEST(queue, put_waits_while_it_is_full_and_is_served_in_order)
{
    (void)arg;
    weft_queue *q = make(2, WEFT_QUEUE_FIFO);
    struct call calls[3];
    weft_group *g = weft_group_open(NULL);

    put(q, 0, 1);
    put(q, 0, 2);
    CHECK_RC(weft_queue_try_put(q, &(struct job){0, 0}), WEFT_EFULL);
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct call){.fn = put_call, .on = q, .item = 3 + i};
        call_begin(g, &calls[i]);
        CHECK(!calls[i].done);
    }
    CHECK_RC(weft_queue_destroy(q), WEFT_EBUSY);
    expect(q, 0, 1);
    while (!calls[0].done)
        CHECK_OK(weft_yield());
    CHECK(!calls[1].done);
    CHECK_EQ(weft_queue_size(q), 2);
    for (int i = 2; i <= 5; i++)
        expect(q, 0, i);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < 3; i++)
        CHECK_OK(calls[i].result);
    expect_nothing(q);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

static int put_by_number(struct call *c)
{
    return weft_queue_put(c->on, &(struct job){c->item, c->item});
}

TASK_TEST(queue, put_that_waited_takes_its_place_by_priority)
{
    (void)arg;
    weft_queue *q = make(3, WEFT_QUEUE_PRIORITY);
    struct call calls[3];
    weft_group *g = weft_group_open(NULL);
    static const int waiting[3] = {9, 2, 6}, order[6] = {1, 4, 2, 6, 7, 9};

    put(q, 7, 7);
    put(q, 1, 1);
    put(q, 4, 4);
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct call){.fn = put_by_number, .on = q, .item = waiting[i]};
        call_begin(g, &calls[i]);
    }
    for (int i = 0; i < 6; i++) /* the second get lets in the 2, the third the 6 */
        expect(q, order[i], order[i]);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    expect_nothing(q);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, get_waits_while_it_is_empty_and_is_served_in_order)
{
    (void)arg;
    for (enum weft_queue_kind kind = WEFT_QUEUE_FIFO; kind <= WEFT_QUEUE_PRIORITY; kind++) {
        weft_queue *q = make(2, kind);
        struct call calls[3];
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 3; i++) {
            calls[i] = (struct call){.fn = get_call, .on = q};
            call_begin(g, &calls[i]);
            CHECK(!calls[i].done);
        }
        CHECK_RC(weft_queue_destroy(q), WEFT_EBUSY);
        for (int i = 0; i < 3; i++)
            put(q, 0, i);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (int i = 0; i < 3; i++) {
            CHECK_OK(calls[i].result);
            CHECK_EQ(calls[i].item, i);
        }
        expect_nothing(q);
        CHECK_OK(weft_queue_destroy(q));
    }
    return 0;
}

TASK_TEST(queue, join_waits_until_all_has_been_done)
{
    (void)arg;
    weft_queue *q = make(0, WEFT_QUEUE_FIFO);
    struct call join = {.fn = join_call, .on = q}, get = {.fn = get_call, .on = q};
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_queue_join(q));
    CHECK_OK(weft_queue_try_join(q));
    CHECK_RC(weft_queue_task_done(q), WEFT_EINVAL);
    call_begin(g, &get);
    put(q, 0, 1); /* straight to the one who waits */
    put(q, 0, 2);
    call_begin(g, &join);
    CHECK_RC(weft_queue_destroy(q), WEFT_EBUSY);
    expect(q, 0, 2);
    CHECK_OK(weft_queue_task_done(q));
    sync_settle();
    CHECK(!join.done);
    CHECK_RC(weft_queue_try_join(q), WEFT_EBUSY);
    CHECK_OK(weft_queue_task_done(q));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(join.result);
    CHECK_OK(get.result);
    CHECK_RC(weft_queue_task_done(q), WEFT_EINVAL);
    CHECK_OK(weft_queue_join(q));

    put(q, 0, 3); /* and once more */
    call_begin(g, &join);
    CHECK(!join.done);
    expect(q, 0, 3);
    CHECK_OK(weft_queue_task_done(q));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(join.result);
    weft_group_close(g);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, put_that_waited_counts_as_unfinished_once_it_was_served)
{
    (void)arg;
    weft_queue *q = make(1, WEFT_QUEUE_FIFO);
    struct call call = {.fn = put_call, .on = q, .item = 2}, join = {.fn = join_call, .on = q};
    weft_group *g = weft_group_open(NULL);

    put(q, 0, 1);
    call_begin(g, &call);
    expect(q, 0, 1);
    CHECK_OK(weft_queue_task_done(q));
    call_begin(g, &join);
    CHECK(!join.done);
    expect(q, 0, 2);
    CHECK_OK(weft_queue_task_done(q));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(join.result);
    CHECK_OK(call.result);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, graceful_shutdown_lets_the_rest_be_taken)
{
    (void)arg;
    weft_queue *q = make(2, WEFT_QUEUE_FIFO);
    struct call waits = {.fn = put_call, .on = q, .item = 3}, join = {.fn = join_call, .on = q};
    weft_group *g = weft_group_open(NULL);
    struct job j;

    put(q, 0, 1);
    put(q, 0, 2);
    call_begin(g, &waits);
    CHECK_EQ(weft_queue_shutdown(q, WEFT_QUEUE_GRACEFUL), 0);
    CHECK_OK(weft_group_wait(g));
    CHECK_RC(waits.result, WEFT_ECLOSED);
    CHECK_RC(weft_queue_put(q, &(struct job){0, 4}), WEFT_ECLOSED);
    CHECK_RC(weft_queue_try_put(q, &(struct job){0, 4}), WEFT_ECLOSED);
    CHECK_EQ(weft_queue_shutdown(q, WEFT_QUEUE_GRACEFUL), 0);
    call_begin(g, &join);
    expect(q, 0, 1);
    expect(q, 0, 2);
    CHECK_RC(weft_queue_get(q, &j), WEFT_ECLOSED);
    CHECK_RC(weft_queue_try_get(q, &j), WEFT_ECLOSED);
    sync_settle();
    CHECK(!join.done);
    CHECK_OK(weft_queue_task_done(q));
    CHECK_OK(weft_queue_task_done(q));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(join.result);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, shutdown_wakes_those_who_wait_for_items)
{
    (void)arg;
    for (enum weft_queue_end how = WEFT_QUEUE_GRACEFUL; how <= WEFT_QUEUE_IMMEDIATE; how++) {
        weft_queue *q = make(2, WEFT_QUEUE_LIFO);
        struct call calls[2] = {{.fn = get_call, .on = q}, {.fn = get_call, .on = q}};
        weft_group *g = weft_group_open(NULL);

        call_begin(g, &calls[0]);
        call_begin(g, &calls[1]);
        CHECK_EQ(weft_queue_shutdown(q, how), 0);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_RC(calls[0].result, WEFT_ECLOSED);
        CHECK_RC(calls[1].result, WEFT_ECLOSED);
        CHECK_OK(weft_queue_destroy(q));
    }
    return 0;
}

TASK_TEST(queue, immediate_shutdown_drops_the_rest_and_counts_it_as_done)
{
    (void)arg;
    for (enum weft_queue_kind kind = WEFT_QUEUE_FIFO; kind <= WEFT_QUEUE_PRIORITY; kind++) {
        weft_queue *q = make(3, kind);
        struct call waits = {.fn = put_call, .on = q, .item = 4}, join = {.fn = join_call, .on = q};
        weft_group *g = weft_group_open(NULL);
        struct job j;

        for (int i = 0; i < 3; i++)
            put(q, 0, i);
        CHECK_OK(weft_queue_get(q, &j));
        put(q, 0, 3);
        call_begin(g, &waits);
        call_begin(g, &join);
        if (kind == WEFT_QUEUE_LIFO) /* also after a graceful one */
            CHECK_EQ(weft_queue_shutdown(q, WEFT_QUEUE_GRACEFUL), 0);
        CHECK_EQ(weft_queue_shutdown(q, WEFT_QUEUE_IMMEDIATE), 3);
        CHECK_EQ(weft_queue_shutdown(q, WEFT_QUEUE_IMMEDIATE), 0);
        while (!waits.done)
            CHECK_OK(weft_yield());
        CHECK_RC(waits.result, WEFT_ECLOSED);
        CHECK_RC(weft_queue_try_get(q, &j), WEFT_ECLOSED);
        CHECK_RC(weft_queue_put(q, &j), WEFT_ECLOSED);
        sync_settle();
        CHECK(!join.done); /* one was taken, and is not done */
        CHECK_OK(weft_queue_task_done(q));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_OK(join.result);
        CHECK_RC(weft_queue_task_done(q), WEFT_EINVAL);
        CHECK_OK(weft_queue_destroy(q));
    }
    return 0;
}

TASK_TEST(queue, calls_in_a_canceled_scope_say_so_and_do_nothing)
{
    (void)arg;
    weft_queue *q = make(2, WEFT_QUEUE_FIFO);
    struct call get = {.fn = get_call, .on = q, .item = -1}, p = {.fn = put_call, .on = q, .item = 9},
                join = {.fn = join_call, .on = q};

    CHECK_RC(call_canceled(&join), WEFT_ECANCELED);
    put(q, 0, 1);
    CHECK_RC(call_canceled(&get), WEFT_ECANCELED);
    CHECK_RC(call_canceled(&p), WEFT_ECANCELED);
    CHECK_EQ(get.item, -1);
    CHECK_EQ(weft_queue_size(q), 1);
    expect(q, 0, 1);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, waiters_that_are_canceled_strand_nobody)
{
    (void)arg;
    weft_queue *q = make(1, WEFT_QUEUE_FIFO);
    struct three t = {{.fn = get_call, .on = q}, {.fn = get_call, .on = q, .item = -1}, {.fn = get_call, .on = q}};
    weft_group *g = weft_group_open(NULL);

    three_begin(g, &t);
    put(q, 0, 1);
    put(q, 0, 2);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(t.before.item, 1);
    CHECK_EQ(t.behind.item, 2);
    CHECK_EQ(t.canceled.item, -1);

    put(q, 0, 1);
    t = (struct three){{.fn = put_call, .on = q, .item = 2},
                       {.fn = put_call, .on = q, .item = 99},
                       {.fn = put_call, .on = q, .item = 3}};
    three_begin(g, &t);
    for (int i = 1; i <= 3; i++)
        expect(q, 0, i);
    expect_nothing(q);
    CHECK_OK(weft_group_wait(g));
    for (int i = 0; i < 5; i++)
        CHECK_OK(weft_queue_task_done(q));

    put(q, 0, 1);
    t = (struct three){{.fn = join_call, .on = q}, {.fn = join_call, .on = q}, {.fn = join_call, .on = q}};
    three_begin(g, &t);
    CHECK_OK(weft_queue_task_done(q));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(t.before.result);
    CHECK_OK(t.behind.result);
    weft_group_close(g);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, item_and_cancellation_meet_and_the_item_is_taken_once)
{
    (void)arg;
    weft_queue *q = make(1, WEFT_QUEUE_FIFO);

    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        struct call call = {.fn = get_call, .on = q, .item = -1};
        weft_group *g = weft_group_open(NULL);

        weft_spawn(g, call_task, &call);
        if (i % 2 == 0)
            CHECK_OK(weft_yield());
        int rc = weft_queue_try_put(q, &(struct job){0, i});
        weft_group_close(g);
        CHECK_OK(rc);
        if (call.result == 0) {
            CHECK_EQ(call.item, i);
            expect_nothing(q);
        } else {
            CHECK_RC(call.result, WEFT_ECANCELED);
            expect(q, 0, i);
        }
    }
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, deadlines_end_waits)
{
    (void)arg;
    weft_queue *q = make(1, WEFT_QUEUE_FIFO);
    struct call get = {.fn = get_call, .on = q}, p = {.fn = put_call, .on = q, .item = 1},
                join = {.fn = join_call, .on = q};

    CHECK_RC(call_with_deadline(&get), WEFT_ETIMEDOUT);
    CHECK_OK(call_with_deadline(&p));
    CHECK_RC(call_with_deadline(&p), WEFT_ETIMEDOUT);
    CHECK_RC(call_with_deadline(&join), WEFT_ETIMEDOUT);
    CHECK_OK(call_with_deadline(&get));
    expect_nothing(q);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

TASK_TEST(queue, plain_threads_put_get_and_join)
{
    (void)arg;
    weft_queue *q = make(1, WEFT_QUEUE_FIFO);
    struct call get = {.fn = get_call, .on = q}, p = {.fn = put_call, .on = q, .item = 7},
                join = {.fn = join_call, .on = q};
    pthread_t threads[2];

    call_begin_thread(&threads[0], &get);
    put(q, 0, 5);
    call_end_thread(threads[0], &get);
    CHECK_OK(get.result);
    CHECK_EQ(get.item, 5);
    put(q, 0, 6);
    call_begin_thread(&threads[0], &p);
    call_begin_thread(&threads[1], &join);
    CHECK(!p.done && !join.done);
    expect(q, 0, 6);
    call_end_thread(threads[0], &p);
    CHECK_OK(p.result);
    expect(q, 0, 7);
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_queue_task_done(q));
    call_end_thread(threads[1], &join);
    CHECK_OK(join.result);
    CHECK_OK(weft_queue_destroy(q));
    return 0;
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

static void without_memory(bool on)
{
    A_STORE(&weft__fault_hook, on ? no_memory : NULL, relaxed);
}

TASK_TEST(queue, put_without_memory_says_so_and_loses_nothing)
{
    (void)arg;
    for (enum weft_queue_kind kind = WEFT_QUEUE_FIFO; kind <= WEFT_QUEUE_PRIORITY; kind++) {
        weft_queue *q = make(0, kind);
        struct job j = {0, 2};

        put(q, 0, 1);
        without_memory(true);
        int rc = weft_queue_put(q, &j), tried = weft_queue_try_put(q, &j);
        without_memory(false);
        CHECK_RC(rc, WEFT_ENOMEM);
        CHECK_RC(tried, WEFT_ENOMEM);
        CHECK_EQ(weft_queue_size(q), 1);
        expect(q, 0, 1);
        without_memory(true);
        rc = weft_queue_put(q, &j); /* there is a node to spare */
        without_memory(false);
        CHECK_OK(rc);
        expect(q, 0, 2);
        CHECK_OK(weft_queue_task_done(q));
        CHECK_OK(weft_queue_task_done(q));
        CHECK_RC(weft_queue_task_done(q), WEFT_EINVAL);
        CHECK_OK(weft_queue_destroy(q));
    }
    without_memory(true);
    weft_queue *none = weft_queue_create(1, NULL);
    without_memory(false);
    CHECK_NULL(none);
    return 0;
}

/* What comes between while a put allocates, without the lock. */
static weft_queue *meanwhile_on;
static enum meanwhile { MEANWHILE_NOTHING, MEANWHILE_SHUT, MEANWHILE_FULL, MEANWHILE_GET } meanwhile;

static bool interrupt(enum weft__seam what)
{
    struct job j = {0, 7};

    if (what != WEFT__SEAM_ALLOC)
        return false;
    switch (meanwhile) {
    case MEANWHILE_NOTHING:
        break;
    case MEANWHILE_SHUT:
        CHECK_EQ(weft_queue_shutdown(meanwhile_on, WEFT_QUEUE_GRACEFUL), 0);
        break;
    case MEANWHILE_FULL:
        meanwhile = MEANWHILE_NOTHING;
        CHECK_OK(weft_queue_try_put(meanwhile_on, &j));
        break;
    case MEANWHILE_GET:
        CHECK_OK(weft_queue_try_get(meanwhile_on, &j));
        break;
    }
    return false;
}

static int put_interrupted(weft_queue *q, enum meanwhile what)
{
    meanwhile_on = q;
    meanwhile = what;
    A_STORE(&weft__fault_hook, interrupt, relaxed);
    int rc = weft_queue_try_put(q, &(struct job){0, 2});
    A_STORE(&weft__fault_hook, NULL, relaxed);
    return rc;
}

WEFT_TEST(queue, put_looks_again_after_it_has_allocated)
{
    weft_queue *q = make(2, WEFT_QUEUE_FIFO);
    struct job j;

    put(q, 0, 1);
    CHECK_RC(put_interrupted(q, MEANWHILE_FULL), WEFT_EFULL);
    CHECK_EQ(weft_queue_size(q), 2);
    expect(q, 0, 1);
    expect(q, 0, 7);
    expect_nothing(q);
    CHECK_OK(weft_queue_destroy(q));

    q = make(2, WEFT_QUEUE_FIFO);
    put(q, 0, 1);
    CHECK_OK(put_interrupted(q, MEANWHILE_GET)); /* whose node it takes */
    expect(q, 0, 2);
    expect_nothing(q);
    CHECK_OK(weft_queue_destroy(q));

    q = make(2, WEFT_QUEUE_FIFO);
    CHECK_RC(put_interrupted(q, MEANWHILE_SHUT), WEFT_ECLOSED);
    CHECK_RC(weft_queue_try_get(q, &j), WEFT_ECLOSED);
    CHECK_OK(weft_queue_join(q));
    CHECK_OK(weft_queue_destroy(q));
}

WEFT_TEST(queue, arguments_without_sense_make_none)
{
    CHECK_NULL(weft_queue_create(0, NULL));
    CHECK_NULL(weft_queue_create(SIZE_MAX, NULL));
    CHECK_NULL(weft_queue_create(1, &(weft_queue_options){.kind = WEFT_QUEUE_PRIORITY}));
    CHECK_NULL(weft_queue_create(1, &(weft_queue_options){.priority = priority_of}));
    CHECK_NULL(weft_queue_create(1, &(weft_queue_options){.kind = 3}));
    CHECK_NULL(weft_queue_create(1, &(weft_queue_options){.reserved = {0, 0, 0, 1}}));
    CHECK_OK(weft_queue_destroy(NULL));
}
