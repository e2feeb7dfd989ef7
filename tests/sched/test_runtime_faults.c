/* SPDX-License-Identifier: MIT */
/* Everything that can fail is made to fail, one call after another: each failure is a documented code, and leaves nothing. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "sched/platform.h"

#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

static bool documented(int rc)
{
    return rc == WEFT_ENOMEM || rc == WEFT_EAGAIN || rc == WEFT_EMFILE || rc == WEFT_ENFILE;
}

/* Calls left until one fails, in the whole process. */
static atomic_int until_failure;

static bool fail_nth(enum weft__seam what)
{
    (void)what;
    return atomic_fetch_sub(&until_failure, 1) == 1;
}

static void arm(weft__fault_fn *f)
{
    A_STORE(&weft__fault_hook, f, relaxed);
}

static int spawn_some(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_spawn(g, count, arg));
    CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

/* Creates a runtime again and again, with one more call that succeeds each time. Returns the number of failures. */
static int fail_creation_at_each_call(void)
{
    int failures = 0;

    for (int n = 1;; n++) {
        weft_runtime *rt = (weft_runtime *)(void *)&failures;
        int rc;

        CHECK_LT(n, 5000);
        atomic_store(&until_failure, n);
        arm(fail_nth);
        rc = weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()});
        arm(NULL);
        if (rc == 0) {
            weft_runtime_destroy(rt);
            if (atomic_load(&until_failure) > 0)
                return failures;
            continue; /* a failure that creation can do without */
        }
        failures++;
        CHECK(documented(rc));
        CHECK_NULL(rt);
    }
}

WEFT_TEST(runtime_faults, each_failure_of_creation_is_reported_and_undone)
{
    enum { SWEEPS = TEST_ASAN || TEST_TSAN ? 1 : 5 };
    struct process_state before, after;
    atomic_int ran = 0;
    int failures = 0;

    process_prepare();
    CHECK_GT(fail_creation_at_each_call(), 5);
    before = process_look();
    for (int i = 0; i < SWEEPS; i++)
        failures += fail_creation_at_each_call();
    after = process_look();
    process_check(&before, &after, failures);
    CHECK_OK(test_run(spawn_some, &ran));
}

WEFT_TEST(runtime_faults, run_reports_what_creation_does)
{
    atomic_int ran = 0;

    for (int n = 1; n < 10; n++) {
        int rc;

        atomic_store(&until_failure, n);
        arm(fail_nth);
        rc = test_run(count, &ran);
        arm(NULL);
        if (rc == 0) { /* a failure that creation can do without */
            CHECK_EQ(ran, 1);
            ran = 0;
            continue;
        }
        CHECK(documented(rc));
        CHECK_EQ(ran, 0);
    }
}

static bool no_membarrier(enum weft__seam what)
{
    return what == WEFT__SEAM_MEMBARRIER;
}

static int spawn_often(void *arg)
{
    for (int i = 0; i < 100; i++)
        CHECK_OK(spawn_some(arg));
    return 0;
}

WEFT_TEST(runtime_faults, tasks_are_shared_at_once_where_there_is_no_membarrier)
{
    atomic_int ran = 0;

    arm(no_membarrier);
    CHECK_OK(test_run(spawn_often, &ran));
    arm(NULL);
    CHECK_EQ(ran, 1000);
}

/* A process that has given up the call once it runs, as sandboxes do. */
static void give_up_membarrier(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};

    if (!weft__membarrier_works() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        (void)fputs("membarrier(2) cannot be taken away", stderr);
        return;
    }
    weft__membarrier();
}

WEFT_TEST(runtime_faults, nobody_goes_on_who_is_refused_a_membarrier_that_others_count_on)
{
    char said[65536];
    int end = process_listen(give_up_membarrier, said, sizeof said);

    if (strstr(said, "cannot be taken away") != NULL)
        return;
    CHECK_EQ(end, -SIGABRT);
    CHECK_NOT_NULL(strstr(said, "membarrier(2) has worked"));
}

/* Failures from the n-th call of this thread on, `failing` of them. Set and used with no suspension in between. */
static _Thread_local int mine_until, mine_failing;

static bool fail_mine(enum weft__seam what)
{
    (void)what;
    if (mine_failing == 0)
        return false;
    if (mine_until > 1) {
        mine_until--;
        return false;
    }
    if (mine_failing > 0)
        mine_failing--;
    return true;
}

/* Thread-locals in functions of their own: callers suspend between the calls. */
static __attribute__((noinline)) void fail_from(int n, int failing)
{
    __asm__ volatile("");
    mine_until = n;
    mine_failing = failing;
}

static __attribute__((noinline)) bool all_failed(void)
{
    __asm__ volatile("");
    return mine_failing == 0;
}

enum { SPAWNS = 600 }; /* several batches of credits and of records, and growth of the queue */

struct storm {
    int nth, failing; /* -1: every call from the n-th on */
    bool over;
};

static int spawn_until_it_fails(void *arg)
{
    struct storm *s = arg;
    atomic_int entered = 0;
    int accepted = 0, failed = 0, rc;
    weft_group *g = weft_group_open(NULL);

    CHECK_NOT_NULL(g);
    fail_from(s->nth, s->failing);
    for (int i = 0; i < SPAWNS; i++) {
        rc = weft_spawn(g, count, &entered);
        if (rc == 0) {
            CHECK_EQ(failed, 0); /* a group that has failed takes no more */
            accepted++;
        } else if (failed++ == 0) {
            CHECK_RC(rc, WEFT_ENOMEM);
        } else {
            CHECK(rc == WEFT_ECANCELED || rc == WEFT_ENOMEM);
        }
    }
    s->over = s->failing > 0 && !all_failed();
    fail_from(0, 0);
    rc = weft_group_wait(g);
    CHECK_RC(rc, failed > 0 ? WEFT_ENOMEM : 0);
    CHECK_EQ(atomic_load(&entered), accepted);
    weft_group_close(g);
    return weft_yield();
}

WEFT_TEST(runtime_faults, each_failure_of_a_spawn_fails_the_group_and_no_task_is_lost)
{
    struct storm s = {.failing = 1};
    atomic_int ran = 0;

    arm(fail_mine);
    for (s.nth = 1; !s.over; s.nth++) {
        CHECK_LT(s.nth, 2000);
        CHECK_OK(test_run(spawn_until_it_fails, &s));
    }
    CHECK_GT(s.nth, 3);
    arm(NULL);
    CHECK_OK(test_run(spawn_some, &ran));
}

WEFT_TEST(runtime_faults, spawn_without_any_memory_left_loses_no_task)
{
    arm(fail_mine);
    for (int n = 1; n < 20; n++) {
        struct storm s = {.nth = n, .failing = -1};

        CHECK_OK(test_run(spawn_until_it_fails, &s));
    }
    arm(NULL);
}

static int open_without_memory(void *arg)
{
    weft_group *g;
    weft_scope *s;
    int opened = 0;

    (void)arg;
    fail_from(1, -1);
    g = weft_group_open(NULL);
    s = weft_scope_open(0);
    CHECK_NULL(g);
    CHECK_NULL(s);
    CHECK_RC(weft_spawn(g, nothing, NULL), WEFT_ENOMEM);
    CHECK_RC(weft_group_wait(g), WEFT_ENOMEM);
    weft_group_close(g);
    CHECK_RC(weft_scope_close(s, 0), WEFT_ENOMEM);
    fail_from(0, 0);

    /* A deadline takes a place in a heap, which may have to grow. */
    while ((s = weft_scope_open(weft_after_ms(FOREVER_MS))) != NULL && opened < 300) {
        opened++;
        fail_from(1, opened > 3 ? -1 : 0);
    }
    fail_from(0, 0);
    CHECK_NULL(s);
    CHECK(!weft_canceled());
    CHECK_OK(weft_yield());
    g = weft_group_open(NULL);
    CHECK_NOT_NULL(g);
    CHECK_OK(weft_spawn(g, nothing, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(runtime_faults, open_returns_null_where_memory_is_out)
{
    arm(fail_mine);
    CHECK_OK(test_run(open_without_memory, NULL));
    arm(NULL);
}

static int open_group_without_timer(void *arg)
{
    weft_group *g = weft_group_open(NULL), *none;

    (void)arg;
    weft_group_close(g); /* its record is at hand now, but there is no heap for a timer yet */
    fail_from(1, -1);
    none = weft_group_open(&(weft_group_options){.deadline = weft_after_ms(FOREVER_MS)});
    CHECK_NULL(none);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ENOMEM);
    fail_from(0, 0);
    CHECK_OK(weft_sleep_ms(1));
    return 0;
}

WEFT_TEST(runtime_faults, sleep_and_deadline_without_memory_for_a_timer_say_so)
{
    arm(fail_mine);
    CHECK_OK(run_on(1, open_group_without_timer, NULL));
    arm(NULL);
}

/* All allocations fail while many tasks wake and yield: queues that cannot grow must lose nothing. */
static bool fail_allocations(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

static int yield_often(void *arg)
{
    for (int i = 0; i < 50; i++)
        CHECK_OK(weft_yield());
    return count(arg);
}

static int wake_without_memory(void *arg)
{
    atomic_int *ended = arg, asleep = 0;
    weft_group *outer = weft_group_open(NULL), *g = weft_group_open(NULL);

    for (int i = 0; i < 300; i++)
        CHECK_OK(weft_spawn(g, count_and_sleep_forever, &asleep));
    yield_until(&asleep, 300);
    for (int i = 0; i < 50; i++)
        CHECK_OK(weft_spawn(outer, yield_often, ended));
    arm(fail_allocations);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_group_wait(outer));
    arm(NULL);
    weft_group_close(outer);
    return 0;
}

WEFT_TEST(runtime_faults, wakes_need_no_memory)
{
    atomic_int ended = 0;

    CHECK_OK(test_run(wake_without_memory, &ended));
    CHECK_EQ(ended, 50);
}

WEFT_TEST(runtime_faults, run_of_a_task_without_memory_says_so)
{
    weft_runtime *rt;
    atomic_int ran = 0;
    int runs = 0;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    arm(fail_mine);
    fail_from(1, -1);
    CHECK_RC(weft_runtime_run(rt, count, &ran), WEFT_ENOMEM);
    fail_from(0, 0);
    arm(NULL);
    CHECK_EQ(ran, 0);
    while (runs++ < 10)
        CHECK_OK(weft_runtime_run(rt, count, &ran));
    CHECK_EQ(ran, 10);
    weft_runtime_destroy(rt);
}
