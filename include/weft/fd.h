/* SPDX-License-Identifier: MIT */
/*
 * Waiting for descriptors that weft does not own: the way to run any non-blocking C library (libpq, libcurl, hiredis,
 * c-ares) inside tasks. The library keeps its descriptors, may close and reopen them between waits, and need not
 * drain them: each wait is armed afresh and is level-triggered.
 */
#ifndef WEFT_FD_H
#define WEFT_FD_H

#include <weft/attr.h>

WEFT_BEGIN_DECLS

#define WEFT_READABLE 1
#define WEFT_WRITABLE 2

/*
 * Waits until `fd` is ready for any of `events`, a union of WEFT_READABLE and WEFT_WRITABLE. An error or a hang-up of
 * the descriptor counts as ready for all that was asked. A regular file is always ready. Returns the events
 * that are ready (> 0), or
 *   WEFT_EINVAL  no event or an unknown one       WEFT_EBADF  not an open descriptor
 *   WEFT_EBUSY   another task waits for the same event of the same descriptor, or weft owns it (a stream's)
 *   WEFT_ENOMEM, WEFT_ECANCELED, WEFT_ENOTASK
 * Do not close `fd` while a task waits for it: the wait would go on until it is cancelled. Suspends; task only.
 */
WEFT_API WEFT_CHECK int weft_fd_wait(int fd, int events);

WEFT_END_DECLS

#endif
