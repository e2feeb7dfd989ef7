/* SPDX-License-Identifier: MIT */
/*
 * Included ahead of every file that is compiled for a model: names of the system's that the library
 * calls beside its seams, and the two functions that make and switch contexts.
 */
#ifndef WEFT_TESTS_MODEL_SYSTEM_H
#define WEFT_TESTS_MODEL_SYSTEM_H

/* A tunable that a model may choose for itself. */
#ifndef WEFT__LOOK_EVERY
#define WEFT__LOOK_EVERY 2
#endif

#define pthread_join model_pthread_join
#define pthread_self model_pthread_self
#define epoll_wait model_epoll_wait
#define write model_write
#define syscall model_syscall
#define memcpy model_memcpy
#define weft__context_init model_context_init
#define weft__context_swap model_context_swap
#define weft__context_leave model_context_leave

#endif
