/* SPDX-License-Identifier: MIT */
/*
 * Select, with the whole scheduler: against other selects, beside senders, closes, cancellations, ends of tasks and events at any moment.
 * What was sent is received once, and by the case that says so. A wake-up that is lost, and selects that wait for each other, end a run as
 * a deadlock; channels and events lie on the heap, where a late access is seen. Descriptors are not part of it.
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
#include "tests/model/doomed.h"
#include "tests/model/explorer.h"
#include "tests/model/io.h"

typedef uint64_t item; /* of a size that is copied by an access that is watched */

struct world {
    weft_runtime *rt;
    weft_chan *chans[2];
    weft_event *event;
    struct model_doomed doomed;
    _Atomic uint32_t sent, received;
    item item; /* on the heap, where accesses are watched */
};

static struct world *world;

/* What select needs to be linked. */

int weft__fd_ready(int fd, int events)
{
    (void)fd;
    (void)events;
    return 0;
}

int weft__fd_wait_enter_any(struct weft__fd_wait *wait, int fd)
{
    (void)wait;
    (void)fd;
    return WEFT_EBADF;
}

int weft__fd_wait_leave_any(struct weft__fd_wait *wait)
{
    (void)wait;
    return 0;
}

/* The ends of a run. */

static void begin(unsigned workers, unsigned capacity)
{
    world = model_alloc(sizeof *world, WEFT__CACHE_LINE);
    world->rt = model_runtime(workers);
    for (int i = 0; i < 2; i++)
        MODEL_CHECK((world->chans[i] = weft_chan_create(sizeof(item), capacity)) != NULL);
    world->event = model_alloc(sizeof *world->event, WEFT__CACHE_LINE);
}

static void end(void)
{
    weft_runtime_destroy(world->rt);
}

static void run(weft_fn fn)
{
    MODEL_CHECK(weft_runtime_run(world->rt, fn, NULL) == 0);
}

/* Everything that was sent has been received, or is still there, and nobody is left in a queue. */
static void settle(void)
{
    item left;

    for (int i = 0; i < 2; i++) {
        while (weft_chan_try_recv(world->chans[i], &left) == 0)
            A_ADD(&world->received, (uint32_t)left, relaxed);
        MODEL_CHECK(weft_chan_destroy(world->chans[i]) == 0);
    }
    MODEL_CHECK(A_LOAD(&world->sent, relaxed) == A_LOAD(&world->received, relaxed));
    MODEL_CHECK(weft_event_fini(world->event) == 0);
}

/* The same, in an order that the seed chooses: biased, so that a run is the seed's alone. */
static int select_some(weft_case *cases, int n)
{
    int shift = (int)model_choose((unsigned)n), happened;
    weft_case turned[4];

    for (int i = 0; i < n; i++)
        cases[i].result = 100 + i; /* stays as it is but where the case happens */
    for (int i = 0; i < n; i++)
        turned[i] = cases[(i + shift) % n];
    happened = weft_select_biased(turned, (size_t)n);
    if (happened < 0)
        return happened;
    for (int i = 0; i < n; i++) {
        MODEL_CHECK(i == happened || turned[i].result == cases[(i + shift) % n].result);
        cases[(i + shift) % n].result = turned[i].result;
    }
    return (happened + shift) % n;
}

/* Sends `out` to one channel, or receives from the other. */
static int meet_once(weft_chan *to, weft_chan *from, item out)
{
    item in = 0;
    weft_case cases[] = {WEFT_SEND(to, &out), WEFT_RECV(from, &in)};
    int happened = select_some(cases, 2);

    MODEL_CHECK((happened == 1 && cases[1].result == 0) == (in != 0));
    if (happened < 0)
        return happened;
    if (happened == 0 && cases[0].result == 0)
        A_ADD(&world->sent, (uint32_t)out, relaxed);
    A_ADD(&world->received, (uint32_t)in, relaxed);
    return cases[happened].result;
}

/* Two selects: over two channels in opposite order, or over a single one. */

static int meet_there(void *arg)
{
    (void)arg;
    return meet_once(world->chans[0], world->chans[1], 1);
}

static int meet_back(void *arg)
{
    (void)arg;
    return meet_once(world->chans[1], world->chans[0], 2);
}

static int meet_alone(void *arg)
{
    (void)arg;
    return meet_once(world->chans[0], world->chans[0], 1);
}

static int two_meet(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    bool alone = model_choose(2);

    (void)arg;
    MODEL_CHECK(weft_spawn(g, alone ? meet_alone : meet_there, NULL) == 0);
    MODEL_CHECK((alone ? meet_alone : meet_back)(NULL) == 0);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    MODEL_CHECK(A_LOAD(&world->sent, relaxed) != 0);
    settle();
    return 0;
}

static void meeting(void)
{
    begin(2, 0);
    run(two_meet);
    end();
}

/* A channel that is destroyed as soon as the select has what it waited for, or its partner has. */

static void send_outside(void *arg)
{
    (void)arg;
    world->item = 7;
    MODEL_CHECK(weft_chan_send(world->chans[0], &world->item) == 0);
}

static void receive_outside(void *arg)
{
    (void)arg;
    MODEL_CHECK(weft_chan_recv(world->chans[0], &world->item) == 0 && world->item == 7);
    MODEL_CHECK(weft_chan_destroy(world->chans[0]) == 0);
}

static int select_reply(void *arg)
{
    item none = 0, *in = model_alloc(sizeof *in, 16);
    weft_case cases[] = {WEFT_RECV(world->chans[1], &none), WEFT_RECV(world->chans[0], in)};

    (void)arg;
    MODEL_CHECK(select_some(cases, 2) == 1);
    MODEL_CHECK(cases[1].result == 0 && *in == 7); /* before a lock is taken that would order it */
    MODEL_CHECK(weft_chan_destroy(world->chans[0]) == 0);
    MODEL_CHECK(weft_chan_destroy(world->chans[1]) == 0);
    return 0;
}

static int select_request(void *arg)
{
    item none = 0, *out = model_alloc(sizeof *out, 16);
    weft_case cases[] = {WEFT_RECV(world->chans[1], &none), WEFT_SEND(world->chans[0], out)};

    (void)arg;
    *out = 7;
    MODEL_CHECK(select_some(cases, 2) == 1);
    *out = 8;
    MODEL_CHECK(weft_chan_destroy(world->chans[1]) == 0);
    return 0;
}

static void reply(void)
{
    unsigned replier;

    begin(1, model_choose(2));
    replier = model_start("replier", send_outside, NULL);
    run(select_reply);
    model_join(replier);
    end();
}

static void request(void)
{
    unsigned receiver;

    begin(1, 0);
    receiver = model_start("receiver", receive_outside, NULL);
    run(select_request);
    model_join(receiver);
    end();
}

/* A task, an event and a channel come at once: one of them happens, and the item is where that says. */

static int come_at_once(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        if (model_choose(2) == 0)
            weft_event_set(world->event);
        else if (weft_chan_try_send(world->chans[i], &(item){3}) == 0)
            A_ADD(&world->sent, 3, relaxed);
    return 5;
}

static int select_all_kinds(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_task *t = weft_spawn_task(g, come_at_once, NULL, NULL);
    item in[2] = {0, 0};
    int happened;
    weft_case cases[] = {WEFT_RECV(world->chans[0], &in[0]), WEFT_RECV(world->chans[1], &in[1]), WEFT_JOIN(t),
                         WEFT_EVENT(world->event)};

    (void)arg;
    MODEL_CHECK(t != NULL);
    happened = select_some(cases, 4);
    MODEL_CHECK(happened >= 0 && cases[happened].result == (happened == 2 ? 5 : 0));
    for (int i = 0; i < 2; i++) {
        MODEL_CHECK((in[i] != 0) == (happened == i));
        A_ADD(&world->received, (uint32_t)in[i], relaxed);
    }
    if (happened == 3)
        MODEL_CHECK(weft_event_is_set(world->event));
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_task_release(t);
    weft_group_close(g);
    settle();
    return 0;
}

static void all_kinds(void)
{
    begin(2, 0);
    run(select_all_kinds);
    end();
}

/* One of them alone: nothing else comes that would make up for a wake-up that was lost. */

static void set_outside(void *arg)
{
    (void)arg;
    weft_event_set(world->event);
}

static int select_event(void *arg)
{
    item in = 0;
    weft_case cases[] = {WEFT_RECV(world->chans[0], &in), WEFT_EVENT(world->event)};

    (void)arg;
    MODEL_CHECK(select_some(cases, 2) == 1);
    settle();
    return 0;
}

static void event(void)
{
    unsigned setter;

    begin(1, 0);
    setter = model_start("setter", set_outside, NULL);
    run(select_event);
    model_join(setter);
    end();
}

static int end_at_once(void *arg)
{
    (void)arg;
    return 5;
}

static int select_end(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    weft_task *t = weft_spawn_task(g, end_at_once, NULL, NULL);
    item in = 0;
    weft_case cases[] = {WEFT_RECV(world->chans[0], &in), WEFT_JOIN(t)};

    (void)arg;
    MODEL_CHECK(select_some(cases, 2) == 1 && cases[1].result == 5);
    weft_task_release(t);
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    settle();
    return 0;
}

static void task_ends(void)
{
    begin(2, 0);
    run(select_end);
    end();
}

/* A cancellation at any moment, while a sender wants to be rid of its item: what the select leaves, another receives. */

static int send_something(void *arg)
{
    item out = 4;
    int rc = weft_chan_send(world->chans[0], &out);

    (void)arg;
    if (rc == 0)
        A_ADD(&world->sent, 4, relaxed);
    return rc;
}

static int select_in_scope(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    item in = 0;
    int rc;

    (void)arg;
    MODEL_CHECK(weft_spawn(g, send_something, NULL) == 0);
    model_doomed_open(&world->doomed);
    rc = meet_once(world->chans[1], world->chans[0], 1);
    MODEL_CHECK(rc == 0 || rc == WEFT_ECANCELED);
    model_doomed_close(&world->doomed);
    if (rc != 0) {
        MODEL_CHECK(weft_chan_recv(world->chans[0], &in) == 0);
        A_ADD(&world->received, (uint32_t)in, relaxed);
    }
    MODEL_CHECK(weft_group_wait(g) == 0);
    weft_group_close(g);
    settle();
    return 0;
}

static void canceled(void)
{
    unsigned canceller;

    begin(2, 0);
    canceller = model_start("canceller", model_doom, &world->doomed);
    run(select_in_scope);
    model_join(canceller);
    end();
}

/* An item that is sent into one channel before another is taken out of the other: one of them always has an item. */

static void move_outside(void *arg)
{
    item taken;

    (void)arg;
    MODEL_CHECK(weft_chan_try_send(world->chans[0], &(item){1}) == 0);
    (void)!weft_chan_try_recv(world->chans[1], &taken); /* the select may have been first */
}

static int select_or_not(void *arg)
{
    item in = 0;
    weft_case cases[] = {WEFT_RECV(world->chans[0], &in), WEFT_RECV(world->chans[1], &in), WEFT_DEFAULT};

    (void)arg;
    MODEL_CHECK(select_some(cases, 3) != 2);
    return 0;
}

static void moved(void)
{
    unsigned mover;

    begin(1, 1);
    MODEL_CHECK(weft_chan_try_send(world->chans[1], &(item){1}) == 0);
    mover = model_start("mover", move_outside, NULL);
    run(select_or_not);
    model_join(mover);
    for (int i = 0; i < 2; i++)
        MODEL_CHECK(weft_chan_destroy(world->chans[i]) == 0);
    end();
}

/* Closes at any moment. */

static void close_outside(void *arg)
{
    (void)arg;
    for (unsigned i = model_choose(8); i > 0; i--)
        model_spin();
    for (int i = 0; i < 2; i++)
        MODEL_CHECK(weft_chan_close(world->chans[i]) == 0);
}

static int meet_until_closed(void *arg)
{
    while ((arg != NULL ? meet_there : meet_back)(NULL) == 0)
        ;
    return 0;
}

static int use_until_closed(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    MODEL_CHECK(weft_spawn(g, meet_until_closed, world) == 0);
    MODEL_CHECK(meet_until_closed(NULL) == 0);
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

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"meeting", meeting},     {"reply", reply}, {"request", request},
        {"all_kinds", all_kinds}, {"event", event}, {"task_ends", task_ends},
        {"canceled", canceled},   {"moved", moved}, {"closed", closed},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
