/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and their readiness. A record for each descriptor number, in a table that only grows: a record is never freed
 * before the runtime ends, so an event that comes late finds one, and a generation tells that it is not meant.
 *
 * Owned descriptors (weft opened them) are registered once, edge-triggered. `state` holds
 *
 *      63 ........ 32 | 31 ...... 8 | 7 .. 0
 *      tick             references    flags: what is ready, OWNED, CLOSING
 *
 *      absent --open--> owned, 1 reference --close--> closing --last reference--> absent
 *
 * Every operation holds a reference, so the descriptor is closed, and its number reused, only when nobody is in a system
 * call on it. An event sets flags and counts the tick up; an operation that met EAGAIN clears its flag only where the tick
 * is still the one that it loaded before the system call, so an edge in between is not lost.
 *
 * Waiting and dispatch:
 *      waiter:      lock; look at the flags; put itself into the slot; unlock; park
 *      dispatcher:  set the flags; lock; take the slot; unlock; claim
 * Whoever locks second sees what the other did.
 *
 * Foreign descriptors (weft_fd_wait) are armed for each wait, one-shot and level-triggered, under `lock`.
 */
#ifndef WEFT_IO_DESCRIPTOR_H
#define WEFT_IO_DESCRIPTOR_H

#include "sched/lock.h"
#include "sched/task.h"

struct weft__io;

enum weft__direction { WEFT__READ, WEFT__WRITE };

#define WEFT__READY_READ 0x01u
#define WEFT__READY_WRITE 0x02u
#define WEFT__READY_RDHUP 0x04u
#define WEFT__READY_HUP 0x08u
#define WEFT__READY_ERR 0x10u
#define WEFT__READY_URGENT 0x20u
#define WEFT__OWNED 0x40u
#define WEFT__CLOSING 0x80u
#define WEFT__REFERENCE ((uint64_t)1 << 8)
#define WEFT__TICK ((uint64_t)1 << 32)

/* What lets a reader, a writer go on. */
#define WEFT__CAN_READ (WEFT__READY_READ | WEFT__READY_RDHUP | WEFT__READY_HUP | WEFT__READY_ERR)
#define WEFT__CAN_WRITE (WEFT__READY_WRITE | WEFT__READY_HUP | WEFT__READY_ERR)

struct weft__descriptor_waiter {
    struct weft__task *task;
    weft__ticket ticket;
};

struct weft__fd_wait;

struct weft__descriptor {
    WEFT__ALIGNED _Atomic uint64_t state;
    struct weft__io *io;
    int fd;
    _Atomic uint32_t generation;

    struct weft__lock lock; /* guards what follows; a leaf */
    struct weft__descriptor_waiter waiter[2];
    struct weft__fd_wait *foreign[2];
};

enum { WEFT__DESCRIPTOR_CHUNK = 256, WEFT__DESCRIPTOR_CHUNKS = 16384 };

struct weft__descriptors {
    _Atomic(struct weft__descriptor *) *chunks;
};

int weft__descriptors_open(struct weft__io *io);
void weft__descriptors_close(struct weft__io *io); /* closes those that are still open */

/* The record of `fd`, made if need be. NULL where memory is out or the number too large. */
struct weft__descriptor *weft__descriptor_get(struct weft__io *io, int fd);

/* The record of a number that an event came for; NULL when there is none. */
struct weft__descriptor *weft__descriptor_find(struct weft__io *io, int fd);

/* Takes over `fd`, non-blocking, with these flags set to begin with. On failure (a code) `fd` stays the caller's. */
int weft__descriptor_open(struct weft__io *io, int fd, unsigned flags, struct weft__descriptor **out);

/* Lets the waiters go with WEFT_ECLOSED; the descriptor is closed when the last operation has left it. */
void weft__descriptor_close(struct weft__descriptor *d);

/* Enters an operation: 0 or WEFT_ECLOSED. */
int weft__descriptor_enter(struct weft__descriptor *d);
void weft__descriptor_leave(struct weft__descriptor *d);

/* Clears flags where no event has come since `seen` was loaded. */
void weft__descriptor_drained(struct weft__descriptor *d, uint64_t seen, unsigned flags);

/* Waits until one of `flags` is set: 0, or WEFT_ECANCELED, WEFT_ECLOSED, WEFT_EBUSY. Inside an operation. Suspends. */
int weft__descriptor_wait(struct weft__descriptor *d, struct weft__task *t, enum weft__direction dir, unsigned flags);

/* An event for `d` with this generation. Returns the number of tasks made ready. */
int weft__descriptor_dispatch(struct weft__descriptor *d, uint32_t generation, uint32_t events);

/* The same for a foreign descriptor (fd_wait.c). */
int weft__fd_wait_dispatch(struct weft__descriptor *d, uint32_t generation, uint32_t events);

/* Ends the waits of `d` with a code: the number turns out to be weft's now. Caller holds the lock of `d`. */
void weft__fd_wait_evict(struct weft__descriptor *d, int code);

static inline uint64_t weft__descriptor_tag(int fd, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

#endif
