/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Shorter batches would measure the clock and the start of the batch. */
#define BATCH_NS 25000000
#define WARM_UP_NS 100000000
#define MEASURE_NS 700000000
/* Slow cases get fewer batches, so that no case takes minutes. */
#define BATCHES_MIN 3
#define MEASURE_MAX_NS 3000000000

#define BATCHES_MAX 1024

int64_t bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t timed(bench_batch batch, void *ctx, uint64_t iterations)
{
    int64_t start = bench_now();
    batch(ctx, iterations);
    return bench_now() - start;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* The number of iterations that fills a batch; finding it is the warm-up. */
static uint64_t warm_up(bench_batch batch, void *ctx)
{
    uint64_t iterations = 1;
    int64_t total = 0;
    for (;;) {
        int64_t took = timed(batch, ctx, iterations);
        total += took;
        if (took < BATCH_NS)
            iterations *= 2;
        else if (total >= WARM_UP_NS)
            return iterations;
    }
}

double bench_measure(bench_batch batch, void *ctx)
{
    static double samples[BATCHES_MAX];
    uint64_t iterations = warm_up(batch, ctx);
    int64_t total = 0;
    size_t n = 0;
    do {
        int64_t took = timed(batch, ctx, iterations);
        samples[n++] = (double)took / (double)iterations;
        total += took;
    } while (n < BATCHES_MAX && total < MEASURE_MAX_NS && (total < MEASURE_NS || n < BATCHES_MIN));
    return median(samples, n);
}

static uint64_t counted;

void bench_count(uint64_t iterations)
{
    counted = iterations;
}

uint64_t bench_counted(void)
{
    return counted;
}

void bench_run(const bench_work *work)
{
    if (counted == 0) {
        bench_print(work->name, bench_measure(work->batch, work->ctx) / work->unit_ns);
        return;
    }
    work->batch(work->ctx, counted);
    printf("%s_operations %.0f\n", work->name, (double)counted * work->operations);
}

void bench_print(const char *name, double value)
{
    printf("%s %.*f\n", name, value < 100 ? 3 : 1, value);
    fflush(stdout);
}

static double status_bytes(const char *status, const char *field)
{
    const char *at = strstr(status, field);
    if (at == NULL)
        bench_die(field, "not in /proc/self/status");
    return strtod(at + strlen(field), NULL) * 1024;
}

static double mappings(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    double n = 0;
    if (f == NULL)
        bench_die("/proc/self/maps", strerror(errno));
    for (int c; (c = getc(f)) != EOF;)
        n += c == '\n';
    fclose(f);
    return n;
}

bench_memory bench_memory_now(void)
{
    char status[8192];
    FILE *f = fopen("/proc/self/status", "re");
    if (f == NULL)
        bench_die("/proc/self/status", strerror(errno));
    size_t n = fread(status, 1, sizeof status - 1, f);
    fclose(f);
    status[n] = '\0';
    return (bench_memory){.resident = status_bytes(status, "VmRSS:"),
                          .page_tables = status_bytes(status, "VmPTE:"),
                          .mappings = mappings()};
}

void bench_print_sleepers(uint64_t count, bench_memory before, bench_memory after, int64_t elapsed_ns)
{
    bench_print("sleepers_page_tables", (after.page_tables - before.page_tables) / (double)count);
    bench_print("sleepers_mappings", after.mappings - before.mappings);
    bench_print("sleepers_seconds", (double)elapsed_ns / BENCH_NS_PER_S);
    bench_print("sleepers", (after.resident - before.resident) / (double)count);
}

void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

uint64_t bench_number(const char *what, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    /* strtoull takes a minus sign and leading blanks, which are no numbers here. */
    if (errno != 0 || end == text || *end != '\0' || *text < '0' || *text > '9' || n < least || n > most) {
        fprintf(stderr, "%s: \"%s\" is not a number from %" PRIu64 " to %" PRIu64 "\n", what, text, least, most);
        exit(2);
    }
    return n;
}
