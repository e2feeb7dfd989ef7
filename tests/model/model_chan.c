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
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

struct world {
    weft_runtime *rt;
    weft_chan *chan;
    struct model_doomed doomed;
    bool of_thread; /* the reply */
    _Atomic uint32_t sent, received;
    int item; /* on the heap, where accesses are watched */
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

static int ask(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    int n;

    (void)arg;
    if (!world->of_thread)
        MODEL_CHECK(weft_spawn(g, reply, NULL) == 0);
    for (int i = 1; i <= 2; i++)
        MODEL_CHECK(weft_chan_recv(world->chan, &n) == 0 && n == i);
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

/* A task wakes another and then waits, so that its wait begins while it holds the lock. Nothing but its cancellation ends that one. */

static int receive_others(void *arg)
{
    int item;

    while (weft_chan_recv(arg, &item) == 0)
        ;
    return 0;
}

static int wake_and_wait(void *arg)
{
    weft_chan *other = weft_chan_create(sizeof(int), 1);
    weft_group *g = weft_group_open(NULL);
    int item = 1;

    (void)arg;
    MODEL_CHECK(other != NULL && weft_spawn(g, receive_others, other) == 0);
    MODEL_CHECK(weft_yield() == 0);
    model_doomed_open(&world->doomed);
    MODEL_CHECK(weft_chan_try_send(other, &item) == 0);
    MODEL_CHECK(receive_one() == WEFT_ECANCELED);
    model_doomed_close(&world->doomed);
    MODEL_CHECK(weft_chan_close(other) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    MODEL_CHECK(weft_chan_destroy(other) == 0);
    return 0;
}

static void holder_canceled(void)
{
    unsigned canceller;

    begin(1 + model_choose(2), 1);
    canceller = model_start("canceller", model_doom, &world->doomed);
    run(wake_and_wait);
    model_join(canceller);
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
        {"holder_canceled", holder_canceled},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
