/* SPDX-License-Identifier: MIT */
/*
 * What an event is made of, for its own file and for select.
 *
 *      clear --set: takes all out of the queue--> set --clear--> clear
 *
 * Invariant, whenever the lock is free: while the event is set, nobody is in the queue.
 *
 * Both changes are made under the lock, even where they change nothing: who clears the event, and then looks at what it
 * tells of, sees what was done before each weft_event_set() that came before, be it one that found the event set.
 */
#ifndef WEFT_SYNC_EVENT_H
#define WEFT_SYNC_EVENT_H

#include <weft/event.h>

#include "sync/waiter.h"

struct weft__event {
    struct weft__spinlock lock; /* guards all; a leaf but for the wait words of the waiters */
    _Atomic bool set;           /* changed under the lock, with release; read with acquire */
    struct weft__list waiters;  /* of struct weft__waiter */
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__event) == sizeof(weft_event) && sizeof(weft_event) == 24, "as the header says");
_Static_assert(_Alignof(struct weft__event) <= _Alignof(weft_event), "the caller's storage suits");

static inline struct weft__event *weft__event_of(weft_event *e)
{
    return (struct weft__event *)e;
}

#endif
