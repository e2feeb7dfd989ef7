/* SPDX-License-Identifier: MIT */
/*
 * Batches. Each has a record of its own and a task, which the first of its submitters spawns. The states of a batch:
 *
 *      open: the batcher's `open` --full--> closed ----+
 *        |                                             +--its task begins--> running --fn returns--> gone
 *        +--due, or the group is cancelled-------------+
 *
 *   not running    a submitter that is cancelled takes its waiter out of the list
 *   running        the list stays as it is until every waiter in it has been told: so waiters stay in their frames, cancelled or not.
 *                  The last one to be cancelled cancels the batch's scope; `canceling` keeps the scope from being closed under it
 *   told           waiter.done, set under the lock, and the waiter's wait claimed where it is armed. A waiter that is not armed
 *                  looks at `done` before it arms
 *
 * A waiter is in the list before its wait is armed, as the first one spawns in between, and a spawn may suspend.
 */
#include <weft/batch.h>

#include <weft/error.h>
#include <weft/time.h>

#include "sched/list.h"
#include "sched/lock.h"
#include "sched/options.h"
#include "sched/park.h"

enum { MAX_ITEMS = 100, ON_STACK = 64, NS_OF_MS = 1000000 };

/* In the frame of its submitter. */
struct waiter {
    struct weft__link link;
    struct batch *batch;
    struct weft__task *task;
    weft__ticket ticket; /* of an armed wait, or an older one: 0 at first, which none has */
    void *item;
    int code;
    bool done;
};

struct batch {
    weft_batcher *of;
    struct weft__list waiters;
    size_t count, gone; /* waiters; those of them that were cancelled while it ran */
    bool running, canceling;
    weft_scope *scope; /* while `fn` runs */
    weft_time due;
    struct weft__task *task; /* while it waits for items */
    weft__ticket ticket;
};

struct weft_batcher {
    struct weft__spinlock lock; /* guards what follows and the batches; only wait words are claimed under it */
    size_t users;               /* the owner, and each batch */
    struct batch *open;

    weft_group *g;
    weft_batch_fn fn;
    void *ctx;
    size_t max;
    int64_t linger_ns;
};

weft_batcher *weft_batcher_create(weft_group *g, weft_batch_fn fn, void *ctx, const weft_batch_options *o)
{
    weft_batcher *b;

    if (g == NULL || (o != NULL && (o->linger_ms < 0 || !WEFT__RESERVED_ARE_ZERO(o))))
        return NULL;
    b = weft__alloc(sizeof *b);
    if (b == NULL)
        return NULL;
    b->users = 1;
    b->g = g;
    b->fn = fn;
    b->ctx = ctx;
    b->max = o != NULL && o->max != 0 ? o->max : MAX_ITEMS;
    if (o != NULL && __builtin_mul_overflow(o->linger_ms, NS_OF_MS, &b->linger_ns))
        b->linger_ns = INT64_MAX;
    return b;
}

static void let_go(weft_batcher *b)
{
    size_t left;

    weft__spinlock_lock(&b->lock);
    left = --b->users;
    weft__spinlock_unlock(&b->lock);
    if (left == 0)
        weft__free(b);
}

void weft_batcher_destroy(weft_batcher *b)
{
    if (b != NULL)
        let_go(b);
}

/* The batch. */

/* Takes no more items. The caller holds the lock. */
static void shut(struct batch *p)
{
    if (p->of->open == p)
        p->of->open = NULL;
}

/* Tells every waiter its code, and frees the batch. `codes` may be NULL. */
static void tell_all(struct batch *p, int rc, const int *codes)
{
    weft_batcher *b = p->of;
    struct weft__link *next;
    size_t i = 0;

    weft__spinlock_lock(&b->lock);
    shut(p);
    for (struct weft__link *e = p->waiters.first; e != NULL; e = next) {
        struct waiter *w = WEFT__CONTAINER(e, struct waiter, link);
        struct weft__task *t = w->task;
        int code = codes != NULL && codes[i] != 0 ? codes[i] : rc;

        next = e->next;
        i++;
        w->code = code == WEFT_ECANCELED ? WEFT_ETASKCANCELED : code;
        w->done = true;
        (void)weft__unpark(t, w->ticket, WEFT__WON_EVENT); /* once it is claimed, *w may be gone */
    }
    weft__spinlock_unlock(&b->lock);
    weft__free(p);
    let_go(b);
}

/* Waits until the batch is closed, due, or cancelled; then it runs, and its list stays as it is. */
static void collect(struct batch *p)
{
    weft_batcher *b = p->of;
    struct weft__task *t = weft__task_self();
    bool waits;

    if (b->linger_ns == 0)
        (void)weft_yield();
    do {
        enum weft__phase won;

        weft__park_will_prepare(t);
        weft__spinlock_lock(&b->lock);
        waits = b->open == p && p->due > weft__clock() && weft__park_prepare(t, WEFT__CANCELABLE) == 0;
        if (waits) {
            p->task = t;
            p->ticket = weft__park_ticket(t);
        } else {
            shut(p);
            p->task = NULL;
            p->running = true;
        }
        weft__spinlock_unlock(&b->lock);
        if (waits && weft__park_until(t, p->due, &won) < 0) {
            weft__park_abandon(t);
            p->due = 0; /* no timer: so it waits no longer. Nobody else reads it */
        }
    } while (waits);
}

/* Says what is to be cancelled when all submitters have been; NULL: nothing any more. */
static void set_scope(struct batch *p, weft_scope *scope)
{
    weft_batcher *b = p->of;
    unsigned turns = 0;
    bool canceled;

    weft__spinlock_lock(&b->lock);
    while (p->canceling) {
        weft__spinlock_unlock(&b->lock);
        weft__spin(&turns);
        weft__spinlock_lock(&b->lock);
    }
    p->scope = scope;
    canceled = p->gone == p->count;
    weft__spinlock_unlock(&b->lock);
    if (scope != NULL && canceled)
        (void)weft_scope_cancel(scope);
}

static int call(struct batch *p, void **items, int *codes)
{
    weft_scope *scope = weft_scope_open(0);
    size_t n = 0;
    int rc;

    if (scope == NULL)
        return WEFT_ENOMEM;
    for (struct weft__link *e = p->waiters.first; e != NULL; e = e->next)
        items[n++] = WEFT__CONTAINER(e, struct waiter, link)->item;
    set_scope(p, scope);
    rc = p->of->fn(items, codes, n, p->of->ctx);
    set_scope(p, NULL);
    (void)weft_scope_close(scope, 0);
    return rc < 0 ? rc : 0;
}

static WEFT__NOINLINE void run_on_stack(struct batch *p)
{
    void *items[ON_STACK];
    int codes[ON_STACK] = {0};
    int rc = call(p, items, codes);

    tell_all(p, rc, codes);
}

static WEFT__NOINLINE void run_on_heap(struct batch *p)
{
    size_t bytes;
    void **items = NULL;

    if (!__builtin_mul_overflow(p->count, sizeof(void *) + sizeof(int), &bytes))
        items = weft__alloc(bytes);
    if (items == NULL) {
        tell_all(p, WEFT_ENOMEM, NULL);
    } else {
        int *codes = (int *)(void *)(items + p->count), rc = call(p, items, codes);

        tell_all(p, rc, codes);
        weft__free(items);
    }
}

static int run_batch(void *arg)
{
    struct batch *p = arg;

    collect(p);
    if (p->count == 0)
        tell_all(p, 0, NULL);
    else if (p->count <= ON_STACK)
        run_on_stack(p);
    else
        run_on_heap(p);
    return 0;
}

/* The submitters. */

/* Puts `w` into the open batch, or into `fresh`, which then is the open one. False where there is neither. */
static bool join_batch(weft_batcher *b, struct waiter *w, struct batch *fresh)
{
    struct batch *p;

    weft__spinlock_lock(&b->lock);
    if (b->open == NULL && fresh != NULL) {
        b->open = fresh;
        b->users++;
    }
    p = w->batch = b->open;
    if (p != NULL) {
        weft__list_append(&p->waiters, &w->link);
        if (++p->count == b->max) {
            shut(p);
            if (p->task != NULL)
                (void)weft__unpark(p->task, p->ticket, WEFT__WON_EVENT);
        }
    }
    weft__spinlock_unlock(&b->lock);
    return p != NULL;
}

/* Makes a batch, in case there is none when it is done, and its task. */
static int begin_batch(weft_batcher *b, struct waiter *w)
{
    struct batch *fresh = weft__alloc(sizeof *fresh);
    int rc;

    if (fresh == NULL)
        return WEFT_ENOMEM;
    fresh->of = b;
    if (__builtin_add_overflow(weft__clock(), b->linger_ns, &fresh->due))
        fresh->due = WEFT_NEVER;
    (void)join_batch(b, w, fresh);
    if (w->batch != fresh)
        weft__free(fresh);
    else if ((rc = weft_spawn(b->g, run_batch, fresh)) < 0)
        tell_all(fresh, rc, NULL); /* `w` among them */
    return 0;
}

/* `w` has been cancelled. True: it is in no batch any more. The caller holds the lock, which is released. */
static bool leave(weft_batcher *b, struct waiter *w)
{
    struct batch *p = w->batch;
    bool left = !w->done && !p->running;

    if (left) {
        weft__list_remove(&p->waiters, &w->link);
        p->count--;
    } else if (!w->done && ++p->gone == p->count && p->scope != NULL) {
        p->canceling = true;
        weft__spinlock_unlock(&b->lock);
        (void)weft_scope_cancel(p->scope);
        weft__spinlock_lock(&b->lock);
        p->canceling = false;
    }
    weft__spinlock_unlock(&b->lock);
    return left;
}

/* Waits for the code of `w`; from a cancellation on, for as long as it takes. */
static int wait_for_code(weft_batcher *b, struct waiter *w)
{
    enum weft__cancelable how = WEFT__CANCELABLE;

    for (;;) {
        bool armed;

        weft__park_will_prepare(w->task);
        weft__spinlock_lock(&b->lock);
        if (w->done) {
            weft__spinlock_unlock(&b->lock);
            break;
        }
        armed = weft__park_prepare(w->task, how) == 0;
        if (armed) {
            w->ticket = weft__park_ticket(w->task);
            weft__spinlock_unlock(&b->lock);
            if (weft__park(w->task) == WEFT__WON_EVENT)
                break;
            weft__spinlock_lock(&b->lock);
        }
        if (leave(b, w))
            return WEFT_ECANCELED;
        how = WEFT__NOT_CANCELABLE;
    }
    return how == WEFT__NOT_CANCELABLE && w->code == WEFT_ETASKCANCELED ? WEFT_ECANCELED : w->code;
}

int weft_batch(weft_batcher *b, void *item)
{
    struct weft__worker *worker = weft__worker_self();
    struct weft__task *t = worker != NULL ? worker->current : NULL;
    struct waiter w = {.task = t, .item = item};
    int rc;

    if (t == NULL)
        return WEFT_ENOTASK;
    if (b == NULL)
        return WEFT_ENOMEM;
    if ((rc = weft__checkpoint(worker, t)) < 0)
        return rc;
    if (!join_batch(b, &w, NULL) && (rc = begin_batch(b, &w)) < 0)
        return rc;
    return wait_for_code(b, &w);
}
