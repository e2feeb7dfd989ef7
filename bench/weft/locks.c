/* SPDX-License-Identifier: MIT */
/* mutex and lock: a mutex that many want, and one that nobody else wants. */
#include <stddef.h>

#include "bench.h"

enum { CONTENDERS = 8 };

typedef struct mutex_ctx {
    weft_mutex lock;
    uint64_t count, turns; /* of each task */
} mutex_ctx;

static int contender(void *p)
{
    mutex_ctx *ctx = p;
    for (uint64_t i = 0, turns = ctx->turns; i < turns; i++) {
        bench_check(weft_mutex_lock(&ctx->lock), "mutex");
        ctx->count++;
        bench_check(weft_mutex_unlock(&ctx->lock), "mutex");
    }
    return 0;
}

static void mutex_batch(void *p, uint64_t iterations)
{
    mutex_ctx *ctx = p;
    ctx->turns = iterations;
    ctx->count = 0;
    weft_group *g = weft_group_open(NULL);
    for (int i = 0; i < CONTENDERS; i++)
        weft_spawn(g, contender, ctx);
    bench_check(weft_group_wait(g), "mutex");
    weft_group_close(g);
    if (ctx->count != CONTENDERS * iterations)
        bench_die("mutex", "wrong count");
}

int bench_mutex(uint64_t n)
{
    (void)n;
    mutex_ctx ctx = {.lock = WEFT_MUTEX_INIT};
    bench_run(&(bench_work){
        .name = "mutex", .batch = mutex_batch, .ctx = &ctx, .operations = CONTENDERS, .unit_ns = CONTENDERS});
    return 0;
}

static void lock_batch(void *p, uint64_t iterations)
{
    mutex_ctx *ctx = p;
    ctx->turns = iterations;
    ctx->count = 0;
    bench_check(contender(ctx), "lock");
    if (ctx->count != iterations)
        bench_die("lock", "wrong count");
}

int bench_lock(uint64_t n)
{
    (void)n;
    mutex_ctx ctx = {.lock = WEFT_MUTEX_INIT};
    bench_run(&(bench_work){.name = "lock", .batch = lock_batch, .ctx = &ctx, .operations = 1, .unit_ns = 1});
    return 0;
}
