/* SPDX-License-Identifier: MIT */
#include "sched/worker.h"

#include <weft/error.h>

#include "sched/execute.h"
#include "sched/idle.h"
#include "sched/inbox.h"
#include "sched/join.h"
#include "sched/overflow.h"
#include "sched/park.h"
#include "sched/runtime.h"

enum { SLOT_RUNS = 3, LOOK_EVERY = 61 };

/* A thief waits so many turns of weft__spin() for the answer of those that it asks to share, some 3 us, before it uses force. */
enum { ASK_TURNS = 72 };

/* After so many thefts in a row that brought less work than they cost, a thief rests until it is woken. */
enum { THEFTS_IN_VAIN = 16 };

int weft__worker_init(struct weft__worker *w, weft_runtime *rt, unsigned index)
{
    int rc;

    w->rt = rt;
    w->index = index;
    w->random = index * 2654435769u + 1;
    w->until_look = LOOK_EVERY;
    weft__timers_init(&w->timers);
    if (rt->names_overflows && (w->signal_stack = weft__signal_stack_create()) == NULL)
        return WEFT_ENOMEM;
    w->pinned_end = &w->pinned;
    rc = weft__deque_init(&w->deque);
    for (int level = 0; rc == 0 && level < WEFT__LEVELS; level++)
        rc = weft__deque_init(&w->ready[level]);
    if (!rt->has_membarrier)
        weft__deque_share_always(&w->deque);
    return rc;
}

void weft__worker_fini(struct weft__worker *w)
{
    weft__deque_fini(&w->deque);
    for (int level = 0; level < WEFT__LEVELS; level++)
        weft__deque_fini(&w->ready[level]);
    weft__timers_fini(&w->timers);
    weft__signal_stack_destroy(w->signal_stack);
}

/* Queues. */

/* A pinned task that has begun goes to its own worker. */
static void queue_pinned(struct weft__worker *w, struct weft__task *t)
{
    struct weft__worker *home = &t->rt->workers[t->home];

    if (home == w) {
        t->next = NULL;
        *w->pinned_end = t;
        w->pinned_end = &t->next;
        return;
    }
    weft__inbox_push(&home->inbox, t);
    A_STORE(&home->look, 1, relaxed); /* relaxed: a hint */
    weft__idle_wake(t->rt, home);
}

void weft__worker_queue(struct weft__worker *w, struct weft__task *t)
{
    if (WEFT__UNLIKELY(t->kind.pinned) && t->stack != NULL)
        queue_pinned(w, t);
    /* Where there is no memory to grow the queue: the inbox needs none. */
    else if (WEFT__UNLIKELY(weft__deque_push_shared(&w->ready[t->kind.level], t) < 0))
        weft__inbox_push(&w->rt->inbox, t);
}

/* From a thread that is not a worker of the task's runtime. */
static void make_ready_from_outside(struct weft__task *t)
{
    weft_runtime *rt = t->rt;

    /* The task is won, but in no queue yet: so the runtime is there. It may be gone as soon as the task has run. */
    weft__runtime_enter(rt);
    if (t->kind.pinned) {
        queue_pinned(NULL, t);
    } else {
        weft__inbox_push(&rt->inbox, t);
        weft__idle_notify(rt);
    }
    weft__runtime_leave(rt);
}

void weft__make_ready(struct weft__task *t)
{
    struct weft__worker *w = weft__worker_self();

    if (WEFT__UNLIKELY(w == NULL || w->rt != t->rt)) {
        make_ready_from_outside(t);
        return;
    }
    if (w->current != NULL && WEFT__LIKELY(weft__kind_is_usual(t->kind))) {
        /* relaxed: only this worker fills the slot. The waker will soon suspend, and then has the task at hand.
         * release: the monitor may take it, and with it the task's context. */
        if (A_LOAD(&w->slot, relaxed) == NULL) {
            A_STORE(&w->slot, t, release);
            return;
        }
        t = A_XCHG(&w->slot, t, acq_rel);
        if (t == NULL)
            return;
    }
    weft__worker_queue(w, t);
    /* In the loop the first is for this worker. One that still counts as asleep, in the poller, tells others when it is out of it. */
    if (w->current != NULL || (A_LOAD(&w->sleep, relaxed) == 0 && weft__deque_count_of_owner(&w->ready[t->kind.level]) > 1))
        weft__idle_notify_lazily(w);
}

static struct weft__task *take_slot(struct weft__worker *w)
{
    if (A_LOAD(&w->slot, relaxed) == NULL) /* relaxed: only this worker fills it */
        return NULL;
    return A_XCHG(&w->slot, NULL, acquire);
}

static struct weft__task *steal_from(struct weft__worker *w, struct weft__deque *d)
{
    void *t;

    for (;;)
        switch (weft__deque_steal(d, &t)) {
        case WEFT__STEAL_GOT:
            return weft__fresh(w, t);
        case WEFT__STEAL_EMPTY:
            return NULL;
        case WEFT__STEAL_LOST:
            break;
        }
}

/* Empties the inbox into the ready queue, fires timers, asks the poller. Returns how many tasks that brought, about. */
static unsigned look_around(struct weft__worker *w)
{
    weft_runtime *rt = w->rt;
    unsigned n = 0;

    for (struct weft__task *t = weft__inbox_take(&rt->inbox), *next; t != NULL; t = next, n++) {
        next = t->next;
        weft__worker_queue(w, t);
    }
    for (struct weft__task *t = weft__inbox_take(&w->inbox), *next; t != NULL; t = next, n++) {
        next = t->next;
        queue_pinned(w, t);
    }
    if (n > 1)
        weft__idle_notify_lazily(w);
    n += weft__runtime_run_timers(rt);
    n += (unsigned)rt->ops->poll(rt->io, 0);
    return n;
}

static struct weft__task *pop_fresh(struct weft__worker *w)
{
    return weft__fresh(w, weft__deque_pop(&w->deque));
}

static bool seems_empty(struct weft__deque *d)
{
    return weft__deque_count_of_owner(d) <= 0;
}

/* How many tasks that never ran go before the next of the ready queue: those that are there now. Else tasks that
 * yield, or wake each other, and spawn meanwhile would pile up children that never get a turn. */
static unsigned fresh_turns(struct weft__worker *w)
{
    int64_t n = weft__deque_count_of_owner(&w->deque);

    return n < LOOK_EVERY ? (unsigned)n : LOOK_EVERY;
}

static struct weft__task *take_pinned(struct weft__worker *w)
{
    struct weft__task *t = w->pinned;

    if (t != NULL && (w->pinned = t->next) == NULL)
        w->pinned_end = &w->pinned;
    return t;
}

static struct weft__task *take_level(struct weft__worker *w, enum weft__level level)
{
    return !seems_empty(&w->ready[level]) ? steal_from(w, &w->ready[level]) : NULL;
}

/* What goes before the tasks of the normal level in this turn: of 16 turns 9 are the high level's, 2 the pinned tasks' and 1 the low
 * level's, as far as they have any; what those leave over and the other 4 are the normal level's. */
static struct weft__task *pick_special(struct weft__worker *w)
{
    static const enum { NORMAL, HIGH, PINNED, LOW } plan[16] = {LOW,    HIGH, NORMAL, HIGH, PINNED, HIGH, NORMAL, HIGH,
                                                                HIGH,   HIGH, NORMAL, HIGH, PINNED, HIGH, NORMAL, HIGH};

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

static struct weft__task *pick_normal(struct weft__worker *w);

/* The next task of this worker's own. */
static struct weft__task *pick(struct weft__worker *w)
{
    struct weft__task *t;

    A_BUMP(&w->picks);
    /* relaxed: a hint of the monitor's */
    if (WEFT__UNLIKELY(--w->until_look == 0 || A_LOAD(&w->look, relaxed) != 0)) {
        struct weft__task *current = w->current;

        w->until_look = LOOK_EVERY;
        A_STORE(&w->look, 0, relaxed);
        w->current = NULL; /* what this brings is nobody's hand-off */
        (void)look_around(w);
        w->current = current;
        weft__deque_share_oldest(&w->deque);
        if ((t = steal_from(w, &w->deque)) != NULL)
            return t;
    }
    if (WEFT__LIKELY(!A_LOAD(&w->rt->has_special, relaxed))) /* relaxed: see weft_spawn_with() */
        return pick_normal(w);
    if ((t = pick_special(w)) == NULL && (t = pick_normal(w)) == NULL)
        t = pick_special_left(w);
    return t;
}

static inline struct weft__task *pick_normal(struct weft__worker *w)
{
    struct weft__task *t = take_slot(w);

    if (t != NULL) {
        /* With nobody else here it would be the next again. */
        if (WEFT__LIKELY(++w->slot_runs <= SLOT_RUNS) || (seems_empty(&w->ready[WEFT__NORMAL]) && seems_empty(&w->deque)))
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
        if (WEFT__UNLIKELY(!seems_empty(&w->deque)))
            w->fresh_turns = fresh_turns(w);
        return t;
    }
    return pop_fresh(w);
}

static uint32_t next_random(struct weft__worker *w)
{
    uint32_t x = w->random; /* Marsaglia, "Xorshift RNGs" (2003) */

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return w->random = x;
}

/* The i-th of those that `w` may steal from, beginning with the start-th; NULL for itself. */
static struct weft__worker *victim(struct weft__worker *w, unsigned start, unsigned i)
{
    unsigned n = w->rt->workers_count, k = start + i < n ? start + i : start + i - n;

    return k != w->index ? &w->rt->workers[k] : NULL;
}

/* What others share. */
static struct weft__task *steal_shared(struct weft__worker *w, unsigned start)
{
    for (unsigned i = 0; i < w->rt->workers_count; i++) {
        struct weft__worker *v = victim(w, start, i);
        struct weft__task *t;

        for (int level = 0; v != NULL && level < WEFT__LEVELS; level++)
            if ((t = steal_from(w, &v->ready[level])) != NULL)
                return t;
        if (v != NULL && (t = steal_from(w, &v->deque)) != NULL)
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

        if (v != NULL && weft__deque_force(&v->deque) && (t = steal_from(w, &v->deque)) != NULL)
            return t;
    }
    return NULL;
}

/* Judges the last theft now that all that it brought is done. */
static void judge_theft(struct weft__worker *w, weft_time now)
{
    if (w->theft_done == 0)
        return;
    if (now - w->theft_done < 2 * w->theft_cost)
        w->thefts_in_vain++;
    else
        w->thefts_in_vain = 0;
    w->theft_done = 0;
}

static struct weft__task *steal(struct weft__worker *w)
{
    unsigned start = next_random(w) % w->rt->workers_count;
    weft_time began = weft__clock();
    struct weft__task *t;

    judge_theft(w, began);
    if (w->thefts_in_vain >= THEFTS_IN_VAIN) {
        w->resting = true;
        w->thefts_in_vain = THEFTS_IN_VAIN - 1;
        return NULL;
    }
    if ((t = steal_shared(w, start)) == NULL)
        t = steal_private(w, start);
    if (t != NULL && t->stack == NULL) {
        w->theft_done = weft__clock();
        w->theft_cost = w->theft_done - began;
    }
    return t;
}

/* The next task to run, sleeping until there is one. NULL: the runtime stops. */
static struct weft__task *find(struct weft__worker *w)
{
    weft_runtime *rt = w->rt;

    for (;;) {
        struct weft__task *t = pick(w);

        if (t == NULL && look_around(w) > 0)
            t = pick(w);
        if (t == NULL && weft__idle_start_search(w))
            t = steal(w);
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

/* Switching. */

static struct weft__stack *take_stack(struct weft__worker *w, unsigned stack_class)
{
    return weft__stack_take(&w->rt->stacks[stack_class], stack_class == 0 ? &w->magazine : NULL);
}

static void give_stack(struct weft__worker *w, struct weft__stack *s)
{
    weft__stack_give(s->pool, s->pool == &w->rt->stacks[0] ? &w->magazine : NULL, s);
}

/* Settles what the context that this worker has just left asked for. */
static void after_switch(struct weft__worker *w)
{
    enum weft__after after = w->after;
    struct weft__task *t = w->after_what;

    w->after = WEFT__AFTER_NOTHING;
    switch (after) {
    case WEFT__AFTER_NOTHING:
        break;
    case WEFT__AFTER_YIELD:
        if (WEFT__UNLIKELY(!weft__kind_is_usual(t->kind)))
            weft__worker_queue(w, t);
        else if (WEFT__UNLIKELY(weft__deque_push_quietly(&w->ready[WEFT__NORMAL], t) < 0))
            weft__inbox_push(&w->rt->inbox, t);
        break;
    case WEFT__AFTER_PARK: {
        uint64_t s = A_LOAD(&t->wait, relaxed);

        /* release: the saved context goes to whoever claims the wait; acquire: see the winner's writes */
        while ((s & WEFT__PHASE_MASK) == WEFT__ARMED)
            if (A_CAS_WEAK(&t->wait, &s, s + (WEFT__PARKED - WEFT__ARMED), acq_rel, acquire))
                return;
        weft__worker_queue(w, t);
        break;
    }
    case WEFT__AFTER_LOOP:
        give_stack(w, w->after_what);
        break;
    }
}

/* Goes over to the stack `to`, and returns when somebody comes back to this one. */
static void switch_to(struct weft__worker *w, struct weft__stack *to)
{
    struct weft__stack *from = w->stack;

    w->stack = to;
    weft__context_switch(&from->context, &to->context);
    after_switch(weft__worker_self());
}

/* Goes over to a task that has run before. */
static void switch_to_task(struct weft__worker *w, struct weft__task *t)
{
    w->current = t;
    switch_to(w, t->stack);
}

/* Leaves the calling task for `t`, or for a loop that begins with `t`, or that finds something itself. */
static void leave_for(struct weft__worker *w, struct weft__task *t)
{
    if (t != NULL && t->stack != NULL) {
        switch_to_task(w, t);
        return;
    }
    w->next = t;
    w->current = NULL;
    switch_to(w, take_stack(w, t != NULL ? t->kind.stack_class : 0));
}

void weft__worker_suspend(struct weft__worker *w, enum weft__after after, struct weft__task *t)
{
    struct weft__task *next = pick(w);

    w->after = after;
    w->after_what = t;
    leave_for(w, next);
}

void weft__worker_yield(struct weft__worker *w, struct weft__task *t)
{
    struct weft__task *next = pick(w);

    if (next == NULL)
        return;
    w->after = WEFT__AFTER_YIELD;
    w->after_what = t;
    leave_for(w, next);
}

struct weft__worker *weft__worker_attend(struct weft__worker *w, struct weft__task *t)
{
    A_STORE(&w->attention, 0, relaxed); /* relaxed: a hint, it carries no data */
    w->until_look = 1;
    weft__worker_yield(w, t);
    return weft__worker_self();
}

/* Goes on with the loop on a stack that fits `t`, which never ran, or on one of class 0, and gives this one back. */
static void move_loop(struct weft__worker *w, struct weft__task *t)
{
    w->next = t;
    w->after = WEFT__AFTER_LOOP;
    w->after_what = w->stack;
    switch_to(w, take_stack(w, t != NULL ? t->kind.stack_class : 0));
}

void weft__worker_entry(void)
{
    struct weft__worker *w;

    weft__context_entered();
    w = weft__worker_self();
    after_switch(w);
    for (;;) {
        struct weft__task *t = w->next;

        w->next = NULL;
        if (WEFT__UNLIKELY(t == NULL && w->stack->pool != &w->rt->stacks[0])) {
            move_loop(w, NULL); /* the task that needed this stack has ended */
            w = weft__worker_self();
        } else if (t == NULL && (t = find(w)) == NULL) {
            break;
        } else if (t->stack != NULL) {
            w->after = WEFT__AFTER_LOOP;
            w->after_what = w->stack;
            switch_to_task(w, t);
            w = weft__worker_self();
        } else if (WEFT__UNLIKELY(w->stack->pool != &w->rt->stacks[t->kind.stack_class])) {
            move_loop(w, t);
            w = weft__worker_self();
        } else {
            t->home = (uint16_t)w->index;
            w = weft__execute(w, t, NULL);
        }
    }
    weft__context_switch(&w->stack->context, &w->native); /* for good: the pool ends with the runtime */
    __builtin_unreachable();
}

void *weft__worker_main(void *arg)
{
    struct weft__worker *w = arg;

    weft__worker_set_self(w);
    weft__signal_stack_enter(w->signal_stack);
    weft__context_init_thread(&w->native);
    w->stack = take_stack(w, 0);
    weft__context_switch(&w->native, &w->stack->context);
    weft__signal_stack_leave(w->signal_stack);
    weft__worker_set_self(NULL);
    return NULL;
}
