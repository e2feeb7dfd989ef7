/* SPDX-License-Identifier: MIT */
/* Programs as users write them: their look is part of what weft promises, so it is compiled, and what they do is checked. */
#include "tests/sync/sync.h"

enum { JOBS = 200, CONSUMERS = 3 };

struct job {
    int number;
};

/* A producer and consumers. */

struct work {
    weft_chan *jobs;
    weft_mutex lock;
    long sum;
};

static int consume(void *arg)
{
    struct work *work = arg;
    struct job job;
    int rc;

    while ((rc = weft_chan_recv(work->jobs, &job)) == 0) { /* WEFT_ECLOSED once it is closed and drained */
        if ((rc = weft_mutex_lock(&work->lock)) < 0)
            return rc;
        work->sum += job.number;
        CHECK_OK(weft_mutex_unlock(&work->lock));
    }
    return rc == WEFT_ECLOSED ? 0 : rc;
}

static int produce(void *arg)
{
    struct work *work = arg;
    int rc = 0;

    for (int i = 1; rc == 0 && i <= JOBS; i++)
        rc = weft_chan_send(work->jobs, &(struct job){i});
    CHECK_OK(weft_chan_close(work->jobs));
    return rc;
}

TASK_TEST(look, producer_and_consumers)
{
    struct work work = {weft_chan_create(sizeof(struct job), 64), WEFT_MUTEX_INIT, 0};

    (void)arg;
    CHECK_NOT_NULL(work.jobs);
    WEFT_GROUP(g, NULL)
    {
        weft_spawn(g, produce, &work);
        for (int i = 0; i < CONSUMERS; i++)
            weft_spawn(g, consume, &work);
        CHECK_OK(weft_group_wait(g));
    }
    CHECK_EQ(work.sum, JOBS * (JOBS + 1L) / 2);
    CHECK_OK(weft_mutex_fini(&work.lock));
    CHECK_OK(weft_chan_destroy(work.jobs));
    return 0;
}

/* The first of several things. */

struct reply {
    int code;
};

struct line {
    const char *text;
};

static int answer(void *replies)
{
    return weft_chan_send(replies, &(struct reply){200});
}

static int end(void *arg)
{
    (void)arg;
    return 7;
}

static const char *first_of(weft_chan *replies, weft_chan *log, weft_task *task)
{
    struct reply r;
    struct line line = {"waiting"};
    weft_case w[] = {WEFT_RECV(replies, &r), WEFT_SEND(log, &line), WEFT_AFTER_MS(1), WEFT_JOIN(task)};

    switch (weft_select(w, 4)) {
    case 0:
        return w[0].result == 0 && r.code == 200 ? "reply" : "no reply";
    case 1:
        return "logged";
    case 2:
        return "late";
    case 3:
        return w[3].result == 7 ? "ended" : "ended badly";
    default:
        return "canceled";
    }
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    return weft_sleep_ms(3600 * 1000);
}

TASK_TEST(look, first_of_several_things)
{
    weft_chan *replies = weft_chan_create(sizeof(struct reply), 0), *log = weft_chan_create(sizeof(struct line), 1);

    (void)arg;
    CHECK_NOT_NULL(replies);
    CHECK_NOT_NULL(log);
    WEFT_GROUP(g, NULL)
    {
        weft_task *other = weft_spawn_task(g, wait_for_ever, NULL, NULL), *task = weft_spawn_task(g, end, NULL, NULL);
        weft_chan_counts counts;

        CHECK_STR_EQ(first_of(replies, log, other), "logged"); /* the only one that can happen at once */
        CHECK_STR_EQ(first_of(replies, log, other), "late");   /* now the log is full, and nobody answers */
        CHECK_EQ(weft_task_join(task), 7);
        CHECK_STR_EQ(first_of(replies, log, task), "ended");
        weft_task_release(task);
        weft_spawn(g, answer, replies);
        for (weft_chan_stats(replies, &counts); counts.send_waits == 0; weft_chan_stats(replies, &counts))
            CHECK_OK(weft_yield());
        CHECK_STR_EQ(first_of(replies, log, other), "reply");
        CHECK_OK(weft_task_cancel(other));
        CHECK_OK(weft_group_wait(g));
        weft_task_release(other);
    }
    CHECK_OK(weft_chan_destroy(replies));
    CHECK_OK(weft_chan_destroy(log));
    return 0;
}
