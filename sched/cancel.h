/* SPDX-License-Identifier: MIT */
/*
 * Cancellation: how a canceller finds what is parked inside a scope.
 *
 *      group --members--> task --groups--> group --members--> task ...
 *
 * An edge is made when a task first parks, from itself upwards as far as edges are missing; it stays until the task ends
 * or the group is closed. So a task that never parks costs nothing here, and one that parks often pays once.
 *
 * A canceller marks a scope, moves the epoch, wakes the scope's owner, and goes through the groups below, depth first. Any number of
 * cancellers may be at it at once, anywhere in a tree; none holds a lock for longer than a few dozen tasks take. What keeps them apart
 * are claims: a group is *claimed* by the first who comes to it and knows that it is cancelled, and the others pass it by.
 *
 * Invariants
 *  1. Each bit of a scope's word (scope.h) is set once, and says that the scope is cancelled, by its own mark or by one outside of it that
 *     reaches it. No mark is taken back, and a scope is left after those in it: what is cancelled is so for the rest of its life.
 *  2. Only a group that is cancelled is claimed, and only after the epoch has moved on from that mark: else what is woken might not know
 *     why, and sleep again. Who claims it comes to every member that is in the list by then, wakes it, and claims
 *     what it has of groups. So each member of a tree is visited once, whoever else cancels, and time is linear in the tasks.
 *  3. Whoever links itself below a claimed group later finds the mark by itself. With 2: in a claimed group nobody sleeps on, and
 *     nothing is left to do for others who come to it, nor for a mark inside of it.
 *  4. Each edge is guarded by the lock of the node that holds the list. The handshake:
 *         canceller: marks the scope, moves the epoch, reads the lists, each under its lock
 *         linker:    looks at the epoch, adds edges, each under its lock, looks at the epoch again, and at the marks if it has moved. Where
 *                    it finds one, it moves the epoch itself, for the canceller may be about to, and goes down
 *     Where the canceller missed an edge, the linker sees the mark. It then goes down from *each* node that it gave an edge, for another
 *     task may have parked below, have seen the edges half made, and relied on them; the mark may lie between any two of them.
 *  5. The record of a scope is not left while the one that marked it is still at it, nor a group's while the one that claimed it is in it or
 *     is to come to it: the closer waits (weft__scope_leave_slow). Cancellers wait for nobody, so nobody waits in a circle.
 *     A canceller that goes down from a group leaves it behind in a list of its own; the group's closer waits for all below it anyway, as
 *     they do for the canceller. So the closer's wait is short, but where a task has several groups, of which it closes one.
 *  6. A shield keeps out marks that lie outside of it: a chain of scopes is looked at only as far as a shield; a task that is parked in one
 *     is not woken, and groups that were opened in one are not claimed, by who comes from outside. So 1 to 3 hold of shields as they
 *     are: what a shield protects is not cancelled, and not claimed. A task that leaves a shield looks at its next checkpoint.
 *  7. Where a canceller stands in a group's list is in the group (`cursor`), under its lock: members that leave meanwhile move it on.
 *
 * Memory-order pairs
 *      mark, epoch, then look at a wait word | arm the wait word, then load the epoch: all seq_cst (weft__park_prepare)
 *      epoch, then a list under its lock     | an edge under that lock, then the epoch: ordered by the lock
 *      epoch, then `linked`: release         | `linked`: acquire, then the epoch: who relies on an edge knows of what its maker knew
 *      TOLD, WALKED: release                 | weft__scope_leave_slow(): acquire. The canceller's last access to the record
 *      OUTER, CLAIMED: release               | who sees them (acquire) also sees the mark outside that they stand for
 *
 * Lock order: group.lock > task.lock. What is locked below (timers, idle, slabs) are leaves.
 */
#ifndef WEFT_SCHED_CANCEL_H
#define WEFT_SCHED_CANCEL_H

#include "sched/scope.h"

/* Marks `s`, unless it is marked, and wakes what is parked inside. From any thread, with no lock held. True when this call
 * marked it. */
bool weft__cancel(weft_runtime *rt, weft_scope *s, enum weft_reason why);

/* Makes `t`, the calling task, findable. */
void weft__cancel_link(struct weft__task *t);

/* `t` ends / `g` is closed: takes the edge away. A canceller may still be in the group: weft__scope_leave() waits for it. */
void weft__cancel_unlink_task(struct weft__task *t);
void weft__cancel_unlink_group(weft_group *g);

#endif
