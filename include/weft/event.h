/* SPDX-License-Identifier: MIT */
/*
 * Events: a flag that tasks wait for.
 *
 *     static weft_event ready = WEFT_EVENT_INIT;
 *
 *     static int client(void *arg)
 *     {
 *         int rc = weft_event_wait(&ready);          returns at once where it is set
 *
 *         return rc < 0 ? rc : talk(arg);
 *     }
 *
 * and somebody, once, says
 *
 *     weft_event_set(&ready);
 *
 * An event is set or clear, and stays so until somebody says otherwise. Setting it wakes all who wait at that moment,
 * in their order, also where it is cleared at once: so set and clear after another let those through who were there.
 * What was done before weft_event_set() is seen by all whom it lets through.
 *
 * An event that is set and cleared again and again tells nobody how often. Where each change of something has to be
 * seen, or each wake-up is for one, take weft/notify.h.
 *
 * Storage: 24 bytes of the caller's, initialised statically or by a call; zeroed memory is a clear event. It must not
 * move while in use. Before the memory goes away weft_event_fini() has to be called, and nobody may be in any call for
 * the event then, but for a weft_event_set() that let the caller through: fini waits until that is through.
 *
 * Threads: wait suspends a task, and blocks a thread that runs none. All calls but init and fini may be made at any
 * time from any task of any runtime, and from any thread.
 */
#ifndef WEFT_EVENT_H
#define WEFT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_event {
    uint64_t opaque[3];
} weft_event;

/* A clear event. */
/* clang-format off */
#define WEFT_EVENT_INIT {{0}}
/* clang-format on */

/* The same at run time. Does not suspend. */
WEFT_API void weft_event_init(weft_event *e) WEFT_NONNULL(1);

/* Ends the use of an event. Returns 0, or WEFT_EBUSY and changes nothing: somebody waits; debug mode reports it. Does
 * not suspend. */
WEFT_API int weft_event_fini(weft_event *e) WEFT_NONNULL(1);

/* Sets the event, and wakes all who wait. Does not suspend. */
WEFT_API void weft_event_set(weft_event *e) WEFT_NONNULL(1);

/* Clears it. Does not suspend. */
WEFT_API void weft_event_clear(weft_event *e) WEFT_NONNULL(1);

/* Whether it is set. What was done before weft_event_set() is seen after true. Does not suspend, and is no
 * checkpoint. */
WEFT_API bool weft_event_is_set(const weft_event *e) WEFT_NONNULL(1);

/*
 * Waits until the event is set, or returns at once where it is. Returns
 *   0                 it is set, or was while this call waited
 *   WEFT_ECANCELED    the scope is cancelled, or was before the event was set
 *   WEFT_ENOTASK      on a thread of a runtime that runs no task, where nothing may wait
 * Suspends; a plain thread is blocked.
 */
WEFT_API WEFT_CHECK int weft_event_wait(weft_event *e) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
