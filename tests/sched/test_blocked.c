/* SPDX-License-Identifier: MIT */
/*
 * Tasks that hold their threads, by computing or in a system call, strand nothing else. Judged by order: who holds a
 * worker lets go of it only once all that is to go on meanwhile has ended, or fails after a time that is beyond any delay.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sched/hold.h"

enum { WORK = 50, TRIPS = 20 };

/* Others than the one that is held. */
static unsigned workers(void)
{
    return test_workers() > 1 ? test_workers() : 2;
}

static void on_both_ways(weft_fn fn)
{
    for (enum way way = COMPUTING; way < WAYS; way++)
        CHECK_OK(run_on(workers(), fn, &way));
}

/* What has been spawned on the worker and never ran. */

static int hold_deque(void *arg)
{
    atomic_int n = 0;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < WORK; i++)
        CHECK_OK(weft_spawn(g, count, &n));
    hold_until(*(enum way *)arg, &n, WORK, "tasks in its deque");
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(blocked, tasks_in_the_deque_go_on)
{
    on_both_ways(hold_deque);
}

/* Tasks that were woken on it: the last is in its hand-off slot, the others are in its ready queue. */
struct woken {
    weft_chan *c;
    atomic_int waiting, ran;
};

static int wait_to_be_woken(void *arg)
{
    struct woken *w = arg;
    int item;

    atomic_fetch_add(&w->waiting, 1);
    CHECK_OK(weft_chan_recv(w->c, &item));
    atomic_fetch_add(&w->ran, 1);
    return 0;
}

static void hold_woken(enum way way, int tasks)
{
    struct woken w = {.c = weft_chan_create(sizeof(int), WORK)};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < tasks; i++)
        CHECK_OK(weft_spawn(g, wait_to_be_woken, &w));
    yield_until(&w.waiting, tasks);
    CHECK_OK(weft_sleep_ms(2)); /* they have parked, or will find the item at once */
    for (int i = 0; i < tasks; i++)
        CHECK_OK(weft_chan_try_send(w.c, &i));
    hold_until(way, &w.ran, tasks, "tasks that were woken on it");
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    weft_chan_destroy(w.c);
}

static int hold_slot(void *arg)
{
    for (int i = 0; i < 5; i++)
        hold_woken(*(enum way *)arg, 1);
    return 0;
}

WEFT_TEST(blocked, task_in_the_hand_off_slot_goes_on)
{
    on_both_ways(hold_slot);
}

static int hold_ready(void *arg)
{
    hold_woken(*(enum way *)arg, WORK);
    return 0;
}

WEFT_TEST(blocked, tasks_in_the_ready_queue_go_on)
{
    on_both_ways(hold_ready);
}

/* Tasks that yielded on it, which nobody else can have taken before. */
struct yielders {
    struct helpers helpers;
    atomic_int stop, begun, ended;
};

static int yield_until_told(void *arg)
{
    struct yielders *y = arg;

    atomic_fetch_add(&y->begun, 1);
    while (atomic_load(&y->stop) == 0)
        CHECK_OK(weft_yield());
    atomic_fetch_add(&y->ended, 1);
    return 0;
}

static int hold_yielders(void *arg)
{
    struct yielders y = {0};
    weft_group *g;

    hold_others(&y.helpers);
    g = weft_group_open(NULL);
    for (int i = 0; i < WORK; i++)
        CHECK_OK(weft_spawn(g, yield_until_told, &y));
    yield_until(&y.begun, WORK);
    atomic_store(&y.stop, 1);
    atomic_store(&y.helpers.let_go, 1);
    hold_until(*(enum way *)arg, &y.ended, WORK, "tasks that had yielded on it");
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    join_others(&y.helpers);
    return 0;
}

WEFT_TEST(blocked, tasks_that_yielded_go_on)
{
    on_both_ways(hold_yielders);
}

/* Timers in its heap: of sleeps and of deadlines, all of them due while it is held. */
struct sleepers {
    struct helpers helpers;
    weft_time due;
    atomic_int asleep, woken;
};

static int sleep_until_due(void *arg)
{
    struct sleepers *s = arg;

    atomic_fetch_add(&s->asleep, 1);
    CHECK_OK(weft_sleep_until(s->due));
    CHECK_GE(weft_now(), s->due);
    atomic_fetch_add(&s->woken, 1);
    return 0;
}

static int sleep_until_deadline(void *arg)
{
    struct sleepers *s = arg;
    weft_scope *scope = weft_scope_open(s->due);

    atomic_fetch_add(&s->asleep, 1);
    CHECK_RC(weft_scope_close(scope, weft_sleep_ms(FOREVER_MS)), WEFT_ETIMEDOUT);
    CHECK_GE(weft_now(), s->due);
    atomic_fetch_add(&s->woken, 1);
    return 0;
}

static int hold_timers(void *arg)
{
    struct sleepers s = {0};
    weft_group *g;

    hold_others(&s.helpers);
    g = weft_group_open(NULL);
    s.due = weft_after_ms(20);
    for (int i = 0; i < WORK; i++)
        CHECK_OK(weft_spawn(g, i % 2 == 0 ? sleep_until_due : sleep_until_deadline, &s));
    yield_until(&s.asleep, WORK); /* on this worker, there is no other */
    atomic_store(&s.helpers.let_go, 1);
    hold_until(*(enum way *)arg, &s.woken, WORK, "timers in its heap");
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    join_others(&s.helpers);
    return 0;
}

WEFT_TEST(blocked, timers_of_the_worker_go_on)
{
    on_both_ways(hold_timers);
}

/* The worker that sleeps until the earliest timer holds itself once it fires; somebody must wait for the next one. */
static int hold_after_a_sleep(void *arg)
{
    struct sleepers *s = arg;

    CHECK_OK(weft_sleep_until(s->due));
    hold_until(BLOCKED, &s->woken, 3, "timers after the one that its holder waited for");
    return 0;
}

static int sleep_longer(void *arg)
{
    struct sleepers *s = arg;
    int i = atomic_fetch_add(&s->asleep, 1);

    CHECK_OK(weft_sleep_until(s->due + (i + 1) * 10000000));
    atomic_fetch_add(&s->woken, 1);
    return 0;
}

static int hold_seat_by_timer(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    struct sleepers s = {.due = weft_after_ms(20)};

    (void)arg;
    CHECK_OK(weft_spawn(g, hold_after_a_sleep, &s));
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_spawn(g, sleep_longer, &s));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(blocked, next_timer_is_waited_for_when_the_last_holds_its_worker)
{
    CHECK_OK(run_on(workers(), hold_seat_by_timer, NULL));
}

/* Connections, with a plain thread at the other end. */

struct server {
    weft_listener *l;
    weft_group *g;
    atomic_uint port;
    atomic_int trips; /* that came back */
    atomic_int held, stop;
    enum way way;
};

struct visit {
    struct server *server;
    weft_stream *s;
};

static int serve_one(void *arg)
{
    struct visit *v = arg;
    char c;
    ssize_t n;

    while ((n = weft_read(v->s, &c, 1)) == 1) {
        /* Of the two connections one asks for its worker to be held. */
        if (c == 'h') {
            atomic_fetch_add(&v->server->held, 1);
            hold_until(v->server->way, &v->server->trips, TRIPS, "connections");
        }
        CHECK_EQ(weft_write_all(v->s, &c, 1), 1);
    }
    CHECK_EQ(n, 0);
    weft_stream_close(v->s);
    return 0;
}

static int call(struct server *sv)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    while (atomic_load(&sv->port) == 0)
        pause_thread_ms(1);
    to.sin_port = htons((uint16_t)atomic_load(&sv->port));
    CHECK_GE(fd, 0);
    CHECK_OK(connect(fd, (struct sockaddr *)&to, sizeof to));
    return fd;
}

static void trip(int fd, char c)
{
    char back = 0;

    CHECK_EQ(send(fd, &c, 1, MSG_NOSIGNAL), 1);
    CHECK_EQ(recv(fd, &back, 1, 0), 1);
    CHECK_EQ(back, c);
}

static void *hold_one_and_use_the_other(void *arg)
{
    struct server *sv = arg;
    int first = call(sv), second = call(sv);
    char c = 'h';

    trip(first, 'x');
    trip(second, 'x');
    pause_thread_ms(30); /* all workers sleep, one of them in the poller */
    CHECK_EQ(send(first, &c, 1, MSG_NOSIGNAL), 1);
    spin_until(&sv->held, 1);
    for (int i = 0; i < TRIPS; i++) {
        trip(second, 'x');
        pause_thread_ms(i % 4);
        atomic_fetch_add(&sv->trips, 1);
    }
    CHECK_EQ(recv(first, &c, 1, 0), 1); /* and the one that was held answers */
    CHECK_EQ(c, 'h');
    close(first);
    close(second);
    return NULL;
}

static void listen_at(struct server *sv)
{
    char address[WEFT_ADDRESS_MAX];

    CHECK_OK(weft_tcp_listen(&sv->l, "127.0.0.1:0", NULL));
    CHECK_OK(weft_listener_address(sv->l, address, sizeof address));
    atomic_store(&sv->port, (unsigned)strtoul(strrchr(address, ':') + 1, NULL, 10));
}

static int serve_two(void *arg)
{
    struct server *sv = arg;
    struct visit visits[2];
    weft_group *g = weft_group_open(NULL);

    listen_at(sv);
    for (int i = 0; i < 2; i++) {
        visits[i].server = sv;
        CHECK_OK(weft_accept(sv->l, &visits[i].s));
        CHECK_OK(weft_spawn(g, serve_one, &visits[i]));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    weft_listener_close(sv->l);
    return 0;
}

/* The worker that received the event leaves the poller and holds itself: nobody else was woken to take its place. */
WEFT_TEST(blocked, connections_go_on_when_the_seat_is_empty)
{
    for (enum way way = COMPUTING; way < WAYS; way++) {
        struct server sv = {.way = way};
        pthread_t thread;

        CHECK_OK(pthread_create(&thread, NULL, hold_one_and_use_the_other, &sv));
        CHECK_OK(run_on(workers(), serve_two, &sv));
        CHECK_OK(pthread_join(thread, NULL));
    }
}

/* All workers but one are held; that one does all there is: joins, timers, channels, a connection, foreign wakes. */

struct everything {
    struct server server;
    struct helpers helpers;
    struct sleepers sleepers;
    struct woken woken;
    weft_runtime *rt;
    weft_group *g;
    atomic_int joined;
};

static int small_tree(void *arg)
{
    struct everything *e = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 8; i++)
        CHECK_OK(weft_spawn(g, count, &e->joined));
    CHECK_OK(weft_yield());
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static void *knock_from_outside(void *arg)
{
    struct everything *e = arg;
    int fd = call(&e->server);

    trip(fd, 'x');
    spin_until(&e->helpers.held, (int)weft_runtime_workers(e->rt) - 1);
    for (int i = 0; i < TRIPS; i++) {
        trip(fd, 'x');
        CHECK_OK(weft_runtime_run(e->rt, small_tree, e));
        CHECK_OK(weft_chan_try_send(e->woken.c, &i));
        atomic_fetch_add(&e->server.trips, 1);
    }
    close(fd);
    return NULL;
}

static int serve_once(void *arg)
{
    struct everything *e = arg;
    struct visit v = {.server = &e->server};

    listen_at(&e->server);
    CHECK_OK(weft_accept(e->server.l, &v.s));
    CHECK_OK(serve_one(&v));
    weft_listener_close(e->server.l);
    return 0;
}

static int one_left(void *arg)
{
    struct everything *e = arg;
    pthread_t thread;

    e->g = weft_group_open(NULL);
    e->woken.c = weft_chan_create(sizeof(int), 1 + TRIPS);
    e->rt = weft_runtime_current();
    for (int i = 0; i < TRIPS; i++)
        CHECK_OK(weft_spawn(e->g, wait_to_be_woken, &e->woken));
    CHECK_OK(weft_spawn(e->g, serve_once, e));
    yield_until(&e->woken.waiting, TRIPS);
    CHECK_OK(pthread_create(&thread, NULL, knock_from_outside, e));
    hold_others(&e->helpers);
    e->sleepers.due = weft_after_ms(10);
    for (int i = 0; i < WORK; i++)
        CHECK_OK(weft_spawn(e->g, i % 2 == 0 ? sleep_until_due : sleep_until_deadline, &e->sleepers));
    CHECK_OK(weft_group_wait(e->g));
    CHECK_EQ(e->sleepers.woken, WORK);
    CHECK_EQ(e->woken.ran, TRIPS);
    yield_until(&e->joined, 8 * TRIPS);
    yield_until(&e->server.trips, TRIPS);
    atomic_store(&e->helpers.let_go, 1); /* only now */
    join_others(&e->helpers);
    weft_group_close(e->g); /* the outer one */
    weft_chan_destroy(e->woken.c);
    CHECK_OK(pthread_join(thread, NULL));
    return 0;
}

WEFT_TEST(blocked, one_worker_that_is_left_does_everything)
{
    struct everything e = {0};

    CHECK_OK(run_on(workers(), one_left, &e));
}

/* All workers are held at once, while all kinds of wakes come in. Nothing is lost. */

struct standstill {
    struct everything e;
    weft_runtime *rt;
    weft_group *doomed;
    atomic_int greeted, held, let_go, fresh, canceled, knocked, ready;
};

static int stand_still(void *arg)
{
    struct standstill *s = arg;

    atomic_fetch_add(&s->held, 1);
    hold_until(COMPUTING, &s->let_go, 1, "all are held");
    return 0;
}

static int wait_for_cancel(void *arg)
{
    struct standstill *s = arg;

    CHECK_RC(weft_sleep_ms(FOREVER_MS), WEFT_ECANCELED);
    atomic_fetch_add(&s->canceled, 1);
    return 0;
}

static void *knock_once(void *arg)
{
    struct standstill *s = arg;

    CHECK_OK(weft_runtime_run(s->rt, small_tree, &s->e));
    atomic_fetch_add(&s->knocked, 1);
    return NULL;
}

/* The world outside of the runtime. */
static void *wake_while_all_are_held(void *arg)
{
    struct standstill *s = arg;
    pthread_t knocks[3];
    int fd = call(&s->e.server), n;
    char c = 'x';

    trip(fd, c);
    atomic_store(&s->greeted, 1);
    spin_until(&s->ready, 1);
    spin_until(&s->held, (int)weft_runtime_workers(s->rt));
    for (int i = 0; i < WORK; i++)
        CHECK_OK(weft_chan_try_send(s->e.woken.c, &i));
    CHECK_EQ(send(fd, &c, 1, MSG_NOSIGNAL), 1);
    CHECK_OK(weft_group_cancel(s->doomed));
    for (int i = 0; i < 3; i++)
        CHECK_OK(pthread_create(&knocks[i], NULL, knock_once, s));
    pause_thread_ms(60); /* the timers are due, and the monitor has had its looks */
    n = atomic_load(&s->e.woken.ran) + atomic_load(&s->canceled) + atomic_load(&s->knocked) + atomic_load(&s->fresh);
    CHECK_EQ(n, 0);
    atomic_store(&s->let_go, 1);
    for (int i = 0; i < 3; i++)
        CHECK_OK(pthread_join(knocks[i], NULL));
    CHECK_EQ(recv(fd, &c, 1, 0), 1);
    close(fd);
    return NULL;
}

static int stand_still_together(void *arg)
{
    struct standstill *s = arg;
    unsigned n = weft_runtime_workers(weft_runtime_current());
    pthread_t thread;

    s->rt = weft_runtime_current();
    s->e.g = weft_group_open(NULL);
    s->doomed = weft_group_open(NULL);
    s->e.woken.c = weft_chan_create(sizeof(int), WORK);
    for (int i = 0; i < WORK; i++) {
        CHECK_OK(weft_spawn(s->e.g, wait_to_be_woken, &s->e.woken));
        CHECK_OK(weft_spawn(s->doomed, wait_for_cancel, s));
    }
    CHECK_OK(weft_spawn(s->e.g, serve_once, &s->e));
    yield_until(&s->e.woken.waiting, WORK);
    CHECK_OK(pthread_create(&thread, NULL, wake_while_all_are_held, s));
    s->e.sleepers.due = weft_after_ms(50);
    for (int i = 0; i < WORK; i++)
        CHECK_OK(weft_spawn(s->e.g, i % 2 == 0 ? sleep_until_due : sleep_until_deadline, &s->e.sleepers));
    yield_until(&s->e.sleepers.asleep, WORK);
    yield_until(&s->greeted, 1);
    CHECK_OK(weft_sleep_ms(5));
    for (unsigned i = 1; i < n; i++)
        CHECK_OK(weft_spawn(s->e.g, stand_still, s));
    hold_until(COMPUTING, &s->held, (int)n - 1, "tasks that are to hold the others");
    /* The last worker is this one; what it leaves in its deque cannot run. */
    for (int i = 0; i < WORK; i++)
        CHECK_OK(weft_spawn(s->e.g, count, &s->fresh));
    atomic_store(&s->ready, 1);
    CHECK_OK(stand_still(s));
    CHECK_OK(weft_group_wait(s->doomed));
    weft_group_close(s->doomed);
    CHECK_OK(weft_group_wait(s->e.g));
    weft_group_close(s->e.g);
    weft_chan_destroy(s->e.woken.c);
    CHECK_EQ(s->fresh, WORK);
    CHECK_EQ(s->canceled, WORK);
    CHECK_EQ(s->e.woken.ran, WORK);
    CHECK_EQ(s->e.sleepers.woken, WORK);
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_EQ(s->knocked, 3);
    CHECK_EQ(s->e.joined, 3 * 8);
    return 0;
}

WEFT_TEST(blocked, nothing_is_lost_while_all_are_held)
{
    for (int i = 0; i < 3; i++) {
        struct standstill s = {0};

        CHECK_OK(test_run(stand_still_together, &s));
    }
}
