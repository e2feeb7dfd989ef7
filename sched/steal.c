/* SPDX-License-Identifier: MIT */
#include "sched/steal.h"

#include "sched/random.h"
#include "sched/runtime.h"

/* A thief waits so many turns of weft__spin() for the answer of those that it asks to share, some 3 us, before it uses force. */
enum { ASK_TURNS = 72 };

/* After so many thefts in a row that brought less work than they cost, a thief rests until it is woken. */
enum { THEFTS_IN_VAIN = 16 };

/* Tasks that were woken are taken so many at a time, at the most. */
enum { LOOT = 16 };

/* The i-th of those that `w` may steal from, beginning with the start-th; NULL for itself. */
static struct weft__worker *victim(struct weft__worker *w, unsigned start, unsigned i)
{
    unsigned n = w->rt->workers_count, k = start + i < n ? start + i : start + i - n;

    return k != w->index ? &w->rt->workers[k] : NULL;
}

/* The older half of a ready queue of `v`, as far as it fits: those that were woken together are seldom alone. Returns the oldest of them, or
 * NULL; the others go to the queue of the same level of `w`, which searches, and will tell of them when it ends that. */
static struct weft__task *steal_ready(struct weft__worker *w, struct weft__worker *v, enum weft__level level)
{
    void *loot[LOOT];
    enum weft__steal s;
    int64_t n;

    do {
        n = LOOT;
        s = weft__deque_steal_half(&v->ready[level], loot, &n);
    } while (s == WEFT__STEAL_LOST);
    if (s == WEFT__STEAL_EMPTY)
        return NULL;
    for (int64_t i = 1; i < n; i++)
        weft__worker_queue_quietly(w, level, loot[i]);
    return loot[0];
}

/* What others share. */
static struct weft__task *steal_shared(struct weft__worker *w, unsigned start)
{
    static const uint8_t order[WEFT__LEVELS] = {WEFT__HIGH, WEFT__NORMAL, WEFT__LOW, WEFT__SPENT};

    for (unsigned i = 0; i < w->rt->workers_count; i++) {
        struct weft__worker *v = victim(w, start, i);
        struct weft__task *t;

        for (int k = 0; v != NULL && k < WEFT__LEVELS; k++)
            if ((t = steal_ready(w, v, order[k])) != NULL)
                return t;
        if (v != NULL && (t = weft__steal_fresh(w, &v->deque)) != NULL)
            return t;
    }
    return NULL;
}

/* What others keep for themselves: asks for it, and takes it if no answer comes in time. */
static struct weft__task *steal_private(struct weft__worker *w, unsigned start)
{
    struct weft__task *t;
    unsigned turns = 0;
    bool asked = false;

    for (unsigned i = 0; i < w->rt->workers_count; i++) {
        struct weft__worker *v = victim(w, start, i);

        if (v != NULL && weft__deque_seems_private(&v->deque)) {
            weft__deque_ask(&v->deque);
            asked = true;
        }
    }
    while (asked && turns < ASK_TURNS) {
        weft__spin(&turns);
        if ((t = steal_shared(w, start)) != NULL)
            return t;
    }
    for (unsigned i = 0; asked && i < w->rt->workers_count; i++) {
        struct weft__worker *v = victim(w, start, i);

        if (v != NULL && weft__deque_force(&v->deque) && (t = weft__steal_fresh(w, &v->deque)) != NULL)
            return t;
    }
    return NULL;
}

void weft__steal_judge(struct weft__worker *w)
{
    if (weft__clock() - w->theft_done < 2 * w->theft_cost)
        w->thefts_in_vain++;
    else
        w->thefts_in_vain = 0;
    w->theft_done = 0;
}

struct weft__task *weft__steal(struct weft__worker *w)
{
    unsigned start = (w->random = weft__xorshift(w->random)) % w->rt->workers_count;
    struct weft__task *t;
    weft_time began;

    A_BUMP(&w->counters.steals_tried);
    if (w->thefts_in_vain >= THEFTS_IN_VAIN) {
        w->resting = true;
        w->thefts_in_vain = THEFTS_IN_VAIN - 1;
        return NULL;
    }
    began = weft__clock();
    if ((t = steal_shared(w, start)) == NULL)
        t = steal_private(w, start);
    if (t != NULL)
        A_BUMP(&w->counters.steals_won);
    if (t != NULL && t->stack == NULL) {
        w->theft_done = weft__clock();
        w->theft_cost = w->theft_done - began;
    }
    return t;
}
