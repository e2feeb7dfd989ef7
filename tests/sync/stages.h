/* SPDX-License-Identifier: MIT */
/*
 * Of four that wait for one thing the second is cancelled before it comes, and has not run since; the third after it has come, and has not
 * run either. So one wake meets all that a waiter can be. The others, and the third, are let go in the order in which they came; the
 * second takes nothing with it.
 */
#ifndef WEFT_TESTS_SYNC_STAGES_H
#define WEFT_TESTS_SYNC_STAGES_H

#include "tests/sync/waits.h"

enum { FOUR = 4, GONE = 1, GRANTED = 2 };

struct stages {
    struct waits calls[FOUR];
    _Atomic unsigned served;
    bool is_several; /* wakes, after each other */
    weft_group *stay, *granted, *gone;
};

/* Starts the four. The first group is the outermost, for a cancellation reaches the groups inside. */
static inline void stages_begin(struct stages *s, int (*fn)(void *on, uint64_t n), void *on)
{
    s->served = 0;
    s->is_several = false;
    s->stay = weft_group_open(NULL);
    s->granted = weft_group_open(NULL);
    s->gone = weft_group_open(NULL);
    for (int i = 0; i < FOUR; i++) {
        s->calls[i] = (struct waits){.fn = fn, .on = on, .n = 1, .served = &s->served};
        waits_begin(i == GONE ? s->gone : i == GRANTED ? s->granted : s->stay, &s->calls[i]);
    }
    CHECK_EQ(s->served, 0);
    CHECK_OK(weft_group_cancel(s->gone));
}

/* After what they wait for has come. What the second and the third are told is mostly WEFT_ECANCELED and 0. */
static inline void stages_end_with(struct stages *s, int gone, int granted)
{
    unsigned last = 0;

    CHECK_OK(weft_group_cancel(s->granted));
    weft_group_close(s->gone);
    weft_group_close(s->granted);
    CHECK_OK(weft_group_wait(s->stay));
    weft_group_close(s->stay);
    for (int i = 0; i < FOUR; i++) {
        CHECK_RC(s->calls[i].result, i == GONE ? gone : i == GRANTED ? granted : 0);
        if (i == GONE || s->calls[i].result < 0 || s->is_several)
            continue;
        CHECK_GE(s->calls[i].rank, last);
        last = s->calls[i].rank;
    }
}

static inline void stages_end(struct stages *s)
{
    stages_end_with(s, WEFT_ECANCELED, 0);
}

/* What they wait for: made, waited for, brought about, and ended. Where it is brought about by several calls they are served in their order,
 * but the one that was woken last runs first. */
struct stages_kind {
    void (*prepare)(void);
    int (*wait)(void *on, uint64_t n);
    void (*wake)(void);
    int (*end)(void);
    bool is_several;
};

static inline void stages_run(const struct stages_kind *kind)
{
    struct stages s;

    kind->prepare();
    stages_begin(&s, kind->wait, NULL);
    kind->wake();
    s.is_several = kind->is_several;
    stages_end(&s);
    CHECK_OK(kind->end());
}

#endif
