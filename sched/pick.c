/* SPDX-License-Identifier: MIT */
#include "sched/pick.h"

#include "sched/idle.h"
#include "sched/inbox.h"
#include "sched/join.h"
#include "sched/runtime.h"
#include "sched/steal.h"

static unsigned empty(struct weft__worker *w, struct weft__inbox *in)
{
    unsigned n = 0;

    for (struct weft__task *t = weft__inbox_take(in), *next; t != NULL; t = next, n++) {
        next = t->next;
        weft__worker_queue(w, t);
    }
    return n;
}

/* Empties the inboxes into the ready queue, and fires timers. Returns how many tasks that brought, about. */
static unsigned look_around(struct weft__worker *w)
{
    unsigned n = empty(w, &w->rt->inbox);

    n += empty(w, &w->inbox);
    if (n > 1)
        weft__idle_notify_lazily(w);
    return n + weft__runtime_run_timers(w->rt);
}

/* The same, and asks the poller: for a worker that has something to do. One that has not asks in its sleep. */
static void look_further_around(struct weft__worker *w)
{
    (void)look_around(w);
    A_BUMP(&w->counters.polls);
    (void)w->rt->ops->poll(w->rt->io, 0);
}

/* NULL only when the deque is empty, halves that have to be returned or not: a worker that finds nothing may go to sleep. */
static struct weft__task *pop_fresh(struct weft__worker *w)
{
    struct weft__task *t = NULL;
    void *item;

    while (t == NULL && (item = weft__deque_pop(&w->deque)) != NULL)
        t = weft__fresh(w, item);
    return t;
}

/* How many tasks that never ran go before the next of the ready queue: those that are there now. Else tasks that
 * yield, or wake each other, and spawn meanwhile would pile up children that never get a turn. */
static unsigned fresh_turns(struct weft__worker *w)
{
    int64_t n = weft__deque_count_of_owner(&w->deque);

    return n < WEFT__LOOK_EVERY ? (unsigned)n : WEFT__LOOK_EVERY;
}

/* The oldest of the tasks that never ran. */
static struct weft__task *take_oldest(struct weft__worker *w)
{
    weft__deque_share_oldest(&w->deque);
    return weft__steal_fresh(w, &w->deque);
}

static struct weft__task *take_pinned(struct weft__worker *w)
{
    struct weft__task *t = w->pinned;

    if (t != NULL && (w->pinned = t->next) == NULL)
        w->pinned_end = &w->pinned;
    return t;
}

static inline struct weft__task *take_level(struct weft__worker *w, enum weft__level level)
{
    return !weft__pick_seems_empty(&w->ready[level]) ? weft__steal_ready(&w->ready[level]) : NULL;
}

/* What goes before the tasks of the normal level in this turn: of 16 turns 9 are the high level's, 2 the pinned tasks' and 1 the low
 * level's, as far as they have any; what those leave over and the other 4 are the normal level's. */
static struct weft__task *pick_special(struct weft__worker *w)
{
    static const enum {
        NORMAL,
        HIGH,
        PINNED,
        LOW
    } plan[16] = {LOW,  HIGH, NORMAL, HIGH, PINNED, HIGH, NORMAL, HIGH,
                  HIGH, HIGH, NORMAL, HIGH, PINNED, HIGH, NORMAL, HIGH};

    switch (plan[w->turn++ % 16]) {
    case HIGH:
        return take_level(w, WEFT__HIGH);
    case PINNED:
        return take_pinned(w);
    case LOW:
        return take_level(w, WEFT__LOW);
    case NORMAL:
        break;
    }
    return NULL;
}

/* What is left when there is nothing of the normal level. */
static struct weft__task *pick_special_left(struct weft__worker *w)
{
    struct weft__task *t;

    if ((t = take_level(w, WEFT__HIGH)) == NULL && (t = take_pinned(w)) == NULL)
        t = take_level(w, WEFT__LOW);
    return t;
}

static inline struct weft__task *pick_normal(struct weft__worker *w)
{
    struct weft__task *t = weft__slot_take(&w->slot);

    if (t != NULL) {
        if (weft__pick_slot_has_a_turn(w))
            return t;
        weft__worker_queue(w, t);
    }
    w->slot_runs = 0;
    if (WEFT__UNLIKELY(w->fresh_turns > 0)) {
        w->fresh_turns--;
        if ((t = pop_fresh(w)) != NULL)
            return t;
        w->fresh_turns = 0;
    }
    if ((t = take_level(w, WEFT__NORMAL)) != NULL) {
        if (WEFT__UNLIKELY(!weft__pick_seems_empty(&w->deque)))
            w->fresh_turns = fresh_turns(w);
        return t;
    }
    if ((t = pop_fresh(w)) != NULL)
        return t;
    return take_level(w, WEFT__SPENT);
}

/*
 * What a tick of the monitor brings forward, or the end of a slice (weft__worker_attend()): of four ticks one goes to the oldest task that
 * never ran, above which newer ones may have piled up, and one to a task that was made to yield; the others to what would come anyway,
 * which is thus late by one slice at the most, however many tasks compute.
 */
static struct weft__task *pick_at_tick(struct weft__worker *w)
{
    switch (w->ticks++ % 4) {
    case 1:
        return take_oldest(w);
    case 3:
        return take_level(w, WEFT__SPENT);
    default:
        return NULL;
    }
}

struct weft__task *weft__pick_slow(struct weft__worker *w)
{
    struct weft__task *t;

    A_BUMP(&w->picks);
    /* relaxed: a hint of the monitor's */
    if (WEFT__UNLIKELY(--w->until_look == 0 || A_LOAD(&w->look, relaxed) != 0)) {
        struct weft__task *current = w->current;
        bool tick = A_LOAD(&w->look, relaxed) != 0;

        w->until_look = WEFT__LOOK_EVERY;
        A_STORE(&w->look, 0, relaxed);
        w->current = NULL; /* what this brings is nobody's hand-off */
        look_further_around(w);
        w->current = current;
        if (tick)
            w->fresh_turns = 0;
        if ((t = tick ? pick_at_tick(w) : take_oldest(w)) != NULL)
            return t;
    }
    if (WEFT__LIKELY(!A_LOAD(&w->rt->has_special, relaxed))) /* relaxed: see weft_spawn_with() */
        return pick_normal(w);
    if ((t = pick_special(w)) == NULL && (t = pick_normal(w)) == NULL)
        t = pick_special_left(w);
    return t;
}

struct weft__task *weft__find(struct weft__worker *w)
{
    weft_runtime *rt = w->rt;

    for (;;) {
        struct weft__task *t = weft__pick(w);

        if (t == NULL && look_around(w) > 0)
            t = weft__pick(w);
        if (t == NULL && w->theft_done != 0)
            weft__steal_judge(w); /* before it sleeps, which is no work */
        if (t == NULL && weft__runtime_has_work(rt, true) && weft__idle_start_search(w))
            t = weft__steal(w);
        if (t != NULL) {
            if (w->searching)
                weft__idle_end_search(w);
            return t;
        }
        if (A_LOAD(&rt->stopping, acquire))
            return NULL;
        weft__idle_sleep(w);
    }
}
