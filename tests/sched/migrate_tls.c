/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "migrate_tls.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the documentation asks for: not inlined, and with something in it that no compiler may leave out or merge. */
#if defined(__clang__)
#define OPAQUE __attribute__((noinline))
#else
#define OPAQUE __attribute__((noipa))
#endif

enum { THREADS_MAX = 256, APART = 8 };

/* Plain numbers, each for one thread: were a thread taken for another, counts would be lost. */
static long counts[THREADS_MAX][APART];
static atomic_int threads;
static __thread long *count, thread;

OPAQUE long tls_count(void)
{
    __asm__ volatile("");
    if (count == NULL)
        count = counts[atomic_fetch_add(&threads, 1) % THREADS_MAX];
    return ++*count;
}

OPAQUE long tls_total(void)
{
    long total = 0;

    for (int i = 0; i < THREADS_MAX; i++)
        total += counts[i][0];
    return total;
}

OPAQUE long tls_kernel_thread(void)
{
    return syscall(SYS_gettid);
}

OPAQUE long tls_thread(void)
{
    __asm__ volatile("");
    if (thread == 0)
        thread = tls_kernel_thread();
    return thread;
}
