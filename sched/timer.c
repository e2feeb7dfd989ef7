/* SPDX-License-Identifier: MIT */
#include "sched/timer.h"

#include <errno.h>
#include <string.h>

#ifdef WEFT_DEBUG
enum { ARITY = 4, FIRST_CAPACITY = 2, BATCH = 2 };
#else
enum { ARITY = 4, FIRST_CAPACITY = 64, BATCH = 32 };
#endif

void weft__timers_init(struct weft__timers *ts)
{
    A_STORE(&ts->earliest, WEFT_NEVER, relaxed); /* relaxed: not shared yet */
}

void weft__timers_fini(struct weft__timers *ts)
{
    weft__free(ts->heap);
    ts->heap = NULL;
}

/* Readers use the number to choose when to look; what they find then is found under the lock. seq_cst pairs with the
 * load in weft__timers_earliest_of_all(): a worker that goes to sleep publishes its timers, then itself as a sleeper. */
static void publish(struct weft__timers *ts)
{
    A_STORE(&ts->earliest, ts->count == 0 ? WEFT_NEVER : ts->heap[0].deadline, seq_cst);
}

static void place(struct weft__timers *ts, size_t i, struct weft__timer_slot s)
{
    ts->heap[i] = s;
    s.timer->index = i;
}

static void sift_up(struct weft__timers *ts, size_t i, struct weft__timer_slot s)
{
    while (i > 0) {
        size_t parent = (i - 1) / ARITY;

        if (ts->heap[parent].deadline <= s.deadline)
            break;
        place(ts, i, ts->heap[parent]);
        i = parent;
    }
    place(ts, i, s);
}

static void sift_down(struct weft__timers *ts, size_t i, struct weft__timer_slot s)
{
    for (;;) {
        size_t child = i * ARITY + 1, last = child + ARITY, least = child;

        if (child >= ts->count)
            break;
        if (last > ts->count)
            last = ts->count;
        while (++child < last)
            if (ts->heap[child].deadline < ts->heap[least].deadline)
                least = child;
        if (ts->heap[least].deadline >= s.deadline)
            break;
        place(ts, i, ts->heap[least]);
        i = least;
    }
    place(ts, i, s);
}

/* Takes the entry at `i` out of the heap. */
static void take_out(struct weft__timers *ts, size_t i)
{
    struct weft__timer_slot last = ts->heap[--ts->count];

    if (i == ts->count)
        return;
    if (i > 0 && ts->heap[(i - 1) / ARITY].deadline > last.deadline)
        sift_up(ts, i, last);
    else
        sift_down(ts, i, last);
}

static int grow(struct weft__timers *ts)
{
    size_t capacity = ts->capacity == 0 ? FIRST_CAPACITY : ts->capacity * 2;
    struct weft__timer_slot *heap = weft__alloc(capacity * sizeof *heap);

    if (heap == NULL)
        return -ENOMEM;
    if (ts->count > 0)
        memcpy(heap, ts->heap, ts->count * sizeof *heap);
    weft__free(ts->heap);
    ts->heap = heap;
    ts->capacity = capacity;
    return 0;
}

int weft__timer_add(struct weft__timers *ts, struct weft__timer *t)
{
    int rc = 0;

    weft__lock(&ts->lock);
    if (ts->count == ts->capacity)
        rc = grow(ts);
    if (rc == 0) {
        t->home = ts;
        A_STORE(&t->state, WEFT__TIMER_QUEUED, relaxed); /* relaxed: read under the lock */
        sift_up(ts, ts->count++,
                (struct weft__timer_slot){A_LOAD(&t->deadline, relaxed), t}); /* relaxed: under the lock */
        if (t->index == 0)
            publish(ts);
    }
    weft__unlock(&ts->lock);
    return rc;
}

bool weft__timer_move(struct weft__timer *t, weft_time deadline)
{
    struct weft__timers *ts = t->home;
    bool queued;

    if (A_LOAD(&t->state, acquire) == WEFT__TIMER_IDLE) /* then it may have no home */
        return false;
    weft__lock(&ts->lock);
    queued = A_LOAD(&t->state, relaxed) == WEFT__TIMER_QUEUED;
    if (queued) {
        A_STORE(&t->deadline, deadline, relaxed); /* relaxed: under the lock; others read a number */
        if (deadline < ts->heap[t->index].deadline) {
            sift_up(ts, t->index, (struct weft__timer_slot){deadline, t});
            if (t->index == 0)
                publish(ts);
        }
    }
    weft__unlock(&ts->lock);
    return queued;
}

void weft__timer_remove(struct weft__timer *t)
{
    unsigned turns = 0;

    /* acquire pairs with the release in weft__timer_fired() */
    if (A_LOAD(&t->state, acquire) == WEFT__TIMER_IDLE)
        return;
    weft__lock(&t->home->lock);
    if (A_LOAD(&t->state, relaxed) == WEFT__TIMER_QUEUED) {
        bool first = t->index == 0;

        take_out(t->home, t->index);
        A_STORE(&t->state, WEFT__TIMER_IDLE, relaxed);
        if (first)
            publish(t->home);
    }
    weft__unlock(&t->home->lock);
    while (A_LOAD(&t->state, acquire) == WEFT__TIMER_FIRING)
        weft__spin(&turns);
}

unsigned weft__timers_run(struct weft__timers *ts, weft_time now)
{
    struct weft__timer *due[BATCH];
    unsigned n, fired = 0;

    do {
        bool moved = false;

        n = 0;
        weft__lock(&ts->lock);
        while (n < BATCH && ts->count > 0 && ts->heap[0].deadline <= now) {
            struct weft__timer *t = ts->heap[0].timer;
            weft_time deadline = A_LOAD(&t->deadline, relaxed); /* relaxed: under the lock */

            if (deadline > ts->heap[0].deadline) {
                sift_down(ts, 0, (struct weft__timer_slot){deadline, t});
                moved = true;
                continue;
            }
            take_out(ts, 0);
            A_STORE(&t->state, WEFT__TIMER_FIRING, relaxed); /* relaxed: weft__timer_remove() reads it under the lock */
            due[n++] = t;
        }
        if (n > 0 || moved)
            publish(ts);
        weft__unlock(&ts->lock);
        for (unsigned i = 0; i < n; i++) {
            bool ends_itself = due[i]->ends_itself;

            due[i]->fire(due[i]);
            if (!ends_itself)
                weft__timer_fired(due[i]); /* the last access */
        }
        fired += n;
    } while (n == BATCH);
    return fired;
}
