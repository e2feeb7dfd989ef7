/* SPDX-License-Identifier: MIT */
/*
 * The public wait against all that can end it at once: in each of 100,000 rounds a wake, a cancellation and a time-out race for one
 * wait; exactly one wins, and what the waiter is told is what the winner was told. And a semaphore made of such waits, whose waiters
 * are cancelled and run out of time while permits are handed out: none is lost and none is made.
 */
#include <pthread.h>

#include "tests/sched/fair_semaphore.h"
#include "tests/sched/gate.h"
#include "tests/sched/stress.h"

/* The pairs of two tasks make up the 100,000; those with a thread as the attacker, which wait for the system in each round, come on top. */
enum { PAIRS = 8, OUTSIDE = 2, EACH = ROUNDS(100000 / PAIRS), EACH_OUTSIDE = ROUNDS(4000) };

static atomic_uint seeds = 1;

static uint32_t seed(void)
{
    return atomic_fetch_add(&seeds, 1) * 2246822519u + 12345;
}

struct race {
    int rounds;
    weft_waiter waiter;
    weft_scope *scope;
    struct gate go, done;
    int woken;    /* by the attacker, in the round that is over */
    int tally[3]; /* woken, cancelled, out of time */
};

/* One round of the other side. */
static void attack(struct race *r, uint32_t *state)
{
    bool cancel_first = random_next(state) % 2 != 0;
    weft_waiter w = r->waiter;

    random_pause(state);
    if (cancel_first && random_next(state) % 2 != 0)
        CHECK_OK(weft_scope_cancel(r->scope));
    random_pause(state);
    if (random_next(state) % 8 != 0) {
        enum weft_claim claim = weft_unpark_claim(w);

        random_pause(state);
        r->woken = claim != WEFT_CLAIM_LOST;
        weft_unpark_finish(w, claim);
        CHECK(!weft_unpark(w));
    } else {
        r->woken = weft_unpark(w);
        /* Whoever has won, something must. */
        CHECK_OK(weft_scope_cancel(r->scope));
    }
}

static int attack_often(void *arg)
{
    struct race *r = arg;
    uint32_t state = seed() | 1;

    for (int i = 1; i <= r->rounds; i++) {
        gate_wait(&r->go);
        attack(r, &state);
        gate_open(&r->done);
    }
    return 0;
}

static void *attack_from_outside(void *arg)
{
    struct race *r = arg;
    uint32_t state = seed() | 1;

    for (int i = 1; i <= r->rounds; i++) {
        gate_wait_outside(&r->go);
        attack(r, &state);
        gate_open(&r->done);
    }
    return NULL;
}

static int defend(void *arg)
{
    struct race *r = arg;
    uint32_t state = seed() | 1;

    for (int i = 1; i <= r->rounds; i++) {
        weft_waiter w;
        int rc;

        r->scope = weft_scope_open(0);
        CHECK_NOT_NULL(r->scope);
        CHECK_OK(weft_park_prepare(&w));
        r->waiter = w;
        gate_open(&r->go);
        random_pause(&state);
        rc = random_next(&state) % 4 == 0 ? weft_park(&w)
                                          : weft_park_until(&w, weft_now() + random_next(&state) % 20000);
        gate_wait(&r->done);
        if (rc == 0)
            r->tally[0]++;
        else if (rc == WEFT_ECANCELED)
            r->tally[1]++;
        else
            r->tally[2]++;
        CHECK(rc == 0 || rc == WEFT_ECANCELED || rc == WEFT_ETIMEDOUT);
        CHECK_EQ(r->woken, rc == 0);
        CHECK_RC(weft_scope_close(r->scope, 0), 0);
    }
    return 0;
}

static int race(void *arg)
{
    static struct race races[PAIRS + OUTSIDE];
    weft_group *g = weft_group_open(NULL);
    pthread_t threads[OUTSIDE];
    long tally[3] = {0}, rounds = 0;

    (void)arg;
    for (int i = 0; i < PAIRS + OUTSIDE; i++) {
        races[i].rounds = (i < PAIRS ? EACH : EACH_OUTSIDE) / (test_under_valgrind() ? 20 : 1);
        CHECK_OK(weft_spawn(g, defend, &races[i]));
        if (i < PAIRS)
            CHECK_OK(weft_spawn(g, attack_often, &races[i]));
        else
            CHECK_OK(pthread_create(&threads[i - PAIRS], NULL, attack_from_outside, &races[i]));
    }
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    for (int i = 0; i < OUTSIDE; i++)
        CHECK_OK(pthread_join(threads[i], NULL));
    for (int i = 0; i < PAIRS + OUTSIDE; i++) {
        rounds += races[i].rounds;
        for (int j = 0; j < 3; j++)
            tally[j] += races[i].tally[j];
    }
    CHECK_EQ(tally[0] + tally[1] + tally[2], rounds);
    for (int j = 0; j < 3; j++) /* each of them wins now and then */
        CHECK_GT(tally[j], 0);
    return 0;
}

WEFT_TEST(stress_park, one_of_wake_cancel_and_time_wins)
{
    CHECK_OK(test_run(race, NULL));
}

/* Permits of a semaphore. */

enum { PERMITS = 3, CLIENTS = 24, TURNS = ROUNDS(2000) };

struct shop {
    struct fair_semaphore semaphore;
    int turns;
    atomic_int inside;
    atomic_long got, missed;
};

static int come_and_go(void *arg)
{
    struct shop *shop = arg;
    uint32_t state = seed() | 1;

    for (int i = 0; i < shop->turns; i++) {
        weft_time now = weft_now();
        weft_scope *s = weft_scope_open(random_next(&state) % 4 == 0 ? now + random_next(&state) % 30000 : 0);
        int rc = fair_acquire_until(&shop->semaphore, now + random_next(&state) % 60000);

        if (rc == 0) {
            CHECK_LE(atomic_fetch_add(&shop->inside, 1) + 1, PERMITS);
            random_pause(&state);
            (void)weft_yield();
            atomic_fetch_sub(&shop->inside, 1);
            fair_release(&shop->semaphore);
            atomic_fetch_add(&shop->got, 1);
        } else {
            CHECK(rc == WEFT_ECANCELED || rc == WEFT_ETIMEDOUT);
            atomic_fetch_add(&shop->missed, 1);
        }
        CHECK_RC(weft_scope_close(s, 0), 0);
    }
    return 0;
}

static int run_shop(void *arg)
{
    struct shop *shop = arg;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < CLIENTS; i++)
        CHECK_OK(weft_spawn(g, come_and_go, shop));
    CHECK_OK(weft_group_wait(g));
    weft_group_close(g);
    return 0;
}

WEFT_TEST(stress_park, semaphore_neither_loses_nor_makes_permits)
{
    struct shop shop = {.semaphore = {.permits = PERMITS}, .turns = test_under_valgrind() ? 50 : TURNS};

    CHECK_OK(test_run(run_shop, &shop));
    CHECK_EQ(shop.semaphore.permits, PERMITS);
    CHECK_NULL(shop.semaphore.first);
    CHECK_EQ(shop.got + shop.missed, CLIENTS * shop.turns);
    CHECK_GT(shop.got, 0);
    CHECK_GT(shop.missed, 0);
}
