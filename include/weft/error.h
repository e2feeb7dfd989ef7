/* SPDX-License-Identifier: MIT */
/*
 * Codes of failure. Every fallible function of weft returns 0 or a count, or one of these, all negative.
 *
 * A code that stands for a failed system call is -errno, named here or not. The codes of weft's own lie outside
 * errno's range, so that TCP's ETIMEDOUT (-ETIMEDOUT) is never taken for a deadline of weft's (WEFT_ETIMEDOUT).
 */
#ifndef WEFT_ERROR_H
#define WEFT_ERROR_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

/* X(name, value, text) */
#define WEFT_ERRORS(X)                                                                                                 \
    X(ECANCELED, -20001, "operation canceled")                                                                         \
    X(ETIMEDOUT, -20002, "deadline passed")                                                                            \
    X(ECLOSED, -20003, "closed")                                                                                       \
    X(EBUSY, -20004, "in use by another task")                                                                         \
    X(EFULL, -20005, "full")                                                                                           \
    X(EEMPTY, -20006, "empty")                                                                                         \
    X(ENOTASK, -20007, "called outside of a task")                                                                     \
    X(EBROKEN, -20008, "broken by the peer, or by a holder that has ended")                                            \
    X(EMAPLIMIT, -20009, "too many memory mappings: vm.max_map_count limits the stacks")                               \
    X(ETASKCANCELED, -20010, "the task waited for was canceled")                                                       \
    X(ENOTREADY, -20011, "ended before it was ready")                                                                  \
    X(ENOMEM, -ENOMEM, "out of memory")                                                                                \
    X(EINVAL, -EINVAL, "invalid argument")                                                                             \
    X(EDEADLK, -EDEADLK, "would wait for itself")                                                                      \
    X(EPERM, -EPERM, "not held by the caller")                                                                         \
    X(EAGAIN, -EAGAIN, "resource temporarily unavailable")                                                             \
    X(EBADF, -EBADF, "bad file descriptor")                                                                            \
    X(EMFILE, -EMFILE, "too many open files in this process")                                                          \
    X(ENFILE, -ENFILE, "too many open files in the system")                                                            \
    X(EADDRINUSE, -EADDRINUSE, "address already in use")                                                               \
    X(EADDRNOTAVAIL, -EADDRNOTAVAIL, "address not available")                                                          \
    X(EACCES, -EACCES, "permission denied")                                                                            \
    X(ECONNREFUSED, -ECONNREFUSED, "connection refused")                                                               \
    X(ECONNRESET, -ECONNRESET, "connection reset by peer")                                                             \
    X(EPIPE, -EPIPE, "broken pipe")                                                                                    \
    X(EALREADY, -EALREADY, "has begun, or is over, already")

/* Each is explained where a function returns it. */
enum weft_error_code {
#define WEFT__ERROR_CODE(name, value, text) WEFT_##name = (value),
    WEFT_ERRORS(WEFT__ERROR_CODE)
#undef WEFT__ERROR_CODE
};

/* Why something was cancelled. */
enum weft_reason {
    WEFT_REASON_NONE,     /* it was not */
    WEFT_REASON_CALL,     /* a call: weft_group_cancel(), weft_scope_cancel(), weft_task_cancel(); a race that is won */
    WEFT_REASON_ERROR,    /* a task of the group failed */
    WEFT_REASON_DEADLINE, /* its deadline passed */
    WEFT_REASON_SHUTDOWN, /* the runtime ends, or SIGINT came */
};

/* An error of a task, as weft_group_error() and the runtime's on_error give it. */
typedef struct weft_error {
    int code;
    int (*fn)(void *);  /* the task's function; NULL: the error came from a spawn, or from weft_group_fail() */
    uint64_t task_id;   /* as weft_task_id(); 0 where fn is NULL */
    char task_name[32]; /* a copy; empty: none */
    bool left_over;     /* of a detached task that was still running when the runtime ended, and was cancelled */
} weft_error;

/* The text of a code, for people: "deadline passed". Never NULL; a static string, not to be freed. Zero is
 * "success", an unknown code "unknown error". Callable anywhere. */
WEFT_API const char *weft_strerror(int code);

/* The name of a code: "WEFT_ETIMEDOUT"; NULL where weft has no name for it. A static string. Callable anywhere. */
WEFT_API const char *weft_error_name(int code);

WEFT_END_DECLS

#endif
