/* SPDX-License-Identifier: MIT */
#include "tests/linear/models.h"

#include <string.h>

#include <weft/error.h>

#define CHECK_SIZE(type) _Static_assert(sizeof(type) <= sizeof(struct linear_state), "a state holds it")

static bool pending(const struct linear_op *op)
{
    return op->returned == LINEAR_NEVER;
}

static bool returned(const struct linear_op *op, int result)
{
    return pending(op) || op->result == result;
}

static void begin_zeroed(struct linear_state *s, unsigned parameter)
{
    (void)s;
    (void)parameter;
}

/* Channels. */

enum { ITEMS = 40 };

struct channel {
    uint32_t until;      /* a send that waits for its receive returns then */
    uint8_t half, tries; /* there is one; it was a try */
    uint8_t closed, count;
    uint16_t items[ITEMS];
};

struct channels {
    struct channel at[2];
};

CHECK_SIZE(struct channels);

static unsigned capacity_of(unsigned parameter, unsigned object)
{
    return parameter >> 8 * object & 255;
}

static void take_first(struct channel *c)
{
    c->count--;
    memmove(c->items, c->items + 1, c->count * sizeof c->items[0]);
    c->items[c->count] = 0;
}

static bool step_send(struct channel *c, const struct linear_op *op, unsigned capacity)
{
    bool tries = op->kind == LINEAR_TRY_SEND;

    if (!pending(op) && op->result == WEFT_ECLOSED)
        return c->closed;
    if (!pending(op) && op->result == WEFT_EFULL)
        return tries && !c->closed && c->count >= capacity;
    if (!returned(op, 0) || c->closed || (capacity > 0 && c->count >= capacity) || c->count >= ITEMS)
        return false;
    if (capacity == 0) {
        c->half = 1;
        c->tries = tries;
        c->until = op->returned;
    }
    c->items[c->count++] = (uint16_t)op->arg;
    return true;
}

static bool step_recv(struct channel *c, const struct linear_op *op)
{
    bool tries = op->kind == LINEAR_TRY_RECV;

    if (!pending(op) && op->result == WEFT_ECLOSED)
        return c->closed && c->count == 0;
    if (!pending(op) && op->result == WEFT_EEMPTY)
        return tries && !c->closed && c->count == 0;
    if (!returned(op, 0) || c->count == 0 || (!pending(op) && c->items[0] != op->value))
        return false;
    if (c->half && (op->invoked > c->until || (c->tries && tries)))
        return false;
    c->half = c->tries = 0;
    c->until = 0;
    take_first(c);
    return true;
}

static bool step_none_ready(const struct channels *s, const struct linear_op *op, unsigned parameter)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct channel *c = &s->at[i];

        if ((op->arg & LINEAR_CASE_SEND(i)) != 0 && (c->closed || c->count < capacity_of(parameter, i)))
            return false;
        if ((op->arg & LINEAR_CASE_RECV(i)) != 0 && (c->closed || c->count > 0))
            return false;
    }
    return true;
}

static bool step_channels(struct linear_state *state, const struct linear_op *op, unsigned parameter)
{
    struct channels *s = (struct channels *)(void *)state;
    struct channel *c = &s->at[op->object];

    /* Nothing comes between the two halves. */
    for (unsigned i = 0; i < 2; i++)
        if (s->at[i].half && (i != op->object || (op->kind != LINEAR_RECV && op->kind != LINEAR_TRY_RECV)))
            return false;
    switch (op->kind) {
    case LINEAR_SEND:
    case LINEAR_TRY_SEND:
        return step_send(c, op, capacity_of(parameter, op->object));
    case LINEAR_RECV:
    case LINEAR_TRY_RECV:
        return step_recv(c, op);
    case LINEAR_NONE_READY:
        return step_none_ready(s, op, parameter);
    default:
        if (!pending(op) && op->result == WEFT_ECLOSED)
            return c->closed;
        if (!returned(op, 0) || c->closed)
            return false;
        c->closed = 1;
        return true;
    }
}

/* No send without a buffer lacks its receive. */
static bool ends_channels(const struct linear_state *state)
{
    const struct channels *s = (const struct channels *)(const void *)state;

    return !s->at[0].half && !s->at[1].half;
}

static const char *const channel_kinds[] = {"send", "recv", "try_send", "try_recv", "close", "none_ready"};

const struct linear_model linear_channels = {channel_kinds, LINEAR_CAPACITIES(1, 1), begin_zeroed, step_channels,
                                             ends_channels};

/* Mutex. Zero: nobody holds it. */

static bool step_mutex(struct linear_state *s, const struct linear_op *op, unsigned parameter)
{
    uint64_t *owner = &s->words[0], self = op->thread + UINT64_C(1);

    (void)parameter;
    switch (op->kind) {
    case LINEAR_TRY_LOCK:
        if (!pending(op) && op->result == WEFT_EBUSY)
            return *owner != 0;
        __attribute__((fallthrough));
    case LINEAR_LOCK:
        if (!pending(op) && op->result == WEFT_EDEADLK)
            return *owner == self;
        if (!returned(op, 0) || *owner != 0)
            return false;
        *owner = self;
        return true;
    default:
        if (!pending(op) && op->result != 0)
            return *owner != self;
        if (*owner != self)
            return false;
        *owner = 0;
        return true;
    }
}

static const char *const mutex_kinds[] = {"lock", "try_lock", "unlock"};

const struct linear_model linear_mutex = {mutex_kinds, 0, begin_zeroed, step_mutex, NULL};

/* Semaphores. */

static void begin_semaphore(struct linear_state *s, unsigned parameter)
{
    s->words[0] = parameter;
}

static bool step_semaphore(struct linear_state *s, const struct linear_op *op, unsigned parameter)
{
    uint64_t *permits = &s->words[0], n = (uint64_t)op->arg;

    (void)parameter;
    if (op->kind == LINEAR_RELEASE) {
        *permits += n;
        return returned(op, 0);
    }
    if (op->kind == LINEAR_TRY_ACQUIRE && !pending(op) && op->result == WEFT_EBUSY)
        return op->value == LINEAR_MAY_FAIL || *permits < n;
    if (!returned(op, 0) || *permits < n)
        return false;
    *permits -= n;
    return true;
}

static const char *const semaphore_kinds[] = {"acquire", "try_acquire", "release"};

const struct linear_model linear_semaphore = {semaphore_kinds, 1, begin_semaphore, step_semaphore, NULL};
