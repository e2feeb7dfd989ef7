/* SPDX-License-Identifier: MIT */
/* Tasks that go on on other threads, a million times, and take everything that is theirs along. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sched/stress.h"

enum { TASKS = 64, RESUMPTIONS = 1000000, MIGRATIONS = 2000 };

/* The thread's own, behind functions that no compiler looks into: their address must not be kept over a suspension. */
static _Thread_local struct {
    const void *last; /* the wanderer that was seen here last */
    pid_t tid;
} here;

static __attribute__((noinline)) pid_t this_thread(void)
{
    __asm__ volatile("");
    if (here.tid == 0)
        here.tid = (pid_t)syscall(SYS_gettid);
    return here.tid;
}

static __attribute__((noinline)) const void *seen_last(const void *now)
{
    const void *before = here.last;

    __asm__ volatile("");
    here.last = now;
    return before;
}

struct migration {
    weft_runtime *rt;
    weft_chan *token[2];
    atomic_long resumptions, migrations;
    bool several; /* workers, so that there is somewhere to go */
};

struct wanderer {
    struct migration *m;
    uint32_t seed;
    long resumptions, migrations, sum;
};

static bool enough(struct migration *m)
{
    return atomic_load(&m->resumptions) >= ROUNDS(RESUMPTIONS) &&
           (!m->several || atomic_load(&m->migrations) >= ROUNDS(MIGRATIONS));
}

/* One call that may suspend. */
static void suspend(struct wanderer *w, uint32_t *r)
{
    uint32_t kind = random_next(r) % 64;
    int item = 1;

    if (kind < 2) {
        CHECK_OK(weft_sleep_until(weft_now() + random_next(r) % 20000));
    } else if (kind < 12) {
        /* Room for all, so that nobody waits for one who has left. */
        weft_chan *c = w->m->token[kind % 2];

        CHECK_OK(weft_chan_send(c, &item));
        CHECK_OK(weft_chan_recv(c, &item));
    } else if (kind < 14) {
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_spawn(g, nothing, NULL));
        CHECK_OK(weft_spawn(g, nothing, NULL));
        CHECK_OK(weft_yield());
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    } else {
        CHECK_OK(weft_yield());
    }
}

/* Integers, floating point and an array live over each suspension, in registers where the compiler likes. */
static int wander(void *arg)
{
    struct wanderer *w = arg;
    uint32_t r = w->seed, locals[16];
    uint64_t a = w->seed, b = ~a;
    double x = 1;

    for (int i = 0; i < 16; i++)
        locals[i] = w->seed + (uint32_t)i;
    while (!enough(w->m)) {
        long resumed = 0, moved = 0;

        for (int i = 0; i < 64; i++) {
            pid_t before = this_thread();

            (void)seen_last(w);
            suspend(w, &r);
            /* Whoever finds another's mark, or none, has been away. */
            if (seen_last(w) != w || this_thread() != before)
                resumed++;
            moved += this_thread() != before;
            CHECK_EQ(b, ~a);
            a++, b--;
            x += 1;
        }
        CHECK_EQ(this_thread(), syscall(SYS_gettid));
        CHECK_PTR_EQ(weft_runtime_current(), w->m->rt);
        for (int i = 0; i < 16; i++)
            CHECK_EQ(locals[i], w->seed + (uint32_t)i);
        w->sum += 64;
        w->resumptions += resumed;
        w->migrations += moved;
        atomic_fetch_add(&w->m->resumptions, resumed);
        atomic_fetch_add(&w->m->migrations, moved);
    }
    CHECK_EQ(a - w->seed, w->sum);
    CHECK_EQ((long)x, w->sum + 1);
    return 0;
}

static int many_wander(void *arg)
{
    struct migration *m = arg;
    struct wanderer w[TASKS];
    weft_group *g = weft_group_open(NULL);

    m->rt = weft_runtime_current();
    m->several = weft_runtime_workers(m->rt) > 1;
    for (int i = 0; i < 2; i++)
        CHECK_NOT_NULL(m->token[i] = weft_chan_create(sizeof(int), TASKS));
    for (uint32_t i = 0; i < TASKS; i++) {
        w[i] = (struct wanderer){m, i * 7919 + 1, 0, 0, 0};
        CHECK_OK(weft_spawn(g, wander, &w[i]));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < 2; i++)
        weft_chan_destroy(m->token[i]);
    return 0;
}

WEFT_TEST(stress_migrate, million_resumptions_keep_what_is_the_tasks_own)
{
    struct migration m = {0};

    CHECK_OK(test_run(many_wander, &m));
    CHECK_GE(m.resumptions, ROUNDS(RESUMPTIONS));
    if (!m.several)
        CHECK_EQ(m.migrations, 0);
    fprintf(stderr, "%ld resumptions, %ld on another thread\n", m.resumptions, m.migrations);
}
