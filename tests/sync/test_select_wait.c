/* SPDX-License-Identifier: MIT */
/* Select over channels and times, where it has to wait: what ends the wait, and what it leaves behind. */
#include "tests/sync/selects.h"
#include "tests/sync/sync.h"

static weft_chan *make(size_t capacity)
{
    weft_chan *c = weft_chan_create(sizeof(int), capacity);

    CHECK_NOT_NULL(c);
    return c;
}

TASK_TEST(select_wait, an_item_that_comes_ends_it)
{
    (void)arg;
    for (size_t capacity = 0; capacity < 3; capacity++)
        for (int which = 0; which < 3; which++) {
            weft_chan *chans[3] = {make(capacity), make(capacity), make(capacity)};
            weft_group *g = weft_group_open(NULL);
            int items[3] = {-1, -1, -1};
            struct selecting s = {.n = 3};

            for (int i = 0; i < 3; i++)
                s.cases[i] = WEFT_RECV(chans[i], &items[i]);
            selects_begin(g, &s);
            CHECK_OK(weft_chan_try_send(chans[which], &which)); /* goes to it, whatever the capacity */
            CHECK_OK(weft_group_wait(g));
            weft_group_close(g);
            CHECK_EQ(s.happened, which);
            CHECK_OK(s.cases[which].result);
            for (int i = 0; i < 3; i++) {
                CHECK_EQ(items[i], i == which ? which : -1);
                if (capacity == 0) /* nobody is left in any queue */
                    CHECK_RC(weft_chan_try_send(chans[i], &which), WEFT_EFULL);
                weft_chan_destroy(chans[i]);
            }
        }
    return 0;
}

TASK_TEST(select_wait, room_that_comes_ends_it)
{
    (void)arg;
    for (size_t capacity = 0; capacity < 3; capacity++)
        for (int which = 0; which < 2; which++) {
            weft_chan *chans[2] = {make(capacity), make(capacity)};
            weft_group *g = weft_group_open(NULL);
            int mine[2] = {100, 101}, item = 0, got = -1;
            struct selecting s = {.n = 2, .cases = {WEFT_SEND(chans[0], &mine[0]), WEFT_SEND(chans[1], &mine[1])}};

            for (int i = 0; i < 2; i++)
                while (weft_chan_try_send(chans[i], &item) == 0)
                    continue;
            selects_begin(g, &s);
            for (size_t i = 0; i <= capacity; i++) {
                CHECK_OK(weft_chan_try_recv(chans[which], &got));
                CHECK_EQ(got, i == capacity ? 100 + which : 0);
            }
            CHECK_RC(weft_chan_try_recv(chans[which], &got), WEFT_EEMPTY);
            CHECK_OK(weft_group_wait(g));
            weft_group_close(g);
            CHECK_EQ(s.happened, which);
            CHECK_OK(s.cases[which].result);
            for (size_t i = 0; i < capacity; i++) {
                CHECK_OK(weft_chan_try_recv(chans[!which], &got));
                CHECK_EQ(got, 0);
            }
            CHECK_RC(weft_chan_try_recv(chans[!which], &got), WEFT_EEMPTY);
            weft_chan_destroy(chans[0]);
            weft_chan_destroy(chans[1]);
        }
    return 0;
}

TASK_TEST(select_wait, closing_a_channel_ends_it_with_that_case)
{
    (void)arg;
    for (int which = 0; which < 2; which++) {
        weft_chan *in = make(0), *out = make(0);
        weft_group *g = weft_group_open(NULL);
        int item = -1, mine = 1;
        struct selecting s = {.n = 2, .cases = {WEFT_RECV(in, &item), WEFT_SEND(out, &mine)}};

        selects_begin(g, &s);
        CHECK_OK(weft_chan_close(which == 0 ? in : out));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_EQ(s.happened, which);
        CHECK_RC(s.cases[which].result, WEFT_ECLOSED);
        CHECK_EQ(item, -1);
        CHECK_RC(weft_chan_try_recv(out, &item), which == 0 ? WEFT_EEMPTY : WEFT_ECLOSED);
        weft_chan_destroy(in);
        weft_chan_destroy(out);
    }
    return 0;
}

TASK_TEST(select_wait, the_earliest_time_ends_it)
{
    weft_chan *c = make(0);
    int item;
    weft_time start = weft_now();
    weft_case cases[] = {WEFT_RECV(c, &item), WEFT_AFTER_MS(60000), WEFT_AFTER_MS(3), WEFT_AFTER_MS(50000)};

    (void)arg;
    cases[2].result = 1;
    CHECK_EQ(weft_select(cases, 4), 2);
    CHECK_OK(cases[2].result);
    CHECK_GE(weft_now() - start, 3000000);
    CHECK_RC(weft_chan_try_send(c, &item), WEFT_EFULL);
    /* It has passed, so the same cases happen again at once. */
    CHECK_EQ(weft_select(cases, 4), 2);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(select_wait, a_deadline_of_the_scope_ends_it_and_leaves_nothing)
{
    weft_chan *in = make(0), *out = make(0);
    int item = -1, mine = 4;
    weft_case cases[] = {WEFT_RECV(in, &item), WEFT_SEND(out, &mine), WEFT_AFTER_MS(60000)};

    (void)arg;
    for (int i = 0; i < 10; i++) {
        weft_scope *scope = weft_scope_open(weft_after_ms(2));

        CHECK_RC(weft_scope_close(scope, weft_select(cases, 3)), WEFT_ETIMEDOUT);
    }
    CHECK_EQ(item, -1);
    CHECK_RC(weft_chan_try_send(in, &mine), WEFT_EFULL);
    CHECK_RC(weft_chan_try_recv(out, &item), WEFT_EEMPTY);
    weft_chan_destroy(in);
    weft_chan_destroy(out);
    return 0;
}

TASK_TEST(select_wait, one_of_several_waiters_is_canceled_and_strands_no_other)
{
    weft_chan *c = make(0), *other = make(0);
    weft_group *second = weft_group_open(NULL), *first = weft_group_open(NULL);
    int items[2] = {-1, -1};
    struct selecting s[2];

    (void)arg;
    for (int i = 0; i < 2; i++) {
        s[i] = (struct selecting){.n = 2, .cases = {WEFT_RECV(other, &items[i]), WEFT_RECV(c, &items[i])}};
        selects_begin(i == 0 ? first : second, &s[i]);
    }
    CHECK_OK(weft_group_cancel(first));
    CHECK_OK(weft_chan_try_send(c, &(int){6})); /* whether the first has left already or not */
    CHECK_OK(weft_group_wait(first));
    weft_group_close(first);
    CHECK_OK(weft_group_wait(second));
    weft_group_close(second);
    CHECK_RC(s[0].happened, WEFT_ECANCELED);
    CHECK_EQ(items[0], -1);
    CHECK_EQ(s[1].happened, 1);
    CHECK_EQ(items[1], 6);
    CHECK_OK(weft_chan_destroy(c));
    CHECK_OK(weft_chan_destroy(other));
    return 0;
}

TASK_TEST(select_wait, what_was_granted_before_a_cancellation_is_returned)
{
    weft_chan *c = make(0), *other = make(0);
    weft_group *g = weft_group_open(NULL);
    int item = -1;
    struct selecting s = {.n = 2, .cases = {WEFT_RECV(other, &item), WEFT_RECV(c, &item)}};

    (void)arg;
    selects_begin(g, &s);
    CHECK_OK(weft_chan_try_send(c, &(int){12}));
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(s.happened, 1);
    CHECK_OK(s.cases[1].result);
    CHECK_EQ(item, 12);
    weft_chan_destroy(c);
    weft_chan_destroy(other);
    return 0;
}

/* Waiters of a channel are served in order, selects among them. */
TASK_TEST(select_wait, it_stands_in_the_queue_where_it_came)
{
    enum { N = 6 };
    weft_chan *c = make(0), *other = make(0);
    weft_group *g = weft_group_open(NULL);
    struct selecting selects[N / 2];
    struct sync_call calls[N / 2];
    int items[N / 2];

    (void)arg;
    for (int i = 0; i < N / 2; i++) {
        calls[i] = (struct sync_call){.chan = c, .item = -1};
        sync_begin(g, sync_recv, &calls[i]);
        selects[i] = (struct selecting){.n = 2, .cases = {WEFT_RECV(other, &items[i]), WEFT_RECV(c, &items[i])}};
        selects_begin(g, &selects[i]);
    }
    for (int i = 0; i < N; i++)
        CHECK_OK(weft_chan_try_send(c, &i));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < N / 2; i++) {
        CHECK_EQ(calls[i].item, 2 * i);
        CHECK_EQ(selects[i].happened, 1);
        CHECK_EQ(items[i], 2 * i + 1);
    }
    weft_chan_destroy(c);
    weft_chan_destroy(other);
    return 0;
}

TASK_TEST(select_wait, the_same_channel_in_several_cases_happens_once)
{
    weft_chan *c = make(0);
    weft_group *g = weft_group_open(NULL);
    int items[4] = {-1, -1, -1, -1}, mine[2] = {20, 21}, item;
    struct selecting s = {
        .n = 4,
        .cases = {WEFT_RECV(c, &items[0]), WEFT_SEND(c, &mine[0]), WEFT_RECV(c, &items[1]), WEFT_SEND(c, &mine[1])}};

    (void)arg;
    selects_begin(g, &s);
    CHECK_OK(weft_chan_send(c, &(int){5}));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(s.happened % 2, 0);
    CHECK_EQ(items[s.happened / 2], 5);
    CHECK_EQ(items[1 - s.happened / 2], -1);

    selects_begin(g, &s);
    CHECK_OK(weft_chan_recv(c, &item));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(s.happened % 2, 1);
    CHECK_EQ(item, mine[s.happened / 2]);
    weft_group_close(g);
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    CHECK_RC(weft_chan_try_send(c, &item), WEFT_EFULL);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(select_wait, two_selects_meet)
{
    weft_chan *a = make(0), *b = make(0);
    int in[2] = {-1, -1}, out[2] = {30, 31};

    (void)arg;
    for (int turn = 0; turn < 10; turn++) {
        weft_group *g = weft_group_open(NULL);
        struct selecting s = {.n = 2, .cases = {WEFT_SEND(a, &out[0]), WEFT_RECV(b, &in[0])}};
        weft_case cases[] = {WEFT_SEND(b, &out[1]), WEFT_RECV(a, &in[1])};
        int happened;

        selects_begin(g, &s);
        happened = weft_select(cases, 2);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        /* The other half of it. */
        CHECK_EQ(s.happened, 1 - happened);
        if (happened == 0)
            CHECK_EQ(in[0], 31);
        else
            CHECK_EQ(in[1], 30);
    }
    weft_chan_destroy(a);
    weft_chan_destroy(b);
    return 0;
}

/* More cases than fit on the stack, by channels in no order of their addresses. */
TASK_TEST(select_wait, many_cases_are_waited_for)
{
    enum { N = 70 };
    weft_chan *chans[N];
    weft_case cases[N + 1];
    int item = -1;

    (void)arg;
    for (int i = 0; i < N; i++)
        chans[i * 37 % N] = make(0);
    for (int which = 0; which < N; which += 23) {
        weft_group *g = weft_group_open(NULL);
        struct sync_call call = {.chan = chans[which], .item = which};

        for (int i = 0; i < N; i++)
            cases[i] = WEFT_RECV(chans[i], &item);
        cases[N] = WEFT_AFTER_MS(60000);
        weft_spawn(g, sync_send, &call);
        CHECK_EQ(weft_select(cases, N + 1), which);
        CHECK_EQ(item, which);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    for (int i = 0; i < N; i++) {
        CHECK_RC(weft_chan_try_send(chans[i], &item), WEFT_EFULL);
        weft_chan_destroy(chans[i]);
    }
    return 0;
}

/* Who receives the one reply of a channel by a select may destroy the channel, while the sender is still on its way out. */
TASK_TEST(select_wait, the_channel_of_one_reply_is_destroyed_at_once)
{
    weft_chan *never = make(0);

    (void)arg;
    for (int i = 0; i < SYNC_SCALE(300, 3000); i++) {
        weft_group *g = weft_group_open(NULL);
        struct sync_call call = {.chan = make((size_t)i % 2), .item = i};
        int item = -1;
        weft_case cases[] = {WEFT_RECV(never, &item), WEFT_RECV(call.chan, &item)};

        weft_spawn(g, sync_send, &call);
        if (i % 3 == 0)
            CHECK_OK(weft_yield());
        CHECK_EQ(weft_select(cases, 2), 1);
        weft_chan_destroy(call.chan);
        CHECK_EQ(item, i);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_OK(call.result);
    }
    weft_chan_destroy(never);
    return 0;
}

/* The other way round: who has got the item that a select sends may destroy the channel while the select is still on its way out. */
TASK_TEST(select_wait, the_channel_of_one_item_sent_is_destroyed_at_once)
{
    weft_chan *never = make(0);

    (void)arg;
    for (int i = 0; i < SYNC_SCALE(300, 3000); i++) {
        weft_group *g = weft_group_open(NULL);
        weft_chan *c = make(0);
        int item = -1;
        struct selecting s = {.n = 2, .cases = {WEFT_SEND(c, &i), WEFT_RECV(never, &item)}};

        weft_spawn(g, selects, &s);
        if (i % 3 == 0)
            CHECK_OK(weft_yield());
        CHECK_OK(weft_chan_recv(c, &item));
        CHECK_OK(weft_chan_destroy(c));
        CHECK_EQ(item, i);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_EQ(s.happened, 0);
        CHECK_OK(s.cases[0].result);
    }
    weft_chan_destroy(never);
    return 0;
}

TASK_TEST(select_wait, a_channel_that_one_waits_for_is_not_destroyed)
{
    weft_chan *c = make(0);
    weft_group *g = weft_group_open(NULL);
    int item;
    struct selecting s = {.n = 2, .cases = {WEFT_RECV(c, &item), WEFT_AT(WEFT_NEVER)}};

    (void)arg;
    selects_begin(g, &s);
    CHECK_RC(weft_chan_destroy(c), WEFT_EBUSY);
    CHECK_OK(weft_chan_close(c));
    CHECK_OK(weft_group_wait(g));
    CHECK_EQ(s.happened, 0);
    CHECK_RC(s.cases[0].result, WEFT_ECLOSED);
    weft_group_close(g);
    CHECK_OK(weft_chan_destroy(c));
    return 0;
}

TASK_TEST(select_wait, an_event_that_one_waits_for_is_not_ended)
{
    weft_event e = WEFT_EVENT_INIT;
    weft_group *g = weft_group_open(NULL);
    struct selecting s = {.n = 2, .cases = {WEFT_AT(WEFT_NEVER), WEFT_EVENT(&e)}};

    (void)arg;
    selects_begin(g, &s);
    CHECK_RC(weft_event_fini(&e), WEFT_EBUSY);
    weft_event_set(&e);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(s.happened, 1);
    CHECK_OK(s.cases[1].result);
    CHECK_OK(weft_event_fini(&e));
    return 0;
}
