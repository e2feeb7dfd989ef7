/* SPDX-License-Identifier: MIT */
#include "sched/cancel.h"

#include "sched/park.h"
#include "sched/runtime.h"

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

/* Wakes `t` where it is parked, and puts its linked groups of at least `depth` on the list, which is -1 where the scope that was marked lies
 * outside of `t`; but for what lies in a shield that is inside of the scope. */
static void cancel_task(struct weft__task *t, int64_t depth, struct weft_group **list)
{
    weft__unpark_canceled(t, depth);
    weft__lock(&t->lock);
    for (struct weft__link *e = t->groups; e != NULL; e = e->next) {
        struct weft_group *g = WEFT__CONTAINER(e, struct weft_group, owned);

        if ((int64_t)g->scope.depth >= depth && !is_shielded(t, &g->scope, depth)) {
            A_STORE(&g->pinned, true, relaxed); /* relaxed: under the lock that its closer takes */
            g->cancel_next = *list;
            *list = g;
        }
    }
    weft__unlock(&t->lock);
}

static void cancel_members(struct weft_group *g, struct weft_group **list)
{
    weft__lock(&g->lock);
    for (struct weft__link *e = g->members.first; e != NULL; e = e->next)
        cancel_task(WEFT__CONTAINER(e, struct weft__task, member), -1, list);
    weft__unlock(&g->lock);
}

/* Caller holds the cancel lock. */
static void cancel_listed(struct weft_group *list)
{
    while (list != NULL) {
        struct weft_group *g = list;

        list = g->cancel_next;
        cancel_members(g, &list);
        /* The last access; pairs with the acquire in weft__cancel_unlink_group(). */
        A_STORE(&g->pinned, false, release);
    }
}

/* Wakes what is parked inside of `s`, which has just been marked. Caller holds the cancel lock. */
static void wake_inside(weft_runtime *rt, weft_scope *s)
{
    struct weft_group *list = NULL;

    /* The mark comes before the epoch, the epoch before the look at wait words: pairs with weft__park_prepare(), which
     * arms its wait word, then loads the epoch. */
    A_ADD(&rt->cancel_epoch, 1, seq_cst);
    if (s->owner != NULL)
        cancel_task(s->owner, s->depth, &list);
    else
        cancel_members(WEFT__GROUP_OF(s), &list);
    cancel_listed(list);
}

bool weft__cancel(weft_runtime *rt, weft_scope *s, enum weft__reason why)
{
    uint32_t none = WEFT__NOT_CANCELED;
    bool marked, visit = weft__worker_self() == NULL || weft__worker_self()->rt != rt;

    if (A_LOAD(&s->reason, acquire) != WEFT__NOT_CANCELED)
        return false;
    /* The mark may let the owner close the scope, and the runtime end: both wait for this call (weft__scope_leave(),
     * weft_runtime_destroy()). */
    if (visit)
        weft__runtime_enter(rt);
    weft__lock(&rt->cancel_lock);
    marked = A_CAS(&s->reason, &none, (uint32_t)why, seq_cst, relaxed);
    if (marked)
        wake_inside(rt, s);
    weft__unlock(&rt->cancel_lock);
    if (visit)
        weft__runtime_leave(rt);
    return marked;
}

void weft__cancel_link(struct weft__task *t)
{
    struct weft_group *g = t->group;
    weft_runtime *rt = t->rt;

    for (;;) {
        struct weft__task *owner;

        weft__lock(&g->lock);
        if (!A_LOAD(&t->linked, relaxed)) { /* relaxed: under the lock */
            weft__list_append(&g->members, &t->member);
            A_STORE(&t->linked, true, release); /* pairs with the acquire below and in weft__park_prepare() */
        }
        weft__unlock(&g->lock);
        owner = g->scope.owner;
        if (owner == NULL || A_LOAD(&g->linked, acquire))
            break;
        weft__lock(&owner->lock);
        if (!A_LOAD(&g->linked, relaxed)) {
            weft__link_push(&owner->groups, &g->owned);
            A_STORE(&g->linked, true, release);
        }
        weft__unlock(&owner->lock);
        if (A_LOAD(&owner->linked, acquire))
            break;
        t = owner;
        g = t->group;
    }
    if (weft__scope_chain_canceled(&g->scope)) {
        weft__lock(&rt->cancel_lock);
        g->cancel_next = NULL;
        cancel_listed(g);
        weft__unlock(&rt->cancel_lock);
    }
}

void weft__cancel_unlink_task(struct weft__task *t)
{
    struct weft_group *g = t->group;

    weft__lock(&g->lock);
    weft__list_remove(&g->members, &t->member);
    A_STORE(&t->linked, false, relaxed); /* relaxed: the task ends, nobody links below it any more */
    weft__unlock(&g->lock);
}

void weft__cancel_unlink_group(weft_group *g)
{
    struct weft__task *owner = g->scope.owner;
    unsigned turns = 0;

    weft__lock(&owner->lock);
    weft__link_remove(&owner->groups, &g->owned);
    A_STORE(&g->linked, false, relaxed); /* relaxed: the group has no task left that could link it */
    weft__unlock(&owner->lock);
    while (A_LOAD(&g->pinned, acquire))
        weft__spin(&turns);
}
