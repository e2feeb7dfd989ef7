/* SPDX-License-Identifier: MIT */
/* semaphore, semaphores and wakeall: the price of a permit, and of waking many at once. */
#include <stdatomic.h>
#include <stddef.h>

#include "bench.h"

typedef struct alone_ctx {
    weft_semaphore permits;
    uint64_t count, total;
} alone_ctx;

static void alone_batch(void *p, uint64_t iterations)
{
    alone_ctx *ctx = p;

    for (uint64_t i = 0; i < iterations; i++) {
        bench_check(weft_semaphore_acquire(&ctx->permits), "semaphore");
        ctx->count++;
        weft_semaphore_release(&ctx->permits);
    }
    ctx->total += iterations;
    if (ctx->count != ctx->total)
        bench_die("semaphore", "wrong count");
}

int bench_semaphore(uint64_t n)
{
    alone_ctx ctx = {.permits = WEFT_SEMAPHORE_INIT(1)};

    (void)n;
    bench_run(&(bench_work){.name = "semaphore", .batch = alone_batch, .ctx = &ctx, .operations = 1, .unit_ns = 1});
    return weft_semaphore_fini(&ctx.permits);
}

#define CONTENDERS 8
#define FEW_PERMITS 2

typedef struct contend_ctx {
    weft_semaphore permits;
    uint64_t turns; /* of each task */
    _Atomic uint64_t count;
} contend_ctx;

static int contender(void *p)
{
    contend_ctx *ctx = p;

    for (uint64_t i = 0, turns = ctx->turns; i < turns; i++) {
        bench_check(weft_semaphore_acquire(&ctx->permits), "semaphores");
        atomic_fetch_add_explicit(&ctx->count, 1, memory_order_relaxed);
        weft_semaphore_release(&ctx->permits);
    }
    return 0;
}

static void contend_batch(void *p, uint64_t iterations)
{
    contend_ctx *ctx = p;
    weft_group *g = weft_group_open(NULL);

    ctx->turns = iterations;
    ctx->count = 0;
    for (int i = 0; i < CONTENDERS; i++)
        weft_spawn(g, contender, ctx);
    bench_check(weft_group_wait(g), "semaphores");
    weft_group_close(g);
    if (ctx->count != CONTENDERS * iterations)
        bench_die("semaphores", "wrong count");
}

int bench_semaphores(uint64_t n)
{
    contend_ctx ctx = {.permits = WEFT_SEMAPHORE_INIT(FEW_PERMITS)};

    (void)n;
    bench_run(&(bench_work){
        .name = "semaphores", .batch = contend_batch, .ctx = &ctx, .operations = CONTENDERS, .unit_ns = CONTENDERS});
    return weft_semaphore_fini(&ctx.permits);
}

/* Two events in turn: who is woken by one counts itself and waits for the other; the last one ends the round. */
typedef struct wakeall_ctx {
    weft_event events[2], all;
    uint64_t tasks, rounds;
    _Atomic uint64_t woken;
    bool ending;
} wakeall_ctx;

static int waiter(void *p)
{
    wakeall_ctx *ctx = p;

    for (unsigned turn = 0;; turn ^= 1) {
        bench_check(weft_event_wait(&ctx->events[turn]), "wakeall");
        if (ctx->ending)
            return 0;
        if ((atomic_fetch_add_explicit(&ctx->woken, 1, memory_order_relaxed) + 1) % ctx->tasks == 0)
            weft_event_set(&ctx->all);
    }
}

static void wakeall_batch(void *p, uint64_t iterations)
{
    wakeall_ctx *ctx = p;

    for (uint64_t i = 0; i < iterations; i++) {
        weft_event *event = &ctx->events[ctx->rounds++ % 2];

        weft_event_set(event);
        bench_check(weft_event_wait(&ctx->all), "wakeall");
        weft_event_clear(&ctx->all);
        weft_event_clear(event);
    }
    if (ctx->woken != ctx->rounds * ctx->tasks)
        bench_die("wakeall", "wrong count");
}

int bench_wakeall(uint64_t n)
{
    wakeall_ctx ctx = {.tasks = n};
    double tasks = (double)n;
    weft_group *g = weft_group_open(NULL);

    for (uint64_t i = 0; i < n; i++)
        weft_spawn(g, waiter, &ctx);
    bench_run(
        &(bench_work){.name = "wakeall", .batch = wakeall_batch, .ctx = &ctx, .operations = tasks, .unit_ns = tasks});
    ctx.ending = true;
    weft_event_set(&ctx.events[ctx.rounds % 2]);
    bench_check(weft_group_wait(g), "wakeall");
    weft_group_close(g);
    return 0;
}
