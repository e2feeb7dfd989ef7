/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "sched/platform.h"

#include <ck_pr.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <weft/time.h>

_Atomic(weft__fault_fn *) weft__fault_hook;

void *weft__alloc(size_t size)
{
    return weft__fault(WEFT__SEAM_ALLOC) ? NULL : calloc(1, size);
}

void *weft__alloc_aligned(size_t size)
{
    void *p;

    size = (size + WEFT__CACHE_LINE - 1) & ~(size_t)(WEFT__CACHE_LINE - 1);
    if (weft__fault(WEFT__SEAM_ALLOC) || (p = aligned_alloc(WEFT__CACHE_LINE, size)) == NULL)
        return NULL;
    return memset(p, 0, size);
}

void weft__free(void *p)
{
    free(p);
}

void *weft__map(size_t size)
{
    void *p;

    if (weft__fault(WEFT__SEAM_MAP))
        return NULL;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    /* A huge page would back a slab of stacks whole where each needs a page or two. */
    (void)madvise(p, size, MADV_NOHUGEPAGE);
    return p;
}

void weft__unmap(void *p, size_t size)
{
    (void)munmap(p, size);
}

int weft__thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name, size_t stack_size)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    pthread_attr_t attr;
    sigset_t all, old;
    int rc;

    if (weft__fault(WEFT__SEAM_THREAD))
        return -EAGAIN;
    if ((rc = pthread_attr_init(&attr)) != 0)
        return -rc;
    if (stack_size != 0 && !WEFT__ASAN && !WEFT__TSAN)
        (void)pthread_attr_setstacksize(&attr, stack_size);
    (void)sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        (void)sigdelset(&all, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(thread, &attr, main, arg);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    if (rc == 0 && name != NULL)
        (void)pthread_setname_np(*thread, name);
    return -rc;
}

void weft__thread_name(const char *name)
{
    (void)pthread_setname_np(pthread_self(), name);
}

void weft__futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    struct timespec at, *timeout = NULL;

    if (deadline != WEFT_NEVER) {
        at.tv_sec = deadline / 1000000000;
        at.tv_nsec = deadline % 1000000000;
        timeout = &at;
    }
    /* FUTEX_WAIT_BITSET takes an absolute time on the monotonic clock. */
    (void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, timeout, NULL, FUTEX_BITSET_MATCH_ANY);
}

void weft__futex_wake(_Atomic uint32_t *word, int count)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void weft__completion_init(struct weft__completion *c)
{
    (void)sem_init(&c->semaphore, 0, 0);
}

void weft__completion_tell(struct weft__completion *c)
{
    (void)sem_post(&c->semaphore);
}

void weft__completion_wait(struct weft__completion *c)
{
    while (sem_wait(&c->semaphore) < 0 && errno == EINTR)
        continue;
    (void)sem_destroy(&c->semaphore);
}

enum { MEMBARRIER_PRIVATE_EXPEDITED = 1 << 3, MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 1 << 4 };

bool weft__membarrier_works(void)
{
    /* Registering is needed once a process, and may be repeated. Emulators may know the call and do nothing for it, but not this one. */
    return !weft__fault(WEFT__SEAM_MEMBARRIER) &&
           syscall(SYS_membarrier, MEMBARRIER_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void weft__membarrier(void)
{
    static const char why[] = "weft: membarrier(2) has worked, and is refused now, maybe by a filter of system calls\n";

    /* Registered, it fails for a moment at most. To go on without it would let two into a lock, or run a task twice. */
    while (syscall(SYS_membarrier, MEMBARRIER_PRIVATE_EXPEDITED, 0, 0) < 0) {
        if (errno != ENOMEM) {
            (void)!write(STDERR_FILENO, why, sizeof why - 1);
            abort();
        }
    }
}

int64_t weft__clock(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void weft__stall(void)
{
#if defined(__aarch64__)
    /* CK stalls for nothing here, and `yield` is for cores with several threads, of which there are few. Emptying the
     * pipeline takes about as long as x86's pause. */
    __asm__ volatile("isb" ::: "memory");
#else
    ck_pr_stall();
#endif
}

int weft__thread_clock_id(void)
{
    clockid_t id;

    return pthread_getcpuclockid(pthread_self(), &id) == 0 ? id : CLOCK_THREAD_CPUTIME_ID;
}

int64_t weft__thread_clock(int id)
{
    struct timespec t;

    return clock_gettime(id, &t) == 0 ? (int64_t)t.tv_sec * 1000000000 + t.tv_nsec : 0;
}

void weft__thread_yield(void)
{
    (void)sched_yield();
}

void weft__spin(unsigned *turns)
{
    if (++*turns < 64)
        weft__stall();
    else
        weft__thread_yield();
}
