/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * The driver thread: one libuv loop, and on it the monitor's tick (sched/monitor.c). Other threads reach it by uv_async_send
 * alone, which may also be called in a signal handler.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <weft/error.h>

#include "io/io.h"
#include "sched/runtime.h"

static void on_tick(uv_timer_t *timer)
{
    struct weft__io *io = timer->data;
    int ms = weft__monitor_tick(io->rt);

    if (ms >= 0)
        (void)uv_timer_start(timer, on_tick, (uint64_t)ms, 0);
}

static void on_wake(uv_async_t *wake)
{
    struct weft__io *io = wake->data;

    if (A_LOAD(&io->driver.stop, acquire)) {
        uv_close((uv_handle_t *)&io->driver.wake, NULL);
        uv_close((uv_handle_t *)&io->driver.tick, NULL);
        return;
    }
    weft__monitor_wake(io->rt);
    if (!uv_is_active((uv_handle_t *)&io->driver.tick))
        (void)uv_timer_start(&io->driver.tick, on_tick, 1, 0);
}

static void *driver_main(void *arg)
{
    struct weft__io *io = arg;

    (void)uv_run(&io->driver.loop, UV_RUN_DEFAULT); /* ends when on_wake() has closed the handles */
    return NULL;
}

/* The first loop of a process opens an epoll set and then a pipe for signals, and libuv aborts where there is no pipe to be
 * had: so see first whether there are three descriptors left. */
static int try_descriptors(void)
{
    int fd[3], rc = 0;

    if (weft__fault(WEFT__SEAM_DRIVER))
        return WEFT_EMFILE;
    if (pipe2(fd, O_CLOEXEC) < 0)
        return -errno;
    fd[2] = fcntl(fd[0], F_DUPFD_CLOEXEC, 0);
    if (fd[2] < 0)
        rc = -errno;
    else
        (void)close(fd[2]);
    (void)close(fd[0]);
    (void)close(fd[1]);
    return rc;
}

int weft__driver_open(struct weft__io *io)
{
    struct weft__driver *d = &io->driver;
    int rc;

    if ((rc = try_descriptors()) < 0)
        return rc;
    if ((rc = uv_loop_init(&d->loop)) < 0)
        return rc;
    if ((rc = uv_async_init(&d->loop, &d->wake, on_wake)) < 0)
        goto no_async;
    (void)uv_timer_init(&d->loop, &d->tick);
    d->wake.data = d->tick.data = io;
    (void)uv_timer_start(&d->tick, on_tick, 1, 0);
    if ((rc = weft__thread_start(&d->thread, driver_main, io, "weft-driver", 0)) == 0)
        return 0;
    uv_close((uv_handle_t *)&d->wake, NULL);
    uv_close((uv_handle_t *)&d->tick, NULL);
    (void)uv_run(&d->loop, UV_RUN_DEFAULT);
no_async:
    (void)uv_loop_close(&d->loop);
    return rc;
}

void weft__driver_close(struct weft__io *io)
{
    A_STORE(&io->driver.stop, true, release); /* pairs with the acquire in on_wake() */
    (void)uv_async_send(&io->driver.wake);
    (void)pthread_join(io->driver.thread, NULL);
    (void)uv_loop_close(&io->driver.loop);
}

void weft__driver_wake(struct weft__io *io)
{
    (void)uv_async_send(&io->driver.wake);
}
