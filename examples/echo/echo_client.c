/* SPDX-License-Identifier: MIT */
/* The other end: sends a text, ends its side, and reads back what comes until the server ends too. */
#include <stdio.h>
#include <string.h>
#include <weft.h>

static int app(void *arg)
{
    char **words = arg; /* the address, then what to say */
    char bytes[4096];
    weft_stream *s;
    ssize_t n = weft_tcp_connect(&s, words[0]);

    if (n < 0)
        return (int)n;
    printf("Send: %s\n", words[1]);
    n = weft_write_all(s, words[1], strlen(words[1]));
    weft_shutdown(s);
    if (n >= 0) {
        printf("Received: ");
        while ((n = weft_read(s, bytes, sizeof bytes)) > 0)
            fwrite(bytes, 1, (size_t)n, stdout);
        printf("\n");
    }
    weft_stream_close(s);
    return (int)n;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "usage: echo_client ADDRESS TEXT\n"), 2;
    return weft_main(app, argv + 1);
}
