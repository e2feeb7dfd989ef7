/* SPDX-License-Identifier: MIT */
/* What a process holds of the system, for tests that compare before and after. */
#ifndef WEFT_TESTS_SCHED_PROCESS_H
#define WEFT_TESTS_SCHED_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct process_state {
    int threads;
    int descriptors;
    int mappings;
    long mapped_kib; /* private and writable */
    long heap_bytes; /* in use; 0 under sanitizers, which keep heaps of their own */
};

/* Makes numbers comparable: one heap for all threads. To be called before the first thread is started. */
void process_prepare(void);

/* Waits for threads that have been joined to leave the system's lists too. */
struct process_state process_look(void);

/* Fails unless `after` holds no more than `before`, but for what is no leak of one thing a cycle over `cycles` cycles. */
void process_check(const struct process_state *before, const struct process_state *after, int cycles);

/* The context switches, voluntary or not, of all threads whose name begins with "weft". */
long process_switches(void);

/* Waits for `child`: its exit status, or minus the signal that killed it. */
int process_wait(pid_t child);

/* fork(), with core dumps off and handlers of fault signals at their default in the child. */
pid_t process_fork(void);

/* Runs `body` in a child, which then exits: what it says on stderr, and how it ends, as process_wait() tells it. */
int process_listen(void (*body)(void), char *said, size_t size);

/* Whether each stack costs two memory mappings, as before Linux 6.13 and under emulators: then some 30,000 are all that there are. */
bool process_stacks_cost_mappings(void);

#endif
