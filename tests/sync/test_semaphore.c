/* SPDX-License-Identifier: MIT */
/* Semaphores: permits, weights, the order of those who wait, and what is refused. */
#include <string.h>

#include "tests/sync/waits.h"

static int acquire(void *s, uint64_t n)
{
    return weft_semaphore_acquire_n(s, n);
}

WEFT_TEST(semaphore, the_try_forms_need_no_task)
{
    weft_semaphore s = WEFT_SEMAPHORE_INIT(3);

    CHECK_EQ(weft_semaphore_value(&s), 3);
    CHECK_OK(weft_semaphore_try_acquire(&s));
    CHECK_RC(weft_semaphore_try_acquire_n(&s, 3), WEFT_EBUSY);
    CHECK_OK(weft_semaphore_try_acquire_n(&s, 2));
    CHECK_EQ(weft_semaphore_value(&s), 0);
    CHECK_RC(weft_semaphore_try_acquire(&s), WEFT_EBUSY);
    CHECK_OK(weft_semaphore_try_acquire_n(&s, 0));
    CHECK_OK(weft_semaphore_release_n(&s, 5));
    CHECK_EQ(weft_semaphore_value(&s), 5);
    CHECK_OK(weft_semaphore_release_n(&s, 0));
    CHECK_EQ(weft_semaphore_value(&s), 5);
    /* A thread acquires what is there without being blocked. */
    CHECK_OK(weft_semaphore_acquire_n(&s, 5));
    CHECK_EQ(weft_semaphore_value(&s), 0);
    CHECK_OK(weft_semaphore_fini(&s));
}

static weft_semaphore at_once = WEFT_SEMAPHORE_INIT(1), bounded_at_once = WEFT_BOUNDED_SEMAPHORE_INIT(1);

WEFT_TEST(semaphore, is_initialised_statically_by_a_call_or_by_zeroes)
{
    weft_semaphore s;

    CHECK_OK(weft_semaphore_acquire(&at_once));
    CHECK_OK(weft_semaphore_acquire(&bounded_at_once));
    CHECK_OK(weft_semaphore_release(&bounded_at_once));
    CHECK_OK(weft_semaphore_fini(&bounded_at_once));

    memset(&s, 0, sizeof s);
    CHECK_OK(weft_semaphore_fini(&s));
    CHECK_RC(weft_semaphore_try_acquire(&s), WEFT_EBUSY);
    CHECK_OK(weft_semaphore_release_n(&s, WEFT_SEMAPHORE_MAX));
    CHECK_EQ(weft_semaphore_value(&s), WEFT_SEMAPHORE_MAX);

    memset(&s, 0xff, sizeof s);
    CHECK_OK(weft_semaphore_init(&s, 2));
    CHECK_EQ(weft_semaphore_value(&s), 2);
    CHECK_OK(weft_semaphore_release(&s));
    CHECK_EQ(weft_semaphore_value(&s), 3);
    CHECK_OK(weft_semaphore_fini(&s));

    memset(&s, 0xff, sizeof s);
    CHECK_OK(weft_bounded_semaphore_init(&s, 2));
    CHECK_EQ(weft_semaphore_value(&s), 2);
    CHECK_RC(weft_semaphore_release(&s), WEFT_EINVAL);
    CHECK_OK(weft_semaphore_fini(&s));
}

WEFT_TEST(semaphore, more_permits_than_there_can_be_are_refused)
{
    weft_semaphore s = WEFT_SEMAPHORE_INIT(1);

    CHECK_RC(weft_semaphore_init(&s, WEFT_SEMAPHORE_MAX + 1), WEFT_EINVAL);
    CHECK_RC(weft_bounded_semaphore_init(&s, UINT64_MAX), WEFT_EINVAL);
    CHECK_EQ(weft_semaphore_value(&s), 1);
    CHECK_RC(weft_semaphore_release_n(&s, WEFT_SEMAPHORE_MAX), WEFT_EINVAL);
    CHECK_RC(weft_semaphore_release_n(&s, UINT64_MAX), WEFT_EINVAL);
    CHECK_RC(weft_semaphore_release_n(&s, (UINT64_MAX >> 1) + 1), WEFT_EINVAL);
    CHECK_EQ(weft_semaphore_value(&s), 1);
    CHECK_OK(weft_semaphore_release_n(&s, WEFT_SEMAPHORE_MAX - 1));
    CHECK_RC(weft_semaphore_release(&s), WEFT_EINVAL);
    CHECK_EQ(weft_semaphore_value(&s), WEFT_SEMAPHORE_MAX);
    CHECK_RC(weft_semaphore_try_acquire_n(&s, WEFT_SEMAPHORE_MAX + 1), WEFT_EINVAL);
    CHECK_RC(weft_semaphore_acquire_n(&s, UINT64_MAX), WEFT_EINVAL);
    CHECK_OK(weft_semaphore_try_acquire_n(&s, WEFT_SEMAPHORE_MAX));
    CHECK_EQ(weft_semaphore_value(&s), 0);
    CHECK_OK(weft_semaphore_fini(&s));
}

WEFT_TEST(semaphore, a_bounded_one_takes_no_more_back_than_it_gave)
{
    weft_semaphore s = WEFT_BOUNDED_SEMAPHORE_INIT(3);

    CHECK_RC(weft_semaphore_release(&s), WEFT_EINVAL);
    CHECK_OK(weft_semaphore_try_acquire_n(&s, 2));
    CHECK_RC(weft_semaphore_release_n(&s, 3), WEFT_EINVAL);
    CHECK_EQ(weft_semaphore_value(&s), 1);
    CHECK_RC(weft_semaphore_fini(&s), WEFT_EBUSY);
    CHECK_OK(weft_semaphore_release(&s));
    CHECK_OK(weft_semaphore_release(&s));
    CHECK_RC(weft_semaphore_release(&s), WEFT_EINVAL);
    CHECK_EQ(weft_semaphore_value(&s), 3);
    CHECK_RC(weft_semaphore_try_acquire_n(&s, 4), WEFT_EINVAL);
    CHECK_RC(weft_semaphore_acquire_n(&s, 4), WEFT_EINVAL);
    CHECK_OK(weft_semaphore_acquire_n(&s, 3));
    CHECK_OK(weft_semaphore_release_n(&s, 3));
    CHECK_OK(weft_semaphore_fini(&s));

    weft_semaphore none = WEFT_BOUNDED_SEMAPHORE_INIT(0);
    CHECK_RC(weft_semaphore_acquire(&none), WEFT_EINVAL);
    CHECK_RC(weft_semaphore_release(&none), WEFT_EINVAL);
    CHECK_OK(weft_semaphore_fini(&none));
}

ONE_WORKER_TEST(semaphore, a_release_too_much_is_refused_while_others_wait_too)
{
    (void)arg;
    weft_semaphore s = WEFT_BOUNDED_SEMAPHORE_INIT(3);
    struct waits all = {.fn = acquire, .on = &s, .n = 3};
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_semaphore_acquire(&s));
    waits_begin(g, &all);
    CHECK_RC(weft_semaphore_release_n(&s, 2), WEFT_EINVAL);
    CHECK(!all.done);
    CHECK_EQ(weft_semaphore_value(&s), 2);
    CHECK_RC(weft_semaphore_fini(&s), WEFT_EBUSY);
    CHECK_OK(weft_semaphore_release(&s));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(all.result);
    CHECK_OK(weft_semaphore_release_n(&s, 3));
    weft_group_close(g);
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

ONE_WORKER_TEST(semaphore, waiters_are_served_in_their_order)
{
    enum { N = 8 };
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(0);
    _Atomic unsigned served = 0;
    struct waits calls[N];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < N; i++) {
        calls[i] = (struct waits){.fn = acquire, .on = &s, .n = 1, .served = &served};
        waits_begin(g, &calls[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        CHECK_EQ(served, i);
        CHECK_OK(weft_semaphore_release(&s));
        sync_settle();
    }
    CHECK_OK(weft_group_wait(g));
    for (unsigned i = 0; i < N; i++)
        CHECK_EQ(calls[i].rank, i);
    CHECK_EQ(weft_semaphore_value(&s), 0);
    weft_group_close(g);
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

ONE_WORKER_TEST(semaphore, nobody_overtakes_one_who_wants_much)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(2);
    struct waits much = {.fn = acquire, .on = &s, .n = 4}, little = {.fn = acquire, .on = &s, .n = 1},
                 nothing = {.fn = acquire, .on = &s, .n = 0};
    weft_group *g = weft_group_open(NULL);

    waits_begin(g, &much);
    waits_begin(g, &little);
    waits_begin(g, &nothing);
    CHECK_EQ(weft_semaphore_value(&s), 2);
    CHECK_RC(weft_semaphore_try_acquire(&s), WEFT_EBUSY);
    CHECK_RC(weft_semaphore_try_acquire_n(&s, 0), WEFT_EBUSY);
    CHECK_OK(weft_semaphore_release(&s));
    sync_settle();
    CHECK(!much.done && !little.done && !nothing.done);
    CHECK_EQ(weft_semaphore_value(&s), 3);
    CHECK_OK(weft_semaphore_release(&s));
    sync_settle();
    CHECK(much.done && !little.done && !nothing.done);
    CHECK_EQ(weft_semaphore_value(&s), 0);
    CHECK_OK(weft_semaphore_release_n(&s, 2));
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(much.result);
    CHECK_OK(little.result);
    CHECK_OK(nothing.result);
    CHECK_EQ(weft_semaphore_value(&s), 1);
    weft_group_close(g);
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

ONE_WORKER_TEST(semaphore, one_release_lets_several_go)
{
    enum { N = 5 };
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(0);
    struct waits calls[N];
    weft_group *g = weft_group_open(NULL);

    for (unsigned i = 0; i < N; i++) {
        calls[i] = (struct waits){.fn = acquire, .on = &s, .n = i};
        waits_begin(g, &calls[i]);
        CHECK_EQ(calls[i].done, i == 0);
    }
    CHECK_OK(weft_semaphore_release_n(&s, 1 + 2 + 3 + 1));
    sync_settle();
    CHECK(calls[3].done && !calls[4].done);
    CHECK_EQ(weft_semaphore_value(&s), 1);
    CHECK_OK(weft_semaphore_release_n(&s, 3));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

TASK_TEST(semaphore, lets_no_more_in_than_its_permits)
{
    enum { N = 40 };
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(3);
    struct waits calls[N];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < N; i++) {
        calls[i] = (struct waits){.fn = acquire, .on = &s, .n = 1};
        weft_spawn(g, waits_call, &calls[i]);
    }
    for (int in = 3; in <= N; in++) {
        int done;
        do {
            CHECK_OK(weft_yield());
            done = 0;
            for (int i = 0; i < N; i++)
                done += calls[i].done;
        } while (done < in);
        CHECK_EQ(done, in);
        CHECK_OK(weft_semaphore_release(&s));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    CHECK_EQ(weft_semaphore_value(&s), 1);
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

TASK_TEST(semaphore, threads_that_run_no_task_acquire_and_release)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(0);
    struct waits outside[2] = {{.fn = acquire, .on = &s, .n = 2}, {.fn = acquire, .on = &s, .n = 2}},
                 inside = {.fn = acquire, .on = &s, .n = 1};
    weft_group *g = weft_group_open(NULL);

    pthread_t first = waits_begin_thread(&outside[0]), second = waits_begin_thread(&outside[1]);
    waits_begin(g, &inside);
    CHECK(!outside[0].done && !outside[1].done && !inside.done);
    CHECK_OK(weft_semaphore_release_n(&s, 5));
    waits_end_thread(&outside[0], first);
    waits_end_thread(&outside[1], second);
    CHECK_OK(weft_group_wait(g));
    CHECK_OK(outside[0].result);
    CHECK_OK(outside[1].result);
    CHECK_OK(inside.result);
    CHECK_EQ(weft_semaphore_value(&s), 0);
    weft_group_close(g);
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}

static int release(void *s, uint64_t n)
{
    return weft_semaphore_release_n(s, n);
}

TASK_TEST(semaphore, a_thread_wakes_a_task)
{
    (void)arg;
    weft_semaphore s = WEFT_SEMAPHORE_INIT(0);

    for (int i = 0; i < 20; i++) {
        struct waits inside = {.fn = acquire, .on = &s, .n = 3}, outside = {.fn = release, .on = &s, .n = 3};
        weft_group *g = weft_group_open(NULL);

        waits_begin(g, &inside);
        pthread_t thread = waits_begin_thread(&outside);
        CHECK_OK(weft_group_wait(g));
        CHECK_OK(inside.result);
        waits_end_thread(&outside, thread);
        weft_group_close(g);
    }
    CHECK_OK(weft_semaphore_fini(&s));
    return 0;
}
