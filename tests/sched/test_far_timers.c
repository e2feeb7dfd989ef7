/* SPDX-License-Identifier: MIT */
/*
 * Periods that must not drift, and sleeps so long that a number of milliseconds or nanoseconds might not hold them. Each test
 * runs as the system is, and where epoll_pwait2 is missing, so that workers wait for whole milliseconds: a filter of
 * system calls takes it away.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sched/tasks.h"

/* False where there are no filters. For this process, which the harness has made for this test, and for good. */
static bool lose_epoll_pwait2(void)
{
#ifdef SYS_epoll_pwait2
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};

    if (syscall(SYS_epoll_pwait2, -1, NULL, 0, NULL, NULL, (size_t)0) < 0 && errno == ENOSYS)
        return true;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return false;
    CHECK_EQ(syscall(SYS_epoll_pwait2, -1, NULL, 0, NULL, NULL, (size_t)0), -1);
    CHECK_EQ(errno, ENOSYS);
#endif
    return true;
}

/* Some thousands of milliseconds are enough to see a drift: 50 us a period would make 50 ms in the end. */
enum { PERIODS = 1000, PERIOD_NS = 2000000, QUARTER = PERIODS / 4, DRIFT_MAX_NS = 10000000 };

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t median(int64_t *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n / 2];
}

static int keep_time(void *arg)
{
    static int64_t late[PERIODS];
    weft_time start = weft_now();

    (void)arg;
    for (int k = 1; k <= PERIODS; k++) {
        weft_time due = start + (weft_time)k * PERIOD_NS;

        CHECK_OK(weft_sleep_until(due));
        late[k - 1] = weft_now() - due;
        CHECK_GE(late[k - 1], 0);
    }
    CHECK_LE(median(late + PERIODS - QUARTER, QUARTER), median(late, QUARTER) + DRIFT_MAX_NS);
    return 0;
}

WEFT_TEST(far_timers, periods_do_not_drift)
{
    CHECK_OK(test_run(keep_time, NULL));
}

WEFT_TEST(far_timers, periods_of_whole_milliseconds_do_not_drift)
{
    if (!lose_epoll_pwait2())
        TEST_SKIP("no filter of system calls here");
    CHECK_OK(test_run(keep_time, NULL));
}

/* Around the ends of 31, 32 and 63 bits, of milliseconds and of nanoseconds. */
#define AROUND(x) (x) - 1, (x), (x) + 1
static const int64_t far_ms[] = {
    AROUND(INT64_C(1) << 31),
    AROUND(INT64_C(1) << 32),
    AROUND(INT64_C(1) << 33),
    AROUND(INT64_C(2147483648000)),
    AROUND(INT64_MAX / 1000000),
    AROUND(INT64_C(1) << 62),
    INT64_MAX - 1,
    INT64_MAX,
};
enum { FAR = sizeof far_ms / sizeof far_ms[0], KINDS = 4 };

struct far {
    int64_t ms;
    int kind;
    atomic_int *began, *ended;
};

/* Goes to sleep until far away, in each way that there is; only a cancellation ends it. */
static int sleep_far(void *arg)
{
    struct far *f = arg;
    weft_scope *scope;
    weft_group *g;
    int rc;

    atomic_fetch_add(f->began, 1);
    switch (f->kind) {
    case 0:
        rc = weft_sleep_ms(f->ms);
        break;
    case 1:
        rc = weft_sleep_until(weft_after_ms(f->ms));
        break;
    case 2:
        scope = weft_scope_open(weft_after_ms(f->ms));
        rc = (int)weft_scope_close(scope, weft_sleep_until(WEFT_NEVER));
        break;
    default:
        g = weft_group_open(&(weft_group_options){.deadline = weft_after_ms(f->ms)});
        (void)weft_spawn(g, sleep_forever, NULL);
        rc = weft_group_wait(g);
        weft_group_close(g);
    }
    CHECK_RC(rc, WEFT_ECANCELED);
    atomic_fetch_add(f->ended, 1);
    return rc;
}

/* Among them sleepers of 2 ms, which must get through. */
static int sleep_among_far_ones(void *arg)
{
    static struct far f[FAR * KINDS];
    atomic_int began = 0, ended = 0;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < FAR * KINDS; i++) {
        f[i] = (struct far){far_ms[i / KINDS], i % KINDS, &began, &ended};
        CHECK_OK(weft_spawn(g, sleep_far, &f[i]));
    }
    yield_until(&began, FAR * KINDS);
    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_sleep_ms(2));
    CHECK_EQ(ended, 0);
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(ended, FAR * KINDS);
    weft_group_close(g);
    return 0;
}

/* Each alone, as the earliest timer that there is: then all workers sleep, and are woken from outside. */
struct alone {
    struct far far;
    atomic_int began, ended;
    _Atomic(weft_group *) g;
};

static int sleep_alone(void *arg)
{
    struct alone *a = arg;
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn(g, sleep_far, &a->far));
    atomic_store(&a->g, g);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(a->ended, 1);
    weft_group_close(g);
    return 0;
}

static void *run_alone(void *arg)
{
    CHECK_OK(test_run(sleep_alone, arg));
    return NULL;
}

static int64_t cpu_time_ns(void)
{
    struct timespec t;

    CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void each_alone(void)
{
    for (int i = 0; i < FAR; i++) {
        struct alone a = {0};
        pthread_t thread;
        int64_t cpu;

        a.far =
            (struct far){far_ms[i], (i + i / 3) % (KINDS - 1), &a.began, &a.ended}; /* the last kind has a nearer one */
        CHECK_OK(pthread_create(&thread, NULL, run_alone, &a));
        spin_until(&a.began, 1);
        while (atomic_load(&a.g) == NULL)
            sched_yield();
        pause_thread_ms(5);
        cpu = cpu_time_ns();
        pause_thread_ms(40);
        /* A wait that comes back at once would be repeated all the time. */
        CHECK_LT(cpu_time_ns() - cpu, 20000000);
        CHECK_EQ(a.ended, 0);
        CHECK_OK(weft_group_cancel(atomic_load(&a.g)));
        CHECK_OK(pthread_join(thread, NULL));
    }
}

WEFT_TEST(far_timers, far_sleeps_neither_end_nor_hold_up_near_ones)
{
    CHECK_OK(test_run(sleep_among_far_ones, NULL));
}

WEFT_TEST(far_timers, far_sleeps_in_whole_milliseconds_neither_end_nor_hold_up_near_ones)
{
    if (!lose_epoll_pwait2())
        TEST_SKIP("no filter of system calls here");
    CHECK_OK(test_run(sleep_among_far_ones, NULL));
}

WEFT_TEST(far_timers, far_sleep_alone_leaves_the_workers_asleep)
{
    each_alone();
}

WEFT_TEST(far_timers, far_sleep_alone_in_whole_milliseconds_leaves_the_workers_asleep)
{
    if (!lose_epoll_pwait2())
        TEST_SKIP("no filter of system calls here");
    each_alone();
}

/* The other end: what has passed does not wait at all. */
static int sleep_in_the_past(void *arg)
{
    static const int64_t past[] = {0,        -1, INT32_MIN, -(INT64_C(1) << 32), INT64_MIN / 1000000, INT64_MIN + 1,
                                   INT64_MIN};

    (void)arg;
    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++) {
        CHECK_OK(weft_sleep_ms(past[i]));
        CHECK_OK(weft_sleep_until(past[i]));
        CHECK_LE(weft_after_ms(past[i]), weft_now());
    }
    return 0;
}

WEFT_TEST(far_timers, sleeps_into_the_past_end_at_once)
{
    CHECK_OK(test_run(sleep_in_the_past, NULL));
}
