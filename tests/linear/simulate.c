/* SPDX-License-Identifier: MIT */
#include "tests/linear/simulate.h"

#include <string.h>

#include <weft/error.h>

enum { MAX_THREADS = 8, MAX_ITEMS = 64, MAX_LATE = 8 };

struct thread {
    struct linear_op *op; /* NULL: none is under way */
    bool done;            /* it has taken effect: what is left is to return */
    int result, value;
    unsigned left;
    int held; /* permits, or the mutex */
};

struct play {
    const struct sim *sim;
    struct linear_history *h;
    uint32_t random;
    bool faulty;
    struct thread threads[MAX_THREADS];
    /* The object. */
    bool closed;
    int items[MAX_ITEMS], count; /* count: of permits too */
    int owner;                   /* thread + 1 */
    int late[MAX_LATE], late_count;
    int next_item;
};

static uint32_t below(struct play *p, uint32_t n)
{
    uint32_t x = p->random;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    p->random = x;
    return (x >> 4) % n;
}

/* Whether to err here, where `possible`. */
static bool errs(struct play *p, enum sim_fault fault, bool possible)
{
    if (p->sim->fault != fault || !possible || below(p, 3) != 0)
        return false;
    return p->faulty = true;
}

static bool done(struct thread *t, int result, int value)
{
    t->done = true;
    t->result = result;
    t->value = value;
    return true;
}

static void put(struct play *p, int item)
{
    p->items[p->count++] = item;
}

static int get(struct play *p, int at)
{
    int item = p->items[at];

    p->count--;
    memmove(&p->items[at], &p->items[at + 1], (size_t)(p->count - at) * sizeof p->items[0]);
    return item;
}

/* Another thread whose operation of that kind has not taken effect. */
static struct thread *partner(struct play *p, const struct thread *self, int kind)
{
    unsigned first = below(p, p->sim->threads);

    for (unsigned i = 0; i < p->sim->threads; i++) {
        struct thread *t = &p->threads[(first + i) % p->sim->threads];

        if (t != self && t->op != NULL && !t->done && t->op->kind == kind)
            return t;
    }
    return NULL;
}

static bool send_now(struct play *p, struct thread *t)
{
    bool tries = t->op->kind == LINEAR_TRY_SEND;
    struct thread *receiver;

    if (p->closed && !errs(p, SIM_TAKES_WHEN_CLOSED, p->sim->parameter > 0))
        return done(t, WEFT_ECLOSED, 0);
    if (tries && errs(p, SIM_SEES_NOTHING, p->count < (int)p->sim->parameter))
        return done(t, WEFT_EFULL, 0);
    if (p->sim->parameter == 0 && (receiver = partner(p, t, LINEAR_RECV)) != NULL)
        return done(receiver, 0, t->op->arg) && done(t, 0, 0);
    if (p->count < (int)p->sim->parameter) {
        if (errs(p, SIM_TAKES_EFFECT_TOO_LATE, p->late_count < MAX_LATE))
            p->late[p->late_count++] = t->op->arg;
        else
            put(p, t->op->arg);
        return done(t, 0, 0);
    }
    return tries && done(t, WEFT_EFULL, 0);
}

static bool recv_now(struct play *p, struct thread *t)
{
    bool tries = t->op->kind == LINEAR_TRY_RECV;
    struct thread *sender;
    int item;

    if (p->count > 0) {
        if (tries && errs(p, SIM_SEES_NOTHING, !p->closed))
            return done(t, WEFT_EEMPTY, 0);
        if (errs(p, SIM_FORGETS_WHEN_CLOSED, p->closed))
            return done(t, WEFT_ECLOSED, 0);
        if (errs(p, SIM_LOSES, p->count > 1))
            (void)get(p, 0);
        item = get(p, errs(p, SIM_REORDERS, p->count > 1));
        if (errs(p, SIM_GIVES_TWICE, true))
            put(p, item);
        return done(t, 0, item);
    }
    if (p->closed)
        return done(t, WEFT_ECLOSED, 0);
    if (p->sim->parameter == 0 && (sender = partner(p, t, LINEAR_SEND)) != NULL)
        return done(sender, 0, 0) && done(t, 0, sender->op->arg);
    return tries && done(t, WEFT_EEMPTY, 0);
}

static bool channel_now(struct play *p, struct thread *t)
{
    switch (t->op->kind) {
    case LINEAR_SEND:
    case LINEAR_TRY_SEND:
        return send_now(p, t);
    case LINEAR_RECV:
    case LINEAR_TRY_RECV:
        return recv_now(p, t);
    default:
        if (p->closed)
            return done(t, WEFT_ECLOSED, 0);
        p->closed = true;
        return done(t, 0, 0);
    }
}

static bool mutex_now(struct play *p, struct thread *t)
{
    int self = t->op->thread + 1;

    if (t->op->kind == LINEAR_UNLOCK) {
        if (errs(p, SIM_TAKES_EFFECT_TOO_LATE, p->late_count < MAX_LATE))
            p->late[p->late_count++] = self;
        else
            p->owner = 0;
        t->held = 0;
        return done(t, 0, 0);
    }
    if (t->op->kind == LINEAR_TRY_LOCK && (p->owner != 0 || errs(p, SIM_SEES_NOTHING, true)))
        return done(t, WEFT_EBUSY, 0);
    if (p->owner != 0 && !errs(p, SIM_GIVES_TWICE, true))
        return false;
    p->owner = self;
    t->held = 1;
    return done(t, 0, 0);
}

static bool semaphore_now(struct play *p, struct thread *t)
{
    int n = t->op->arg;

    if (t->op->kind == LINEAR_RELEASE) {
        p->count += n - errs(p, SIM_LOSES, true);
        t->held -= n;
        return done(t, 0, 0);
    }
    if (t->op->kind == LINEAR_TRY_ACQUIRE && (p->count < n || errs(p, SIM_SEES_NOTHING, true)))
        return done(t, WEFT_EBUSY, 0);
    if (p->count < n)
        return false;
    if (!errs(p, SIM_GIVES_TWICE, true))
        p->count -= n;
    t->held += n;
    return done(t, 0, 0);
}

/* A cancellation; unlocks and releases have none. */
static void cancel(struct play *p, struct thread *t)
{
    if (p->sim->object == SIM_CHANNEL) {
        if (t->op->kind == LINEAR_SEND && errs(p, SIM_CANCELED_SENDS, p->count < (int)p->sim->parameter))
            put(p, t->op->arg);
        else if (t->op->kind == LINEAR_RECV && errs(p, SIM_CANCELED_RECEIVES, p->count > 0))
            (void)get(p, 0);
        else if (t->op->kind != LINEAR_SEND && t->op->kind != LINEAR_RECV)
            return;
    } else if (t->op->kind != 0) {
        return;
    } else if (p->sim->object == SIM_SEMAPHORE && errs(p, SIM_CANCELED_RECEIVES, p->count > 0)) {
        p->count--;
    }
    (void)done(t, WEFT_ECANCELED, 0);
}

static void invoke(struct play *p, struct thread *t)
{
    struct linear_op op = {.thread = (uint16_t)(t - p->threads), .arg = 1};

    switch (p->sim->object) {
    case SIM_CHANNEL:
        op.kind = below(p, 16) == 0 ? LINEAR_CLOSE : (int)below(p, 4);
        op.arg = op.kind == LINEAR_SEND || op.kind == LINEAR_TRY_SEND ? p->next_item++ : 0;
        break;
    case SIM_MUTEX:
        op.kind = t->held ? LINEAR_UNLOCK : (int)below(p, 2);
        break;
    case SIM_SEMAPHORE:
        op.kind = t->held > 0 && below(p, 2) ? LINEAR_RELEASE : (int)below(p, 2);
        break;
    }
    t->left--;
    t->done = false;
    t->op = linear_invoke(p->h, op);
}

static bool act(struct play *p, struct thread *t)
{
    if (t->op == NULL) {
        if (t->left > 0)
            invoke(p, t);
        return t->op != NULL;
    }
    if (t->done) {
        linear_return(p->h, t->op, t->result, t->value);
        t->op = NULL;
        return true;
    }
    if (below(p, 8) == 0)
        cancel(p, t);
    if (t->done)
        return true;
    return p->sim->object == SIM_CHANNEL ? channel_now(p, t)
           : p->sim->object == SIM_MUTEX ? mutex_now(p, t)
                                         : semaphore_now(p, t);
}

static void catch_up(struct play *p)
{
    if (p->late_count == 0 || below(p, 6) != 0)
        return;
    p->late_count--;
    if (p->sim->object == SIM_CHANNEL)
        put(p, p->late[p->late_count]);
    else if (p->owner == p->late[p->late_count])
        p->owner = 0;
}

bool simulate(struct linear_history *h, const struct sim *sim, uint32_t seed)
{
    struct play p = {.sim = sim, .h = h, .random = seed * 2654435761u | 1, .next_item = 1};

    linear_reset(h);
    if (sim->object == SIM_SEMAPHORE)
        p.count = (int)sim->parameter;
    for (unsigned i = 0; i < sim->threads; i++)
        p.threads[i].left = sim->ops;
    for (unsigned idle = 0; idle < 20 * sim->threads;) {
        catch_up(&p);
        idle = act(&p, &p.threads[below(&p, sim->threads)]) ? 0 : idle + 1;
    }
    return p.faulty;
}
