/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/error.h>

#include "io/io.h"
#include "io/sys.h"
#include "sched/runtime.h"

int weft__poller_open(struct weft__io *io)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = UINT64_MAX};
    int rc;

    io->events = weft__alloc(io->rt->workers_count * sizeof io->events[0]);
    if (io->events == NULL)
        return WEFT_ENOMEM;
    if ((io->epoll = weft__sys_epoll_create()) < 0) {
        rc = -errno;
        goto no_epoll;
    }
    if ((io->event = weft__sys_eventfd()) < 0) {
        rc = -errno;
        goto no_event;
    }
    if (weft__sys_epoll_ctl(io->epoll, EPOLL_CTL_ADD, io->event, &e) < 0) {
        rc = -errno;
        goto no_add;
    }
    return 0;

no_add:
    (void)close(io->event);
no_event:
    (void)close(io->epoll);
no_epoll:
    weft__free(io->events);
    io->events = NULL;
    return rc;
}

void weft__poller_close(struct weft__io *io)
{
    (void)close(io->event);
    (void)close(io->epoll);
    weft__free(io->events);
}

/* Waits in the set until `deadline`. epoll_pwait2 knows nanoseconds; where it is missing (before Linux 5.11, under valgrind
 * and qemu) milliseconds are rounded up. */
static int wait_for_events(struct weft__io *io, struct epoll_event *events, weft_time deadline)
{
    static _Atomic bool no_pwait2;
    int64_t left;

    if (deadline == WEFT_NEVER)
        return epoll_wait(io->epoll, events, WEFT__EVENTS, -1);
    left = deadline - weft__clock();
    if (left <= 0)
        return epoll_wait(io->epoll, events, WEFT__EVENTS, 0);
#ifdef SYS_epoll_pwait2
    if (!A_LOAD(&no_pwait2, relaxed)) { /* relaxed: who misses it asks again */
        struct timespec ts = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        long n = syscall(SYS_epoll_pwait2, io->epoll, events, WEFT__EVENTS, &ts, NULL, (size_t)0);

        if (n >= 0 || errno != ENOSYS)
            return (int)n;
        A_STORE(&no_pwait2, true, relaxed);
    }
#endif
    left = left / 1000000 + (left % 1000000 != 0);
    return epoll_wait(io->epoll, events, WEFT__EVENTS, left > 3600 * 1000 ? 3600 * 1000 : (int)left);
}

int weft__poller_poll(struct weft__io *io, weft_time deadline)
{
    struct epoll_event *events = io->events[weft__worker_self()->index];
    int n, woken = 0;

    if (deadline == 0) {
        /* relaxed: who misses it polls in the seat. While a wake is on its way to the holder of the seat, it is the holder's
         * to poll: its wake would be caught here. */
        if (!A_LOAD(&io->in_use, relaxed) || weft__idle_seat_is_waking(&io->rt->idle))
            return 0;
        n = epoll_wait(io->epoll, events, WEFT__EVENTS, 0);
    } else {
        n = wait_for_events(io, events, deadline);
    }
    for (int i = 0; i < n; i++) {
        uint64_t tag = events[i].data.u64;
        struct weft__descriptor *d;

        if (tag == UINT64_MAX) {
            if (deadline == 0 && weft__idle_seat_is_waking(&io->rt->idle))
                weft__poller_wake(io); /* it was meant for the worker that sleeps here */
            continue;
        }
        d = weft__descriptor_find(io, (int)(uint32_t)tag);
        if (d != NULL)
            woken += weft__descriptor_dispatch(d, (uint32_t)(tag >> 32), events[i].events);
    }
    return woken;
}

void weft__poller_wake(struct weft__io *io)
{
    uint64_t one = 1;

    /* Fails only when the counter is full, which takes longer than any machine lives. */
    if (write(io->event, &one, sizeof one) < 0)
        return;
}
