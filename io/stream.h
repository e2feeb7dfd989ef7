/* SPDX-License-Identifier: MIT */
/* A stream's or listener's handle is its descriptor's record: no allocation a connection, and a closed handle is known. */
#ifndef WEFT_IO_STREAM_H
#define WEFT_IO_STREAM_H

#include <weft/tcp.h>

#include "io/descriptor.h"

struct weft_stream {
    struct weft__descriptor d;
};

struct weft_listener {
    struct weft__descriptor d;
};

#endif
