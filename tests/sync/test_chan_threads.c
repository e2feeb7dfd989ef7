/* SPDX-License-Identifier: MIT */
/* Channels between tasks and threads that are none. */
#include <pthread.h>
#include <sched.h>

#include "tests/sync/sync.h"

enum { FOREIGN = 3 };

struct foreign {
    weft_chan *chan;
    int first, count;
    long long sum;
};

static void *send_from_outside(void *arg)
{
    struct foreign *f = arg;

    for (int i = f->first; i < f->first + f->count; i++) {
        int rc;
        while ((rc = weft_chan_try_send(f->chan, &i)) == WEFT_EFULL)
            sched_yield();
        CHECK_OK(rc);
    }
    return NULL;
}

static void *receive_outside(void *arg)
{
    struct foreign *f = arg;
    int item, rc;

    while ((rc = weft_chan_try_recv(f->chan, &item)) != WEFT_ECLOSED) {
        if (rc == WEFT_EEMPTY) {
            sched_yield();
            continue;
        }
        CHECK_OK(rc);
        f->sum += item;
        f->count++;
    }
    return NULL;
}

TASK_TEST(chan_threads, threads_outside_send_to_tasks)
{
    (void)arg;
    const int each = SYNC_SCALE(300, 3000);
    weft_chan *c = weft_chan_create(sizeof(int), 4);
    CHECK_NOT_NULL(c);
    struct foreign f[FOREIGN];
    pthread_t threads[FOREIGN];
    int last[FOREIGN], item;

    for (int i = 0; i < FOREIGN; i++) {
        f[i] = (struct foreign){.chan = c, .first = i * each, .count = each};
        last[i] = i * each - 1;
        CHECK_OK(pthread_create(&threads[i], NULL, send_from_outside, &f[i]));
    }
    for (int i = 0; i < FOREIGN * each; i++) {
        CHECK_OK(weft_chan_recv(c, &item));
        /* In order from each sender. */
        CHECK_EQ(item, last[item / each] + 1);
        last[item / each] = item;
    }
    for (int i = 0; i < FOREIGN; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    CHECK_RC(weft_chan_try_recv(c, &item), WEFT_EEMPTY);
    weft_chan_destroy(c);
    return 0;
}

TASK_TEST(chan_threads, threads_outside_receive_from_tasks)
{
    (void)arg;
    const int n = SYNC_SCALE(1000, 10000);
    weft_chan *c = weft_chan_create(sizeof(int), 4);
    CHECK_NOT_NULL(c);
    struct foreign f[FOREIGN];
    pthread_t threads[FOREIGN];
    long long sum = 0, count = 0;

    for (int i = 0; i < FOREIGN; i++) {
        f[i] = (struct foreign){.chan = c};
        CHECK_OK(pthread_create(&threads[i], NULL, receive_outside, &f[i]));
    }
    for (int i = 0; i < n; i++)
        CHECK_OK(weft_chan_send(c, &i));
    CHECK_OK(weft_chan_close(c));
    for (int i = 0; i < FOREIGN; i++) {
        CHECK_OK(pthread_join(threads[i], NULL));
        sum += f[i].sum;
        count += f[i].count;
    }
    CHECK_EQ(count, n);
    CHECK_EQ(sum, (long long)n * (n - 1) / 2);
    weft_chan_destroy(c);
    return 0;
}

static void *close_from_outside(void *arg)
{
    CHECK_OK(weft_chan_close(arg));
    return NULL;
}

TASK_TEST(chan_threads, a_thread_outside_closes)
{
    (void)arg;
    weft_chan *c = weft_chan_create(sizeof(int), 1);
    CHECK_NOT_NULL(c);
    struct sync_call call = {.chan = c};
    weft_group *g = weft_group_open(NULL);
    pthread_t thread;

    sync_begin(g, sync_recv, &call);
    CHECK_OK(pthread_create(&thread, NULL, close_from_outside, c));
    CHECK_OK(weft_group_wait(g));
    CHECK_RC(call.result, WEFT_ECLOSED);
    CHECK_OK(pthread_join(thread, NULL));
    weft_group_close(g);
    weft_chan_destroy(c);
    return 0;
}
