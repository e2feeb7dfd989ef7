/* SPDX-License-Identifier: MIT */
#include "sched/group_more.h"

#include "sched/handle.h"

struct weft__group_more *weft__group_more(weft_group *g)
{
    struct weft__group_more *more = A_LOAD(&g->more, acquire), *made;

    if (more != NULL)
        return more;
    made = weft__alloc(sizeof *made);
    if (made == NULL)
        return NULL;
    made->errors_max = WEFT__ERRORS_KEPT;
    made->held_end = &made->held;
    weft__lock(&g->lock);
    more = A_LOAD(&g->more, relaxed); /* relaxed: under the lock */
    if (more == NULL)
        A_STORE(&g->more, more = made, release); /* pairs with the acquire of those who hold no lock */
    weft__unlock(&g->lock);
    if (more != made)
        weft__free(made);
    return more;
}

void weft__group_more_free(weft_group *g)
{
    struct weft__group_more *more = A_LOAD(&g->more, relaxed); /* relaxed: the children have ended */

    weft__lock(&g->lock);
    while (more->ended.first != NULL) {
        weft_task *h = WEFT__CONTAINER(more->ended.first, weft_task, ended);

        weft__list_remove(&more->ended, &h->ended);
        A_STORE(&h->group, NULL, relaxed); /* relaxed: weft__group_forget() looks again under the lock */
    }
    A_STORE(&g->more, NULL, relaxed);
    weft__unlock(&g->lock);
    weft__free(more->errors);
    weft__free(more);
    g->wraps = false;
}
