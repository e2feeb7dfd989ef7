/* SPDX-License-Identifier: MIT */
/* Selects over all kinds of cases at once, by tasks that are cancelled at any moment. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "tests/sync/sync.h"

enum { CHANNELS = 3, EVENTS = 2, SELECTORS = 8 };

struct mix {
    weft_chan *chans[CHANNELS];
    weft_event events[EVENTS];
    int pipes[SELECTORS][2]; /* each selector reads its own */
    _Atomic long long sent, received;
    _Atomic unsigned happened[WEFT__CASE_KINDS];
};

struct selector {
    struct mix *mix;
    unsigned index;
    uint32_t random;
};

static int end_soon(void *arg)
{
    (void)arg;
    /* Cancelled or not, it ends. */
    return weft_yield() == 0 ? weft_yield() : 0;
}

static weft_case random_case(struct selector *s, weft_task *t, int *in, const int *out)
{
    struct mix *m = s->mix;
    uint32_t r = sync_random(&s->random), which = r >> 8;

    switch (r % 8) {
    case 0:
    case 1:
        return WEFT_RECV(m->chans[which % CHANNELS], in);
    case 2:
    case 3:
        return WEFT_SEND(m->chans[which % CHANNELS], out);
    case 4:
        return WEFT_EVENT(&m->events[which % EVENTS]);
    case 5:
        return WEFT_FD(m->pipes[s->index][0], WEFT_READABLE);
    case 6:
        return t != NULL ? WEFT_JOIN(t) : WEFT_RECV(NULL, in);
    default:
        return WEFT_AT(weft_now() + which % 100000);
    }
}

/* One select: its index or code. */
static int select_once(struct selector *s, weft_task *t, int number)
{
    struct mix *m = s->mix;
    weft_case cases[8];
    int in[8] = {0}, happened;
    size_t n = 2 + sync_random(&s->random) % 7;
    char byte;

    for (size_t i = 0; i < n; i++)
        cases[i] = random_case(s, t, &in[i], &number);
    /* Something comes for certain. */
    cases[0] = WEFT_AT(weft_now() + sync_random(&s->random) % 200000);
    happened = sync_random(&s->random) % 4 ? weft_select(cases, n) : weft_select_biased(cases, n);
    for (size_t i = 0; i < n; i++)
        CHECK((int)i == happened || in[i] == 0);
    if (happened < 0) {
        CHECK_RC(happened, WEFT_ECANCELED);
        return happened;
    }
    m->happened[cases[happened].kind]++;
    switch (cases[happened].kind) {
    case WEFT__CASE_RECV:
        CHECK_OK(cases[happened].result);
        CHECK_GT(in[happened], 0);
        m->received += in[happened];
        break;
    case WEFT__CASE_SEND:
        CHECK_OK(cases[happened].result);
        m->sent += number;
        break;
    case WEFT__CASE_EVENT:
        CHECK_OK(cases[happened].result);
        weft_event_clear(cases[happened].source);
        break;
    case WEFT__CASE_JOIN:
        CHECK_EQ(weft_task_state(t), WEFT_TASK_DONE);
        CHECK(cases[happened].result == 0 || cases[happened].result == WEFT_ETASKCANCELED);
        break;
    case WEFT__CASE_FD:
        /* The second case of the same descriptor is told that the first is there. */
        if (cases[happened].result != WEFT_EBUSY) {
            CHECK_EQ(cases[happened].result, WEFT_READABLE);
            CHECK_EQ(read(m->pipes[s->index][0], &byte, 1), 1);
        }
        break;
    default:
        CHECK_OK(cases[happened].result);
    }
    return happened;
}

static int select_until_canceled(void *arg)
{
    struct selector *s = arg;
    weft_group *g = weft_group_open(NULL);

    for (int number = 1;; number++) {
        weft_task *t = number % 2 ? weft_spawn_task(g, end_soon, NULL, NULL) : NULL;
        int rc = select_once(s, t, number);

        weft_task_release(t);
        if (rc < 0)
            break;
        /* Noise for the others. */
        weft_event_set(&s->mix->events[number % EVENTS]);
        (void)!write(s->mix->pipes[(unsigned)number % SELECTORS][1], "x", 1);
    }
    weft_group_close(g);
    return 0;
}

static bool all_kinds_have_happened(struct mix *m)
{
    for (int kind = WEFT__CASE_RECV; kind < WEFT__CASE_KINDS; kind++)
        if (m->happened[kind] == 0)
            return false;
    return true;
}

TASK_TEST(stress_select_kinds, canceled_selects_lose_nothing_whatever_they_wait_for)
{
    struct mix m = {.sent = 0};
    struct selector selectors[SELECTORS];
    uint32_t random = 5;
    int left;

    (void)arg;
    for (size_t i = 0; i < CHANNELS; i++)
        CHECK_NOT_NULL(m.chans[i] = weft_chan_create(sizeof(int), i));
    for (unsigned i = 0; i < SELECTORS; i++) {
        CHECK_OK(pipe2(m.pipes[i], O_NONBLOCK | O_CLOEXEC));
        selectors[i] = (struct selector){.mix = &m, .index = i, .random = 31 + i};
    }
    for (int generation = 0; generation < SYNC_SCALE(30, 200) || !all_kinds_have_happened(&m); generation++) {
        weft_group *g = weft_group_open(NULL);

        for (unsigned i = 0; i < SELECTORS; i++)
            weft_spawn(g, select_until_canceled, &selectors[i]);
        CHECK_OK(weft_sleep_until(weft_now() + sync_random(&random) % 3000000));
        CHECK_OK(weft_group_cancel(g));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        for (size_t i = 0; i < EVENTS; i++)
            CHECK_OK(weft_event_fini(&m.events[i])); /* nobody is left in it */
    }
    for (size_t i = 0; i < CHANNELS; i++) {
        while (weft_chan_try_recv(m.chans[i], &left) == 0)
            m.received += left;
        CHECK_OK(weft_chan_destroy(m.chans[i]));
    }
    CHECK_EQ(m.sent, m.received);
    for (int i = 0; i < SELECTORS; i++) {
        CHECK_OK(close(m.pipes[i][0]));
        CHECK_OK(close(m.pipes[i][1]));
    }
    return 0;
}
