/* SPDX-License-Identifier: MIT */
/*
 * Select, with the whole scheduler: against selects, plain operations, events, ends of tasks, a close and a cancellation. Exactly one case
 * happens; whoever was to be its partner is never left behind, which would end a run as a deadlock.
 */
#include <weft/chan.h>
#include <weft/error.h>
#include <weft/event.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/select.h>
#include <weft/task.h>

#include "io/fd_wait.h"
#include "sched/runtime.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

/* No case is a descriptor. */

int weft__fd_ready(int fd, int events)
{
    (void)fd;
    (void)events;
    return 0;
}

int weft__fd_wait_enter_any(struct weft__fd_wait *w, int fd)
{
    (void)w;
    (void)fd;
    return WEFT_EBADF;
}

int weft__fd_wait_leave_any(struct weft__fd_wait *w)
{
    (void)w;
    return 0;
}

struct world {
    weft_runtime *rt;
    weft_chan *a, *b;
    weft_event event;
    weft_scope *scope;      /* to be cancelled from outside, */
    _Atomic uint32_t there; /* once it is there: 1; 2: it was */
    _Atomic uint32_t sent, received;
};

static struct world *world;

static void begin(unsigned workers, unsigned capacity)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    MODEL_CHECK(weft__runtime_create(&world->rt, &(weft_runtime_options){.workers = workers, .no_fault_handler = true},
                                     &model_io_ops) == 0);
    world->a = weft_chan_create(sizeof(int), capacity);
    world->b = weft_chan_create(sizeof(int), capacity);
    MODEL_CHECK(world->a != NULL && world->b != NULL);
}

static void run(weft_fn fn)
{
    MODEL_CHECK(weft_runtime_run(world->rt, fn, NULL) == 0);
}

static void drain(weft_chan *c)
{
    int item;

    while (weft_chan_try_recv(c, &item) == 0)
        A_ADD(&world->received, (uint32_t)item, relaxed);
    MODEL_CHECK(weft_chan_destroy(c) == 0);
}

static void end(void)
{
    drain(world->a);
    drain(world->b);
    MODEL_CHECK(A_LOAD(&world->sent, relaxed) == A_LOAD(&world->received, relaxed));
    weft_runtime_destroy(world->rt);
}

static void pause_some(void)
{
    for (unsigned i = model_choose(8); i > 0; i--)
        model_spin();
}

static int select_two(weft_case first, weft_case second)
{
    weft_case cases[] = {first, second};
    int i = model_choose(2) == 0 ? weft_select(cases, 2) : weft_select_biased(cases, 2);

    MODEL_CHECK(i == WEFT_ECANCELED ||
                ((i == 0 || i == 1) && (cases[i].result == 0 || cases[i].result == WEFT_ECLOSED)));
    return i >= 0 && cases[i].result < 0 ? cases[i].result : i;
}

static int send_item(weft_chan *c, int item)
{
    int rc = weft_chan_send(c, &item);

    if (rc == 0)
        A_ADD(&world->sent, (uint32_t)item, relaxed);
    return rc;
}

/* Two that can send to each other: one of them does, and the other one receives. */

static int give_and_take(weft_chan *out, weft_chan *in, int item)
{
    int got = 0, i = select_two(WEFT_SEND(out, &item), WEFT_RECV(in, &got));

    MODEL_CHECK((i == 0 && got == 0) || (i == 1 && got != 0));
    A_ADD(i == 0 ? &world->sent : &world->received, (uint32_t)(i == 0 ? item : got), relaxed);
    return 0;
}

static int one_way(void *arg)
{
    (void)arg;
    return give_and_take(world->a, world->b, 1);
}

static int other_way(void *arg)
{
    (void)arg;
    return give_and_take(world->b, world->a, 2);
}

static int both_ways(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(g, one_way, arg) == 0);
    MODEL_CHECK(weft_spawn(g, other_way, arg) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void mutual(void)
{
    begin(2, 0);
    run(both_ways);
    end();
}

/* Two that receive from both in opposite order, and two that send one each. */

static int take_one(weft_chan *first, weft_chan *second)
{
    int got = 0, i = select_two(WEFT_RECV(first, &got), WEFT_RECV(second, &got));

    MODEL_CHECK(i >= 0 && got == ((i == 0) == (first == world->a) ? 1 : 2));
    A_ADD(&world->received, (uint32_t)got, relaxed);
    return 0;
}

static int take_from_a(void *arg)
{
    (void)arg;
    return take_one(world->a, world->b);
}

static int take_from_b(void *arg)
{
    (void)arg;
    return take_one(world->b, world->a);
}

static int send_to_a(void *arg)
{
    (void)arg;
    return send_item(world->a, 1);
}

static int send_to_b(void *arg)
{
    (void)arg;
    return send_item(world->b, 2);
}

static int cross(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(g, take_from_a, arg) == 0);
    MODEL_CHECK(weft_spawn(g, send_to_a, arg) == 0);
    MODEL_CHECK(weft_spawn(g, send_to_b, arg) == 0);
    MODEL_CHECK(take_from_b(arg) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void crossed(void)
{
    begin(2, model_choose(2));
    run(cross);
    end();
}

/* An event is set by a thread, while a task sends, or does not: one of them is chosen, and the item is not lost where it was the other. */

static void set_outside(void *arg)
{
    (void)arg;
    pause_some();
    weft_event_set(&world->event);
}

static int item_or_event(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    bool sends = model_choose(2) == 0;
    int got = 0, i;

    if (sends)
        MODEL_CHECK(weft_spawn(g, send_to_a, arg) == 0);
    i = select_two(WEFT_RECV(world->a, &got), WEFT_EVENT(&world->event));
    MODEL_CHECK(i == (got == 0) && (sends || i == 1));
    if (i == 0)
        MODEL_CHECK(weft_event_wait(&world->event) == 0);
    else if (sends)
        MODEL_CHECK(weft_chan_recv(world->a, &got) == 0 && got == 1);
    A_ADD(&world->received, (uint32_t)got, relaxed);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void event_and_item(void)
{
    unsigned setter;

    begin(2, 0);
    setter = model_start("setter", set_outside, NULL);
    run(item_or_event);
    model_join(setter);
    end();
}

/* The same with the end of a task, which sends first, or not. */

static int send_or_not(void *arg)
{
    (void)arg;
    return model_choose(2) == 0 ? send_item(world->a, 1) : 0;
}

static int item_or_end(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_task *t = weft_spawn_task(g, send_or_not, arg, NULL);
    int got = 0, i = select_two(WEFT_RECV(world->a, &got), WEFT_JOIN(t));

    MODEL_CHECK(i == (got == 0));
    A_ADD(&world->received, (uint32_t)got, relaxed);
    MODEL_CHECK(weft_task_join(t) == 0);
    weft_task_release(t);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void end_and_item(void)
{
    begin(2, model_choose(2));
    run(item_or_end);
    end();
}

/* A thread closes one of both. */

static void close_outside(void *arg)
{
    (void)arg;
    pause_some();
    MODEL_CHECK(weft_chan_close(world->b) == 0);
}

static int item_or_close(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int got = 0, i;

    MODEL_CHECK(weft_spawn(g, send_to_a, arg) == 0);
    i = select_two(WEFT_RECV(world->b, &got), WEFT_RECV(world->a, &got));
    MODEL_CHECK(i == 1 ? got == 1 : i == WEFT_ECLOSED && got == 0);
    if (i != 1)
        MODEL_CHECK(weft_chan_recv(world->a, &got) == 0);
    A_ADD(&world->received, (uint32_t)got, relaxed);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void close_and_item(void)
{
    unsigned closer;

    begin(2, 0);
    closer = model_start("closer", close_outside, NULL);
    run(item_or_close);
    model_join(closer);
    end();
}

/* A select is cancelled at any moment: what it has not taken goes to the plain receivers. */

static void cancel_outside(void *arg)
{
    (void)arg;
    while (A_LOAD(&world->there, acquire) == 0)
        model_spin();
    pause_some();
    MODEL_CHECK(weft_scope_cancel(world->scope) == 0);
    A_STORE(&world->there, 2, release);
}

static int select_in_scope(void *arg)
{
    weft_scope *s = weft_scope_open(0);
    int got = 0, i;

    (void)arg;
    world->scope = s;
    A_STORE(&world->there, 1, release);
    i = select_two(WEFT_RECV(world->a, &got), WEFT_RECV(world->b, &got));
    MODEL_CHECK(i == WEFT_ECANCELED ? got == 0 : got == 1 + i);
    A_ADD(&world->received, (uint32_t)got, relaxed);
    while (A_LOAD(&world->there, acquire) != 2) {
        (void)weft_yield();
        model_spin();
    }
    (void)weft_scope_close(s, 0);
    return got;
}

static int receive_rest(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int got, missing;

    MODEL_CHECK(weft_spawn(g, send_to_a, arg) == 0);
    MODEL_CHECK(weft_spawn(g, send_to_b, arg) == 0);
    missing = 3 - select_in_scope(arg);
    if (missing == 1 || missing == 3) {
        MODEL_CHECK(weft_chan_recv(world->a, &got) == 0 && got == 1);
        A_ADD(&world->received, 1, relaxed);
    }
    if (missing == 2 || missing == 3) {
        MODEL_CHECK(weft_chan_recv(world->b, &got) == 0 && got == 2);
        A_ADD(&world->received, 2, relaxed);
    }
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void canceled(void)
{
    unsigned canceller;

    begin(2, model_choose(2));
    canceller = model_start("canceller", cancel_outside, NULL);
    run(receive_rest);
    model_join(canceller);
    end();
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"mutual", mutual},
        {"crossed", crossed},
        {"event_and_item", event_and_item},
        {"end_and_item", end_and_item},
        {"close_and_item", close_and_item},
        {"canceled", canceled},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
