/* SPDX-License-Identifier: MIT */
/* On a thread of a runtime that runs no task nothing may wait: every call that might is WEFT_ENOTASK, and the others are as ever. */
#include "sched/worker.h"
#include "tests/sync/sync.h"

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int open_nothing(void **resource, void *arg)
{
    *resource = arg;
    return 0;
}

static void close_nothing(void *resource, void *arg)
{
    (void)resource;
    (void)arg;
}

static void locks_do_not_wait(void)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_condition condition = WEFT_CONDITION_INIT;
    weft_rwlock rwlock = WEFT_RWLOCK_INIT;
    weft_once once = WEFT_ONCE_INIT;

    CHECK_RC(weft_mutex_lock(&mutex), WEFT_ENOTASK);
    CHECK_RC(weft_mutex_try_lock(&mutex), WEFT_ENOTASK);
    CHECK_RC(weft_mutex_unlock(&mutex), WEFT_ENOTASK);
    CHECK(!weft_mutex_owned(&mutex));
    CHECK_RC(weft_condition_wait(&condition, &mutex), WEFT_ENOTASK);
    weft_condition_broadcast(&condition);
    CHECK_RC(weft_rwlock_read_lock(&rwlock), WEFT_ENOTASK);
    CHECK_RC(weft_rwlock_write_lock(&rwlock), WEFT_ENOTASK);
    CHECK_OK(weft_rwlock_try_read_lock(&rwlock));
    CHECK_OK(weft_rwlock_read_unlock(&rwlock));
    CHECK_RC(weft_once_do(&once, nothing, NULL), WEFT_ENOTASK);
    CHECK(!weft_once_done(&once));
    CHECK_OK(weft_mutex_fini(&mutex));
    CHECK_OK(weft_condition_fini(&condition));
    CHECK_OK(weft_rwlock_fini(&rwlock));
    CHECK_OK(weft_once_fini(&once));
}

static void signals_do_not_wait(void)
{
    weft_semaphore semaphore = WEFT_SEMAPHORE_INIT(1);
    weft_event event = WEFT_EVENT_INIT;
    weft_notify notify = WEFT_NOTIFY_INIT;
    weft_latch latch = WEFT_LATCH_INIT(1);
    weft_barrier barrier = WEFT_BARRIER_INIT(1);

    /* Also where it would not have to. */
    CHECK_RC(weft_semaphore_acquire(&semaphore), WEFT_ENOTASK);
    CHECK_OK(weft_semaphore_try_acquire(&semaphore));
    CHECK_OK(weft_semaphore_release(&semaphore));
    weft_event_set(&event);
    CHECK_RC(weft_event_wait(&event), WEFT_ENOTASK);
    weft_notify_one(&notify);
    CHECK_RC(weft_notify_wait(&notify), WEFT_ENOTASK);
    CHECK_RC(weft_notify_wait_since(&notify, 7), WEFT_ENOTASK);
    CHECK_OK(weft_notify_try_wait(&notify));
    CHECK_RC(weft_latch_arrive_and_wait(&latch), WEFT_ENOTASK);
    CHECK_EQ(weft_latch_count(&latch), 1);
    CHECK_OK(weft_latch_count_down(&latch, 1));
    CHECK_RC(weft_latch_wait(&latch), WEFT_ENOTASK);
    CHECK_RC(weft_barrier_wait(&barrier), WEFT_ENOTASK);
    CHECK_OK(weft_barrier_try_wait(&barrier));
    CHECK_EQ(weft_semaphore_value(&semaphore), 1);
}

static void values_do_not_wait(void)
{
    int value = 1, out = 0;
    weft_future future = WEFT_FUTURE_INIT(value);
    weft_watch watch = WEFT_WATCH_INIT(value);
    weft_watch_reader reader = {{0}};
    weft_broadcast *broadcast = weft_broadcast_create(sizeof(int), 1);
    weft_subscriber subscriber;
    weft_queue *queue = weft_queue_create(sizeof(int), NULL);
    weft_resource_pool *pool =
        weft_resource_pool_create(&(weft_resource_pool_options){.open = open_nothing, .close = close_nothing});
    void *resource;

    CHECK(broadcast != NULL && queue != NULL && pool != NULL);
    CHECK_OK(weft_future_set(&future, &(int){2}));
    CHECK_RC(weft_future_wait(&future, &out), WEFT_ENOTASK);
    CHECK_OK(weft_future_try_get(&future, &out));
    CHECK_RC(weft_watch_changed(&watch, &reader, &out), WEFT_ENOTASK);
    CHECK_OK(weft_watch_try_changed(&watch, &reader, &out));
    weft_subscribe(&subscriber, broadcast);
    CHECK_OK(weft_broadcast_send(broadcast, &(int){3}));
    CHECK_RC(weft_broadcast_recv(&subscriber, &out, NULL), WEFT_ENOTASK);
    CHECK_OK(weft_broadcast_try_recv(&subscriber, &out, NULL));
    CHECK_EQ(out, 3);
    CHECK_RC(weft_queue_put(queue, &out), WEFT_ENOTASK);
    CHECK_OK(weft_queue_try_put(queue, &out));
    CHECK_RC(weft_queue_get(queue, &out), WEFT_ENOTASK);
    CHECK_RC(weft_queue_join(queue), WEFT_ENOTASK);
    CHECK_OK(weft_queue_try_get(queue, &out));
    CHECK_RC(weft_resource_pool_acquire(pool, &resource), WEFT_ENOTASK);
    CHECK_RC(weft_resource_pool_tend(pool), WEFT_ENOTASK);
    CHECK_OK(weft_resource_pool_try_acquire(pool, &resource));
    CHECK_OK(weft_resource_pool_release(pool, resource));
    CHECK_OK(weft_broadcast_destroy(broadcast));
    CHECK_OK(weft_queue_destroy(queue));
    CHECK_OK(weft_resource_pool_destroy(pool));
}

static void channels_do_not_wait(void)
{
    weft_chan *c = weft_chan_create(sizeof(int), 4);
    int items[2] = {1, 2}, got[2] = {0, 0};

    CHECK_NOT_NULL(c);
    CHECK_RC(weft_chan_send(c, items), WEFT_ENOTASK);
    CHECK_RC(weft_chan_send_many(c, items, 2), WEFT_ENOTASK);
    CHECK_EQ(weft_chan_length(c), 0);
    CHECK_EQ(weft_chan_try_send_many(c, items, 2), 2);
    CHECK_RC(weft_chan_recv(c, got), WEFT_ENOTASK);
    CHECK_RC(weft_chan_recv_many(c, got, 2), WEFT_ENOTASK);

    weft_case cases[] = {WEFT_RECV(c, &got[0]), WEFT_DEFAULT};
    CHECK_RC(weft_select(cases, 1), WEFT_ENOTASK);
    CHECK_RC(weft_select(cases, 2), 0);
    CHECK_OK(weft_chan_try_recv(c, &got[1]));
    CHECK(got[0] == 1 && got[1] == 2);
    CHECK_RC(weft_select(cases, 2), 1);
    CHECK_OK(weft_chan_destroy(c));
}

/* No code of a program runs there but destructors of the thread's own data, so the task that stands for it is taken away. */
static int app(void *arg)
{
    struct weft__worker *worker = weft__worker_self();
    struct weft__task *task = worker->current;

    (void)arg;
    worker->current = NULL;
    CHECK_RC(weft_yield(), WEFT_ENOTASK);
    locks_do_not_wait();
    signals_do_not_wait();
    values_do_not_wait();
    channels_do_not_wait();
    worker->current = task;
    return weft_yield();
}

WEFT_TEST(no_task, nothing_waits_on_a_thread_of_a_runtime_that_runs_no_task)
{
    CHECK_OK(test_run(app, NULL));
}
