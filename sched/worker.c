/* SPDX-License-Identifier: MIT */
#include "sched/worker.h"

#include <weft/error.h>

#include "sched/group.h"
#include "sched/idle.h"
#include "sched/inbox.h"
#include "sched/overflow.h"
#include "sched/park.h"
#include "sched/runtime.h"
#include "sched/stack_use.h"

enum { SLOT_RUNS = 3, LOOK_EVERY = 61 };

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
    if ((rc = weft__deque_init(&w->deque)) == 0)
        rc = weft__deque_init(&w->ready);
    return rc;
}

void weft__worker_fini(struct weft__worker *w)
{
    weft__deque_fini(&w->deque);
    weft__deque_fini(&w->ready);
    weft__timers_fini(&w->timers);
    weft__signal_stack_destroy(w->signal_stack);
}

/* Queues. */

static void push_ready(struct weft__worker *w, struct weft__task *t)
{
    /* Where there is no memory to grow the queue: the inbox needs none. */
    if (WEFT__UNLIKELY(weft__deque_push(&w->ready, t) < 0))
        weft__inbox_push(&w->rt->inbox, t);
}

void weft__make_ready(struct weft__task *t)
{
    struct weft__worker *w = weft__worker_self();

    if (w == NULL || w->rt != t->rt) {
        weft_runtime *rt = t->rt;

        /* The task is won, but in no queue yet: so the runtime is there. It may be gone as soon as the task has run. */
        weft__runtime_enter(rt);
        weft__inbox_push(&rt->inbox, t);
        weft__idle_notify(rt);
        weft__runtime_leave(rt);
        return;
    }
    if (w->current != NULL) {
        /* relaxed: only this worker fills the slot. The waker will soon suspend, and then has the task at hand.
         * release: the monitor may take it, and with it the task's context. */
        if (A_LOAD(&w->slot, relaxed) == NULL) {
            A_STORE(&w->slot, t, release);
            return;
        }
        t = A_XCHG(&w->slot, t, acq_rel);
        if (t == NULL)
            return;
        push_ready(w, t);
        weft__idle_notify_lazily(w);
        return;
    }
    push_ready(w, t);
    /* The first is for this worker. One that still counts as asleep, in the poller, tells others when it is out of it. */
    if (A_LOAD(&w->sleep, relaxed) == 0 && weft__deque_count_of_owner(&w->ready) > 1)
        weft__idle_notify_lazily(w);
}

static struct weft__task *take_slot(struct weft__worker *w)
{
    if (A_LOAD(&w->slot, relaxed) == NULL) /* relaxed: only this worker fills it */
        return NULL;
    return A_XCHG(&w->slot, NULL, acquire);
}

static struct weft__task *steal_from(struct weft__deque *d)
{
    void *t;

    for (;;)
        switch (weft__deque_steal(d, &t)) {
        case WEFT__STEAL_GOT:
            return t;
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
        push_ready(w, t);
    }
    if (n > 1)
        weft__idle_notify_lazily(w);
    n += weft__runtime_run_timers(rt);
    n += (unsigned)rt->ops->poll(rt->io, 0);
    return n;
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
        if ((t = steal_from(&w->deque)) != NULL)
            return t;
    }
    t = take_slot(w);
    if (t != NULL) {
        /* With nobody else here it would be the next again. */
        if (WEFT__LIKELY(++w->slot_runs <= SLOT_RUNS) || (seems_empty(&w->ready) && seems_empty(&w->deque)))
            return t;
        push_ready(w, t);
    }
    w->slot_runs = 0;
    if (WEFT__UNLIKELY(w->fresh_turns > 0)) {
        w->fresh_turns--;
        if ((t = weft__deque_pop(&w->deque)) != NULL)
            return t;
        w->fresh_turns = 0;
    }
    if (!seems_empty(&w->ready) && (t = steal_from(&w->ready)) != NULL) {
        if (WEFT__UNLIKELY(!seems_empty(&w->deque)))
            w->fresh_turns = fresh_turns(w);
        return t;
    }
    return weft__deque_pop(&w->deque);
}

static uint32_t next_random(struct weft__worker *w)
{
    uint32_t x = w->random; /* Marsaglia, "Xorshift RNGs" (2003) */

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return w->random = x;
}

static struct weft__task *steal(struct weft__worker *w)
{
    weft_runtime *rt = w->rt;
    unsigned n = rt->workers_count, start = next_random(w) % n;

    for (unsigned i = 0; i < n; i++) {
        struct weft__worker *victim = &rt->workers[start + i < n ? start + i : start + i - n];
        struct weft__task *t;

        if (victim == w)
            continue;
        if ((t = steal_from(&victim->ready)) != NULL || (t = steal_from(&victim->deque)) != NULL)
            return t;
    }
    return NULL;
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
    weft__stack_give(s->pool, s->stack_class == 0 ? &w->magazine : NULL, s);
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
        if (WEFT__UNLIKELY(weft__deque_push_quietly(&w->ready, t) < 0))
            weft__inbox_push(&w->rt->inbox, t);
        break;
    case WEFT__AFTER_PARK: {
        uint64_t s = A_LOAD(&t->wait, relaxed);

        /* release: the saved context goes to whoever claims the wait; acquire: see the winner's writes */
        while ((s & WEFT__PHASE_MASK) == WEFT__ARMED)
            if (A_CAS_WEAK(&t->wait, &s, s + (WEFT__PARKED - WEFT__ARMED), acq_rel, acquire))
                return;
        push_ready(w, t);
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
    switch_to(w, take_stack(w, t != NULL ? t->stack_class : 0));
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

/* The loop. */

void weft__worker_run(struct weft__worker *w, struct weft__task *t)
{
    struct weft__task *below = w->current;
    int rc;

    t->stack = w->stack;
    w->current = t;
    rc = t->fn(t->arg);
    if (WEFT__UNLIKELY(t->scope != &t->group->scope))
        weft__scope_close_inner(t, &t->group->scope);
    weft__stack_use_ended(t, __builtin_frame_address(0));
    w = weft__worker_self();
    w->current = below;
    weft__group_child_ended(w, t, rc, below);
}

/* Goes on with the loop on a stack that fits `t`, which never ran, or on one of class 0, and gives this one back. */
static void move_loop(struct weft__worker *w, struct weft__task *t)
{
    w->next = t;
    w->after = WEFT__AFTER_LOOP;
    w->after_what = w->stack;
    switch_to(w, take_stack(w, t != NULL ? t->stack_class : 0));
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
        if (WEFT__UNLIKELY(t == NULL && w->stack->stack_class != 0)) {
            move_loop(w, NULL); /* the task that needed this stack has ended */
        } else if (t == NULL && (t = find(w)) == NULL) {
            break;
        } else if (t->stack != NULL) {
            w->after = WEFT__AFTER_LOOP;
            w->after_what = w->stack;
            switch_to_task(w, t);
        } else if (WEFT__UNLIKELY(w->stack->stack_class != t->stack_class)) {
            move_loop(w, t);
        } else {
            weft__worker_run(w, t);
        }
        w = weft__worker_self();
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
