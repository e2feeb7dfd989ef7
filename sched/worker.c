/* SPDX-License-Identifier: MIT */
#include "sched/worker.h"

#include <weft/error.h>

#include "sched/execute.h"
#include "sched/overflow.h"
#include "sched/park.h"
#include "sched/pick.h"
#include "sched/runtime.h"

int weft__worker_init(struct weft__worker *w, weft_runtime *rt, unsigned index)
{
    int rc;

    w->rt = rt;
    w->index = index;
    w->random = index * 2654435769u + 1;
    w->until_look = WEFT__LOOK_EVERY;
    weft__timers_init(&w->timers);
    if (rt->names_overflows && (w->signal_stack = weft__signal_stack_create()) == NULL)
        return WEFT_ENOMEM;
    w->pinned_end = &w->pinned;
    rc = weft__deque_init(&w->deque);
    for (int level = 0; rc == 0 && level < WEFT__LEVELS; level++)
        rc = weft__deque_init(&w->ready[level]);
    if (!rt->has_membarrier) {
        weft__deque_share_always(&w->deque);
        weft__slot_bar(&w->slot);
    }
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

/* Switching. */

static struct weft__stack *take_stack(struct weft__worker *w, unsigned stack_class)
{
    A_BUMP(&w->counters.stacks);
    return weft__stack_take(&w->rt->stacks[stack_class], stack_class == 0 ? &w->magazine : NULL);
}

static void give_stack(struct weft__worker *w, struct weft__stack *s)
{
    A_BUMP_BY(&w->counters.stacks, -1);
    weft__stack_give(s->pool, s->stack_class == 0 ? &w->magazine : NULL, s);
}

bool weft__worker_make_sure(struct weft__worker *w)
{
    struct weft__task *t = weft__unsure_look(&w->unsure, w->rt);

    A_STORE(&w->unsure.task, NULL, relaxed); /* relaxed: the monitor may look once more, for nothing */
    if (WEFT__LIKELY(t == NULL))
        return false;
    weft__worker_queue(w, t);
    return true;
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
        weft__worker_queue_quietly(w, WEFT__NORMAL, t);
        break;
    case WEFT__AFTER_SLICE:
        weft__worker_queue_quietly(w, WEFT__SPENT, t);
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
    case WEFT__AFTER_HOLD: {
        struct weft__task *again = weft__unsure_is_over(&w->unsure) ? NULL : weft__unsure_look(&w->unsure, w->rt);

        weft__park_held(w);
        if (again != NULL)
            weft__worker_queue(w, again);
        break;
    }
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

/* Leaves the calling task, or loop, for `t`, or for a loop that begins with `t`, or that finds something itself. */
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
    struct weft__task *next = weft__pick(w);

    w->after = after;
    w->after_what = t;
    leave_for(w, next);
}

struct weft__task *weft__worker_handed(struct weft__worker *w)
{
    struct weft__task *t = weft__pick_handed(w);

    if (t != NULL && WEFT__UNLIKELY(t->stack == NULL)) {
        (void)weft__slot_put(&w->slot, t);
        return NULL;
    }
    return t;
}

int weft__worker_leave_holding(struct weft__worker *w, struct weft__task *next, struct weft__bias_lock *lock,
                               weft__context_land *land)
{
    struct weft__stack *from = w->stack, *to = next->stack;

    w->after = WEFT__AFTER_HOLD;
    w->after_what = w->current;
    w->after_lock = lock;
    w->current = next;
    w->stack = to;
    return weft__context_switch_and_land(&from->context, &to->context, land);
}

struct weft__task *weft__worker_landed(struct weft__worker *w)
{
    after_switch(w);
    return w->current;
}

void weft__worker_return(struct weft__context *native, struct weft__stack *s)
{
    weft__context_switch(&s->context, native);
    after_switch(weft__worker_self());
}

/* Lets others run first, if there are any. */
static void give_way(struct weft__worker *w, struct weft__task *t, enum weft__after after)
{
    struct weft__task *next = weft__pick(w);

    if (next == NULL)
        return;
    w->after = after;
    w->after_what = t;
    leave_for(w, next);
}

void weft__worker_yield(struct weft__worker *w, struct weft__task *t)
{
    give_way(w, t, WEFT__AFTER_YIELD);
}

struct weft__worker *weft__worker_attend(struct weft__worker *w, struct weft__task *t)
{
    /* relaxed: hints, they carry no data */
    bool meant = A_LOAD(&w->attention, relaxed) == A_LOAD(&w->picks, relaxed);
    weft_time computed;

    A_STORE(&w->attention, 0, relaxed);
    if (!meant)
        return w;
    A_STORE(&w->look, 1, relaxed);
    computed = weft__thread_clock(A_LOAD(&w->cpu_clock, relaxed)) - A_LOAD(&w->monitor_cpu, relaxed);
    give_way(w, t, computed > WEFT__SLICE_NS ? WEFT__AFTER_SLICE : WEFT__AFTER_YIELD);
    return weft__worker_self();
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
        if (t == NULL && w->stack->stack_class == 0 && (t = weft__find(w)) == NULL)
            break;
        if (t != NULL && t->stack == NULL && WEFT__LIKELY(w->stack->stack_class == t->kind.stack_class)) {
            t->home = (uint16_t)w->index;
            w = weft__execute(w, t, NULL);
        } else {
            /* For a task that has a stack, for a stack that fits one which has none, or because the task that needed this
             * large one has ended. */
            w->after = WEFT__AFTER_LOOP;
            w->after_what = w->stack;
            leave_for(w, t);
            w = weft__worker_self();
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
    A_STORE(&w->cpu_clock, weft__thread_clock_id(), relaxed); /* relaxed: a number */
    weft__context_init_thread(&w->native);
    w->stack = take_stack(w, 0);
    weft__context_switch(&w->native, &w->stack->context);
    weft__signal_stack_leave(w->signal_stack);
    weft__worker_set_self(NULL);
    return NULL;
}
