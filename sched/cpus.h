/* SPDX-License-Identifier: MIT */
/* The parts of weft_cpus() that tests feed with files of their own. */
#ifndef WEFT_SCHED_CPUS_H
#define WEFT_SCHED_CPUS_H

#include <stdbool.h>

/* quota / period rounded up; 0: no limit. */
unsigned weft__cpus_of_quota(long long quota, long long period);

/* The least quota of the cgroups named in the file `proc_cgroup` (see cgroups(7)), below the mount points given; 0: none. */
unsigned weft__cpus_of_cgroups(const char *proc_cgroup, const char *v2_root, const char *v1_root);

#endif
