/* SPDX-License-Identifier: MIT */
/* The numbers of weft/stats.h: each moves when, and as far as, the header says. */
#include <pthread.h>
#include <string.h>

#include "sched/runtime.h"

#include "tests/sched/tasks.h"

enum { SPAWNS = 1000, MANY = TEST_TSAN ? 300 : 10000 };

static weft_runtime *create(void)
{
    weft_runtime *rt;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
    return rt;
}

/* Waits until all workers have gone to sleep. They may still be on the way, and come back from it. */
static void settle(weft_runtime *rt)
{
    while (weft__idle_asleep(A_LOAD(&rt->idle.word, seq_cst)) != rt->workers_count)
        sched_yield();
}

static weft_runtime_stats look(weft_runtime *rt)
{
    weft_runtime_stats s;

    memset(&s, 0xff, sizeof s);
    weft_stats(rt, &s);
    return s;
}

/* The numbers as an array. */
enum { NUMBERS = offsetof(weft_worker_stats, reserved) / sizeof(uint64_t) };

static void numbers(const weft_worker_stats *s, uint64_t out[NUMBERS])
{
    memcpy(out, s, NUMBERS * sizeof *out);
}

static void check_grown(const weft_worker_stats *before, const weft_worker_stats *after)
{
    uint64_t b[NUMBERS], a[NUMBERS];

    numbers(before, b);
    numbers(after, a);
    for (int i = 0; i < NUMBERS; i++)
        CHECK_LE(b[i], a[i]);
}

/* Tasks. */

static int spawn_each_way(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < SPAWNS; i++) {
        weft_task_options o = {.priority = i % 3 - 1, .pinned = i % 5 == 0};

        CHECK_OK(i % 4 == 0 ? weft_spawn_with(g, count, arg, &o) : weft_spawn(g, count, arg));
        if (i % 100 == 0)
            CHECK_OK(weft_yield());
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stats, tasks_are_counted_whoever_runs_them)
{
    weft_runtime *rt = create();
    atomic_int n = 0;

    settle(rt);
    CHECK_EQ(look(rt).sum.tasks_run, 0);
    for (int round = 1; round <= 10; round++) {
        CHECK_OK(weft_runtime_run(rt, spawn_each_way, &n));
        CHECK_EQ(look(rt).sum.tasks_run, round * (SPAWNS + 1));
    }
    CHECK_EQ(n, 10 * SPAWNS);
    CHECK_OK(weft_runtime_spawn(rt, count, &n));
    spin_until(&n, 10 * SPAWNS + 1);
    CHECK_EQ(look(rt).sum.tasks_run, 10 * (SPAWNS + 1) + 1);
    weft_runtime_destroy(rt);
}

static int meet(void *arg)
{
    atomic_int *met = arg;

    atomic_fetch_add(met, 1);
    spin_until(met, 2);
    return 0;
}

static int join_apart(void *arg)
{
    return weft_join(meet, arg, meet, arg);
}

static int join_alone(void *arg)
{
    CHECK_OK(weft_join(nothing, NULL, nothing, NULL));
    return weft_join(count, arg, count, arg);
}

WEFT_TEST(stats, halves_of_joins_are_counted_where_another_worker_takes_them)
{
    weft_runtime *rt = create();
    atomic_int met = 0;

    if (test_workers() == 1) {
        CHECK_OK(weft_runtime_run(rt, join_alone, &met));
        CHECK_EQ(look(rt).sum.tasks_run, 1);
    } else {
        CHECK_OK(weft_runtime_run(rt, join_apart, &met));
        CHECK_EQ(look(rt).sum.tasks_run, 2);
        CHECK_GE(look(rt).sum.steals_won, 1);
    }
    CHECK_EQ(met, 2);
    weft_runtime_destroy(rt);
}

/* Steals. */

static int meet_many_times(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        atomic_int met = 0;
        weft_group *g = weft_group_open(NULL);

        for (int j = 0; j < 2; j++)
            CHECK_OK(weft_spawn(g, meet, &met));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}

/* Of two tasks that one worker spawns, and that must run at the same time, another takes one each time. */
WEFT_TEST(stats, steals_are_counted)
{
    weft_runtime *rt = create();
    weft_runtime_stats s;
    atomic_int n = 0;

    if (test_workers() > 1) {
        CHECK_OK(weft_runtime_run(rt, meet_many_times, NULL));
        settle(rt);
        s = look(rt);
        CHECK_GE(s.sum.steals_won, 100);
        CHECK_LE(s.sum.steals_won, s.sum.steals_tried);
    } else {
        CHECK_OK(weft_runtime_run(rt, spawn_each_way, &n));
        settle(rt);
        CHECK_EQ(look(rt).sum.steals_won, 0);
    }
    CHECK_EQ(look(rt).elsewhere.steals_tried, 0);
    weft_runtime_destroy(rt);
}

/* Sleeping and waking. */

/* Who is on the way to sleep may see the task itself: then nobody is woken. But not each time. */
WEFT_TEST(stats, parks_and_wakes_are_counted)
{
    weft_runtime *rt = create();

    for (int i = 0; i < 100; i++) {
        weft_runtime_stats before, after;

        settle(rt);
        pause_thread_ms(i % 10 == 0 ? 2 : 0);
        before = look(rt);
        CHECK_OK(weft_runtime_run(rt, nothing, NULL));
        settle(rt);
        after = look(rt);
        CHECK_LE(after.elsewhere.wakes_sent, before.elsewhere.wakes_sent + 1);
        CHECK_GT(after.sum.parks, before.sum.parks);
        CHECK_LE(after.sum.wakes_futile, after.sum.wakes_sent + after.elsewhere.wakes_sent);
        check_grown(&before.sum, &after.sum);
        check_grown(&before.elsewhere, &after.elsewhere);
    }
    CHECK_GE(look(rt).elsewhere.wakes_sent, 1);
    weft_runtime_destroy(rt);
}

static int wake_one_by_one(void *arg)
{
    weft_chan **c = arg;
    int item = 0;

    for (int i = 0; i < 100; i++) {
        CHECK_OK(weft_chan_send(c[0], &item));
        CHECK_OK(weft_chan_recv(c[1], &item));
    }
    return 0;
}

static int answer_one_by_one(void *arg)
{
    weft_chan **c = arg;
    int item = 0;

    for (int i = 0; i < 100; i++) {
        CHECK_OK(weft_chan_recv(c[0], &item));
        CHECK_OK(weft_chan_send(c[1], &item));
    }
    return 0;
}

/* Two runtimes: the wakes of the one are sent by workers of the other, which for it are any threads. */
WEFT_TEST(stats, wakes_by_workers_of_another_runtime_are_sent_from_elsewhere)
{
    weft_runtime *a = create(), *b = create();
    weft_chan *c[2] = {weft_chan_create(sizeof(int), 1), weft_chan_create(sizeof(int), 1)};

    settle(a);
    settle(b);
    CHECK_OK(weft_runtime_spawn(a, answer_one_by_one, c));
    CHECK_OK(weft_runtime_run(b, wake_one_by_one, c));
    settle(a);
    settle(b);
    CHECK_GE(look(a).elsewhere.wakes_sent, 1);
    CHECK_EQ(look(a).sum.tasks_run, 1);
    CHECK_EQ(look(b).sum.tasks_run, 1);
    weft_runtime_destroy(a);
    weft_runtime_destroy(b);
    weft_chan_destroy(c[0]);
    weft_chan_destroy(c[1]);
}

/* Descriptors. */

struct ends {
    weft_listener *l;
    char address[WEFT_ADDRESS_MAX];
};

static int echo_once(void *arg)
{
    struct ends *e = arg;
    weft_stream *s;
    char c;

    CHECK_OK(weft_accept(e->l, &s));
    while (weft_read(s, &c, 1) == 1)
        CHECK_EQ(weft_write_all(s, &c, 1), 1);
    weft_stream_close(s);
    return 0;
}

static int talk(void *arg)
{
    struct ends e;
    weft_group *g = weft_group_open(NULL);
    weft_stream *s;
    char c = 'x';

    (void)arg;
    CHECK_OK(weft_tcp_listen(&e.l, "127.0.0.1:0", NULL));
    CHECK_OK(weft_listener_address(e.l, e.address, sizeof e.address));
    CHECK_OK(weft_spawn(g, echo_once, &e));
    CHECK_OK(weft_tcp_connect(&s, e.address));
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(weft_write_all(s, &c, 1), 1);
        CHECK_EQ(weft_read(s, &c, 1), 1);
    }
    weft_stream_close(s);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    weft_listener_close(e.l);
    return 0;
}

WEFT_TEST(stats, polls_are_counted)
{
    weft_runtime *rt = create();
    uint64_t before;

    settle(rt);
    before = look(rt).sum.polls;
    CHECK_OK(weft_runtime_run(rt, talk, NULL));
    CHECK_GT(look(rt).sum.polls, before); /* the end of the last wait for the peer */
    CHECK_EQ(look(rt).elsewhere.polls, 0);
    weft_runtime_destroy(rt);
}

/* Timers: whoever fires them, each that was set and not taken back is counted once. */

enum { SLEEPERS = 200 };

struct sleepers {
    weft_time due;
    bool armed;
};

static int sleep_until_due(void *arg)
{
    return weft_sleep_until(((struct sleepers *)arg)->due);
}

static size_t timers_set(weft_runtime *rt)
{
    size_t n = 0;

    for (unsigned i = 0; i < rt->workers_count; i++) {
        struct weft__timers *ts = &rt->workers[i].timers;

        weft__lock(&ts->lock);
        n += ts->count;
        weft__unlock(&ts->lock);
    }
    return n;
}

static int sleep_many(void *arg)
{
    struct sleepers *s = arg;
    weft_group *g = weft_group_open(NULL), *canceled = weft_group_open(NULL);
    atomic_int asleep = 0;

    for (int i = 0; i < SLEEPERS; i++) {
        CHECK_OK(weft_spawn(g, sleep_until_due, s));
        CHECK_OK(weft_spawn(canceled, count_and_sleep_forever, &asleep));
    }
    /* Those that come too late set no timer: then the numbers say nothing. */
    while (!(s->armed = timers_set(weft_runtime_current()) == 2 * SLEEPERS) && weft_now() < s->due)
        CHECK_OK(weft_yield());
    weft_group_close(canceled);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stats, timers_are_counted_whoever_fires_them)
{
    for (int ms = 100;; ms *= 2) {
        struct sleepers s = {.due = weft_after_ms(ms)};
        weft_runtime *rt = create();
        weft_runtime_stats after;

        CHECK_OK(weft_runtime_run(rt, sleep_many, &s));
        settle(rt);
        after = look(rt);
        weft_runtime_destroy(rt);
        CHECK_LE(after.sum.timers + after.elsewhere.timers, SLEEPERS);
        if (s.armed) {
            CHECK_EQ(after.sum.timers + after.elsewhere.timers, SLEEPERS);
            break;
        }
        CHECK_LT(ms, 10000);
    }
}

/* Stacks. */

struct crowd {
    weft_runtime *rt;
    atomic_int asleep;
    weft_runtime_stats most, end;
};

static int park_many(void *arg)
{
    struct crowd *c = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < MANY; i++)
        CHECK_OK(weft_spawn(g, count_and_sleep_forever, &c->asleep));
    yield_until(&c->asleep, MANY);
    c->most = look(c->rt);
    weft_group_close(g);
    c->end = look(c->rt);
    return 0;
}

WEFT_TEST(stats, stacks_are_counted_as_tasks_come_and_go)
{
    struct crowd c = {.rt = create()};
    weft_runtime_stats before, after;

    settle(c.rt);
    before = look(c.rt);
    CHECK_EQ(before.stacks_live, test_workers()); /* their loops */
    CHECK_OK(weft_runtime_run(c.rt, park_many, &c));
    CHECK_GE(c.most.stacks_live, MANY);
    CHECK_LE(c.most.stacks_live, MANY + 1 + test_workers());
    CHECK_GE(c.most.stacks_peak, MANY);
    CHECK_GE(c.most.stacks_mapped, c.most.stacks_peak);
    CHECK_GT(c.end.stacks_cached, c.most.stacks_cached);
    settle(c.rt);
    after = look(c.rt);
    CHECK_EQ(after.stacks_live, before.stacks_live);
    CHECK_GE(after.stacks_peak, MANY);
    CHECK_GE(after.stacks_mapped, after.stacks_live + after.stacks_cached);
    weft_runtime_destroy(c.rt);
}

/* Larger stacks, too. */
static int sleep_on_large_stacks(void *arg)
{
    struct crowd *c = arg;
    weft_group *g = weft_group_open(NULL);
    uint64_t before = look(c->rt).stacks_live;

    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn_with(g, count_and_sleep_forever, &c->asleep,
                                 &(weft_task_options){.stack_size = (size_t)128 << 10 << i % 4}));
    yield_until(&c->asleep, 20);
    CHECK_GE(look(c->rt).stacks_live, before + 20 - test_workers());
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stats, stacks_of_each_size_are_counted)
{
    struct crowd c = {.rt = create()};

    CHECK_OK(weft_runtime_run(c.rt, sleep_on_large_stacks, &c));
    settle(c.rt);
    CHECK_EQ(look(c.rt).stacks_live, test_workers());
    weft_runtime_destroy(c.rt);
}

/* Sums, and bad numbers. */

/* Nothing runs; but a worker that goes to sleep may still be about its last poll. */
static void check_sums(weft_runtime *rt)
{
    weft_runtime_stats all = look(rt), later;
    uint64_t least[NUMBERS], most[NUMBERS], sum[NUMBERS] = {0}, each[NUMBERS];
    weft_worker_stats one;

    for (unsigned i = 0; i < test_workers(); i++) {
        memset(&one, 0xff, sizeof one);
        CHECK_OK(weft_stats_of_worker(rt, i, &one));
        numbers(&one, each);
        for (int n = 0; n < NUMBERS; n++)
            sum[n] += each[n];
        for (size_t n = 0; n < sizeof one.reserved / sizeof one.reserved[0]; n++)
            CHECK_EQ(one.reserved[n], 0);
    }
    later = look(rt);
    numbers(&all.sum, least);
    numbers(&later.sum, most);
    for (int n = 0; n < NUMBERS; n++) {
        CHECK_LE(least[n], sum[n]);
        CHECK_LE(sum[n], most[n]);
    }
    CHECK_EQ(all.workers, test_workers());
    for (size_t n = 0; n < sizeof all.reserved / sizeof all.reserved[0]; n++)
        CHECK_EQ(all.reserved[n], 0);
}

WEFT_TEST(stats, sums_are_those_of_the_workers)
{
    weft_runtime *rt = create();
    atomic_int n = 0;
    static const weft_worker_stats none;
    weft_worker_stats one;

    settle(rt);
    check_sums(rt);
    CHECK_OK(weft_runtime_run(rt, spawn_each_way, &n));
    CHECK_OK(weft_runtime_run(rt, talk, NULL));
    settle(rt);
    check_sums(rt);
    for (int i = 0; i < 2; i++) {
        memset(&one, 0xff, sizeof one);
        CHECK_RC(weft_stats_of_worker(rt, i == 0 ? test_workers() : UINT32_MAX, &one), WEFT_EINVAL);
        CHECK_MEM_EQ(&one, &none, sizeof one);
    }
    weft_runtime_destroy(rt);
}

/* Readers beside it. */

struct readers {
    weft_runtime *rt;
    atomic_int stop;
};

static void read_once(weft_runtime *rt, weft_worker_stats last[])
{
    weft_runtime_stats all = look(rt);

    CHECK_LE(all.stacks_live, all.stacks_mapped + test_workers() + 1);
    for (unsigned i = 0; i < test_workers(); i++) {
        weft_worker_stats now;

        CHECK_OK(weft_stats_of_worker(rt, i, &now));
        check_grown(&last[i], &now);
        last[i] = now;
    }
}

static void *read_all_the_time(void *arg)
{
    struct readers *r = arg;
    weft_worker_stats *last = calloc(test_workers(), sizeof *last);

    CHECK_NOT_NULL(last);
    while (atomic_load(&r->stop) == 0)
        read_once(r->rt, last);
    free(last);
    return NULL;
}

static int read_in_a_task(void *arg)
{
    struct readers *r = arg;
    weft_worker_stats *last = calloc(test_workers(), sizeof *last);

    CHECK_NOT_NULL(last);
    while (atomic_load(&r->stop) == 0) {
        read_once(r->rt, last);
        CHECK_OK(weft_yield());
    }
    free(last);
    return 0;
}

static int work_beside_readers(void *arg)
{
    struct readers *r = arg;
    weft_group *g = weft_group_open(NULL);
    atomic_int n = 0;

    CHECK_OK(weft_spawn(g, read_in_a_task, r));
    for (int i = 0; i < 5; i++) {
        CHECK_OK(spawn_each_way(&n));
        CHECK_OK(talk(NULL));
        CHECK_OK(weft_sleep_ms(1));
    }
    atomic_store(&r->stop, 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stats, numbers_are_read_while_they_move)
{
    struct readers r = {.rt = create()};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, read_all_the_time, &r));
    CHECK_OK(weft_runtime_run(r.rt, work_beside_readers, &r));
    for (int i = 0; i < 2; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    weft_runtime_destroy(r.rt);
}
