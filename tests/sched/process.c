/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "tests/sched/process.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sched/pages.h"
#include "tests/support/support.h"

static int entries(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;

    CHECK_NOT_NULL(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

/* The number behind `key` in a file of /proc; -1: it is not there. */
static long number(const char *path, const char *key)
{
    char line[4096];
    long n = -1;
    FILE *f = fopen(path, "re");

    if (f == NULL)
        return -1;
    while (n < 0 && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            n = strtol(line + strlen(key), NULL, 10);
    (void)fclose(f);
    return n;
}

static int lines(const char *path)
{
    char line[4096];
    int n = 0;
    FILE *f = fopen(path, "re");

    CHECK_NOT_NULL(f);
    while (fgets(line, sizeof line, f) != NULL)
        n++;
    (void)fclose(f);
    return n;
}

void process_prepare(void)
{
#ifdef M_ARENA_MAX
    (void)mallopt(M_ARENA_MAX, 1);
#endif
}

struct process_state process_look(void)
{
    struct process_state s = {0};
    /* A joined thread has told so from its last instructions, and may be on the list for a moment still; a thread of an
     * emulator has more to do after that. Those that are left behind stay. */
    int looks = getenv("WEFT_TEST_EMULATED") != NULL ? 20 : 2;

    for (int same = 0, before = -1; same < looks; same = s.threads == before ? same + 1 : 0) {
        before = s.threads;
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        s.threads = entries("/proc/self/task");
    }
    s.descriptors = entries("/proc/self/fd");
    s.mappings = lines("/proc/self/maps");
    s.mapped_kib = number("/proc/self/status", "VmData:");
#if !TEST_ASAN && !TEST_TSAN && defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    s.heap_bytes = (long)mallinfo2().uordblks;
#endif
    return s;
}

void process_check(const struct process_state *before, const struct process_state *after, int cycles)
{
    CHECK_EQ(after->threads, before->threads);
    CHECK_EQ(after->descriptors, before->descriptors);
    if (test_under_valgrind())
        return; /* what is mapped is valgrind's; it reports what is lost itself */
    if (getenv("WEFT_TEST_EMULATED") != NULL) {
        /* /proc tells of the emulator, which keeps the code that it has translated. */
        CHECK_LT(after->heap_bytes, before->heap_bytes + 16384 + 64L * cycles);
        return;
    }
    /* Neighbouring mappings merge or not as the addresses fall, so their number varies a little; TSan makes its own. */
    if (!TEST_TSAN)
        CHECK_LT(after->mappings, before->mappings + 8 + cycles / 4);
    if (!TEST_ASAN && !TEST_TSAN) {
        CHECK_LT(after->mapped_kib, before->mapped_kib + 256 + 4L * cycles);
        CHECK_LT(after->heap_bytes, before->heap_bytes + 16384 + 64L * cycles);
    }
}

long process_switches(void)
{
    long n = 0;
    DIR *d = opendir("/proc/self/task");

    CHECK_NOT_NULL(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[512], name[64] = "";
        FILE *f;

        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        if (e->d_name[0] == '.' || (f = fopen(path, "re")) == NULL)
            continue;
        if (fgets(name, sizeof name, f) == NULL)
            name[0] = '\0';
        (void)fclose(f);
        if (strncmp(name, "weft", 4) != 0)
            continue;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
        n += number(path, "voluntary_ctxt_switches:");
        n += number(path, "nonvoluntary_ctxt_switches:");
    }
    (void)closedir(d);
    return n;
}

int process_wait(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) != child)
        CHECK_EQ(errno, EINTR);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

pid_t process_fork(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGABRT};
    pid_t child = fork();

    CHECK_GE(child, 0);
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
            (void)signal(faults[i], SIG_DFL);
    }
    return child;
}

int process_listen(void (*body)(void), char *said, size_t size)
{
    size_t used = 0;
    ssize_t n;
    int fd[2];
    pid_t child;

    CHECK_OK(pipe(fd));
    child = process_fork();
    if (child == 0) {
        (void)dup2(fd[1], STDERR_FILENO);
        (void)close(fd[0]);
        (void)close(fd[1]);
        body();
        _exit(0);
    }
    (void)close(fd[1]);
    while ((n = read(fd[0], said + used, size - 1 - used)) > 0)
        used += (size_t)n;
    said[used] = '\0';
    (void)close(fd[0]);
    return process_wait(child);
}

bool process_stacks_cost_mappings(void)
{
    enum { PAGES = 1 << 16 }; /* bytes: whole pages wherever it runs */
    struct weft__ranges r = {.first = weft__map(2 * PAGES), .size = PAGES, .stride = 2 * PAGES, .count = 1};
    unsigned mapped = 0;
    int rc = 0;

    CHECK_NOT_NULL(r.first);
    CHECK_EQ(weft__guard(&r, &mapped, &rc), 1);
    weft__guards_forget(mapped);
    weft__unmap(r.first, 2 * PAGES);
    return mapped > 0;
}
