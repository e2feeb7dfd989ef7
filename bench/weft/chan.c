/* SPDX-License-Identifier: MIT */
/* mpmc: a message through a channel that several send to and several receive from. */
#include <stddef.h>

#include "bench.h"

enum { MPMC_PRODUCERS = 4, MPMC_CONSUMERS = 4, MPMC_CAPACITY = 256 };

typedef struct mpmc_ctx {
    weft_chan *chan;
    uint64_t each; /* messages of a producer */
} mpmc_ctx;

typedef struct mpmc_consumer {
    weft_chan *chan;
    uint64_t sum;
} mpmc_consumer;

static int mpmc_produce(void *p)
{
    const mpmc_ctx *ctx = p;

    for (uint64_t i = 1; i <= ctx->each; i++)
        bench_check(weft_chan_send(ctx->chan, &i), "mpmc");
    return weft_chan_release_sender(ctx->chan);
}

static int mpmc_consume(void *p)
{
    mpmc_consumer *me = p;
    uint64_t item, sum = 0;
    int rc;

    while ((rc = weft_chan_recv(me->chan, &item)) == 0)
        sum += item;
    if (rc != WEFT_ECLOSED)
        bench_check(rc, "mpmc");
    me->sum = sum;
    return 0;
}

static void mpmc_batch(void *p, uint64_t iterations)
{
    (void)p;
    mpmc_ctx ctx = {.chan = weft_chan_create(sizeof(uint64_t), MPMC_CAPACITY), .each = iterations};
    mpmc_consumer consumers[MPMC_CONSUMERS];
    uint64_t sum = 0;
    weft_group *g = weft_group_open(NULL);

    if (ctx.chan == NULL)
        bench_die("mpmc", weft_strerror(WEFT_ENOMEM));
    for (int i = 0; i < MPMC_CONSUMERS; i++) {
        consumers[i] = (mpmc_consumer){.chan = ctx.chan};
        weft_spawn(g, mpmc_consume, &consumers[i]);
    }
    for (int i = 0; i < MPMC_PRODUCERS; i++) {
        weft_chan_retain_sender(ctx.chan);
        weft_spawn(g, mpmc_produce, &ctx);
    }
    weft_chan_release_sender(ctx.chan);
    bench_check(weft_group_wait(g), "mpmc");
    weft_group_close(g);
    for (int i = 0; i < MPMC_CONSUMERS; i++)
        sum += consumers[i].sum;
    if (sum != MPMC_PRODUCERS * (ctx.each * (ctx.each + 1) / 2))
        bench_die("mpmc", "messages were lost");
    weft_chan_destroy(ctx.chan);
}

int bench_mpmc(uint64_t n)
{
    double messages = MPMC_PRODUCERS;

    (void)n;
    bench_run(&(bench_work){.name = "mpmc", .batch = mpmc_batch, .operations = messages, .unit_ns = messages});
    return 0;
}
