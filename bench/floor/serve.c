/* SPDX-License-Identifier: MIT */
/*
 * http and echo by bare epoll.
 *
 * Level-triggered, one receive an event: a request costs one recv, one send and its share of an epoll_wait.
 * Edge-triggered with "a short read means drained" costs the same within the noise, so the simpler form stands.
 * With several loops each thread has its own listener (SO_REUSEPORT), so nothing is shared.
 */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/meter.h"

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Content-Type: text/plain\r\n"
                             "Content-Length: 13\r\n"
                             "\r\n"
                             "Hello, world!";

#define BUFFER_SIZE 4096
#define EVENTS_MAX 256

typedef struct loop {
    int listener;
    bool echo;
    pthread_t thread;
} loop;

static int must(int result, const char *what)
{
    if (result < 0)
        bench_die(what, strerror(errno));
    return result;
}

static int listen_on(uint16_t *port)
{
    int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    int on = 1;
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    must(bind(fd, (struct sockaddr *)&at, size), "bind");
    must(listen(fd, SOMAXCONN), "listen");
    must(getsockname(fd, (struct sockaddr *)&at, &size), "getsockname");
    *port = ntohs(at.sin_port);
    return fd;
}

static void watch(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void accept_all(int epoll, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(epoll, fd, EPOLLIN);
    }
}

/* A full socket buffer is waited out in place: a client of this suite reads its answers, so no queue is kept. */
static bool send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        else if (n < 0 && errno != EINTR)
            return false;
        else if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return true;
}

static void serve_ready(int fd, bool echo)
{
    char buffer[BUFFER_SIZE];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || !(echo ? send_all(fd, buffer, (size_t)n) : send_all(fd, answer, sizeof answer - 1)))
        close(fd);
}

static void *run(void *p)
{
    const loop *l = p;
    struct epoll_event events[EVENTS_MAX];
    int epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    watch(epoll, l->listener, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        if (n < 0 && errno != EINTR)
            bench_die("epoll_wait", strerror(errno));
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == l->listener)
                accept_all(epoll, fd);
            else
                serve_ready(fd, l->echo);
        }
    }
    return NULL;
}

void floor_serve(uint16_t port, unsigned loops, bool echo)
{
    loop *all = calloc(loops, sizeof *all);
    if (all == NULL)
        bench_die("loops", strerror(ENOMEM));
    /* The first listener chooses the port where it was 0; the others join it. */
    for (unsigned i = 0; i < loops; i++)
        all[i] = (loop){.listener = listen_on(&port), .echo = echo};
    printf("listening 127.0.0.1:%u\n", port);
    fflush(stdout);
    for (unsigned i = 1; i < loops; i++) {
        int rc = pthread_create(&all[i].thread, NULL, run, &all[i]);
        if (rc != 0)
            bench_die("pthread_create", strerror(rc));
    }
    run(&all[0]);
}
