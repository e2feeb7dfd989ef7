/* SPDX-License-Identifier: MIT */
/* Whoever ends what others wait for, or breaks the rules of a lock, is told a code, and named on stderr in debug mode, and only there. */
#include <string.h>

#include "tests/sched/process.h"
#include "tests/sync/values.h"

/* What is ended while somebody waits for it. */

static int wait_for_mutex(struct call *c)
{
    int rc = weft_mutex_lock(c->on);

    return rc < 0 ? rc : weft_mutex_unlock(c->on);
}

static int wait_to_read(struct call *c)
{
    int rc = weft_rwlock_read_lock(c->on);

    return rc < 0 ? rc : weft_rwlock_read_unlock(c->on);
}

static weft_mutex of_condition = WEFT_MUTEX_INIT;

static int wait_for_condition(struct call *c)
{
    CHECK_OK(weft_mutex_lock(&of_condition));
    int rc = weft_condition_wait(c->on, &of_condition);
    CHECK_OK(weft_mutex_unlock(&of_condition));
    return rc;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int wait_for_once(struct call *c)
{
    return weft_once_do(c->on, nothing, NULL);
}

static int wait_for_semaphore(struct call *c)
{
    return weft_semaphore_acquire_n(c->on, 2);
}

static int wait_for_event(struct call *c)
{
    return weft_event_wait(c->on);
}

static int wait_for_notify(struct call *c)
{
    return weft_notify_wait(c->on);
}

static int wait_for_latch(struct call *c)
{
    return weft_latch_wait(c->on);
}

static int wait_for_barrier(struct call *c)
{
    return weft_barrier_wait(c->on);
}

/* Its function ends a once that it runs, or waits for it, while another task waits. */
static int misuse_once(void *arg)
{
    weft_once *once = arg;
    struct call waiter = {.fn = wait_for_once, .on = once};
    weft_group *g = weft_group_open(NULL);

    call_begin(g, &waiter);
    CHECK_RC(weft_once_fini(once), WEFT_EBUSY);
    CHECK_RC(weft_once_do(once, nothing, NULL), WEFT_EDEADLK);
    weft_group_close(g);
    CHECK_RC(waiter.result, WEFT_ECANCELED);
    return 0;
}

static int end_what_is_waited_for(void *arg)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_rwlock rwlock = WEFT_RWLOCK_INIT;
    weft_condition condition = WEFT_CONDITION_INIT;
    weft_once once = WEFT_ONCE_INIT;
    weft_semaphore semaphore = WEFT_SEMAPHORE_INIT(1), bounded = WEFT_BOUNDED_SEMAPHORE_INIT(1);
    weft_event event = WEFT_EVENT_INIT;
    weft_notify notify = WEFT_NOTIFY_INIT;
    weft_latch latch = WEFT_LATCH_INIT(1);
    weft_barrier barrier = WEFT_BARRIER_INIT(2);
    struct call calls[] = {{.fn = wait_for_mutex, .on = &mutex},         {.fn = wait_to_read, .on = &rwlock},
                           {.fn = wait_for_condition, .on = &condition}, {.fn = wait_for_semaphore, .on = &semaphore},
                           {.fn = wait_for_event, .on = &event},         {.fn = wait_for_notify, .on = &notify},
                           {.fn = wait_for_latch, .on = &latch},         {.fn = wait_for_barrier, .on = &barrier}};
    enum { CALLS = sizeof calls / sizeof calls[0] };
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_mutex_lock(&mutex));
    CHECK_OK(weft_rwlock_write_lock(&rwlock));
    for (int i = 0; i < CALLS; i++)
        call_begin(g, &calls[i]);
    CHECK_RC(weft_mutex_fini(&mutex), WEFT_EBUSY);
    CHECK_RC(weft_rwlock_fini(&rwlock), WEFT_EBUSY);
    CHECK_RC(weft_condition_fini(&condition), WEFT_EBUSY);
    CHECK_OK(weft_once_do(&once, misuse_once, &once));
    CHECK_RC(weft_semaphore_fini(&semaphore), WEFT_EBUSY);
    CHECK_OK(weft_semaphore_acquire(&bounded));
    CHECK_RC(weft_semaphore_fini(&bounded), WEFT_EBUSY);
    CHECK_RC(weft_event_fini(&event), WEFT_EBUSY);
    CHECK_RC(weft_notify_fini(&notify), WEFT_EBUSY);
    CHECK_RC(weft_latch_fini(&latch), WEFT_EBUSY);
    CHECK_RC(weft_barrier_fini(&barrier), WEFT_EBUSY);

    /* Nothing has changed: all still wait, and are let go as ever. */
    for (int i = 0; i < CALLS; i++)
        CHECK(!calls[i].done);
    CHECK_OK(weft_mutex_unlock(&mutex));
    CHECK_OK(weft_rwlock_write_unlock(&rwlock));
    weft_condition_signal(&condition);
    CHECK_OK(weft_semaphore_release(&semaphore));
    CHECK_OK(weft_semaphore_release(&bounded));
    weft_event_set(&event);
    weft_notify_one(&notify);
    CHECK_OK(weft_latch_count_down(&latch, 1));
    CHECK_RC(weft_barrier_wait(&barrier), 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < CALLS; i++)
        CHECK_OK(calls[i].result);
    CHECK_OK(weft_mutex_fini(&mutex));
    CHECK_OK(weft_rwlock_fini(&rwlock));
    CHECK_OK(weft_condition_fini(&condition));
    CHECK_OK(weft_once_fini(&once));
    CHECK_OK(weft_semaphore_fini(&semaphore));
    CHECK_OK(weft_semaphore_fini(&bounded));
    CHECK_OK(weft_event_fini(&event));
    CHECK_OK(weft_notify_fini(&notify));
    CHECK_OK(weft_latch_fini(&latch));
    CHECK_OK(weft_barrier_fini(&barrier));
    return 0;
}

/* Locks. */

static weft_rwlock global = WEFT_RWLOCK_INIT;

static int end_writing(void *arg)
{
    (void)arg;
    CHECK_OK(weft_rwlock_write_lock(&global));
    return 0;
}

static int break_the_rules_of_locks(void *arg)
{
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_condition condition = WEFT_CONDITION_INIT;

    (void)arg;
    CHECK_RC(weft_condition_wait(&condition, &mutex), WEFT_EPERM);
    CHECK_RC(weft_rwlock_read_unlock(&global), WEFT_EPERM);
    CHECK_RC(weft_rwlock_write_unlock(&global), WEFT_EPERM);
    CHECK_OK(weft_rwlock_write_lock(&global));
    CHECK_RC(weft_rwlock_read_lock(&global), WEFT_EDEADLK);
    CHECK_OK(weft_rwlock_write_unlock(&global));
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, end_writing, NULL);
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_RC(weft_rwlock_write_lock(&global), WEFT_EBROKEN);
    CHECK_OK(weft_rwlock_fini(&global));
    return 0;
}

/* What is said of it. */

static weft_fn misuse;
static bool debug;

static void run_misuse(void)
{
    CHECK_OK(weft_run_with(misuse, NULL, &(weft_runtime_options){.workers = test_workers(), .debug = debug}));
}

/* `reports` in this order, and no others; without debug mode none. */
static void check_reports(weft_fn fn, const char *const *reports, int count)
{
    static char said[8192];
    const char *at = said;

    (void)unsetenv("WEFT_DEBUG");
    misuse = fn;
    debug = true;
    CHECK_EQ(process_listen(run_misuse, said, sizeof said), 0);
    for (int i = 0; i < count; i++) {
        at = strstr(at, reports[i]);
        if (at == NULL)
            FAIL("no report \"%s\" in its place in: %s", reports[i], said);
        at += strlen(reports[i]);
    }
    CHECK_STR_EQ(at, "");
    debug = false;
    CHECK_EQ(process_listen(run_misuse, said, sizeof said), 0);
    CHECK_STR_EQ(said, "");
}

WEFT_TEST(misuse, who_ends_what_is_waited_for_changes_nothing_and_is_named_in_debug_mode)
{
    static const char *const reports[] = {
        " ends a mutex that is held or waited for\n",
        " ends a read-write lock that is held or waited for\n",
        " ends a condition that is waited for\n",
        " ends a once whose function runs\n",
        " waits for a once whose function it runs\n",
        " ends a semaphore that is waited for, or whose permits are out\n",
        " ends a semaphore that is waited for, or whose permits are out\n",
        " ends an event that is waited for\n",
        " ends a notification that is waited for\n",
        " ends a latch that is waited for\n",
        " ends a barrier that is waited for\n",
    };

    check_reports(end_what_is_waited_for, reports, sizeof reports / sizeof reports[0]);
}

WEFT_TEST(misuse, who_breaks_the_rules_of_a_lock_is_named_in_debug_mode)
{
    static const char *const reports[] = {
        " waits for a condition with a mutex that it does not hold\n",
        " ends a reading that nobody has begun\n",
        " ends a writing that it has not begun\n",
        " locks what it has locked for writing\n",
        " ended while it held a lock for writing\n",
    };

    check_reports(break_the_rules_of_locks, reports, sizeof reports / sizeof reports[0]);
}
