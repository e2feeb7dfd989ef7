/* SPDX-License-Identifier: MIT */
/* The floor: the least that the kernel lets a program do the same work for. No weft in it. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

/* Serves on loopback with `loops` epoll loops, a thread each, until a signal ends the process. */
void floor_serve(uint16_t port, unsigned loops, bool echo);

/* Maps, guards and touches `count` stacks, `spacing` bytes of address space each, on two threads, and prints
 * the figures of the case `sleepers`. */
void floor_sleepers(uint64_t count, uint64_t spacing);

#endif
