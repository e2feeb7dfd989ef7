/* SPDX-License-Identifier: MIT */
/* weft_block_in_place(): the task goes to another thread for a while, with all that lies on its stack. */
#include "sched/platform.h"

#include <pthread.h>
#include <string.h>

#include "tests/io/net.h"
#include "tests/sched/blocking.h"

struct place {
    pthread_t thread;
    const char *frame;
};

static __attribute__((noinline)) pthread_t this_thread(void)
{
    __asm__ volatile("");
    return pthread_self();
}

static int look_where(void *arg)
{
    struct place *p = arg;

    p->thread = this_thread();
    p->frame = __builtin_frame_address(0);
    return 5;
}

static int compare_places(void *arg)
{
    struct place here, in_place, beside;
    uint64_t id = weft_task_id();

    (void)arg;
    for (int i = 0; i < 10; i++) {
        (void)look_where(&here);
        CHECK_RC(weft_block_in_place(look_where, &in_place), 5);
        CHECK_RC(weft_blocking(look_where, &beside), 5);
        CHECK(!pthread_equal(in_place.thread, here.thread));
        CHECK_LT(labs(in_place.frame - here.frame), 16384);
        CHECK_GT(labs(beside.frame - here.frame), 16384);
        CHECK_EQ(weft_task_id(), id);
        CHECK_NOT_NULL(weft_runtime_current());
        CHECK_OK(weft_yield());
    }
    return 0;
}

WEFT_TEST(blocking_place, function_runs_on_the_stack_of_its_task_and_on_another_thread)
{
    CHECK_OK(test_run(compare_places, NULL));
}

static int block_in_place_at_gate(void *arg)
{
    char before[1000];

    memset(before, 'w', sizeof before);
    CHECK_RC(weft_block_in_place(pass_gate, arg), 7);
    for (size_t i = 0; i < sizeof before; i++)
        CHECK_EQ(before[i], 'w');
    return 0;
}

static int go_on_beside(void *arg)
{
    struct gate g = {0};
    weft_group *group = weft_group_open(NULL);
    atomic_int counted = 0;
    struct net_pair p;

    (void)arg;
    for (int i = 0; i < 20; i++)
        CHECK_OK(weft_spawn_with(group, block_in_place_at_gate, &g,
                                 &(weft_task_options){.stack_size = i % 3 == 0 ? 200000 : 0, .priority = i % 3 - 1}));
    while (atomic_load(&g.begun) < 20)
        CHECK_OK(weft_sleep_ms(1)); /* timers */
    p = net_pair();                 /* descriptors */
    net_carry(p.client, p.server, "warp and weft");
    net_close(&p);
    for (int i = 0; i < 100; i++) /* tasks */
        CHECK_OK(weft_spawn(group, count, &counted));
    yield_until(&counted, 100);
    open_gate(&g);
    CHECK_OK(weft_group_wait(group));
    weft_group_close(group);
    return 0;
}

WEFT_TEST(blocking_place, timers_descriptors_and_tasks_go_on_beside_it)
{
    CHECK_OK(test_run(go_on_beside, NULL));
}

/* Children that run above their parent's frames take these along. */
static int descend(void *arg)
{
    int depth = *(int *)arg, below = depth - 1;
    char mark[100];
    weft_group *g;

    memset(mark, depth, sizeof mark);
    CHECK_RC(weft_block_in_place(look_where, &(struct place){.frame = NULL}), 5);
    if (depth > 0) {
        g = weft_group_open(NULL);
        CHECK_OK(weft_spawn(g, descend, &below));
        CHECK_OK(weft_spawn(g, descend, &below));
        CHECK_OK(weft_group_wait(g));
        weft_group_close(g);
        CHECK_RC(weft_block_in_place(look_where, &(struct place){.frame = NULL}), 5);
    }
    for (size_t i = 0; i < sizeof mark; i++)
        CHECK_EQ(mark[i], depth);
    return 0;
}

WEFT_TEST(blocking_place, child_that_runs_above_its_parent_takes_it_along)
{
    int depth = TEST_TSAN ? 4 : 6;

    CHECK_OK(test_run(descend, &depth));
}

static int fork_and_block(void *arg)
{
    int depth = *(int *)arg, below = depth - 1;

    if (depth > 0)
        CHECK_OK(weft_join(fork_and_block, &below, fork_and_block, &below));
    CHECK_RC(weft_block_in_place(look_where, &(struct place){.frame = NULL}), 5);
    return 0;
}

WEFT_TEST(blocking_place, halves_of_a_join_block)
{
    int depth = TEST_TSAN ? 4 : 6;

    CHECK_OK(test_run(fork_and_block, &depth));
}

static int block_pinned(void *arg)
{
    pthread_t home = this_thread();

    CHECK_RC(weft_block_in_place(count, arg), WEFT_EINVAL);
    CHECK_EQ(atomic_load((atomic_int *)arg), 0);
    CHECK_OK(weft_blocking(count, arg));
    CHECK(pthread_equal(this_thread(), home));
    return 0;
}

static int spawn_pinned(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    CHECK_OK(weft_spawn_with(g, block_pinned, arg, &(weft_task_options){.pinned = true}));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(blocking_place, pinned_task_is_refused_and_calls_a_thread_instead)
{
    atomic_int ran = 0;

    CHECK_OK(test_run(spawn_pinned, &ran));
    CHECK_EQ(ran, 1);
}

static int fail(void *arg)
{
    (void)arg;
    return WEFT_EBROKEN;
}

static int fail_in_place(void *arg)
{
    (void)arg;
    return weft_block_in_place(fail, NULL);
}

static int wait_for_failed(void *arg)
{
    weft_group *g = weft_group_open(NULL);

    (void)arg;
    CHECK_OK(weft_spawn(g, fail_in_place, NULL));
    CHECK_RC(weft_spawn(g, sleep_forever, NULL), 0);
    CHECK_RC(weft_group_wait(g), WEFT_EBROKEN);
    weft_group_close(g);
    return 0;
}

WEFT_TEST(blocking_place, code_of_the_function_is_returned_to_the_task)
{
    CHECK_OK(test_run(wait_for_failed, NULL));
}

static bool no_mapping(enum weft__seam what)
{
    return what == WEFT__SEAM_MAP;
}

static int block_without_signal_stack(void *arg)
{
    A_STORE(&weft__fault_hook, no_mapping, relaxed);
    for (int i = 0; i < 3; i++)
        CHECK_OK(weft_block_in_place(count, arg));
    A_STORE(&weft__fault_hook, NULL, relaxed);
    return 0;
}

WEFT_TEST(blocking_place, thread_without_a_signal_stack_does_too)
{
    atomic_int ran = 0;

    CHECK_OK(test_run(block_without_signal_stack, &ran));
    CHECK_EQ(ran, 3);
}
