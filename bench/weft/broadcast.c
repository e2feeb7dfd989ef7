/* SPDX-License-Identifier: MIT */
/* broadcast: the price of telling many tasks that wait. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "bench.h"

typedef struct broadcast_ctx {
    weft_broadcast *news;
    weft_chan *heard; /* by all: the sender may go on */
    weft_subscriber *subscribers;
    uint64_t count;
    uint64_t items;
    atomic_uint_fast64_t next, left;
} broadcast_ctx;

static int listener(void *p)
{
    broadcast_ctx *ctx = p;
    weft_subscriber *s = &ctx->subscribers[atomic_fetch_add(&ctx->next, 1)];

    for (uint64_t i = 0, items = ctx->items; i < items; i++) {
        uint64_t item = 0;
        bench_check(weft_broadcast_recv(s, &item, NULL), "broadcast");
        if (item != i)
            bench_die("broadcast", "wrong item");
        if (atomic_fetch_sub(&ctx->left, 1) == 1)
            bench_check(weft_chan_send(ctx->heard, &item), "broadcast");
    }
    return 0;
}

static void broadcast_batch(void *p, uint64_t iterations)
{
    broadcast_ctx *ctx = p;
    uint64_t heard;

    ctx->items = iterations;
    atomic_store(&ctx->next, 0);
    weft_group *g = weft_group_open(NULL);
    for (uint64_t i = 0; i < ctx->count; i++) {
        weft_subscribe(&ctx->subscribers[i], ctx->news);
        weft_spawn(g, listener, ctx);
    }
    for (uint64_t i = 0; i < iterations; i++) {
        atomic_store(&ctx->left, ctx->count);
        bench_check(weft_broadcast_send(ctx->news, &i), "broadcast");
        bench_check(weft_chan_recv(ctx->heard, &heard), "broadcast");
    }
    bench_check(weft_group_wait(g), "broadcast");
    weft_group_close(g);
}

int bench_broadcast(uint64_t n)
{
    double count = (double)n;
    broadcast_ctx ctx = {.news = weft_broadcast_create(sizeof(uint64_t), 16),
                         .heard = weft_chan_create(sizeof(uint64_t), 1),
                         .subscribers = calloc(n, sizeof *ctx.subscribers),
                         .count = n};

    if (ctx.news == NULL || ctx.heard == NULL || ctx.subscribers == NULL)
        bench_die("broadcast", weft_strerror(WEFT_ENOMEM));
    bench_run(&(bench_work){
        .name = "broadcast", .batch = broadcast_batch, .ctx = &ctx, .operations = count, .unit_ns = count});
    weft_broadcast_destroy(ctx.news);
    weft_chan_destroy(ctx.heard);
    free(ctx.subscribers);
    return 0;
}
