/* SPDX-License-Identifier: MIT */
/* The heap of timers by itself, with a clock of the test's own: the time is an argument. */
#include "sched/timer.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/support/test.h"

enum { MANY = 400, OPERATIONS = TEST_TSAN || TEST_ASAN ? 20000 : 100000 };

static struct weft__timers timers;

struct alarm {
    struct weft__timer timer;
    atomic_int fired;
    bool queued; /* by the reference */
};

static weft_time last_deadline;

static void ring(struct weft__timer *t)
{
    struct alarm *a = WEFT__CONTAINER(t, struct alarm, timer);

    atomic_fetch_add(&a->fired, 1);
}

/* Fires in order of the deadlines, at least within one run. */
static void ring_in_order(struct weft__timer *t)
{
    CHECK_GE(t->deadline, last_deadline);
    last_deadline = t->deadline;
    ring(t);
}

static void add(struct alarm *a, weft_time deadline, weft__timer_fn *fire)
{
    a->timer.deadline = deadline;
    a->timer.fire = fire;
    CHECK_OK(weft__timer_add(&timers, &a->timer));
}

static uint32_t random_state = 2463534242u;

static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % n;
}

WEFT_TEST(timer, none_is_never)
{
    weft__timers_init(&timers);
    CHECK_EQ(A_LOAD(&timers.earliest, relaxed), WEFT_NEVER);
    CHECK_EQ(weft__timers_run(&timers, WEFT_NEVER - 1), 0);
    weft__timers_fini(&timers);
}

WEFT_TEST(timer, fires_at_its_deadline_and_not_before)
{
    struct alarm a = {0};

    weft__timers_init(&timers);
    add(&a, 100, ring);
    CHECK_EQ(A_LOAD(&timers.earliest, relaxed), 100);
    CHECK_EQ(weft__timers_run(&timers, 99), 0);
    CHECK_EQ(a.fired, 0);
    CHECK_EQ(weft__timers_run(&timers, 100), 1);
    CHECK_EQ(a.fired, 1);
    CHECK_EQ(weft__timers_run(&timers, 1000), 0);
    CHECK_EQ(A_LOAD(&timers.earliest, relaxed), WEFT_NEVER);
    weft__timers_fini(&timers);
}

WEFT_TEST(timer, all_that_is_due_fires_in_the_order_of_deadlines)
{
    static struct alarm a[MANY];

    weft__timers_init(&timers);
    for (int i = 0; i < MANY; i++)
        add(&a[i], (weft_time)random_below(1000), ring_in_order);
    CHECK_EQ(weft__timers_run(&timers, 1000), MANY);
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(a[i].fired, 1);
    weft__timers_fini(&timers);
}

/* The earliest of those that the reference holds for queued. */
static weft_time reference_earliest(const struct alarm *a)
{
    weft_time earliest = WEFT_NEVER;

    for (int i = 0; i < MANY; i++)
        if (a[i].queued && a[i].timer.deadline < earliest)
            earliest = a[i].timer.deadline;
    return earliest;
}

WEFT_TEST(timer, agrees_with_a_plain_array_over_random_operations)
{
    static struct alarm a[MANY];
    weft_time now = 0;

    weft__timers_init(&timers);
    for (int i = 0; i < OPERATIONS; i++) {
        struct alarm *x = &a[random_below(MANY)];

        if (random_below(20) == 0) {
            unsigned due = 0, fired;

            now += random_below(200);
            for (int j = 0; j < MANY; j++) {
                due += a[j].queued && a[j].timer.deadline <= now;
                a[j].fired = 0;
            }
            last_deadline = 0;
            fired = weft__timers_run(&timers, now);
            CHECK_EQ(fired, due);
            for (int j = 0; j < MANY; j++) {
                bool was_due = a[j].queued && a[j].timer.deadline <= now;

                CHECK_EQ(a[j].fired, was_due);
                a[j].queued &= !was_due;
            }
        } else if (x->queued) {
            weft__timer_remove(&x->timer);
            x->queued = false;
        } else {
            add(x, now + random_below(1000), ring_in_order);
            x->queued = true;
        }
        CHECK_EQ(A_LOAD(&timers.earliest, relaxed), reference_earliest(a));
    }
    weft__timers_fini(&timers);
}

static void free_itself(struct weft__timer *t)
{
    struct alarm *a = WEFT__CONTAINER(t, struct alarm, timer);

    memset(a, 0xa5, sizeof *a); /* it is somebody else's now */
}

WEFT_TEST(timer, that_ends_itself_is_left_alone_once_it_has_fired)
{
    struct alarm gone = {.timer = {.ends_itself = true}}, stays = {.timer = {.ends_itself = true}}, after;

    weft__timers_init(&timers);
    add(&gone, 10, free_itself);
    add(&stays, 20, ring);
    CHECK_EQ(weft__timers_run(&timers, 30), 2);
    memset(&after, 0xa5, sizeof after);
    CHECK_MEM_EQ(&gone, &after, sizeof gone);
    CHECK_EQ(stays.fired, 1);
    CHECK_EQ(A_LOAD(&stays.timer.state, relaxed), WEFT__TIMER_FIRING);
    weft__timer_fired(&stays.timer);
    weft__timer_remove(&stays.timer);
    weft__timers_fini(&timers);
}

WEFT_TEST(timer, may_be_removed_in_each_state)
{
    struct alarm a = {0}, other = {0};

    weft__timers_init(&timers);
    weft__timer_remove(&a.timer); /* idle: it was never added */
    add(&a, 10, ring);
    add(&other, 20, ring);
    weft__timer_remove(&a.timer); /* queued */
    CHECK_EQ(A_LOAD(&timers.earliest, relaxed), 20);
    weft__timer_remove(&a.timer); /* removed already */
    CHECK_EQ(weft__timers_run(&timers, 30), 1);
    CHECK_EQ(a.fired, 0);
    CHECK_EQ(other.fired, 1);
    weft__timer_remove(&other.timer); /* fired */
    add(&other, 40, ring);            /* and it may be used again */
    CHECK_EQ(weft__timers_run(&timers, 40), 1);
    CHECK_EQ(other.fired, 2);
    weft__timers_fini(&timers);
}

static bool no_memory(enum weft__seam what)
{
    return what == WEFT__SEAM_ALLOC;
}

WEFT_TEST(timer, heap_stays_sound_where_there_is_no_memory_to_grow)
{
    static struct alarm a[1000];
    int n = 0;

    weft__timers_init(&timers);
    add(&a[n++], 500, ring);
    A_STORE(&weft__fault_hook, no_memory, relaxed);
    for (;; n++) {
        int rc;

        CHECK_LT(n, 1000);
        a[n].timer.deadline = 500 - n;
        a[n].timer.fire = ring;
        rc = weft__timer_add(&timers, &a[n].timer);
        if (rc != 0) {
            CHECK_RC(rc, -ENOMEM);
            break;
        }
    }
    A_STORE(&weft__fault_hook, NULL, relaxed);
    weft__timer_remove(&a[n].timer);
    CHECK_EQ(weft__timers_run(&timers, 1000), n);
    CHECK_EQ(a[n].fired, 0);
    weft__timers_fini(&timers);
}

/* A timer that says when it has begun to fire, and goes on once it is told to. */
struct gate {
    struct weft__timer timer;
    atomic_bool begun, go, done;
};

static void fire_gate(struct weft__timer *t)
{
    struct gate *g = WEFT__CONTAINER(t, struct gate, timer);

    atomic_store(&g->begun, true);
    while (!atomic_load(&g->go))
        sched_yield();
    atomic_store(&g->done, true);
}

static void *run_to_100(void *arg)
{
    (void)arg;
    (void)weft__timers_run(&timers, 100);
    return NULL;
}

static void *open_gate_soon(void *arg)
{
    struct gate *g = arg;

    for (int i = 0; i < 1000; i++)
        sched_yield();
    atomic_store(&g->go, true);
    return NULL;
}

WEFT_TEST(timer, removal_waits_for_the_end_of_firing)
{
    struct gate g = {.timer = {.deadline = 50, .fire = fire_gate}};
    pthread_t runner, opener;

    weft__timers_init(&timers);
    CHECK_OK(weft__timer_add(&timers, &g.timer));
    CHECK_OK(pthread_create(&runner, NULL, run_to_100, NULL));
    while (!atomic_load(&g.begun))
        sched_yield();
    CHECK_OK(pthread_create(&opener, NULL, open_gate_soon, &g));
    weft__timer_remove(&g.timer);
    CHECK(atomic_load(&g.done));
    CHECK_OK(pthread_join(runner, NULL));
    CHECK_OK(pthread_join(opener, NULL));
    weft__timers_fini(&timers);
}

static void add_another(struct weft__timer *t)
{
    static struct alarm next;

    ring(t);
    if (atomic_load(&next.fired) == 0 && A_LOAD(&next.timer.state, relaxed) == WEFT__TIMER_IDLE)
        add(&next, t->deadline + 1, ring);
}

WEFT_TEST(timer, fire_function_may_add_and_holds_no_lock)
{
    struct alarm a = {0};

    weft__timers_init(&timers);
    add(&a, 10, add_another);
    CHECK_EQ(weft__timers_run(&timers, 10), 1);
    CHECK_EQ(A_LOAD(&timers.earliest, relaxed), 11);
    CHECK_EQ(weft__timers_run(&timers, 11), 1);
    weft__timers_fini(&timers);
}

/* Two threads fire what a third adds and removes. The frame of each timer ends right after its removal, so a late
 * access of a firing thread would be one to a dead frame. */
static atomic_bool stop;

static void *run_on(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&stop, memory_order_relaxed))
        (void)weft__timers_run(&timers, 500);
    return NULL;
}

static WEFT__NOINLINE int add_and_remove(unsigned turn)
{
    struct alarm a[3];
    int fired = 0;

    memset(a, 0, sizeof a);
    for (unsigned i = 0; i < 3; i++)
        add(&a[i], (turn + i) % 2 != 0 ? 100 : 1000, ring);
    for (unsigned i = turn % 64; i > 0; i--)
        __asm__ volatile("");
    for (unsigned i = 0; i < 3; i++) {
        int after;

        weft__timer_remove(&a[i].timer);
        CHECK_EQ(A_LOAD(&a[i].timer.state, relaxed), WEFT__TIMER_IDLE);
        after = atomic_load(&a[i].fired);
        CHECK_LE(after, (turn + i) % 2 != 0);
        fired += after;
    }
    memset(a, 0xdb, sizeof a);
    return fired;
}

WEFT_TEST(timer, removal_that_races_with_firing_ends_every_access)
{
    pthread_t runners[2];
    int fired = 0;

    weft__timers_init(&timers);
    for (int i = 0; i < 2; i++)
        CHECK_OK(pthread_create(&runners[i], NULL, run_on, NULL));
    for (unsigned i = 0; i < (TEST_TSAN ? 2000 : 20000); i++)
        fired += add_and_remove(i);
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++)
        CHECK_OK(pthread_join(runners[i], NULL));
    CHECK_GE(fired, 0);
    CHECK_EQ(timers.count, 0);
    weft__timers_fini(&timers);
}
