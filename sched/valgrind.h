/* SPDX-License-Identifier: MIT */
/* What weft tells valgrind, and asks it; nothing where its header is missing. */
#ifndef WEFT_SCHED_VALGRIND_H
#define WEFT_SCHED_VALGRIND_H

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0)
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#endif
