/* SPDX-License-Identifier: MIT */
#include "tests/sync/values.h"

struct seat {
    weft_watch *watch;
    weft_watch_reader reader;
};

static int wait_for(struct call *c)
{
    struct seat *s = c->on;

    return weft_watch_changed(s->watch, &s->reader, &c->item);
}

static struct call wait_on(struct seat *s)
{
    return (struct call){.fn = wait_for, .on = s, .item = -1};
}

static int static_place = 10;
static weft_watch static_watch = WEFT_WATCH_INIT(static_place);

TASK_TEST(watch, shows_the_latest_value)
{
    (void)arg;
    weft_watch_reader fresh = {{0}}, marked, copy;
    int item = -1;

    weft_watch_get(&static_watch, &item);
    CHECK_EQ(item, 10);
    weft_watch_mark_seen(&static_watch, &marked);
    CHECK_OK(weft_watch_changed(&static_watch, &fresh, &item)); /* the first value */
    CHECK_EQ(item, 10);
    CHECK_RC(weft_watch_try_changed(&static_watch, &fresh, &item), WEFT_EEMPTY);
    CHECK_RC(weft_watch_try_changed(&static_watch, &marked, &item), WEFT_EEMPTY);
    for (int i = 11; i <= 13; i++)
        CHECK_OK(weft_watch_send(&static_watch, &i));
    copy = fresh;
    CHECK_OK(weft_watch_changed(&static_watch, &fresh, &item));
    CHECK_EQ(item, 13);
    CHECK_RC(weft_watch_try_changed(&static_watch, &fresh, &item), WEFT_EEMPTY);
    CHECK_OK(weft_watch_try_changed(&static_watch, &marked, NULL));
    item = -1;
    CHECK_OK(weft_watch_try_changed(&static_watch, &copy, &item));
    CHECK_EQ(item, 13);
    CHECK_OK(weft_watch_fini(&static_watch));
    return 0;
}

TASK_TEST(watch, equal_value_is_a_new_version)
{
    (void)arg;
    int place = 1, item = 0;
    weft_watch w;
    weft_watch_reader r;

    weft_watch_init(&w, &place, sizeof place);
    weft_watch_mark_seen(&w, &r);
    CHECK_RC(weft_watch_send(&w, NULL), WEFT_EINVAL);
    CHECK_RC(weft_watch_try_changed(&w, &r, &item), WEFT_EEMPTY);
    CHECK_OK(weft_watch_send(&w, &(int){1}));
    CHECK_OK(weft_watch_try_changed(&w, &r, &item));
    CHECK_EQ(item, 1);
    CHECK_OK(weft_watch_fini(&w));
    return 0;
}

TASK_TEST(watch, send_wakes_all_that_wait)
{
    (void)arg;
    int place = 0;
    weft_watch w = WEFT_WATCH_INIT(place);
    struct seat seats[3];
    struct call calls[3];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++) {
        seats[i].watch = &w;
        weft_watch_mark_seen(&w, &seats[i].reader);
        calls[i] = wait_on(&seats[i]);
    }
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < 3; i++) {
            call_begin(g, &calls[i]);
            CHECK(!calls[i].done);
        }
        CHECK_RC(weft_watch_fini(&w), WEFT_EBUSY);
        CHECK_OK(weft_watch_send(&w, &round));
        CHECK_OK(weft_group_wait(g));
        for (int i = 0; i < 3; i++) {
            CHECK_OK(calls[i].result);
            CHECK_EQ(calls[i].item, round);
        }
    }
    weft_group_close(g);
    CHECK_OK(weft_watch_fini(&w));
    return 0;
}

TASK_TEST(watch, close_comes_after_the_last_value)
{
    (void)arg;
    int place = 0, item = -1;
    weft_watch w = WEFT_WATCH_INIT(place);
    struct seat seat = {.watch = &w};
    weft_watch_reader behind = {{0}};
    struct call call = wait_on(&seat);
    weft_group *g = weft_group_open(NULL);

    weft_watch_mark_seen(&w, &seat.reader);
    call_begin(g, &call);
    CHECK_OK(weft_watch_close(&w));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_RC(call.result, WEFT_ECLOSED);
    CHECK_RC(weft_watch_send(&w, &(int){1}), WEFT_ECLOSED);
    CHECK_RC(weft_watch_close(&w), WEFT_ECLOSED);
    CHECK_OK(weft_watch_changed(&w, &behind, &item));
    CHECK_EQ(item, 0);
    CHECK_RC(weft_watch_changed(&w, &behind, &item), WEFT_ECLOSED);
    CHECK_RC(weft_watch_try_changed(&w, &behind, &item), WEFT_ECLOSED);
    item = -1;
    weft_watch_get(&w, &item);
    CHECK_EQ(item, 0);
    CHECK_OK(weft_watch_fini(&w));
    return 0;
}

TASK_TEST(watch, of_zeroed_memory_has_versions_only)
{
    (void)arg;
    weft_watch w = {0};
    weft_watch_reader r = {{0}};

    CHECK_OK(weft_watch_changed(&w, &r, NULL));
    CHECK_RC(weft_watch_try_changed(&w, &r, NULL), WEFT_EEMPTY);
    CHECK_OK(weft_watch_send(&w, NULL));
    CHECK_OK(weft_watch_changed(&w, &r, NULL));
    CHECK_OK(weft_watch_fini(&w));
    CHECK_OK(weft_watch_fini(&(weft_watch){0}));
    return 0;
}

TASK_TEST(watch, reader_in_a_canceled_scope_sees_nothing)
{
    (void)arg;
    int place = 4;
    weft_watch w = WEFT_WATCH_INIT(place);
    struct seat seat = {.watch = &w};
    struct call call = wait_on(&seat);

    CHECK_RC(call_canceled(&call), WEFT_ECANCELED);
    CHECK_OK(wait_for(&call));
    CHECK_EQ(call.item, 4);
    CHECK_RC(call_canceled(&call), WEFT_ECANCELED);
    CHECK_OK(weft_watch_fini(&w));
    return 0;
}

TASK_TEST(watch, reader_that_is_canceled_leaves_the_others_alone_and_misses_nothing)
{
    (void)arg;
    int place = 0;
    weft_watch w = WEFT_WATCH_INIT(place);
    struct seat seats[3];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++) {
        seats[i].watch = &w;
        weft_watch_mark_seen(&w, &seats[i].reader);
    }
    struct three t = {wait_on(&seats[0]), wait_on(&seats[1]), wait_on(&seats[2])};
    three_begin(g, &t);
    CHECK_OK(weft_watch_send(&w, &(int){5}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(t.before.result);
    CHECK_OK(t.behind.result);
    CHECK_EQ(t.before.item + t.behind.item, 10);
    CHECK_EQ(t.canceled.item, -1);
    CHECK_OK(wait_for(&t.canceled));
    CHECK_EQ(t.canceled.item, 5);
    CHECK_OK(weft_watch_fini(&w));
    return 0;
}

TASK_TEST(watch, reader_that_was_woken_has_the_value_although_it_is_canceled)
{
    (void)arg;
    for (int i = 1; i < SYNC_SCALE(50, 300); i++) {
        int place = 0;
        weft_watch w = WEFT_WATCH_INIT(place);
        struct seat seat = {.watch = &w};
        struct call call = wait_on(&seat);
        weft_group *g = weft_group_open(NULL);

        weft_watch_mark_seen(&w, &seat.reader);
        weft_spawn(g, call_task, &call);
        while (weft_watch_fini(&w) != WEFT_EBUSY) /* it waits */
            CHECK_OK(weft_yield());
        CHECK_OK(weft_watch_send(&w, &i));
        weft_group_close(g);
        CHECK_OK(call.result);
        CHECK_EQ(call.item, i);
        CHECK_OK(weft_watch_fini(&w));
    }
    return 0;
}

TASK_TEST(watch, deadline_ends_a_wait)
{
    (void)arg;
    int place = 2;
    weft_watch w = WEFT_WATCH_INIT(place);
    struct seat seat = {.watch = &w};
    struct call call = wait_on(&seat);

    CHECK_OK(call_with_deadline(&call));
    CHECK_RC(call_with_deadline(&call), WEFT_ETIMEDOUT);
    CHECK_OK(weft_watch_fini(&w));
    return 0;
}

TASK_TEST(watch, plain_threads_wait_and_send)
{
    (void)arg;
    int place = 0;
    weft_watch w = WEFT_WATCH_INIT(place);
    struct seat seat = {.watch = &w};
    struct call call = wait_on(&seat);
    pthread_t thread;

    weft_watch_mark_seen(&w, &seat.reader);
    call_begin_thread(&thread, &call);
    CHECK(!call.done);
    CHECK_OK(weft_watch_send(&w, &(int){8}));
    call_end_thread(thread, &call);
    CHECK_OK(call.result);
    CHECK_EQ(call.item, 8);
    CHECK_OK(weft_watch_fini(&w));
    return 0;
}

TASK_TEST(watch, reader_that_is_shared_shows_each_version_to_one)
{
    (void)arg;
    int place = 0;
    weft_watch w = WEFT_WATCH_INIT(place);
    struct seat seat = {.watch = &w};
    struct call calls[2] = {wait_on(&seat), wait_on(&seat)};
    weft_group *g = weft_group_open(NULL);

    weft_watch_mark_seen(&w, &seat.reader);
    call_begin(g, &calls[0]);
    call_begin(g, &calls[1]);
    CHECK_OK(weft_watch_send(&w, &(int){1}));
    while (!calls[0].done && !calls[1].done)
        CHECK_OK(weft_yield());
    sync_settle();
    CHECK(!calls[0].done || !calls[1].done);
    CHECK_OK(weft_watch_send(&w, &(int){2}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(calls[0].result);
    CHECK_OK(calls[1].result);
    CHECK_EQ(calls[0].item + calls[1].item, 3);
    CHECK_OK(weft_watch_fini(&w));
    return 0;
}
