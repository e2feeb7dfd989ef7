/* SPDX-License-Identifier: MIT */
/* The part of a model's runtimes that watches descriptors: the real poller over the model's epoll set. No driver thread: nobody ticks
 * while somebody runs, so that no tick makes up for a wake-up that was lost. */
#ifndef WEFT_TESTS_MODEL_IO_H
#define WEFT_TESTS_MODEL_IO_H

#include "io/io.h"

extern const struct weft__io_ops model_io_ops;

/* A runtime with that, and nothing out of the ordinary. */
weft_runtime *model_runtime(unsigned workers);

#endif
