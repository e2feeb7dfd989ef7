/* SPDX-License-Identifier: MIT */
/* Thread-locals for tasks that move: each access is a call, so that no address outlives a suspension. */
#ifndef WEFT_TESTS_SCHED_MIGRATE_TLS_H
#define WEFT_TESTS_SCHED_MIGRATE_TLS_H

/* Counts one up for the calling thread, and returns its count. */
long tls_count(void);

/* The counts of all threads that have counted. */
long tls_total(void);

/* The calling thread as a thread-local has it, and as the kernel has it. */
long tls_thread(void);
long tls_kernel_thread(void);

#endif
