/* SPDX-License-Identifier: MIT */
/*
 * What the wait for a group may run above the frames of its owner: children of that group, and nothing else. Whatever
 * these do then, suspend, go on elsewhere, take long, open groups of their own, the wait ends when all children have ended and
 * no other task waits for it.
 */
#include <string.h>

#include "tests/sched/tasks.h"

/* One child waits for the other; either may be the one that runs above the owner. */
struct two {
    weft_chan *c;
    atomic_int first_ran, second_ran, rounds;
    bool second_sends;
};

static int send_one(struct two *t)
{
    int item = 1;

    return weft_chan_send(t->c, &item);
}

static int receive_one(struct two *t)
{
    int item;

    return weft_chan_recv(t->c, &item);
}

static int first_child(void *arg)
{
    struct two *t = arg;

    atomic_fetch_add(&t->first_ran, 1);
    return t->second_sends ? receive_one(t) : send_one(t);
}

static int second_child(void *arg)
{
    struct two *t = arg;

    atomic_fetch_add(&t->second_ran, 1);
    return t->second_sends ? send_one(t) : receive_one(t);
}

static int join_two(void *arg)
{
    struct two t = {.c = weft_chan_create(sizeof(int), 1)};
    uint32_t pause = 1;

    (void)arg;
    for (int i = 1; i <= 200; i++) {
        weft_group *g = weft_group_open(NULL);

        t.second_sends = i % 2 == 0;
        CHECK_OK(weft_spawn(g, first_child, &t));
        CHECK_OK(weft_spawn(g, second_child, &t));
        /* Now and then thieves have the time to take one or both. */
        for (uint32_t n = i % 4 == 0 ? (pause = pause * 5 % 30011) : 0; n > 0; n--)
            __asm__ volatile("");
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(t.first_ran, i);
        CHECK_EQ(t.second_ran, i);
        weft_group_close(g);
    }
    weft_chan_destroy(t.c);
    return 0;
}

WEFT_TEST(join_rules, child_above_its_owner_waits_for_its_sibling)
{
    CHECK_OK(test_run(join_two, NULL));
}

/* The child above the owner suspends while a thread holds its sibling; both end in either order. */
struct stolen {
    atomic_int taken, suspended, let_go, ended;
    bool sibling_first;
};

static int hold_its_thread(void *arg)
{
    struct stolen *s = arg;

    atomic_store(&s->taken, 1);
    spin_until(&s->let_go, 1);
    atomic_fetch_add(&s->ended, 1);
    return 0;
}

static int suspend_above(void *arg)
{
    struct stolen *s = arg;

    atomic_store(&s->suspended, 1);
    if (s->sibling_first) {
        atomic_store(&s->let_go, 1);
        while (atomic_load(&s->ended) < 1)
            CHECK_OK(weft_sleep_ms(1));
    } else {
        CHECK_OK(weft_sleep_ms(2));
        atomic_store(&s->let_go, 1);
    }
    atomic_fetch_add(&s->ended, 1);
    return 0;
}

static int join_stolen(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        struct stolen s = {.sibling_first = i % 2 == 0};
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_spawn(g, hold_its_thread, &s));
        spin_until(&s.taken, 1); /* by another worker: this one has been kept from it */
        CHECK_OK(weft_spawn(g, suspend_above, &s));
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(s.ended, 2);
        weft_group_close(g);
    }
    return 0;
}

WEFT_TEST(join_rules, child_above_its_owner_suspends_while_its_sibling_is_stolen)
{
    CHECK_OK(run_on(test_workers() > 1 ? test_workers() : 2, join_stolen, NULL));
}

/* A race: whoever ends first cancels the rest. The youngest, which the wait runs first, is the one that takes long. */
struct race {
    weft_group *g;
    int kind;
    atomic_int long_began, long_ended, short_ended;
};

static int take_long(void *arg)
{
    struct race *r = arg;
    weft_chan *c;
    int item, rc = 0;

    atomic_store(&r->long_began, 1);
    switch (r->kind) {
    case 0:
        rc = weft_sleep_ms(FOREVER_MS);
        break;
    case 1:
        while (rc == 0)
            rc = weft_yield();
        break;
    case 2:
        CHECK_NOT_NULL(c = weft_chan_create(sizeof item, 1));
        rc = weft_chan_recv(c, &item);
        weft_chan_destroy(c);
        break;
    case 3: { /* in a wait of its own, with a child that is cancelled with it */
        weft_group *g = weft_group_open(NULL);

        CHECK_OK(weft_spawn(g, sleep_forever, NULL));
        rc = weft_group_wait(g);
        weft_group_close(g);
        break;
    }
    }
    CHECK_RC(rc, WEFT_ECANCELED);
    CHECK_EQ(r->short_ended, 1);
    atomic_store(&r->long_ended, 1);
    return rc;
}

static int take_short(void *arg)
{
    struct race *r = arg;

    yield_until(&r->long_began, 1); /* it has its place above the owner by now, or on another thread */
    CHECK_OK(weft_sleep_ms(1));
    atomic_store(&r->short_ended, 1);
    CHECK_OK(weft_group_cancel(r->g));
    return 0;
}

static int run_race(void *arg)
{
    (void)arg;
    for (int i = 0; i < 16; i++) {
        struct race r = {.g = weft_group_open(NULL), .kind = i % 4};
        weft_time start = weft_now();

        CHECK_OK(weft_spawn(r.g, take_short, &r));
        CHECK_OK(weft_spawn(r.g, take_long, &r));
        CHECK_OK(weft_group_wait(r.g));
        CHECK_EQ(r.long_ended, 1);
        CHECK_LT(elapsed_ms(start), FOREVER_MS / 10);
        weft_group_close(r.g);
    }
    return 0;
}

WEFT_TEST(join_rules, race_is_over_when_the_long_child_above_its_owner_was_cancelled)
{
    CHECK_OK(test_run(run_race, NULL));
}

/* A task of another group is never run above the owner: it may wait for what the owner does after its wait. */
struct stranger {
    weft_chan *c;
    atomic_int children, met;
};

static int wait_for_the_owner(void *arg)
{
    struct stranger *s = arg;
    int item;

    CHECK_OK(weft_chan_recv(s->c, &item));
    atomic_fetch_add(&s->met, 1);
    return 0;
}

static int wait_beside_strangers(void *arg)
{
    struct stranger s = {.c = weft_chan_create(sizeof(int), 1)};

    (void)arg;
    for (int i = 0; i < 50; i++) {
        weft_group *outer = weft_group_open(NULL), *g = weft_group_open(NULL);

        /* Above, between and below the children of the group that is waited for. */
        for (int j = 0; j < 3; j++) {
            CHECK_OK(weft_spawn(g, count, &s.children));
            CHECK_OK(weft_spawn(outer, wait_for_the_owner, &s));
        }
        CHECK_OK(weft_group_wait(g));
        CHECK_EQ(s.children, 3 * (i + 1));
        weft_group_close(g);
        for (int j = 0; j < 3; j++)
            CHECK_OK(weft_chan_send(s.c, &j));
        CHECK_OK(weft_group_wait(outer));
        weft_group_close(outer);
    }
    CHECK_EQ(s.met, 150);
    weft_chan_destroy(s.c);
    return 0;
}

WEFT_TEST(join_rules, stranger_in_the_deque_does_not_run_above_an_owner)
{
    CHECK_OK(test_run(wait_beside_strangers, NULL));
}

/* The same of tasks that a child left behind in the deque while it ran above the owner. */
struct family {
    struct stranger stranger;
    weft_group *outer;
};

static int leave_a_stranger(void *arg)
{
    struct family *f = arg;

    return weft_spawn(f->outer, wait_for_the_owner, &f->stranger);
}

static int wait_after_a_child_spawned(void *arg)
{
    struct family f = {.stranger.c = weft_chan_create(sizeof(int), 1)};

    (void)arg;
    for (int i = 0; i < 50; i++) {
        weft_group *g;

        f.outer = weft_group_open(NULL);
        g = weft_group_open(NULL);
        for (int j = 0; j < 3; j++)
            CHECK_OK(weft_spawn(g, leave_a_stranger, &f));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (int j = 0; j < 3; j++)
            CHECK_OK(weft_chan_send(f.stranger.c, &j));
        CHECK_OK(weft_group_wait(f.outer));
        weft_group_close(f.outer);
    }
    CHECK_EQ(f.stranger.met, 150);
    weft_chan_destroy(f.stranger.c);
    return 0;
}

WEFT_TEST(join_rules, stranger_that_a_child_spawned_does_not_run_above_an_owner)
{
    CHECK_OK(test_run(wait_after_a_child_spawned, NULL));
}

/* Each level opens a group, spawns one child that recurses, and waits: far more than any stack holds. */
static int deep(void)
{
    /* Each level may come to need a stack of its own, if others take them all. Under valgrind that is two of at most 30,000 mappings. */
    return TEST_TSAN ? 2000 : TEST_ASAN || test_under_valgrind() ? 10000 : 100000;
}

struct level {
    int depth;
    long sum;
    bool cancels;
};

/* After it nobody knows that he is not cancelled without looking at his scopes. */
static int cancel_something_else(void)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

static int descend(void *arg)
{
    struct level *l = arg, below = {.depth = l->depth - 1};
    volatile char frame[64];
    weft_group *g;

    if (l->depth == 0)
        return l->cancels ? cancel_something_else() : 0;
    below.cancels = l->cancels;
    memset((char *)frame, l->depth & 0x7f, sizeof frame);
    g = weft_group_open(NULL);
    CHECK_NOT_NULL(g);
    CHECK_OK(weft_spawn(g, descend, &below));
    if (l->depth % 1000 == 0)
        CHECK_OK(weft_yield());
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(frame[0], l->depth & 0x7f);
    CHECK_EQ(frame[sizeof frame - 1], l->depth & 0x7f);
    l->sum = below.sum + 1;
    return 0;
}

WEFT_TEST(join_rules, recursion_of_groups_overflows_no_stack)
{
    struct level l = {.depth = deep()};

    CHECK_OK(test_run(descend, &l));
    CHECK_EQ(l.sum, deep());
}

/* Were each level to look at all scopes around it, that would be the square of the depth: minutes. */
WEFT_TEST(join_rules, one_level_of_a_recursion_looks_at_the_scopes_for_all)
{
    struct level l = {.depth = deep(), .cancels = true};

    CHECK_OK(test_run(descend, &l));
    CHECK_EQ(l.sum, deep());
}

/* The same with a failure at the bottom, and with a cancellation from the top: through all the levels. */
static int descend_and(void *arg)
{
    struct level *l = arg, below = {.depth = l->depth - 1, .sum = l->sum};
    weft_group *g;
    int rc;

    if (l->depth == 0)
        return l->sum != 0 ? (int)l->sum : weft_sleep_ms(FOREVER_MS);
    g = weft_group_open(NULL);
    rc = weft_spawn(g, descend_and, &below);
    if (rc == 0)
        rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

WEFT_TEST(join_rules, failure_comes_up_through_a_deep_recursion)
{
    struct level l = {.depth = deep() / 10, .sum = -EIO};

    CHECK_RC(test_run(descend_and, &l), -EIO);
}

static int cancel_deep(void *arg)
{
    struct level l = {.depth = deep() / 10};
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, descend_and, &l));
    CHECK_OK(weft_sleep_ms(5));
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(join_rules, cancellation_goes_down_a_deep_recursion)
{
    CHECK_OK(test_run(cancel_deep, NULL));
}

/* Children that need all that a task may count on, above an owner that has used up some of it itself. */
enum { PROMISE = 64 << 10, USED = TEST_ASAN || TEST_TSAN ? PROMISE / 4 : PROMISE - (8 << 10) };

static __attribute__((noinline)) int use_stack(volatile char *from, size_t left)
{
    volatile char frame[1024];

    frame[0] = from[0];
    frame[sizeof frame - 1] = 1;
    if (left < 2048)
        return frame[0];
    return use_stack(frame, left - 1400) + frame[sizeof frame - 1];
}

static int use_all(void *arg)
{
    volatile char first = 0;

    (void)arg;
    return use_stack(&first, USED) > 0 ? 0 : -1;
}

static __attribute__((noinline)) int join_below(volatile char *from, size_t left)
{
    volatile char frame[1024];
    int rc = 0;

    frame[0] = from[0];
    if (left < 2048) {
        weft_group *g = weft_group_open(NULL);

        for (int i = 0; i < 3; i++)
            CHECK_OK(weft_spawn(g, use_all, NULL));
        rc = weft_group_wait(g);
        weft_group_close(g);
    } else {
        rc = join_below(frame, left - 1400);
    }
    frame[sizeof frame - 1] = 1;
    return rc + frame[0];
}

static int join_at_each_depth(void *arg)
{
    volatile char first = 0;

    (void)arg;
    for (size_t used = 0; used < USED; used += 4096)
        CHECK_OK(join_below(&first, used));
    return 0;
}

WEFT_TEST(join_rules, child_finds_all_of_its_stack_above_any_frame)
{
    CHECK_OK(test_run(join_at_each_depth, NULL));
}
