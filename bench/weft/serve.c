/* SPDX-License-Identifier: MIT */
/* http and echo: one task a connection, no parser, so that only the runtime is compared. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* The body is 13 bytes; all peers write these very bytes. */
static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Content-Type: text/plain\r\n"
                             "Content-Length: 13\r\n"
                             "\r\n"
                             "Hello, world!";

#define BUFFER_SIZE 4096

/* A connection that breaks ends alone: the group would be cancelled by a code. */
static int answer_all(void *p)
{
    weft_stream *s = p;
    char buffer[BUFFER_SIZE];
    while (weft_read(s, buffer, sizeof buffer) > 0)
        if (weft_write_all(s, answer, sizeof answer - 1) < 0)
            break;
    weft_stream_close(s);
    return 0;
}

static int echo_all(void *p)
{
    weft_stream *s = p;
    char buffer[BUFFER_SIZE];
    ssize_t n;
    while ((n = weft_read(s, buffer, sizeof buffer)) > 0)
        if (weft_write_all(s, buffer, (size_t)n) < 0)
            break;
    weft_stream_close(s);
    return 0;
}

static int serve(uint64_t port, weft_fn connection)
{
    char address[WEFT_ADDRESS_MAX];
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    weft_listener *l;
    int rc = weft_tcp_listen(&l, address, NULL);
    if (rc < 0)
        return rc;
    bench_check(weft_listener_address(l, address, sizeof address), "address");
    printf("listening %s\n", address);
    fflush(stdout);

    weft_group *g = weft_group_open(NULL);
    weft_stream *s;
    while ((rc = weft_accept(l, &s)) == 0)
        if (weft_spawn(g, connection, s) < 0)
            weft_stream_close(s);
    weft_group_close(g);
    weft_listener_close(l);
    return rc;
}

int bench_http(uint64_t port)
{
    return serve(port, answer_all);
}

int bench_echo(uint64_t port)
{
    return serve(port, echo_all);
}
