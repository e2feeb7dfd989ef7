/* SPDX-License-Identifier: MIT */
/* How many CPUs may be used, from files laid out as the kernel's. */
#define _GNU_SOURCE
#include "sched/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft.h>

#include "tests/support/support.h"

static char root[] = "/tmp/weft-cpus-XXXXXX";
static char path_cgroup[64], path_v1[64], path_v2[64];

static void setup(void)
{
    CHECK_NOT_NULL(mkdtemp(root));
    (void)snprintf(path_cgroup, sizeof path_cgroup, "%s/cgroup", root);
    (void)snprintf(path_v1, sizeof path_v1, "%s/v1", root);
    (void)snprintf(path_v2, sizeof path_v2, "%s/v2", root);
}

/* Writes `text` to a file below the root, and makes the folders on its way. */
static void put(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    f = fopen(path, "w");
    CHECK_NOT_NULL(f);
    CHECK(fputs(text, f) >= 0);
    CHECK_OK(fclose(f));
}

static unsigned limit(const char *proc_cgroup)
{
    put("cgroup", proc_cgroup);
    return weft__cpus_of_cgroups(path_cgroup, path_v2, path_v1);
}

static void cleanup(void)
{
    char command[96];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
    CHECK_OK(system(command));
}

WEFT_TEST(cpus, quota_is_rounded_up)
{
    CHECK_EQ(weft__cpus_of_quota(100000, 100000), 1);
    CHECK_EQ(weft__cpus_of_quota(100001, 100000), 2);
    CHECK_EQ(weft__cpus_of_quota(1000, 100000), 1);
    CHECK_EQ(weft__cpus_of_quota(250000, 100000), 3);
    CHECK_EQ(weft__cpus_of_quota(800000, 100000), 8);
    CHECK_EQ(weft__cpus_of_quota(25000, 50000), 1);
}

WEFT_TEST(cpus, no_quota_is_no_limit)
{
    CHECK_EQ(weft__cpus_of_quota(-1, 100000), 0);
    CHECK_EQ(weft__cpus_of_quota(0, 100000), 0);
    CHECK_EQ(weft__cpus_of_quota(100000, 0), 0);
    CHECK_EQ(weft__cpus_of_quota(100000, -5), 0);
}

WEFT_TEST(cpus, absurd_quota_stays_a_number)
{
    CHECK_GT(weft__cpus_of_quota(INT64_MAX, 1), 0);
    CHECK_GT(weft__cpus_of_quota(INT64_MAX, 100000), 0);
}

WEFT_TEST(cpus, second_version_of_cgroups_is_read)
{
    setup();
    put("v2/a/cpu.max", "150000 100000\n");
    CHECK_EQ(limit("0::/a\n"), 2);
    put("v2/a/cpu.max", "max 100000\n");
    CHECK_EQ(limit("0::/a\n"), 0);
    put("v2/a/cpu.max", "300000\n");
    CHECK_EQ(limit("0::/a\n"), 3);
    put("v2/a/cpu.max", "30000 10000\n");
    CHECK_EQ(limit("0::/a\n"), 3);
    cleanup();
}

WEFT_TEST(cpus, first_version_of_cgroups_is_read)
{
    setup();
    put("v1/a/cpu.cfs_quota_us", "400000\n");
    put("v1/a/cpu.cfs_period_us", "100000\n");
    CHECK_EQ(limit("5:memory:/b\n4:cpu,cpuacct:/a\n1:name=systemd:/c\n"), 4);
    CHECK_EQ(limit("4:cpuacct,cpu:/a\n"), 4);
    put("v1/a/cpu.cfs_quota_us", "-1\n");
    CHECK_EQ(limit("4:cpu,cpuacct:/a\n"), 0);
    put("v1/a/cpu.cfs_quota_us", "50000\n");
    put("v1/a/cpu.cfs_period_us", "20000\n");
    CHECK_EQ(limit("4:cpu:/a\n"), 3);
    cleanup();
}

WEFT_TEST(cpus, other_controllers_do_not_count)
{
    setup();
    put("v1/a/cpu.cfs_quota_us", "100000\n");
    put("v1/a/cpu.cfs_period_us", "100000\n");
    CHECK_EQ(limit("4:cpuacct:/a\n3:cpuset:/a\n2:name=cpu:/a\n"), 0);
    cleanup();
}

WEFT_TEST(cpus, least_of_the_groups_around_wins)
{
    setup();
    put("v2/a/cpu.max", "200000 100000\n");
    put("v2/a/b/cpu.max", "max 100000\n");
    put("v2/a/b/c/cpu.max", "600000 100000\n");
    CHECK_EQ(limit("0::/a/b/c\n"), 2);
    put("v2/a/b/c/cpu.max", "100000 100000\n");
    CHECK_EQ(limit("0::/a/b/c\n"), 1);
    CHECK_EQ(limit("0::/a/b\n"), 2);
    put("v2/cpu.max", "100000 100000\n");
    CHECK_EQ(limit("0::/a/b\n"), 1);
    cleanup();
}

WEFT_TEST(cpus, both_versions_at_once_give_the_lesser)
{
    setup();
    put("v2/a/cpu.max", "300000 100000\n");
    put("v1/a/cpu.cfs_quota_us", "200000\n");
    put("v1/a/cpu.cfs_period_us", "100000\n");
    CHECK_EQ(limit("1:cpu:/a\n0::/a\n"), 2);
    CHECK_EQ(limit("0::/a\n1:cpu:/a\n"), 2);
    cleanup();
}

WEFT_TEST(cpus, group_that_is_not_mounted_counts_as_the_root)
{
    setup();
    put("v2/cpu.max", "500000 100000\n");
    CHECK_EQ(limit("0::/host/only/path\n"), 5);
    CHECK_EQ(limit("0::/\n"), 5);
    cleanup();
}

WEFT_TEST(cpus, nonsense_is_no_limit)
{
    setup();
    put("v2/a/cpu.max", "");
    CHECK_EQ(limit("0::/a\n"), 0);
    put("v2/a/cpu.max", "what 12\n");
    CHECK_EQ(limit("0::/a\n"), 0);
    CHECK_EQ(limit(""), 0);
    CHECK_EQ(limit("no colons here\n:\n::\n1:cpu\n"), 0);
    CHECK_EQ(weft__cpus_of_cgroups("/nonexistent/cgroup", path_v2, path_v1), 0);
    cleanup();
}

WEFT_TEST(cpus, affinity_bounds_the_answer)
{
    cpu_set_t set;
    unsigned n = weft_cpus();

    CHECK_GE(n, 1);
    CHECK_OK(sched_getaffinity(0, sizeof set, &set));
    CHECK_LE(n, CPU_COUNT(&set));
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set)) {
            CPU_ZERO(&set);
            CPU_SET(i, &set);
            break;
        }
    CHECK_OK(sched_setaffinity(0, sizeof set, &set));
    CHECK_EQ(weft_cpus(), 1);
}
