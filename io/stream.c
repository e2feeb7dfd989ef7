/* SPDX-License-Identifier: MIT */
/* Reading and writing. */
#define _GNU_SOURCE
#include "io/stream.h"

#include <weft/error.h>

#include "io/io.h"
#include "io/sys.h"
#include "sched/park.h"

/* The check on entry of a call that may suspend, and a reference: 0 or a code. Stores the calling task. */
static int enter(struct weft__descriptor *d, struct weft__task **t)
{
    int rc = weft__enter(t);

    return rc < 0 ? rc : weft__descriptor_enter(d);
}

static bool would_block(ssize_t rc)
{
    return rc == -EAGAIN || rc == -EWOULDBLOCK;
}

static ssize_t read_some(struct weft__descriptor *d, struct weft__task *t, void *buffer, size_t size)
{
    for (;;) {
        uint64_t seen = A_LOAD(&d->state, acquire); /* pairs with dispatch */
        int rc;

        if (seen & WEFT__CLOSING)
            return WEFT_ECLOSED;
        if (seen & WEFT__CAN_READ) {
            ssize_t n = weft__sys_recv(d->fd, buffer, size);

            if (n >= 0) {
                /* Less than asked for means that the socket is drained: the next call need not ask. Not so at the end of the
                 * stream, after an error, and at the mark of urgent data. */
                if (n > 0 && (size_t)n < size && (seen & (WEFT__CAN_READ | WEFT__READY_URGENT)) == WEFT__READY_READ)
                    weft__descriptor_drained(d, seen, WEFT__READY_READ);
                return n;
            }
            if (would_block(n))
                weft__descriptor_drained(d, seen, WEFT__CAN_READ | WEFT__READY_URGENT);
            else if (n != -EINTR)
                return n;
            continue;
        }
        if ((rc = weft__descriptor_wait(d, t, WEFT__READ, WEFT__CAN_READ)) < 0)
            return rc;
    }
}

static ssize_t write_some(struct weft__descriptor *d, struct weft__task *t, const void *data, size_t size)
{
    for (;;) {
        uint64_t seen = A_LOAD(&d->state, acquire); /* pairs with dispatch */
        int rc;

        if (seen & WEFT__CLOSING)
            return WEFT_ECLOSED;
        if (seen & WEFT__CAN_WRITE) {
            ssize_t n = weft__sys_send(d->fd, data, size);

            if (n >= 0)
                return n;
            if (would_block(n))
                weft__descriptor_drained(d, seen, WEFT__CAN_WRITE);
            else if (n != -EINTR)
                return n;
            continue;
        }
        if ((rc = weft__descriptor_wait(d, t, WEFT__WRITE, WEFT__CAN_WRITE)) < 0)
            return rc;
    }
}

ssize_t weft_read(weft_stream *s, void *buffer, size_t size)
{
    struct weft__task *t;
    ssize_t n = enter(&s->d, &t);

    if (n < 0)
        return n;
    n = size > 0 ? read_some(&s->d, t, buffer, size) : 0;
    weft__descriptor_leave(&s->d);
    return n;
}

ssize_t weft_write(weft_stream *s, const void *data, size_t size)
{
    struct weft__task *t;
    ssize_t n = enter(&s->d, &t);

    if (n < 0)
        return n;
    n = size > 0 ? write_some(&s->d, t, data, size) : 0;
    weft__descriptor_leave(&s->d);
    return n;
}

ssize_t weft_write_all_counted(weft_stream *s, const void *data, size_t size, size_t *done)
{
    struct weft__task *t;
    ssize_t n = enter(&s->d, &t);

    *done = 0;
    if (n < 0)
        return n;
    while (*done < size) {
        n = write_some(&s->d, t, (const char *)data + *done, size - *done);
        if (n < 0)
            break;
        *done += (size_t)n;
    }
    weft__descriptor_leave(&s->d);
    return n < 0 ? n : (ssize_t)size;
}

ssize_t weft_write_all(weft_stream *s, const void *data, size_t size)
{
    size_t done;

    return weft_write_all_counted(s, data, size, &done);
}

int weft_shutdown(weft_stream *s)
{
    int rc = weft__descriptor_enter(&s->d);

    if (rc < 0)
        return rc;
    if (shutdown(s->d.fd, SHUT_WR) < 0)
        rc = -errno;
    weft__descriptor_leave(&s->d);
    return rc;
}

void weft_stream_close(weft_stream *s)
{
    if (s != NULL)
        weft__descriptor_close(&s->d);
}

int weft_stream_fd(const weft_stream *s)
{
    return s->d.fd;
}
