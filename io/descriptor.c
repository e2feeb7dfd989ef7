/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/descriptor.h"

#include <unistd.h>

#include <weft/error.h>

#include "io/io.h"
#include "io/sys.h"
#include "sched/park.h"

/* The table. */

int weft__descriptors_open(struct weft__io *io)
{
    io->descriptors.chunks = weft__alloc(WEFT__DESCRIPTOR_CHUNKS * sizeof io->descriptors.chunks[0]);
    return io->descriptors.chunks != NULL ? 0 : WEFT_ENOMEM;
}

void weft__descriptors_close(struct weft__io *io)
{
    if (io->descriptors.chunks == NULL)
        return;
    for (int i = 0; i < WEFT__DESCRIPTOR_CHUNKS; i++) {
        struct weft__descriptor *chunk = A_LOAD(&io->descriptors.chunks[i], relaxed); /* relaxed: nobody else is left */

        if (chunk == NULL)
            continue;
        for (int k = 0; k < WEFT__DESCRIPTOR_CHUNK; k++)
            if (A_LOAD(&chunk[k].state, relaxed) & WEFT__OWNED)
                (void)close(chunk[k].fd);
        weft__free(chunk);
    }
    weft__free(io->descriptors.chunks);
    io->descriptors.chunks = NULL;
}

struct weft__descriptor *weft__descriptor_find(struct weft__io *io, int fd)
{
    struct weft__descriptor *chunk;

    if (fd < 0 || fd / WEFT__DESCRIPTOR_CHUNK >= WEFT__DESCRIPTOR_CHUNKS)
        return NULL;
    /* acquire pairs with the swap in weft__descriptor_get() */
    chunk = A_LOAD(&io->descriptors.chunks[fd / WEFT__DESCRIPTOR_CHUNK], acquire);
    return chunk != NULL ? &chunk[fd % WEFT__DESCRIPTOR_CHUNK] : NULL;
}

struct weft__descriptor *weft__descriptor_get(struct weft__io *io, int fd)
{
    struct weft__descriptor *d = weft__descriptor_find(io, fd), *chunk, *none = NULL;
    int first = fd - fd % WEFT__DESCRIPTOR_CHUNK;

    if (d != NULL || fd < 0 || fd / WEFT__DESCRIPTOR_CHUNK >= WEFT__DESCRIPTOR_CHUNKS)
        return d;
    chunk = weft__alloc_aligned(WEFT__DESCRIPTOR_CHUNK * sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    for (int k = 0; k < WEFT__DESCRIPTOR_CHUNK; k++) {
        chunk[k].io = io;
        chunk[k].fd = first + k;
    }
    if (!A_CAS(&io->descriptors.chunks[fd / WEFT__DESCRIPTOR_CHUNK], &none, chunk, acq_rel, acquire)) {
        weft__free(chunk);
        chunk = none;
    }
    return &chunk[fd % WEFT__DESCRIPTOR_CHUNK];
}

/* Life. */

/* No flags, no references, and the next tick. Nobody else changes the state meanwhile. */
static uint64_t next_life(struct weft__descriptor *d)
{
    return (A_LOAD(&d->state, relaxed) / WEFT__TICK + 1) * WEFT__TICK;
}

int weft__descriptor_open(struct weft__io *io, int fd, unsigned flags, struct weft__descriptor **out)
{
    struct weft__descriptor *d = weft__descriptor_get(io, fd);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET};
    uint32_t generation;

    *out = NULL;
    if (d == NULL)
        return WEFT_ENOMEM;
    weft__lock(&d->lock);
    weft__fd_wait_evict(d, WEFT_EBADF);
    generation = A_ADD(&d->generation, 1, relaxed) + 1; /* relaxed: a stale event does no harm, it is only a waste */
    /* Before events can come. The tick goes on from the last owner's, so that no state ever recurs. */
    A_STORE(&d->state, next_life(d) | WEFT__OWNED | WEFT__REFERENCE | flags, release);
    weft__unlock(&d->lock);
    e.data.u64 = weft__descriptor_tag(fd, generation);
    A_STORE(&io->in_use, true, relaxed); /* relaxed: who misses it polls in the seat */
    if (weft__sys_epoll_ctl(io->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
        int rc = -errno;

        A_STORE(&d->state, next_life(d), release);
        return rc;
    }
    *out = d;
    return 0;
}

/* Wakes who waits for what `flags` say. Returns how many. */
static int wake(struct weft__descriptor *d, uint64_t flags)
{
    static const unsigned wanted[2] = {[WEFT__READ] = WEFT__CAN_READ, [WEFT__WRITE] = WEFT__CAN_WRITE};
    struct weft__descriptor_waiter taken[2] = {{NULL, 0}, {NULL, 0}};
    int woken = 0;

    weft__lock(&d->lock);
    for (int dir = 0; dir < 2; dir++)
        if (flags & (wanted[dir] | WEFT__CLOSING)) {
            taken[dir] = d->waiter[dir];
            d->waiter[dir].task = NULL;
        }
    weft__unlock(&d->lock);
    for (int dir = 0; dir < 2; dir++)
        if (taken[dir].task != NULL)
            woken += weft__unpark(taken[dir].task, taken[dir].ticket, WEFT__WON_EVENT);
    return woken;
}

int weft__descriptor_enter(struct weft__descriptor *d)
{
    uint64_t s = A_LOAD(&d->state, relaxed);

    do
        if ((s & (WEFT__OWNED | WEFT__CLOSING)) != WEFT__OWNED)
            return WEFT_ECLOSED;
    while (!A_CAS_WEAK(&d->state, &s, s + WEFT__REFERENCE, acquire, relaxed)); /* pairs with open */
    return 0;
}

/* The last reference is gone. */
static void finish(struct weft__descriptor *d)
{
    struct weft__io *io = d->io;

    /* Closing would deregister too, unless somebody has duplicated the descriptor. */
    (void)weft__sys_epoll_ctl(io->epoll, EPOLL_CTL_DEL, d->fd, NULL);
    A_STORE(&d->state, next_life(d), release);
    (void)close(d->fd); /* from here on the record may belong to another */
    weft__starved_feed(&io->starved);
}

void weft__descriptor_leave(struct weft__descriptor *d)
{
    uint64_t s = A_SUB(&d->state, WEFT__REFERENCE, acq_rel); /* the last one sees what the others did */

    if (((uint32_t)s >> 8) == 1)
        finish(d);
}

void weft__descriptor_close(struct weft__descriptor *d)
{
    uint64_t s = A_OR(&d->state, WEFT__CLOSING, seq_cst);

    if ((s & (WEFT__OWNED | WEFT__CLOSING)) != WEFT__OWNED)
        return;
    (void)wake(d, WEFT__CLOSING);
    weft__starved_feed(&d->io->starved); /* an acceptor may wait there */
    weft__descriptor_leave(d);
}

/* Readiness. */

void weft__descriptor_drained(struct weft__descriptor *d, uint64_t seen, unsigned flags)
{
    uint64_t s = A_LOAD(&d->state, relaxed);

    do
        if (s / WEFT__TICK != seen / WEFT__TICK)
            return;
    while (!A_CAS_WEAK(&d->state, &s, s & ~(uint64_t)flags, acq_rel, relaxed));
}

int weft__descriptor_wait(struct weft__descriptor *d, struct weft__task *t, enum weft__direction dir, unsigned flags)
{
    struct weft__descriptor_waiter *slot = &d->waiter[dir];
    bool wait = false;
    int rc;

    if ((rc = weft__park_prepare(t, WEFT__CANCELABLE)) < 0)
        return rc;
    weft__lock(&d->lock);
    if (slot->task != NULL) {
        rc = WEFT_EBUSY;
    } else if (!(A_LOAD(&d->state, relaxed) & (flags | WEFT__CLOSING))) { /* relaxed: the lock orders it, see wake() */
        slot->task = t;
        slot->ticket = weft__park_ticket(t);
        wait = true;
    }
    weft__unlock(&d->lock);
    if (!wait) {
        weft__park_abandon(t);
        return rc;
    }
    if (weft__park(t) == WEFT__WON_EVENT)
        return 0;
    weft__lock(&d->lock);
    if (slot->task == t)
        slot->task = NULL;
    weft__unlock(&d->lock);
    return WEFT_ECANCELED;
}

int weft__descriptor_dispatch(struct weft__descriptor *d, uint32_t generation, uint32_t events)
{
    uint64_t s = A_LOAD(&d->state, acquire), flags = 0;

    if (!(s & WEFT__OWNED))
        return weft__fd_wait_dispatch(d, generation, events);
    flags |= events & EPOLLIN ? WEFT__READY_READ : 0;
    flags |= events & EPOLLOUT ? WEFT__READY_WRITE : 0;
    flags |= events & EPOLLRDHUP ? WEFT__READY_RDHUP : 0;
    flags |= events & EPOLLHUP ? WEFT__READY_HUP : 0;
    flags |= events & EPOLLERR ? WEFT__READY_ERR : 0;
    flags |= events & EPOLLPRI ? WEFT__READY_URGENT : 0;
    /* The state was loaded before the generation: where the number has changed hands since, the swap fails. */
    do
        if (!(s & WEFT__OWNED) || A_LOAD(&d->generation, relaxed) != generation)
            return 0;
    while (!A_CAS_WEAK(&d->state, &s, (s | flags) + WEFT__TICK, acq_rel, acquire));
    return wake(d, flags);
}
