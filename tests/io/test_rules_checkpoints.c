/* SPDX-License-Identifier: MIT */
/* Every call that may wait checks on entry: in a cancelled scope it says so, each time, although it would not have to wait, and nothing of what it
 * stands for happens. See docs/SEMANTICS.md. */
#include <string.h>
#include <unistd.h>

#include "tests/io/net.h"
#include "tests/sched/tasks.h"

/* All that the calls need to succeed at once, each of them many times. */
struct world {
    weft_listener *listener;
    char address[WEFT_ADDRESS_MAX];
    weft_stream *waiting; /* to be accepted */
    struct net_pair pair; /* with bytes to read at the client */
    weft_chan *ready, *room;
    int ends[2]; /* of a pipe that is readable */
    weft_group *g;
    weft_task *ended;
    weft_batcher *batcher;
    weft_interval interval;
    atomic_int called;
    char item;
};

static int called(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static int called_then_ready(void *arg)
{
    (void)called(arg);
    return weft_ready();
}

static int yield(struct world *w)
{
    (void)w;
    return weft_yield();
}

static int sleep_0(struct world *w)
{
    (void)w;
    return weft_sleep_ms(0);
}

static int sleep_1(struct world *w)
{
    (void)w;
    return weft_sleep_ms(1);
}

static int sleep_into_the_past(struct world *w)
{
    (void)w;
    return weft_sleep_until(1);
}

static int wait_for_a_group(struct world *w)
{
    weft_group *g = weft_group_open(NULL);
    int rc = weft_group_wait(g);

    (void)w;
    weft_group_close(g);
    return rc;
}

static int next_of_a_group(struct world *w)
{
    weft_task *done = NULL;
    int rc = weft_group_next(w->g, &done);

    if (rc < 0)
        CHECK_NULL(done);
    weft_task_release(done);
    return rc;
}

static int join_task(struct world *w)
{
    return weft_task_join(w->ended);
}

static int wait_for_tasks(struct world *w)
{
    return weft_wait(&w->ended, 1, WEFT_FIRST_COMPLETED);
}

static int wait_for_no_task(struct world *w)
{
    (void)w;
    return weft_wait(NULL, 0, WEFT_ALL_COMPLETED);
}

static int start(struct world *w)
{
    return weft_start(w->g, called_then_ready, &w->called, NULL);
}

static int gather(struct world *w)
{
    return weft_gather(2, (weft_fn[]){called, called}, (void *[]){&w->called, &w->called}, NULL);
}

static int gather_codes(struct world *w)
{
    int codes[1] = {7}, rc = weft_gather(1, (weft_fn[]){called}, (void *[]){&w->called}, codes);

    CHECK_RC(codes[0], rc);
    return rc;
}

static int gather_nothing(struct world *w)
{
    (void)w;
    return weft_gather(0, NULL, NULL, NULL);
}

static int race(struct world *w)
{
    return weft_race(2, (weft_fn[]){called, called}, (void *[]){&w->called, &w->called});
}

static int called_by_item(void *item)
{
    return called(*(void **)item);
}

static int map(struct world *w)
{
    void *items[2] = {&w->called, &w->called};

    return weft_map(items, 2, sizeof items[0], called_by_item, NULL);
}

static int map_nothing(struct world *w)
{
    (void)w;
    return weft_map(NULL, 0, 1, called, NULL);
}

struct source {
    atomic_int *called;
    int left;
};

static int make_item(void *ctx, void *item)
{
    struct source *s = ctx;

    (void)called(s->called);
    *(void **)item = s->called;
    return s->left-- > 0 ? 0 : WEFT_EEMPTY;
}

static int map_each(struct world *w)
{
    struct source s = {&w->called, 2};

    return weft_map_each(sizeof(void *), make_item, &s, called_by_item, NULL);
}

static int fork_join(struct world *w)
{
    return weft_join(called, &w->called, called, &w->called);
}

static int body(size_t i, void *arg)
{
    (void)i;
    return called(arg);
}

static int parallel_for(struct world *w)
{
    return weft_parallel_for(0, 3, 0, body, &w->called);
}

static int fold_body(size_t begin, size_t end, void *acc, void *arg)
{
    *(size_t *)acc += end - begin;
    return called(arg);
}

static int fold_two(void *acc, void *right, void *arg)
{
    (void)arg;
    *(size_t *)acc += *(size_t *)right;
    return 0;
}

static int parallel_reduce(struct world *w)
{
    size_t sum = 0;

    return weft_parallel_reduce(0, 100, 10, &sum, sizeof sum, fold_body, fold_two, &w->called);
}

static int retry(struct world *w)
{
    return weft_retry(called, &w->called, NULL);
}

static int tick(struct world *w)
{
    weft_time due = -1;
    int rc = weft_interval_tick(&w->interval, &due);

    if (rc < 0)
        CHECK_EQ(due, -1);
    return rc;
}

static int blocking(struct world *w)
{
    return weft_blocking(called, &w->called);
}

static int block_in_place(struct world *w)
{
    return weft_block_in_place(called, &w->called);
}

static int batch(struct world *w)
{
    return weft_batch(w->batcher, &w->called);
}

static int answer_batch(void *const *items, int *codes, size_t count, void *ctx)
{
    (void)codes;
    (void)ctx;
    for (size_t i = 0; i < count; i++)
        (void)called(items[i]);
    return 0;
}

static int park(struct world *w)
{
    (void)w;
    return weft_park_enter();
}

static int receive(struct world *w)
{
    char item = 0;
    int rc = weft_chan_recv(w->ready, &item);

    if (rc == 0)
        CHECK_OK(weft_chan_try_send(w->ready, &item)); /* for the next one */
    return rc;
}

static int receive_many(struct world *w)
{
    char item = 0;
    int rc = (int)weft_chan_recv_many(w->ready, &item, 1);

    if (rc > 0)
        CHECK_OK(weft_chan_try_send(w->ready, &item)); /* for the next one */
    return rc > 0 ? 0 : rc;
}

static int send_many(struct world *w)
{
    int rc = (int)weft_chan_send_many(w->room, &w->item, 1);
    char item;

    CHECK_RC(weft_chan_try_recv(w->room, &item), rc == 1 ? 0 : WEFT_EEMPTY);
    return rc > 0 ? 0 : rc;
}

static int send_item(struct world *w)
{
    int rc = weft_chan_send(w->room, &w->item);
    char item;

    CHECK_RC(weft_chan_try_recv(w->room, &item), rc == 0 ? 0 : WEFT_EEMPTY);
    return rc;
}

static int fd_wait(struct world *w)
{
    return weft_fd_wait(w->ends[0], WEFT_READABLE);
}

static int read_some(struct world *w)
{
    char text[2] = "";
    ssize_t n = weft_read(w->pair.client, text, 1);

    CHECK_STR_EQ(text, n == 1 ? "x" : "");
    return (int)n;
}

static int write_some(struct world *w)
{
    return (int)weft_write(w->pair.client, "y", 1);
}

static int write_all(struct world *w)
{
    size_t done = 99;
    int rc = (int)weft_write_all_counted(w->pair.client, "y", 1, &done);

    CHECK_EQ(done, rc > 0 ? 1 : 0);
    return rc;
}

static int accept_one(struct world *w)
{
    weft_stream *s = NULL;
    int rc = weft_accept(w->listener, &s);

    if (rc < 0)
        CHECK_NULL(s);
    weft_stream_close(s);
    return rc;
}

static int connect_one(struct world *w)
{
    weft_stream *s = NULL;
    int rc = weft_tcp_connect(&s, w->address);

    if (rc < 0)
        CHECK_NULL(s);
    weft_stream_close(s);
    return rc;
}

static const struct {
    const char *name;
    int (*call)(struct world *w);
} calls[] = {
    {"weft_yield", yield},
    {"weft_sleep_ms(0)", sleep_0},
    {"weft_sleep_ms", sleep_1},
    {"weft_sleep_until", sleep_into_the_past},
    {"weft_group_wait", wait_for_a_group},
    {"weft_group_next", next_of_a_group},
    {"weft_task_join", join_task},
    {"weft_wait", wait_for_tasks},
    {"weft_wait(0)", wait_for_no_task},
    {"weft_start", start},
    {"weft_gather", gather},
    {"weft_gather with codes", gather_codes},
    {"weft_gather(0)", gather_nothing},
    {"weft_race", race},
    {"weft_map", map},
    {"weft_map(0)", map_nothing},
    {"weft_map_each", map_each},
    {"weft_join", fork_join},
    {"weft_parallel_for", parallel_for},
    {"weft_parallel_reduce", parallel_reduce},
    {"weft_retry", retry},
    {"weft_interval_tick", tick},
    {"weft_blocking", blocking},
    {"weft_block_in_place", block_in_place},
    {"weft_batch", batch},
    {"weft_park_enter", park},
    {"weft_chan_recv", receive},
    {"weft_chan_recv_many", receive_many},
    {"weft_chan_send", send_item},
    {"weft_chan_send_many", send_many},
    {"weft_fd_wait", fd_wait},
    {"weft_read", read_some},
    {"weft_write", write_some},
    {"weft_write_all_counted", write_all},
    {"weft_accept", accept_one},
    {"weft_tcp_connect", connect_one},
};

enum { CALLS = sizeof calls / sizeof calls[0] };

static void open_world(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->listener = net_listen(w->address);
    w->waiting = net_connect(w->address);
    w->pair = net_pair();
    CHECK_EQ(weft_write_all(w->pair.server, "xxxx", 4), 4);
    w->ready = weft_chan_create(1, 1);
    w->room = weft_chan_create(1, 1);
    CHECK_OK(weft_chan_send(w->ready, &w->item));
    CHECK_OK(pipe(w->ends));
    CHECK_EQ(write(w->ends[1], "x", 1), 1);
    w->g = weft_group_open(NULL);
    w->ended = weft_spawn_task(w->g, nothing, NULL, NULL);
    CHECK_OK(weft_task_join(w->ended));
    CHECK_NOT_NULL(weft_spawn_task(w->g, nothing, NULL, NULL)); /* for weft_group_next() to give out */
    {
        weft_task *first;

        CHECK_OK(weft_group_next(w->g, &first));
        CHECK_PTR_EQ(first, w->ended);
    }
    CHECK_OK(weft_group_wait(w->g));
    w->batcher = weft_batcher_create(w->g, answer_batch, NULL, NULL);
    CHECK_NOT_NULL(w->batcher);
    CHECK_OK(weft_interval_init_ms(&w->interval, 1, WEFT_MISSED_BURST));
    net_settle();
    w->item = 'i';
}

static void close_world(struct world *w)
{
    weft_task_release(w->ended);
    weft_batcher_destroy(w->batcher);
    weft_group_close(w->g);
    CHECK_OK(close(w->ends[0]));
    CHECK_OK(close(w->ends[1]));
    weft_chan_destroy(w->ready);
    weft_chan_destroy(w->room);
    net_close(&w->pair);
    weft_stream_close(w->waiting);
    weft_listener_close(w->listener);
}

static void refuse_all(void)
{
    struct world w;

    open_world(&w);
    for (int i = 0; i < CALLS; i++) {
        weft_scope *s = weft_scope_open(i % 2 == 0 ? 0 : weft_now() - 1);
        int rc;

        CHECK_OK(weft_scope_cancel(s));
        for (int k = 0; k < 3; k++) {
            rc = calls[i].call(&w);
            if (rc != WEFT_ECANCELED)
                FAIL("%s returns %d in a cancelled scope", calls[i].name, rc);
        }
        CHECK_EQ(w.called, 0);
        CHECK_OK((int)weft_scope_close(s, 0));
        /* It was none of the call's fault, and what it was to take is still there. */
        rc = calls[i].call(&w);
        if (rc < 0)
            FAIL("%s returns %d (%s) after it", calls[i].name, rc, weft_strerror(rc));
        CHECK_OK(weft_group_wait(w.g));
        atomic_store(&w.called, 0);
    }
    close_world(&w);
}

WEFT_TEST(rules_checkpoints, every_call_that_may_wait_says_canceled_on_entry_and_does_nothing)
{
    net_run(refuse_all);
}

/* On one worker: a loop that takes WEFT_ECANCELED for a reason to try again lets others run at each turn. */

struct stubborn {
    struct world w;
    atomic_int stop;
    int turns;
};

static int stop_later(void *arg)
{
    struct stubborn *s = arg;

    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_yield());
    atomic_store(&s->stop, 1);
    return 0;
}

static void try_again_each(void)
{
    static struct stubborn s;

    memset(&s, 0, sizeof s);
    open_world(&s.w);
    for (int i = 0; i < CALLS; i++) {
        weft_group *g = weft_group_open(NULL);
        weft_scope *scope = weft_scope_open(0);

        atomic_store(&s.stop, 0);
        CHECK_OK(weft_spawn(g, stop_later, &s)); /* outside of the scope */
        CHECK_OK(weft_scope_cancel(scope));
        for (s.turns = 0; atomic_load(&s.stop) == 0; s.turns++) {
            int rc = calls[i].call(&s.w);

            CHECK_RC(rc, WEFT_ECANCELED);
            if (s.turns > 1000)
                FAIL("a loop of %s starves others", calls[i].name);
        }
        CHECK_OK((int)weft_scope_close(scope, 0));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    close_world(&s.w);
}

static int run_on_one(void *arg)
{
    (void)arg;
    try_again_each();
    return 0;
}

WEFT_TEST(rules_checkpoints, loop_that_retries_any_call_on_canceled_starves_nobody)
{
    CHECK_OK(run_on(1, run_on_one, NULL));
}

/* A wait for a group is a checkpoint of the scope that it is made in, also where the group, and so its children, lie outside of that. */
static void wait_outside(void)
{
    weft_group *g = weft_group_open(NULL);
    weft_scope *s = weft_scope_open(0);
    atomic_int n = 0;

    CHECK_OK(weft_scope_cancel(s));
    CHECK_OK(weft_spawn(g, called, &n));
    CHECK_RC(weft_group_wait(g), WEFT_ECANCELED);
    CHECK_EQ(n, 1); /* it has waited all the same, and nothing came to the child */
    CHECK(!weft_group_canceled(g));
    CHECK_OK((int)weft_scope_close(s, 0));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
}

WEFT_TEST(rules_checkpoints, wait_in_a_cancelled_scope_says_so_and_its_group_outside_of_it_goes_on)
{
    net_run(wait_outside);
}
