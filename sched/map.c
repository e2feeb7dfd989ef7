/* SPDX-License-Identifier: MIT */
/*
 * Bounded maps. The calling task makes the items and spawns a task for each; where `limit` of them are alive it parks, and the next
 * one that succeeds wakes it. One that fails does not: the group is cancelled then, and that wakes the caller, which so never begins
 * an item after an error that it could have known of.
 *
 *      room taken --> item made --> task spawned --> fn returns --> room given back, the caller woken if it waits for some
 *
 * Items of a generator lie in slots; there are as many as items have been alive at once, and each is used again.
 */
#include <weft/combine.h>

#include <weft/error.h>

#include "sched/group.h"
#include "sched/lock.h"
#include "sched/options.h"
#include "sched/park.h"
#include "sched/scope.h"

struct slot {
    struct slot *next_free; /* guarded by the map's lock */
    struct slot *next;      /* of all; the caller's */
    _Alignas(max_align_t) unsigned char item[];
};

/* In the caller's frame. */
struct map {
    weft_group *g;
    weft_fn fn;
    const weft_task_options *task_options;
    size_t limit;
    struct slot *slots;
    struct weft__task *caller;

    struct weft__spinlock lock; /* guards what follows; only the caller's wait word is claimed after it */
    size_t alive;
    struct slot *free;
    bool waits;
    weft__ticket ticket;
};

/* What a task of an item is given. */
struct job {
    struct map *map;
    void *item;
    struct slot *slot; /* NULL: the item is the user's */
};

_Static_assert(sizeof(struct job) <= WEFT_COPY_MAX, "a job is copied into its task");

static void give_room(struct map *m, struct slot *s)
{
    weft__ticket ticket;
    bool waits;

    weft__spinlock_lock(&m->lock);
    m->alive--;
    if (s != NULL) {
        s->next_free = m->free;
        m->free = s;
    }
    waits = m->waits;
    ticket = m->ticket;
    m->waits = false;
    weft__spinlock_unlock(&m->lock);
    if (waits)
        (void)weft__unpark(m->caller, ticket, WEFT__WON_EVENT);
}

static int run_job(void *arg)
{
    const struct job *j = arg;
    struct map *m = j->map;
    struct weft__task *t = weft__task_self();
    weft_scope *scope = t->scope;
    int rc = m->fn(j->item);

    /* What it left open may have tasks that use the item. */
    if (WEFT__UNLIKELY(t->scope != scope))
        weft__scope_close_left(t, scope);
    if (rc >= 0)
        give_room(m, j->slot);
    return rc;
}

/* One try: takes room and, where there is one, a slot. The caller holds the lock. */
static bool take_room(struct map *m, struct slot **s)
{
    if (m->alive == m->limit)
        return false;
    m->alive++;
    *s = m->free;
    if (*s != NULL)
        m->free = (*s)->next_free;
    return true;
}

/* Waits for room: 0 or WEFT_ECANCELED. */
static int wait_for_room(struct map *m, struct slot **s)
{
    struct weft__task *t = m->caller;
    int rc = weft__checkpoint(weft__worker_self(), t);

    while (rc == 0) {
        bool taken;

        weft__park_will_prepare(t);
        weft__spinlock_lock(&m->lock);
        taken = take_room(m, s);
        if (!taken && (rc = weft__park_prepare(t, WEFT__CANCELABLE)) == 0) {
            m->waits = true;
            m->ticket = weft__park_ticket(t);
        }
        weft__spinlock_unlock(&m->lock);
        if (taken)
            return 0;
        if (rc == 0 && weft__park(t) != WEFT__WON_EVENT)
            rc = WEFT_ECANCELED; /* whoever finds `waits` has an old ticket */
    }
    return rc;
}

static struct slot *make_slot(struct map *m, size_t size)
{
    struct slot *s = NULL;

    if (!__builtin_add_overflow(sizeof *s, size, &size) && (s = weft__alloc(size)) != NULL) {
        s->next = m->slots;
        m->slots = s;
    }
    return s;
}

static int open_map(struct map *m, weft_fn fn, const weft_map_options *o)
{
    struct weft__task *t = weft__task_self();

    if (t == NULL)
        return WEFT_ENOTASK;
    if (o != NULL && !WEFT__RESERVED_ARE_ZERO(o))
        return WEFT_EINVAL;
    *m = (struct map){
        .fn = fn,
        .task_options = o != NULL ? o->task : NULL,
        .limit = o != NULL && o->limit != 0 ? o->limit : WEFT_MAP_LIMIT,
        .caller = t,
    };
    m->g = weft_group_open(NULL);
    return m->g != NULL ? 0 : WEFT_ENOMEM;
}

/* Spawns a task for an item that has room. */
static int spawn_job(struct map *m, void *item, struct slot *s)
{
    struct job j = {m, item, s};

    return weft_spawn_copy(m->g, run_job, &j, sizeof j, m->task_options);
}

/* Waits for all; `rc` is what stopped the caller, if anything. */
static int close_map(struct map *m, int rc)
{
    struct slot *s;

    if (rc < 0 && rc != WEFT_ECANCELED)
        (void)weft_group_fail(m->g, rc);
    rc = weft_group_wait(m->g);
    weft_group_close(m->g);
    while ((s = m->slots) != NULL) {
        m->slots = s->next;
        weft__free(s);
    }
    return rc;
}

int weft_map(void *items, size_t count, size_t size, weft_fn fn, const weft_map_options *options)
{
    struct map m;
    struct slot *none;
    int rc = open_map(&m, fn, options);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count && rc == 0; i++)
        if ((rc = wait_for_room(&m, &none)) == 0)
            rc = spawn_job(&m, (char *)items + i * size, NULL);
    return close_map(&m, rc);
}

/* Has `next` make an item and gives it to a task: 0, WEFT_EEMPTY when there was none, or an error. */
static int begin_next(struct map *m, size_t size, int (*next)(void *ctx, void *item), void *ctx, struct slot *s)
{
    int rc;

    if (s == NULL && (s = make_slot(m, size)) == NULL)
        return WEFT_ENOMEM;
    rc = next(ctx, s->item);
    weft__scope_close_inner(m->caller, &m->g->scope);
    if (rc < 0)
        return rc;
    rc = spawn_job(m, s->item, s);
    if (rc < 0) {
        struct job j = {m, s->item, s};
        int own;

        /* The group is cancelled, or fails now for lack of memory or by bad options: so is whatever `fn` waits for. */
        if (rc != WEFT_ECANCELED)
            (void)weft_group_fail(m->g, rc);
        own = run_job(&j);
        if (own < 0 && own != WEFT_ECANCELED)
            (void)weft_group_fail(m->g, own);
    }
    return rc;
}

int weft_map_each(size_t size, int (*next)(void *ctx, void *item), void *ctx, weft_fn fn,
                  const weft_map_options *options)
{
    struct map m;
    struct slot *s;
    int rc = open_map(&m, fn, options);

    if (rc < 0)
        return rc;
    while (rc == 0)
        if ((rc = wait_for_room(&m, &s)) == 0)
            rc = begin_next(&m, size, next, ctx, s);
    return close_map(&m, rc == WEFT_EEMPTY ? 0 : rc);
}
