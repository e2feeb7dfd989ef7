/* SPDX-License-Identifier: MIT */
/*
 * Load for an echo server: many connections, chunks of random sizes, every byte compared. It knows nothing of weft,
 * so that a fault of the library cannot hide in both ends.
 *
 * Of ten peers seven are faithful: they send their share, end their side, and expect exactly their bytes and then the
 * end. One is greedy: faithful, but it reads only when it can send no more, so that the server's writes must wait. One
 * resets its connection in the middle and one closes it with bytes under way; these two come back again and again.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CHUNK_MAX = 64 << 10,
    VISIT_MAX = 512 << 10, /* bytes that a peer sends before it leaves in the middle */
    VISITS_MAX = 50,       /* a peer that leaves comes back so often: the ports of a machine are limited */
    STALL_S = 60,          /* so long without a byte means that it hangs */
    STOP_S = 60,
};

enum kind { FAITHFUL, GREEDY, RESETS, LEAVES };

struct peer {
    enum kind kind;
    int fd;
    int visits;
    bool full;     /* greedy: the last send found no room */
    bool ended;    /* our side has been shut down */
    uint64_t seed; /* of the bytes of this visit */
    uint64_t goal; /* bytes to send in this visit */
    uint64_t sent;
    uint64_t received;
    size_t chunk;    /* bytes of the current chunk still to send */
    uint32_t events; /* what epoll watches */
};

static struct sockaddr_in server;
static pid_t server_pid;
static int epoll_fd;
static uint64_t random_state, compared, resets, leaves;
static int faithful_left;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "echo_load: FAILED: ");
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    if (server_pid > 0) {
        kill(server_pid, SIGKILL);
        waitpid(server_pid, NULL, 0);
    }
    exit(1);
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t random_u64(void)
{
    return mix(random_state += 0x9e3779b97f4a7c15u);
}

/* Small and large sizes alike: uniform in the logarithm. */
static size_t random_size(size_t max)
{
    double unit = (double)(random_u64() >> 11) * 0x1p-53;
    size_t size = (size_t)exp(unit * log((double)max + 1));

    return size < 1 ? 1 : size > max ? max : size;
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The bytes of a visit at an offset, computed, so that nothing that was sent has to be kept. Returns where in `room`
 * they start; room for `size` and two words more. */
static const char *bytes_at(uint64_t *room, uint64_t seed, uint64_t offset, size_t size)
{
    uint64_t first = offset / 8, last = (offset + size + 7) / 8;

    for (uint64_t i = first; i < last; i++)
        room[i - first] = mix(seed + i * 0x9e3779b97f4a7c15u);
    return (const char *)room + offset % 8;
}

static uint64_t words[CHUNK_MAX / 8 + 2];

/* A server that never says its address would hang this, hence the alarm in main(). */
static void start_server(char **command)
{
    int out[2];
    char line[256], host[64];
    unsigned port;

    if (pipe2(out, O_CLOEXEC) < 0)
        fail("pipe: %s", strerror(errno));
    server_pid = fork();
    if (server_pid < 0)
        fail("fork: %s", strerror(errno));
    if (server_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_DFL);
        dup2(out[1], STDOUT_FILENO);
        execvp(command[0], command);
        fprintf(stderr, "%s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    close(out[1]);
    FILE *lines = fdopen(out[0], "r");
    if (lines == NULL || fgets(line, sizeof line, lines) == NULL)
        fail("%s did not say its address", command[0]);
    const char *digit = strpbrk(line, "0123456789");
    if (digit == NULL || sscanf(digit, "%63[0-9.]:%u", host, &port) != 2 ||
        inet_pton(AF_INET, host, &server.sin_addr) != 1)
        fail("%s: no IPv4 address in its first line: %s", command[0], line);
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)port);
    /* The pipe stays open: a server that prints more must not be killed by it. */
}

static int server_descriptors(void)
{
    char path[64];
    int count = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)server_pid);
    DIR *d = opendir(path);
    if (d == NULL)
        fail("the server has gone");
    while (readdir(d) != NULL)
        count++;
    closedir(d);
    return count;
}

static double server_cpu_s(void)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)server_pid);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail("the server has gone");
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *after_name = strrchr(text, ')');
    if (after_name == NULL ||
        sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        fail("cannot read %s", path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void watch(struct peer *p)
{
    bool greedy_reads = p->full || p->ended;
    uint32_t events = 0;

    if (p->kind != GREEDY || greedy_reads)
        events |= EPOLLIN;
    if (p->sent < p->goal && !(p->kind == GREEDY && greedy_reads))
        events |= EPOLLOUT;
    if (events != p->events) {
        struct epoll_event e = {.events = events, .data.ptr = p};
        if (epoll_ctl(epoll_fd, p->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, p->fd, &e) < 0)
            fail("epoll_ctl: %s", strerror(errno));
        p->events = events;
    }
}

static void visit(struct peer *p, uint64_t goal)
{
    int on = (int)(random_u64() & 1);

    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        fail("socket: %s", strerror(errno));
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(p->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    p->visits++;
    p->full = p->ended = false;
    p->seed = random_u64();
    p->goal = goal;
    p->sent = p->received = 0;
    p->chunk = 0;
    p->events = 0;
    watch(p);
}

static void leave(struct peer *p)
{
    if (p->kind == RESETS) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        resets++;
    } else {
        leaves++;
    }
    close(p->fd);
    p->fd = -1;
    if (p->visits < VISITS_MAX && faithful_left > 0)
        visit(p, random_size(VISIT_MAX));
}

/* One chunk at most, so that every connection gets its turn. */
static void send_some(struct peer *p)
{
    if (p->chunk == 0)
        p->chunk = random_size(CHUNK_MAX);
    if (p->chunk > p->goal - p->sent)
        p->chunk = (size_t)(p->goal - p->sent);

    const char *bytes = bytes_at(words, p->seed, p->sent, p->chunk);
    ssize_t n = send(p->fd, bytes, p->chunk, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        fail("send after %" PRIu64 " of %" PRIu64 " bytes: %s", p->sent, p->goal, strerror(errno));
    p->full = n < (ssize_t)p->chunk;
    if (n > 0) {
        p->sent += (uint64_t)n;
        p->chunk -= (size_t)n;
    }
}

/* Returns false once the peer has ended. */
static bool receive_some(struct peer *p)
{
    static char received[CHUNK_MAX];
    ssize_t n = recv(p->fd, received, sizeof received, 0);

    if (n < 0 && errno == EAGAIN)
        return true;
    if (n < 0)
        fail("receive after %" PRIu64 " of %" PRIu64 " bytes: %s", p->received, p->goal, strerror(errno));
    if (n == 0) {
        if (!p->ended || p->received < p->goal)
            fail("the server ended a connection after %" PRIu64 " of %" PRIu64 " bytes", p->received, p->goal);
        return false;
    }
    if (p->received + (uint64_t)n > p->sent)
        fail("%" PRIu64 " bytes came back, only %" PRIu64 " were sent", p->received + (uint64_t)n, p->sent);
    const char *expected = bytes_at(words, p->seed, p->received, (size_t)n);
    for (ssize_t i = 0; memcmp(received, expected, (size_t)n) != 0; i++)
        if (received[i] != expected[i])
            fail("byte %" PRIu64 " came back as 0x%02x, not 0x%02x", p->received + (uint64_t)i,
                 (unsigned char)received[i], (unsigned char)expected[i]);
    p->received += (uint64_t)n;
    compared += (uint64_t)n;
    if (p->received == p->sent)
        p->full = false;
    return true;
}

static void step(struct peer *p, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !receive_some(p)) {
        close(p->fd);
        p->fd = -1;
        faithful_left--;
        return;
    }
    if (events & EPOLLOUT && p->sent < p->goal)
        send_some(p);
    if (p->sent == p->goal && (p->kind == RESETS || p->kind == LEAVES)) {
        leave(p);
        return;
    }
    if (p->sent == p->goal && !p->ended) {
        shutdown(p->fd, SHUT_WR);
        p->ended = true;
    }
    watch(p);
}

static void run(struct peer *peers, int count, double limit_s)
{
    struct epoll_event ready[64];
    double started = now_s(), last_byte = started;
    uint64_t last_compared = 0;

    while (faithful_left > 0) {
        int n = epoll_wait(epoll_fd, ready, 64, 1000);
        if (n < 0 && errno != EINTR)
            fail("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++)
            step(ready[i].data.ptr, ready[i].events);

        double now = now_s();
        if (compared != last_compared)
            last_byte = now;
        last_compared = compared;
        if (now - last_byte > STALL_S || now - started > limit_s)
            fail("%s; %d of the faithful are left, %" PRIu64 " bytes came back",
                 now - started > limit_s ? "not done in time" : "it hangs", faithful_left, compared);
    }
    for (int i = 0; i < count; i++)
        if (peers[i].fd >= 0)
            close(peers[i].fd);
}

static void stop_server(int descriptors_before)
{
    double deadline = now_s() + STOP_S;
    int status;
    pid_t done;

    while (server_descriptors() > descriptors_before) {
        if (now_s() > deadline)
            fail("the server holds %d descriptors, %d before", server_descriptors(), descriptors_before);
        usleep(20000);
    }
    kill(server_pid, SIGINT);
    while ((done = waitpid(server_pid, &status, WNOHANG)) == 0 && now_s() < deadline)
        usleep(20000);
    if (done == 0)
        fail("the server did not end after SIGINT");
    server_pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 128 + SIGINT)
        fail("the server ended with %s %d", WIFEXITED(status) ? "status" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    uint64_t value = strtoull(text, &end, 0);

    if (*end != '\0' || value < least || value > most) {
        fprintf(stderr, "echo_load: %s is not a number from %" PRIu64 " to %" PRIu64 "\n", text, least, most);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"connections", required_argument, NULL, 'c'},
        {"mib", required_argument, NULL, 'm'},
        {"seed", required_argument, NULL, 's'},
        {"limit", required_argument, NULL, 'l'},
        {0},
    };
    int connections = 200, option;
    uint64_t mib = 1024, limit_s = 600, seed = (uint64_t)time(NULL);

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'c':
            connections = (int)number(optarg, 10, 10000);
            break;
        case 'm':
            mib = number(optarg, 1, 1 << 20);
            break;
        case 's':
            seed = number(optarg, 0, UINT64_MAX);
            break;
        case 'l':
            limit_s = number(optarg, 1, 100000);
            break;
        default:
            optind = argc;
        }
    if (optind != argc - 1) {
        fprintf(stderr, "usage: echo_load [--connections N] [--mib N] [--seed N] [--limit SECONDS] SERVER\n");
        return 2;
    }
    printf("seed %" PRIu64 "\n", seed);
    random_state = seed;

    /* The alarm is for a server that never says its address; run() watches itself. */
    alarm((unsigned)STOP_S);
    start_server((char *[]){argv[optind], "127.0.0.1:0", NULL});
    alarm(0);
    int descriptors_before = server_descriptors();

    struct peer *peers = calloc((size_t)connections, sizeof *peers);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (peers == NULL || epoll_fd < 0)
        fail("cannot start: %s", strerror(errno));
    for (int i = 0; i < connections; i++) {
        peers[i].kind = i % 10 == 0 ? RESETS : i % 10 == 1 ? LEAVES : i % 10 == 2 ? GREEDY : FAITHFUL;
        faithful_left += peers[i].kind == FAITHFUL || peers[i].kind == GREEDY;
    }
    uint64_t share = (mib << 20) / (uint64_t)faithful_left + 1;
    double started = now_s(), cpu_before = server_cpu_s();
    for (int i = 0; i < connections; i++)
        visit(&peers[i], peers[i].kind == RESETS || peers[i].kind == LEAVES ? random_size(VISIT_MAX) : share);
    run(peers, connections, (double)limit_s);

    double took = now_s() - started, cpu = server_cpu_s() - cpu_before, echoed = (double)compared / (1 << 20);
    stop_server(descriptors_before);
    printf("%d connections, %.0f MiB came back and were compared in %.1f s (%.0f MiB/s); %" PRIu64 " resets, %" PRIu64
           " early closes; chunks of 1 to %d bytes; the server took %.2f s of CPU\n",
           connections, echoed, took, echoed / took, resets, leaves, CHUNK_MAX, cpu);
    free(peers);
    return 0;
}
