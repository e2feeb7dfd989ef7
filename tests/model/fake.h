/* SPDX-License-Identifier: MIT */
/* The system that the code under test sees (system.h), and what cases may do to it. */
#ifndef WEFT_TESTS_MODEL_FAKE_H
#define WEFT_TESTS_MODEL_FAKE_H

#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "sched/context.h"

pthread_t model_pthread_self(void);
int model_pthread_join(pthread_t thread, void **result);
int model_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout);
long model_syscall(long number, ...);
long model_write(int fd, const void *data, size_t size);
void model_context_init(struct weft__context *c, void *low, void *high, weft__context_entry *entry);
void model_context_swap(void **save, void *load);
int model_context_leave(void **save, void *load, weft__context_land *land);

/* The chance, one in so many, that a thread of the library's cannot be made; 0: they all can. For the current run. */
void model_refuse_threads(unsigned one_in);

/* An edge of a descriptor, a small number. */
void model_make_ready(unsigned descriptor);

#endif
