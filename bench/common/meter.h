/* SPDX-License-Identifier: MIT */
/* What every benchmark program in C shares: the way to repeat and time, and the memory of this process. */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stdint.h>

#define BENCH_NS_PER_MS 1e6
#define BENCH_NS_PER_S 1e9

/* Does a batch: the same thing `iterations` times. */
typedef void (*bench_batch)(void *ctx, uint64_t iterations);

/* The time now on the monotonic clock, in nanoseconds. */
int64_t bench_now(void);

/*
 * Warms up, finds how many iterations make a batch that the clock can measure, repeats the batch for most of a second,
 * and returns the median batch in nanoseconds an iteration. The peers follow the same rule with the same numbers.
 */
double bench_measure(bench_batch batch, void *ctx);

/* What a case repeats, and how its figure is stated. */
typedef struct bench_work {
    const char *name;
    bench_batch batch;
    void *ctx;
    double operations; /* in an iteration */
    double unit_ns;    /* the figure is the time of an iteration over this: `operations` for ns an operation */
} bench_work;

/* From now on bench_run() does so many iterations, without a warm-up and without a look at the clock. */
void bench_count(uint64_t iterations);

/* The iterations that bench_count() asked for; 0: none, the work is to be measured. */
uint64_t bench_counted(void);

/* Measures the work and prints its figure; after bench_count() prints `NAME_operations` with how many were done. */
void bench_run(const bench_work *work);

/* Prints a figure in the form that bench/compare reads: the last two words of a line. */
void bench_print(const char *name, double value);

typedef struct bench_memory {
    double resident;    /* VmRSS, bytes */
    double page_tables; /* VmPTE, bytes */
    double mappings;    /* their number */
} bench_memory;

/* The memory of this process, as the kernel states it. */
bench_memory bench_memory_now(void);

/* Prints the three figures of the case `sleepers`: bytes of page tables a task, seconds, and last the
 * resident bytes a task. */
void bench_print_sleepers(uint64_t count, bench_memory before, bench_memory after, int64_t elapsed_ns);

/* Ends the process with a message on stderr: a benchmark that fails has no figure to print. */
_Noreturn void bench_die(const char *what, const char *why);

/* Reads a whole number of at least `least` and at most `most`, or ends the process and says what was wrong. */
uint64_t bench_number(const char *what, const char *text, uint64_t least, uint64_t most);

#endif
