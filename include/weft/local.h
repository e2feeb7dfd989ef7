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
 * A child inherits the values at the moment of the spawn; so does the half of weft_join() and a task that is started detached.
 * A task that never sets nor inherits one pays nothing for them.
 */
#ifndef WEFT_LOCAL_H
#define WEFT_LOCAL_H

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_local {
    void (*drop)(
        void *
            value); /* called once for each value that was set, when the last task that holds it has replaced it or ended;
                                * on any thread, must not suspend. NULL: nothing is called, and the value must outlive those tasks */
} weft_local;

/* Sets the value of `key` for the calling task and the children that it spawns from here on; NULL: none. Returns 0, or WEFT_ENOMEM: all is as
 * before, `value` stays the caller's; WEFT_ENOTASK. Does not suspend. */
WEFT_API int weft_local_set(const weft_local *key, void *value) WEFT_NONNULL(1);

/* The value of `key` in the calling task; NULL: none, or outside of a task. Does not suspend. */
WEFT_API void *weft_local_get(const weft_local *key) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
