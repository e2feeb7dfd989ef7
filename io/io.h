/* SPDX-License-Identifier: MIT */
/*
 * The I/O half of a runtime: the poller, an epoll set that idle workers sleep in, and the driver, a thread with a libuv
 * loop. Sockets never pass through the driver: the worker that runs the task reads and writes.
 */
#ifndef WEFT_IO_IO_H
#define WEFT_IO_IO_H

#include <sys/epoll.h>
#include <uv.h>

#include "io/descriptor.h"
#include "io/starved.h"
#include "sched/io_ops.h"
#include "sched/lock.h"

enum { WEFT__EVENTS = 128 };

struct weft__driver {
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t tick;
    pthread_t thread;
    _Atomic bool stop;
};

struct weft__io {
    weft_runtime *rt;

    /* poller.c */
    int epoll;
    int event;           /* eventfd, edge-triggered and never read: a write ends one wait */
    _Atomic bool in_use; /* a descriptor was registered once; until then polling without waiting is pointless */
    struct epoll_event (*events)[WEFT__EVENTS]; /* a buffer for each worker: not on the stack, which may be a task's */

    struct weft__descriptors descriptors;
    struct weft__starved starved;
    struct weft__driver driver;
};

int weft__poller_open(struct weft__io *io);
void weft__poller_close(struct weft__io *io);
int weft__poller_poll(struct weft__io *io, weft_time deadline);
void weft__poller_wake(struct weft__io *io);

int weft__driver_open(struct weft__io *io);
void weft__driver_close(struct weft__io *io);
void weft__driver_wake(struct weft__io *io);

/* The calling task's; NULL outside of a task. */
struct weft__io *weft__io_self(void);

#endif
