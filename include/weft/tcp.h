/* SPDX-License-Identifier: MIT */
/*
 * TCP: streams and listeners.
 *
 * A stream may be used by two tasks at once, one that reads and one that writes; a second reader (or writer) that
 * would have to wait gets WEFT_EBUSY. Any task may close it: whoever waits in it then gets WEFT_ECLOSED. The handle is
 * freed by the close, so the closer must know that no other task will use it again. Tasks of one runtime only.
 *
 * Addresses are numeric, with a port: "127.0.0.1:8080", "[::1]:8080", ":8080" (every address of this machine, IPv6
 * where there is IPv6); "localhost" stands for 127.0.0.1. Port 0 lets the system choose.
 */
#ifndef WEFT_TCP_H
#define WEFT_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_stream weft_stream;
typedef struct weft_listener weft_listener;

/* Room for any address as text, with port and brackets, and its final zero. */
#define WEFT_ADDRESS_MAX 64

typedef struct weft_listen_options {
    int backlog;     /* connections that may wait to be accepted; 0: the system's maximum */
    bool reuse_port; /* SO_REUSEPORT: several listeners share the port */
    uint64_t reserved[6];
} weft_listen_options;

/*
 * Listens on `address`; `options` may be NULL. SO_REUSEADDR is set, accepted streams have TCP_NODELAY. Stores the
 * listener, owned by the caller, in `*out`, or NULL after a failure:
 *   WEFT_EINVAL         `address` cannot be read
 *   WEFT_EADDRINUSE     the port is in use         WEFT_EADDRNOTAVAIL  not an address of this machine
 *   WEFT_EACCES         the port is privileged     WEFT_EMFILE, WEFT_ENFILE  no descriptors
 *   WEFT_ENOMEM, WEFT_ENOTASK, -errno of socket(2), bind(2), listen(2)
 * Does not suspend; task only.
 */
WEFT_API WEFT_CHECK int weft_tcp_listen(weft_listener **out, const char *address, const weft_listen_options *options)
    WEFT_NONNULL(1, 2);

/*
 * Waits for a connection and stores its stream, owned by the caller, in `*out`. Where the process or the system is
 * out of descriptors or buffers it waits until weft closes a descriptor, or 100 ms, and tries again: a server gets through a flood
 * without spinning. Connections that the peer dropped meanwhile are passed over. Several tasks may accept in turn, one at a
 * time (WEFT_EBUSY). Returns 0, or WEFT_ECANCELED, WEFT_ECLOSED, WEFT_EBUSY, WEFT_ENOMEM, WEFT_ENOTASK. Suspends.
 */
WEFT_API WEFT_CHECK int weft_accept(weft_listener *l, weft_stream **out) WEFT_NONNULL(1, 2);

/* The address that the listener is bound to, as text, for instance "127.0.0.1:43123". Returns 0, or WEFT_EINVAL where
 * `size` is too small (WEFT_ADDRESS_MAX is enough), or WEFT_ECLOSED. Does not suspend. */
WEFT_API int weft_listener_address(weft_listener *l, char *text, size_t size) WEFT_NONNULL(1, 2);

/* Closes the listener and frees it; a task that waits in weft_accept() gets WEFT_ECLOSED. Takes NULL. Does not suspend. */
WEFT_API void weft_listener_close(weft_listener *l);

/*
 * Connects to `address` and stores the stream, owned by the caller, in `*out`, or NULL after a failure:
 *   WEFT_EINVAL        `address` cannot be read     WEFT_ECONNREFUSED  nobody listens there
 *   WEFT_EMFILE, WEFT_ENFILE, WEFT_ENOMEM, WEFT_ECANCELED, WEFT_ENOTASK, -errno of connect(2)
 * TCP_NODELAY is set. Suspends; task only.
 */
WEFT_API WEFT_CHECK int weft_tcp_connect(weft_stream **out, const char *address) WEFT_NONNULL(1, 2);

/* Reads what is there, at least one byte unless the peer has ended, at most `size`. Returns the number of bytes, 0 at
 * the peer's end (or when `size` is 0), or WEFT_ECONNRESET, WEFT_EBUSY, WEFT_ECLOSED, WEFT_ECANCELED, WEFT_ENOTASK,
 * -errno of recv(2). Suspends. */
WEFT_API WEFT_CHECK ssize_t weft_read(weft_stream *s, void *buffer, size_t size) WEFT_NONNULL(1);

/* Writes at least one byte (unless `size` is 0) and at most `size`. Returns the number written, or WEFT_EPIPE and
 * WEFT_ECONNRESET (the peer has gone), WEFT_EBUSY, WEFT_ECLOSED, WEFT_ECANCELED, WEFT_ENOTASK, -errno of send(2).
 * Suspends. */
WEFT_API WEFT_CHECK ssize_t weft_write(weft_stream *s, const void *data, size_t size) WEFT_NONNULL(1);

/* Writes all of `data`. Returns `size`, or a code as weft_write(): then a part may have been written. Suspends. */
WEFT_API WEFT_CHECK ssize_t weft_write_all(weft_stream *s, const void *data, size_t size) WEFT_NONNULL(1);

/* The same, and stores the number of bytes written in `*done`, whatever it returns. */
WEFT_API WEFT_CHECK ssize_t weft_write_all_counted(weft_stream *s, const void *data, size_t size, size_t *done)
    WEFT_NONNULL(1, 4);

/* Says that no more will be written: the peer reads to the end of what was sent, then 0. Reading goes on. Returns 0,
 * WEFT_ECLOSED or -errno of shutdown(2). Does not suspend. */
WEFT_API int weft_shutdown(weft_stream *s) WEFT_NONNULL(1);

/* Closes the stream and frees it. A task that waits in it gets WEFT_ECLOSED. Takes NULL. Does not suspend. */
WEFT_API void weft_stream_close(weft_stream *s);

/* Turns Nagle's algorithm off (true, as it is at first) or on. Returns 0, WEFT_ECLOSED or -errno. Does not suspend. */
WEFT_API int weft_stream_nodelay(weft_stream *s, bool on) WEFT_NONNULL(1);

/* Turns TCP's keep-alive probes on, the first after `idle_s` seconds (0: the system's), or off. As above. */
WEFT_API int weft_stream_keepalive(weft_stream *s, bool on, unsigned idle_s) WEFT_NONNULL(1);

/* Makes the close drop what is unsent and reset the connection. As above. */
WEFT_API int weft_stream_reset_on_close(weft_stream *s, bool on) WEFT_NONNULL(1);

/* The addresses of the two ends as text, as weft_listener_address(). */
WEFT_API int weft_stream_local_address(weft_stream *s, char *text, size_t size) WEFT_NONNULL(1, 2);
WEFT_API int weft_stream_peer_address(weft_stream *s, char *text, size_t size) WEFT_NONNULL(1, 2);

/* The descriptor, still owned by the stream: for setsockopt(2) and the like. Callable anywhere. */
WEFT_API int weft_stream_fd(const weft_stream *s) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
