/* SPDX-License-Identifier: MIT */
/*
 * The deque, from an array of two slots: one owner, two thieves. The cases use push, pop and steal only, so that they hold
 * for any deque.
 */
#include "sched/deque.h"

#include "tests/model/explorer.h"

enum { ITEMS = 12, THIEVES = 2 };

/* Plain: a taker that the push is not ordered before races with it, and so do two takers. */
struct item {
    int number;
    int taken;
};

struct run {
    struct weft__deque deque;
    struct item items[ITEMS];
    int pushed;
    int tries; /* of each thief */
    unsigned thieves[THIEVES];
};

static void push(struct run *r)
{
    struct item *i = &r->items[r->pushed];

    i->number = ++r->pushed;
    if (model_choose(3) == 0)
        MODEL_CHECK(weft__deque_push_quietly(&r->deque, i) == 0);
    else
        MODEL_CHECK(weft__deque_push(&r->deque, i) == 0);
}

static void take(struct item *i)
{
    MODEL_CHECK(i->number > 0);
    MODEL_CHECK(++i->taken == 1);
}

static bool pop(struct run *r)
{
    struct item *i = weft__deque_pop(&r->deque);

    if (i != NULL)
        take(i);
    return i != NULL;
}

static enum weft__steal steal(struct run *r)
{
    void *i = NULL;
    enum weft__steal what = weft__deque_steal(&r->deque, &i);

    if (what == WEFT__STEAL_GOT)
        take(i);
    return what;
}

static void thief(void *arg)
{
    struct run *r = arg;

    for (int i = 0; i < r->tries; i++)
        while (steal(r) == WEFT__STEAL_LOST)
            continue;
}

static struct run *begin(int tries)
{
    struct run *r = model_alloc(sizeof *r, WEFT__CACHE_LINE);

    MODEL_CHECK(weft__deque_init(&r->deque) == 0);
    r->tries = tries;
    for (unsigned i = 0; i < THIEVES; i++)
        r->thieves[i] = model_start("thief", thief, r);
    return r;
}

/* What is left comes out, and then everything has been taken once. */
static void end(struct run *r)
{
    while (pop(r))
        continue;
    for (unsigned i = 0; i < THIEVES; i++)
        model_join(r->thieves[i]);
    MODEL_CHECK(!pop(r));
    for (int i = 0; i < r->pushed; i++)
        MODEL_CHECK(r->items[i].taken == 1);
    weft__deque_fini(&r->deque);
    model_free(r);
}

/* Anything that an owner may do. */
static void mixed(void)
{
    struct run *r = begin(4);

    while (r->pushed < ITEMS) {
        push(r);
        while (model_choose(3) == 0)
            (void)pop(r);
    }
    end(r);
}

/* Owner and thieves meet at the last item, again and again. */
static void last_item(void)
{
    struct run *r = begin(3);

    while (r->pushed < 5) {
        push(r);
        (void)pop(r);
    }
    end(r);
}

/* The array grows twice while thieves read it. */
static void growth(void)
{
    struct run *r = begin(5);

    while (r->pushed < 7)
        push(r);
    end(r);
}

/* The owner goes from the other end too, as it does with its ready queue. */
static void owner_steals(void)
{
    struct run *r = begin(3);

    while (r->pushed < 6) {
        push(r);
        if (model_choose(2) == 0)
            (void)steal(r);
    }
    end(r);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"mixed", mixed}, {"last_item", last_item}, {"growth", growth}, {"owner_steals", owner_steals}};

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
