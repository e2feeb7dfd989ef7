/* SPDX-License-Identifier: MIT */
/*
 * Watches and broadcasts, with the whole scheduler: a thread sends and closes, tasks and a thread receive, one of them beside a cancellation at
 * any moment. A send that nobody is woken by ends a run as a deadlock; a value that is half another, or late, fails a check.
 */
#include <weft/broadcast.h>
#include <weft/error.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>
#include <weft/watch.h>

#include "sched/runtime.h"
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

enum { SENDS = 3 };

struct value {
    int number, twice;
};

struct world {
    weft_runtime *rt;
    weft_watch *watch;
    struct value *place;
    weft_broadcast *broadcast;
    struct model_doomed doomed;
};

static struct world *world;

static struct value value_of(int number)
{
    return (struct value){number, 2 * number};
}

/* Receives in a scope that is cancelled at any moment, and then on without it. */
static void receive_impatiently(int (*receive)(void))
{
    int rc;

    model_doomed_open(&world->doomed);
    rc = receive();
    model_doomed_close(&world->doomed);
    if (rc == WEFT_ECANCELED)
        rc = receive();
    MODEL_CHECK(rc == WEFT_ECLOSED);
}

static int run_both(weft_fn other, int (*receive)(void))
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(g, other, NULL) == 0);
    receive_impatiently(receive);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void run(weft_fn fn, void (*sender)(void *), void (*receiver)(void *))
{
    void (*const all[])(void *) = {model_doom, sender, receiver};
    unsigned threads[3];

    world->rt = model_runtime(1);
    for (int i = 0; i < 3; i++)
        threads[i] = model_start("thread", all[i], &world->doomed);
    MODEL_CHECK(weft_runtime_run(world->rt, fn, NULL) == 0);
    for (int i = 0; i < 3; i++)
        model_join(threads[i]);
    weft_runtime_destroy(world->rt);
}

/* A watch: each reader sees whole values, each later than the one before, and the last. */

static void change_outside(void *arg)
{
    (void)arg;
    for (int i = 1; i <= SENDS; i++) {
        struct value v = value_of(i);

        MODEL_CHECK(weft_watch_send(world->watch, &v) == 0);
    }
    MODEL_CHECK(weft_watch_close(world->watch) == 0);
}

static int follow(int *last, weft_watch_reader *reader)
{
    struct value v;
    int rc;

    while ((rc = weft_watch_changed(world->watch, reader, &v)) == 0) {
        MODEL_CHECK(v.twice == 2 * v.number && v.number > *last);
        *last = v.number;
    }
    MODEL_CHECK(rc == WEFT_ECANCELED || *last == SENDS);
    return rc;
}

static int follow_all(void *arg)
{
    weft_watch_reader reader = {{0}};
    int last = -1;

    (void)arg;
    MODEL_CHECK(follow(&last, &reader) == WEFT_ECLOSED);
    return 0;
}

static void follow_outside(void *arg)
{
    (void)follow_all(arg);
}

static weft_watch_reader impatient_reader;
static int impatient_last;

static int follow_impatiently(void)
{
    return follow(&impatient_last, &impatient_reader);
}

static int two_follow(void *arg)
{
    (void)arg;
    return run_both(follow_all, follow_impatiently);
}

static void watch(void)
{
    impatient_reader = (weft_watch_reader){{0}};
    impatient_last = -1;
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->watch = model_alloc(sizeof *world->watch, 16);
    world->place = model_alloc(sizeof *world->place, 16);
    weft_watch_init(world->watch, world->place, sizeof *world->place);
    run(two_follow, change_outside, follow_outside);
    MODEL_CHECK(weft_watch_fini(world->watch) == 0);
}

/* A broadcast that keeps two: what one does not see it is told of, and it sees the rest in order. */

static void send_outside(void *arg)
{
    (void)arg;
    for (int i = 0; i < SENDS; i++) {
        struct value v = value_of(i);

        MODEL_CHECK(weft_broadcast_send(world->broadcast, &v) == 0);
    }
    MODEL_CHECK(weft_broadcast_close(world->broadcast) == 0);
}

static int receive(int *seen, weft_subscriber *s)
{
    struct value v;
    uint64_t lost;
    int rc;

    while ((rc = weft_broadcast_recv(s, &v, &lost)) == 0) {
        *seen += (int)lost;
        MODEL_CHECK(v.twice == 2 * v.number && v.number == *seen);
        ++*seen;
    }
    MODEL_CHECK(rc == WEFT_ECANCELED || *seen == SENDS);
    return rc;
}

static weft_subscriber subscribers[3];

static int receive_all(void *arg)
{
    int seen = 0;

    MODEL_CHECK(receive(&seen, &subscribers[arg != NULL]) == WEFT_ECLOSED);
    return 0;
}

static void receive_outside(void *arg)
{
    (void)arg;
    (void)receive_all(world);
}

static int impatient_seen;

static int receive_in_scope(void)
{
    return receive(&impatient_seen, &subscribers[2]);
}

static int two_receive(void *arg)
{
    (void)arg;
    return run_both(receive_all, receive_in_scope);
}

static void broadcast(void)
{
    impatient_seen = 0;
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->broadcast = weft_broadcast_create(sizeof(struct value), 2);
    for (int i = 0; i < 3; i++)
        weft_subscribe(&subscribers[i], world->broadcast);
    run(two_receive, send_outside, receive_outside);
    MODEL_CHECK(weft_broadcast_destroy(world->broadcast) == 0);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {{"watch", watch}, {"broadcast", broadcast}};

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
