/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include <weft/combine.h>
#include <weft/error.h>
#include <weft/group.h>

#include "sched/atomic.h"

/* In the caller's frame. Read there when all runners have been joined, so relaxed accesses are enough. */
struct race {
    weft_group *g;
    _Atomic int winner; /* its index; -1: none yet */
    _Atomic int error;  /* the first; 0: none yet */
};

struct runner {
    struct race *race;
    weft_fn fn;
    void *arg;
    int index;
};

_Static_assert(sizeof(struct runner) <= WEFT_COPY_MAX, "a runner is copied into its task");

/* Fails nobody: the others run on. */
static int run(void *arg)
{
    const struct runner *r = arg;
    int rc = r->fn(r->arg), none = -1, no_error = 0;

    if (rc >= 0) {
        if (A_CAS(&r->race->winner, &none, r->index, relaxed, relaxed))
            (void)weft_group_cancel(r->race->g);
    } else if (rc != WEFT_ECANCELED || !weft_canceled()) {
        (void)A_CAS(&r->race->error, &no_error, rc, relaxed, relaxed);
    }
    return 0;
}

int weft_race(size_t n, const weft_fn *fns, void *const *args)
{
    struct race race;
    int rc, winner, error;

    if (n == 0 || n > INT_MAX)
        return WEFT_EINVAL;
    race.g = weft_group_open(NULL);
    A_STORE(&race.winner, -1, relaxed);
    A_STORE(&race.error, 0, relaxed);
    for (size_t i = 0; i < n; i++) {
        struct runner r = {&race, fns[i], args != NULL ? args[i] : NULL, (int)i};

        /* Refused: the race is decided, cancelled, or out of memory, which fails the group. */
        if (weft_spawn_copy(race.g, run, &r, sizeof r, NULL) < 0)
            break;
    }
    rc = weft_group_wait(race.g);
    weft_group_close(race.g);
    winner = A_LOAD(&race.winner, relaxed);
    error = A_LOAD(&race.error, relaxed);
    if (winner >= 0)
        return winner;
    return error != 0 ? error : rc != 0 ? rc : WEFT_ECANCELED;
}
