/* SPDX-License-Identifier: MIT */
/* The list of a group's errors. */
#include <string.h>

#include <weft/group.h>

#include "sched/group_more.h"
#include "sched/report.h"
#include "sched/runtime.h"

/* Room for one more. Caller holds the group's lock. */
static bool make_room(struct weft__group_more *more)
{
    size_t room = more->errors_room == 0 ? 4 : 2 * more->errors_room;
    weft_error *errors;

    if (more->errors_kept < more->errors_room)
        return true;
    if (room > more->errors_max)
        room = more->errors_max;
    if (room <= more->errors_kept || (errors = weft__alloc(room * sizeof *errors)) == NULL)
        return false;
    if (more->errors_kept > 0)
        memcpy(errors, more->errors, more->errors_kept * sizeof *errors);
    weft__free(more->errors);
    more->errors = errors;
    more->errors_room = room;
    return true;
}

void weft__group_note_error(weft_group *g, weft_runtime *rt, const weft_error *e)
{
    struct weft__group_more *more = weft__group_more(g);
    int none = 0;
    bool kept = false;

    weft__lock(&g->lock);
    /* Under the lock, so that the first error is the first of the list. relaxed: read after the end of its writer is seen */
    (void)A_CAS(&g->error, &none, e->code, relaxed, relaxed);
    if (more != NULL) {
        more->failed++;
        kept = make_room(more);
        if (kept)
            more->errors[more->errors_kept++] = *e;
    }
    weft__unlock(&g->lock);
    if (!kept)
        weft__report_error(rt, e);
}

int weft_group_error(weft_group *g, size_t i, weft_error *out)
{
    struct weft__group_more *more;
    int rc = WEFT_EEMPTY;

    if (g == NULL)
        return WEFT_ENOMEM;
    more = A_LOAD(&g->more, acquire);
    if (more == NULL)
        return WEFT_EEMPTY;
    weft__lock(&g->lock);
    if (i < more->errors_kept) {
        *out = more->errors[i];
        rc = 0;
    }
    weft__unlock(&g->lock);
    return rc;
}

size_t weft_group_failed(const weft_group *g)
{
    struct weft__group_more *more = g != NULL ? A_LOAD(&g->more, acquire) : NULL;
    weft_group *locked = (weft_group *)g; /* the lock is no part of what the caller calls constant */
    size_t n;

    if (more == NULL)
        return g != NULL && A_LOAD(&g->error, relaxed) != 0; /* relaxed: a number. No memory for a list */
    weft__lock(&locked->lock);
    n = more->failed;
    weft__unlock(&locked->lock);
    return n;
}
