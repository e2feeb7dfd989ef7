/* SPDX-License-Identifier: MIT */
/* Groups with a limit on their children alive. */
#include "sched/group_more.h"
#include "sched/idle.h"
#include "sched/runtime.h"

bool weft__group_hold(weft_group *g, struct weft__task *child)
{
    struct weft__group_more *more = A_LOAD(&g->more, relaxed); /* relaxed: made with the group */
    bool held;

    if (more->limit == 0)
        return false;
    weft__lock(&g->lock);
    held = more->alive == more->limit;
    if (held) {
        child->next = NULL;
        *more->held_end = child;
        more->held_end = &child->next;
    } else {
        more->alive++;
    }
    weft__unlock(&g->lock);
    return held;
}

void weft__group_let_go(weft_group *g)
{
    struct weft__group_more *more = A_LOAD(&g->more, relaxed); /* relaxed: made with the group */
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t;

    if (more->limit == 0)
        return;
    weft__lock(&g->lock);
    t = more->held;
    if (t == NULL)
        more->alive--;
    else if ((more->held = t->next) == NULL)
        more->held_end = &more->held;
    weft__unlock(&g->lock);
    if (t != NULL)
        weft__worker_queue_fresh(w, t);
}
