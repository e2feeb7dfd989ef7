/* SPDX-License-Identifier: MIT */
/*
 * The explorer: runs a case, which calls weft's own code, on threads of its own making and decides itself who goes
 * on at each atomic access, and which value a load sees. Everything that it decides comes from a seed, so a run that
 * failed can be had again.
 *
 * A model thread is a context on the one thread of the process. Cases and the code under test are compiled with
 * WEFT_ATOMIC_SEAM (tests/model/atomic.h): each atomic access is a place where another thread may go on. Plain accesses
 * are not; they are watched instead (memory.h).
 *
 * Schedules: half of the seeds walk at random, and keep the running thread with a probability drawn for the run. The other
 * half is PCT: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of
 * Finding Bugs" (ASPLOS 2010): random priorities, the highest that can runs, and at a few random steps the running thread
 * falls below all others. Deviations: the length of the run, which the paper takes as known, is drawn too; a thread that
 * spins, or that runs for very long, falls as well, because weft's code waits for others in some loops.
 *
 * A run fails when a check does, when memory is used wrongly (memory.h), when all threads sleep and not all have
 * ended (a deadlock, or a wake-up that was lost), and when it takes too many steps (a livelock).
 */
#ifndef WEFT_TESTS_MODEL_EXPLORER_H
#define WEFT_TESTS_MODEL_EXPLORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_THREADS 8 /* in one run, the first included */

struct model_case {
    const char *name;
    void (*run)(void); /* called on the first thread; all others must have ended when it returns */
};

/* Runs the schedules that the arguments ask for. The exit status. */
int model_main(int argc, char **argv, const struct model_case *cases, size_t count);

/* Ends the run: it has failed. */
_Noreturn void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define MODEL_CHECK(x)                                                                                                 \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            model_fail("%s:%d: %s", __FILE__, __LINE__, #x);                                                           \
    } while (0)

/* A number below `n`. */
unsigned model_choose(unsigned n);

/* Threads. The starter's writes are seen by the started, those of the ended by the joiner. */
unsigned model_start(const char *name, void (*run)(void *arg), void *arg);
void model_join(unsigned thread);
unsigned model_self(void);

/* A pointer that belongs to the calling thread; NULL at first. */
void **model_local(void);

/* Sleeps until somebody wakes `key`, or `deadline` (INT64_MAX: never) has come. False: the deadline. */
bool model_sleep(const volatile void *key, int64_t deadline);
unsigned model_wake(const volatile void *key, unsigned count);

/* One turn of a loop that waits for another thread. */
void model_spin(void);

/* A few of them, or none. */
void model_pause(void);

/* Waits until every other thread sleeps, with no deadline, or has ended. The caller then sees all that they wrote. */
void model_wait_quiet(void);

/* Time stands still while anybody runs, but for a random bit at each look. */
int64_t model_clock(void);

/* Memory of the run, zeroed. What is freed is poisoned and not used again; who touches it fails the run. */
void *model_alloc(size_t size, size_t align);
void model_free(void *p);

/* membarrier(2): a full fence on every thread, some time during the call. */
void model_membarrier(void);

#endif
