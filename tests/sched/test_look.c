/* SPDX-License-Identifier: MIT */
/* Programs as users write them: their look is part of what weft promises, so it is compiled, and what they do is checked. */
#include <stdio.h>
#include <string.h>

#include "tests/sched/tasks.h"

/* Fan out, at most 10 at once, the first error cancels the rest, a deadline for all. */

struct page {
    const char *url;
    size_t bytes;
};

static int fetch(void *arg)
{
    struct page *p = arg;
    int rc = weft_sleep_ms(1);

    if (rc < 0)
        return rc;
    if (strcmp(p->url, "/missing") == 0)
        return -404;
    p->bytes = strlen(p->url);
    return 0;
}

static int fetch_all(struct page *pages, int n, char *said, size_t size)
{
    weft_group *g = weft_group_open(&(weft_group_options){.limit = 10, .deadline = weft_after_ms(FOREVER_MS)});
    weft_error e;

    for (int i = 0; i < n; i++)
        weft_spawn_with(g, fetch, &pages[i], &(weft_task_options){.name = pages[i].url});
    int rc = weft_group_wait(g);
    for (size_t i = 0; weft_group_error(g, i, &e) == 0; i++)
        (void)snprintf(said, size, "%s: %d", e.task_name, e.code);
    weft_group_close(g);
    return rc;
}

static int fan_out(void *arg)
{
    struct page pages[30];
    char said[64] = "";

    (void)arg;
    for (int i = 0; i < 30; i++)
        pages[i] = (struct page){i % 2 == 0 ? "/users" : "/posts", 0};
    CHECK_OK(fetch_all(pages, 30, said, sizeof said));
    for (int i = 0; i < 30; i++)
        CHECK_EQ(pages[i].bytes, 6);
    CHECK_STR_EQ(said, "");
    pages[29].url = "/missing";
    CHECK_RC(fetch_all(pages, 30, said, sizeof said), -404);
    CHECK_STR_EQ(said, "/missing: -404");
    return 0;
}

WEFT_TEST(look, fan_out_with_a_limit_and_a_list_of_errors)
{
    CHECK_OK(test_run(fan_out, NULL));
}

/* The block form. */

struct conn {
    atomic_int open;
    bool shakes_hands;
};

static int use(void *arg)
{
    struct conn *c = arg;

    atomic_fetch_add(&c->open, 1);
    (void)weft_sleep_ms(FOREVER_MS);
    atomic_fetch_sub(&c->open, 1);
    return 0;
}

static int handshake(struct conn *c)
{
    yield_until(&c->open, 2);
    return c->shakes_hands ? 0 : -71;
}

static int both(struct conn *c)
{
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, use, c);
        weft_spawn(g, use, c);
        if (handshake(c) < 0)
            return -1;
    }
    return 0;
}

static int blocks(void *arg)
{
    struct conn c = {.shakes_hands = true};

    (void)arg;
    CHECK_OK(both(&c));
    CHECK_EQ(c.open, 0);
    c.shakes_hands = false;
    CHECK_EQ(both(&c), -1);
    CHECK_EQ(c.open, 0);
    return 0;
}

WEFT_TEST(look, block_form)
{
    CHECK_OK(test_run(blocks, NULL));
}

/* Blocking work, results, retry, race. */

struct db {
    int tries;
};

static int compress(void *arg)
{
    *(int *)arg = 1;
    pause_thread_ms(1); /* its thread, not a worker */
    return 0;
}

static int compute(void *arg)
{
    return *(int *)arg * 2;
}

static int connect_db(void *arg)
{
    struct db *db = arg;

    return ++db->tries < 3 ? -111 : 0;
}

static int primary(void *arg)
{
    (void)arg;
    return weft_sleep_ms(FOREVER_MS);
}

static int backup(void *arg)
{
    *(int *)arg = 5;
    return 0;
}

static int medley(void *arg)
{
    weft_group *g = weft_group_open(NULL);
    struct db db = {0};
    int job = 0, x = 21, a = 0, b = 0, rc;

    (void)arg;
    rc = weft_blocking(compress, &job);
    CHECK_OK(rc);
    CHECK_EQ(job, 1);

    weft_task *t =
        weft_spawn_task(g, compute, &x, &(weft_task_options){.name = "compute", .stack_size = (size_t)512 << 10});
    rc = weft_task_join(t);
    weft_task_release(t);
    CHECK_EQ(rc, 42);
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);

    rc = weft_retry(connect_db, &db, &(weft_retry_options){.times = 5, .first_ms = 1, .factor = 2, .jitter = true});
    CHECK_OK(rc);
    CHECK_EQ(db.tries, 3);

    rc = weft_race(2, (weft_fn[]){primary, backup}, (void *[]){&a, &b});
    CHECK_EQ(rc, 1);
    CHECK_EQ(b, 5);
    return 0;
}

WEFT_TEST(look, blocking_work_results_retry_and_race)
{
    CHECK_OK(test_run(medley, NULL));
}

/* Cleanup that must wait for something although the task is cancelled. */

static int say_goodbye(void *arg)
{
    weft_chan *c = arg;
    int rc = weft_sleep_ms(FOREVER_MS);

    weft_scope *s = weft_shield_open(weft_after_ms(FOREVER_MS));
    CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(weft_chan_send(c, &(int){77}));
    (void)weft_scope_close(s, 0);
    return rc;
}

static int shielded_cleanup(void *arg)
{
    weft_chan *c = weft_chan_create(sizeof(int), 1);
    weft_group *g = weft_group_open(NULL);
    int said = 0;

    (void)arg;
    CHECK_OK(weft_spawn(g, say_goodbye, c));
    CHECK_OK(weft_sleep_ms(1));
    CHECK_OK(weft_group_cancel(g));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_chan_try_recv(c, &said));
    CHECK_EQ(said, 77);
    weft_chan_destroy(c);
    return 0;
}

WEFT_TEST(look, shield_for_cleanup)
{
    CHECK_OK(test_run(shielded_cleanup, NULL));
}
