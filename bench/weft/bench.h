/* SPDX-License-Identifier: MIT */
/* The cases of weft-bench. They use the public headers of weft only, as any program would. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdint.h>

#include <weft.h>

#include "../common/meter.h"

/* Every case runs as a task with its number N, prints its figures and returns 0 or a code of weft's. */
typedef int (*bench_case_fn)(uint64_t n);

int bench_spawn(uint64_t n);
int bench_spawn1(uint64_t n);
int bench_yield(uint64_t n);
int bench_spawn_wait_all(uint64_t n);
int bench_spawn_limited(uint64_t n);
int bench_spawn_named(uint64_t n);
int bench_spawn_copied(uint64_t n);
int bench_spawn_high(uint64_t n);
int bench_spawn_handle(uint64_t n);
int bench_spawn_local(uint64_t n);
int bench_spawn_started(uint64_t n);
int bench_spawn_detached(uint64_t n);
int bench_scope(uint64_t n);
int bench_scope_deadline(uint64_t n);
int bench_scope_shield(uint64_t n);
int bench_scope_reschedule(uint64_t n);

int bench_pingpong(uint64_t n);
int bench_mpmc(uint64_t n);
int bench_mutex(uint64_t n);
int bench_lock(uint64_t n);
int bench_semaphore(uint64_t n);
int bench_semaphores(uint64_t n);
int bench_wakeall(uint64_t n);
int bench_select(uint64_t n);
int bench_broadcast(uint64_t n);
int bench_fib(uint64_t n);
#if __has_include(<weft/join.h>)
#define BENCH_HAS_JOIN 1
int bench_joinfib(uint64_t n);
#endif
int bench_skynet(uint64_t n);
int bench_sleepers(uint64_t n);
int bench_http(uint64_t port);
int bench_echo(uint64_t port);

/* Ends the process when `code` is a failure: no figure may come from a run that went wrong. */
static inline void bench_check(int code, const char *what)
{
    if (code < 0)
        bench_die(what, weft_strerror(code));
}

#endif
