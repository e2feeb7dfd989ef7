/* SPDX-License-Identifier: MIT */
/* What the rest of sched/ needs of groups. The record is in scope.h, the public face in weft/group.h. */
#ifndef WEFT_SCHED_GROUP_H
#define WEFT_SCHED_GROUP_H

#include "sched/scope.h"

/* `t`, a child, has returned `rc`: makes it unknown to cancellers, and if it failed, the group fails. */
void weft__group_child_leaves(weft_group *g, struct weft__task *t, int rc);

/* A child that the owner did not run itself is gone: wakes the owner if it was the last. After it the group may be, too. */
void weft__group_count_down(weft_group *g);

#endif
