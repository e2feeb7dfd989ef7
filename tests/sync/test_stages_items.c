/* SPDX-License-Identifier: MIT */
/* The stages of a wait (stages.h), and its deadline, for what hands something out: queues of each kind, pools, bounded semaphores, and rounds. */
#include "tests/sync/stages.h"

enum { THREE = 3 }; /* are served of the four */

static weft_semaphore semaphore;
static weft_notify notify;
static weft_queue *queue;
static enum weft_queue_kind queue_kind;
static weft_resource_pool *pool;
static void *resources[THREE];

/* Permits. */

static void semaphore_prepare(void)
{
    CHECK_OK(weft_bounded_semaphore_init(&semaphore, THREE));
    CHECK_OK(weft_semaphore_acquire_n(&semaphore, THREE));
}

static int semaphore_wait(void *on, uint64_t n)
{
    (void)on;
    return weft_semaphore_acquire_n(&semaphore, n);
}

static void semaphore_wake(void)
{
    CHECK_OK(weft_semaphore_release_n(&semaphore, THREE));
}

static int semaphore_end(void)
{
    CHECK_EQ(weft_semaphore_value(&semaphore), 0);
    CHECK_OK(weft_semaphore_release_n(&semaphore, THREE));
    return weft_semaphore_fini(&semaphore);
}

/* The round in which they came. */

static void notify_prepare(void)
{
    weft_notify_init(&notify);
}

static int notify_wait(void *on, uint64_t n)
{
    (void)on;
    (void)n;
    return weft_notify_wait_since(&notify, weft_notify_round(&notify));
}

static void notify_wake(void)
{
    weft_notify_all(&notify);
}

static int notify_end(void)
{
    CHECK_RC(weft_notify_try_wait(&notify), WEFT_EAGAIN);
    return weft_notify_fini(&notify);
}

/* Items of a queue. */

static int64_t priority(const void *item)
{
    return *(const int *)item;
}

static void queue_prepare(void)
{
    weft_queue_options options = {.capacity = 1, .kind = queue_kind};

    if (queue_kind == WEFT_QUEUE_PRIORITY)
        options.priority = priority;
    queue = weft_queue_create(sizeof(int), &options);
    CHECK_NOT_NULL(queue);
}

static int queue_get(void *on, uint64_t n)
{
    int item, rc = weft_queue_get(queue, &item);

    (void)on;
    (void)n;
    return rc < 0 ? rc : item == 1 ? 0 : WEFT_EINVAL;
}

static void queue_wake_getters(void)
{
    for (int i = 0; i < THREE; i++)
        CHECK_OK(weft_queue_try_put(queue, &(int){1}));
}

static int queue_end(void)
{
    int item;

    CHECK_RC(weft_queue_try_get(queue, &item), WEFT_EEMPTY);
    return weft_queue_destroy(queue);
}

/* And room in one. */

static void queue_prepare_full(void)
{
    queue_prepare();
    CHECK_OK(weft_queue_try_put(queue, &(int){1}));
}

static int queue_put(void *on, uint64_t n)
{
    (void)on;
    (void)n;
    return weft_queue_put(queue, &(int){1});
}

static void queue_wake_putters(void)
{
    int item;

    for (int i = 0; i < THREE; i++)
        CHECK_OK(weft_queue_try_get(queue, &item));
}

static int queue_end_full(void)
{
    int item;

    CHECK_OK(weft_queue_try_get(queue, &item));
    return queue_end();
}

/* Resources. */

static int open_nothing(void **resource, void *arg)
{
    *resource = arg;
    return 0;
}

static void close_nothing(void *resource, void *arg)
{
    CHECK_EQ((uintptr_t)resource, (uintptr_t)arg);
}

static void pool_prepare(void)
{
    pool = weft_resource_pool_create(
        &(weft_resource_pool_options){.open = open_nothing, .close = close_nothing, .arg = &pool, .max = THREE});
    CHECK_NOT_NULL(pool);
    for (int i = 0; i < THREE; i++)
        CHECK_OK(weft_resource_pool_acquire(pool, &resources[i]));
}

static int pool_wait(void *on, uint64_t n)
{
    void *resource;
    int rc = weft_resource_pool_acquire(pool, &resource);

    (void)on;
    (void)n;
    return rc < 0 ? rc : weft_resource_pool_release(pool, resource);
}

static void pool_wake(void)
{
    for (int i = 0; i < THREE; i++)
        CHECK_OK(weft_resource_pool_release(pool, resources[i]));
}

static int pool_end(void)
{
    weft_resource_pool_stats stats;

    weft_resource_pool_get_stats(pool, &stats);
    CHECK_EQ(stats.idle, stats.open);
    CHECK_EQ(stats.waiting, 0);
    CHECK_OK(weft_resource_pool_close(pool));
    return weft_resource_pool_destroy(pool);
}

/* The stages. */

static const struct stages_kind permits = {semaphore_prepare, semaphore_wait, semaphore_wake, semaphore_end, false};
static const struct stages_kind rounds = {notify_prepare, notify_wait, notify_wake, notify_end, false};
static const struct stages_kind items = {queue_prepare, queue_get, queue_wake_getters, queue_end, true};
static const struct stages_kind room = {queue_prepare_full, queue_put, queue_wake_putters, queue_end_full, true};
static const struct stages_kind things = {pool_prepare, pool_wait, pool_wake, pool_end, true};
static const enum weft_queue_kind kinds[] = {WEFT_QUEUE_FIFO, WEFT_QUEUE_LIFO, WEFT_QUEUE_PRIORITY};

ONE_WORKER_TEST(stages_items, of_waiters_for_permits_of_a_bounded_semaphore)
{
    (void)arg;
    stages_run(&permits);
    return 0;
}

ONE_WORKER_TEST(stages_items, of_waiters_for_the_end_of_a_round)
{
    (void)arg;
    stages_run(&rounds);
    return 0;
}

ONE_WORKER_TEST(stages_items, of_getters_of_each_kind_of_queue)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        queue_kind = kinds[i];
        stages_run(&items);
    }
    return 0;
}

ONE_WORKER_TEST(stages_items, of_putters_of_each_kind_of_queue)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        queue_kind = kinds[i];
        stages_run(&room);
    }
    return 0;
}

ONE_WORKER_TEST(stages_items, of_waiters_for_a_resource)
{
    (void)arg;
    stages_run(&things);
    return 0;
}

/* A wait that times out takes nothing: what comes afterwards is all there. */
static void time_out(const struct stages_kind *kind)
{
    weft_scope *scope;

    kind->prepare();
    scope = weft_scope_open(weft_after_ms(5));
    CHECK_NOT_NULL(scope);
    CHECK_RC((int)weft_scope_close(scope, kind->wait(NULL, 1)), WEFT_ETIMEDOUT);
}

TASK_TEST(stages_items, deadlines_end_each_of_these_waits)
{
    (void)arg;
    time_out(&permits);
    semaphore_wake();
    CHECK_OK(weft_semaphore_try_acquire_n(&semaphore, THREE));
    CHECK_OK(semaphore_end());
    time_out(&rounds);
    CHECK_OK(notify_end());
    time_out(&things);
    pool_wake();
    CHECK_OK(pool_end());
    for (int i = 0; i < 3; i++) {
        queue_kind = kinds[i];
        time_out(&items);
        CHECK_OK(queue_end());
        time_out(&room);
        CHECK_OK(queue_end_full());
    }
    return 0;
}
