/* SPDX-License-Identifier: MIT */
#include "sched/slab.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"

/* Of an odd size, so that rounding shows; it begins with the slab's pointer. */
struct record {
    void *link;
    _Atomic uint32_t owner;
    char text[77];
};

WEFT_TEST(slab, records_are_distinct_aligned_and_zeroed_at_first)
{
    enum { COUNT = 3000 }; /* several chunks */
    static struct record *r[COUNT];
    static const char zeros[sizeof(struct record)];
    struct weft__slab s = {0};

    weft__slab_init(&s, sizeof(struct record));
    for (int i = 0; i < COUNT; i++) {
        r[i] = weft__slab_take(&s);
        CHECK_NOT_NULL(r[i]);
        CHECK_EQ((uintptr_t)r[i] % WEFT__CACHE_LINE, 0);
        CHECK_MEM_EQ(r[i], zeros, sizeof zeros);
        memset(r[i], 0xa5, sizeof *r[i]);
        (void)snprintf(r[i]->text, sizeof r[i]->text, "%d", i);
    }
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(atoi(r[i]->text), i);
    weft__slab_fini(&s);
}

WEFT_TEST(slab, reuses_what_is_given_back_and_leaves_it_as_it_was)
{
    struct weft__slab s = {0};
    struct record *a, *b;

    weft__slab_init(&s, sizeof *a);
    a = weft__slab_take(&s);
    CHECK_NOT_NULL(a);
    A_STORE(&a->owner, 42, relaxed);
    weft__slab_give(&s, a);
    b = weft__slab_take(&s);
    CHECK_PTR_EQ(a, b);
    /* A stale pointer reads the sequence number that it knows of, not what an allocator left. */
    CHECK_EQ(A_LOAD(&b->owner, relaxed), 42);
    weft__slab_fini(&s);
}

WEFT_TEST(slab, ending_a_zeroed_slab_does_nothing)
{
    struct weft__slab s = {0};

    weft__slab_fini(&s);
}

WEFT_TEST(slab, cache_trades_in_batches)
{
    enum { COUNT = 10 * WEFT__SLAB_BATCH };
    struct weft__slab s = {0};
    struct weft__slab_cache mine = {0}, other = {0};
    void *r[COUNT];

    weft__slab_init(&s, sizeof(struct record));
    r[0] = weft__slab_cache_take(&mine, &s);
    CHECK_NOT_NULL(r[0]);
    CHECK_EQ(mine.count, WEFT__SLAB_BATCH - 1);
    for (int i = 1; i < COUNT; i++)
        CHECK_NOT_NULL(r[i] = weft__slab_cache_take(&mine, &s));
    for (int i = 0; i < COUNT; i++) {
        weft__slab_cache_give(&mine, &s, r[i]);
        CHECK_LE(mine.count, 2 * WEFT__SLAB_BATCH);
    }
    /* What one cache spilled, another finds: no record is made anew. */
    for (int i = 0; i < COUNT - (int)(2 * WEFT__SLAB_BATCH); i++) {
        void *x = weft__slab_cache_take(&other, &s);
        bool known = false;

        for (int j = 0; j < COUNT; j++)
            known |= r[j] == x;
        CHECK(known);
    }
    weft__slab_fini(&s);
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

WEFT_TEST(slab, says_so_where_memory_is_out)
{
    struct weft__slab s = {0};
    struct weft__slab_cache c = {0};
    void *r;

    weft__slab_init(&s, sizeof(struct record));
    A_STORE(&weft__fault_hook, no_memory, relaxed);
    CHECK_NULL(weft__slab_take(&s));
    CHECK_NULL(weft__slab_cache_take(&c, &s));
    CHECK_EQ(c.count, 0);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_NOT_NULL(r = weft__slab_take(&s));
    weft__slab_give(&s, r);
    weft__slab_fini(&s);
}

enum { THREADS = 3, TURNS = TEST_TSAN ? 3000 : 30000, HELD = 100 };

static struct weft__slab shared;

static void *churn(void *arg)
{
    struct weft__slab_cache c = {0};
    struct record *held[HELD] = {NULL};
    uint32_t me = *(uint32_t *)arg, random = me;

    for (int i = 0; i < TURNS; i++) {
        struct record **r;

        random = random * 1664525 + 1013904223;
        r = &held[(random >> 16) % HELD];
        if (*r == NULL) {
            *r = (random >> 8) & 1 ? weft__slab_cache_take(&c, &shared) : weft__slab_take(&shared);
            CHECK_NOT_NULL(*r);
            CHECK_EQ(A_XCHG(&(*r)->owner, me, relaxed), 0);
        } else {
            CHECK_EQ(A_XCHG(&(*r)->owner, 0, relaxed), me);
            if ((random >> 9) & 1)
                weft__slab_cache_give(&c, &shared, *r);
            else
                weft__slab_give(&shared, *r);
            *r = NULL;
        }
    }
    return NULL;
}

WEFT_TEST(slab, no_record_is_handed_out_twice)
{
    pthread_t threads[THREADS];
    uint32_t names[THREADS];

    weft__slab_init(&shared, sizeof(struct record));
    for (uint32_t i = 0; i < THREADS; i++) {
        names[i] = i + 1;
        CHECK_OK(pthread_create(&threads[i], NULL, churn, &names[i]));
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    weft__slab_fini(&shared);
}
