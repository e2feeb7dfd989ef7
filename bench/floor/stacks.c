/* SPDX-License-Identifier: MIT */
/*
 * sleepers without a runtime: every stack is mapped, gets a guard of 16 KiB, and its top page is written once. A
 * stackful runtime cannot start a million tasks with a guard each in less than this takes.
 */
#include "floor.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../common/meter.h"

/* Linux 6.13 has it, the headers of older systems do not. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define SLAB_SIZE ((size_t)64 << 20)
#define GUARD_SIZE ((size_t)16 << 10)
/* The largest vector that the kernel takes at once. */
#define VECTOR_MAX 1024

typedef struct share {
    uint64_t count;
    size_t spacing;
    int self; /* pidfd of this process */
    pthread_t thread;
} share;

/* One call guards many stacks; a stack by itself costs a system call more. */
static bool guard_vector(int self, struct iovec *guards, size_t n, size_t bytes)
{
    return syscall(SYS_process_madvise, self, guards, n, MADV_GUARD_INSTALL, 0) == (long)bytes;
}

static void guard_each(const struct iovec *guards, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (madvise(guards[i].iov_base, guards[i].iov_len, MADV_GUARD_INSTALL) == 0)
            continue;
        /* Costs two mappings a stack, so that about 32,000 stacks are the most. */
        if (mprotect(guards[i].iov_base, guards[i].iov_len, PROT_NONE) != 0)
            bench_die("no MADV_GUARD_INSTALL here (Linux 6.13), and mprotect", strerror(errno));
    }
}

static void guard(int self, char *slab, size_t stacks, size_t spacing)
{
    struct iovec guards[VECTOR_MAX];
    for (size_t first = 0; first < stacks; first += VECTOR_MAX) {
        size_t n = stacks - first < VECTOR_MAX ? stacks - first : VECTOR_MAX;
        for (size_t i = 0; i < n; i++)
            guards[i] = (struct iovec){.iov_base = slab + (first + i) * spacing, .iov_len = GUARD_SIZE};
        if (!guard_vector(self, guards, n, n * GUARD_SIZE))
            guard_each(guards, n);
    }
}

static void *run(void *p)
{
    const share *s = p;
    size_t per_slab = SLAB_SIZE / s->spacing;
    for (uint64_t left = s->count; left > 0;) {
        size_t n = left < per_slab ? (size_t)left : per_slab;
        char *slab = mmap(NULL, SLAB_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (slab == MAP_FAILED)
            bench_die("mmap", strerror(errno));
        madvise(slab, SLAB_SIZE, MADV_NOHUGEPAGE);
        guard(s->self, slab, n, s->spacing);
        for (size_t i = 0; i < n; i++)
            *(volatile char *)(slab + (i + 1) * s->spacing - 64) = 1;
        left -= n;
    }
    return NULL;
}

void floor_sleepers(uint64_t count, uint64_t spacing)
{
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    share shares[2] = {
        {.count = count / 2, .spacing = (size_t)spacing, .self = self},
        {.count = count - count / 2, .spacing = (size_t)spacing, .self = self},
    };
    bench_memory before = bench_memory_now();
    int64_t start = bench_now();
    int rc = pthread_create(&shares[1].thread, NULL, run, &shares[1]);
    if (rc != 0)
        bench_die("pthread_create", strerror(rc));
    run(&shares[0]);
    pthread_join(shares[1].thread, NULL);
    int64_t elapsed = bench_now() - start;
    bench_print_sleepers(count, before, bench_memory_now(), elapsed);
    if (self >= 0)
        close(self);
}
