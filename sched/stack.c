/* SPDX-License-Identifier: MIT */
#include "sched/stack.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <weft/error.h>

#include "sched/pages.h"

#if WEFT__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

/* CARVED_AHEAD: one more stack is made ready ahead of need for each so many that have been. */
enum { FIRST_SLAB = 32, FIRST_SLAB_OF_CLASS = 4, CARVED_AHEAD = 32 };
static const size_t slab_bytes_max = (size_t)64 << 20;

struct weft__stack_slab {
    struct weft__stack_slab *next;       /* of all */
    struct weft__stack_slab *next_fresh; /* of those with fresh stacks */
    bool has_fresh;                      /* it is among them */
    char *base;
    unsigned count;
    unsigned carved;     /* stacks that have been taken at least once */
    unsigned mapped;     /* guards that cost mappings */
    unsigned trimmed;    /* of the carved ones, those that are fresh again */
    uint64_t is_fresh[]; /* a bit for each of these */
};

struct fresh {
    struct weft__stack_slab *slab;
    unsigned index;
};

static size_t slab_size(const struct weft__stack_pool *p, const struct weft__stack_slab *slab)
{
    return p->stride * slab->count;
}

static struct weft__stack *record_of(const struct weft__stack_pool *p, const struct weft__stack_slab *slab, unsigned i)
{
    char *high = slab->base + p->stride * (i + 1);

    return (struct weft__stack *)(void *)(high - ((sizeof(struct weft__stack) + 63) & ~(size_t)63));
}

static bool is_trimmed(const struct weft__stack_slab *slab, unsigned i)
{
    return slab->is_fresh[i / 64] >> (i % 64) & 1;
}

/* Caller holds the lock. */
static void list_fresh(struct weft__stack_pool *p, struct weft__stack_slab *slab)
{
    if (slab->has_fresh)
        return;
    slab->has_fresh = true;
    slab->next_fresh = p->fresh;
    p->fresh = slab;
}

/* Maps and guards another slab; a smaller one than it should be where guards run out. Caller holds the lock of growth. */
static int add_slab(struct weft__stack_pool *p)
{
    struct weft__stack_slab *slab = weft__alloc(sizeof *slab + (p->next_count + 63) / 64 * sizeof slab->is_fresh[0]);
    size_t asked = p->stride * p->next_count;
    int rc = -ENOMEM;

    if (slab == NULL)
        return -ENOMEM;
    slab->base = weft__map(asked);
    if (slab->base == NULL)
        goto no_map;
    slab->count = weft__guard(
        &(struct weft__ranges){.first = slab->base, .size = p->guard, .stride = p->stride, .count = p->next_count},
        &slab->mapped, &rc);
    if (slab->count == 0)
        goto no_guard;
    if (slab->count < p->next_count)
        weft__unmap(slab->base + slab_size(p, slab), asked - slab_size(p, slab));
#if WEFT__ASAN
    /* The whole slab: LeakSanitizer goes through all mappings of the process for each region, so one for each stack takes for
     * ever. It leaves out the guards, which mprotect has made unreadable (pages.c). */
    __lsan_register_root_region(slab->base, slab_size(p, slab));
#endif
    slab->next = p->slabs;
    p->slabs = slab;
    if (p->stride * p->next_count * 2 <= slab_bytes_max)
        p->next_count *= 2;
    weft__lock(&p->lock);
    list_fresh(p, slab);
    weft__unlock(&p->lock);
    /* relaxed: numbers; the slab itself is found under the lock */
    A_ADD(&p->stacks, slab->count, relaxed);
    A_ADD(&p->credits, slab->count, relaxed);
    return 0;

no_guard:
    weft__unmap(slab->base, asked);
no_map:
    weft__free(slab);
    return rc == WEFT_EMAPLIMIT ? rc : -ENOMEM;
}

void weft__stack_pool_lay_out(struct weft__stack_pool *p, size_t promise, size_t page)
{
    size_t need;

    /* Pages have up to 64 KiB on some machines, and only whole ones can be guarded. */
    p->guard = (WEFT__STACK_GUARD + page - 1) & ~(page - 1);
    p->promise = promise;
    p->page = page;
    /* Half as much again: a join may run a child above its own frames for as long as the child still gets its promise. */
    need = promise * 3 / 2 + p->guard + sizeof(struct weft__stack) + 128;
    p->stride = (need + page - 1) & ~(page - 1);
    if (promise == WEFT__STACK_DEFAULT && p->stride < (size_t)128 << 10)
        p->stride = (size_t)128 << 10;
}

int weft__stack_pool_init(struct weft__stack_pool *p, size_t promise, unsigned workers, weft__context_entry *entry)
{
    weft__depot_init(&p->depot);
    weft__stack_pool_lay_out(p, promise, (size_t)sysconf(_SC_PAGESIZE));
    p->entry = entry;
    p->next_count = workers > 0 ? FIRST_SLAB : FIRST_SLAB_OF_CLASS;
    while (p->next_count > 1 && p->stride * p->next_count > slab_bytes_max)
        p->next_count /= 2;
    return weft__stack_credit_take(p, (int64_t)workers * (WEFT__MAGAZINE + 1));
}

void weft__stack_pool_fini(struct weft__stack_pool *p)
{
    while (p->slabs != NULL) {
        struct weft__stack_slab *slab = p->slabs;

        for (unsigned i = 0; i < slab->carved; i++)
            if (!is_trimmed(slab, i))
                weft__context_fini(&record_of(p, slab, i)->context);
#if WEFT__ASAN
        __lsan_unregister_root_region(slab->base, slab_size(p, slab));
        /* A stack that was left inside its loop keeps that loop's poisoned red zones, which the next mapping of these
         * addresses must not inherit. */
        __asan_unpoison_memory_region(slab->base, slab_size(p, slab));
#endif
        p->slabs = slab->next;
        weft__unmap(slab->base, slab_size(p, slab));
        weft__guards_forget(slab->mapped);
        weft__free(slab);
    }
}

int weft__stack_pools_init(struct weft__stack_pool *pools, size_t promise, unsigned workers, weft__context_entry *entry)
{
    for (unsigned i = 1; i < WEFT__STACK_CLASSES; i++) {
        (void)weft__stack_pool_init(&pools[i], WEFT__STACK_CLASS_MIN << (i - 1), 0, entry); /* maps nothing */
        pools[i].stack_class = i;
    }
    return weft__stack_pool_init(&pools[0], promise, workers, entry);
}

void weft__stack_pools_fini(struct weft__stack_pool *pools)
{
    for (unsigned i = 0; i < WEFT__STACK_CLASSES; i++)
        weft__stack_pool_fini(&pools[i]);
}

int weft__stack_class_of(const struct weft__stack_pool *pools, size_t size)
{
    if (size <= pools[0].promise)
        return 0;
    for (int i = 1; i < WEFT__STACK_CLASSES; i++)
        if (size <= pools[i].promise)
            return i;
    return WEFT_EINVAL;
}

int weft__stack_credit_take(struct weft__stack_pool *p, int64_t n)
{
    int64_t have = A_LOAD(&p->credits, relaxed);

    /* relaxed: a number; the stacks behind it are found through the depot and the lock */
    for (;;) {
        int rc = 0;

        while (have >= n)
            if (A_CAS_WEAK(&p->credits, &have, have - n, relaxed, relaxed))
                return 0;
        weft__lock(&p->growth);
        if (A_LOAD(&p->credits, relaxed) < n)
            rc = add_slab(p);
        weft__unlock(&p->growth);
        if (rc < 0)
            return rc;
        have = A_LOAD(&p->credits, relaxed);
    }
}

void weft__stack_credit_give(struct weft__stack_pool *p, int64_t n)
{
    A_ADD(&p->credits, n, relaxed);
}

/* Which of the fresh stacks of a slab, of which there are some, is next. Caller holds the lock. */
static unsigned next_fresh(struct weft__stack_slab *slab)
{
    unsigned word = 0, i;

    if (slab->trimmed == 0)
        return slab->carved++;
    while (slab->is_fresh[word] == 0)
        word++;
    i = (unsigned)__builtin_ctzll(slab->is_fresh[word]);
    slab->is_fresh[word] &= ~((uint64_t)1 << i);
    slab->trimmed--;
    return word * 64 + i;
}

/* Takes up to `n` fresh stacks off the list: where their records are to be. */
static unsigned take_fresh(struct weft__stack_pool *p, struct fresh *out, unsigned n)
{
    struct weft__stack_slab *slab;
    unsigned got = 0;
    int64_t touched;

    weft__lock(&p->lock);
    while (got < n && (slab = p->fresh) != NULL) {
        unsigned i = next_fresh(slab);

        out[got++] = (struct fresh){slab, i};
        if (slab->carved == slab->count && slab->trimmed == 0) {
            slab->has_fresh = false;
            p->fresh = slab->next_fresh;
        }
    }
    /* relaxed: numbers; the peak is written under the lock */
    touched = A_ADD(&p->touched, got, relaxed) + got;
    if (touched > A_LOAD(&p->touched_peak, relaxed))
        A_STORE(&p->touched_peak, touched, relaxed);
    weft__unlock(&p->lock);
    return got;
}

/*
 * A fresh stack, made ready for use. Where many have been taken already, some more for the magazine: the system hands out
 * their memory by one call, where it would be a page fault each.
 */
static struct weft__stack *carve(struct weft__stack_pool *p, struct weft__magazine *m)
{
    struct fresh fresh[WEFT__MAGAZINE];
    struct iovec tops[WEFT__MAGAZINE];
    struct weft__stack *s = NULL;
    unsigned n = 1;

    if (m != NULL) {
        int64_t share = A_LOAD(&p->touched, relaxed) / CARVED_AHEAD; /* relaxed: a hint */

        n = share < 1 ? 1 : share < WEFT__MAGAZINE ? (unsigned)share : WEFT__MAGAZINE;
    }
    n = take_fresh(p, fresh, n);
    if (n > 1) {
        for (unsigned i = 0; i < n; i++)
            tops[i] = (struct iovec){.iov_base = fresh[i].slab->base + p->stride * (fresh[i].index + 1) - p->page,
                                     .iov_len = p->page};
        weft__populate(tops, n);
    }
    for (unsigned i = 0; i < n; i++) {
        if (s != NULL) {
            s->magazine_next = m->top;
            m->top = s;
            m->count++;
        }
        s = record_of(p, fresh[i].slab, fresh[i].index);
        s->low = fresh[i].slab->base + p->stride * fresh[i].index + p->guard;
        s->pool = p;
        s->stack_class = p->stack_class;
        s->slab = fresh[i].slab;
        weft__context_init(&s->context, s->low, s, p->entry);
    }
    return s;
}

struct weft__stack *weft__stack_take(struct weft__stack_pool *p, struct weft__magazine *m)
{
    struct weft__stack *s;
    unsigned turns = 0;

    if (WEFT__LIKELY(m != NULL && (s = m->top) != NULL)) {
        m->top = s->magazine_next;
        m->count--;
        return s;
    }
    for (;;) {
        s = (struct weft__stack *)(void *)weft__depot_pop(&p->depot);
        if (s == NULL)
            s = carve(p, m);
        if (s != NULL)
            return s;
        /* By the invariant there is one: another worker is between giving back a credit and giving back the stack. */
        weft__spin(&turns);
    }
}

void weft__stack_give(struct weft__stack_pool *p, struct weft__magazine *m, struct weft__stack *s)
{
    if (WEFT__UNLIKELY(m == NULL || m->count == WEFT__MAGAZINE)) {
        /* The oldest would be the better one to part with; the newest is at hand. */
        weft__depot_push(&p->depot, &s->entry);
        return;
    }
    s->magazine_next = m->top;
    m->top = s;
    m->count++;
}

void weft__magazine_empty(struct weft__stack_pool *p, struct weft__magazine *m)
{
    while (m->top != NULL) {
        struct weft__stack *s = m->top;

        m->top = s->magazine_next;
        weft__depot_push(&p->depot, &s->entry);
    }
    m->count = 0;
}

/* Up to `n` credits, if there are any; maps nothing. */
static int64_t credits_at_hand(struct weft__stack_pool *p, int64_t n)
{
    int64_t have = A_LOAD(&p->credits, relaxed), got;

    do
        got = have < 0 ? 0 : have < n ? have : n;
    while (!A_CAS_WEAK(&p->credits, &have, have - got, relaxed, relaxed));
    return got;
}

/* A batch: `n` credits are the caller's. */
static unsigned trim_batch(struct weft__stack_pool *p, unsigned n)
{
    struct iovec usable[WEFT__RANGES_AT_ONCE];
    struct weft__stack_slab *slabs[WEFT__RANGES_AT_ONCE];
    struct weft__stack *s;
    unsigned got = 0;

    while (got < n && (s = (struct weft__stack *)(void *)weft__depot_pop(&p->depot)) != NULL) {
        weft__context_fini(&s->context);
        slabs[got] = s->slab;
        usable[got] = (struct iovec){.iov_base = s->low, .iov_len = p->stride - p->guard};
#if WEFT__ASAN
        /* As in weft__stack_pool_fini(). */
        __asan_unpoison_memory_region(usable[got].iov_base, usable[got].iov_len);
#endif
        got++;
    }
    if (got == 0)
        return 0;
    weft__discard(usable, got);
    weft__lock(&p->lock);
    for (unsigned i = 0; i < got; i++) {
        size_t at = (size_t)((char *)usable[i].iov_base - slabs[i]->base) / p->stride;

        slabs[i]->is_fresh[at / 64] |= (uint64_t)1 << (at % 64);
        slabs[i]->trimmed++;
        list_fresh(p, slabs[i]);
    }
    A_SUB(&p->touched, got, relaxed);
    weft__unlock(&p->lock);
    return got;
}

unsigned weft__stack_trim(struct weft__stack_pool *p, unsigned most)
{
    unsigned done = 0, got, n;

    do {
        n = most - done < WEFT__RANGES_AT_ONCE ? most - done : WEFT__RANGES_AT_ONCE;
        n = (unsigned)credits_at_hand(p, n);
        got = trim_batch(p, n);
        weft__stack_credit_give(p, n);
        done += got;
    } while (got > 0 && got == n && done < most);
    return done;
}
