/* SPDX-License-Identifier: MIT */
/* An echo server on every core: one task a connection. Ctrl-C cancels them all and ends it. */
#include <stdio.h>
#include <weft.h>

static int echo(void *arg)
{
    weft_stream *s = arg;
    char bytes[4096];
    ssize_t n;

    while ((n = weft_read(s, bytes, sizeof bytes)) > 0)
        if (weft_write_all(s, bytes, (size_t)n) < 0)
            break;
    weft_stream_close(s);
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
    printf("listening on %s\n", text);
    fflush(stdout);

    weft_group *g = weft_group_open(NULL);
    while ((rc = weft_accept(l, &s)) == 0)
        if (weft_spawn(g, echo, s) < 0)
            weft_stream_close(s);
    weft_group_fail(g, rc);
    rc = weft_group_wait(g);
    weft_group_close(g);
    weft_listener_close(l);
    return rc;
}

int main(int argc, char **argv)
{
    return weft_main(app, argc > 1 ? argv[1] : "127.0.0.1:7777");
}
