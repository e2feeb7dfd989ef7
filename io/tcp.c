/* SPDX-License-Identifier: MIT */
/* Making TCP streams: listen, accept, connect; and their options. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <weft/error.h>

#include "io/address.h"
#include "io/io.h"
#include "io/stream.h"
#include "io/sys.h"
#include "sched/options.h"
#include "sched/park.h"

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* Listening. */

/* A socket bound to `a` and listening: its descriptor or a code. */
static int listen_on(const struct weft__address *a, const weft_listen_options *o)
{
    int fd = weft__sys_socket(a->addr.any.sa_family, SOCK_STREAM), rc;

    if (fd < 0)
        return fd;
    if ((rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)) < 0)
        goto failed;
    if (o->reuse_port && (rc = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) < 0)
        goto failed;
    if (a->addr.any.sa_family == AF_INET6 && (rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !a->wildcard)) < 0)
        goto failed;
    /* Accepted sockets inherit it. */
    if ((rc = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1)) < 0)
        goto failed;
    if (bind(fd, &a->addr.any, a->size) < 0 || listen(fd, o->backlog > 0 ? o->backlog : SOMAXCONN) < 0) {
        rc = -errno;
        goto failed;
    }
    return fd;

failed:
    (void)close(fd);
    return rc;
}

int weft_tcp_listen(weft_listener **out, const char *address, const weft_listen_options *options)
{
    static const weft_listen_options defaults;
    struct weft__io *io = weft__io_self();
    struct weft__address a;
    struct weft__descriptor *d;
    int rc, fd;

    *out = NULL;
    if (options == NULL)
        options = &defaults;
    if (io == NULL)
        return WEFT_ENOTASK;
    if (options->backlog < 0 || !WEFT__RESERVED_ARE_ZERO(options))
        return WEFT_EINVAL;
    if ((rc = weft__address_parse(&a, address)) < 0)
        return rc;
    fd = listen_on(&a, options);
    if (a.wildcard && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)) { /* no IPv6 here */
        weft__address_use_ipv4(&a);
        fd = listen_on(&a, options);
    }
    if (fd < 0)
        return fd;
    /* "Ready" to begin with: the first accept asks the system. */
    if ((rc = weft__descriptor_open(io, fd, WEFT__READY_READ, &d)) < 0) {
        (void)close(fd);
        return rc;
    }
    *out = WEFT__CONTAINER(d, weft_listener, d);
    return 0;
}

void weft_listener_close(weft_listener *l)
{
    if (l != NULL)
        weft__descriptor_close(&l->d);
}

/* Accepting. */

/* The process, the system or the kernel's memory is out of something that will come back. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == ENOSPC;
}

/* Errors of the connection, not of the listener: accept(2) reports them early on Linux. */
static bool is_connections_own(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM: /* a firewall's word */
        return true;
    default:
        return false;
    }
}

/* A new connection as a stream: 0, or what accept or the registration said. */
static int accept_one(struct weft__descriptor *d, weft_stream **out)
{
    struct weft__descriptor *made;
    int fd = weft__sys_accept(d->fd), rc;

    if (fd < 0)
        return fd;
    /* A new connection can be written to, and its first bytes are mostly there. */
    if ((rc = weft__descriptor_open(d->io, fd, WEFT__READY_READ | WEFT__READY_WRITE, &made)) < 0) {
        (void)close(fd);
        return rc;
    }
    *out = WEFT__CONTAINER(made, weft_stream, d);
    return 0;
}

static int accept_some(struct weft__descriptor *d, struct weft__task *t, weft_stream **out)
{
    for (;;) {
        uint64_t seen = A_LOAD(&d->state, acquire); /* pairs with dispatch */
        int rc;

        if (seen & WEFT__CLOSING)
            return WEFT_ECLOSED;
        if (!(seen & WEFT__CAN_READ)) {
            if ((rc = weft__descriptor_wait(d, t, WEFT__READ, WEFT__CAN_READ)) < 0)
                return rc;
            continue;
        }
        rc = accept_one(d, out);
        if (rc == 0)
            return 0;
        if (rc == -EAGAIN || rc == -EWOULDBLOCK)
            weft__descriptor_drained(d, seen, WEFT__CAN_READ);
        else if (is_shortage(-rc)) {
            if ((rc = weft__starved_wait(&d->io->starved, t)) < 0)
                return rc;
        } else if (!is_connections_own(-rc))
            return rc;
    }
}

int weft_accept(weft_listener *l, weft_stream **out)
{
    struct weft__task *t;
    int rc = weft__enter(&t);

    *out = NULL;
    if (rc < 0 || (rc = weft__descriptor_enter(&l->d)) < 0)
        return rc;
    rc = accept_some(&l->d, t, out);
    weft__descriptor_leave(&l->d);
    return rc;
}

/* Connecting. */

/* Waits for the outcome of a connect that is under way. */
static int await_connect(struct weft__descriptor *d, struct weft__task *t)
{
    int error = 0, rc;
    socklen_t size = sizeof error;

    while (!(A_LOAD(&d->state, acquire) & WEFT__CAN_WRITE))
        if ((rc = weft__descriptor_wait(d, t, WEFT__WRITE, WEFT__CAN_WRITE)) < 0)
            return rc;
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return -error;
}

int weft_tcp_connect(weft_stream **out, const char *address)
{
    struct weft__worker *w = weft__worker_self();
    struct weft__task *t = w != NULL ? w->current : NULL;
    struct weft__address a;
    struct weft__descriptor *d;
    unsigned flags = WEFT__READY_WRITE;
    int fd, rc;

    *out = NULL;
    if (t == NULL)
        return WEFT_ENOTASK;
    if ((rc = weft__address_parse(&a, address)) < 0 || a.wildcard)
        return WEFT_EINVAL;
    if ((rc = weft__checkpoint(w, t)) < 0)
        return rc;
    if ((fd = weft__sys_socket(a.addr.any.sa_family, SOCK_STREAM)) < 0)
        return fd;
    if ((rc = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1)) < 0)
        goto failed;
    if (connect(fd, &a.addr.any, a.size) < 0) {
        /* After EINTR too the connect goes on. */
        if (errno != EINPROGRESS && errno != EINTR) {
            rc = -errno;
            goto failed;
        }
        flags = 0;
    }
    if ((rc = weft__descriptor_open(t->rt->io, fd, flags, &d)) < 0)
        goto failed;
    if (flags == 0 && (rc = await_connect(d, t)) < 0) {
        weft__descriptor_close(d);
        return rc;
    }
    *out = WEFT__CONTAINER(d, weft_stream, d);
    return 0;

failed:
    (void)close(fd);
    return rc;
}

/* Options and addresses. */

typedef int name_fn(int fd, struct sockaddr *a, socklen_t *size);

static int address_of(struct weft__descriptor *d, name_fn *name, char *text, size_t size)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    int rc = weft__descriptor_enter(d);

    if (rc < 0)
        return rc;
    if (name(d->fd, (struct sockaddr *)&a, &n) < 0)
        rc = -errno;
    else
        rc = weft__address_format((struct sockaddr *)&a, text, size);
    weft__descriptor_leave(d);
    return rc;
}

static int local_name(int fd, struct sockaddr *a, socklen_t *size)
{
    return getsockname(fd, a, size);
}

static int peer_name(int fd, struct sockaddr *a, socklen_t *size)
{
    return getpeername(fd, a, size);
}

int weft_listener_address(weft_listener *l, char *text, size_t size)
{
    return address_of(&l->d, local_name, text, size);
}

int weft_stream_local_address(weft_stream *s, char *text, size_t size)
{
    return address_of(&s->d, local_name, text, size);
}

int weft_stream_peer_address(weft_stream *s, char *text, size_t size)
{
    return address_of(&s->d, peer_name, text, size);
}

static int stream_option(weft_stream *s, int level, int name, int value)
{
    int rc = weft__descriptor_enter(&s->d);

    if (rc < 0)
        return rc;
    rc = set_option(s->d.fd, level, name, value);
    weft__descriptor_leave(&s->d);
    return rc;
}

int weft_stream_nodelay(weft_stream *s, bool on)
{
    return stream_option(s, IPPROTO_TCP, TCP_NODELAY, on);
}

int weft_stream_keepalive(weft_stream *s, bool on, unsigned idle_s)
{
    int rc = stream_option(s, SOL_SOCKET, SO_KEEPALIVE, on);

    if (rc == 0 && on && idle_s > 0)
        rc = stream_option(s, IPPROTO_TCP, TCP_KEEPIDLE, idle_s < 32767 ? (int)idle_s : 32767);
    return rc;
}

int weft_stream_reset_on_close(weft_stream *s, bool on)
{
    struct linger l = {.l_onoff = on, .l_linger = 0};
    int rc = weft__descriptor_enter(&s->d);

    if (rc < 0)
        return rc;
    if (setsockopt(s->d.fd, SOL_SOCKET, SO_LINGER, &l, sizeof l) < 0)
        rc = -errno;
    weft__descriptor_leave(&s->d);
    return rc;
}
