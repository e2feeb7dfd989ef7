/* SPDX-License-Identifier: MIT */
#include "io/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <weft/error.h>
#include <weft/tcp.h>

enum { LONGEST_IP6 = 39 }; /* eight groups of four digits */

/* A decimal number up to 65535 and nothing else; -1 otherwise. */
static int parse_port(const char *text)
{
    int port = 0;

    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || (port = port * 10 + (*text - '0')) > 65535)
            return -1;
    }
    return port;
}

int weft__address_parse(struct weft__address *a, const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[WEFT_ADDRESS_MAX];
    size_t n;
    int port;

    memset(a, 0, sizeof *a);
    if (colon == NULL || (port = parse_port(colon + 1)) < 0)
        return WEFT_EINVAL;
    n = (size_t)(colon - text);
    if (n >= sizeof host)
        return WEFT_EINVAL;
    memcpy(host, text, n);
    host[n] = '\0';
    if (n == 0) {
        a->wildcard = true;
        a->size = sizeof(struct sockaddr_in6);
        return uv_ip6_addr("::", port, (struct sockaddr_in6 *)&a->addr.storage) < 0 ? WEFT_EINVAL : 0;
    }
    if (host[0] == '[' && host[n - 1] == ']') {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->addr.storage;
        const char *zone;

        host[n - 1] = '\0';
        a->size = sizeof *in6;
        if (uv_ip6_addr(host + 1, port, in6) < 0)
            return WEFT_EINVAL;
        /* libuv takes a zone that does not exist for none, and cuts what is too long before a zone. */
        zone = strchr(host, '%');
        if (zone != NULL && (in6->sin6_scope_id == 0 || zone - host > LONGEST_IP6))
            return WEFT_EINVAL;
        return 0;
    }
    a->size = sizeof(struct sockaddr_in);
    return uv_ip4_addr(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port,
                       (struct sockaddr_in *)&a->addr.storage) < 0
               ? WEFT_EINVAL
               : 0;
}

void weft__address_use_ipv4(struct weft__address *a)
{
    in_port_t port = ((struct sockaddr_in6 *)&a->addr.storage)->sin6_port;
    struct sockaddr_in *in = (struct sockaddr_in *)&a->addr.storage;

    memset(&a->addr, 0, sizeof a->addr);
    in->sin_family = AF_INET;
    in->sin_port = port;
    a->size = sizeof *in;
}

int weft__address_format(const struct sockaddr *a, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    int n;

    if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)a;

        if (uv_ip6_name(in6, host, sizeof host) < 0)
            return WEFT_EINVAL;
        n = snprintf(text, size, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else if (a->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)a;

        if (uv_ip4_name(in, host, sizeof host) < 0)
            return WEFT_EINVAL;
        n = snprintf(text, size, "%s:%u", host, ntohs(in->sin_port));
    } else {
        return WEFT_EINVAL;
    }
    return n < 0 || (size_t)n >= size ? WEFT_EINVAL : 0;
}
