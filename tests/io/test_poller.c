/* SPDX-License-Identifier: MIT */
/* The poller and the driver: a runtime that cannot have them, and idle workers that are woken from outside. */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/io.h"
#include "tests/io/net.h"

static _Atomic int seam_target, calls_until_failure;

/* Fails one call of the seam, the one that the countdown ends at. */
static bool fail_one(enum weft__seam what)
{
    return (int)what == seam_target && calls_until_failure-- == 0;
}

static void *be_a_thread(void *arg)
{
    return arg;
}

/* The threads of this process, with the one that a sanitizer starts together with the first of ours. */
static int threads(void)
{
    static bool warm;
    pthread_t thread;
    int n = 0;

    if (!warm) {
        CHECK_OK(pthread_create(&thread, NULL, be_a_thread, NULL));
        CHECK_OK(pthread_join(thread, NULL));
        warm = true;
    }
    DIR *dir = opendir("/proc/self/task");
    CHECK_NOT_NULL(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void pause_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* A thread that has been joined may be listed for a moment longer. */
static void check_nothing_left(int descriptors_before, int threads_before)
{
    CHECK_EQ(net_descriptors(), descriptors_before);
    while (threads() > threads_before)
        pause_ms(1);
}

/* Lets each call of the seam fail in turn, until the runtime starts: every failure is `code` or `other` and leaves
 * nothing behind. Returns how many calls there are. */
static int sweep(enum weft__seam seam, int code, int other)
{
    weft_runtime_options options = {.workers = test_workers()};
    int descriptors_before = net_descriptors(), threads_before = threads();

    seam_target = (int)seam;
    A_STORE(&weft__fault_hook, fail_one, relaxed);
    for (int n = 0;; n++) {
        weft_runtime *rt = (weft_runtime *)&rt;

        calls_until_failure = n;
        int rc = weft_runtime_create(&rt, &options);
        if (rc == 0) {
            /* A failure that it can do without, or none: the calls have been counted down. */
            bool failed = calls_until_failure < 0;
            calls_until_failure = INT_MAX;
            CHECK_OK(weft_runtime_run(rt, do_nothing, NULL));
            weft_runtime_destroy(rt);
            check_nothing_left(descriptors_before, threads_before);
            if (failed)
                continue;
            return n;
        }
        CHECK_NULL(rt);
        if (rc != other)
            CHECK_RC(rc, code);
        check_nothing_left(descriptors_before, threads_before);
    }
}

WEFT_TEST(poller, a_runtime_without_epoll_is_a_code)
{
    CHECK_EQ(sweep(WEFT__SEAM_EPOLL, WEFT_EMFILE, WEFT_ENOMEM), 2);
}

WEFT_TEST(poller, a_runtime_without_eventfd_is_a_code)
{
    CHECK_EQ(sweep(WEFT__SEAM_EVENTFD, WEFT_EMFILE, WEFT_EMFILE), 1);
}

WEFT_TEST(poller, a_runtime_without_driver_is_a_code)
{
    CHECK_EQ(sweep(WEFT__SEAM_DRIVER, WEFT_EMFILE, WEFT_EMFILE), 1);
}

WEFT_TEST(poller, a_runtime_without_threads_is_a_code)
{
    CHECK_EQ(sweep(WEFT__SEAM_THREAD, WEFT_EAGAIN, WEFT_EAGAIN), test_workers() + 1);
}

WEFT_TEST(poller, a_runtime_without_memory_is_a_code)
{
    CHECK_GT(sweep(WEFT__SEAM_ALLOC, WEFT_ENOMEM, WEFT_ENOMEM), 3);
}

/* Tries with `spare` descriptors, in a process that has never used libuv. Returns the code, or 1 for success. */
static int create_with(int spare)
{
    int status;
    pid_t pid = fork();

    CHECK_GE(pid, 0);
    if (pid == 0) {
        weft_runtime_options options = {.workers = test_workers()};
        weft_runtime *rt;

        net_limit_descriptors(spare);
        int rc = weft_runtime_create(&rt, &options);
        if (rc == 0)
            weft_runtime_destroy(rt);
        net_unlimit_descriptors();
        _exit(-rc);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status))
        FAIL("with %d spare descriptors the process was killed by signal %d", spare, WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? 1 : -WEXITSTATUS(status);
}

WEFT_TEST(poller, a_process_without_descriptors_gets_a_code)
{
    int spare = 0, rc;

    while ((rc = create_with(spare)) != 1) {
        CHECK_RC(rc, WEFT_EMFILE);
        CHECK_LT(++spare, 32);
    }
    CHECK_GT(spare, 0);
}

/* Waking an idle runtime from a thread that is not its own. */

enum { QUIT = 255 };

struct doorbell {
    weft_chan *chan;
    int event;
    _Atomic unsigned rung, heard;
};

/* From any thread; the next ring comes after the last was heard. */
static void ring(struct doorbell *d, bool by_descriptor, unsigned char what)
{
    uint64_t one = 1;

    d->rung++;
    if (by_descriptor)
        CHECK_EQ(write(d->event, &one, sizeof one), sizeof one);
    else
        CHECK_OK(weft_chan_try_send(d->chan, &what));
    while (d->heard != d->rung)
        pause_ms(1);
}

static void *visit(void *arg)
{
    /* Pauses that let the workers go to sleep a little, well, and for so long that the monitor sleeps as well. */
    static const long pauses[] = {0, 0, 1, 0, 2, 5, 0, 20, 1, 150, 0, 1};
    struct doorbell *d = arg;

    for (size_t i = 0; i < 4 * sizeof pauses / sizeof pauses[0]; i++) {
        if (pauses[i / 4] > 0)
            pause_ms(pauses[i / 4]);
        ring(d, i % 2 == 1, 0);
    }
    ring(d, false, QUIT);
    return NULL;
}

static int listen_to_the_channel(void *arg)
{
    struct doorbell *d = arg;
    unsigned char what;

    do {
        CHECK_OK(weft_chan_recv(d->chan, &what));
        d->heard++;
    } while (what != QUIT);
    return 0;
}

static int listen_to_the_event(void *arg)
{
    struct doorbell *d = arg;
    uint64_t value;

    while (weft_fd_wait(d->event, WEFT_READABLE) == WEFT_READABLE) {
        CHECK_EQ(read(d->event, &value, sizeof value), sizeof value);
        d->heard++;
    }
    return 0;
}

static void answer_the_door(void)
{
    struct doorbell d = {.chan = weft_chan_create(1, 1), .event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    weft_group *events = weft_group_open(NULL), *g = weft_group_open(NULL);
    pthread_t thread;

    CHECK_NOT_NULL(d.chan);
    CHECK_GE(d.event, 0);
    weft_spawn(events, listen_to_the_event, &d);
    weft_spawn(g, listen_to_the_channel, &d);
    CHECK_OK(pthread_create(&thread, NULL, visit, &d));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(pthread_join(thread, NULL));
    weft_group_close(g);
    weft_group_close(events);
    weft_chan_destroy(d.chan);
    close(d.event);
}

WEFT_TEST(poller, threads_outside_wake_an_idle_runtime)
{
    net_run(answer_the_door);
}

static int add_one(void *arg)
{
    ++*(int *)arg;
    return 0;
}

WEFT_TEST(poller, runs_wake_an_idle_runtime)
{
    weft_runtime_options options = {.workers = test_workers()};
    weft_runtime *rt;
    int n = 0;

    CHECK_OK(weft_runtime_create(&rt, &options));
    for (int i = 0; i < 200; i++) {
        if (i % 10 == 0)
            pause_ms(i % 100 == 0 ? 150 : 1);
        CHECK_OK(weft_runtime_run(rt, add_one, &n));
        CHECK_EQ(n, i + 1);
    }
    weft_runtime_destroy(rt);
}

WEFT_TEST(poller, an_idle_runtime_does_not_tick)
{
    weft_runtime_options options = {.workers = test_workers()};
    weft_runtime *rt;
    struct rusage before, after;

    CHECK_OK(weft_runtime_create(&rt, &options));
    CHECK_OK(weft_runtime_run(rt, do_nothing, NULL));
    /* A tick of 10 ms would be 30. One is this thread's own, and a sanitizer may have a thread with a tick. */
    const long allowed = TEST_TSAN ? 15 : 3;
    long woken = 0;
    /* The driver looks on for a while; a machine that is busy gives it more than one chance to come to rest. */
    for (int i = 0; i < 10; i++) {
        pause_ms(300);
        CHECK_OK(getrusage(RUSAGE_SELF, &before));
        pause_ms(300);
        CHECK_OK(getrusage(RUSAGE_SELF, &after));
        woken = after.ru_nvcsw - before.ru_nvcsw;
        if (woken <= allowed)
            break;
    }
    CHECK_LE(woken, allowed);
    weft_runtime_destroy(rt);
}
