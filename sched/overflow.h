/* SPDX-License-Identifier: MIT */
/*
 * A stack overflow, named. A task that uses up its stack runs into the guard below it; the fault would be one of many that kill
 * a process without a word. A handler of SIGSEGV and SIGBUS, on a signal stack of each worker's own (and of each thread that runs a task
 * in place), knows the guard of the
 * stack that its worker is on, says on stderr whose stack it was and how large, and then does what would have happened
 * without it: it calls the former handler, or lets the default one kill the process at the very instruction.
 *
 * The first runtime installs the handler, the last restores the former ones, unless somebody has installed another on top of
 * it meanwhile: that one may call ours, so it is left as it is, and never called by ours. Those are the states:
 *
 *      away --install--> on top --restore--> away
 *                          |  ^
 *           others install `  ' others restore           covered: install and restore leave everything as it is
 *
 * The handler is async-signal-safe: it reads the worker of its thread, that worker's stack and task, and calls write(2).
 */
#ifndef WEFT_SCHED_OVERFLOW_H
#define WEFT_SCHED_OVERFLOW_H

/* For each runtime that wants it: installs, or counts. 0 or -errno. */
int weft__overflow_install(void);
void weft__overflow_restore(void);

/* Memory for a worker's signal stack, of which nothing is touched before a fault; NULL where there is none. */
void *weft__signal_stack_create(void);
void weft__signal_stack_destroy(void *stack); /* takes NULL */

/* The calling thread takes `stack` for its signals, and parts with it. One that has a signal stack already keeps it. */
void weft__signal_stack_enter(void *stack);
void weft__signal_stack_leave(void *stack);

#endif
