/* SPDX-License-Identifier: MIT */
/*
 * Read-write locks, phase-fair: phases of one writer and of all readers that wait take turns. After the idea of
 * Brandenburg and Anderson, "Spin-Based Reader-Writer Synchronization for Multiprocessor Real-Time Systems" (2010);
 * theirs is of tickets, ours of queues.
 *
 * The word: the address of the writer and WRITING, or READER times the number of readers; and with either WAITED, or
 * BROKEN alone.
 *
 *      free      = 0
 *      read      = n * READER         [| WAITED]
 *      written   = writer | WRITING   [| WAITED]
 *      broken    = BROKEN
 *
 * Invariants, whenever the lock is free:
 *      somebody waits                =>  WAITED, and the lock is read or written
 *      readers wait, the lock is read  =>  a writer waits in front of them
 * With WAITED nobody comes in past the queues, and the word changes under the lock alone, but for the readers that
 * leave and are not the last. All that come in from a queue are let in by who claims them.
 */
#include <weft/rwlock.h>

#include <weft/error.h>

#include "sched/held.h"
#include "sync/misuse.h"
#include "sync/waiter.h"

enum { WAITED = 1, BROKEN = 2, WRITING = 4, READER = 64, BITS = READER - 1 };

struct rwlock {
    _Atomic uint64_t word;
    struct weft__list readers, writers; /* of struct waiter; under the lock */
    struct weft__held held;             /* the writer's */
    struct weft__spinlock lock;         /* a leaf but for the wait words of the waiters */
} __attribute__((may_alias));

_Static_assert(sizeof(struct rwlock) == sizeof(weft_rwlock) && sizeof(weft_rwlock) == 64, "as the header says");
_Static_assert(_Alignof(struct rwlock) <= _Alignof(weft_rwlock), "the caller's storage suits");
_Static_assert(_Alignof(struct weft__task) > BITS, "a task's address leaves room for the bits");

struct waiter {
    struct weft__waiter waiter;
    bool broken;
};

/* Which phase has ended. */
enum ended { READ, WRITTEN };

static inline struct rwlock *lock_of(weft_rwlock *l)
{
    return (struct rwlock *)l;
}

void weft_rwlock_init(weft_rwlock *l)
{
    *l = (weft_rwlock)WEFT_RWLOCK_INIT;
}

int weft_rwlock_fini(weft_rwlock *p)
{
    struct rwlock *l = lock_of(p);
    uint64_t s;

    weft__spinlock_lock(&l->lock);
    s = A_LOAD(&l->word, acquire); /* pairs with the release of who held it last */
    if (s == BROKEN)
        A_STORE(&l->word, s = 0, relaxed); /* relaxed: nobody else is left */
    weft__spinlock_unlock(&l->lock);
    return s != 0 ? weft__misuse(WEFT_EBUSY, "ends a read-write lock that is held or waited for") : 0;
}

static inline bool is_written_by(uint64_t s, const struct weft__task *t)
{
    return (s & ~(uint64_t)WAITED) == ((uintptr_t)t | WRITING);
}

bool weft_rwlock_owned(const weft_rwlock *l)
{
    const struct weft__task *t = weft__task_self();

    /* relaxed: only the caller itself makes it so and ends it */
    return t != NULL && is_written_by(A_LOAD(&((const struct rwlock *)l)->word, relaxed), t);
}

/* The queues. Under the lock. */

static struct waiter *claim_first(struct weft__list *queue, struct weft__wakes *wakes)
{
    struct weft__waiter *w = weft__waiters_claim_first(queue, wakes);

    return w != NULL ? WEFT__CONTAINER(w, struct waiter, waiter) : NULL;
}

/* Relaxed, here and below: those who are let in are ordered by the lock. */
static bool let_a_writer_in(struct rwlock *l, struct weft__wakes *wakes)
{
    const struct waiter *w = claim_first(&l->writers, wakes);

    if (w != NULL)
        A_STORE(&l->word, (uintptr_t)w->waiter.task | WRITING | WAITED, relaxed);
    return w != NULL;
}

static bool let_the_readers_in(struct rwlock *l, struct weft__wakes *wakes)
{
    uint64_t n = 0;

    while (claim_first(&l->readers, wakes) != NULL)
        n++;
    (void)A_ADD(&l->word, n * READER, relaxed);
    return n > 0;
}

/* Lets in who may come in after a phase has ended, or who waits has left; WAITED is set. */
static void settle(struct rwlock *l, enum ended ended, struct weft__wakes *wakes)
{
    uint64_t s = A_LOAD(&l->word, acquire); /* pairs with the release of the readers that have left */

    if ((s & ~(uint64_t)WAITED) == 0) {
        if (ended == READ)
            (void)(let_a_writer_in(l, wakes) || let_the_readers_in(l, wakes));
        else
            (void)(let_the_readers_in(l, wakes) || let_a_writer_in(l, wakes));
    } else if ((s & WRITING) == 0 && l->writers.first == NULL) {
        (void)let_the_readers_in(l, wakes);
    }
    if (l->readers.first == NULL && l->writers.first == NULL)
        (void)A_AND(&l->word, ~(uint64_t)WAITED, release); /* who comes in past the queues sees what was written */
}

/* The writer `t` has ended. */
static void abandon(struct weft__held *held, struct weft__task *t)
{
    struct rwlock *l = WEFT__CONTAINER(held, struct rwlock, held);
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    struct waiter *w;

    weft__report_misuse(t, "ended while it held a lock for writing");
    weft__spinlock_lock(&l->lock);
    A_STORE(&l->word, BROKEN, release); /* pairs with the acquire of a repair */
    while ((w = claim_first(&l->readers, &wakes)) != NULL || (w = claim_first(&l->writers, &wakes)) != NULL)
        w->broken = true;
    weft__spinlock_unlock(&l->lock);
    weft__wake(&wakes);
}

/* Comes in past the queues: 0, or WEFT_EBUSY, WEFT_EBROKEN. `t` is the writer, NULL: a reader. */
static inline int come_in(struct rwlock *l, struct weft__task *t)
{
    uint64_t s = A_LOAD(&l->word, relaxed); /* relaxed: compared by what follows */

    for (;;) {
        if (WEFT__UNLIKELY(s == BROKEN))
            return WEFT_EBROKEN;
        if (t != NULL ? s != 0 : (s & (WRITING | WAITED)) != 0)
            return WEFT_EBUSY;
        /* acquire pairs with the release of those who have left */
        if (WEFT__LIKELY(A_CAS_WEAK(&l->word, &s, t != NULL ? ((uintptr_t)t | WRITING) : s + READER, acquire, relaxed)))
            break;
    }
    if (t != NULL)
        weft__held_add(t, &l->held, abandon);
    return 0;
}

/* The same under the lock; at WEFT_EBUSY nobody comes in past the queues any more. */
static int come_in_or_wait(struct rwlock *l, struct weft__task *t)
{
    uint64_t s = 0;
    int rc;

    while ((rc = come_in(l, t)) == WEFT_EBUSY) {
        s = A_LOAD(&l->word, relaxed); /* relaxed: compared by what follows */
        /* Not where it may come in after all. relaxed: what orders is the lock, which those take that find the bit */
        if ((s & WAITED) != 0 ||
            ((t != NULL ? s > BROKEN : (s & WRITING) != 0) && A_CAS(&l->word, &s, s | WAITED, relaxed, relaxed)))
            break;
    }
    return rc;
}

static bool relocks(const struct rwlock *l, struct weft__task *t)
{
    if (t == NULL || !is_written_by(A_LOAD(&l->word, relaxed), t)) /* relaxed: as in weft_rwlock_owned() */
        return false;
    weft__report_misuse(t, "locks what it has locked for writing");
    return true;
}

static WEFT__NOINLINE int lock_slow(struct rwlock *l, struct waiter *w, bool to_write)
{
    struct weft__list *queue = to_write ? &l->writers : &l->readers;
    struct weft__task *t = w->waiter.task;
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    int rc;

    if (relocks(l, t))
        return WEFT_EDEADLK;
    weft__spinlock_lock(&l->lock);
    if ((rc = come_in_or_wait(l, to_write ? t : NULL)) == WEFT_EBUSY) {
        if ((rc = weft__wait_in(&w->waiter, queue, &l->lock)) == 0) {
            if (w->broken)
                return WEFT_EBROKEN;
            if (to_write)
                weft__held_add(t, &l->held, abandon);
            return 0;
        }
        settle(l, READ, &wakes);
    }
    weft__spinlock_unlock(&l->lock);
    weft__wake(&wakes);
    return rc;
}

static inline int lock(struct rwlock *l, bool to_write)
{
    struct waiter w = {.broken = false};
    int rc = weft__wait_enter(&w.waiter);

    if (rc < 0)
        return rc;
    if (to_write && w.waiter.task == NULL)
        return WEFT_ENOTASK;
    rc = come_in(l, to_write ? w.waiter.task : NULL);
    return WEFT__LIKELY(rc != WEFT_EBUSY) ? rc : lock_slow(l, &w, to_write);
}

int weft_rwlock_read_lock(weft_rwlock *l)
{
    return lock(lock_of(l), false);
}

int weft_rwlock_write_lock(weft_rwlock *l)
{
    return lock(lock_of(l), true);
}

int weft_rwlock_try_read_lock(weft_rwlock *p)
{
    int rc = come_in(lock_of(p), NULL);

    return WEFT__UNLIKELY(rc == WEFT_EBUSY) && relocks(lock_of(p), weft__task_self()) ? WEFT_EDEADLK : rc;
}

int weft_rwlock_try_write_lock(weft_rwlock *p)
{
    struct weft__task *t = weft__task_self();
    int rc;

    if (t == NULL)
        return WEFT_ENOTASK;
    rc = come_in(lock_of(p), t);
    return WEFT__UNLIKELY(rc == WEFT_EBUSY) && relocks(lock_of(p), t) ? WEFT_EDEADLK : rc;
}

/* Leaving. */

/* The last reader leaves, and somebody waits. */
static WEFT__NOINLINE void leave_last(struct rwlock *l)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&l->lock);
    (void)A_SUB(&l->word, READER, release); /* pairs with the acquire in settle() */
    settle(l, READ, &wakes);
    weft__spinlock_unlock(&l->lock);
    weft__wake(&wakes);
}

int weft_rwlock_read_unlock(weft_rwlock *p)
{
    struct rwlock *l = lock_of(p);
    uint64_t s = A_LOAD(&l->word, relaxed); /* relaxed: compared by what follows */

    for (;;) {
        if (WEFT__UNLIKELY((s & WRITING) != 0 || s < READER))
            return weft__misuse(WEFT_EPERM, "ends a reading that nobody has begun");
        if (WEFT__UNLIKELY(s == (READER | WAITED))) {
            leave_last(l);
            return 0;
        }
        /* release pairs with the acquire of the next writer */
        if (WEFT__LIKELY(A_CAS_WEAK(&l->word, &s, s - READER, release, relaxed)))
            return 0;
    }
}

/* The writer leaves for `instead`: 0, or READER for itself. */
static inline int leave_writing(weft_rwlock *p, uint64_t instead)
{
    struct rwlock *l = lock_of(p);
    struct weft__task *t = weft__task_self();
    struct weft__wakes wakes = WEFT__WAKES_NONE;
    uint64_t s = (uintptr_t)t | WRITING;

    if (WEFT__UNLIKELY(t == NULL))
        return WEFT_ENOTASK;
    if (WEFT__UNLIKELY(!weft_rwlock_owned(p)))
        return weft__misuse(WEFT_EPERM, "ends a writing that it has not begun");
    weft__held_remove(t, &l->held);
    /* release pairs with the acquire of the next one */
    if (WEFT__LIKELY(A_CAS(&l->word, &s, instead, release, relaxed)))
        return 0;
    weft__spinlock_lock(&l->lock);
    A_STORE(&l->word, instead | WAITED, release);
    if (instead != 0)
        (void)let_the_readers_in(l, &wakes);
    settle(l, WRITTEN, &wakes);
    weft__spinlock_unlock(&l->lock);
    weft__wake(&wakes);
    return 0;
}

int weft_rwlock_write_unlock(weft_rwlock *l)
{
    return leave_writing(l, 0);
}

int weft_rwlock_downgrade(weft_rwlock *l)
{
    return leave_writing(l, READER);
}

int weft_rwlock_repair(weft_rwlock *p)
{
    struct rwlock *l = lock_of(p);
    struct weft__task *t = weft__task_self();
    uint64_t s = BROKEN;

    if (t == NULL)
        return WEFT_ENOTASK;
    /* acquire pairs with the release in abandon() */
    if (!A_CAS(&l->word, &s, (uintptr_t)t | WRITING, acquire, relaxed))
        return WEFT_EALREADY;
    weft__held_add(t, &l->held, abandon);
    return 0;
}
