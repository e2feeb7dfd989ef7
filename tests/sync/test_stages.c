/* SPDX-License-Identifier: MIT */
/* The stages of a wait (stages.h), for every primitive that can let several go at once. test_stages_items.c has those that hand items out. */
#include "tests/sync/stages.h"

/* What they wait for. */

static weft_mutex mutex;
static weft_condition condition;
static weft_rwlock rwlock;
static weft_semaphore semaphore;
static weft_event event;
static weft_notify notify;
static weft_latch latch;
static weft_future future;
static weft_watch watch;
static weft_broadcast *broadcast;
static weft_queue *queue;

static void condition_prepare(void)
{
    weft_mutex_init(&mutex);
    weft_condition_init(&condition);
}

static int condition_wait(void *on, uint64_t n)
{
    (void)on;
    (void)n;
    CHECK_OK(weft_mutex_lock(&mutex));
    int rc = weft_condition_wait(&condition, &mutex);
    CHECK_OK(weft_mutex_unlock(&mutex));
    return rc;
}

static void condition_wake(void)
{
    weft_condition_broadcast(&condition);
}

static int condition_end(void)
{
    CHECK_OK(weft_mutex_fini(&mutex));
    return weft_condition_fini(&condition);
}

static void rwlock_prepare(void)
{
    weft_rwlock_init(&rwlock);
    CHECK_OK(weft_rwlock_write_lock(&rwlock));
}

static int rwlock_wait(void *on, uint64_t n)
{
    (void)on;
    (void)n;
    int rc = weft_rwlock_read_lock(&rwlock);
    return rc < 0 ? rc : weft_rwlock_read_unlock(&rwlock);
}

static void rwlock_wake(void)
{
    CHECK_OK(weft_rwlock_write_unlock(&rwlock));
}

static int rwlock_end(void)
{
    return weft_rwlock_fini(&rwlock);
}

static void semaphore_prepare(void)
{
    CHECK_OK(weft_semaphore_init(&semaphore, 0));
}

static int semaphore_wait(void *on, uint64_t n)
{
    (void)on;
    return weft_semaphore_acquire_n(&semaphore, n);
}

static void semaphore_wake(void)
{
    CHECK_OK(weft_semaphore_release_n(&semaphore, 3));
}

static int semaphore_end(void)
{
    CHECK_EQ(weft_semaphore_value(&semaphore), 0);
    return weft_semaphore_fini(&semaphore);
}

static void event_prepare(void)
{
    weft_event_init(&event);
}

static int event_wait(void *on, uint64_t n)
{
    (void)on;
    (void)n;
    return weft_event_wait(&event);
}

static void event_wake(void)
{
    weft_event_set(&event);
    weft_event_clear(&event);
}

static int event_end(void)
{
    return weft_event_fini(&event);
}

static void notify_prepare(void)
{
    weft_notify_init(&notify);
}

static int notify_wait(void *on, uint64_t n)
{
    (void)on;
    (void)n;
    return weft_notify_wait(&notify);
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

static void latch_prepare(void)
{
    CHECK_OK(weft_latch_init(&latch, 1));
}

static int latch_wait(void *on, uint64_t n)
{
    (void)on;
    (void)n;
    return weft_latch_wait(&latch);
}

static void latch_wake(void)
{
    CHECK_OK(weft_latch_count_down(&latch, 1));
    CHECK_OK(weft_latch_add(&latch, 1));
}

static int latch_end(void)
{
    return weft_latch_fini(&latch);
}

static void future_prepare(void)
{
    weft_future_init(&future, NULL, 0);
}

static int future_wait(void *on, uint64_t n)
{
    (void)on;
    (void)n;
    return weft_future_wait(&future, NULL);
}

static void future_wake(void)
{
    CHECK_OK(weft_future_set(&future, NULL));
}

static int future_end(void)
{
    return weft_future_fini(&future);
}

static void watch_prepare(void)
{
    weft_watch_init(&watch, NULL, 0);
}

static int watch_wait(void *on, uint64_t n)
{
    weft_watch_reader reader;

    (void)on;
    (void)n;
    weft_watch_mark_seen(&watch, &reader);
    return weft_watch_changed(&watch, &reader, NULL);
}

static void watch_wake(void)
{
    CHECK_OK(weft_watch_send(&watch, NULL));
}

static int watch_end(void)
{
    return weft_watch_fini(&watch);
}

static void broadcast_prepare(void)
{
    broadcast = weft_broadcast_create(sizeof(int), 1);
    CHECK_NOT_NULL(broadcast);
}

static int broadcast_wait(void *on, uint64_t n)
{
    weft_subscriber subscriber;
    int item;

    (void)on;
    (void)n;
    weft_subscribe(&subscriber, broadcast);
    return weft_broadcast_recv(&subscriber, &item, NULL);
}

static void broadcast_wake(void)
{
    CHECK_OK(weft_broadcast_send(broadcast, &(int){1}));
}

static int broadcast_end(void)
{
    return weft_broadcast_destroy(broadcast);
}

static void queue_prepare(void)
{
    queue = weft_queue_create(sizeof(int), NULL);
    CHECK_NOT_NULL(queue);
    CHECK_OK(weft_queue_try_put(queue, &(int){1}));
}

static int queue_wait(void *on, uint64_t n)
{
    (void)on;
    (void)n;
    return weft_queue_join(queue);
}

static void queue_wake(void)
{
    CHECK_OK(weft_queue_task_done(queue));
}

static int queue_end(void)
{
    return weft_queue_destroy(queue);
}

ONE_WORKER_TEST(stages, of_waiters_for_a_condition_met_by_a_broadcast)
{
    (void)arg;
    stages_run(&(struct stages_kind){condition_prepare, condition_wait, condition_wake, condition_end, false});
    return 0;
}

ONE_WORKER_TEST(stages, of_readers_met_by_the_end_of_a_writing)
{
    (void)arg;
    stages_run(&(struct stages_kind){rwlock_prepare, rwlock_wait, rwlock_wake, rwlock_end, false});
    return 0;
}

ONE_WORKER_TEST(stages, of_waiters_for_permits_met_by_a_release_of_several)
{
    (void)arg;
    stages_run(&(struct stages_kind){semaphore_prepare, semaphore_wait, semaphore_wake, semaphore_end, false});
    return 0;
}

ONE_WORKER_TEST(stages, of_waiters_for_an_event_met_by_set_and_clear)
{
    (void)arg;
    stages_run(&(struct stages_kind){event_prepare, event_wait, event_wake, event_end, false});
    return 0;
}

ONE_WORKER_TEST(stages, of_waiters_for_notifications_met_by_one_for_all)
{
    (void)arg;
    stages_run(&(struct stages_kind){notify_prepare, notify_wait, notify_wake, notify_end, false});
    return 0;
}

ONE_WORKER_TEST(stages, of_waiters_for_a_future_met_by_its_value)
{
    (void)arg;
    stages_run(&(struct stages_kind){future_prepare, future_wait, future_wake, future_end, false});
    return 0;
}

ONE_WORKER_TEST(stages, of_readers_of_a_watch_met_by_a_send)
{
    (void)arg;
    stages_run(&(struct stages_kind){watch_prepare, watch_wait, watch_wake, watch_end, false});
    return 0;
}

ONE_WORKER_TEST(stages, of_subscribers_met_by_an_item)
{
    (void)arg;
    stages_run(&(struct stages_kind){broadcast_prepare, broadcast_wait, broadcast_wake, broadcast_end, false});
    return 0;
}

ONE_WORKER_TEST(stages, of_waiters_for_the_end_of_the_work_met_by_it)
{
    (void)arg;
    stages_run(&(struct stages_kind){queue_prepare, queue_wait, queue_wake, queue_end, false});
    return 0;
}

/* The count was zero before the second has left: it is let through with the others. */
ONE_WORKER_TEST(stages, of_waiters_for_a_latch_met_by_its_zero)
{
    struct stages s;

    (void)arg;
    latch_prepare();
    stages_begin(&s, latch_wait, NULL);
    latch_wake();
    stages_end_with(&s, 0, 0);
    CHECK_OK(latch_end());
    return 0;
}

/* Once: the function that they wait for begins them itself. */

static weft_once once;
static struct stages around_once;
static _Atomic int tries;

static int succeed(void *arg)
{
    (void)arg;
    tries++;
    return 0;
}

static int once_wait(void *on, uint64_t n)
{
    (void)n;
    return weft_once_do(&once, succeed, on);
}

static int begin_and_return(void *rc)
{
    stages_begin(&around_once, once_wait, NULL);
    return *(int *)rc;
}

ONE_WORKER_TEST(stages, of_waiters_for_a_once_met_by_its_end)
{
    (void)arg;
    weft_once_init(&once);
    tries = 0;
    CHECK_OK(weft_once_do(&once, begin_and_return, &(int){0}));
    stages_end(&around_once);
    CHECK_EQ(tries, 0);
    CHECK_OK(weft_once_fini(&once));
    return 0;
}

/* A failure lets one go, which tries: the third is cancelled before that has made anything of it. */
ONE_WORKER_TEST(stages, of_waiters_for_a_once_met_by_its_failure)
{
    (void)arg;
    weft_once_init(&once);
    tries = 0;
    CHECK_RC(weft_once_do(&once, begin_and_return, &(int){WEFT_EINVAL}), WEFT_EINVAL);
    stages_end_with(&around_once, WEFT_ECANCELED, WEFT_ECANCELED);
    CHECK_EQ(tries, 1);
    CHECK_OK(weft_once_fini(&once));
    return 0;
}

static struct waits heir;
static weft_group *of_heir;

static int begin_an_heir_and_fail(void *arg)
{
    (void)arg;
    of_heir = weft_group_open(NULL);
    heir = (struct waits){.fn = once_wait};
    waits_begin(of_heir, &heir);
    return WEFT_EINVAL;
}

/* One that was let go to try, and is then cancelled, does try: what it calls finds the cancellation, if it asks. */
ONE_WORKER_TEST(stages, of_the_heir_of_a_once_that_is_canceled_before_it_tries)
{
    (void)arg;
    weft_once_init(&once);
    tries = 0;
    CHECK_RC(weft_once_do(&once, begin_an_heir_and_fail, NULL), WEFT_EINVAL);
    CHECK_OK(weft_group_cancel(of_heir));
    weft_group_close(of_heir);
    CHECK_OK(heir.result);
    CHECK_EQ(tries, 1);
    CHECK(weft_once_done(&once));
    CHECK_OK(weft_once_fini(&once));
    return 0;
}
