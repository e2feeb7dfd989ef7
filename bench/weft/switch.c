/* SPDX-License-Identifier: MIT */
/* yield and pingpong: the price of giving way to another task, and of waking one. */
#include <stddef.h>

#include "bench.h"

typedef struct yield_ctx {
    uint64_t tasks;
    uint64_t turns; /* of each task */
} yield_ctx;

static int yielder(void *p)
{
    const yield_ctx *ctx = p;
    for (uint64_t i = 0, turns = ctx->turns; i < turns; i++)
        bench_check(weft_yield(), "yield");
    return 0;
}

static void yield_batch(void *p, uint64_t iterations)
{
    yield_ctx *ctx = p;
    ctx->turns = iterations;
    weft_group *g = weft_group_open(NULL);
    for (uint64_t i = 0; i < ctx->tasks; i++)
        weft_spawn(g, yielder, ctx);
    bench_check(weft_group_wait(g), "yield");
    weft_group_close(g);
}

int bench_yield(uint64_t n)
{
    yield_ctx ctx = {.tasks = n};
    double tasks = (double)n;
    bench_run(&(bench_work){.name = "yield", .batch = yield_batch, .ctx = &ctx, .operations = tasks, .unit_ns = tasks});
    return 0;
}

typedef struct pingpong_ctx {
    weft_chan *there, *back;
    uint64_t trips;
} pingpong_ctx;

static int ping(void *p)
{
    const pingpong_ctx *ctx = p;
    for (uint64_t i = 0, trips = ctx->trips; i < trips; i++) {
        uint64_t answer = 0;
        bench_check(weft_chan_send(ctx->there, &i), "pingpong");
        bench_check(weft_chan_recv(ctx->back, &answer), "pingpong");
        if (answer != i + 1)
            bench_die("pingpong", "wrong answer");
    }
    return 0;
}

static int pong(void *p)
{
    const pingpong_ctx *ctx = p;
    for (uint64_t i = 0, trips = ctx->trips; i < trips; i++) {
        uint64_t item;
        bench_check(weft_chan_recv(ctx->there, &item), "pingpong");
        item++;
        bench_check(weft_chan_send(ctx->back, &item), "pingpong");
    }
    return 0;
}

static void pingpong_batch(void *p, uint64_t iterations)
{
    pingpong_ctx *ctx = p;
    ctx->trips = iterations;
    weft_group *g = weft_group_open(NULL);
    weft_spawn(g, ping, ctx);
    weft_spawn(g, pong, ctx);
    bench_check(weft_group_wait(g), "pingpong");
    weft_group_close(g);
}

int bench_pingpong(uint64_t n)
{
    (void)n;
    pingpong_ctx ctx = {.there = weft_chan_create(sizeof(uint64_t), 1), .back = weft_chan_create(sizeof(uint64_t), 1)};
    if (ctx.there == NULL || ctx.back == NULL)
        bench_die("pingpong", weft_strerror(WEFT_ENOMEM));
    bench_run(&(bench_work){.name = "pingpong", .batch = pingpong_batch, .ctx = &ctx, .operations = 1, .unit_ns = 1});
    weft_chan_destroy(ctx.there);
    weft_chan_destroy(ctx.back);
    return 0;
}
