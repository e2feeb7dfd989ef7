/* SPDX-License-Identifier: MIT */
/*
 * Select. The caller looks at its cases one by one, in random order, and is done with the first that can happen. Where
 * none can, it looks at all of them at once, arms one wait, and enters it wherever one of its cases may come about.
 *
 *     looking --a case can happen--> done                                                  each channel under its own lock
 *        |
 *        v
 *     all channels locked --a case can happen--> done
 *        |      `--there is a default case--> done
 *        v
 *     armed, queued in every channel; all unlocked
 *        |
 *        v
 *     entered in everything else --one has come about: claims its own wait--+
 *        |                                                                  |
 *        v                                                                  |
 *     parked --claimed by a channel, a task's end, ..., time, cancel--------+--> leaving: each lock once --> done
 *
 * Invariants
 *   - While all channels of the select are locked, none can change. So "none can happen, and I am queued everywhere" is
 *     one step, as it is for a single channel, and the invariants of chan.h hold. No channel is looked at while the
 *     select is queued in one: it never meets itself, and never needs to give up a wait because a partner was lost.
 *   - Channels are locked in the order of their addresses, each once however many cases name it. Whoever holds the lock
 *     of a channel takes no other but these in this order: no deadlock. Two selects of opposite order over the same
 *     channels lock them in the same order, and the second to come finds the first one queued: no livelock. Bias locks
 *     change nothing in that: who revokes one waits for its holder, as anybody does.
 *
 * Why exactly one case happens: while the select looks, it is not armed, and what it does it does itself, once. From
 * the arming on there is one ticket, and whoever makes a case happen first wins the claim of it: a sender, receiver or
 * closer for a channel, or who sets an event, through sync/waiter.h; the end of a task; the dispatcher of a descriptor;
 * the timer; the cancellation; the select itself, when it finds on entering that a case has come about. One claim wins,
 * exactly one, and its phase says whose it was:
 *     WEFT__WON_GRANT    the waiter of a channel or an event, which is released: it is the only one
 *     WEFT__WON_EVENT    a task or descriptor. Those give nothing, and tell of what stays so; where several have come about by
 *                        the time the select leaves, any of them will do
 *     WEFT__WON_TIME, WEFT__WON_CANCEL
 *
 * Memory: what the claimer wrote for the case (the item, the result) it wrote before it released the waiter, or made
 * the task ready, as in sync/waiter.h; what the others wrote, under the lock that the select takes when it leaves. That
 * lock is taken also where the node has been taken out already: one that has lost may still be about to touch it. After
 * it nobody does. Not so the lock of what has granted: it may be destroyed by then, by whoever learnt of it.
 *
 * Deviation from Go's select, which this resembles: that one locks all channels at once from the start.
 */
#include "sync/select.h"

#include <limits.h>

#include <weft/error.h>

#include "sched/random.h"
#include "sync/waiter.h"

_Static_assert(sizeof(void *) != 8 || sizeof(weft_case) == 48, "as the header says");

/* Order. */

/* The index of the case to be looked at in the k-th place: a shuffle (Fisher and Yates), as far as it is needed. */
static inline int draw(struct weft__select *s, int k)
{
    struct weft__select_node *nodes = s->nodes;
    int chosen = k;

    if (s->random != 0) {
        s->random = weft__xorshift(s->random);
        chosen += (int)((uint64_t)s->random * (unsigned)(s->n - k) >> 32);
        int turn = nodes[chosen].turn;
        nodes[chosen].turn = nodes[k].turn;
        nodes[k].turn = turn;
    }
    return nodes[k].turn;
}

/* Channels. */

/* One try, under the lock. True: it has happened. A send to an unbounded channel does not come here: it never waits. */
static bool operate_now(weft_chan *channel, weft_case *c, struct weft__wakes *wakes)
{
    int rc = c->kind == WEFT__CASE_SEND ? weft__chan_send_now(channel, c->out, wakes)
                                        : weft__chan_recv_now(channel, c->in, wakes);

    if (rc == WEFT_EFULL || rc == WEFT_EEMPTY)
        return false;
    c->result = rc;
    return true;
}

/* The same, without it. */
static bool operate(weft_chan *channel, weft_case *c)
{
    int rc = c->kind == WEFT__CASE_SEND ? weft_chan_try_send(channel, c->out) : weft_chan_try_recv(channel, c->in);

    if (rc == WEFT_EFULL || rc == WEFT_EEMPTY)
        return false;
    c->result = rc;
    return true;
}

static bool comes_before(const weft_chan *a, const weft_chan *b)
{
    return (uintptr_t)a < (uintptr_t)b;
}

/* Shell, "A High-Speed Sorting Procedure" (1959): few entries mostly, and no memory. */
static void sort_channels(struct weft__select_node *nodes, int n)
{
    for (int gap = n / 2; gap > 0; gap /= 2)
        for (int i = gap; i < n; i++) {
            weft_chan *channel = nodes[i].channel;
            int k = i;

            for (; k >= gap && comes_before(channel, nodes[k - gap].channel); k -= gap)
                nodes[k].channel = nodes[k - gap].channel;
            nodes[k].channel = channel;
        }
}

static inline bool is_first(const struct weft__select *s, int i)
{
    return i == 0 || s->nodes[i].channel != s->nodes[i - 1].channel;
}

static void lock_channels(struct weft__select *s)
{
    s->channels = 0;
    for (int i = 0; i < s->n; i++) {
        weft_chan *channel = weft__select_channel(&s->cases[i]);

        if (channel != NULL)
            s->nodes[s->channels++].channel = channel;
    }
    sort_channels(s->nodes, s->channels);
    for (int i = 0; i < s->channels; i++)
        if (is_first(s, i))
            weft__chan_lock(s->nodes[i].channel);
}

static void unlock_channels(struct weft__select *s)
{
    for (int i = 0; i < s->channels; i++)
        if (is_first(s, i))
            weft__bias_unlock(&s->nodes[i].channel->lock);
}

static inline struct weft__list *queue_of(const weft_case *c, weft_chan *channel)
{
    return c->kind == WEFT__CASE_SEND ? &channel->senders : &channel->receivers;
}

/* Arms the wait and queues it in every channel. All are locked. 0 or WEFT_ECANCELED. */
static int arm(struct weft__select *s)
{
    int rc = weft__park_prepare(s->task, WEFT__CANCELABLE);

    if (rc < 0)
        return rc;
    s->ticket = weft__park_ticket(s->task);
    for (int i = 0; i < s->n; i++) {
        const weft_case *c = &s->cases[i];
        struct weft__select_node *node = &s->nodes[i];
        weft_chan *channel = weft__select_channel(c);

        node->entered = channel != NULL;
        if (channel == NULL)
            continue;
        node->wait.chan = (struct weft__chan_waiter){.waiter = {.task = s->task, .ticket = s->ticket}};
        if (c->kind == WEFT__CASE_SEND) {
            node->wait.chan.out = c->out;
            channel->send_waits++;
        } else {
            node->wait.chan.in = c->in;
            channel->recv_waits++;
        }
        weft__wait_queue(&node->wait.waiter, queue_of(c, channel));
    }
    return 0;
}

static void leave_channel(const weft_case *c, weft_chan *channel, struct weft__waiter *w)
{
    weft__chan_lock(channel);
    weft__wait_leave(w, queue_of(c, channel));
    weft__bias_unlock(&channel->lock);
}

/* Looking. */

/* One by one: the index of the case that has happened, or -1. */
static int look_at_each(struct weft__select *s)
{
    for (int k = 0; k < s->n; k++) {
        int i = draw(s, k);
        weft_case *c = &s->cases[i];
        weft_chan *channel = weft__select_channel(c);

        if (channel != NULL ? operate(channel, c) : weft__select_look(s, c, false))
            return i;
    }
    return -1;
}

/* The same for all at once, while no channel can change. */
static int look_at_all(struct weft__select *s, struct weft__wakes *wakes)
{
    for (int k = 0; k < s->n; k++) {
        int i = s->nodes[k].turn;
        weft_case *c = &s->cases[i];
        weft_chan *channel = weft__select_channel(c);

        if (channel != NULL ? operate_now(channel, c, wakes) : weft__select_look(s, c, true))
            return i;
    }
    return -1;
}

/* Waiting. */

/* Enters all but the channels. Returns the case that has come about and has won, or -1; stores whether to go on. */
static int enter_others(struct weft__select *s, bool *decided)
{
    for (int k = 0; k < s->n; k++) {
        int i = s->nodes[k].turn, result;

        if (weft__select_channel(&s->cases[i]) != NULL || !weft__select_enter(s, i, &result))
            continue;
        *decided = true;
        if (weft__claim(s->task, s->ticket, WEFT__WON_EVENT) == WEFT__CLAIM_LOST)
            return -1;
        s->cases[i].result = result;
        return i;
    }
    return -1;
}

/* The case whose waiter was claimed, once its claimer has released it. */
static int granted(struct weft__select *s)
{
    unsigned turns = 0;

    for (;;) {
        for (int i = 0; i < s->n; i++) {
            struct weft__select_node *node = &s->nodes[i];

            /* acquire pairs with the release in weft__wake_several() */
            if (node->entered && weft__select_is_waiter(&s->cases[i]) && A_LOAD(&node->wait.waiter.released, acquire))
                return i;
        }
        weft__spin(&turns);
    }
}

/* Leaves all that the select has entered, but `chosen` where its waiter was granted. Returns a case that has come
 * about, with its result, or -1. */
static int leave_all(struct weft__select *s, int chosen, int *result)
{
    int came = -1, what;

    for (int k = 0; k < s->n; k++) {
        int i = s->nodes[k].turn;
        const weft_case *c = &s->cases[i];
        weft_chan *channel = weft__select_channel(c);

        if (!s->nodes[i].entered || i == chosen)
            continue;
        if (channel != NULL) {
            leave_channel(c, channel, &s->nodes[i].wait.waiter);
        } else if (weft__select_leave(s, i, &what) && came < 0) {
            came = i;
            *result = what;
        }
    }
    return came;
}

/* The time that comes first; -1: none. */
static int earliest(const struct weft__select *s)
{
    int first = -1;

    for (int i = 0; i < s->n; i++)
        if (s->cases[i].kind == WEFT__CASE_AT && s->cases[i].at != WEFT_NEVER &&
            (first < 0 || s->cases[i].at < s->cases[first].at))
            first = i;
    return first;
}

/* Armed, and queued in the channels: waits. */
static int wait_for(struct weft__select *s)
{
    bool decided = false;
    enum weft__phase won;
    int timer = -1, rc = 0, result = 0, chosen = enter_others(s, &decided), came;

    if (decided) {
        won = weft__park(s->task); /* does not suspend: it has been won */
    } else {
        timer = earliest(s);
        rc = weft__park_until(s->task, timer >= 0 ? s->cases[timer].at : WEFT_NEVER, &won);
        if (rc < 0)
            won = weft__claim(s->task, s->ticket, WEFT__IDLE) != WEFT__CLAIM_LOST ? WEFT__IDLE : weft__park(s->task);
    }
    if (won == WEFT__WON_GRANT) {
        chosen = granted(s);
        s->cases[chosen].result =
            weft__select_channel(&s->cases[chosen]) != NULL ? s->nodes[chosen].wait.chan.result : 0;
    }
    came = leave_all(s, chosen, &result);
    switch (won) {
    case WEFT__WON_GRANT:
        return chosen;
    case WEFT__WON_EVENT:
        if (chosen >= 0)
            return chosen;
        WEFT__ASSERT(came >= 0);
        s->cases[came].result = result;
        return came;
    case WEFT__WON_TIME:
        s->cases[timer].result = 0;
        return timer;
    case WEFT__IDLE:
        return rc;
    default:
        return WEFT_ECANCELED;
    }
}

static int run(struct weft__select *s, struct weft__worker *w)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc = 0, i = look_at_each(s);

    if (s->random != 0 && w != NULL)
        w->random = s->random;
    if (i >= 0)
        return i;
    lock_channels(s);
    i = look_at_all(s, &wakes);
    if (i < 0 && s->otherwise < 0)
        rc = arm(s);
    unlock_channels(s);
    weft__wake(&wakes);
    if (i >= 0 || rc < 0)
        return i >= 0 ? i : rc;
    if (s->otherwise < 0)
        return wait_for(s);
    s->cases[s->otherwise].result = 0;
    return s->otherwise;
}

/* The public face. */

/* Takes the cases in, if they make sense: 0 or a code. */
static int check(struct weft__select *s)
{
    for (int i = 0; i < s->n; i++) {
        const weft_case *c = &s->cases[i];

        s->nodes[i].turn = i;
        switch (c->kind) {
        case WEFT__CASE_DEFAULT:
            if (s->otherwise >= 0)
                return WEFT_EINVAL;
            s->otherwise = i;
            break;
        case WEFT__CASE_RECV:
        case WEFT__CASE_SEND:
            if (c->source != NULL && c->in == NULL && c->out == NULL)
                return WEFT_EINVAL;
            break;
        case WEFT__CASE_JOIN:
            /* relaxed: the calling task's own */
            if (c->source != NULL && s->task != NULL && A_LOAD(&s->task->handle, relaxed) == c->source)
                return WEFT_EDEADLK;
            break;
        case WEFT__CASE_FD:
            if (c->events == 0 || (c->events & ~(WEFT_READABLE | WEFT_WRITABLE)))
                return WEFT_EINVAL;
            break;
        default:
            if ((unsigned)c->kind >= WEFT__CASE_KINDS)
                return WEFT_EINVAL;
        }
    }
    return 0;
}

static int begin(struct weft__select *s, bool biased)
{
    struct weft__worker *w = weft__worker_self();
    int rc;

    s->task = w != NULL ? w->current : NULL;
    if ((rc = check(s)) < 0)
        return rc;
    if (s->task == NULL) {
        if (s->otherwise < 0)
            return WEFT_ENOTASK;
    } else {
        if ((rc = weft__checkpoint(w, s->task)) < 0)
            return rc;
        weft__park_will_prepare(s->task);
        w = weft__worker_self();
    }
    if (!biased)
        s->random = w != NULL && w->random != 0 ? w->random : (uint32_t)weft__clock() | 1;
    return run(s, w);
}

/* Apart from the other, which needs no such frame. */
static WEFT__NOINLINE int select_on_stack(struct weft__select *s, bool biased)
{
    struct weft__select_node nodes[WEFT_SELECT_ON_STACK];

    s->nodes = nodes;
    return begin(s, biased);
}

static int select_on_heap(struct weft__select *s, bool biased)
{
    int rc = WEFT_ENOMEM;

    s->nodes = weft__alloc((size_t)s->n * sizeof *s->nodes);
    if (s->nodes != NULL)
        rc = begin(s, biased);
    weft__free(s->nodes);
    return rc;
}

static int select_from(weft_case *cases, size_t n, bool biased)
{
    struct weft__select s = {.cases = cases, .n = (int)n, .otherwise = -1};

    if (n > INT_MAX)
        return WEFT_EINVAL;
    return n <= WEFT_SELECT_ON_STACK ? select_on_stack(&s, biased) : select_on_heap(&s, biased);
}

int weft_select(weft_case *cases, size_t n)
{
    return select_from(cases, n, false);
}

int weft_select_biased(weft_case *cases, size_t n)
{
    return select_from(cases, n, true);
}
