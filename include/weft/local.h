/* SPDX-License-Identifier: MIT */
/*
 * Task-locals: values that belong to a task and that its children inherit, for what would else be an argument of every function
 * on the way: a request's number, a user, a tracer. What Python calls context variables.
 *
 *     static const weft_local request = {NULL};          a key: its address counts, so it must be of static extent
 *
 *     weft_local_set(&request, &id);
 *     weft_spawn(g, handle, conn);                       sees `&id`; what it sets itself, its parent does not see
 *     ...
 *     struct id *mine = weft_local_get(&request);
 *
 * A child inherits the values at the moment of the spawn, also one that is started detached. The halves of weft_join() and the pieces
 * of a parallel loop have those of their caller; what one of them sets the others may see or not, so let them set none.
 * A task that never sets nor inherits one pays nothing for them.
 */
#ifndef WEFT_LOCAL_H
#define WEFT_LOCAL_H

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_local {
    /* Called once for each value that was set and is not NULL, when the last task that holds it has replaced it or ended; on any
     * thread; it must not suspend. NULL: nothing is called, and the value must outlive those tasks. */
    void (*drop)(void *value);
} weft_local;

/* Sets the value of `key` for the calling task and the children that it spawns from here on; NULL: none. Returns 0, or WEFT_ENOMEM: all is as
 * before, `value` stays the caller's; WEFT_ENOTASK. Does not suspend. */
WEFT_API int weft_local_set(const weft_local *key, void *value) WEFT_NONNULL(1);

/* The value of `key` in the calling task; NULL: none, or outside of a task. Does not suspend. */
WEFT_API void *weft_local_get(const weft_local *key) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
