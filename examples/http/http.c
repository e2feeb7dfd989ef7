/* SPDX-License-Identifier: MIT */
/* A web server on every core: one task a connection, straight-line code. Ctrl-C cancels the tasks and ends it. */
#include <stdio.h>
#include <weft.h>

#include "request.h"

static int serve(void *stream)
{
    struct request r;

    request_open(&r, stream);
    while (request_read(&r) > 0)
        request_reply(&r, "200 OK", "Hello, world!");
    request_close(&r);
    return 0; /* One peer's failure is no reason to cancel the others. */
}

static int app(void *address)
{
    weft_listener *l;
    weft_stream *s;
    char text[WEFT_ADDRESS_MAX];
    int rc = weft_tcp_listen(&l, address, NULL);

    if (rc < 0)
        return rc;
    weft_listener_address(l, text, sizeof text);
    printf("http://%s/ on %u workers\n", text, weft_runtime_workers(weft_runtime_current()));
    fflush(stdout);

    weft_group *g = weft_group_open(NULL);
    while ((rc = weft_accept(l, &s)) == 0)
        if (weft_spawn(g, serve, s) < 0)
            weft_stream_close(s);
    weft_group_fail(g, rc);
    rc = weft_group_wait(g);
    weft_group_close(g);
    weft_listener_close(l);
    return rc;
}

int main(int argc, char **argv)
{
    return weft_main(app, argc > 1 ? argv[1] : "127.0.0.1:8080");
}
