/* SPDX-License-Identifier: MIT */
#include "tests/model/io.h"

#include "sched/runtime.h"
#include "tests/model/explorer.h"

static int io_open(weft_runtime *rt, struct weft__io **out)
{
    struct weft__io *io = weft__alloc_aligned(sizeof *io);

    io->rt = rt;
    io->events = weft__alloc(rt->workers_count * sizeof io->events[0]);
    A_STORE(&io->in_use, true, relaxed);
    *out = io;
    return 0;
}

static void io_close(struct weft__io *io)
{
    weft__free(io->events);
    weft__free(io);
}

static void io_wake_driver(struct weft__io *io)
{
    (void)io;
}

const struct weft__io_ops model_io_ops = {io_open, io_close, weft__poller_poll, weft__poller_wake, io_wake_driver};

weft_runtime *model_runtime(unsigned workers)
{
    weft_runtime *rt = NULL;

    MODEL_CHECK(weft__runtime_create(&rt, &(weft_runtime_options){.workers = workers, .no_fault_handler = true},
                                     &model_io_ops) == 0);
    return rt;
}

/* No descriptor is watched but where a model has its own of these: nothing but the workers' own eventfd ever happens. */

__attribute__((weak)) struct weft__descriptor *weft__descriptor_find(struct weft__io *io, int fd)
{
    (void)io;
    (void)fd;
    return NULL;
}

__attribute__((weak)) int weft__descriptor_dispatch(struct weft__descriptor *d, uint32_t generation, uint32_t events)
{
    (void)d;
    (void)generation;
    (void)events;
    return 0;
}
