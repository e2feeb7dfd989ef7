/* SPDX-License-Identifier: MIT */
/*
 * Barriers: a fixed number of parties meet, and go on together, as often as they like.
 *
 *     static weft_barrier phase = WEFT_BARRIER_INIT(3);
 *
 *     static int simulate(void *part)
 *     {
 *         int rc = 0;
 *
 *         for (int step = 0; step < 10 && rc >= 0; step++) {
 *             compute(part, step);
 *             rc = weft_barrier_wait(&phase);        nobody begins a step before all have done the last one
 *         }
 *         return rc < 0 ? rc : 0;
 *     }
 *
 * Each wait is an arrival. The one that makes the parties complete does not wait: it lets all go, and the barrier is as
 * at first, for the next round. The wait returns the index of the arrival in its round: 0 for the first, up to parties
 * - 1 for the last, the one that let the others go. All that was done before the arrivals of a round is seen after each
 * of its waits.
 *
 * One that is cancelled while it waits takes its arrival back, and the barrier stays in use, as with asyncio.Barrier:
 * the others wait until somebody else has arrived in its place. Where that will never be, they would wait for ever: so
 * whoever cannot come any more calls weft_barrier_abort(), or the parties share a group, which is cancelled as a whole.
 * Where the last party arrives before a cancelled one has taken its arrival back, the round is complete with it, and
 * its wait returns its index; the next call says WEFT_ECANCELED.
 *
 *     filling --the last one arrives--> filling, with nobody (the next round)
 *        |
 *        +--abort--> broken: each wait returns WEFT_EBROKEN --reset--> filling, with nobody
 *        +--reset--> filling, with nobody: those that waited get WEFT_EBROKEN
 *
 * Storage: 32 bytes of the caller's, initialised statically or by a call. It must not move while in use. Zeroed memory
 * is a barrier without parties, for which nobody can wait. Before the memory goes away weft_barrier_fini() has to be
 * called, and nobody may be in any call for the barrier then, but for the arrival that let the caller go: fini waits
 * until that is through.
 *
 * Threads: wait suspends a task, and blocks a thread that runs none; tasks and threads may be parties of one barrier.
 * All calls but init and fini may be made at any time from any task of any runtime, and from any thread.
 */
#ifndef WEFT_BARRIER_H
#define WEFT_BARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_barrier {
    uint64_t opaque[4];
} weft_barrier;

/* A barrier for `n` parties, 1 to INT32_MAX. */
/* clang-format off */
#define WEFT_BARRIER_INIT(n) {{0, (uint64_t)(n), 0, 0}}
/* clang-format on */

/* The same at run time. Returns 0, or WEFT_EINVAL: no such number of parties. Does not suspend. */
WEFT_API int weft_barrier_init(weft_barrier *b, uint32_t n) WEFT_NONNULL(1);

/* Ends the use of a barrier. Returns 0, or WEFT_EBUSY and changes nothing: somebody waits; debug mode reports it. Does
 * not suspend. */
WEFT_API int weft_barrier_fini(weft_barrier *b) WEFT_NONNULL(1);

/*
 * Arrives, and waits for the other parties. Returns
 *   0 or more         the index of the arrival; parties - 1: this call completed the round, and did not wait
 *   WEFT_EBROKEN      the barrier is broken, or was broken or reset while this call waited
 *   WEFT_ECANCELED    the scope is cancelled, or was while it waited: the arrival does not count
 *   WEFT_EINVAL       the barrier has no parties, or too many
 *   WEFT_ENOTASK      on a thread of a runtime that runs no task, where nothing may wait
 * Suspends; a plain thread is blocked.
 */
WEFT_API WEFT_CHECK int weft_barrier_wait(weft_barrier *b) WEFT_NONNULL(1);

/* Arrives where that completes the round, and does as weft_barrier_wait() then; WEFT_EAGAIN and no arrival where it
 * would have to wait. Does not suspend, and is no checkpoint. */
WEFT_API WEFT_CHECK int weft_barrier_try_wait(weft_barrier *b) WEFT_NONNULL(1);

/* Breaks the barrier until weft_barrier_reset(): all waits, those under way and those to come, return WEFT_EBROKEN.
 * Does not suspend. */
WEFT_API void weft_barrier_abort(weft_barrier *b) WEFT_NONNULL(1);

/* Has the barrier as at first, not broken and with nobody: waits that are under way return WEFT_EBROKEN. Does not
 * suspend. */
WEFT_API void weft_barrier_reset(weft_barrier *b) WEFT_NONNULL(1);

/* The number of parties, how many of them wait now, and whether the barrier is broken. Do not suspend. */
WEFT_API uint32_t weft_barrier_parties(const weft_barrier *b) WEFT_NONNULL(1);
WEFT_API uint32_t weft_barrier_waiting(weft_barrier *b) WEFT_NONNULL(1);
WEFT_API bool weft_barrier_is_broken(weft_barrier *b) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
