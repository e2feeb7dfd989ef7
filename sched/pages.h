/* SPDX-License-Identifier: MIT */
/*
 * Guards, and giving memory back: the part of the seam (platform.h) that deals in many small ranges of pages, by as few system
 * calls as the kernel allows. The fastest way that works is found once:
 *
 *      guard:   process_madvise(MADV_GUARD_INSTALL) of many at once   Linux 6.13; needs no mapping of its own
 *               madvise(MADV_GUARD_INSTALL) one by one                where the former is refused (seccomp)
 *               mprotect(PROT_NONE) one by one                        two mappings a guard, so vm.max_map_count limits them
 *      discard: process_madvise(MADV_DONTNEED) of many at once, else madvise one by one
 *
 * The environment's WEFT_GUARD=mprotect takes the last way of guarding where others work too. It is read once a process.
 */
#ifndef WEFT_SCHED_PAGES_H
#define WEFT_SCHED_PAGES_H

#include <sys/uio.h>

#include "sched/platform.h"

/* `count` ranges of `size` bytes, whole pages; the i-th begins at first + i * stride. */
struct weft__ranges {
    char *first;
    size_t size, stride;
    unsigned count;
};

/* The most ranges that are handed to the kernel at once. They lie on the caller's stack, which may be a small one; more
 * save nothing that can be measured. */
#define WEFT__RANGES_AT_ONCE 64

/*
 * Makes the ranges unreadable, and returns how many, from the first on, are. Where these are not all, *rc says why: -ENOMEM, or
 * WEFT_EMAPLIMIT when the process has as many mappings as the system allows, but for some that are left to others.
 * *mapped is how many cost mappings: weft__guards_forget() is to be told when they are unmapped.
 */
unsigned weft__guard(const struct weft__ranges *r, unsigned *mapped, int *rc);
void weft__guards_forget(unsigned mapped);

/* Gives the memory of `n` ranges back to the system; they read as zeros after. Cannot fail in a way that matters. */
void weft__discard(const struct iovec *ranges, unsigned n);

/* Has the system back `n` ranges with memory now, where it would be a page fault each later. A hint. */
void weft__populate(const struct iovec *ranges, unsigned n);

#endif
