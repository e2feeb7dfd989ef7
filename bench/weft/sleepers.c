/* SPDX-License-Identifier: MIT */
/* sleepers: what a task that waits costs in memory, and how fast many of them can be started. */
#include <stdatomic.h>
#include <stddef.h>

#include "bench.h"

/* Far beyond the end of the case: none may wake before all have been counted. */
#define SLEEP_MS 86400000

typedef struct sleepers_ctx {
    uint64_t count;
    atomic_uint_fast64_t entered;
    weft_chan *all; /* told once, by the last task to enter its sleep */
} sleepers_ctx;

static int sleeper(void *p)
{
    sleepers_ctx *ctx = p;
    /* Relaxed: the channel orders the message after the count, and nothing else is published by it. */
    uint64_t entered = atomic_fetch_add_explicit(&ctx->entered, 1, memory_order_relaxed) + 1;
    if (entered == ctx->count)
        bench_check(weft_chan_try_send(ctx->all, &entered), "sleepers");
    return weft_sleep_ms(SLEEP_MS);
}

typedef struct sleepers_figures {
    bench_memory before, after;
    int64_t elapsed, cancel;
} sleepers_figures;

/* Starts all, waits until they sleep, ends them. Without `figures` nothing is read from the clock or the kernel. */
static void sleepers_round(sleepers_ctx *ctx, sleepers_figures *figures)
{
    int64_t start = 0;
    atomic_store_explicit(&ctx->entered, 0, memory_order_relaxed);
    if (figures != NULL) {
        figures->before = bench_memory_now();
        start = bench_now();
    }
    weft_group *g = weft_group_open(NULL);
    for (uint64_t i = 0; i < ctx->count; i++)
        bench_check(weft_spawn(g, sleeper, ctx), "sleepers: spawn");
    uint64_t entered;
    bench_check(weft_chan_recv(ctx->all, &entered), "sleepers");
    if (figures != NULL) {
        figures->elapsed = bench_now() - start;
        figures->after = bench_memory_now();
        start = bench_now();
    }
    /* Leaving early cancels the sleeps: the time that it takes is a figure of its own. */
    weft_group_close(g);
    if (figures != NULL)
        figures->cancel = bench_now() - start;
}

static void sleepers_batch(void *ctx, uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++)
        sleepers_round(ctx, NULL);
}

int bench_sleepers(uint64_t n)
{
    sleepers_ctx ctx = {.count = n, .all = weft_chan_create(sizeof(uint64_t), 1)};
    if (ctx.all == NULL)
        bench_die("sleepers", weft_strerror(WEFT_ENOMEM));
    if (bench_counted() > 0) {
        bench_run(&(bench_work){.name = "sleepers", .batch = sleepers_batch, .ctx = &ctx, .operations = (double)n});
    } else {
        sleepers_figures figures;
        sleepers_round(&ctx, &figures);
        bench_print("sleepers_cancel_seconds", (double)figures.cancel / BENCH_NS_PER_S);
        bench_print_sleepers(n, figures.before, figures.after, figures.elapsed);
    }
    weft_chan_destroy(ctx.all);
    return 0;
}
