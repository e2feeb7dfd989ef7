/* SPDX-License-Identifier: MIT */
/* What the parts of the explorer need of each other. */
#ifndef WEFT_TESTS_MODEL_INTERNAL_H
#define WEFT_TESTS_MODEL_INTERNAL_H

#include "tests/model/memory.h"

/* A place where another thread may go on; counts the steps. */
void model_step(void);

/* Whether one of `n` cases in 256 has come. */
bool model_chance(unsigned n);

/* How often, in 256 loads that could read something old, one does. Drawn for each run. */
unsigned model_staleness(void);

/* Whether there is more than one thread. */
bool model_has_company(void);

unsigned model_thread_count(void);

/* Differs from run to run, also where the seed does not. */
uint64_t model_run_number(void);

/* Notes an access. `age` is the number of messages that are newer than the one that was read. */
void model_trace(const char *op, memory_order order, uintptr_t p, uint64_t before, uint64_t after, unsigned age,
                 const struct model_site *site);

/* trace.c */
void model_trace_begin(void);
void model_trace_print(unsigned lines);

/* run.c */
struct model_result {
    bool failed;
    char message[512];
    uint64_t steps;
};

void model_run(const struct model_case *c, uint64_t seed, struct model_result *result);

/* Prints what is known of the run that is going on, for a crash. */
const char *model_threads_text(void);

#endif
