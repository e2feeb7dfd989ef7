/* SPDX-License-Identifier: MIT */
#include "sched/cancel.h"

#include "sched/park.h"
#include "sched/runtime.h"

/* Members that are visited without letting go of their group's lock. */
#if defined(WEFT_DEBUG) || defined(WEFT_MODEL)
enum { BATCH = 1 };
#else
enum { BATCH = 64 };
#endif

/* Takes a group, which is known to be cancelled, unless somebody has it: then that one sees to it. Caller holds the lock of its owner,
 * or is below it, so that it is not closed meanwhile. */
static bool claim(struct weft_group *g)
{
    /* release: stands for the mark that the caller saw; acquire pairs with the same of others, here and below */
    if ((A_OR(&g->scope.mark, WEFT__MARK_CLAIMED, acq_rel) & WEFT__MARK_CLAIMED) != 0)
        return false;
    g->cursor_is_set = false;
    return true;
}

/* Whether a scope of `t` lies in a shield of `t` that is deeper than `depth`. */
static bool is_shielded(const struct weft__task *t, const weft_scope *s, int64_t depth)
{
    if (WEFT__LIKELY(A_LOAD(&t->shield, relaxed) == 0)) /* relaxed: it was written before the group was linked */
        return false;
    for (; s->owner == t && (int64_t)s->depth > depth; s = s->parent)
        if (s->kind == WEFT__SCOPE_SHIELD)
            return true;
    return false;
}

/* Wakes `t` where it is parked, and puts its linked groups of at least `depth`, as far as nobody has them, in front of the list; but for
 * what lies in a shield that is inside of the scope that was marked. `depth` is -1 where that lies outside of `t`. */
static void cancel_task(struct weft__task *t, int64_t depth, struct weft_group **list)
{
    struct weft_group *rest = *list, **end = list;

    weft__unpark_canceled(t, depth);
    weft__lock(&t->lock);
    /* Mostly the innermost come first, which are the first to be closed. */
    for (struct weft__link *e = t->groups; e != NULL; e = e->next) {
        struct weft_group *g = WEFT__CONTAINER(e, struct weft_group, owned);

        if ((int64_t)g->scope.depth >= depth && !is_shielded(t, &g->scope, depth) && claim(g)) {
            *end = g;
            end = &g->cancel_next;
        }
    }
    weft__unlock(&t->lock);
    *end = rest;
}

/* Goes on with the first group of the list: until a member brings groups of its own, which then stand in front, for a batch, or to its
 * end, which takes it off the list. */
static void cancel_some(struct weft_group **list)
{
    struct weft_group *g = *list;
    bool ended;

    weft__lock(&g->lock);
    if (!g->cursor_is_set) {
        g->cursor = g->members.first;
        g->cursor_is_set = true;
    }
    for (int i = 0; i < BATCH && g->cursor != NULL && *list == g; i++) {
        struct weft__task *t = WEFT__CONTAINER(g->cursor, struct weft__task, member);

        g->cursor = t->member.next;
        cancel_task(t, -1, list);
    }
    ended = g->cursor == NULL && *list == g;
    weft__unlock(&g->lock);
    if (ended) {
        *list = g->cancel_next;
        A_OR(&g->scope.mark, WEFT__MARK_WALKED, release); /* the last access; pairs with weft__scope_leave_slow() */
    }
}

/* Goes through the groups that were claimed, and all below them. */
static void cancel_listed(struct weft_group *list)
{
    while (list != NULL)
        cancel_some(&list);
}

/* Wakes what is parked inside of `s`, which has just been marked. */
static void wake_inside(weft_scope *s)
{
    struct weft_group *list = NULL;

    if (s->owner != NULL) {
        cancel_task(s->owner, s->depth, &list);
    } else if (claim(WEFT__GROUP_OF(s))) {
        list = WEFT__GROUP_OF(s);
        list->cancel_next = NULL;
    }
    cancel_listed(list);
}

/* Writes the reason into the word of `s`, unless there is one: true when this call did. `*alone` tells whether the scope was not
 * cancelled before. */
static bool mark(weft_scope *s, enum weft_reason why, bool *alone)
{
    uint32_t m = A_LOAD(&s->mark, relaxed), marked; /* relaxed: only compared */

    do {
        if ((m & WEFT__MARK_REASON) != 0)
            return false;
        *alone = m == 0;
        marked = m | (uint32_t)why | (*alone ? 0 : WEFT__MARK_TOLD);
    } while (!A_CAS_WEAK(&s->mark, &m, marked, seq_cst, relaxed));
    return true;
}

bool weft__cancel(weft_runtime *rt, weft_scope *s, enum weft_reason why)
{
    bool marked, alone, visit = weft__worker_self() == NULL || weft__worker_self()->rt != rt;

    if ((A_LOAD(&s->mark, relaxed) & WEFT__MARK_REASON) != 0) /* relaxed: looked at again */
        return false;
    /* The mark may let the owner leave the scope, and the runtime end: both wait for this call (weft__scope_leave(),
     * weft_runtime_destroy()). */
    if (visit)
        weft__runtime_enter(rt);
    marked = mark(s, why, &alone);
    if (marked) {
        /* The mark comes before the epoch, the epoch before the look at wait words: pairs with weft__park_prepare(), which
         * arms its wait word, then loads the epoch. */
        A_ADD(&rt->cancel_epoch, 1, seq_cst);
        /* Else it was cancelled from outside, and whoever did that wakes what is inside. */
        if (alone) {
            wake_inside(s);
            A_OR(&s->mark, WEFT__MARK_TOLD, release); /* the last access; pairs with weft__scope_leave_slow() */
        }
    }
    if (visit)
        weft__runtime_leave(rt);
    return marked;
}

/* Adds the edges that are missing above `t`. Returns the highest group that got one. */
static struct weft_group *add_edges(struct weft__task *t)
{
    for (;;) {
        struct weft_group *g = t->group;
        struct weft__task *owner = g->scope.owner;

        weft__lock(&g->lock);
        if (!A_LOAD(&t->linked, relaxed)) { /* relaxed: under the lock */
            weft__list_append(&g->members, &t->member);
            A_STORE(&t->linked, true, release); /* pairs with the acquire below */
        }
        weft__unlock(&g->lock);
        if (owner == NULL || A_LOAD(&g->linked, acquire))
            return g;
        weft__lock(&owner->lock);
        if (!A_LOAD(&g->linked, relaxed)) {
            weft__link_push(&owner->groups, &g->owned);
            A_STORE(&g->linked, true, release);
        }
        weft__unlock(&owner->lock);
        if (A_LOAD(&owner->linked, acquire))
            return g;
        t = owner;
    }
}

/* Does below `g` what a canceller would have done that had found the edge from `t`, a member, to it. */
static void make_up(struct weft__task *t, struct weft_group *g)
{
    struct weft_group *list = NULL;

    A_ADD(&t->rt->cancel_epoch, 1, seq_cst); /* as in weft__cancel(), which may be between its mark and this */
    cancel_task(t, -1, &list);
    if (claim(g)) {
        g->cancel_next = list;
        list = g;
    }
    cancel_listed(list);
}

void weft__cancel_link(struct weft__task *t)
{
    /* relaxed, also below: ordered by the locks under which edges are made. A canceller that moved the epoch before this is noticed by all who
     * rely on these edges: they see them first, and then the epoch. One that moved it later, and missed an edge, held the lock of that edge
     * before it was made, so that the epoch is seen to have moved below. */
    uint64_t epoch = A_LOAD(&t->rt->cancel_epoch, relaxed);
    struct weft_group *highest = add_edges(t), *g;

    if (WEFT__LIKELY(A_LOAD(&t->rt->cancel_epoch, relaxed) == epoch))
        return;
    do {
        g = t->group;
        if (weft__scope_chain_canceled(&g->scope))
            make_up(t, g);
        t = g->scope.owner;
    } while (g != highest);
}

void weft__cancel_unlink_task(struct weft__task *t)
{
    struct weft_group *g = t->group;

    weft__lock(&g->lock);
    if (WEFT__UNLIKELY(g->cursor == &t->member))
        g->cursor = t->member.next;
    weft__list_remove(&g->members, &t->member);
    A_STORE(&t->linked, false, relaxed); /* relaxed: the task ends, nobody links below it any more */
    weft__unlock(&g->lock);
}

void weft__cancel_unlink_group(weft_group *g)
{
    struct weft__task *owner = g->scope.owner;

    weft__lock(&owner->lock);
    weft__link_remove(&owner->groups, &g->owned);
    A_STORE(&g->linked, false, relaxed); /* relaxed: the group has no task left that could link it */
    weft__unlock(&owner->lock);
}
