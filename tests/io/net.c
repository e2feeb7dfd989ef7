/* SPDX-License-Identifier: MIT */
#include "tests/io/net.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

static int run_body(void *arg)
{
    void (**body)(void) = arg;

    (*body)();
    return 0;
}

void net_run(void (*body)(void))
{
    int before = net_descriptors();

    CHECK_OK(test_run(run_body, &body));
    CHECK_EQ(net_descriptors(), before);
}

int net_descriptors(void)
{
    static bool warm;
    uv_loop_t loop;
    int n = 0;

    if (!warm) {
        CHECK_OK(uv_loop_init(&loop));
        CHECK_OK(uv_loop_close(&loop));
        warm = true;
    }
    DIR *dir = opendir("/proc/self/fd");
    CHECK_NOT_NULL(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static struct rlimit saved_limit;

void net_limit_descriptors(int spare)
{
    struct rlimit limit;

    CHECK_OK(getrlimit(RLIMIT_NOFILE, &saved_limit));
    /* The limit is one of numbers and not of how many, so the numbers in between have to be free. */
    limit = saved_limit;
    for (limit.rlim_cur = 0; spare >= 0; limit.rlim_cur++) {
        if (fcntl((int)limit.rlim_cur, F_GETFD) < 0 && spare-- == 0)
            break;
    }
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
}

void net_unlimit_descriptors(void)
{
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &saved_limit));
}

void net_settle(void)
{
    CHECK_OK(weft_sleep_ms(5));
}

weft_listener *net_listen(char address[WEFT_ADDRESS_MAX])
{
    weft_listener *l;

    CHECK_OK(weft_tcp_listen(&l, "127.0.0.1:0", NULL));
    CHECK_OK(weft_listener_address(l, address, WEFT_ADDRESS_MAX));
    return l;
}

weft_stream *net_connect(const char *address)
{
    weft_stream *s;

    CHECK_OK(weft_tcp_connect(&s, address));
    CHECK_NOT_NULL(s);
    return s;
}

weft_stream *net_accept(weft_listener *l)
{
    weft_stream *s;

    CHECK_OK(weft_accept(l, &s));
    CHECK_NOT_NULL(s);
    return s;
}

struct net_pair net_pair(void)
{
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l = net_listen(address);
    struct net_pair p;

    p.client = net_connect(address);
    p.server = net_accept(l);
    weft_listener_close(l);
    return p;
}

void net_close(struct net_pair *p)
{
    weft_stream_close(p->client);
    weft_stream_close(p->server);
}

static void shrink_buffers(weft_stream *s)
{
    int size = 16 << 10;

    CHECK_OK(setsockopt(weft_stream_fd(s), SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
    CHECK_OK(setsockopt(weft_stream_fd(s), SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
}

struct net_pair net_tight_pair(void)
{
    struct net_pair p = net_pair();

    shrink_buffers(p.client);
    shrink_buffers(p.server);
    return p;
}

void net_carry(weft_stream *from, weft_stream *to, const char *text)
{
    char buffer[256];
    size_t size = strlen(text);

    CHECK_LE(size, sizeof buffer);
    CHECK_EQ(weft_write_all(from, text, size), size);
    net_read_exactly(to, buffer, size);
    CHECK_MEM_EQ(buffer, text, size);
}

void net_read_exactly(weft_stream *s, void *buffer, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = weft_read(s, (char *)buffer + done, size - done);
        CHECK_GT(n, 0);
        done += (size_t)n;
    }
    CHECK_EQ(done, size);
}

size_t net_read_to_end(weft_stream *s, char *buffer, size_t size)
{
    size_t done = 0;

    for (;;) {
        CHECK_LT(done, size);
        ssize_t n = weft_read(s, buffer + done, size - done);
        CHECK_GE(n, 0);
        if (n == 0)
            return done;
        done += (size_t)n;
    }
}

void net_fill(weft_stream *s)
{
    static const char zeros[4096];
    int fd = weft_stream_fd(s);
    bool more;

    /* Past the library, whose answer to a deadline may be that it was over before the write had begun. Full means: full
     * still some time after, as the peer's buffer takes over what it has room for. Nothing suspends here, so errno is ours. */
    do {
        more = false;
        while (send(fd, zeros, sizeof zeros, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
            more = true;
        CHECK_EQ(errno, EAGAIN);
        CHECK_GE(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 20), 0);
    } while (more);
}

unsigned net_port(const char *address)
{
    const char *colon = strrchr(address, ':');

    CHECK_NOT_NULL(colon);
    return (unsigned)strtoul(colon + 1, NULL, 10);
}

int net_call_read(void *arg)
{
    struct net_call *call = arg;

    call->begun = true;
    call->result = weft_read(call->stream, call->buffer, call->size);
    call->done = true;
    return 0;
}

int net_call_write(void *arg)
{
    struct net_call *call = arg;

    call->begun = true;
    call->result = weft_write(call->stream, call->buffer, call->size);
    call->done = true;
    return 0;
}

int net_call_accept(void *arg)
{
    struct net_call *call = arg;

    call->begun = true;
    call->result = weft_accept(call->listener, &call->stream);
    call->done = true;
    return 0;
}

int net_call_fd_wait(void *arg)
{
    struct net_call *call = arg;

    call->begun = true;
    call->result = weft_fd_wait(call->fd, call->events);
    call->done = true;
    return 0;
}

void net_await_begun(struct net_call *call)
{
    while (!call->begun)
        CHECK_OK(weft_yield());
    net_settle();
}

void net_await_done(struct net_call *call)
{
    while (!call->done)
        CHECK_OK(weft_sleep_ms(1));
}
