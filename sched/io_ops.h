/* SPDX-License-Identifier: MIT */
/*
 * What sched/ needs from the part that watches descriptors, which lies above it: io/ fills this in and hands it to
 * weft__runtime_create().
 */
#ifndef WEFT_SCHED_IO_OPS_H
#define WEFT_SCHED_IO_OPS_H

#include <weft/runtime.h>
#include <weft/time.h>

struct weft__io;

struct weft__io_ops {
    /* Opens the set of descriptors and starts the driver thread. 0 or a code, and then nothing is left behind. */
    int (*open)(weft_runtime *rt, struct weft__io **io);

    /* Stops the driver and frees all. No worker is left. */
    void (*close)(struct weft__io *io);

    /* Waits for events until `deadline` (0: does not wait) and makes their tasks ready on the calling worker. Returns
     * the number of tasks. weft__io_ops.wake ends a wait, also one that begins after it. */
    int (*poll)(struct weft__io *io, weft_time deadline);
    void (*wake)(struct weft__io *io);

    /* Makes the driver thread call weft__monitor_wake(). Safe in a signal handler. */
    void (*wake_driver)(struct weft__io *io);
};

#endif
