/* SPDX-License-Identifier: MIT */
/* spawn and spawn1: the price of a task that does nothing. */
#include <stddef.h>

#include "bench.h"

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void spawn_batch(void *ctx, uint64_t iterations)
{
    const uint64_t *tasks = ctx;
    for (uint64_t i = 0; i < iterations; i++) {
        weft_group *g = weft_group_open(NULL);
        for (uint64_t t = 0; t < *tasks; t++)
            weft_spawn(g, nothing, NULL);
        bench_check(weft_group_wait(g), "spawn");
        weft_group_close(g);
    }
}

int bench_spawn(uint64_t n)
{
    double tasks = (double)n;
    bench_run(&(bench_work){.name = "spawn", .batch = spawn_batch, .ctx = &n, .operations = tasks, .unit_ns = tasks});
    return 0;
}

/* The group stays open, as a task that starts one helper after another would keep it. */
static void spawn1_batch(void *ctx, uint64_t iterations)
{
    weft_group *g = ctx;
    for (uint64_t i = 0; i < iterations; i++) {
        weft_spawn(g, nothing, NULL);
        bench_check(weft_group_wait(g), "spawn1");
    }
}

int bench_spawn1(uint64_t n)
{
    (void)n;
    weft_group *g = weft_group_open(NULL);
    bench_run(&(bench_work){.name = "spawn1", .batch = spawn1_batch, .ctx = g, .operations = 1, .unit_ns = 1});
    weft_group_close(g);
    return 0;
}
