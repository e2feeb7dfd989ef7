/* SPDX-License-Identifier: MIT */
/* What is hardly meant is answered by a code, and named on stderr in debug mode, and only there. */
#include <string.h>

#include "tests/sched/process.h"
#include "tests/sync/values.h"

static int wait_for_future(struct call *c)
{
    return weft_future_wait(c->on, NULL);
}

static int wait_for_change(struct call *c)
{
    weft_watch_reader r;

    weft_watch_mark_seen(c->on, &r);
    return weft_watch_changed(c->on, &r, NULL);
}

static int wait_for_news(struct call *c)
{
    weft_subscriber s;

    weft_subscribe(&s, c->on);
    return weft_broadcast_recv(&s, &c->item, NULL);
}

static int wait_for_item(struct call *c)
{
    return weft_queue_get(c->on, &c->item);
}

static int open_nothing(void **resource, void *arg)
{
    *resource = arg;
    return 0;
}

static void close_nothing(void *resource, void *arg)
{
    (void)resource;
    (void)arg;
}

static int misuse_all(void *arg)
{
    weft_future f = {0};
    weft_watch w = {0};
    weft_broadcast *b = weft_broadcast_create(sizeof(int), 1);
    weft_queue *q = weft_queue_create(sizeof(int), NULL);
    weft_resource_pool *p =
        weft_resource_pool_create(&(weft_resource_pool_options){.open = open_nothing, .close = close_nothing});
    struct call calls[] = {{.fn = wait_for_future, .on = &f},
                           {.fn = wait_for_change, .on = &w},
                           {.fn = wait_for_news, .on = b},
                           {.fn = wait_for_item, .on = q}};
    void *resource;
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK(b != NULL && q != NULL && p != NULL);
    for (int i = 0; i < 4; i++)
        call_begin(g, &calls[i]);
    CHECK_OK(weft_resource_pool_acquire(p, &resource));
    CHECK_RC(weft_future_fini(&f), WEFT_EBUSY);
    CHECK_RC(weft_watch_fini(&w), WEFT_EBUSY);
    CHECK_RC(weft_broadcast_destroy(b), WEFT_EBUSY);
    CHECK_RC(weft_queue_destroy(q), WEFT_EBUSY);
    CHECK_RC(weft_queue_task_done(q), WEFT_EINVAL);
    CHECK_RC(weft_resource_pool_destroy(p), WEFT_EBUSY);
    CHECK_OK(weft_resource_pool_release(p, resource));
    CHECK_RC(weft_resource_pool_release(p, resource), WEFT_EINVAL);
    weft_group_close(g);
    CHECK_OK(weft_future_fini(&f));
    CHECK_OK(weft_watch_fini(&w));
    CHECK_OK(weft_broadcast_destroy(b));
    CHECK_OK(weft_queue_destroy(q));
    CHECK_OK(weft_resource_pool_destroy(p));
    return 0;
}

static void run_as(bool debug)
{
    CHECK_OK(weft_run_with(misuse_all, NULL, &(weft_runtime_options){.workers = test_workers(), .debug = debug}));
}

static void with_debug(void)
{
    run_as(true);
}

static void without_debug(void)
{
    run_as(false);
}

WEFT_TEST(values_misuse, is_named_in_debug_mode)
{
    static const char *const reports[] = {
        " ends a future that is waited for\n",
        " ends a watch that is waited for\n",
        " destroys a broadcast that is waited for\n",
        " destroys a queue that is waited for\n",
        " has done more items of a queue than were put\n",
        " destroys a resource pool that is in use\n",
        " gives a resource back to a pool of which none is out\n",
    };
    static char said[8192];
    const char *at = said;

    CHECK_EQ(process_listen(with_debug, said, sizeof said), 0);
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        at = strstr(at, reports[i]);
        if (at == NULL)
            FAIL("no report \"%s\" in its place in: %s", reports[i], said);
        at += strlen(reports[i]);
    }
    CHECK_STR_EQ(at, "");
    CHECK_EQ(process_listen(without_debug, said, sizeof said), 0);
    CHECK_STR_EQ(said, "");
}
