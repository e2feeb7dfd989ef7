/* SPDX-License-Identifier: MIT */
#include "sched/lock.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/support/test.h"

enum { THREADS = 4, TURNS = TEST_TSAN ? 5000 : 50000 };

static struct weft__lock lock;
static long counter; /* guarded by the lock; TSan sees to it that the lock orders it */

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < TURNS; i++) {
        weft__lock(&lock);
        counter++;
        weft__unlock(&lock);
    }
    return NULL;
}

WEFT_TEST(lock, lets_one_in_at_a_time)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, count, NULL));
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    CHECK_EQ(counter, (long)THREADS * TURNS);
    CHECK_EQ(A_LOAD(&lock.word, relaxed), 0);
}

WEFT_TEST(lock, free_one_is_zero_and_is_taken_without_waiting)
{
    struct weft__lock l = {0};

    weft__lock(&l);
    CHECK_EQ(A_LOAD(&l.word, relaxed), 1);
    weft__unlock(&l);
    CHECK_EQ(A_LOAD(&l.word, relaxed), 0);
}

static atomic_int through;

static void *enter(void *arg)
{
    (void)arg;
    weft__lock(&lock);
    atomic_fetch_add(&through, 1);
    weft__unlock(&lock);
    return NULL;
}

WEFT_TEST(lock, every_sleeper_gets_in_after_the_holder)
{
    pthread_t threads[THREADS];

    weft__lock(&lock);
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_create(&threads[i], NULL, enter, NULL));
    /* 2 says that somebody has gone to sleep, or is about to. */
    while (A_LOAD(&lock.word, relaxed) != 2)
        sched_yield();
    (void)usleep(2000);
    CHECK_EQ(atomic_load(&through), 0);
    weft__unlock(&lock);
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    CHECK_EQ(atomic_load(&through), THREADS);
}
