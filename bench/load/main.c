/* SPDX-License-Identifier: MIT */
/*
 * load HOST:PORT [CONNECTIONS] [SECONDS] [THREADS]: drives an echo server.
 *
 * Each connection sends a message, waits until it has come back, checks it and sends the next: there is one on its way
 * at any time, as there is one request in wrk. Each thread has an epoll loop and its share of the connections. Prints
 * `requests`, `rate` (a second) and `p99` (microseconds). What comes back changed, or a connection that breaks, ends
 * the program with status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/meter.h"

#define MESSAGE_SIZE 64
#define EVENTS_MAX 256
#define CONNECTIONS_MAX 10000
#define THREADS_MAX 64
/* One counter a microsecond; what takes longer than a second counts as a second. */
#define LATENCY_MAX_US 1000000
/* A server that is silent for so long has failed. */
#define SILENCE_MS 10000

typedef struct client {
    int fd;
    size_t received;
    uint64_t turn; /* what the message repeats: no two in a row are alike */
    int64_t sent_at;
} client;

typedef struct share {
    const struct sockaddr_in *server;
    size_t connections;
    int64_t seconds;
    pthread_barrier_t *start; /* all connections stand before the first message */
    pthread_t thread;
    uint64_t requests;
    uint64_t *latencies; /* LATENCY_MAX_US + 1 of them */
    int64_t elapsed;
} share;

static int must(int result, const char *what)
{
    if (result < 0)
        bench_die(what, strerror(errno));
    return result;
}

static void *must_alloc(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (p == NULL)
        bench_die("memory", strerror(ENOMEM));
    return p;
}

static void fill(char *message, uint64_t turn)
{
    for (size_t i = 0; i < MESSAGE_SIZE; i += sizeof turn)
        memcpy(message + i, &turn, sizeof turn);
}

static void send_next(client *c)
{
    char message[MESSAGE_SIZE];
    c->turn++;
    c->received = 0;
    fill(message, c->turn);
    c->sent_at = bench_now();
    /* So small a message fits, as nothing else is on its way. */
    ssize_t n = send(c->fd, message, sizeof message, MSG_NOSIGNAL);
    if (n != (ssize_t)sizeof message)
        bench_die("send", n < 0 ? strerror(errno) : "the socket took a part of a message");
}

/* True once the message is back as a whole. */
static bool receive(client *c)
{
    char expected[MESSAGE_SIZE], got[MESSAGE_SIZE];
    ssize_t n = recv(c->fd, got, MESSAGE_SIZE - c->received, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0)
        bench_die("recv", n < 0 ? strerror(errno) : "the server closed the connection");
    fill(expected, c->turn);
    if (memcmp(got, expected + c->received, (size_t)n) != 0)
        bench_die("recv", "what came back is not what was sent");
    c->received += (size_t)n;
    return c->received == MESSAGE_SIZE;
}

static void note(share *s, int64_t took_ns)
{
    int64_t us = took_ns / 1000;
    s->latencies[us < LATENCY_MAX_US ? us : LATENCY_MAX_US]++;
    s->requests++;
}

static void *run(void *p)
{
    share *s = p;
    struct epoll_event events[EVENTS_MAX];
    client *clients = must_alloc(s->connections, sizeof *clients);
    int epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    for (size_t i = 0; i < s->connections; i++) {
        client *c = &clients[i];
        int on = 1;
        c->fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        must(connect(c->fd, (const struct sockaddr *)s->server, sizeof *s->server), "connect");
        must(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        must(epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event), "epoll_ctl");
    }
    pthread_barrier_wait(s->start);

    int64_t start = bench_now(), end = start + s->seconds * (int64_t)BENCH_NS_PER_S, now = start;
    for (size_t i = 0; i < s->connections; i++)
        send_next(&clients[i]);
    while (now < end) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, SILENCE_MS);
        if (n == 0)
            bench_die("the server", "is silent");
        if (n < 0 && errno != EINTR)
            bench_die("epoll_wait", strerror(errno));
        for (int i = 0; i < n; i++) {
            client *c = events[i].data.ptr;
            if (!receive(c))
                continue;
            now = bench_now();
            note(s, now - c->sent_at);
            send_next(c);
        }
    }
    s->elapsed = now - start;
    for (size_t i = 0; i < s->connections; i++)
        close(clients[i].fd);
    close(epoll);
    free(clients);
    return NULL;
}

static struct sockaddr_in parse_address(const char *text)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    struct sockaddr_in at = {.sin_family = AF_INET};
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        bench_die(text, "is not HOST:PORT, with HOST an IPv4 address");
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1)
        bench_die(text, "is not HOST:PORT, with HOST an IPv4 address");
    at.sin_port = htons((uint16_t)bench_number("PORT", colon + 1, 1, 65535));
    return at;
}

static void report(const share *shares, size_t threads)
{
    uint64_t requests = 0, seen = 0;
    double rate = 0;
    for (size_t i = 0; i < threads; i++) {
        requests += shares[i].requests;
        rate += (double)shares[i].requests / ((double)shares[i].elapsed / BENCH_NS_PER_S);
    }
    if (requests == 0)
        bench_die("the server", "answered nothing");
    size_t us = 0;
    for (; us < LATENCY_MAX_US; us++) {
        for (size_t i = 0; i < threads; i++)
            seen += shares[i].latencies[us];
        if ((double)seen >= 0.99 * (double)requests)
            break;
    }
    printf("requests %llu\n", (unsigned long long)requests);
    bench_print("rate", rate);
    bench_print("p99", (double)us);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 5) {
        fputs("usage: load HOST:PORT [CONNECTIONS] [SECONDS] [THREADS]; preset 64, 3 and 2\n", stderr);
        return 2;
    }
    struct sockaddr_in server = parse_address(argv[1]);
    size_t connections = argc > 2 ? (size_t)bench_number("CONNECTIONS", argv[2], 1, CONNECTIONS_MAX) : 64;
    int64_t seconds = argc > 3 ? (int64_t)bench_number("SECONDS", argv[3], 1, 3600) : 3;
    size_t threads = argc > 4 ? (size_t)bench_number("THREADS", argv[4], 1, THREADS_MAX) : 2;
    if (threads > connections)
        threads = connections;

    pthread_barrier_t start;
    int rc = pthread_barrier_init(&start, NULL, (unsigned)threads);
    if (rc != 0)
        bench_die("pthread_barrier_init", strerror(rc));
    share *shares = must_alloc(threads, sizeof *shares);
    for (size_t i = 0; i < threads; i++) {
        shares[i] = (share){
            .server = &server,
            .connections = connections / threads + (i < connections % threads),
            .seconds = seconds,
            .start = &start,
            .latencies = must_alloc(LATENCY_MAX_US + 1, sizeof(uint64_t)),
        };
        rc = pthread_create(&shares[i].thread, NULL, run, &shares[i]);
        if (rc != 0)
            bench_die("pthread_create", strerror(rc));
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(shares[i].thread, NULL);
    report(shares, threads);
    for (size_t i = 0; i < threads; i++)
        free(shares[i].latencies);
    free(shares);
    pthread_barrier_destroy(&start);
    return 0;
}
