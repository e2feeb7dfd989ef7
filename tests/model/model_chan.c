/* SPDX-License-Identifier: MIT */
/*
 * Channels, with the whole scheduler: senders and receivers, tasks and threads, beside a close or a cancellation at any moment. What was
 * sent is received once. A wake-up that is lost ends a run as a deadlock; channels lie on the heap, where a late access is seen.
 */
#include <weft/chan.h>
#include <weft/error.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "sched/runtime.h"
#include "sched/worker.h"
#include "sync/chan.h"
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

struct world {
    weft_runtime *rt;
    weft_chan *chan;
    struct model_doomed doomed;
    bool of_thread; /* the reply */
    _Atomic uint32_t sent, received;
    _Atomic uint32_t over; /* a relay may let go of its worker */
    int item;              /* on the heap, where accesses are watched */
};

static struct world *world;

static void begin(unsigned workers, unsigned capacity)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->rt = model_runtime(workers);
    world->chan = weft_chan_create(sizeof(int), capacity);
    MODEL_CHECK(world->chan != NULL);
}

static void end(void)
{
    weft_runtime_destroy(world->rt);
}

static void run(weft_fn fn)
{
    MODEL_CHECK(weft_runtime_run(world->rt, fn, NULL) == 0);
}

/* One operation. Items are 1 and up; the sums must be the same at the end. */

static int send_one(int item)
{
    int rc = weft_chan_send(world->chan, &item);

    if (rc == 0)
        A_ADD(&world->sent, (uint32_t)item, relaxed);
    return rc;
}

static int receive_one(void)
{
    int item = 0, rc = weft_chan_recv(world->chan, &item);

    MODEL_CHECK((rc == 0) == (item != 0));
    A_ADD(&world->received, (uint32_t)item, relaxed);
    return rc;
}

static void settle(void)
{
    int item;

    while (weft_chan_try_recv(world->chan, &item) == 0)
        A_ADD(&world->received, (uint32_t)item, relaxed);
    MODEL_CHECK(A_LOAD(&world->sent, relaxed) == A_LOAD(&world->received, relaxed));
    MODEL_CHECK(weft_chan_destroy(world->chan) == 0);
}

/* A channel whose reader destroys it as soon as it has all. */

static int reply(void *arg)
{
    (void)arg;
    for (int i = 1; i <= 2; i++)
        MODEL_CHECK(weft_chan_send(world->chan, &i) == 0);
    return 0;
}

static void reply_outside(void *arg)
{
    MODEL_CHECK(reply(arg) == 0);
}

/* A receive, after which nobody touches the waiter any more: it lies beside the stack, which is soon another task's. */
static int receive_and_be_done(int *item)
{
    struct weft__chan_waiter *w = (struct weft__chan_waiter *)(void *)weft__task_self()->stack->room;
    int rc;

    A_STORE(&w->waiter.released, 1, relaxed);
    rc = weft_chan_recv(world->chan, item);
    MODEL_CHECK(A_LOAD(&w->waiter.released, relaxed) == 1);
    return rc;
}

static int ask(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int n;

    (void)arg;
    if (!world->of_thread)
        MODEL_CHECK(weft_spawn(g, reply, NULL) == 0);
    for (int i = 1; i <= 2; i++)
        MODEL_CHECK(receive_and_be_done(&n) == 0 && n == i);
    MODEL_CHECK(weft_chan_destroy(world->chan) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void reply_of_task(void)
{
    begin(2, model_choose(2));
    run(ask);
    end();
}

static void reply_of_thread(void)
{
    unsigned replier;

    begin(1, model_choose(2));
    world->of_thread = true;
    replier = model_start("replier", reply_outside, NULL);
    run(ask);
    model_join(replier);
    end();
}

/* The receiver is a thread: here the claimer is a task, and the one that destroys sleeps on its futex. */

static void ask_outside(void *arg)
{
    int *n = &world->item;

    (void)arg;
    for (int i = 1; i <= 2; i++)
        MODEL_CHECK(weft_chan_recv(world->chan, n) == 0 && *n == i);
    MODEL_CHECK(weft_chan_destroy(world->chan) == 0);
}

static void thread_receives(void)
{
    unsigned asker;

    begin(1, model_choose(2));
    asker = model_start("asker", ask_outside, NULL);
    run(reply);
    model_join(asker);
    end();
}

/* Two senders into little room. */

static int send_two(void *arg)
{
    (void)arg;
    for (int i = 1; i <= 2; i++)
        MODEL_CHECK(send_one(i) == 0);
    return 0;
}

static int receive_four(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    for (int i = 0; i < 2; i++)
        MODEL_CHECK(weft_spawn(g, send_two, NULL) == 0);
    for (int i = 0; i < 4; i++)
        MODEL_CHECK(receive_one() == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    settle();
    return 0;
}

static void full_channel(void)
{
    begin(2, model_choose(2));
    run(receive_four);
    end();
}

/* A close at any moment. */

static int send_until_closed(void *arg)
{
    (void)arg;
    while (send_one(1) == 0)
        ;
    return 0;
}

static int receive_until_closed(void *arg)
{
    (void)arg;
    while (receive_one() == 0)
        ;
    return 0;
}

static void close_outside(void *arg)
{
    (void)arg;
    model_pause();
    MODEL_CHECK(weft_chan_close(world->chan) == 0);
}

static int use_until_closed(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    MODEL_CHECK(weft_spawn(g, send_until_closed, NULL) == 0);
    if (model_choose(2) == 0)
        MODEL_CHECK(weft_spawn(g, receive_until_closed, NULL) == 0);
    if (model_choose(2) == 0)
        MODEL_CHECK(weft_spawn(g, receive_until_closed, NULL) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

static void closed(void)
{
    unsigned closer;

    begin(2, model_choose(2));
    closer = model_start("closer", close_outside, NULL);
    run(use_until_closed);
    model_join(closer);
    settle();
    end();
}

/*
 * Two wait for the same, one of whom is cancelled at any moment. It has got it, or leaves it to the other one, whom nobody cancels.
 */

struct contest {
    weft_fn fn, opposite;
    int result;
};

static int send_something(void *arg)
{
    return send_one(arg != NULL ? 1 : 2);
}

static int receive_something(void *arg)
{
    (void)arg;
    return receive_one();
}

static int try_to(void *arg)
{
    struct contest *c = arg;

    model_doomed_open(&world->doomed);
    c->result = c->fn(c);
    MODEL_CHECK(c->result == 0 || c->result == WEFT_ECANCELED);
    model_doomed_close(&world->doomed);
    return 0;
}

static int two_compete(void *arg)
{
    struct contest *c = arg;
    weft_group *others = weft_group_open(NULL);

    MODEL_CHECK(weft_spawn(others, c->fn, NULL) == 0);
    MODEL_CHECK(weft_spawn(others, c->opposite, NULL) == 0);
    MODEL_CHECK(try_to(c) == 0);
    if (c->result == 0)
        MODEL_CHECK(c->opposite(NULL) == 0);
    MODEL_CHECK(weft_group_wait(others) == 0);
    weft_group_close(others);
    return 0;
}

static void canceled(weft_fn fn, weft_fn opposite, unsigned capacity)
{
    struct contest c = {.fn = fn, .opposite = opposite};
    unsigned canceller;

    begin(2, capacity);
    canceller = model_start("canceller", model_doom, &world->doomed);
    MODEL_CHECK(weft_runtime_run(world->rt, two_compete, &c) == 0);
    model_join(canceller);
    settle();
    end();
}

static void receiver_canceled(void)
{
    canceled(receive_something, send_something, model_choose(2));
}

/* Without a buffer, so that the senders wait. */
static void sender_canceled(void)
{
    canceled(send_something, receive_something, 0);
}

/*
 * A task wakes another and then waits, so that it leaves for that one, unsure. Nothing but its cancellation ends its wait. The other one
 * waits again at once, or leaves for a third, or keeps its worker until the first has been cancelled.
 */

struct relay {
    weft_chan *in;
    struct relay *next;
    bool keeps; /* its worker */
};

static struct relay *relay_make(struct relay *next, bool keeps)
{
    struct relay *r = model_alloc(sizeof *r, WEFT__CACHE_LINE);

    *r = (struct relay){weft_chan_create(sizeof(int), 1), next, keeps};
    MODEL_CHECK(r->in != NULL);
    return r;
}

static int relay_items(void *arg)
{
    struct relay *r = arg;
    int item;

    while (weft_chan_recv(r->in, &item) == 0) {
        if (r->next != NULL)
            MODEL_CHECK(weft_chan_try_send(r->next->in, &item) != WEFT_EFULL); /* it may have been closed */
        while (r->keeps && A_LOAD(&world->over, acquire) == 0)
            weft__futex_wait(&world->over, 0, INT64_MAX);
    }
    return 0;
}

static void relays_end(struct relay *r)
{
    while (r != NULL) {
        struct relay *next = r->next;

        MODEL_CHECK(weft_chan_destroy(r->in) == 0);
        model_free(r);
        r = next;
    }
}

static int wake_and_wait(void *arg)
{
    struct relay *first = arg;
    weft_group *g = weft_group_open(NULL);
    int item = 1;

    for (struct relay *r = first; r != NULL; r = r->next) {
        MODEL_CHECK(weft_spawn(g, relay_items, r) == 0);
        MODEL_CHECK(weft_yield() == 0);
    }
    if (first->next != NULL)
        MODEL_CHECK(weft_chan_try_send(first->in, &item) == 0); /* so that they have left for each other, too */
    for (unsigned yields = first->next != NULL ? 4 + model_choose(4) : model_choose(4); yields > 0; yields--)
        MODEL_CHECK(weft_yield() == 0); /* and so that the worker looks around sooner or later */
    model_doomed_open(&world->doomed);
    MODEL_CHECK(weft_chan_try_send(first->in, &item) == 0);
    MODEL_CHECK(receive_one() == WEFT_ECANCELED);
    A_STORE(&world->over, 1, release);
    weft__futex_wake(&world->over, 1);
    model_doomed_close(&world->doomed);
    for (struct relay *r = first; r != NULL; r = r->next)
        MODEL_CHECK(weft_chan_close(r->in) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    relays_end(first);
    return 0;
}

static void cancel_leaver(struct relay *first)
{
    unsigned canceller = model_start("canceller", model_doom, &world->doomed);

    MODEL_CHECK(weft_runtime_run(world->rt, wake_and_wait, first) == 0);
    model_join(canceller);
}

static void leaver_canceled(void)
{
    begin(1 + model_choose(2), 1);
    cancel_leaver(relay_make(NULL, false));
    settle();
    end();
}

static void second_leaver(void)
{
    begin(1, 1);
    cancel_leaver(relay_make(relay_make(relay_make(NULL, false), false), false));
    settle();
    end();
}

/* Here only the monitor can help. Its ticks come only when all others sleep. */

static void tick(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4 && A_LOAD(&world->over, relaxed) == 0; i++) {
        model_wait_quiet();
        (void)weft__monitor_tick(world->rt);
    }
}

static void keeper(void)
{
    unsigned monitor;

    begin(2, 1);
    monitor = model_start("monitor", tick, NULL);
    cancel_leaver(relay_make(NULL, true));
    model_join(monitor);
    settle();
    end();
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"reply_of_task", reply_of_task},
        {"reply_of_thread", reply_of_thread},
        {"thread_receives", thread_receives},
        {"full_channel", full_channel},
        {"closed", closed},
        {"receiver_canceled", receiver_canceled},
        {"sender_canceled", sender_canceled},
        {"leaver_canceled", leaver_canceled},
        {"second_leaver", second_leaver},
        {"keeper", keeper},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
