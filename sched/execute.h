/* SPDX-License-Identifier: MIT */
/* Running a task that never ran, from its first call to its end, on the stack that the caller is on. */
#ifndef WEFT_SCHED_EXECUTE_H
#define WEFT_SCHED_EXECUTE_H

#include "sched/group.h"
#include "sched/spawn.h"
#include "sched/stack_use.h"

/* Runs `t` above the frames of `below`, NULL for the loop, tells its group, and frees the record. Returns the caller's worker
 * after it. */
static inline struct weft__worker *weft__execute(struct weft__worker *w, struct weft__task *t, struct weft__task *below)
{
    weft_group *g = t->group;
    int rc;

    t->stack = w->stack;
    w->current = t;
    A_BUMP(&w->counters.tasks_run);
    rc = A_LOAD(&t->fn,
                relaxed)(t->arg); /* relaxed, as `linked` and the count: the task's own, see weft__park_prepare() */
    if (WEFT__UNLIKELY(t->scope != &g->scope))
        weft__scope_close_left(t, &g->scope);
    if (WEFT__UNLIKELY(rc < 0 || A_LOAD(&t->linked, relaxed) || t->kind.stack_class != 0 || t->extras != 0))
        weft__group_child_leaves(g, t, rc, __builtin_frame_address(0));
    weft__stack_use_ended(t, __builtin_frame_address(0));
    w = weft__worker_self();
    w->current = below;
    if (WEFT__UNLIKELY(below != NULL && t->seen_epoch != below->seen_epoch) && below == g->scope.owner)
        weft__group_tell_owner(g, t->seen_canceled ? 0 : t->seen_epoch);
    weft__task_give(w, t);
    if (below != NULL && below == g->scope.owner)
        A_BUMP_BY(&g->unstarted, -1);
    else if (WEFT__LIKELY(g->scope.owner != NULL))
        weft__group_count_down(g);
    else
        weft__runtime_task_left(w->rt);
    return w;
}

#endif
