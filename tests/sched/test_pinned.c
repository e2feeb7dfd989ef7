/* SPDX-License-Identifier: MIT */
/* Pinned tasks: whatever wakes them, and whoever, they go on where they began; and nothing else waits for them. */
#include <pthread.h>
#include <string.h>

#include "sched/runtime.h"

#include "tests/sched/hold.h"
#include "tests/sched/pins.h"

enum { ROUNDS = 200, MANY = TEST_TSAN ? 100 : 400 };

/* Tasks that are not pinned, to move work from worker to worker. */
struct bustle {
    weft_group *g;
    atomic_int stop;
};

static int bustle_about(void *arg)
{
    struct bustle *b = arg;

    for (int i = 0; atomic_load(&b->stop) == 0; i++) {
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_spawn(g, nothing, NULL));
        CHECK_OK(i % 8 == 0 ? weft_sleep_ms(1) : weft_yield());
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}

static void begin_bustle(struct bustle *b)
{
    atomic_init(&b->stop, 0);
    b->g = weft_group_open(NULL);
    for (int i = 0; i < 8; i++)
        CHECK_OK(weft_spawn(b->g, bustle_about, b));
}

static void end_bustle(struct bustle *b)
{
    atomic_store(&b->stop, 1);
    CHECK_OK(weft_group_wait(b->g));
    weft_group_close(b->g);
}

/* Runs `fn(arg)` as a number of pinned tasks beside others that move about. */
static void pinned_beside_bustle(int tasks, weft_fn fn, void *arg)
{
    struct bustle b;
    weft_group *g;

    begin_bustle(&b);
    g = weft_group_open(NULL);
    for (int i = 0; i < tasks; i++)
        CHECK_OK(weft_spawn_with(g, fn, arg, &pinned));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    end_bustle(&b);
}

/* Yields and sleeps. */

static int yield_and_sleep(void *arg)
{
    long thread = thread_now();

    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_OK(weft_yield());
        CHECK_EQ(thread_now(), thread);
        CHECK_OK(weft_sleep_ms(i % 20 == 0 ? 1 : 0));
        CHECK_EQ(thread_now(), thread);
    }
    return 0;
}

static int many_yield_and_sleep(void *arg)
{
    pinned_beside_bustle(20, yield_and_sleep, arg);
    return 0;
}

WEFT_TEST(pinned, task_stays_on_its_thread_over_yields_and_sleeps)
{
    CHECK_OK(test_run(many_yield_and_sleep, NULL));
}

/* Timers that others fire: all workers are held while they pass, so the monitor does. */

static int sleep_pinned(void *arg)
{
    atomic_int *asleep = arg;
    long thread = thread_now();

    for (int i = 0; i < 10; i++) {
        atomic_fetch_add(asleep, 1);
        CHECK_OK(weft_sleep_ms(5));
        CHECK_EQ(thread_now(), thread);
    }
    return 0;
}

static int hold_a_while(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        pause_thread_ms(8);
        CHECK_OK(weft_yield());
    }
    return 0;
}

static int sleep_while_all_are_held(void *arg)
{
    atomic_int asleep = 0;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_spawn_with(g, sleep_pinned, &asleep, &pinned));
    yield_until(&asleep, 10);
    for (unsigned i = 0; i < test_workers(); i++)
        CHECK_OK(weft_spawn(g, hold_a_while, NULL));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(pinned, task_stays_where_its_timer_is_fired_by_the_monitor)
{
    CHECK_OK(test_run(sleep_while_all_are_held, NULL));
}

/* Channels: pinned tasks pass items on to each other in a ring, wherever each is. */

enum { RING = 16 };

struct ring {
    weft_chan *c[RING];
    atomic_int next;
};

static int pass_on(void *arg)
{
    struct ring *r = arg;
    int i = atomic_fetch_add(&r->next, 1), item;
    long thread = thread_now();

    while (weft_chan_recv(r->c[i], &item) == 0) {
        CHECK_EQ(thread_now(), thread);
        if (item == 0) {
            for (int j = 0; j < RING; j++)
                (void)weft_chan_close(r->c[j]);
            break;
        }
        item--;
        CHECK_OK(weft_chan_send(r->c[(i + 1) % RING], &item));
        CHECK_EQ(thread_now(), thread);
    }
    return 0;
}

static int pass_round(void *arg)
{
    struct ring r = {.next = 0};
    int rounds = RING * ROUNDS;

    (void)arg;
    for (int i = 0; i < RING; i++)
        CHECK_NOT_NULL(r.c[i] = weft_chan_create(sizeof(int), 1));
    CHECK_OK(weft_chan_try_send(r.c[0], &rounds));
    pinned_beside_bustle(RING, pass_on, &r);
    for (int i = 0; i < RING; i++)
        weft_chan_destroy(r.c[i]);
    return 0;
}

WEFT_TEST(pinned, task_stays_where_tasks_of_other_workers_wake_it)
{
    CHECK_OK(test_run(pass_round, NULL));
}

/* Threads that are no workers, and workers of another runtime. */

struct mail {
    weft_chan *c;
    atomic_int got;
};

static int receive_all(void *arg)
{
    struct mail *m = arg;
    long thread = thread_now();
    int item;

    while (weft_chan_recv(m->c, &item) == 0) {
        CHECK_EQ(thread_now(), thread);
        atomic_fetch_add(&m->got, 1);
    }
    return 0;
}

static int receive_by_many(void *arg)
{
    pinned_beside_bustle(20, receive_all, arg);
    return 0;
}

static int send_all(void *arg)
{
    struct mail *m = arg;

    for (int i = 0; i < ROUNDS; i++) {
        int rc;

        while ((rc = weft_chan_try_send(m->c, &i)) == WEFT_EFULL)
            sched_yield();
        CHECK_OK(rc);
        if (i % 20 == 0)
            pause_thread_ms(1);
    }
    return 0;
}

static void *send_from_a_thread(void *arg)
{
    CHECK_OK(send_all(arg));
    return NULL;
}

static void *send_from_another_runtime(void *arg)
{
    CHECK_OK(run_on(1, send_all, arg));
    return NULL;
}

static void *receive_in_a_runtime(void *arg)
{
    CHECK_OK(test_run(receive_by_many, arg));
    return NULL;
}

WEFT_TEST(pinned, task_stays_where_foreign_threads_wake_it)
{
    struct mail m = {.c = weft_chan_create(sizeof(int), 4)};
    pthread_t receiver, thread, other;

    CHECK_NOT_NULL(m.c);
    CHECK_OK(pthread_create(&receiver, NULL, receive_in_a_runtime, &m));
    CHECK_OK(pthread_create(&thread, NULL, send_from_a_thread, &m));
    CHECK_OK(pthread_create(&other, NULL, send_from_another_runtime, &m));
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_OK(pthread_join(other, NULL));
    CHECK_OK(weft_chan_close(m.c));
    CHECK_OK(pthread_join(receiver, NULL));
    CHECK_EQ(m.got, 2 * ROUNDS);
    weft_chan_destroy(m.c);
}

/* Descriptors. */

static int wait_for_pipe(void *arg)
{
    long thread = thread_now();
    int ends[2];
    char c = 'x';

    (void)arg;
    CHECK_OK(pipe(ends));
    for (int i = 0; i < ROUNDS / 10; i++) {
        weft_scope *s = weft_scope_open(weft_after_ms(1));

        CHECK_RC(weft_scope_close(s, weft_fd_wait(ends[0], WEFT_READABLE)), WEFT_ETIMEDOUT);
        CHECK_EQ(thread_now(), thread);
        CHECK_EQ(write(ends[1], &c, 1), 1);
        CHECK_EQ(weft_fd_wait(ends[0], WEFT_READABLE), WEFT_READABLE);
        CHECK_EQ(thread_now(), thread);
        CHECK_EQ(read(ends[0], &c, 1), 1);
    }
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static int wait_for_pipes(void *arg)
{
    pinned_beside_bustle(10, wait_for_pipe, arg);
    return 0;
}

WEFT_TEST(pinned, task_stays_over_waits_for_descriptors_and_cancellations)
{
    CHECK_OK(test_run(wait_for_pipes, NULL));
}

/* A stream whose two ends are pinned tasks. */

struct line {
    weft_listener *l;
    char address[WEFT_ADDRESS_MAX];
};

static void talk(weft_stream *s, bool first)
{
    long thread = thread_now();
    char c = 'x';

    for (int i = 0; i < ROUNDS; i++) {
        if (first || i > 0)
            CHECK_EQ(weft_write_all(s, &c, 1), 1);
        CHECK_EQ(weft_read(s, &c, 1), 1);
        CHECK_EQ(thread_now(), thread);
    }
    if (!first)
        CHECK_EQ(weft_write_all(s, &c, 1), 1);
    CHECK_EQ(thread_now(), thread);
    weft_stream_close(s);
}

static int answer(void *arg)
{
    struct line *line = arg;
    long thread = thread_now();
    weft_stream *s;

    CHECK_OK(weft_accept(line->l, &s));
    CHECK_EQ(thread_now(), thread);
    talk(s, false);
    return 0;
}

static int dial(void *arg)
{
    struct line *line = arg;
    long thread = thread_now();
    weft_stream *s;

    CHECK_OK(weft_tcp_connect(&s, line->address));
    CHECK_EQ(thread_now(), thread);
    talk(s, true);
    return 0;
}

static int talk_over_lines(void *arg)
{
    enum { LINES = 5 };
    struct line lines[LINES];
    struct bustle b;
    weft_group *g;

    (void)arg;
    begin_bustle(&b);
    g = weft_group_open(NULL);
    for (int i = 0; i < LINES; i++) {
        CHECK_OK(weft_tcp_listen(&lines[i].l, "127.0.0.1:0", NULL));
        CHECK_OK(weft_listener_address(lines[i].l, lines[i].address, sizeof lines[i].address));
        CHECK_OK(weft_spawn_with(g, answer, &lines[i], &pinned));
        CHECK_OK(weft_spawn_with(g, dial, &lines[i], &pinned));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    end_bustle(&b);
    for (int i = 0; i < LINES; i++)
        weft_listener_close(lines[i].l);
    return 0;
}

WEFT_TEST(pinned, task_stays_over_connects_accepts_reads_and_writes)
{
    CHECK_OK(test_run(talk_over_lines, NULL));
}

/* Groups: the children run anywhere. */

struct pair {
    atomic_int begun;
};

/* Two of these are on two threads, where there are as many. */
static int meet(void *arg)
{
    struct pair *p = arg;

    atomic_fetch_add(&p->begun, 1);
    if (test_workers() > 1)
        spin_until(&p->begun, 2);
    CHECK_OK(weft_yield());
    CHECK_OK(weft_sleep_ms(0));
    return 0;
}

static int wait_for_groups(void *arg)
{
    long thread = thread_now();

    (void)arg;
    for (int i = 0; i < ROUNDS / 10; i++) {
        struct pair p = {0};
        atomic_int n = 0;
        weft_group *g = weft_group_open(NULL);

        for (int j = 0; j < 2; j++)
            CHECK_OK(weft_spawn(g, meet, &p));
        for (int j = 0; j < 20; j++)
            CHECK_OK(j % 3 != 0 ? weft_spawn(g, count, &n) : weft_spawn_with(g, count, &n, &pinned));
        CHECK_EQ(thread_now(), thread);
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(thread_now(), thread);
        CHECK_EQ(atomic_load(&p.begun), 2);
        CHECK_EQ(atomic_load(&n), 20);
        CHECK_OK(weft_spawn(g, sleep_forever, NULL));
        weft_group_close(g);
        CHECK_EQ(thread_now(), thread);
    }
    return 0;
}

static int pinned_owner(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn_with(g, wait_for_groups, arg, &pinned));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(pinned, owner_of_a_group_stays_while_its_children_run_anywhere)
{
    CHECK_OK(test_run(pinned_owner, NULL));
}

/* Joins and loops. */

static int suspend_both_ways(void *arg)
{
    CHECK_OK(weft_yield());
    CHECK_OK(weft_sleep_ms(1));
    return count(arg);
}

static int suspend_each(size_t i, void *arg)
{
    if (i % 16 == 0)
        CHECK_OK(weft_yield());
    return count(arg);
}

static int join_and_loop(void *arg)
{
    long thread = thread_now();

    (void)arg;
    for (int i = 0; i < ROUNDS / 10; i++) {
        atomic_int n = 0;

        CHECK_OK(weft_join(suspend_both_ways, &n, suspend_both_ways, &n));
        CHECK_EQ(thread_now(), thread);
        CHECK_OK(weft_parallel_for(0, 100, 1, suspend_each, &n));
        CHECK_EQ(thread_now(), thread);
        CHECK_EQ(atomic_load(&n), 102);
    }
    return 0;
}

static int many_join_and_loop(void *arg)
{
    pinned_beside_bustle(5, join_and_loop, arg);
    return 0;
}

WEFT_TEST(pinned, task_stays_over_joins_and_loops)
{
    CHECK_OK(test_run(many_join_and_loop, NULL));
}

/* Behind a pinned task that holds their thread. */

enum { BEHIND = 20, OTHERS = 50 };

struct stuck {
    struct helpers helpers;
    weft_chan *c;
    enum way way;
    long thread;
    weft_time due;
    atomic_int begun, others, went_on;
};

static int wait_behind(void *arg)
{
    struct stuck *s = arg;
    int i = atomic_fetch_add(&s->begun, 1), item;

    CHECK_EQ(thread_now(), s->thread);
    if (i % 2 == 0)
        CHECK_OK(weft_sleep_until(s->due));
    else
        CHECK_OK(weft_chan_recv(s->c, &item));
    CHECK_EQ(thread_now(), s->thread);
    atomic_fetch_add(&s->went_on, 1);
    return 0;
}

static int go_on_elsewhere(void *arg)
{
    struct stuck *s = arg;

    CHECK_OK(weft_sleep_until(s->due));
    CHECK_OK(weft_yield());
    atomic_fetch_add(&s->others, 1);
    return 0;
}

static int hold_pinned(void *arg)
{
    struct stuck *s = arg;
    weft_group *g = weft_group_open(NULL);
    int before;

    for (int i = 0; i < OTHERS; i++)
        CHECK_OK(weft_spawn(g, go_on_elsewhere, s));
    for (int i = 0; i < BEHIND / 2; i++)
        CHECK_OK(weft_chan_try_send(s->c, &i));
    before = atomic_load(&s->went_on);
    CHECK_LE(before, BEHIND / 2);
    atomic_store(&s->helpers.let_go, 1);
    hold_until(s->way, &s->others, OTHERS, "tasks that are not pinned");
    CHECK_EQ(atomic_load(&s->went_on), before);
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(thread_now(), s->thread);
    weft_group_close(g);
    return 0;
}

static int hold_before_others(void *arg)
{
    struct stuck s = {.way = *(enum way *)arg, .c = weft_chan_create(sizeof(int), BEHIND)};
    weft_group *g;

    CHECK_NOT_NULL(s.c);
    hold_others(&s.helpers); /* so that all that is pinned begins here */
    s.thread = thread_now();
    s.due = weft_after_ms(20);
    g = weft_group_open(NULL);
    for (int i = 0; i < BEHIND; i++)
        CHECK_OK(weft_spawn_with(g, wait_behind, &s, &pinned));
    yield_until(&s.begun, BEHIND);
    CHECK_OK(weft_spawn_with(g, hold_pinned, &s, &pinned));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(atomic_load(&s.went_on), BEHIND);
    weft_group_close(g);
    join_others(&s.helpers);
    weft_chan_destroy(s.c);
    return 0;
}

WEFT_TEST(pinned, tasks_wait_for_their_held_thread_and_all_others_go_on)
{
    for (enum way way = COMPUTING; way < WAYS; way++)
        CHECK_OK(run_on(test_workers() > 1 ? test_workers() : 2, hold_before_others, &way));
}

/* Many on one worker: first in, first out. */

enum { TURNS = 20 };

struct queue {
    struct helpers helpers;
    long thread;
    atomic_int begun;
    int at, seen[MANY * TURNS];
};

static int take_turns(void *arg)
{
    struct queue *q = arg;
    int i = atomic_fetch_add(&q->begun, 1);

    yield_until(&q->begun, MANY);
    for (int turn = 0; turn < TURNS; turn++) {
        CHECK_EQ(thread_now(), q->thread);
        q->seen[q->at++] = i; /* one thread */
        CHECK_OK(weft_yield());
    }
    return 0;
}

static int queue_up(void *arg)
{
    struct queue *q = arg;
    weft_group *g;

    hold_others(&q->helpers);
    q->thread = thread_now();
    g = weft_group_open(NULL);
    for (int i = 0; i < MANY; i++)
        CHECK_OK(weft_spawn_with(g, take_turns, q, &pinned));
    yield_until(&q->begun, MANY);
    atomic_store(&q->helpers.let_go, 1);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    join_others(&q->helpers);
    CHECK_EQ(q->at, MANY * TURNS);
    for (int i = MANY; i < MANY * TURNS; i++)
        CHECK_EQ(q->seen[i], q->seen[i - MANY]);
    return 0;
}

WEFT_TEST(pinned, many_tasks_of_one_worker_take_turns)
{
    static struct queue q;

    CHECK_OK(test_run(queue_up, &q));
}

/* Pinned, of each priority, with small and large stacks. */

struct large {
    size_t size;
};

static __attribute__((noinline)) void use_stack(size_t size)
{
    volatile char frame[1024];

    frame[0] = 1;
    if (size > 2 * sizeof frame)
        use_stack(size - 2 * sizeof frame);
    frame[sizeof frame - 1] = frame[0];
}

static int use_stack_pinned(void *arg)
{
    struct large *l = arg;
    long thread = thread_now();

    for (int i = 0; i < 20; i++) {
        use_stack(l->size / 2); /* half of it: frames are larger under sanitizers */
        CHECK_OK(i % 4 == 0 ? weft_sleep_ms(1) : weft_yield());
        CHECK_EQ(thread_now(), thread);
    }
    return 0;
}

static int every_kind(void *arg)
{
    static struct large sizes[] = {{16 << 10}, {256 << 10}, {1 << 20}};
    struct bustle b;
    weft_group *g;

    (void)arg;
    begin_bustle(&b);
    g = weft_group_open(NULL);
    for (int i = 0; i < 5; i++)
        for (int p = WEFT_PRIORITY_LOW; p <= WEFT_PRIORITY_HIGH; p++)
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
                CHECK_OK(
                    weft_spawn_with(g, use_stack_pinned, &sizes[s],
                                    &(weft_task_options){
                                        .pinned = true, .priority = p, .stack_size = sizes[s].size, .name = "pinned"}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    end_bustle(&b);
    return 0;
}

WEFT_TEST(pinned, tasks_of_each_priority_and_stack_size_stay)
{
    CHECK_OK(test_run(every_kind, NULL));
}

/* Turns beside the others: of 16 that all levels want, 2 are the pinned tasks'. */

struct shares {
    atomic_int begun, stop;
    int turns[2];
};

struct share {
    struct shares *all;
    int kind;
};

static int count_turns(void *arg)
{
    struct share *s = arg;

    atomic_fetch_add(&s->all->begun, 1);
    while (atomic_load(&s->all->stop) == 0) {
        if (atomic_load(&s->all->begun) == 8 && ++s->all->turns[s->kind] == 2000)
            atomic_store(&s->all->stop, 1);
        CHECK_OK(weft_yield());
    }
    return 0;
}

static int share_turns(void *arg)
{
    struct shares all = {0};
    struct share kinds[] = {{&all, 0}, {&all, 1}};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 8; i++)
        CHECK_OK(weft_spawn_with(g, count_turns, &kinds[i % 2], &(weft_task_options){.pinned = i % 2 == 1}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    /* 14 to 2 */
    CHECK_GE(all.turns[1] * 12, all.turns[0]);
    CHECK_GE(all.turns[0], all.turns[1] * 4);
    return 0;
}

WEFT_TEST(pinned, tasks_and_others_have_their_shares)
{
    CHECK_OK(run_on(1, share_turns, NULL));
}

/* The end of the runtime. */

struct ends {
    atomic_int parked, ended;
};

static int park_until_stopped(void *arg)
{
    struct ends *e = arg;
    long thread = thread_now();

    atomic_fetch_add(&e->parked, 1);
    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    CHECK_EQ(thread_now(), thread);
    CHECK_RC(weft_yield(), WEFT_ECANCELED);
    CHECK_EQ(thread_now(), thread);
    atomic_fetch_add(&e->ended, 1);
    return 0;
}

static int park_many(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 50; i++)
        CHECK_OK(weft_spawn_with(g, park_until_stopped, arg, &pinned));
    CHECK_RC(weft_group_wait(g), WEFT_ECANCELED);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(pinned, tasks_that_are_parked_end_with_their_runtime)
{
    for (int way = 0; way < 3; way++) {
        struct ends e = {0};
        weft_runtime *rt;

        CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers()}));
        CHECK_OK(weft_runtime_spawn(rt, park_many, &e));
        spin_until(&e.parked, 50);
        pause_thread_ms(way * 5);
        if (way != 1)
            weft_runtime_stop(rt);
        weft_runtime_destroy(rt);
        CHECK_EQ(e.ended, 50);
    }
}
