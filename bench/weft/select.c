/* SPDX-License-Identifier: MIT */
/* select: the first of several channels to have an item. */
#include "bench.h"

enum { SELECT_CHANNELS = 8 };

typedef struct select_ctx {
    weft_chan *chans[SELECT_CHANNELS];
    uint64_t items, sum;
} select_ctx;

static int select_send(void *p)
{
    const select_ctx *ctx = p;

    for (uint64_t i = 0; i < ctx->items; i++)
        bench_check(weft_chan_send(ctx->chans[i % SELECT_CHANNELS], &i), "select");
    return 0;
}

static int select_receive(void *p)
{
    select_ctx *ctx = p;
    weft_case cases[SELECT_CHANNELS];
    uint64_t item = 0, sum = 0;

    for (int i = 0; i < SELECT_CHANNELS; i++)
        cases[i] = WEFT_RECV(ctx->chans[i], &item);
    for (uint64_t i = 0; i < ctx->items; i++) {
        int happened = weft_select(cases, SELECT_CHANNELS);

        bench_check(happened, "select");
        bench_check(cases[happened].result, "select");
        sum += item;
    }
    ctx->sum = sum;
    return 0;
}

static void select_batch(void *p, uint64_t iterations)
{
    select_ctx *ctx = p;
    weft_group *g = weft_group_open(NULL);

    ctx->items = iterations;
    weft_spawn(g, select_send, ctx);
    weft_spawn(g, select_receive, ctx);
    bench_check(weft_group_wait(g), "select");
    weft_group_close(g);
    if (iterations > 0 && ctx->sum != iterations * (iterations - 1) / 2)
        bench_die("select", "wrong sum");
}

int bench_select(uint64_t n)
{
    select_ctx ctx = {.items = 0};

    (void)n;
    for (int i = 0; i < SELECT_CHANNELS; i++)
        if ((ctx.chans[i] = weft_chan_create(sizeof(uint64_t), 1)) == NULL)
            bench_die("select", weft_strerror(WEFT_ENOMEM));
    bench_run(&(bench_work){.name = "select", .batch = select_batch, .ctx = &ctx, .operations = 1, .unit_ns = 1});
    for (int i = 0; i < SELECT_CHANNELS; i++)
        weft_chan_destroy(ctx.chans[i]);
    return 0;
}
