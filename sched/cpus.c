/* SPDX-License-Identifier: MIT */
/* How many CPUs this process may use: its affinity, cut by the CPU quotas of its cgroups. */
#define _GNU_SOURCE
#include "sched/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/runtime.h>

static unsigned affinity(void)
{
    /* The kernel refuses a mask that is smaller than its own: grow until it fits. */
    for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        int n = 0;

        if (set == NULL)
            break;
        if (sched_getaffinity(0, size, set) == 0)
            n = CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (n > 0)
            return (unsigned)n;
    }
    {
        long n = sysconf(_SC_NPROCESSORS_ONLN);

        return n > 0 ? (unsigned)n : 1;
    }
}

unsigned weft__cpus_of_quota(long long quota, long long period)
{
    long long n;

    if (quota <= 0 || period <= 0)
        return 0;
    n = quota / period + (quota % period != 0);
    return n > 1 << 20 ? 1u << 20 : (unsigned)n;
}

/* The numbers in `dir/name`: two of them, or one and then *second stays. "max" leaves *first as it is. */
static void read_numbers(const char *dir, const char *name, long long *first, long long *second)
{
    char path[4096 + 64], text[128];
    FILE *f;

    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path || (f = fopen(path, "re")) == NULL)
        return;
    if (fgets(text, sizeof text, f) != NULL && strncmp(text, "max", 3) != 0) {
        char *end;

        *first = strtoll(text, &end, 10);
        if (second != NULL && *end == ' ')
            *second = strtoll(end, NULL, 10);
    }
    (void)fclose(f);
}

static unsigned least(unsigned a, unsigned b)
{
    return b != 0 && b < a ? b : a;
}

/* The limit of `group` and the groups around it, below `root`; 0: none. `v2` tells the file names. */
static unsigned limit_of(const char *root, const char *group, bool v2)
{
    unsigned limit = 0;
    char dir[4096];
    int n = snprintf(dir, sizeof dir, "%s%s", root, group);

    if (n < 0 || n >= (int)sizeof dir)
        return 0;
    for (;;) {
        long long quota = -1, period = 100000;
        unsigned here;
        char *slash;

        if (v2) {
            read_numbers(dir, "cpu.max", &quota, &period);
        } else {
            read_numbers(dir, "cpu.cfs_quota_us", &quota, NULL);
            read_numbers(dir, "cpu.cfs_period_us", &period, NULL);
        }
        here = weft__cpus_of_quota(quota, period);
        limit = limit == 0 ? here : least(limit, here);
        slash = strrchr(dir, '/');
        if (strlen(dir) <= strlen(root) || slash == NULL)
            return limit;
        *slash = '\0';
    }
}

unsigned weft__cpus_of_cgroups(const char *proc_cgroup, const char *v2_root, const char *v1_root)
{
    unsigned limit = 0;
    char line[4096];
    FILE *f = fopen(proc_cgroup, "re");

    if (f == NULL)
        return 0;
    while (fgets(line, sizeof line, f) != NULL) {
        char *controllers = strchr(line, ':'), *group;
        unsigned here = 0;

        line[strcspn(line, "\n")] = '\0';
        if (controllers == NULL || (group = strchr(++controllers, ':')) == NULL)
            continue;
        *group++ = '\0';
        if (*controllers == '\0') {
            here = limit_of(v2_root, group, true);
        } else {
            for (char *save, *name = strtok_r(controllers, ",", &save); name != NULL; name = strtok_r(NULL, ",", &save))
                if (strcmp(name, "cpu") == 0)
                    here = limit_of(v1_root, group, false);
        }
        limit = limit == 0 ? here : least(limit, here);
    }
    (void)fclose(f);
    return limit;
}

unsigned weft_cpus(void)
{
    return least(affinity(), weft__cpus_of_cgroups("/proc/self/cgroup", "/sys/fs/cgroup", "/sys/fs/cgroup/cpu"));
}
