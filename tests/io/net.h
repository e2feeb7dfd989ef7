/* SPDX-License-Identifier: MIT */
/* What the tests of io/ share. Where a function may fail, it fails the test. */
#ifndef WEFT_TESTS_IO_NET_H
#define WEFT_TESTS_IO_NET_H

#include "tests/support/support.h"

/* A test whose body is the first task of a runtime. It must leave no descriptor open behind the runtime. */
#define TASK_TEST(suite, name)                                                                                         \
    static void suite##__##name##__body(void);                                                                         \
    WEFT_TEST(suite, name)                                                                                             \
    {                                                                                                                  \
        net_run(suite##__##name##__body);                                                                              \
    }                                                                                                                  \
    static void suite##__##name##__body(void)

/* How often to do something: `few` times under a sanitizer, where all is slow. */
#define NET_SCALE(few, many) (TEST_ASAN || TEST_TSAN ? (few) : (many))

void net_run(void (*body)(void));

/* Open descriptors of this process, without those that libuv keeps for good once it was used. Callable anywhere. */
int net_descriptors(void);

/* Lowers the limit of open descriptors so that `spare` more can be opened, and puts it back. Callable anywhere. */
void net_limit_descriptors(int spare);
void net_unlimit_descriptors(void);

/* The rest is for tasks. */

/* Gives the other tasks the time to get to where they wait. What is checked must hold also where it was too short. */
void net_settle(void);

/* A listener on a free port of 127.0.0.1 and its address. */
weft_listener *net_listen(char address[WEFT_ADDRESS_MAX]);

weft_stream *net_connect(const char *address);
weft_stream *net_accept(weft_listener *l);

/* Two ends of a connection. */
struct net_pair {
    weft_stream *client, *server;
};

struct net_pair net_pair(void);
void net_close(struct net_pair *p);

/* The same with small buffers in the kernel, so that writers block soon. */
struct net_pair net_tight_pair(void);

/* Writes `text` into one end and reads it, and nothing else, from the other. */
void net_carry(weft_stream *from, weft_stream *to, const char *text);

/* Reads exactly `size` bytes. */
void net_read_exactly(weft_stream *s, void *buffer, size_t size);

/* Reads until the end and returns how many bytes that were. */
size_t net_read_to_end(weft_stream *s, char *buffer, size_t size);

/* Fills the buffers of the connection that `s` writes to, until a write has to wait. */
void net_fill(weft_stream *s);

/* The port of an address as text. */
unsigned net_port(const char *address);

/* The byte at `at` of a stream of test data: neighbours differ, and it repeats after a large prime only. */
static inline unsigned char net_byte(size_t at)
{
    return (unsigned char)((at % 65521) * 167 >> 3);
}

/* A generator of test data; not the same in two tasks that have other seeds. */
static inline uint32_t net_random(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* A call that another task makes, and what it returned. */
struct net_call {
    weft_stream *stream;
    weft_listener *listener;
    char *buffer;
    size_t size;
    int fd, events;
    ssize_t result;
    _Atomic bool begun, done;
};

/* Tasks with a net_call as the argument. Their own result is 0. */
int net_call_read(void *arg);
int net_call_write(void *arg);
int net_call_accept(void *arg); /* keeps the accepted stream in `stream` */
int net_call_fd_wait(void *arg);

/* Waits until a call has begun, and settles. */
void net_await_begun(struct net_call *call);
void net_await_done(struct net_call *call);

#endif
