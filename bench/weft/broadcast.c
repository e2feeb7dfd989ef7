/* SPDX-License-Identifier: MIT */
/* broadcast: the price of an item for each of those who get it. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "bench.h"

#define BROADCAST_CAPACITY 16

typedef struct broadcast_ctx {
    weft_broadcast *items;
    weft_subscriber *subscribers;
    weft_event all;
    uint64_t receivers, rounds;
    _Atomic uint64_t next, received, sum;
} broadcast_ctx;

static int receiver(void *p)
{
    broadcast_ctx *ctx = p;
    weft_subscriber *s = &ctx->subscribers[atomic_fetch_add_explicit(&ctx->next, 1, memory_order_relaxed)];
    uint64_t sum = 0;

    for (uint64_t round = 0, rounds = ctx->rounds; round < rounds; round++) {
        for (int i = 0; i < BROADCAST_CAPACITY; i++) {
            uint64_t item, lost;

            bench_check(weft_broadcast_recv(s, &item, &lost), "broadcast");
            sum += item;
        }
        if ((atomic_fetch_add_explicit(&ctx->received, 1, memory_order_relaxed) + 1) % ctx->receivers == 0)
            weft_event_set(&ctx->all);
    }
    atomic_fetch_add_explicit(&ctx->sum, sum, memory_order_relaxed);
    return 0;
}

/* The sender fills the buffer, waits until all have what it sent, and goes on: so nobody falls behind. */
static void broadcast_batch(void *p, uint64_t iterations)
{
    broadcast_ctx *ctx = p;
    weft_group *g = weft_group_open(NULL);
    uint64_t items = iterations * BROADCAST_CAPACITY;

    ctx->rounds = iterations;
    ctx->next = ctx->sum = 0;
    for (uint64_t i = 0; i < ctx->receivers; i++)
        weft_subscribe(&ctx->subscribers[i], ctx->items);
    for (uint64_t i = 0; i < ctx->receivers; i++)
        weft_spawn(g, receiver, ctx);
    for (uint64_t i = 0; i < items; i++) {
        bench_check(weft_broadcast_send(ctx->items, &i), "broadcast");
        if ((i + 1) % BROADCAST_CAPACITY == 0) {
            bench_check(weft_event_wait(&ctx->all), "broadcast");
            weft_event_clear(&ctx->all);
        }
    }
    bench_check(weft_group_wait(g), "broadcast");
    weft_group_close(g);
    if (ctx->sum != ctx->receivers * (items * (items - 1) / 2))
        bench_die("broadcast", "wrong sum");
}

int bench_broadcast(uint64_t n)
{
    broadcast_ctx ctx = {.items = weft_broadcast_create(sizeof(uint64_t), BROADCAST_CAPACITY),
                         .subscribers = calloc(n, sizeof *ctx.subscribers),
                         .receivers = n};
    double deliveries = (double)n * BROADCAST_CAPACITY;

    if (ctx.items == NULL || ctx.subscribers == NULL)
        bench_die("broadcast", weft_strerror(WEFT_ENOMEM));
    bench_run(&(bench_work){
        .name = "broadcast", .batch = broadcast_batch, .ctx = &ctx, .operations = deliveries, .unit_ns = deliveries});
    free(ctx.subscribers);
    return weft_broadcast_destroy(ctx.items);
}
