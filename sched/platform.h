/* SPDX-License-Identifier: MIT */
/*
 * The seam between the runtime and the system: memory, mappings, threads, futexes, the clock. Nothing else in sched/
 * calls the system for these (but pages.c, for guards), so that tests can make any of them fail and a simulation can take
 * their place.
 * Functions return 0 or a negative code (-errno), and pointers that are NULL on failure.
 */
#ifndef WEFT_SCHED_PLATFORM_H
#define WEFT_SCHED_PLATFORM_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/atomic.h"

/* The build says which sanitizer it uses: a file that is itself compiled without it must see the same layouts. */
#ifdef WEFT_SANITIZE_ADDRESS
#define WEFT__ASAN 1
#else
#define WEFT__ASAN 0
#endif
#ifdef WEFT_SANITIZE_THREAD
#define WEFT__TSAN 1
#else
#define WEFT__TSAN 0
#endif

#define WEFT__CACHE_LINE 64
#define WEFT__LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WEFT__NOINLINE __attribute__((noinline))
#define WEFT__ALIGNED __attribute__((aligned(WEFT__CACHE_LINE)))
#define WEFT__CONTAINER(p, type, field) ((type *)(void *)((char *)(p)-offsetof(type, field)))

/* An assertion of weft's own invariants: checked in debug builds, never a reaction to a lack of resources. */
#ifdef WEFT_DEBUG
#include <assert.h>
#define WEFT__ASSERT(x) assert(x)
#else
#define WEFT__ASSERT(x) ((void)sizeof(x))
#endif

/* What can be made to fail. */
enum weft__seam {
    WEFT__SEAM_ALLOC,
    WEFT__SEAM_MAP,
    WEFT__SEAM_GUARD,
    WEFT__SEAM_THREAD,
    WEFT__SEAM_EPOLL,
    WEFT__SEAM_EVENTFD,
    WEFT__SEAM_MEMBARRIER,
    WEFT__SEAM_DRIVER,
    WEFT__SEAM_SOCKET,
    WEFT__SEAM_ACCEPT,
    WEFT__SEAM_RECV,
    WEFT__SEAM_SEND,
};

/* NULL, or a test's function that is asked before each call: true makes that call fail. */
typedef bool weft__fault_fn(enum weft__seam what);
extern _Atomic(weft__fault_fn *) weft__fault_hook;

static inline bool weft__fault(enum weft__seam what)
{
    /* Relaxed: the test sets the hook before it starts the threads that are to see it. */
    weft__fault_fn *f = A_LOAD(&weft__fault_hook, relaxed);
    return WEFT__UNLIKELY(f != NULL) && f(what);
}

void *weft__alloc(size_t size);         /* zeroed */
void *weft__alloc_aligned(size_t size); /* zeroed, at the start of a cache line */
void weft__free(void *p);

void *weft__map(size_t size);
void weft__unmap(void *p, size_t size);

/* A thread named `name` that blocks every signal but those that a fault raises. `stack_size` 0 is the default. One that may be
 * joined by others than the caller as soon as it runs is started with NULL, and names itself. */
int weft__thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name, size_t stack_size);
void weft__thread_name(const char *name); /* names the calling thread; at most 15 bytes */

/* Sleeps while *word == value, until woken or `deadline`. May return early. */
void weft__futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);
void weft__futex_wake(_Atomic uint32_t *word, int count);

/* One thread tells another, once, that something is done. The teller's last access comes before the waiter returns, so the
 * record may lie in the waiter's frame. The wait lets signal handlers run, under the sanitizers too. */
struct weft__completion {
    sem_t semaphore;
};

void weft__completion_init(struct weft__completion *c);
void weft__completion_tell(struct weft__completion *c);
void weft__completion_wait(struct weft__completion *c);

/* Whether weft__membarrier() may be called. */
bool weft__membarrier_works(void);

/* A full memory barrier in every thread of the process, for the rare side of a handshake (membarrier(2), private expedited). */
void weft__membarrier(void);

int64_t weft__clock(void); /* CLOCK_MONOTONIC, nanoseconds */

/* The CPU time that a thread has used, in nanoseconds, by the number that stands for the calling thread's clock everywhere in the
 * process. A number that stands for no thread any more: 0. */
int weft__thread_clock_id(void);
int64_t weft__thread_clock(int id);

/* Stalls the CPU for some ten nanoseconds, to the benefit of what else runs on the core. */
void weft__stall(void);

/* Offers the CPU to other threads. */
void weft__thread_yield(void);

/* One turn of a loop that waits for another thread: stalls the CPU, after some turns offers it to others. */
void weft__spin(unsigned *turns);

#endif
