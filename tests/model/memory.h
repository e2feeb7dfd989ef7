/* SPDX-License-Identifier: MIT */
/*
 * Memory as C11 describes it, but for what is listed below, in the operational form of a history for each atomic location.
 *
 * A store appends a message to the location's history, with the clocks of its thread where it releases. A load picks a
 * message: the newest, or, when the seed says so, any that coherence allows: none older than one that the thread knows
 * of, by its own reading and writing or through synchronisation, and for a seq_cst load none older than what was read or
 * written by a seq_cst access before. So a store weaker than seq_cst may stay unseen for long, which shows what store
 * buffers do (a store and a later load that are swapped), and also what weaker machines do (loads that are swapped).
 * A read-modify-write reads the newest message and goes on with its release sequence. A weak compare-and-swap fails at
 * times without cause.
 *
 * What it does not show: a store that becomes visible before an earlier one of the same thread while loads are
 * in order (the order in which locations are written is the order of execution); loads that see values of the future, so that
 * an order is not tested where it only keeps an access from moving behind a later one; a failed
 * compare-and-swap that reads an old value; messages older than the last MODEL_HISTORY of a location. Fences, and the model
 * of membarrier, synchronise with all earlier fences, which is a little stronger than C11.
 *
 * Plain accesses happen at once. The compiler announces them by the hooks of the thread sanitizer, whose runtime is not
 * linked: vector clocks tell whether two accesses to memory of the run, one of them a write, are ordered. A race fails the
 * run, so an order that is too weak to publish a record is found too. Memory outside of model_alloc(), such as stacks, is not
 * watched, and neither is an access of another size than 1 to 16 bytes, nor what overlaps without beginning at the same place;
 * of memcpy() the whole is.
 */
#ifndef WEFT_TESTS_MODEL_MEMORY_H
#define WEFT_TESTS_MODEL_MEMORY_H

#include <stdatomic.h>

#include "tests/model/explorer.h"

#define MODEL_HISTORY 8

/* Where an access stands in the source. */
struct model_site {
    const char *file;
    int line;
    const char *what;
};

enum model_op { MODEL_XCHG, MODEL_ADD, MODEL_SUB, MODEL_OR, MODEL_AND };

/* Between true and false the calling thread is not to be switched away from. */
void model_quiet(bool quiet);

uint64_t model_load(uintptr_t p, size_t size, memory_order order, const struct model_site *site);
void model_store(uintptr_t p, size_t size, uint64_t value, memory_order order, const struct model_site *site);
uint64_t model_rmw(uintptr_t p, size_t size, enum model_op op, uint64_t value, memory_order order,
                   const struct model_site *site);
bool model_cas(uintptr_t p, size_t size, void *expected, uint64_t value, bool weak, memory_order order,
               memory_order failure, const struct model_site *site);

/* A full fence of the calling thread. */
void model_fence(void);

/* What a system call reads, such as futex(2)'s: the newest value, with no place to switch before it. */
uint64_t model_read_newest(uintptr_t p, size_t size);

/* For the explorer. */
void model_memory_begin(void);
void model_memory_started(unsigned parent, unsigned child);
void model_memory_joined(unsigned by, unsigned ended);

#endif
