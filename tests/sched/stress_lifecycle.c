/* SPDX-License-Identifier: MIT */
/* A thousand runtimes, one after another, leave nothing behind: not a thread, descriptor, mapping or byte. */
#include "tests/io/net.h"
#include "tests/sched/process.h"
#include "tests/sched/tasks.h"

/* A bit of everything: joins, timers, cancellation, channels, a connection, threads that block. */
static int send_one(void *arg)
{
    int item = 7;

    return weft_chan_send(arg, &item);
}

/* More calls than threads at once, so that some queue. */
static int block_a_bit(void *arg)
{
    (void)arg;
    CHECK_OK(weft_blocking(nothing, NULL));
    return weft_block_in_place(nothing, NULL);
}

static int use_everything(void *arg)
{
    weft_group *g = weft_group_open(&(weft_group_options){.deadline = weft_after_ms(FOREVER_MS)});
    weft_chan *c = weft_chan_create(sizeof(int), 1);
    struct net_pair p = net_pair();
    weft_group *block;
    weft_pool *pool;
    int item;

    (void)arg;
    for (int i = 0; i < 10; i++)
        CHECK_OK(weft_spawn(g, i % 2 == 0 ? nothing : sleep_forever, NULL));
    CHECK_OK(weft_spawn(g, send_one, c));
    CHECK_OK(weft_pool_create(&pool, &(weft_pool_options){.threads = 1}));
    CHECK_OK(weft_blocking_with(pool, nothing, NULL, NULL));
    weft_pool_destroy(pool);
    block = weft_group_open(NULL);
    for (int i = 0; i < 4; i++)
        CHECK_OK(weft_spawn(block, block_a_bit, NULL));
    CHECK_OK(weft_group_wait(block));
    weft_group_close(block);
    CHECK_OK(weft_chan_recv(c, &item));
    net_carry(p.client, p.server, "warp and weft");
    CHECK_OK(weft_sleep_until(weft_now() + 100000));
    weft_group_close(g);
    net_close(&p);
    weft_chan_destroy(c);
    return 0;
}

static void cycle(void)
{
    weft_runtime *rt;

    CHECK_OK(weft_runtime_create(&rt, &(weft_runtime_options){.workers = test_workers(), .blocking_threads = 2}));
    CHECK_NOT_NULL(rt);
    CHECK_OK(weft_runtime_run(rt, use_everything, NULL));
    weft_runtime_destroy(rt);
}

WEFT_TEST(stress_lifecycle, thousand_runtimes_leave_nothing_behind)
{
    enum { CYCLES = TEST_TSAN ? 50 : TEST_ASAN ? 200 : 1000, SETTLING = CYCLES / 10 };
    struct process_state first, settled, last;

    process_prepare();
    cycle();
    first = process_look();
    for (int i = 0; i < SETTLING; i++)
        cycle();
    settled = process_look();
    for (int i = SETTLING; i < CYCLES; i++)
        cycle();
    last = process_look();
    /* What one cycle leaves out of a thousand would be seen. */
    process_check(&first, &last, TEST_ASAN ? CYCLES : 32); /* its quarantine keeps what is freed for a while */
    process_check(&settled, &last, TEST_ASAN ? CYCLES : 0);
    /* malloc keeps chunks for the main thread, which count as used, and has all that it keeps after some cycles. */
    CHECK_LE(last.heap_bytes, settled.heap_bytes + 1024);
}
