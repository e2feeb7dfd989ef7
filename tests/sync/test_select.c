/* SPDX-License-Identifier: MIT */
/* Select over channels and times, where it need not wait: which case is chosen, what it leaves alone, what is refused. */
#include <limits.h>
#include <pthread.h>

#include "sched/platform.h"
#include "tests/sync/sync.h"

static weft_chan *make(size_t capacity)
{
    weft_chan *c = weft_chan_create(sizeof(int), capacity);

    CHECK_NOT_NULL(c);
    return c;
}

static weft_chan *make_with(size_t capacity, int items)
{
    weft_chan *c = make(capacity);

    for (int i = 0; i < items; i++)
        CHECK_OK(weft_chan_try_send(c, &i));
    return c;
}

/* How many items are in it. Takes them out, and destroys it. */
static int drain(weft_chan *c)
{
    int n = 0, item;

    while (weft_chan_try_recv(c, &item) == 0)
        n++;
    weft_chan_destroy(c);
    return n;
}

static bool fail_alloc(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

TASK_TEST(select, the_ready_one_of_several_channels_is_received_from)
{
    weft_chan *chans[8];
    int item;

    (void)arg;
    for (int i = 0; i < 8; i++)
        chans[i] = make(1);
    for (int turn = 0; turn < 64; turn++) {
        weft_case cases[8];
        int which = turn * 5 % 8;

        for (int i = 0; i < 8; i++)
            cases[i] = WEFT_RECV(chans[i], &item);
        CHECK_OK(weft_chan_send(chans[which], &turn));
        item = -1;
        CHECK_EQ(weft_select(cases, 8), which);
        CHECK_EQ(item, turn);
        CHECK_OK(cases[which].result);
    }
    for (int i = 0; i < 8; i++)
        CHECK_EQ(drain(chans[i]), 0);
    return 0;
}

TASK_TEST(select, the_one_with_room_is_sent_to)
{
    weft_chan *full = make_with(2, 2), *room = make_with(2, 1);
    int item = 7;
    weft_case cases[] = {WEFT_SEND(full, &item), WEFT_SEND(room, &item)};

    (void)arg;
    CHECK_EQ(weft_select(cases, 2), 1);
    CHECK_OK(cases[1].result);
    CHECK_EQ(drain(full), 2);
    CHECK_OK(weft_chan_recv(room, &item));
    CHECK_EQ(item, 0);
    CHECK_OK(weft_chan_recv(room, &item));
    CHECK_EQ(item, 7);
    CHECK_EQ(drain(room), 0);
    return 0;
}

TASK_TEST(select, of_several_that_can_happen_exactly_one_does)
{
    (void)arg;
    for (int turn = 0; turn < 100; turn++) {
        weft_chan *in[2] = {make_with(3, 2), make_with(3, 2)}, *out[2] = {make_with(3, 1), make_with(3, 1)};
        int items[2] = {-1, -1}, item = 9, happened;
        weft_case cases[] = {WEFT_RECV(in[0], &items[0]), WEFT_RECV(in[1], &items[1]), WEFT_SEND(out[0], &item),
                             WEFT_SEND(out[1], &item)};

        for (int i = 0; i < 4; i++)
            cases[i].result = 1;
        happened = weft_select(cases, 4);
        CHECK_GE(happened, 0);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(cases[i].result, i != happened);
        for (int i = 0; i < 2; i++) {
            CHECK_EQ(items[i], happened == i ? 0 : -1);
            CHECK_EQ(drain(in[i]), happened == i ? 1 : 2);
            CHECK_EQ(drain(out[i]), happened == 2 + i ? 2 : 1);
        }
    }
    return 0;
}

/* Each of four, among them the first and the last case, is chosen in a quarter of N trials, give or take. The count is binomial: by Hoeffding's inequality it is off by more than
 * N/25 with a chance below 2 exp(-2 N / 625), which is 10^-13 for N = 10,000; for all four below 10^-12. */
TASK_TEST(select, those_that_can_happen_are_chosen_with_the_same_chance)
{
    enum { N = 10000 };
    weft_chan *full = make_with(1, 1), *room = make(1), *closed = make(1), *never = make(1);
    int counts[6] = {0}, item, mine = 0;

    (void)arg;
    CHECK_OK(weft_chan_close(closed));
    for (int i = 0; i < N; i++) {
        weft_case cases[] = {WEFT_RECV(full, &item), WEFT_RECV(never, &item), WEFT_SEND(room, &mine),
                             WEFT_AFTER_MS(0),       WEFT_AT(WEFT_NEVER),     WEFT_RECV(closed, &item)};
        int happened = weft_select(cases, 6);

        CHECK_GE(happened, 0);
        counts[happened]++;
        if (happened == 0)
            CHECK_OK(weft_chan_try_send(full, &mine));
        else if (happened == 2)
            CHECK_OK(weft_chan_try_recv(room, &item));
        else if (happened == 5)
            CHECK_RC(cases[5].result, WEFT_ECLOSED);
    }
    for (int i = 0; i < 6; i++) {
        bool can = i != 1 && i != 4;

        CHECK_GE(counts[i], can ? N / 4 - N / 25 : 0);
        CHECK_LE(counts[i], can ? N / 4 + N / 25 : 0);
    }
    CHECK_EQ(drain(full), 1);
    CHECK_EQ(drain(room), 0);
    weft_chan_destroy(closed);
    weft_chan_destroy(never);
    return 0;
}

TASK_TEST(select, biased_takes_the_first_that_can_happen)
{
    weft_chan *urgent = make(1), *usual = make_with(200, 200);
    int item;

    (void)arg;
    for (int i = 0; i < 100; i++) {
        weft_case cases[] = {WEFT_RECV(urgent, &item), WEFT_RECV(usual, &item), WEFT_AFTER_MS(0)};

        if (i % 3 == 0)
            CHECK_OK(weft_chan_try_send(urgent, &i));
        CHECK_EQ(weft_select_biased(cases, 3), i % 3 == 0 ? 0 : 1);
    }
    weft_chan_destroy(urgent);
    weft_chan_destroy(usual);
    return 0;
}

TASK_TEST(select, the_default_happens_only_where_nothing_else_can)
{
    weft_chan *c = make(1);
    int item = -1, mine = 3;
    weft_case in[] = {WEFT_DEFAULT, WEFT_RECV(c, &item)}, out[] = {WEFT_SEND(c, &mine), WEFT_DEFAULT},
              alone[] = {WEFT_DEFAULT};

    (void)arg;
    for (int turn = 0; turn < 50; turn++) {
        bool biased = turn % 2;
        int (*sel)(weft_case *, size_t) = biased ? weft_select_biased : weft_select;

        CHECK_EQ(sel(in, 2), 0);
        CHECK_EQ(item, -1);
        CHECK_EQ(sel(out, 2), 0);
        CHECK_EQ(sel(out, 2), 1);
        CHECK_EQ(sel(in, 2), 1);
        CHECK_EQ(item, 3);
        CHECK_EQ(sel(alone, 1), 0);
        item = -1;
    }
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(select, a_closed_channel_happens_once_it_is_drained)
{
    weft_chan *c = make_with(2, 1);
    int item = -1;
    weft_case cases[] = {WEFT_RECV(c, &item)}, send[] = {WEFT_SEND(c, &item)};

    (void)arg;
    CHECK_OK(weft_chan_close(c));
    CHECK_EQ(weft_select(send, 1), 0);
    CHECK_RC(send[0].result, WEFT_ECLOSED);
    CHECK_EQ(weft_select(cases, 1), 0);
    CHECK_OK(cases[0].result);
    CHECK_EQ(item, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(weft_select(cases, 1), 0);
        CHECK_RC(cases[0].result, WEFT_ECLOSED);
    }
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(select, a_channel_without_bound_is_sent_to_for_as_long_as_there_is_memory)
{
    enum { N = 1000 };
    weft_chan *c = make(WEFT_UNBOUNDED);
    int i = 0, item;
    weft_case send[] = {WEFT_SEND(c, &i), WEFT_AT(WEFT_NEVER)}, recv[] = {WEFT_RECV(c, &item), WEFT_AT(WEFT_NEVER)};

    (void)arg;
    for (; i < N; i++)
        CHECK_EQ(weft_select(send, 2), 0);
    A_STORE(&weft__fault_hook, fail_alloc, relaxed);
    while (weft_select(send, 2) == 0 && send[0].result == 0)
        i++;
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_RC(send[0].result, WEFT_ENOMEM);
    for (int k = 0; k < i; k++) {
        CHECK_EQ(weft_select(recv, 2), 0);
        CHECK_EQ(item, k);
    }
    CHECK_EQ(drain(c), 0);
    return 0;
}

TASK_TEST(select, disabled_cases_never_happen)
{
    weft_chan *c = make_with(1, 1);
    int item = -1;
    weft_case cases[] = {
        WEFT_RECV(NULL, &item), WEFT_SEND(NULL, &item), WEFT_AT(WEFT_NEVER), WEFT_FD(-1, WEFT_READABLE), {0},
        WEFT_RECV(c, &item)};
    weft_scope *scope;

    (void)arg;
    CHECK_EQ(weft_select(cases, 6), 5);
    CHECK_EQ(item, 0);
    scope = weft_scope_open(weft_after_ms(5));
    CHECK_RC(weft_scope_close(scope, weft_select(cases, 5)), WEFT_ETIMEDOUT);
    scope = weft_scope_open(weft_after_ms(5));
    CHECK_RC(weft_scope_close(scope, weft_select(NULL, 0)), WEFT_ETIMEDOUT);
    weft_chan_destroy(c);
    return 0;
}

/* One in which nothing can happen but by itself does not give to itself, in whatever order. */
TASK_TEST(select, does_not_give_to_itself)
{
    weft_chan *c = make(0);
    int in = -1, out = 5;
    weft_case cases[] = {WEFT_RECV(c, &in), WEFT_SEND(c, &out), WEFT_RECV(c, &in), WEFT_SEND(c, &out), WEFT_DEFAULT};

    (void)arg;
    for (int i = 0; i < 20; i++)
        CHECK_EQ(weft_select(cases, 5), 4);
    for (int i = 0; i < 3; i++) {
        cases[4] = WEFT_AFTER_MS(1);
        CHECK_EQ(weft_select(cases, 5), 4);
    }
    CHECK_EQ(in, -1);
    CHECK_RC(weft_chan_try_recv(c, &in), WEFT_EEMPTY);
    CHECK_RC(weft_chan_try_send(c, &in), WEFT_EFULL);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(select, what_makes_no_sense_is_refused_and_nothing_happens)
{
    weft_chan *c = make_with(2, 1);
    int item = -1;
    weft_case ready = WEFT_RECV(c, &item);
    const weft_case bad[] = {{.kind = WEFT__CASE_KINDS},   {.kind = -1},  WEFT_RECV(c, NULL),
                             WEFT_SEND(c, NULL),           WEFT_FD(0, 0), WEFT_FD(0, 4),
                             WEFT_FD(0, WEFT_READABLE | 8)};

    (void)arg;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        weft_case cases[] = {ready, bad[i], WEFT_DEFAULT};

        CHECK_RC(weft_select(cases, 3), WEFT_EINVAL);
        CHECK_RC(weft_select_biased(cases, 3), WEFT_EINVAL);
    }
    weft_case twice[] = {ready, WEFT_DEFAULT, WEFT_DEFAULT};
    CHECK_RC(weft_select(twice, 3), WEFT_EINVAL);
    CHECK_RC(weft_select(twice, (size_t)INT_MAX + 1), WEFT_EINVAL);
    CHECK_RC(weft_select(twice, SIZE_MAX), WEFT_EINVAL);
    CHECK_EQ(drain(c), 1);
    return 0;
}

/* Sixteen need no memory, more do, and are refused without it. */
TASK_TEST(select, more_cases_than_fit_on_the_stack_take_memory)
{
    enum { N = 100 };
    weft_case cases[N];
    weft_chan *chans[N];
    int item = -1;

    (void)arg;
    for (int i = 0; i < N; i++) {
        chans[i] = make(1);
        cases[i] = WEFT_RECV(chans[i], &item);
    }
    for (int turn = 0; turn < 2 * N; turn++) {
        int which = turn * 7 % N;

        CHECK_OK(weft_chan_try_send(chans[which], &turn));
        CHECK_EQ(weft_select(cases, N), which);
        CHECK_EQ(item, turn);
    }
    CHECK_OK(weft_chan_try_send(chans[2], &item));
    A_STORE(&weft__fault_hook, fail_alloc, relaxed);
    int few = weft_select(cases, WEFT_SELECT_ON_STACK), many = weft_select(cases, WEFT_SELECT_ON_STACK + 1);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_EQ(few, 2);
    CHECK_RC(many, WEFT_ENOMEM);
    for (int i = 0; i < N; i++)
        weft_chan_destroy(chans[i]);
    return 0;
}

static void *select_outside(void *arg)
{
    weft_chan *c = arg;
    int item = -1, mine = 8;
    weft_case wait[] = {WEFT_RECV(c, &item)}, in[] = {WEFT_RECV(c, &item), WEFT_DEFAULT},
              out[] = {WEFT_DEFAULT, WEFT_SEND(c, &mine), WEFT_AT(WEFT_NEVER)},
              late[] = {WEFT_DEFAULT, WEFT_AFTER_MS(0)};

    CHECK_RC(weft_select(wait, 1), WEFT_ENOTASK);
    CHECK_RC(weft_select(NULL, 0), WEFT_ENOTASK);
    CHECK_EQ(weft_select(in, 2), 1);
    CHECK_EQ(weft_select(out, 3), 1);
    CHECK_EQ(weft_select(out, 3), 0);
    CHECK_EQ(weft_select(in, 2), 0);
    CHECK_EQ(item, 8);
    CHECK_EQ(weft_select(late, 2), 1);
    CHECK_RC(weft_select(wait, 1), WEFT_ENOTASK);
    return NULL;
}

WEFT_TEST(select, with_a_default_it_needs_no_task)
{
    weft_chan *c = make(1);
    pthread_t thread;

    select_outside(c);
    CHECK_OK(pthread_create(&thread, NULL, select_outside, c));
    CHECK_OK(pthread_join(thread, NULL));
    CHECK_EQ(drain(c), 0);
}

TASK_TEST(select, a_canceled_task_is_told_although_a_case_could_happen)
{
    weft_chan *c = make_with(1, 1);
    int item = -1;
    weft_case cases[] = {WEFT_RECV(c, &item), WEFT_DEFAULT};
    weft_scope *scope = weft_scope_open(WEFT_NEVER);

    (void)arg;
    CHECK_OK(weft_scope_cancel(scope));
    CHECK_RC(weft_select(cases, 1), WEFT_ECANCELED);
    CHECK_RC(weft_select(cases, 2), WEFT_ECANCELED);
    CHECK_RC(weft_select(NULL, 0), WEFT_ECANCELED);
    CHECK_OK(weft_scope_close(scope, 0));
    CHECK_EQ(item, -1);
    CHECK_EQ(drain(c), 1);
    return 0;
}
