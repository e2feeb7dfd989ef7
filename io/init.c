/* SPDX-License-Identifier: MIT */
/* Joins the halves: the scheduler, which knows no descriptors, and the poller and driver. */
#include <weft/error.h>
#include <weft/runtime.h>

#include "io/io.h"
#include "sched/runtime.h"

static void close_io(struct weft__io *io)
{
    weft__driver_close(io);
    weft__descriptors_close(io);
    weft__poller_close(io);
    weft__free(io);
}

static int open_io(weft_runtime *rt, struct weft__io **out)
{
    struct weft__io *io = weft__alloc(sizeof *io);
    int rc;

    if (io == NULL)
        return WEFT_ENOMEM;
    io->rt = rt;
    if ((rc = weft__poller_open(io)) < 0)
        goto no_poller;
    if ((rc = weft__descriptors_open(io)) < 0)
        goto no_descriptors;
    *out = io; /* before the driver's thread starts: it may look there */
    if ((rc = weft__driver_open(io)) < 0)
        goto no_driver;
    return 0;

no_driver:
    *out = NULL;
    weft__descriptors_close(io);
no_descriptors:
    weft__poller_close(io);
no_poller:
    weft__free(io);
    return rc;
}

static const struct weft__io_ops ops = {
    .open = open_io,
    .close = close_io,
    .poll = weft__poller_poll,
    .wake = weft__poller_wake,
    .wake_driver = weft__driver_wake,
};

struct weft__io *weft__io_self(void)
{
    struct weft__task *t = weft__task_self();

    return t != NULL ? t->rt->io : NULL;
}

int weft_runtime_create(weft_runtime **out, const weft_runtime_options *options)
{
    return weft__runtime_create(out, options, &ops);
}
