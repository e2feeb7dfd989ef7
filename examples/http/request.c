/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <stdio.h>
#include <string.h>

enum { HEAD_MAX = 16384, LINGER_MS = 1000 };

static int on_begin(llhttp_t *p)
{
    struct request *r = p->data;

    r->head_size = 0;
    r->head_only = false;
    return HPE_OK;
}

/* llhttp keeps nothing and so limits nothing: without a limit of ours a peer could send headers for ever. */
static int on_head(llhttp_t *p, const char *at, size_t size)
{
    struct request *r = p->data;

    (void)at;
    r->head_size += size;
    return r->head_size > HEAD_MAX ? HPE_USER : HPE_OK;
}

/* The pause hands each request of a pipeline to the caller before the next is parsed. */
static int on_complete(llhttp_t *p)
{
    struct request *r = p->data;

    if (p->http_major != 1)
        return HPE_INVALID_VERSION;
    if (p->method == HTTP_CONNECT)
        return HPE_INVALID_METHOD;
    r->head_only = p->method == HTTP_HEAD;
    r->keep_alive = llhttp_should_keep_alive(p) && !p->upgrade;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_begin,
    .on_url = on_head,
    .on_header_field = on_head,
    .on_header_value = on_head,
    .on_message_complete = on_complete,
};

void request_open(struct request *r, weft_stream *stream)
{
    r->stream = stream;
    r->next = r->end = r->bytes;
    r->head_size = 0;
    r->keep_alive = true;
    r->head_only = false;
    llhttp_init(&r->parser, HTTP_REQUEST, &settings);
    r->parser.data = r;
}

int request_read(struct request *r)
{
    while (r->keep_alive) {
        if (r->next == r->end) {
            ssize_t n = weft_read(r->stream, r->bytes, sizeof r->bytes);
            if (n <= 0)
                return (int)n;
            r->next = r->bytes;
            r->end = r->bytes + n;
        }
        llhttp_errno_t e = llhttp_execute(&r->parser, r->next, (size_t)(r->end - r->next));
        r->next = e == HPE_OK ? r->end : llhttp_get_error_pos(&r->parser);
        if (e == HPE_PAUSED) {
            llhttp_resume(&r->parser);
            return 1;
        }
        if (e != HPE_OK) {
            r->keep_alive = false;
            if (e == HPE_USER)
                request_reply(r, "431 Request Header Fields Too Large", "Too large\n");
            else
                request_reply(r, "400 Bad Request", "Bad request\n");
        }
    }
    return 0;
}

int request_reply(struct request *r, const char *status, const char *body)
{
    char text[512];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: %s\r\n\r\n%s",
                     status, strlen(body), r->keep_alive ? "keep-alive" : "close", r->head_only ? "" : body);
    ssize_t rc = n < (int)sizeof text ? weft_write_all(r->stream, text, (size_t)n) : WEFT_EINVAL;

    if (rc < 0)
        r->keep_alive = false;
    return rc < 0 ? (int)rc : 0;
}

/* A close with unread bytes resets the connection, and the reset may overtake our last answer: so the peer may finish
 * first, for a moment. */
void request_close(struct request *r)
{
    weft_scope *linger = weft_scope_open(weft_after_ms(LINGER_MS));
    ssize_t n = weft_shutdown(r->stream);

    if (n == 0)
        while ((n = weft_read(r->stream, r->bytes, sizeof r->bytes)) > 0)
            ;
    weft_scope_close(linger, n);
    weft_stream_close(r->stream);
}
