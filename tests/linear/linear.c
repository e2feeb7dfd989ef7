/* SPDX-License-Identifier: MIT */
#include "tests/linear/linear.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>

#include "tests/support/test.h"

void linear_reset(struct linear_history *h)
{
    h->clock = h->count = 0;
}

struct linear_op *linear_invoke(struct linear_history *h, struct linear_op op)
{
    uint32_t i = h->count++;

    if (i >= LINEAR_OPS)
        FAIL("the history is too long");
    h->ops[i] = op;
    h->ops[i].returned = LINEAR_NEVER;
    h->ops[i].invoked = h->clock++;
    return &h->ops[i];
}

void linear_return(struct linear_history *h, struct linear_op *op, int result, int value)
{
    op->returned = h->clock++;
    op->result = result;
    op->value = value;
}

/* The search. */

struct config {
    uint64_t placed[LINEAR_OPS / 64];
    struct linear_state state;
};

/* Configurations that were seen: a hash table with linear probing, of places in an array that grows. */
struct memory {
    struct config *configs;
    size_t count, slots;
    uint32_t *table; /* place + 1 */
};

/* An invocation or a return, in the order of their moments. */
struct entry {
    struct entry *before, *after;
    const struct linear_op *op;
    struct entry *returned; /* of an invocation */
    unsigned index;
};

/* An operation that was placed, and how it was before. */
struct placed {
    struct entry *invoked;
    struct linear_state state;
};

static uint64_t hash(const struct config *c)
{
    const unsigned char *bytes = (const unsigned char *)c;
    uint64_t h = 0;

    for (size_t i = 0; i < sizeof *c; i += 8) {
        uint64_t word;

        memcpy(&word, bytes + i, 8);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return h;
}

static void *more(void *old, size_t size)
{
    void *p = realloc(old, size);

    if (p == NULL)
        FAIL("no memory for the search");
    return p;
}

static void put(struct memory *m, uint32_t place)
{
    size_t i = hash(&m->configs[place]) & (m->slots - 1);

    while (m->table[i] != 0)
        i = (i + 1) & (m->slots - 1);
    m->table[i] = place + 1;
}

static void grow(struct memory *m)
{
    m->slots = m->slots != 0 ? 2 * m->slots : 256;
    free(m->table);
    m->table = more(NULL, m->slots * sizeof *m->table);
    memset(m->table, 0, m->slots * sizeof *m->table);
    m->configs = more(m->configs, m->slots / 2 * sizeof *m->configs);
    for (size_t i = 0; i < m->count; i++)
        put(m, (uint32_t)i);
}

/* Whether the configuration is new; from now on it is not. */
static bool remember(struct memory *m, const struct config *c)
{
    if (m->count == m->slots / 2)
        grow(m);
    for (size_t i = hash(c) & (m->slots - 1); m->table[i] != 0; i = (i + 1) & (m->slots - 1))
        if (memcmp(&m->configs[m->table[i] - 1], c, sizeof *c) == 0)
            return false;
    m->configs[m->count] = *c;
    put(m, (uint32_t)m->count++);
    return true;
}

static void lift(struct entry *e)
{
    e->before->after = e->after;
    e->after->before = e->before;
}

static void unlift(struct entry *e)
{
    e->before->after = e;
    e->after->before = e;
}

static int by_moment(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    uint32_t mx = (*x)->returned != NULL ? (*x)->op->invoked : (*x)->op->returned;
    uint32_t my = (*y)->returned != NULL ? (*y)->op->invoked : (*y)->op->returned;

    return mx < my ? -1 : mx > my;
}

static bool happened(const struct linear_op *op)
{
    return op->returned == LINEAR_NEVER || op->result != WEFT_ECANCELED;
}

/* Links the entries of all that happened between `head` and `tail`. The number of those that have returned. */
static unsigned list(const struct linear_history *h, struct entry *entries, struct entry *head, struct entry *tail)
{
    struct entry *order[2 * LINEAR_OPS], *last = head;
    unsigned n = 0, complete = 0;

    for (unsigned i = 0; i < h->count; i++) {
        struct entry *e = &entries[2 * i];

        if (!happened(&h->ops[i]))
            continue;
        e[0] = (struct entry){.op = &h->ops[i], .returned = &e[1], .index = i};
        e[1] = (struct entry){.op = &h->ops[i], .index = i};
        order[n++] = &e[0];
        order[n++] = &e[1];
        complete += h->ops[i].returned != LINEAR_NEVER;
    }
    qsort((void *)order, n, sizeof order[0], by_moment);
    for (unsigned i = 0; i < n; i++) {
        last->after = order[i];
        order[i]->before = last;
        last = order[i];
    }
    last->after = tail;
    tail->before = last;
    return complete;
}

bool linear_check(const struct linear_history *h, const struct linear_model *m)
{
    struct entry entries[2 * LINEAR_OPS], head = {0}, tail = {0}, *e;
    struct placed *stack = more(NULL, LINEAR_OPS * sizeof *stack);
    struct memory memory = {0};
    struct config c = {0};
    unsigned left = list(h, entries, &head, &tail), depth = 0;
    bool found = true;

    m->begin(&c.state, m->parameter);
    for (e = head.after; left > 0 || (m->ends != NULL && !m->ends(&c.state));) {
        if (e != &tail && e->returned != NULL) {
            struct config next = c;

            next.placed[e->index / 64] |= UINT64_C(1) << e->index % 64;
            if (!m->step(&next.state, e->op, m->parameter) || !remember(&memory, &next)) {
                e = e->after;
                continue;
            }
            stack[depth++] = (struct placed){e, c.state};
            c = next;
            left -= e->op->returned != LINEAR_NEVER;
            lift(e);
            lift(e->returned);
            e = head.after;
            continue;
        }
        /* It has returned, so it must come before all that were invoked later, and it has no place: take back what was placed last. */
        if (depth == 0) {
            found = false;
            break;
        }
        e = stack[--depth].invoked;
        c.state = stack[depth].state;
        c.placed[e->index / 64] &= ~(UINT64_C(1) << e->index % 64);
        left += e->op->returned != LINEAR_NEVER;
        unlift(e->returned);
        unlift(e);
        e = e->after;
    }
    free(stack);
    free(memory.configs);
    free(memory.table);
    return found;
}

void linear_expect(const struct linear_history *h, const struct linear_model *m, uint32_t seed)
{
    if (linear_check(h, m))
        return;
    for (unsigned i = 0; i < h->count; i++) {
        const struct linear_op *op = &h->ops[i];

        if (op->returned == LINEAR_NEVER)
            fprintf(stderr, "%4u -    . thread %u: %s(%u, %d)\n", op->invoked, op->thread, m->kinds[op->kind],
                    op->object, op->arg);
        else
            fprintf(stderr, "%4u - %4u thread %u: %s(%u, %d) = %s, %d\n", op->invoked, op->returned, op->thread,
                    m->kinds[op->kind], op->object, op->arg, op->result >= 0 ? "ok" : weft_error_name(op->result),
                    op->value);
    }
    FAIL("this history is not linearisable: seed %u", seed);
}
