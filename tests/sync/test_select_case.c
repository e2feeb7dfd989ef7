/* SPDX-License-Identifier: MIT */
/* Select over tasks, events and times, alone and beside channels. */
#include "sched/platform.h"
#include "tests/sync/sync.h"

static int end_with(void *arg)
{
    return *(int *)arg;
}

static int end_on_set(void *arg)
{
    return weft_event_wait(arg);
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    return weft_sleep_until(WEFT_NEVER);
}

static int set_soon(void *arg)
{
    CHECK_OK(weft_sleep_ms(2));
    weft_event_set(arg);
    return 0;
}

TASK_TEST(select_case, the_end_of_a_task_happens_with_its_code)
{
    static int codes[] = {0, 7};
    weft_chan *never = weft_chan_create(1, 0);
    char item;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        weft_group *g = weft_group_open(NULL);
        weft_task *t = weft_spawn_task(g, end_with, &codes[i], NULL);
        weft_case cases[] = {WEFT_RECV(never, &item), WEFT_JOIN(t)};

        CHECK_EQ(weft_select(cases, 2), 1);
        CHECK_EQ(cases[1].result, codes[i]);
        cases[1].result = -1;
        CHECK_EQ(weft_select(cases, 2), 1); /* and again: it stays ended */
        CHECK_EQ(cases[1].result, codes[i]);
        weft_task_release(t);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    CHECK_OK(weft_chan_destroy(never));
    return 0;
}

TASK_TEST(select_case, the_end_of_a_task_ends_the_wait)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(50, 300); i++) {
        weft_event go = WEFT_EVENT_INIT, never = WEFT_EVENT_INIT;
        weft_group *g = weft_group_open(NULL);
        weft_task *t = weft_spawn_task(g, end_on_set, &go, NULL),
                  *other = weft_spawn_task(g, wait_for_ever, NULL, NULL);
        weft_case cases[] = {WEFT_JOIN(other), WEFT_JOIN(t), WEFT_EVENT(&never), WEFT_JOIN(t)};
        int happened;

        weft_spawn(g, set_soon, &go);
        happened = weft_select(cases, 4);
        CHECK(happened == 1 || happened == 3);
        CHECK_OK(cases[happened].result);
        CHECK_OK(weft_task_cancel(other));
        CHECK_EQ(weft_select(cases, 1), 0);
        CHECK_RC(cases[0].result, WEFT_ETASKCANCELED);
        weft_task_release(t);
        weft_task_release(other);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_OK(weft_event_fini(&go));
        CHECK_OK(weft_event_fini(&never));
    }
    return 0;
}

TASK_TEST(select_case, a_task_that_was_refused_has_ended)
{
    weft_case cases[] = {WEFT_JOIN(NULL), WEFT_AT(WEFT_NEVER)};

    (void)arg;
    CHECK_EQ(weft_select(cases, 2), 0);
    CHECK_RC(cases[0].result, WEFT_ENOMEM);
    return 0;
}

struct own_end {
    weft_task *task;
    weft_event known;
};

static int select_own_end(void *arg)
{
    struct own_end *own = arg;

    CHECK_OK(weft_event_wait(&own->known));
    weft_case cases[] = {WEFT_AFTER_MS(0), WEFT_JOIN(own->task), WEFT_DEFAULT};
    CHECK_RC(weft_select(cases, 2), WEFT_EDEADLK);
    CHECK_RC(weft_select_biased(cases, 3), WEFT_EDEADLK);
    return 0;
}

TASK_TEST(select_case, a_task_cannot_wait_for_its_own_end)
{
    weft_group *g = weft_group_open(NULL);
    struct own_end own = {.known = WEFT_EVENT_INIT};

    (void)arg;
    own.task = weft_spawn_task(g, select_own_end, &own, NULL);
    weft_event_set(&own.known);
    CHECK_OK(weft_task_join(own.task));
    weft_task_release(own.task);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

TASK_TEST(select_case, an_event_that_is_set_happens_and_one_that_is_not_ends_the_wait_when_it_is)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(50, 300); i++) {
        weft_event events[2] = {WEFT_EVENT_INIT, WEFT_EVENT_INIT};
        weft_case cases[] = {WEFT_EVENT(&events[0]), WEFT_EVENT(&events[1]), WEFT_EVENT(NULL), WEFT_DEFAULT};
        weft_group *g = weft_group_open(NULL);

        CHECK_EQ(weft_select(cases, 4), 3);
        weft_event_set(&events[i % 2]);
        CHECK_EQ(weft_select(cases, 4), i % 2);
        CHECK_EQ(weft_select(cases, 3), i % 2);
        CHECK_OK(cases[i % 2].result);
        weft_event_clear(&events[i % 2]);
        weft_spawn(g, set_soon, &events[i % 2]);
        CHECK_EQ(weft_select(cases, 3), i % 2);
        CHECK_OK(weft_event_fini(&events[0]));
        CHECK_OK(weft_event_fini(&events[1])); /* nobody is left in it */
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
    }
    return 0;
}

struct flash {
    weft_event event;
    _Atomic bool seen;
};

static int set_and_clear(void *arg)
{
    struct flash *f = arg;

    while (!f->seen) {
        CHECK_OK(weft_sleep_ms(1));
        weft_event_set(&f->event);
        weft_event_clear(&f->event);
    }
    return 0;
}

TASK_TEST(select_case, an_event_that_is_cleared_at_once_has_ended_the_wait)
{
    struct flash f = {.event = WEFT_EVENT_INIT};
    weft_event never = WEFT_EVENT_INIT;
    weft_group *g = weft_group_open(NULL);
    weft_case cases[] = {WEFT_EVENT(&never), WEFT_EVENT(&f.event)};

    (void)arg;
    weft_spawn(g, set_and_clear, &f);
    CHECK_EQ(weft_select(cases, 2), 1);
    f.seen = true;
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_event_fini(&f.event));
    CHECK_OK(weft_event_fini(&never));
    return 0;
}

TASK_TEST(select_case, a_deadline_leaves_no_task_event_or_time_behind)
{
    weft_event never = WEFT_EVENT_INIT;
    weft_group *g = weft_group_open(NULL);
    weft_task *t = weft_spawn_task(g, wait_for_ever, NULL, NULL);

    (void)arg;
    for (int i = 0; i < 10; i++) {
        weft_case cases[] = {WEFT_EVENT(&never), WEFT_JOIN(t), WEFT_AFTER_MS(100000), WEFT_EVENT(&never)};
        weft_scope *scope = weft_scope_open(weft_after_ms(1));

        CHECK_RC(weft_scope_close(scope, weft_select(cases, 4)), WEFT_ETIMEDOUT);
    }
    CHECK_OK(weft_event_fini(&never));
    CHECK_OK(weft_task_cancel(t));
    CHECK_RC(weft_task_join(t), WEFT_ETASKCANCELED);
    weft_task_release(t);
    weft_group_close(g);
    return 0;
}

struct rush {
    weft_chan *chan;
    weft_event *event;
    int result;
};

static int rush(void *arg)
{
    struct rush *r = arg;

    weft_event_set(r->event);
    r->result = weft_chan_try_send(r->chan, &(int){1});
    return 0;
}

TASK_TEST(select_case, of_a_task_an_event_and_a_channel_that_come_at_once_one_happens)
{
    (void)arg;
    for (int i = 0; i < SYNC_SCALE(200, 2000); i++) {
        weft_event e = WEFT_EVENT_INIT;
        struct rush r = {weft_chan_create(sizeof(int), 0), &e, 1};
        weft_group *g = weft_group_open(NULL);
        weft_task *t = weft_spawn_task(g, rush, &r, NULL);
        int item = 0, happened;
        weft_case cases[] = {WEFT_RECV(r.chan, &item), WEFT_EVENT(&e), WEFT_JOIN(t)};

        if (i % 2)
            CHECK_OK(weft_yield());
        happened = weft_select(cases, 3);
        CHECK_GE(happened, 0);
        CHECK_OK(cases[happened].result);
        CHECK_OK(weft_task_join(t));
        CHECK_EQ(item, happened == 0);
        CHECK_RC(r.result, happened == 0 ? 0 : WEFT_EFULL);
        weft_task_release(t);
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_OK(weft_event_fini(&e));
        CHECK_OK(weft_chan_destroy(r.chan));
    }
    return 0;
}

static bool fail_alloc(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

/* A heap of timers that is full needs memory for one more. */
TASK_TEST(select_case, no_memory_for_a_timer_ends_the_select_and_leaves_nothing)
{
    enum { N = 1100 };
    static weft_scope *scopes[N];
    weft_event never = WEFT_EVENT_INIT;
    weft_case cases[] = {WEFT_EVENT(&never), WEFT_AFTER_MS(1)};
    int opened = 0, rc = 0;

    (void)arg;
    /* Scopes with deadlines fill it up, until the next timer finds no room. */
    while (opened < N && rc != WEFT_ENOMEM) {
        CHECK_NOT_NULL(scopes[opened++] = weft_scope_open(weft_after_ms(100000)));
        cases[1] = WEFT_AFTER_MS(1);
        A_STORE(&weft__fault_hook, fail_alloc, relaxed);
        rc = weft_select(cases, 2);
        A_STORE(&weft__fault_hook, NULL, relaxed);
        CHECK(rc == 1 || rc == WEFT_ENOMEM);
    }
    CHECK_RC(rc, WEFT_ENOMEM);
    CHECK_OK(weft_event_fini(&never));
    while (opened > 0)
        CHECK_OK(weft_scope_close(scopes[--opened], 0));
    return 0;
}
