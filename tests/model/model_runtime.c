/* SPDX-License-Identifier: MIT */
/*
 * The whole scheduler, and the poller, on model threads: workers, threads that are not, and a driver that ticks when all others
 * sleep. A task that is never run leaves its waiter asleep, so a wake-up that is lost ends a run as a deadlock.
 */
#include <weft/call.h>
#include <weft/error.h>
#include <weft/event.h>
#include <weft/group.h>
#include <weft/join.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>
#include <weft/time.h>

#include "io/io.h"
#include "sched/park.h"
#include "sched/runtime.h"
#include "tests/model/explorer.h"
#include "tests/model/fake.h"
#include "tests/model/io.h"

enum { FOREIGN = 2 };

struct world {
    weft_runtime *rt;
    struct weft__worker *workers;
    int done[8]; /* plain, written by tasks */

    /* A wait that is published. */
    struct weft__task *task;
    _Atomic uint64_t ticket; /* 0: none */
    _Atomic unsigned wins;   /* claims by event */
    _Atomic uint32_t over;

    weft_event woken;
    _Atomic uint32_t waiting, awake; /* tasks that have begun to wait for it, and that have been woken */

    weft_scope *scope; /* to be cancelled by others, once it is there: `over` */
    weft_task *handle; /* the same */
};

static struct world *world;

/* Descriptor 0 is the one that the published wait is for. */
struct weft__descriptor *weft__descriptor_find(struct weft__io *io, int fd)
{
    return fd == 0 ? (struct weft__descriptor *)(void *)io : NULL;
}

/* Claims the published wait, once. */
static bool deliver(void)
{
    uint64_t ticket = A_LOAD(&world->ticket, acquire);

    if (ticket == 0 || !weft__unpark(world->task, ticket, WEFT__WON_EVENT))
        return false;
    (void)A_ADD(&world->wins, 1, relaxed);
    return true;
}

int weft__descriptor_dispatch(struct weft__descriptor *d, uint32_t generation, uint32_t events)
{
    (void)d;
    (void)generation;
    (void)events;
    return deliver();
}

static void begin(unsigned workers)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->rt = model_runtime(workers);
}

static void end(void)
{
    weft_runtime_destroy(world->rt);
}

/* Threads that are no workers bring tasks. */

static int do_one(void *arg)
{
    int *done = arg;

    ++*done;
    return 7;
}

static void foreign(void *arg)
{
    int *done = arg;

    for (int i = 0; i < 2; i++)
        MODEL_CHECK(weft_runtime_run(world->rt, do_one, done) == 7);
    MODEL_CHECK(*done == 2);
}

static void foreign_pushes(unsigned workers)
{
    unsigned threads[FOREIGN];

    begin(workers);
    for (int i = 0; i < FOREIGN; i++)
        threads[i] = model_start("foreign", foreign, &world->done[i]);
    for (int i = 0; i < FOREIGN; i++)
        model_join(threads[i]);
    end();
}

static void foreign_one(void)
{
    foreign_pushes(1);
}

static void foreign_two(void)
{
    foreign_pushes(2);
}

static void foreign_three(void)
{
    foreign_pushes(3);
}

/* Workers that are on their way to sleep are told to leave. */
static void stop(void)
{
    begin(3);
    end();
}

/* A task with children: some yield, one spawns into the group. */

static int leaf(void *arg)
{
    if (model_choose(2) == 0)
        MODEL_CHECK(weft_yield() == 0);
    ++*(int *)arg;
    return 0;
}

struct nest {
    weft_group *group;
    int *done;
};

static int nest(void *arg)
{
    struct nest *n = arg;

    MODEL_CHECK(weft_spawn(n->group, leaf, n->done) == 0);
    return 0;
}

static int parent(void *arg)
{
    struct nest n = {weft_group_open(NULL), &world->done[3]};

    (void)arg;
    MODEL_CHECK(n.group != NULL);
    for (int i = 0; i < 3; i++)
        MODEL_CHECK(weft_spawn(n.group, leaf, &world->done[i]) == 0);
    MODEL_CHECK(weft_spawn(n.group, nest, &n) == 0);
    MODEL_CHECK(weft_group_wait(n.group) == 0);
    for (int i = 0; i < 4; i++)
        MODEL_CHECK(world->done[i] == 1);
    weft_group_close(n.group);
    return 0;
}

static void spawn_and_join(void)
{
    begin(2);
    MODEL_CHECK(weft_runtime_run(world->rt, parent, NULL) == 0);
    end();
}

/* Halves of joins, some of them stolen. */

struct sum {
    int from, to, result;
};

static int add_up(void *arg)
{
    struct sum *s = arg;
    int middle = (s->from + s->to) / 2;
    struct sum left = {s->from, middle, 0}, right = {middle, s->to, 0};

    if (s->to - s->from == 1) {
        s->result = s->from;
        return 0;
    }
    MODEL_CHECK(weft_join(add_up, &left, add_up, &right) == 0);
    s->result = left.result + right.result;
    return 0;
}

static int sum_of_all(void *arg)
{
    struct sum s = {0, 6, 0};

    (void)arg;
    MODEL_CHECK(add_up(&s) == 0 && s.result == 15);
    return 0;
}

static void joins(void)
{
    begin(2);
    MODEL_CHECK(weft_runtime_run(world->rt, sum_of_all, NULL) == 0);
    end();
}

/* A wait, and three that want to win it: an event, a cancellation and a deadline. */

enum { WAITS = 3 };

/* One wait: waits until somebody wins, checks who. */
static void wait_once(struct weft__task *t, weft_time deadline, unsigned *won)
{
    enum weft__phase phase = WEFT__IDLE;

    if (weft__park_prepare(t, WEFT__CANCELABLE) < 0)
        return;
    A_STORE(&world->ticket, weft__park_ticket(t), release);
    MODEL_CHECK(weft__park_until(t, deadline, &phase) == 0);
    MODEL_CHECK(phase == WEFT__WON_EVENT || phase == WEFT__WON_CANCEL || phase == WEFT__WON_TIME);
    *won += phase == WEFT__WON_EVENT;
}

static int waiter(void *arg)
{
    struct weft__task *t = weft__task_self();
    weft_scope *s = weft_scope_open(0);
    unsigned won = 0;

    (void)arg;
    world->task = t;
    for (int i = 0; i < WAITS; i++)
        wait_once(t, weft__clock() + (model_choose(2) == 0 ? 2000 : 1000000), &won);
    A_STORE(&world->ticket, 0, relaxed);
    A_STORE(&world->over, 1, release);
    (void)weft_scope_close(s, 0);
    world->done[0] = (int)won;
    return 0;
}

static int start_waiter(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    (void)arg;
    MODEL_CHECK(weft_spawn(g, waiter, NULL) == 0);
    rc = weft_yield();
    if (rc == 0 && model_choose(2) == 0)
        (void)weft_group_cancel(g);
    rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

static void event_source(void *arg)
{
    bool by_descriptor = arg != NULL;

    for (int i = 0; i < 2 * WAITS; i++)
        if (by_descriptor)
            model_make_ready(0);
        else
            (void)deliver();
}

static void waits(bool by_descriptor)
{
    unsigned source;
    int rc;

    begin(2);
    source = model_start("source", event_source, by_descriptor ? world : NULL);
    rc = weft_runtime_run(world->rt, start_waiter, NULL);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    model_join(source);
    end(); /* then the count is complete */
    MODEL_CHECK(world->done[0] == (int)A_LOAD(&world->wins, relaxed));
}

static void wait_word(void)
{
    waits(false);
}

static void descriptor_events(void)
{
    waits(true);
}

/* A wait that only an event ends: one edge, which comes before, during or after the way to sleep. */

static int wait_for_event(void *arg)
{
    struct weft__task *t = weft__task_self();

    (void)arg;
    MODEL_CHECK(weft__park_prepare(t, WEFT__NOT_CANCELABLE) == 0);
    world->task = t;
    A_STORE(&world->ticket, weft__park_ticket(t), release);
    MODEL_CHECK(weft__park(t) == WEFT__WON_EVENT);
    return 0;
}

static void one_edge(void *arg)
{
    (void)arg;
    /* A readiness before anybody waits would be remembered by a real descriptor. */
    while (A_LOAD(&world->ticket, acquire) == 0)
        model_spin();
    model_make_ready(0);
}

static void one_event(void)
{
    unsigned source, other;

    begin(2);
    source = model_start("source", one_edge, NULL);
    other = model_start("foreign", foreign, &world->done[1]);
    MODEL_CHECK(weft_runtime_run(world->rt, wait_for_event, NULL) == 0);
    model_join(source);
    model_join(other);
    end();
}

/* A pinned task, which only its own worker can run: whoever wakes it must wake that one. */

static int pinned_parent(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn_with(g, wait_for_event, arg, &(weft_task_options){.pinned = true}) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void deliver_one(void *arg)
{
    (void)arg;
    while (A_LOAD(&world->ticket, acquire) == 0)
        model_spin();
    MODEL_CHECK(deliver());
}

static void pinned(void)
{
    unsigned source, other;

    begin(2);
    source = model_start("source", deliver_one, NULL);
    other = model_start("foreign", foreign, &world->done[1]);
    MODEL_CHECK(weft_runtime_run(world->rt, pinned_parent, NULL) == 0);
    model_join(source);
    model_join(other);
    end();
}

/* The same often, while others wake its worker, too: as it sleeps now here, now there, a waker that is late may find it in its next
 * sleep. */

enum { PINNED_WAITS = 4 };

static int wait_for_events(void *arg)
{
    struct weft__task *t = weft__task_self();

    (void)arg;
    world->task = t;
    for (int i = 0; i < PINNED_WAITS; i++) {
        MODEL_CHECK(weft__park_prepare(t, WEFT__NOT_CANCELABLE) == 0);
        A_STORE(&world->ticket, weft__park_ticket(t), release);
        MODEL_CHECK(weft__park(t) == WEFT__WON_EVENT);
    }
    return 0;
}

static int often_pinned_parent(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn_with(g, wait_for_events, arg, &(weft_task_options){.pinned = true}) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void deliver_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < PINNED_WAITS; i++)
        while (!deliver())
            model_spin();
}

static void pinned_often(void)
{
    unsigned source, others[FOREIGN];

    begin(2);
    source = model_start("source", deliver_often, NULL);
    for (int i = 0; i < FOREIGN; i++)
        others[i] = model_start("foreign", foreign, &world->done[1 + i]);
    MODEL_CHECK(weft_runtime_run(world->rt, often_pinned_parent, NULL) == 0);
    model_join(source);
    for (int i = 0; i < FOREIGN; i++)
        model_join(others[i]);
    end();
}

/* A cancellation ends a wait that nothing else ends, whether it comes before, during or after the way to sleep. */

static int wait_forever(void *arg)
{
    struct weft__task *t = weft__task_self();
    enum weft__phase phase;

    (void)arg;
    /* At its first wait a task takes locks, which order much that is not to rely on them. */
    if (weft__park_prepare(t, WEFT__CANCELABLE) == 0)
        weft__park_abandon(t);
    if (weft__park_prepare(t, WEFT__CANCELABLE) == 0) {
        MODEL_CHECK(weft__park_until(t, WEFT_NEVER, &phase) == 0);
        MODEL_CHECK(phase == WEFT__WON_CANCEL);
    }
    MODEL_CHECK(weft_canceled());
    return 0;
}

static int nobody_comes(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    int rc = weft_spawn(g, wait_forever, arg);

    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    (void)weft_group_wait(g);
    weft_group_close(g);
    return 0;
}

static void run_forever(void *arg)
{
    int rc = weft_runtime_run(world->rt, arg != NULL ? nobody_comes : wait_forever, NULL);

    MODEL_CHECK(rc == 0 || rc == WEFT_ECLOSED);
}

static void cancellation(void)
{
    unsigned alone, parent_too;

    begin(2);
    alone = model_start("foreign", run_forever, NULL);
    parent_too = model_start("foreign", run_forever, world);
    for (unsigned i = model_choose(3); i > 0; i--)
        model_spin();
    weft_runtime_stop(world->rt);
    model_join(alone);
    model_join(parent_too);
    end();
}

/*
 * The same for a scope in the middle of a tree whose edges are only just being made: two tasks link themselves at once, and one relies on
 * edges that the other has yet to make.
 *
 *      root <- middle (the scope) <- group <- owner <- group <- two that wait
 */

static int owner_of_two(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 2; i++) {
        int rc = weft_spawn(g, wait_forever, arg);

        MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    }
    (void)weft_group_wait(g);
    weft_group_close(g);
    return 0;
}

static int middle_of_tree(void *arg)
{
    weft_scope *s = weft_scope_open(0);
    weft_group *g = weft_group_open(NULL);
    int rc;

    world->scope = s;
    A_STORE(&world->over, 1, release);
    rc = weft_spawn(g, owner_of_two, arg);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    MODEL_CHECK(weft_group_wait(g) == WEFT_ECANCELED);
    weft_group_close(g);
    MODEL_CHECK(weft_scope_close(s, 0) == 0);
    MODEL_CHECK(!weft_canceled());
    return 0;
}

static void cancel_middle(void *arg)
{
    (void)arg;
    while (A_LOAD(&world->over, acquire) == 0)
        model_spin();
    model_pause();
    MODEL_CHECK(weft_scope_cancel(world->scope) == 0);
}

static void late_edges(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", cancel_middle, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, middle_of_tree, NULL) == 0);
    model_join(canceller);
    end();
}

/*
 * Two cancellers at once: a child fails the inner group, while a thread cancels the outer one. Then the records are used again.
 *
 *      outer group (cancelled) <- owner <- inner group (fails) <- one that fails and two that wait, all linked
 */

static int fail_linked(void *arg)
{
    struct weft__task *t = weft__task_self();

    (void)arg;
    if (weft__park_prepare(t, WEFT__CANCELABLE) == 0)
        weft__park_abandon(t);
    return -5;
}

static int owner_that_fails(void *arg)
{
    static const weft_fn children[] = {fail_linked, wait_forever, wait_forever};
    weft_group *g = weft_group_open(NULL);
    int rc;

    for (int i = 0; i < 3; i++) {
        rc = weft_spawn(g, children[i], arg);
        MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    }
    rc = weft_group_wait(g);
    MODEL_CHECK(rc == -5 || rc == WEFT_ECANCELED);
    weft_group_close(g);
    return 0;
}

static int two_levels(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    world->scope = &g->scope;
    A_STORE(&world->over, 1, release);
    rc = weft_spawn(g, owner_that_fails, arg);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    (void)wait_forever(arg);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    MODEL_CHECK(!weft_canceled());
    return parent(arg);
}

static void overlap(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", cancel_middle, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, two_levels, NULL) == 0);
    model_join(canceller);
    end();
}

/* A canceller stands in a group's list, and the member that comes next ends by itself. */

static int link_and_end(void *arg)
{
    (void)fail_linked(arg);
    for (int i = 0; i < 8 && weft_yield() == 0; i++)
        model_spin();
    return 0;
}

static int one_leaves(void *arg)
{
    static const weft_fn children[] = {wait_forever, link_and_end, wait_forever};
    weft_group *g = weft_group_open(NULL);

    world->scope = &g->scope;
    A_STORE(&world->over, 1, release);
    for (int i = 0; i < 3; i++) {
        int rc = weft_spawn(g, children[i], arg);

        MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    }
    (void)wait_forever(arg);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void leaving(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", cancel_middle, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, one_leaves, NULL) == 0);
    model_join(canceller);
    end();
}

/* A task that makes edges finds that the epoch has moved, and a mark that is not the one it moved for. Whom it wakes must learn of that mark,
 * although the one who made it has yet to move the epoch. */

static int move_epoch_and_wait(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc = weft_spawn(g, wait_forever, arg);

    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    for (int i = 0; i < 2; i++) {
        weft_scope *s = weft_scope_open(0);

        MODEL_CHECK(weft_scope_cancel(s) == 0 && weft_scope_close(s, 0) == 0);
    }
    (void)wait_forever(arg);
    (void)weft_group_wait(g);
    weft_group_close(g);
    return 0;
}

static int marked_in_between(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    world->scope = &g->scope;
    rc = weft_spawn(g, move_epoch_and_wait, arg);
    MODEL_CHECK(rc == 0);
    A_STORE(&world->over, 1, release);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void two_marks(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", cancel_middle, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, marked_in_between, NULL) == 0);
    model_join(canceller);
    end();
}

/* Children that spawn two more each while a thread cancels the group: what was accepted is entered, once. */

struct hydra {
    weft_group *group;
    _Atomic int accepted, entered;
};

static int head(void *arg)
{
    struct hydra *h = arg;

    if (A_ADD(&h->entered, 1, relaxed) >= 3)
        return 0;
    for (int i = 0; i < 2; i++) {
        int rc = weft_spawn(h->group, head, h);

        MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
        A_ADD(&h->accepted, rc == 0, relaxed);
    }
    return 0;
}

static int behead(void *arg)
{
    struct hydra h = {.group = weft_group_open(NULL)};
    int rc;

    world->scope = &h.group->scope;
    A_STORE(&world->over, 1, release);
    rc = weft_spawn(h.group, head, &h);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    A_ADD(&h.accepted, rc == 0, relaxed);
    (void)wait_forever(arg);
    MODEL_CHECK(weft_group_wait(h.group) == 0);
    MODEL_CHECK(A_LOAD(&h.entered, relaxed) == A_LOAD(&h.accepted, relaxed));
    weft_group_close(h.group);
    return 0;
}

static void spawns(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", cancel_middle, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, behead, NULL) == 0);
    model_join(canceller);
    end();
}

/* A task is cancelled by its handle while it ends: it was cancelled, or it ended first, and its record is not used again before the canceller
 * is through. */

static int end_at_once(void *arg)
{
    (void)fail_linked(arg);
    return weft_yield();
}

static int sleep_a_little(void *arg)
{
    (void)arg;
    MODEL_CHECK(weft_sleep_until(weft__clock() + 3000) == 0);
    return 0;
}

static void cancel_handle(void *arg)
{
    (void)arg;
    while (A_LOAD(&world->over, acquire) == 0)
        model_spin();
    model_pause();
    MODEL_CHECK(weft_task_cancel(world->handle) == 0);
    A_STORE(&world->over, 2, release);
}

static int hand_out(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    (void)arg;
    world->handle = weft_spawn_task(g, end_at_once, NULL, NULL);
    A_STORE(&world->over, 1, release);
    rc = weft_task_join(world->handle);
    MODEL_CHECK(rc == 0 || (rc == WEFT_ETASKCANCELED && weft_task_reason(world->handle) == WEFT_REASON_CALL));
    /* The task's record again: a canceller that is still at it would claim this wait. */
    MODEL_CHECK(weft_spawn(g, sleep_a_little, NULL) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    while (A_LOAD(&world->over, acquire) != 2) {
        MODEL_CHECK(weft_yield() == 0);
        model_spin();
    }
    weft_task_release(world->handle);
    return 0;
}

static void handles(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", cancel_handle, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, hand_out, NULL) == 0);
    model_join(canceller);
    end();
}

/* A canceller has claimed a group, which is closed before it comes to it, as all in it has ended by itself. Then the record is used again: a
 * canceller that is still in it would leave its marks. */

static int close_and_open(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc = weft_spawn(g, link_and_end, arg);

    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    (void)weft_group_wait(g);
    weft_group_close(g);
    g = weft_group_open(NULL);
    for (int i = 0; i < 4; i++) {
        MODEL_CHECK(A_LOAD(&g->scope.mark, relaxed) == 0);
        model_spin();
    }
    weft_group_close(g);
    return 0;
}

static int closes(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int rc;

    world->scope = &g->scope;
    A_STORE(&world->over, 1, release);
    rc = weft_spawn(g, close_and_open, arg);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    (void)wait_forever(arg);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void closing(void)
{
    unsigned canceller;

    begin(2);
    canceller = model_start("canceller", cancel_middle, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, closes, NULL) == 0);
    model_join(canceller);
    end();
}

/*
 * A task that holds its worker until another has run strands nobody: another worker must come. A push to the worker's own deque may
 * be missed by a worker on its way to sleep, and a slot is its worker's: there the monitor helps. Its ticks come only when all
 * others sleep, and only as many as are given here, so that none makes up for a wake-up that nobody may lose.
 */
enum { NO_TICKS = 0, PUSH_TICKS = 1, SLOT_TICKS = 3 };

static int let_go(void *arg)
{
    (void)arg;
    world->done[0]++;
    A_STORE(&world->over, 1, release);
    weft__futex_wake(&world->over, 1);
    return 0;
}

static void hold(void)
{
    while (A_LOAD(&world->over, acquire) == 0)
        weft__futex_wait(&world->over, 0, INT64_MAX);
}

static int hold_worker(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    MODEL_CHECK(weft_spawn(g, let_go, NULL) == 0);
    hold();
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static int hold_alone(void *arg)
{
    (void)arg;
    hold();
    return 0;
}

static void driver(void *arg)
{
    for (int i = *(int *)arg; i > 0 && A_LOAD(&world->over, relaxed) == 0; i--) {
        model_wait_quiet();
        (void)weft__monitor_tick(world->rt);
    }
}

static void run_let_go(void *arg)
{
    (void)arg;
    MODEL_CHECK(weft_runtime_run(world->rt, let_go, NULL) == 0);
}

static void held(weft_fn fn, unsigned workers, int ticks, bool freed_from_outside)
{
    unsigned d, other = 0;

    begin(workers);
    d = model_start("driver", driver, &ticks);
    if (freed_from_outside)
        other = model_start("foreign", run_let_go, NULL);
    MODEL_CHECK(weft_runtime_run(world->rt, fn, NULL) == 0);
    model_join(d);
    if (freed_from_outside)
        model_join(other);
    MODEL_CHECK(world->done[0] == 1);
    end();
}

/* The task that is waited for lies in the deque of the worker that is held. */
static void held_by_child(void)
{
    held(hold_worker, 2, PUSH_TICKS, false);
}

/* It comes from outside. */
static void held_by_other(void)
{
    held(hold_alone, 2, NO_TICKS, true);
}

/* It lies in the slot of the worker that is held, from which only the monitor takes it, when it has seen that twice. */

static int wait_and_let_go(void *arg)
{
    MODEL_CHECK(wait_for_event(arg) == 0);
    return let_go(arg);
}

static int wake_and_hold(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    unsigned turns = 0;

    (void)arg;
    MODEL_CHECK(weft_spawn(g, wait_and_let_go, NULL) == 0);
    while (A_LOAD(&world->ticket, acquire) == 0) {
        MODEL_CHECK(weft_yield() == 0);
        weft__spin(&turns);
    }
    MODEL_CHECK(deliver());
    hold();
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void held_slot(void)
{
    held(wake_and_hold, 2, SLOT_TICKS, false);
}

/* Several lie in the ready queue of the worker that is held, and are stolen together; all but the one in its slot are to run. */

enum { WOKEN = 5 };

static int wait_with_others(void *arg)
{
    A_ADD(&world->waiting, 1, relaxed);
    MODEL_CHECK(weft_event_wait(&world->woken) == 0);
    return A_ADD(&world->awake, 1, acq_rel) == WOKEN - 2 ? let_go(arg) : 0;
}

static int wake_all_and_hold(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    unsigned turns = 0;

    for (int i = 0; i < WOKEN; i++)
        MODEL_CHECK(weft_spawn(g, wait_with_others, arg) == 0);
    while (A_LOAD(&world->waiting, relaxed) < WOKEN) {
        MODEL_CHECK(weft_yield() == 0);
        weft__spin(&turns);
    }
    weft_event_set(&world->woken);
    hold();
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void held_ready_queue(void)
{
    held(wake_all_and_hold, 2 + model_choose(2), PUSH_TICKS, false);
}

/* The monitor's looks, at any time, while tasks wake each other and yield. */

static void nosy(void *arg)
{
    (void)arg;
    for (int i = 0; i < 6; i++)
        (void)weft__monitor_tick(world->rt);
}

static void watched(void)
{
    unsigned m, other;

    begin(2);
    m = model_start("monitor", nosy, NULL);
    other = model_start("foreign", foreign, &world->done[5]);
    MODEL_CHECK(weft_runtime_run(world->rt, parent, NULL) == 0);
    model_join(m);
    model_join(other);
    end();
}

/* Calls of a thread, while all workers sleep, or are about to: nobody else knows of a time at which to wake. */

static int ring(void *arg)
{
    ++*(int *)arg;
    (void)A_ADD(&world->over, 1, release);
    weft__futex_wake(&world->over, 1);
    return 0;
}

static void wait_for_rings(uint32_t least)
{
    for (uint32_t n; (n = A_LOAD(&world->over, acquire)) < least;)
        weft__futex_wait(&world->over, n, INT64_MAX);
}

static void call_idle(unsigned workers)
{
    begin(workers);
    for (uint32_t i = 0; i < 2; i++) {
        MODEL_CHECK(weft_runtime_call_at(world->rt, weft__clock() + model_choose(2000), ring, &world->done[i], NULL) ==
                    0);
        if (model_choose(2) == 0)
            wait_for_rings(i + 1);
    }
    wait_for_rings(2);
    MODEL_CHECK(world->done[0] == 1 && world->done[1] == 1);
    end();
}

static void call_idle_one(void)
{
    call_idle(1);
}

static void call_idle_two(void)
{
    call_idle(2);
}

/* A call that is cancelled by two when its time comes. The next one, which takes over its record, is cancelled long before. */

struct rivals {
    weft_call call;
    _Atomic unsigned canceled;
};

static void cancel_call(void *arg)
{
    struct rivals *r = arg;

    if (weft_call_cancel(r->call) == 0)
        (void)A_ADD(&r->canceled, 1, relaxed);
}

static void call_and_cancel(void)
{
    struct rivals *r = model_alloc(sizeof *r, 16);
    unsigned other, canceled;
    weft_call next;

    begin(1);
    MODEL_CHECK(weft_runtime_call_at(world->rt, weft__clock() + model_choose(300), ring, &world->done[0], &r->call) ==
                0);
    other = model_start("rival", cancel_call, r);
    cancel_call(r);
    MODEL_CHECK(weft_runtime_call_at(world->rt, INT64_MAX - 1, ring, &world->done[1], &next) == 0);
    model_join(other);
    MODEL_CHECK(weft_call_cancel(next) == 0);
    canceled = A_LOAD(&r->canceled, relaxed);
    MODEL_CHECK(canceled <= 1);
    wait_for_rings(1 - canceled);
    MODEL_CHECK(A_LOAD(&world->rt->workers[0].timers.earliest, seq_cst) == WEFT_NEVER);
    end();
    MODEL_CHECK(world->done[0] == (canceled == 0) && world->done[1] == 0);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"foreign_one", foreign_one},
        {"foreign_two", foreign_two},
        {"foreign_three", foreign_three},
        {"stop", stop},
        {"spawn_and_join", spawn_and_join},
        {"joins", joins},
        {"wait_word", wait_word},
        {"descriptor_events", descriptor_events},
        {"one_event", one_event},
        {"pinned", pinned},
        {"pinned_often", pinned_often},
        {"cancellation", cancellation},
        {"held_by_child", held_by_child},
        {"held_by_other", held_by_other},
        {"held_slot", held_slot},
        {"held_ready_queue", held_ready_queue},
        {"watched", watched},
        {"call_idle_one", call_idle_one},
        {"call_idle_two", call_idle_two},
        {"call_and_cancel", call_and_cancel},
        {"late_edges", late_edges},
        {"overlap", overlap},
        {"leaving", leaving},
        {"closing", closing},
        {"two_marks", two_marks},
        {"spawns", spawns},
        {"handles", handles},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
