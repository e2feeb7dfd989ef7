/* SPDX-License-Identifier: MIT */
/* The requests of one HTTP/1.1 connection, in turn. llhttp parses them; keep-alive, pipelining, HEAD, bodies (which
 * are skipped) and bad requests are dealt with here, so that a server is a loop of request_read and request_reply. */
#ifndef EXAMPLES_HTTP_REQUEST_H
#define EXAMPLES_HTTP_REQUEST_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <weft.h>

struct request {
    weft_stream *stream;
    llhttp_t parser;
    const char *next; /* what was read and not yet parsed: next to end, in bytes[] */
    const char *end;
    size_t head_size; /* of the URL and headers so far */
    bool keep_alive;  /* another request may follow this one */
    bool head_only;   /* this one is a HEAD */
    char bytes[4096];
};

/* Takes over the stream. */
void request_open(struct request *r, weft_stream *stream);

/* Waits for the next whole request. Returns 1, or 0 when there will be none (a bad request has been answered with its
 * 4xx), or a negative code of weft_read(). */
int request_read(struct request *r);

/* Answers the request with a text. Returns 0, or a negative code of weft_write_all(); then request_read() returns 0. */
int request_reply(struct request *r, const char *status, const char *body);

/* Ends the connection so that the last answer arrives, and closes the stream. */
void request_close(struct request *r);

#endif
