/* SPDX-License-Identifier: MIT */
/*
 * A spin lock that is free of atomic read-modify-writes for the worker that mostly takes it: the tasks that meet at a channel tend to run on
 * one worker, and each of theirs costs as much as twenty instructions. After Dice, Moir and Scherer, "Quickly Reacquirable Locks" (2003), and
 * Vasudevan, Namjoshi and Edwards, "Simple and Fast Biased Locks" (PACT 2010); what they did by signals or by waiting, membarrier(2) does.
 *
 *      unbiased --the same worker takes it many times in a row--> biased towards it
 *         ^                                                          |
 *         +--------anybody else takes it: membarrier-----------------+
 *
 * The favourite takes it by a handshake like Dekker's, of which the rare side pays for both:
 *      favourite:   store inside, then load favourite                   two plain accesses in program order
 *      revoker:     takes `lock`, stores favourite = 0, then membarrier, then waits until inside is false
 * Either the favourite sees that it is none any more, and takes `lock` like everybody, or the revoker sees it inside, and waits. A
 * favourite is chosen only by itself, holding `lock`; so while there is one, nobody holds `lock` but on the way to revoke it.
 *
 * A favourite that has just read that it is one may be held up, and store `inside` long after the bias was revoked, to take it back
 * at once. It must not meet the mark of a later favourite there, so each bias has a mark of its own, and there are only
 * WEFT__BIAS_TIMES of them in the life of a lock. Each needs twice as many holds in a row as the one before. So a lock that moves between
 * workers costs a few revocations, of some microseconds each, and is a plain one from then on.
 *
 * What is written under it is seen by the next holder: the revoker reads `inside` with acquire, others go through `lock`, and the
 * favourite becomes one in a hold of `lock`.
 */
#ifndef WEFT_SCHED_BIAS_H
#define WEFT_SCHED_BIAS_H

#include "sched/lock.h"

struct weft__worker;

#ifndef WEFT__BIAS_AFTER
#define WEFT__BIAS_AFTER 500 /* holds in a row, at first */
#endif
#define WEFT__BIAS_TIMES 8

struct weft__bias_lock {
    _Atomic uintptr_t favourite;           /* a worker, and the number of its mark; 0: it is unbiased */
    _Atomic bool inside[WEFT__BIAS_TIMES]; /* the favourite holds it, or looks whether it may */
    struct weft__spinlock lock;
    uint8_t held_by; /* the holder's: 1 + the number of its mark; 0: it holds `lock` */
    uint8_t times;   /* guarded by `lock`, as the rest: biases so far */
    uint32_t streak;
    struct weft__worker *last;
};

/* Under `lock`: revokes the bias, if there is one; counts a hold of `w`. */
void weft__bias_settle(struct weft__bias_lock *l, struct weft__worker *w);

/* `w` is the calling thread's worker, or NULL. */
static inline void weft__bias_lock(struct weft__bias_lock *l, struct weft__worker *w)
{
    uintptr_t favourite = A_LOAD(&l->favourite, relaxed); /* relaxed: it is looked at again */
    uintptr_t mark = favourite - (uintptr_t)w;

    if (mark < WEFT__BIAS_TIMES && WEFT__LIKELY(w != NULL)) {
        A_STORE(&l->inside[mark], true, relaxed);
        A_COMPILER_FENCE(); /* the order of this store and the next load is the revoker's business */
        /* relaxed: only this thread makes itself the favourite */
        if (WEFT__LIKELY(A_LOAD(&l->favourite, relaxed) == favourite)) {
            l->held_by = (uint8_t)(mark + 1);
            return;
        }
        A_STORE(&l->inside[mark], false, release); /* as in weft__bias_unlock() */
    }
    weft__spinlock_lock(&l->lock);
    weft__bias_settle(l, w);
    l->held_by = 0;
}

static inline void weft__bias_unlock(struct weft__bias_lock *l)
{
    if (WEFT__LIKELY(l->held_by != 0))
        A_STORE(&l->inside[l->held_by - 1], false, release); /* pairs with the acquire of a revoker */
    else
        weft__spinlock_unlock(&l->lock);
}

#endif
