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

enum { FIRST_SLAB = 32, FIRST_SLAB_OF_CLASS = 4 };
static const size_t slab_bytes_max = (size_t)64 << 20;

struct weft__stack_slab {
    struct weft__stack_slab *next;       /* of all */
    struct weft__stack_slab *next_fresh; /* of those with stacks that were never taken */
    char *base;
    unsigned count;
    unsigned carved; /* stacks that have been taken at least once */
    unsigned mapped; /* guards that cost mappings */
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

/* Maps and guards another slab; a smaller one than it should be where guards run out. Caller holds the lock. */
static int add_slab(struct weft__stack_pool *p)
{
    struct weft__stack_slab *slab = weft__alloc(sizeof *slab);
    size_t asked = p->stride * p->next_count;
    int rc = -ENOMEM;

    if (slab == NULL)
        return -ENOMEM;
    slab->base = weft__map(asked);
    if (slab->base == NULL)
        goto no_map;
    slab->count = weft__guard(
        &(struct weft__ranges){
            .first = slab->base, .size = p->guard, .stride = p->stride, .count = p->next_count},
        &slab->mapped, &rc);
    if (slab->count == 0)
        goto no_guard;
    if (slab->count < p->next_count)
        weft__unmap(slab->base + slab_size(p, slab), asked - slab_size(p, slab));
#if WEFT__ASAN
    for (unsigned i = 0; i < slab->count; i++)
        __lsan_register_root_region(slab->base + p->stride * i + p->guard, p->stride - p->guard);
#endif
    slab->next = p->slabs;
    p->slabs = slab;
    slab->next_fresh = p->fresh;
    p->fresh = slab;
    if (p->stride * p->next_count * 2 <= slab_bytes_max)
        p->next_count *= 2;
    p->stacks += slab->count;
    /* relaxed: the slab itself is found under the lock */
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
            weft__context_fini(&record_of(p, slab, i)->context);
#if WEFT__ASAN
        for (unsigned i = 0; i < slab->count; i++)
            __lsan_unregister_root_region(slab->base + p->stride * i + p->guard, p->stride - p->guard);
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
    for (unsigned i = 1; i < WEFT__STACK_CLASSES; i++)
        (void)weft__stack_pool_init(&pools[i], WEFT__STACK_CLASS_MIN << (i - 1), 0, entry); /* maps nothing */
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
        weft__lock(&p->lock);
        if (A_LOAD(&p->credits, relaxed) < n)
            rc = add_slab(p);
        weft__unlock(&p->lock);
        if (rc < 0)
            return rc;
        have = A_LOAD(&p->credits, relaxed);
    }
}

void weft__stack_credit_give(struct weft__stack_pool *p, int64_t n)
{
    A_ADD(&p->credits, n, relaxed);
}

/* A stack that was never used. */
static struct weft__stack *carve(struct weft__stack_pool *p)
{
    struct weft__stack *s = NULL;
    struct weft__stack_slab *slab;

    weft__lock(&p->lock);
    if ((slab = p->fresh) != NULL) {
        s = record_of(p, slab, slab->carved);
        s->low = slab->base + p->stride * slab->carved + p->guard;
        s->pool = p;
        weft__context_init(&s->context, s->low, s, p->entry);
        if (++slab->carved == slab->count)
            p->fresh = slab->next_fresh;
    }
    weft__unlock(&p->lock);
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
            s = carve(p);
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
