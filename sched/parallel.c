/* SPDX-License-Identifier: MIT */
/*
 * Parallel loops and reductions, on top of weft_join().
 *
 * A loop is split lazily, after Tzannes, Caragea, Barua and Vishkin, "Lazy Binary-Splitting: A Run-Time Adaptive Work-Stealing
 * Scheduler" (PPoPP 2010): it runs piece after piece, and splits what is left in half only where its worker's deque is empty, so that
 * a thief would find nothing. On one worker that makes about log2(pieces) joins; each theft makes room for one more.
 * Deviations: where no grain is given, the size of a piece follows from how long those before it took; thieves that ask for what lies
 * in the deque's private part are answered between pieces; and where an offer lies while workers sleep, one is woken after a moment,
 * although the wakes before it did not pay (idle.c).
 *
 * A reduction is split at once and as deep as it goes, whoever helps: its result must not hang from that.
 */
#include <string.h>

#include <weft/error.h>
#include <weft/join.h>

#include "sched/idle.h"
#include "sched/park.h"

/* A measured piece is doubled below the first, and halved above the second: a look between two costs some 30 ns. */
enum { PIECE_SHORT_NS = 2000, PIECE_LONG_NS = 8000 };

/* For how long an offer lies before its owner insists that it be taken: what a wake brings the woken at the least (idle.c). */
enum { PATIENCE_NS = 20000 };

enum { REDUCE_PIECES = 256 };

typedef int range_fn(size_t begin, size_t end, void *arg);

/* What is left to do where the calling task has seen to the code of a piece: its scope, and its cancellation. */
static inline int settle(struct weft__task *t, weft_scope *scope)
{
    struct weft__worker *w;

    if (WEFT__UNLIKELY(t->scope != scope))
        weft__scope_close_inner(t, scope);
    w = weft__worker_self();
    return weft__checkpoint(w, t);
}

/* Loops. */

struct loop {
    range_fn *body;
    void *arg;
    bool measured;         /* the runtime finds out how large a piece is to be */
    _Atomic size_t length; /* indices of a piece; relaxed: a hint, read and written by all */
};

struct stretch {
    struct loop *loop;
    size_t begin, end;
};

/* What a stretch knows of the offer that lies in the deque. */
struct offer {
    weft_time since;    /* since when it has been seen to lie while workers sleep and none searches; 0: it does not */
    weft_time patience; /* until the next wake */
};

static void insist(struct weft__worker *w, struct offer *o)
{
    uint32_t word = A_LOAD(&w->rt->idle.word, relaxed); /* relaxed: a hint */
    weft_time now;

    if (WEFT__LIKELY(weft__idle_asleep(word) == 0 || weft__idle_searching(word) != 0)) {
        o->since = 0;
        return;
    }
    now = weft__clock();
    if (o->since == 0) {
        o->since = now;
    } else if (now - o->since >= o->patience) {
        weft__idle_notify(w->rt);
        o->since = now;
        o->patience *= 2;
    }
}

/* Between two pieces: true where the rest is to be split. */
static inline bool look(struct weft__worker *w, struct offer *o)
{
    if (weft__deque_count_of_owner(&w->deque) <= 0)
        return true;
    if (WEFT__UNLIKELY(A_LOAD(&w->deque.asked, relaxed) == WEFT__ASKED)) /* relaxed: a hint */
        weft__deque_answer(&w->deque);
    insist(w, o);
    return false;
}

/* The first piece of [begin, end) of `length` indices. */
static inline int run_piece(struct loop *l, size_t begin, size_t end, size_t length)
{
    weft_time took;
    int rc;

    if (!l->measured || length >= end - begin)
        return l->body(begin, length < end - begin ? begin + length : end, l->arg);
    took = weft__clock();
    rc = l->body(begin, begin + length, l->arg);
    took = weft__clock() - took;
    if (took < PIECE_SHORT_NS)
        A_STORE(&l->length, length * 2, relaxed);
    else if (took > PIECE_LONG_NS && length > 1)
        A_STORE(&l->length, length / 2, relaxed);
    return rc;
}

static int run_stretch(void *arg)
{
    struct stretch s = *(struct stretch *)arg;
    struct weft__task *t = weft__task_self();
    weft_scope *scope = t->scope;
    struct offer offer = {.patience = PATIENCE_NS};
    int rc;

    while ((rc = settle(t, scope)) == 0 && s.begin < s.end) {
        size_t length = A_LOAD(&s.loop->length, relaxed), left = s.end - s.begin;

        if (look(weft__worker_self(), &offer) && left > length) {
            struct stretch first = {s.loop, s.begin, s.begin + left / 2}, second = {s.loop, first.end, s.end};

            return weft_join(run_stretch, &first, run_stretch, &second);
        }
        rc = run_piece(s.loop, s.begin, s.end, length);
        if (WEFT__UNLIKELY(rc < 0)) {
            weft__scope_close_inner(t, scope);
            break;
        }
        s.begin = length < left ? s.begin + length : s.end;
    }
    return rc;
}

int weft_parallel_for_range(size_t begin, size_t end, size_t grain, range_fn *body, void *arg)
{
    struct loop l = {.body = body, .arg = arg, .measured = grain == 0};
    struct stretch s = {&l, begin, end};

    if (WEFT__UNLIKELY(weft__task_self() == NULL))
        return WEFT_ENOTASK;
    A_STORE(&l.length, grain != 0 ? grain : 1, relaxed);
    return run_stretch(&s);
}

struct each {
    int (*body)(size_t i, void *arg);
    void *arg;
};

static int run_each(size_t begin, size_t end, void *arg)
{
    const struct each *e = arg;
    int rc = 0;

    for (size_t i = begin; i < end && rc >= 0; i++)
        rc = e->body(i, e->arg);
    return rc;
}

int weft_parallel_for(size_t begin, size_t end, size_t grain, int (*body)(size_t i, void *arg), void *arg)
{
    struct each e = {body, arg};

    return weft_parallel_for_range(begin, end, grain, run_each, &e);
}

/* Reductions. */

struct reduction {
    int (*body)(size_t begin, size_t end, void *acc, void *arg);
    int (*combine)(void *acc, void *right, void *arg);
    void *arg;
    const void *identity;
    size_t size, grain;
};

struct span {
    const struct reduction *r;
    size_t begin, end;
    void *acc;
};

static int reduce_span(void *arg);

/* Both halves of a span, the second into `right`; then the two are one. */
static int reduce_halves(const struct span *s, void *right)
{
    const struct reduction *r = s->r;
    size_t middle = s->begin + (s->end - s->begin) / 2;
    struct span first = {r, s->begin, middle, s->acc}, second = {r, middle, s->end, right};
    int rc, combined;

    memcpy(right, r->identity, r->size);
    rc = weft_join(reduce_span, &first, reduce_span, &second);
    combined = r->combine(s->acc, right, r->arg);
    return rc < 0 ? rc : combined;
}

/* On a cache line of its own: a thief writes it, and its neighbours are this task's. */
static WEFT__NOINLINE int reduce_on_stack(const struct span *s)
{
    WEFT__ALIGNED unsigned char right[WEFT_REDUCE_ON_STACK];

    return reduce_halves(s, right);
}

static WEFT__NOINLINE int reduce_on_heap(const struct span *s)
{
    void *right = weft__alloc_aligned(s->r->size);
    int rc = WEFT_ENOMEM;

    if (right != NULL)
        rc = reduce_halves(s, right);
    weft__free(right);
    return rc;
}

static int reduce_span(void *arg)
{
    const struct span *s = arg;
    const struct reduction *r = s->r;
    struct weft__task *t;
    weft_scope *scope;
    int rc;

    if (s->end - s->begin > r->grain)
        return r->size <= WEFT_REDUCE_ON_STACK ? reduce_on_stack(s) : reduce_on_heap(s);
    t = weft__task_self();
    scope = t->scope;
    if ((rc = settle(t, scope)) < 0)
        return rc;
    rc = r->body(s->begin, s->end, s->acc, r->arg);
    weft__scope_close_inner(t, scope);
    return rc;
}

int weft_parallel_reduce(size_t begin, size_t end, size_t grain, void *acc, size_t size,
                         int (*body)(size_t begin, size_t end, void *acc, void *arg),
                         int (*combine)(void *acc, void *right, void *arg), void *arg)
{
    struct weft__task *t = weft__task_self();
    weft_scope *scope = t != NULL ? t->scope : NULL;
    WEFT__ALIGNED unsigned char small[WEFT_REDUCE_ON_STACK];
    void *identity = size <= sizeof small ? small : NULL;
    struct reduction r = {body, combine, arg, NULL, size, grain};
    struct span s = {&r, begin, end, acc};
    int rc = 0;

    if (WEFT__UNLIKELY(t == NULL))
        return WEFT_ENOTASK;
    if (begin < end) {
        if (identity == NULL && (identity = weft__alloc_aligned(size)) == NULL)
            return WEFT_ENOMEM;
        r.identity = memcpy(identity, acc, size);
        if (grain == 0)
            r.grain = (end - begin - 1) / REDUCE_PIECES + 1;
        rc = reduce_span(&s);
        if (identity != small)
            weft__free(identity);
    }
    /* Also closes what the last combine has left open. */
    if (rc < 0)
        weft__scope_close_inner(t, scope);
    else
        rc = settle(t, scope);
    return rc;
}
