/* SPDX-License-Identifier: MIT */
/*
 * The deque, from an array of two slots: one owner, two thieves. A worker keeps two, and uses them differently: the tasks that
 * never ran have a private part, which thieves ask for and may force; the ready queue has none.
 */
#include "sched/deque.h"

#include "tests/model/explorer.h"

enum { ITEMS = 12, THIEVES = 2 };

/* With a private part, which thieves ask for, and force; without; and a ready queue, from which nobody pops. */
enum kind { PRIVATE, SHARED, READY };

/* Plain: a taker that the push is not ordered before races with it, and so do two takers. */
struct item {
    int number;
    int taken;
};

struct run {
    struct weft__deque deque;
    struct item items[ITEMS];
    int pushed;
    int tries; /* of each thief; 0: until `enough` are stolen */
    uint32_t enough;
    enum kind kind;
    unsigned thieves[THIEVES];
    _Atomic uint32_t stolen;
};

static struct item *next_item(struct run *r)
{
    struct item *i = &r->items[r->pushed];

    i->number = ++r->pushed;
    return i;
}

static void push(struct run *r)
{
    MODEL_CHECK(weft__deque_push(&r->deque, next_item(r)) == 0);
}

static void push_shared(struct run *r)
{
    struct item *i = next_item(r);

    if (model_choose(2) == 0)
        MODEL_CHECK(weft__deque_push_quietly(&r->deque, i) == 0);
    else
        MODEL_CHECK(weft__deque_push_shared(&r->deque, i) == 0);
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

static enum weft__steal steal_half(struct run *r)
{
    void *items[3];
    int64_t most = 1 + model_choose(3), n = most;
    enum weft__steal what = weft__deque_steal_half(&r->deque, items, &n);

    MODEL_CHECK(what != WEFT__STEAL_GOT || (n >= 1 && n <= most));
    for (int64_t i = 0; i < n && what == WEFT__STEAL_GOT; i++)
        take(items[i]);
    return what;
}

/* As a worker does: what is shared, else it asks, else it uses force. True when it got something. */
static bool steal_somehow(struct run *r)
{
    enum weft__steal what;

    while ((what = r->kind == READY && model_choose(2) == 0 ? steal_half(r) : steal(r)) == WEFT__STEAL_LOST)
        continue;
    if (what == WEFT__STEAL_GOT)
        return true;
    if (r->kind != PRIVATE || !weft__deque_seems_private(&r->deque))
        return false;
    weft__deque_ask(&r->deque);
    return model_choose(2) == 0 && weft__deque_force(&r->deque) && steal(r) == WEFT__STEAL_GOT;
}

static void thief(void *arg)
{
    struct run *r = arg;

    for (int i = 0; r->tries > 0 ? i < r->tries : A_LOAD(&r->stolen, relaxed) < r->enough; i++)
        if (steal_somehow(r)) {
            (void)A_ADD(&r->stolen, 1, release);
            weft__futex_wake(&r->stolen, 1);
        } else if (r->tries == 0) {
            model_spin();
        }
}

static struct run *begin(int tries, uint32_t enough, enum kind kind)
{
    struct run *r = model_alloc(sizeof *r, WEFT__CACHE_LINE);

    MODEL_CHECK(weft__deque_init(&r->deque) == 0);
    r->tries = tries;
    r->enough = enough;
    r->kind = kind;
    if (kind != PRIVATE)
        weft__deque_share_always(&r->deque);
    for (unsigned i = 0; i < THIEVES; i++)
        r->thieves[i] = model_start("thief", thief, r);
    return r;
}

/* The thieves end, what is left comes out, and then everything has been taken once. */
static void end(struct run *r)
{
    for (unsigned i = 0; i < THIEVES; i++)
        model_join(r->thieves[i]);
    while (pop(r))
        continue;
    for (int i = 0; i < r->pushed; i++)
        MODEL_CHECK(r->items[i].taken == 1);
    weft__deque_fini(&r->deque);
    model_free(r);
}

/* Anything that an owner may do. */
static void anything(enum kind kind)
{
    struct run *r = begin(4, 0, kind);

    while (r->pushed < ITEMS) {
        push(r);
        while (model_choose(3) == 0)
            (void)pop(r);
        if (model_choose(8) == 0)
            weft__deque_share_oldest(&r->deque);
    }
    while (pop(r))
        continue;
    end(r);
}

static void mixed(void)
{
    anything(PRIVATE);
}

/* Without membarrier nothing is private. */
static void all_shared(void)
{
    anything(SHARED);
}

/* Owner and thieves meet at the last item, again and again. */
static void last_item(void)
{
    struct run *r = begin(3, 0, PRIVATE);

    while (r->pushed < 5) {
        push(r);
        (void)pop(r);
    }
    end(r);
}

/* The same, where thieves have asked, or all is shared. */
static void last_shared_item(void)
{
    struct run *r = begin(3, 0, model_choose(2) == 0 ? PRIVATE : SHARED);

    while (r->pushed < 5) {
        push(r);
        weft__deque_share_oldest(&r->deque);
        (void)pop(r);
    }
    end(r);
}

/* The array grows twice while thieves read it. */
static void growth(void)
{
    struct run *r = begin(5, 0, (enum kind)model_choose(3));

    while (r->pushed < 7)
        push(r);
    end(r);
}

/* The owner has much to itself, pops it all, and so takes back what thieves have made it share. */
static void take_back(void)
{
    struct run *r = begin(4, 0, PRIVATE);

    while (r->pushed < 9)
        push(r);
    while (pop(r))
        continue;
    end(r);
}

/* An owner that blocks strands nothing: thieves take all that it has. */
static void owner_blocks(void)
{
    struct run *r = begin(0, 2, PRIVATE);

    while (r->pushed < 3)
        push(r);
    for (uint32_t n; (n = A_LOAD(&r->stolen, acquire)) < 2;)
        weft__futex_wait(&r->stolen, n, INT64_MAX);
    end(r);
}

/* The ready queue: everything is shared at once, and the owner takes from the same end as the thieves. */
static void ready_queue(void)
{
    struct run *r = begin(3, 0, READY);

    while (r->pushed < 8) {
        push_shared(r);
        if (model_choose(2) == 0)
            (void)steal(r);
    }
    while (steal(r) != WEFT__STEAL_EMPTY)
        continue;
    end(r);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {{"mixed", mixed},
                                              {"all_shared", all_shared},
                                              {"last_item", last_item},
                                              {"last_shared_item", last_shared_item},
                                              {"growth", growth},
                                              {"take_back", take_back},
                                              {"owner_blocks", owner_blocks},
                                              {"ready_queue", ready_queue}};

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
