/* SPDX-License-Identifier: MIT */
/* Addresses as text: see weft/tcp.h. */
#ifndef WEFT_IO_ADDRESS_H
#define WEFT_IO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct weft__address {
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
    } addr;
    socklen_t size;
    bool wildcard; /* no host was given */
};

/* 0 or WEFT_EINVAL. */
int weft__address_parse(struct weft__address *a, const char *text);

/* "host:port": 0, or WEFT_EINVAL where it does not fit. */
int weft__address_format(const struct sockaddr *a, char *text, size_t size);

/* Turns the wildcard into the one of IPv4. */
void weft__address_use_ipv4(struct weft__address *a);

#endif
