/* SPDX-License-Identifier: MIT */
/* The work-stealing deque by itself, always from an array of two slots, so that it wraps and grows in every build. */
#include "sched/deque.h"

#include <errno.h>
#include <stdatomic.h>

#include "tests/support/test.h"

/* Replaces the first array by one of `capacity` slots, and lets the indices begin at `start`. */
static void init_private(struct weft__deque *d, int64_t capacity, int64_t start)
{
    struct weft__deque_array *a = weft__alloc(sizeof *a + (size_t)capacity * sizeof a->slot[0]);

    CHECK_OK(weft__deque_init(d));
    CHECK_NOT_NULL(a);
    a->mask = capacity - 1;
    weft__free(A_LOAD(&d->array, relaxed));
    A_STORE(&d->array, a, relaxed);
    A_STORE(&d->top, start, relaxed);
    A_STORE(&d->split, start, relaxed);
    A_STORE(&d->limit, start, relaxed);
    A_STORE(&d->bottom, start, relaxed);
}

/* The same for a deque in which everything is shared. */
static void init_small(struct weft__deque *d, int64_t capacity, int64_t start)
{
    init_private(d, capacity, start);
    weft__deque_share_always(d);
}

static void *item(intptr_t n)
{
    return (void *)n;
}

static intptr_t pop(struct weft__deque *d)
{
    return (intptr_t)weft__deque_pop(d);
}

/* The oldest item, 0 when the deque is empty. */
static intptr_t steal(struct weft__deque *d)
{
    void *x = NULL;

    switch (weft__deque_steal(d, &x)) {
    case WEFT__STEAL_GOT:
        CHECK_NOT_NULL(x);
        return (intptr_t)x;
    case WEFT__STEAL_EMPTY:
        return 0;
    case WEFT__STEAL_LOST:
        break;
    }
    FAIL("a thief that is alone lost");
}

static int64_t capacity(struct weft__deque *d)
{
    return A_LOAD(&d->array, relaxed)->mask + 1;
}

WEFT_TEST(deque, owner_pops_the_newest_first)
{
    struct weft__deque d;

    init_small(&d, 2, 0);
    for (intptr_t i = 1; i <= 100; i++)
        CHECK_OK(weft__deque_push(&d, item(i)));
    for (intptr_t i = 100; i >= 1; i--)
        CHECK_EQ(pop(&d), i);
    CHECK_EQ(pop(&d), 0);
    weft__deque_fini(&d);
}

WEFT_TEST(deque, thief_takes_the_oldest_first)
{
    struct weft__deque d;

    init_small(&d, 2, 0);
    for (intptr_t i = 1; i <= 100; i++)
        CHECK_OK(weft__deque_push_quietly(&d, item(i)));
    for (intptr_t i = 1; i <= 100; i++)
        CHECK_EQ(steal(&d), i);
    CHECK_EQ(steal(&d), 0);
    weft__deque_fini(&d);
}

WEFT_TEST(deque, thief_of_a_ready_queue_takes_the_older_half_in_order)
{
    static const struct {
        int items, most, got;
    } cases[] = {{0, 8, 0}, {1, 8, 1}, {2, 8, 1}, {3, 8, 2}, {7, 8, 4}, {8, 8, 4}, {16, 8, 8}, {40, 8, 8}, {40, 1, 1}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weft__deque d;
        void *items[8] = {0};
        int64_t n = cases[i].most;

        init_small(&d, 2, INT64_C(0x100000000) - 3);
        for (intptr_t k = 1; k <= cases[i].items; k++)
            CHECK_OK(weft__deque_push_shared(&d, item(k)));
        CHECK_EQ(weft__deque_steal_half(&d, items, &n), cases[i].got > 0 ? WEFT__STEAL_GOT : WEFT__STEAL_EMPTY);
        CHECK_EQ(n, cases[i].got > 0 ? cases[i].got : cases[i].most);
        for (intptr_t k = 1; k <= cases[i].got; k++)
            CHECK_EQ((intptr_t)items[k - 1], k);
        for (intptr_t k = cases[i].got + 1; k <= cases[i].items; k++)
            CHECK_EQ(steal(&d), k);
        CHECK_EQ(steal(&d), 0);
        weft__deque_fini(&d);
    }
}

WEFT_TEST(deque, grows_from_two_slots_and_keeps_the_order)
{
    struct weft__deque d;

    init_small(&d, 2, 0);
    for (intptr_t i = 1; i <= 1000; i++) {
        CHECK_OK(weft__deque_push(&d, item(i)));
        CHECK_GE(capacity(&d), i);
    }
    CHECK_EQ(capacity(&d), 1024);
    CHECK_EQ(steal(&d), 1);
    CHECK_EQ(pop(&d), 1000);
    CHECK_EQ(steal(&d), 2);
    CHECK_EQ(pop(&d), 999);
    weft__deque_fini(&d);
}

WEFT_TEST(deque, fills_its_array_to_the_last_slot_before_it_grows)
{
    struct weft__deque d;

    init_small(&d, 4, 0);
    for (intptr_t i = 1; i <= 4; i++)
        CHECK_OK(weft__deque_push(&d, item(i)));
    CHECK_EQ(capacity(&d), 4);
    CHECK_OK(weft__deque_push(&d, item(5)));
    CHECK_EQ(capacity(&d), 8);
    weft__deque_fini(&d);
}

WEFT_TEST(deque, wraps_around_its_array_without_growing)
{
    struct weft__deque d;

    init_small(&d, 4, 0);
    for (intptr_t i = 1; i <= 1000; i++) {
        CHECK_OK(weft__deque_push(&d, item(2 * i)));
        CHECK_OK(weft__deque_push(&d, item(2 * i + 1)));
        CHECK_EQ(steal(&d), 2 * i);
        CHECK_EQ(steal(&d), 2 * i + 1);
    }
    CHECK_EQ(capacity(&d), 4);
    weft__deque_fini(&d);
}

WEFT_TEST(deque, grows_while_it_is_wrapped)
{
    for (intptr_t taken = 0; taken < 4; taken++) {
        struct weft__deque d;
        intptr_t next = 1, oldest = 1;

        init_small(&d, 4, 0);
        for (; next <= taken; next++)
            CHECK_OK(weft__deque_push(&d, item(next)));
        while (oldest < next)
            CHECK_EQ(steal(&d), oldest++);
        for (; next <= taken + 9; next++)
            CHECK_OK(weft__deque_push(&d, item(next)));
        while (oldest < next)
            CHECK_EQ(steal(&d), oldest++);
        weft__deque_fini(&d);
    }
}

WEFT_TEST(deque, counts_beyond_32_bits)
{
    struct weft__deque d;

    init_small(&d, 2, (int64_t)UINT32_MAX - 20);
    for (intptr_t i = 1; i <= 50; i++)
        CHECK_OK(weft__deque_push(&d, item(i)));
    for (intptr_t i = 1; i <= 25; i++) {
        CHECK_EQ(steal(&d), i);
        CHECK_EQ(pop(&d), 51 - i);
    }
    CHECK(weft__deque_seems_empty(&d));
    weft__deque_fini(&d);
}

WEFT_TEST(deque, empty_one_answers_so_again_and_again)
{
    struct weft__deque d;

    init_small(&d, 2, 0);
    for (intptr_t i = 1; i <= 10; i++) {
        CHECK_EQ(pop(&d), 0);
        CHECK_EQ(steal(&d), 0);
        CHECK(weft__deque_seems_empty(&d));
        CHECK_EQ(weft__deque_count_of_owner(&d), 0);
        CHECK_OK(weft__deque_push(&d, item(i)));
        CHECK(!weft__deque_seems_empty(&d));
        CHECK_EQ(weft__deque_count_of_owner(&d), 1);
        CHECK_EQ(i % 2 != 0 ? pop(&d) : steal(&d), i);
    }
    weft__deque_fini(&d);
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

WEFT_TEST(deque, keeps_its_items_where_there_is_no_memory_to_grow)
{
    struct weft__deque d = {0};

    A_STORE(&weft__fault_hook, no_memory, relaxed);
    CHECK_RC(weft__deque_init(&d), -ENOMEM);
    weft__deque_fini(&d);
    A_STORE(&weft__fault_hook, NULL, relaxed);

    init_small(&d, 2, 0);
    CHECK_OK(weft__deque_push(&d, item(1)));
    CHECK_OK(weft__deque_push(&d, item(2)));
    A_STORE(&weft__fault_hook, no_memory, relaxed);
    CHECK_RC(weft__deque_push(&d, item(3)), -ENOMEM);
    CHECK_RC(weft__deque_push_quietly(&d, item(3)), -ENOMEM);
    A_STORE(&weft__fault_hook, NULL, relaxed);
    CHECK_EQ(steal(&d), 1);
    CHECK_OK(weft__deque_push(&d, item(3)));
    CHECK_EQ(pop(&d), 3);
    CHECK_EQ(pop(&d), 2);
    CHECK_EQ(pop(&d), 0);
    weft__deque_fini(&d);
}

WEFT_TEST(deque, what_is_private_is_not_stolen)
{
    struct weft__deque d;

    init_private(&d, 2, 0);
    for (intptr_t i = 1; i <= 10; i++)
        CHECK_OK(weft__deque_push(&d, item(i)));
    CHECK_EQ(steal(&d), 0);
    CHECK(weft__deque_seems_empty(&d));
    CHECK(weft__deque_seems_used(&d));
    CHECK(weft__deque_seems_private(&d));
    for (intptr_t i = 10; i >= 1; i--)
        CHECK_EQ(pop(&d), i);
    CHECK(!weft__deque_seems_used(&d));
    CHECK(!weft__deque_seems_private(&d));
    weft__deque_fini(&d);
}

WEFT_TEST(deque, owner_that_is_asked_shares_half)
{
    struct weft__deque d;

    init_private(&d, 2, 0);
    for (intptr_t i = 1; i <= 9; i++)
        CHECK_OK(weft__deque_push(&d, item(i)));
    weft__deque_ask(&d);
    CHECK_OK(weft__deque_push(&d, item(10)));
    for (intptr_t i = 1; i <= 5; i++)
        CHECK_EQ(steal(&d), i);
    CHECK_EQ(steal(&d), 0);
    for (intptr_t i = 10; i >= 6; i--)
        CHECK_EQ(pop(&d), i);
    CHECK_EQ(pop(&d), 0);
    weft__deque_fini(&d);
}

WEFT_TEST(deque, owner_takes_back_what_nobody_has_stolen)
{
    struct weft__deque d;

    if (!weft__membarrier_works())
        return; /* nothing is private there, and nobody forces */
    init_private(&d, 2, 0);
    for (intptr_t i = 1; i <= 16; i++)
        CHECK_OK(weft__deque_push(&d, item(i)));
    CHECK(weft__deque_force(&d));
    CHECK(!weft__deque_force(&d));
    CHECK(!weft__deque_seems_private(&d));
    CHECK_EQ(steal(&d), 1);
    CHECK_EQ(pop(&d), 16);
    CHECK(weft__deque_seems_private(&d)); /* half came back at once */
    for (intptr_t i = 15; i >= 2; i--)
        CHECK_EQ(pop(&d), i);
    CHECK_EQ(pop(&d), 0);
    CHECK_EQ(steal(&d), 0);
    weft__deque_fini(&d);
}

WEFT_TEST(deque, owner_shares_its_oldest)
{
    struct weft__deque d;

    init_private(&d, 2, 0);
    weft__deque_share_oldest(&d);
    CHECK_EQ(steal(&d), 0);
    for (intptr_t i = 1; i <= 3; i++)
        CHECK_OK(weft__deque_push(&d, item(i)));
    weft__deque_share_oldest(&d);
    weft__deque_share_oldest(&d);
    CHECK_EQ(steal(&d), 1);
    CHECK_EQ(steal(&d), 0);
    CHECK_EQ(pop(&d), 3);
    weft__deque_share_oldest(&d);
    CHECK_EQ(pop(&d), 2);
    CHECK_EQ(pop(&d), 0);
    weft__deque_fini(&d);
}

enum { THIEVES = 3, ITEMS = TEST_TSAN ? 20000 : TEST_ASAN ? 50000 : 200000, ROUNDS = TEST_TSAN ? 2000 : 20000 };

/* How the thieves come by what the owner does not share. */
enum manner { SHARED, ASKING, FORCING };

struct heist {
    struct weft__deque d;
    enum manner manner;
    _Atomic unsigned char *taken;
    atomic_bool over;
};

static void take(struct heist *h, intptr_t n)
{
    CHECK_GE(n, 1);
    CHECK_LE(n, ITEMS);
    CHECK_EQ(atomic_fetch_add_explicit(&h->taken[n], 1, memory_order_relaxed), 0);
}

/* True when trying again may help. */
static bool insist(struct heist *h)
{
    if (h->manner == ASKING)
        weft__deque_ask(&h->d);
    return (h->manner == FORCING || atomic_load(&h->over)) && weft__deque_force(&h->d);
}

static void *thief(void *arg)
{
    struct heist *h = arg;
    bool last = false;

    /* One more round after the end: what the owner left must be found then. */
    for (;;) {
        void *x = NULL;
        enum weft__steal s = weft__deque_steal(&h->d, &x);

        if (s == WEFT__STEAL_GOT)
            take(h, (intptr_t)x);
        else if (s == WEFT__STEAL_EMPTY && insist(h))
            continue;
        else if (s == WEFT__STEAL_EMPTY && last)
            return NULL;
        else if (s == WEFT__STEAL_EMPTY)
            last = atomic_load(&h->over);
    }
}

/* Bursts of pushes and pops: with `burst` 1 the owner and the thieves always meet at the last item. */
static void rob_as(intptr_t burst, enum manner manner)
{
    struct heist h = {.manner = manner};
    pthread_t thieves[THIEVES];
    intptr_t next = 1;

    h.taken = calloc((size_t)ITEMS + 1, sizeof *h.taken);
    CHECK_NOT_NULL(h.taken);
    if (manner == SHARED)
        init_small(&h.d, 2, 0);
    else
        init_private(&h.d, 2, 0);
    for (int i = 0; i < THIEVES; i++)
        CHECK_OK(pthread_create(&thieves[i], NULL, thief, &h));
    while (next <= ITEMS) {
        for (intptr_t i = 0; i < burst && next <= ITEMS; i++)
            CHECK_OK(weft__deque_push(&h.d, item(next++)));
        for (intptr_t i = 0; i < burst - burst / 4; i++) {
            intptr_t n = pop(&h.d);

            if (n != 0)
                take(&h, n);
        }
    }
    atomic_store(&h.over, true);
    for (int i = 0; i < THIEVES; i++)
        CHECK_OK(pthread_join(thieves[i], NULL));
    for (intptr_t i = 1; i <= ITEMS; i++)
        CHECK_EQ(h.taken[i], 1);
    weft__deque_fini(&h.d);
    free((void *)h.taken);
}

static void rob(intptr_t burst)
{
    rob_as(burst, SHARED);
    if (!weft__membarrier_works())
        return;
    rob_as(burst, ASKING);
    rob_as(burst, FORCING);
}

WEFT_TEST(deque, each_item_goes_to_exactly_one)
{
    rob(7);
}

WEFT_TEST(deque, last_item_goes_to_one_thief)
{
    rob(1);
}

WEFT_TEST(deque, thieves_survive_growth)
{
    rob(3000);
}

static void *greedy(void *arg)
{
    struct heist *h = arg;

    while (!atomic_load_explicit(&h->over, memory_order_relaxed)) {
        void *x;

        if (weft__deque_steal(&h->d, &x) == WEFT__STEAL_GOT)
            take(h, (intptr_t)x);
    }
    return NULL;
}

WEFT_TEST(deque, growth_from_two_slots_loses_nothing_to_thieves)
{
    struct heist h = {.over = false};
    pthread_t thieves[THIEVES];

    h.taken = calloc((size_t)ITEMS + 1, sizeof *h.taken);
    CHECK_NOT_NULL(h.taken);
    init_small(&h.d, 2, 0);
    for (int i = 0; i < THIEVES; i++)
        CHECK_OK(pthread_create(&thieves[i], NULL, greedy, &h));
    /* An owner that only pushes: the array grows as fast as the thieves let it. */
    for (intptr_t i = 1; i <= ROUNDS; i++)
        CHECK_OK(weft__deque_push(&h.d, item(i)));
    while (!weft__deque_seems_empty(&h.d))
        sched_yield();
    atomic_store(&h.over, true);
    for (int i = 0; i < THIEVES; i++)
        CHECK_OK(pthread_join(thieves[i], NULL));
    for (intptr_t i = 1; i <= ROUNDS; i++)
        CHECK_EQ(h.taken[i], 1);
    weft__deque_fini(&h.d);
    free((void *)h.taken);
}

static void *thief_of_halves(void *arg)
{
    struct heist *h = arg;
    unsigned turn = 0;
    bool last = false;

    for (;;) {
        void *items[16];
        int64_t n = 1 + turn++ % 16;
        enum weft__steal s = weft__deque_steal_half(&h->d, items, &n);

        for (int64_t i = 0; i < n && s == WEFT__STEAL_GOT; i++)
            take(h, (intptr_t)items[i]);
        if (s == WEFT__STEAL_EMPTY && last)
            return NULL;
        if (s == WEFT__STEAL_EMPTY)
            last = atomic_load(&h->over);
    }
}

/* The owner takes from the same end, one at a time. */
WEFT_TEST(deque, each_item_of_a_ready_queue_goes_to_one_thief_of_halves_or_its_owner)
{
    struct heist h = {.manner = SHARED};
    pthread_t thieves[THIEVES];
    intptr_t next = 1;

    h.taken = calloc((size_t)ITEMS + 1, sizeof *h.taken);
    CHECK_NOT_NULL(h.taken);
    init_small(&h.d, 2, 0);
    for (int i = 0; i < THIEVES; i++)
        CHECK_OK(pthread_create(&thieves[i], NULL, thief_of_halves, &h));
    while (next <= ITEMS) {
        void *x;

        for (intptr_t i = next % 50; i >= 0 && next <= ITEMS; i--)
            CHECK_OK(weft__deque_push_shared(&h.d, item(next++)));
        for (intptr_t i = next % 20; i > 0; i--)
            if (weft__deque_steal(&h.d, &x) == WEFT__STEAL_GOT)
                take(&h, (intptr_t)x);
    }
    atomic_store(&h.over, true);
    for (int i = 0; i < THIEVES; i++)
        CHECK_OK(pthread_join(thieves[i], NULL));
    for (intptr_t i = 1; i <= ITEMS; i++)
        CHECK_EQ(h.taken[i], 1);
    weft__deque_fini(&h.d);
    free((void *)h.taken);
}
