/* SPDX-License-Identifier: MIT */
/* fib, joinfib and skynet: trees of tasks, with a result that is checked. */
#include <stddef.h>

#include "bench.h"

#ifdef BENCH_HAS_JOIN
#include <weft/join.h>
#endif

typedef struct fib_arg {
    uint64_t n, result;
} fib_arg;

static uint64_t fib(uint64_t n);

static int fib_task(void *p)
{
    fib_arg *arg = p;
    arg->result = fib(arg->n);
    return 0;
}

/* One half is spawned and the other computed in place; every peer does the same. */
static uint64_t fib(uint64_t n)
{
    if (n < 2)
        return n;
    fib_arg half = {.n = n - 1};
    weft_group *g = weft_group_open(NULL);
    weft_spawn(g, fib_task, &half);
    uint64_t other = fib(n - 2);
    bench_check(weft_group_wait(g), "fib");
    weft_group_close(g);
    return half.result + other;
}

static uint64_t fib_plain(uint64_t n)
{
    uint64_t a = 0, b = 1;
    for (; n > 0; n--) {
        uint64_t next = a + b;
        a = b;
        b = next;
    }
    return a;
}

static void fib_batch(void *ctx, uint64_t iterations)
{
    const uint64_t *n = ctx;
    for (uint64_t i = 0; i < iterations; i++)
        if (fib(*n) != fib_plain(*n))
            bench_die("fib", "wrong result");
}

int bench_fib(uint64_t n)
{
    /* Calls with n of 2 or more spawn once: fib(n + 1) - 1 of them. */
    double spawns = (double)(fib_plain(n + 1) - 1);
    bench_run(&(bench_work){.name = "fib", .batch = fib_batch, .ctx = &n, .operations = spawns, .unit_ns = spawns});
    return 0;
}

#ifdef BENCH_HAS_JOIN

static int joinfib(void *p)
{
    fib_arg *arg = p;
    if (arg->n < 2) {
        arg->result = arg->n;
        return 0;
    }
    fib_arg half = {.n = arg->n - 1}, other = {.n = arg->n - 2};
    int rc = weft_join(joinfib, &half, joinfib, &other);
    arg->result = half.result + other.result;
    return rc;
}

static void joinfib_batch(void *ctx, uint64_t iterations)
{
    const uint64_t *n = ctx;
    for (uint64_t i = 0; i < iterations; i++) {
        fib_arg root = {.n = *n};
        bench_check(joinfib(&root), "joinfib");
        if (root.result != fib_plain(*n))
            bench_die("joinfib", "wrong result");
    }
}

int bench_joinfib(uint64_t n)
{
    double joins = (double)(fib_plain(n + 1) - 1);
    bench_run(
        &(bench_work){.name = "joinfib", .batch = joinfib_batch, .ctx = &n, .operations = joins, .unit_ns = joins});
    return 0;
}

#endif

#define SKYNET_CHILDREN 10

typedef struct skynet_node {
    uint64_t first, leaves, sum;
} skynet_node;

static int skynet(void *p)
{
    skynet_node *node = p;
    if (node->leaves == 1) {
        node->sum = node->first;
        return 0;
    }
    skynet_node children[SKYNET_CHILDREN];
    uint64_t leaves = node->leaves / SKYNET_CHILDREN;
    weft_group *g = weft_group_open(NULL);
    for (uint64_t i = 0; i < SKYNET_CHILDREN; i++) {
        children[i] = (skynet_node){.first = node->first + i * leaves, .leaves = leaves};
        weft_spawn(g, skynet, &children[i]);
    }
    bench_check(weft_group_wait(g), "skynet");
    weft_group_close(g);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < SKYNET_CHILDREN; i++)
        sum += children[i].sum;
    node->sum = sum;
    return 0;
}

static void skynet_batch(void *ctx, uint64_t iterations)
{
    const uint64_t *leaves = ctx;
    for (uint64_t i = 0; i < iterations; i++) {
        skynet_node root = {.leaves = *leaves};
        weft_group *g = weft_group_open(NULL);
        weft_spawn(g, skynet, &root);
        bench_check(weft_group_wait(g), "skynet");
        weft_group_close(g);
        if (root.sum != *leaves * (*leaves - 1) / 2)
            bench_die("skynet", "wrong sum");
    }
}

int bench_skynet(uint64_t n)
{
    uint64_t tasks = 1;
    for (uint64_t leaves = n; leaves > 1; leaves /= SKYNET_CHILDREN) {
        if (leaves % SKYNET_CHILDREN != 0)
            bench_die("skynet", "LEAVES must be a power of ten");
        tasks += leaves;
    }
    bench_run(&(bench_work){
        .name = "skynet", .batch = skynet_batch, .ctx = &n, .operations = (double)tasks, .unit_ns = BENCH_NS_PER_MS});
    return 0;
}
