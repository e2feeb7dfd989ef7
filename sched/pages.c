/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "sched/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/error.h>

#include "sched/valgrind.h"

/* Headers of systems that are older than the kernel lack them. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef PIDFD_SELF_THREAD
#define PIDFD_SELF_THREAD (-10000)
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

/* Advice for many ranges at once. */

enum vector { BY_SELF, BY_PIDFD, VECTOR_NONE };

/* One call. The bytes that took the advice, from the first on, or -errno. */
static long advise_vector(enum vector how, const struct iovec *v, unsigned n, int advice)
{
    int fd = PIDFD_SELF_THREAD;
    long done;

    if (how == BY_PIDFD) {
        /* Not kept: in the child of a fork it would stand for the parent. */
        fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
        if (fd < 0)
            return -errno;
    }
    done = syscall(SYS_process_madvise, fd, v, n, advice, 0);
    if (done < 0)
        done = -errno;
    if (how == BY_PIDFD)
        (void)close(fd);
    return done;
}

/* The number of ranges, from the first on, that took the advice for certain. */
static unsigned advise_at_once(const struct iovec *v, unsigned n, int advice)
{
    /* What works, by experience. relaxed: every thread comes to the same answer, and a stale one costs a call. */
    static _Atomic int best = BY_SELF;
    unsigned whole = 0;

    for (int how = A_LOAD(&best, relaxed); how != VECTOR_NONE; how++) {
        long done = advise_vector((enum vector)how, v, n, advice);

        if (done >= 0) {
            while (whole < n && (size_t)done >= v[whole].iov_len)
                done -= (long)v[whole++].iov_len;
            return whole;
        }
        /* No such descriptor, no such call, not allowed, not such advice: never. Anything else: not this time. */
        if (done != -EBADF && done != -ENOSYS && done != -EPERM && done != -EINVAL)
            return 0;
        /* EINVAL may also come from one range alone, when its pages are locked. It proves nothing. */
        if (done != -EINVAL)
            A_STORE(&best, how + 1, relaxed);
    }
    return 0;
}

/* As many ranges as took the advice, at once or one by one; from the first on. */
static unsigned advise(const struct iovec *v, unsigned n, int advice)
{
    unsigned i = n > 1 ? advise_at_once(v, n, advice) : 0;

    while (i < n && madvise(v[i].iov_base, v[i].iov_len, advice) == 0)
        i++;
    return i;
}

void weft__discard(const struct iovec *ranges, unsigned n)
{
    for (unsigned i = 0, once; i < n; i += once) {
        once = n - i < WEFT__RANGES_AT_ONCE ? n - i : WEFT__RANGES_AT_ONCE;
        /* One that will not (its pages are locked) does not keep the others from it. */
        for (unsigned j = 0; j < once; j++)
            j += advise(ranges + i + j, once - j, MADV_DONTNEED);
    }
}

void weft__populate(const struct iovec *ranges, unsigned n)
{
    static _Atomic bool refused; /* relaxed: kernels before 6.13 do so for good, and each thread finds out */

    if (!A_LOAD(&refused, relaxed) && advise_at_once(ranges, n, MADV_POPULATE_WRITE) == 0)
        A_STORE(&refused, true, relaxed);
}

/* Guards. */

/* Emulators answer 0 to advice that they do not know, so the answer alone proves nothing: a system call that
 * reads from the guarded page must fail. */
static bool probe_guard_install(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const char *wish = getenv("WEFT_GUARD");
    int fd[2];
    bool works = false;
    void *p;

    if ((wish != NULL && strcmp(wish, "mprotect") == 0) || RUNNING_ON_VALGRIND)
        return false;
    p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    if (madvise(p, page, MADV_GUARD_INSTALL) == 0 && pipe2(fd, O_CLOEXEC) == 0) {
        works = write(fd[1], p, 1) < 0 && errno == EFAULT;
        (void)close(fd[0]);
        (void)close(fd[1]);
    }
    (void)munmap(p, page);
    return works;
}

static bool installs(void)
{
    /* LeakSanitizer reads every page of a root region that the mappings show as readable, which guard markers are; valgrind's
     * search for leaks, all there is, and each guard costs it a fault. */
    static _Atomic int answer = WEFT__ASAN ? 0 : -1;
    int a = A_LOAD(&answer, relaxed); /* relaxed: every thread that probes stores the same answer */

    if (WEFT__UNLIKELY(a < 0)) {
        a = probe_guard_install();
        A_STORE(&answer, a, relaxed);
    }
    return a > 0;
}

/* Guards of the whole process that cost mappings; relaxed everywhere: it is a number. */
static _Atomic long guards_mapped;

/* How many of them there may be. */
static long guards_mapped_max(void)
{
    char text[32] = "";
    long limit;
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return LONG_MAX; /* then the kernel says when it is enough */
    if (read(fd, text, sizeof text - 1) <= 0)
        text[0] = '\0';
    (void)close(fd);
    limit = strtol(text, NULL, 10);
    /* One of 32 is left to the rest of the program: without it no thread starts, and malloc fails. */
    return limit > 0 ? (limit - limit / 32) / 2 : LONG_MAX;
}

/* As many of `n` as the process may have more. */
static unsigned reserve_mapped(unsigned n)
{
    static _Atomic long max;
    long have = A_LOAD(&guards_mapped, relaxed), most = A_LOAD(&max, relaxed), grant;

    do {
        if (have + (long)n > most) {
            /* Looked up anew, for the administrator may have raised it. */
            most = guards_mapped_max();
            A_STORE(&max, most, relaxed);
        }
        grant = have >= most ? 0 : most - have < (long)n ? most - have : (long)n;
    } while (!A_CAS_WEAK(&guards_mapped, &have, have + grant, relaxed, relaxed));
    return (unsigned)grant;
}

void weft__guards_forget(unsigned mapped)
{
    A_SUB(&guards_mapped, (long)mapped, relaxed);
}

/* Guards from the i-th on by mprotect; returns the index of the first that has none. */
static unsigned protect(const struct weft__ranges *r, unsigned i, unsigned *mapped, int *rc)
{
    unsigned granted = reserve_mapped(r->count - i), done = 0;

    *rc = granted < r->count - i ? WEFT_EMAPLIMIT : 0;
    while (done < granted) {
        if (mprotect(r->first + r->stride * (i + done), r->size, PROT_NONE) != 0) {
            /* It needs no memory to speak of: what it lacks is mappings, which others of the process have used up. */
            *rc = errno == ENOMEM ? WEFT_EMAPLIMIT : -errno;
            weft__guards_forget(granted - done);
            break;
        }
        done++;
    }
    *mapped += done;
    return i + done;
}

unsigned weft__guard(const struct weft__ranges *r, unsigned *mapped, int *rc)
{
    struct iovec v[WEFT__RANGES_AT_ONCE];
    unsigned i = 0;

    *mapped = 0;
    *rc = 0;
    if (weft__fault(WEFT__SEAM_GUARD)) {
        *rc = -ENOMEM;
        return 0;
    }
    while (i < r->count && installs()) {
        unsigned once = r->count - i < WEFT__RANGES_AT_ONCE ? r->count - i : WEFT__RANGES_AT_ONCE, done;

        for (unsigned j = 0; j < once; j++)
            v[j] = (struct iovec){.iov_base = r->first + r->stride * (i + j), .iov_len = r->size};
        done = advise(v, once, MADV_GUARD_INSTALL);
        i += done;
        if (done < once)
            break; /* the kernel refuses it here: pages that are locked */
    }
    return i < r->count ? protect(r, i, mapped, rc) : i;
}
