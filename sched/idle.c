/* SPDX-License-Identifier: MIT */
#include "sched/idle.h"

#include <errno.h>

#include "sched/runtime.h"
#include "sched/worker.h"

enum { AWAKE, ASLEEP }; /* struct weft__worker's `sleep` */

/* A wake costs its sender some 4 us and the woken more: it paid if the woken found work for this long. */
enum { WAKE_WORTH_NS = 20000, WAKE_PAUSE_MAX = 16383 };

int weft__idle_init(struct weft__idle *idle, unsigned workers)
{
    idle->sleepers = weft__alloc(workers * sizeof(struct weft__worker *));
    return idle->sleepers != NULL ? 0 : -ENOMEM;
}

void weft__idle_fini(struct weft__idle *idle)
{
    weft__free(idle->sleepers);
    idle->sleepers = NULL;
}

/* Takes a sleeper off the lists; a sleeper on a futex is cheaper to wake than the one in the poller. Caller holds the
 * lock. */
static struct weft__worker *choose(struct weft__idle *idle, bool *seated)
{
    struct weft__worker *w;

    *seated = false;
    if (idle->count > 0)
        return idle->sleepers[--idle->count];
    w = idle->seat;
    if (w == NULL || A_LOAD(&idle->seat_chosen, relaxed))
        return NULL;
    A_STORE(&idle->seat_chosen, true, release);
    *seated = true;
    return w;
}

/* `w`, which has just been taken off the lists, is on its way out of its sleep, and searches from now on. Caller holds the lock:
 * later `w` may have come out by itself, and sleep again, and weft__idle_wake() must not take that sleep for this one. */
static void call_out(struct weft__idle *idle, struct weft__worker *w)
{
    A_ADD(&idle->word, WEFT__IDLE_SEARCHING - WEFT__IDLE_ASLEEP, seq_cst);
    A_STORE(&w->sleep, AWAKE, release); /* pairs with the acquire in weft__idle_sleep() */
}

/* Wakes `w`, which has been called out. */
static void rouse(weft_runtime *rt, struct weft__worker *w, bool seated)
{
    WEFT__COUNT(rt, wakes_sent, 1);
    if (seated)
        rt->ops->wake(rt->io);
    else
        weft__futex_wake(&w->sleep, 1);
}

void weft__idle_notify(weft_runtime *rt)
{
    struct weft__idle *idle = &rt->idle;
    uint32_t word = A_LOAD(&idle->word, seq_cst); /* pairs with the change of the word in weft__idle_sleep() */
    struct weft__worker *w = NULL;
    bool seated;

    if (WEFT__LIKELY(weft__idle_asleep(word) == 0 || weft__idle_searching(word) != 0))
        return;
    weft__lock(&idle->lock);
    if (weft__idle_searching(A_LOAD(&idle->word, seq_cst)) == 0 && (w = choose(idle, &seated)) != NULL)
        call_out(idle, w);
    weft__unlock(&idle->lock);
    if (w != NULL)
        rouse(rt, w, seated);
}

/* Doubles the pause between wakes where they did not pay, and ends it where one did. relaxed: hints. */
static void back_off(struct weft__worker *w)
{
    uint32_t futile = A_LOAD(&w->rt->idle.futile, relaxed), useful = A_LOAD(&w->rt->idle.useful, relaxed);

    if (useful != w->useful_seen)
        w->wake_backoff = 0;
    else if (futile != w->futile_seen)
        w->wake_backoff = w->wake_backoff < WAKE_PAUSE_MAX / 2 ? w->wake_backoff * 2 + 1 : WAKE_PAUSE_MAX;
    w->useful_seen = useful;
    w->futile_seen = futile;
    w->wake_pause = w->wake_backoff;
}

void weft__idle_notify_lazily(struct weft__worker *w)
{
    struct weft__idle *idle = &w->rt->idle;
    uint32_t word = A_LOAD(&idle->word, seq_cst); /* as in weft__idle_notify() */

    if (WEFT__LIKELY(weft__idle_asleep(word) == 0 || weft__idle_searching(word) != 0))
        return;
    if (w->wake_pause > 0) {
        /* The task lies in this worker's queue and will be run; the monitor wakes another if that takes long. */
        w->wake_pause--;
        return;
    }
    back_off(w);
    weft__idle_notify(w->rt);
}

bool weft__idle_start_search(struct weft__worker *w)
{
    struct weft__idle *idle = &w->rt->idle;

    if (!w->searching && weft__idle_searching(A_LOAD(&idle->word, relaxed)) * 2 < w->rt->workers_count) {
        A_ADD(&idle->word, WEFT__IDLE_SEARCHING, seq_cst);
        w->searching = true;
    }
    return w->searching;
}

void weft__idle_end_search(struct weft__worker *w)
{
    w->searching = false;
    /* seq_cst: whoever counted on this searcher must see either it or the worker that it now wakes. */
    if (weft__idle_searching(A_SUB(&w->rt->idle.word, WEFT__IDLE_SEARCHING, seq_cst)) == 1)
        weft__idle_notify(w->rt);
}

/* Takes `w` off the futex sleepers. Caller holds the lock. */
static bool take_off(struct weft__idle *idle, const struct weft__worker *w)
{
    for (unsigned i = 0; i < idle->count; i++)
        if (idle->sleepers[i] == w) {
            idle->count--;
            for (; i < idle->count; i++)
                idle->sleepers[i] = idle->sleepers[i + 1];
            return true;
        }
    return false;
}

/* Leaves the lists if still there; else a waker has chosen `w`, which then searches. */
static void leave(struct weft__idle *idle, struct weft__worker *w, uint32_t searching)
{
    bool found;

    weft__lock(&idle->lock);
    found = idle->seat == w && !A_LOAD(&idle->seat_chosen, relaxed);
    if (idle->seat == w) {
        idle->seat = NULL;
        A_STORE(&idle->seat_chosen, false, relaxed); /* relaxed: both under the lock */
        A_STORE(&idle->seat_deadline, 0, relaxed);
    }
    found = found || take_off(idle, w);
    if (found)
        A_ADD(&idle->word, searching - WEFT__IDLE_ASLEEP, seq_cst);
    weft__unlock(&idle->lock);
    /* relaxed: a hint for the monitor, and a weft__idle_wake() that still reads ASLEEP does not find `w` on the lists */
    A_STORE(&w->sleep, AWAKE, relaxed);
    w->searching = !found || searching != 0;
    w->woken_at = found ? 0 : weft__clock();
    w->resting = false;
    weft__monitor_kick(w->rt); /* after the word has changed: see weft__monitor_tick() */
}

/* Says whether the last wake of `w` paid. relaxed: hints */
static void judge_wake(struct weft__worker *w)
{
    bool futile = w->resting || weft__clock() - w->woken_at < WAKE_WORTH_NS;

    A_ADD(futile ? &w->rt->idle.futile : &w->rt->idle.useful, 1, relaxed);
    if (futile)
        A_BUMP(&w->counters.wakes_futile);
}

void weft__idle_sleep(struct weft__worker *w)
{
    weft_runtime *rt = w->rt;
    struct weft__idle *idle = &rt->idle;
    bool seated;
    int events = 0;

    if (w->woken_at != 0)
        judge_wake(w);
    A_BUMP(&w->counters.parks);
    /* A waker writes it under the lock, when it has found us there. seq_cst: say so, then look; pairs with weft__idle_wake(). */
    A_STORE(&w->sleep, ASLEEP, seq_cst);
    weft__lock(&idle->lock);
    seated = idle->seat == NULL;
    if (seated) {
        idle->seat = w;
        /* seq_cst: say so, then look at the timers; pairs with weft__idle_timer_added() */
        A_STORE(&idle->seat_deadline, WEFT_NEVER, seq_cst);
    } else {
        idle->sleepers[idle->count++] = w;
    }
    /* seq_cst: announce, then look again; pairs with push and load in weft__idle_notify() */
    A_ADD(&idle->word, WEFT__IDLE_ASLEEP - (w->searching ? WEFT__IDLE_SEARCHING : 0), seq_cst);
    weft__unlock(&idle->lock);
    w->searching = false;

    if (weft__worker_make_sure(w) || weft__runtime_has_work(rt, !w->resting) || !weft__inbox_seems_empty(&w->inbox)) {
        leave(idle, w, WEFT__IDLE_SEARCHING);
        return;
    }
    if (seated) {
        weft_time deadline = weft__runtime_earliest_timer(rt);

        A_STORE(&idle->seat_deadline, deadline, seq_cst);
        A_BUMP(&w->counters.polls);
        events = rt->ops->poll(rt->io, deadline);
    } else {
        /* Our own timers are the seat's business if it looks in time. */
        weft_time own = A_LOAD(&w->timers.earliest, relaxed);

        if (A_LOAD(&idle->seat_deadline, seq_cst) <= own && A_LOAD(&idle->seat_deadline, seq_cst) != 0)
            own = WEFT_NEVER;
        while (A_LOAD(&w->sleep, acquire) == ASLEEP && (own == WEFT_NEVER || weft__clock() < own))
            weft__futex_wait(&w->sleep, ASLEEP, own);
    }
    leave(idle, w, 0);
    if (events > 1)
        weft__idle_notify_lazily(w); /* one is for this worker */
}

void weft__idle_fill_seat(weft_runtime *rt)
{
    struct weft__idle *idle = &rt->idle;
    struct weft__worker *w = NULL;

    weft__lock(&idle->lock);
    if (idle->seat == NULL && idle->count > 0) {
        w = idle->sleepers[--idle->count];
        call_out(idle, w);
    }
    weft__unlock(&idle->lock);
    if (w != NULL)
        rouse(rt, w, false);
}

void weft__idle_wake(weft_runtime *rt, struct weft__worker *w)
{
    struct weft__idle *idle = &rt->idle;
    bool seated, found;

    if (A_LOAD(&w->sleep, seq_cst) == AWAKE) /* pairs with weft__idle_sleep() */
        return;
    weft__lock(&idle->lock);
    seated = idle->seat == w && !A_LOAD(&idle->seat_chosen, relaxed);
    if (seated)
        A_STORE(&idle->seat_chosen, true, release);
    found = seated || take_off(idle, w);
    if (found)
        call_out(idle, w);
    weft__unlock(&idle->lock);
    if (found)
        rouse(rt, w, seated);
}

void weft__idle_timer_added(weft_runtime *rt, weft_time deadline)
{
    struct weft__idle *idle = &rt->idle;
    struct weft__worker *w = NULL;
    weft_time until = A_LOAD(&idle->seat_deadline, seq_cst); /* pairs with weft__idle_sleep() */

    if (until == 0 || until <= deadline)
        return;
    weft__lock(&idle->lock);
    if (idle->seat != NULL && !A_LOAD(&idle->seat_chosen, relaxed)) { /* else it is on its way out, and will look */
        w = idle->seat;
        A_STORE(&idle->seat_chosen, true, release);
        call_out(idle, w);
    }
    weft__unlock(&idle->lock);
    if (w != NULL)
        rouse(rt, w, true);
}

void weft__idle_wake_all(weft_runtime *rt)
{
    for (;;) {
        struct weft__worker *w;
        bool seated;

        weft__lock(&rt->idle.lock);
        w = choose(&rt->idle, &seated);
        if (w != NULL)
            call_out(&rt->idle, w);
        weft__unlock(&rt->idle.lock);
        if (w == NULL)
            return;
        rouse(rt, w, seated);
    }
}
