/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "sched/pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sched/slab.h"
#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

/* More than go to the kernel at once, by an odd number. */
enum { RANGES = 3 * WEFT__RANGES_AT_ONCE + 5, GUARD = 16384, STRIDE = 32768 };

static char *map_ranges(struct weft__ranges *r)
{
    char *base = weft__map((size_t)RANGES * STRIDE);

    CHECK_NOT_NULL(base);
    *r = (struct weft__ranges){.first = base, .size = GUARD, .stride = STRIDE, .count = RANGES};
    return base;
}

/* Whether the system can read the byte: it says so, where a program would be killed. */
static bool readable(int fd, const char *at)
{
    ssize_t n = write(fd, at, 1);

    if (n == 1)
        return true;
    CHECK_EQ(errno, EFAULT);
    return false;
}

static void check_guards(unsigned most_mapped)
{
    struct weft__ranges r;
    char *base = map_ranges(&r), byte;
    unsigned mapped = 1;
    int fd[2], rc = 1;

    CHECK_OK(pipe(fd));
    CHECK_EQ(weft__guard(&r, &mapped, &rc), RANGES);
    CHECK_OK(rc);
    CHECK_LE(mapped, most_mapped);
    for (unsigned i = 0; i < RANGES; i++) {
        char *guard = base + (size_t)i * STRIDE;

        CHECK(!readable(fd[1], guard));
        CHECK(!readable(fd[1], guard + GUARD - 1));
        guard[GUARD] = 1;
        guard[STRIDE - 1] = 1;
        CHECK(readable(fd[1], guard + GUARD));
        CHECK_EQ(read(fd[0], &byte, 1), 1);
    }
    (void)close(fd[0]);
    (void)close(fd[1]);
    weft__unmap(base, (size_t)RANGES * STRIDE);
    weft__guards_forget(mapped);
}

WEFT_TEST(pages, every_range_is_guarded_and_nothing_between_them)
{
    check_guards(RANGES);
}

WEFT_TEST(pages, guards_by_mprotect_are_as_good)
{
    CHECK_OK(setenv("WEFT_GUARD", "mprotect", 1));
    check_guards(RANGES);
}

WEFT_TEST(pages, guards_that_the_system_fails_to_make_are_none)
{
    struct weft__ranges r;
    char *base = map_ranges(&r);
    unsigned mapped = 1;
    int rc = 0;

    /* What is mapped no more cannot be guarded: the ranges in front of it are, and are told. */
    weft__unmap(base + 70 * STRIDE, STRIDE);
    CHECK_EQ(weft__guard(&r, &mapped, &rc), 70);
    CHECK_LT(rc, 0);
    CHECK_LE(mapped, 70);
    weft__unmap(base, 70 * STRIDE);
    weft__unmap(base + 71 * STRIDE, (size_t)(RANGES - 71) * STRIDE);
    weft__guards_forget(mapped);
}

static bool resident(char *page)
{
    unsigned char in = 0;

    CHECK_OK(mincore(page, 4096, &in));
    return in & 1;
}

WEFT_TEST(pages, discarded_ranges_take_no_memory_and_read_as_zeros)
{
    static struct iovec v[RANGES];
    struct weft__ranges r;
    char *base = map_ranges(&r);
    unsigned mapped;
    int rc;

    CHECK_EQ(weft__guard(&r, &mapped, &rc), RANGES);
    for (unsigned i = 0; i < RANGES; i++) {
        char *usable = base + (size_t)i * STRIDE + GUARD;

        memset(usable, 1, STRIDE - GUARD);
        v[i] = (struct iovec){.iov_base = usable, .iov_len = STRIDE - GUARD - 4096};
    }
    /* One that is not there keeps none of the others from it. */
    weft__unmap(v[10].iov_base, v[10].iov_len);
    weft__discard(v, RANGES);
    for (unsigned i = 0; i < RANGES; i++) {
        char *usable = v[i].iov_base;

        if (i == 10)
            continue;
        CHECK(!resident(usable));
        CHECK(resident(usable + v[i].iov_len));
        CHECK_EQ(usable[0], 0);
        CHECK_EQ(usable[v[i].iov_len], 1);
    }
    weft__unmap(base, (size_t)RANGES * STRIDE);
    weft__guards_forget(mapped);
}

WEFT_TEST(pages, populated_ranges_have_memory_if_the_system_can_do_it)
{
    struct iovec v[20];
    struct weft__ranges r;
    char *base = map_ranges(&r);
    bool first;

    for (int i = 0; i < 20; i++)
        v[i] = (struct iovec){.iov_base = base + i * STRIDE, .iov_len = 4096};
    weft__populate(v, 20);
    first = resident(base);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(resident(v[i].iov_base), first);
        CHECK(!resident((char *)v[i].iov_base + 4096));
        CHECK_EQ(*(char *)v[i].iov_base, 0);
    }
    weft__unmap(base, (size_t)RANGES * STRIDE);
}

/* The limit of mappings. */

static long max_map_count(void)
{
    long n = 0;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "re");

    if (f != NULL) {
        CHECK_EQ(fscanf(f, "%ld", &n), 1);
        (void)fclose(f);
    }
    return n;
}

static atomic_int entered, canceled;

static int sleeper(void *arg)
{
    (void)arg;
    atomic_fetch_add(&entered, 1);
    if (weft_sleep_ms(FOREVER_MS) == WEFT_ECANCELED)
        atomic_fetch_add(&canceled, 1);
    return 0;
}

static void *set_word(void *arg)
{
    *(int *)arg = 1;
    return NULL;
}

/* Spawns until it is refused, and stores how many times it was not. */
static int spawn_to_the_limit(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    pthread_t thread;
    int rc, n = 0, ran = 0;

    CHECK_NOT_NULL(g);
    while ((rc = weft_spawn(g, sleeper, NULL)) == 0)
        n++;
    CHECK_RC(rc, WEFT_EMAPLIMIT);
    /* The rest of the program is left some. */
    CHECK_OK(pthread_create(&thread, NULL, set_word, &ran));
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_EQ(ran, 1);
    CHECK_RC(weft_group_wait(g), WEFT_EMAPLIMIT);
    weft_group_close(g);
    *(int *)arg = n;
    return 0;
}

WEFT_TEST(pages, spawn_fails_at_the_limit_of_mappings_and_says_so)
{
    long limit = max_map_count();
    struct process_state before, after;
    int count[2], held_back = (int)test_workers() * WEFT__SLAB_BATCH;

    if (TEST_ASAN || TEST_TSAN || test_under_valgrind())
        TEST_SKIP("the tool's own mappings and records are too many");
    if (limit <= 0 || limit > 300000)
        TEST_SKIP("this system allows so many mappings that the limit is not reached");
    CHECK_OK(setenv("WEFT_GUARD", "mprotect", 1));
    process_prepare();
    for (int i = 0; i < 2; i++) {
        atomic_store(&entered, 0);
        atomic_store(&canceled, 0);
        CHECK_OK(test_run(spawn_to_the_limit, &count[i]));
        /* Each task whose spawn had succeeded was entered, and ended. Those that began late were never asleep. */
        CHECK_EQ(atomic_load(&entered), count[i]);
        CHECK_EQ(atomic_load(&canceled), count[i]);
        CHECK_LE(count[i], limit / 2);
        CHECK_GE(count[i], limit / 2 - limit / 32 - 1000);
        if (i == 0)
            before = process_look(); /* the first left what libuv and the allocator keep for good */
    }
    /* As many again: what the first runtime had was given back. But a task that spawns is made to yield, and may go on elsewhere; what is
     * left of its batch stays with the worker that it comes from. */
    CHECK_LE(count[0] - count[1], held_back);
    CHECK_LE(count[1] - count[0], held_back);
    after = process_look();
    after.mapped_kib = before.mapped_kib; /* what the allocator keeps of a heap this large differs from time to time */
    process_check(&before, &after, 1);
    CHECK_NOT_NULL(strstr(weft_strerror(WEFT_EMAPLIMIT), "vm.max_map_count"));
}
