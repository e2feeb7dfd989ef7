/* SPDX-License-Identifier: MIT */
/*
 * How late a runtime is while its workers have more to do than they can. Beside a load run
 *      a timer   a task that sleeps until absolute deadlines 10 ms apart; its lateness is recorded,
 *      an echo   a connection whose server is a task; its client, a plain thread, records the round trips.
 * Nothing may be later than BOUND_MS beyond what the machine itself adds; under a sanitizer, where each step costs several
 * times as much, than that times WEFT_TEST_TIME_SCALE of the environment.
 *
 * What the machine adds is measured meanwhile, by a plain thread that does nothing but sleep for 10 ms and look:
 *      run delay   how long the kernel had each thread of the process wait for a CPU although it could run (the second
 *                  number of /proc/self/task/TID/schedstat). Of the workers it is that of the one which waited longest:
 *                  with their sum, two workers on one CPU, which wait for each other all the time, would excuse anything.
 *                  To it is added that of the driver, whose tick the promise hangs from, but only until it has run
 *                  TICKS times since: more it does not take to call a worker. For the echo, the client's is added too.
 *      steal       the time that a hypervisor took (/proc/stat).
 *      oversleep   by how much the measuring thread's own sleep was longer than asked for: that also sees a machine that was
 *                  stopped altogether, and is all there is where the kernel has no schedstat.
 * What is subtracted is the sum of the first two, or the third where that is more, over the window from deadline to
 * wake-up, or of the round trip, widened to the measurements around it. A busy machine shows in these numbers, and a runtime
 * that leaves a ready task alone does not: then its workers run or sleep, and wait for no CPU.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <weft.h>

enum {
    BOUND_MS = 50,
    PERIOD_MS = 10,
    PAIRS = 100,
#if defined(WEFT_SANITIZE_THREAD) /* it holds some thousands of stacks */
    ALIVE_MAX = 300,
    BURST = 300,
#elif defined(WEFT_SANITIZE_ADDRESS) /* guards are mappings there */
    ALIVE_MAX = 10000,
    BURST = 10000,
#else
    ALIVE_MAX = 100000,
    BURST = 10000,
#endif
    MESSAGE = 64,
    WORKERS_MAX = 64,
    HANG_S = 60,
    TICKS = 4,
};

#define MS ((weft_time)1000000)

static weft_time bound = BOUND_MS * MS;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "lateness: FAILED: ");
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    _exit(1); /* in the midst of everything: nothing is to be torn down */
}

/* What must succeed. */
static void ok(ssize_t rc, const char *what)
{
    if (rc < 0)
        fail("%s: %s", what, weft_strerror((int)rc));
}

static void pause_ns(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

    while (nanosleep(&t, &t) != 0)
        ;
}

/* From when to when something took. */
struct span {
    weft_time from, to;
};

struct spans {
    struct span *v;
    size_t n, capacity;
};

/* Called by one thread or task at a time. */
static void record(struct spans *s, weft_time from, weft_time to)
{
    if (s->n < s->capacity)
        s->v[s->n++] = (struct span){from, to};
}

/* One measurement of the machine. Delays and steal are sums since ever. */
struct look {
    weft_time at;
    int64_t oversleep;
    int64_t steal;
    int64_t driver, client;
    int64_t driver_runs;
    int64_t worker[WORKERS_MAX];
};

struct machine {
    struct look *looks;
    size_t n, capacity;
    int stat, driver, client, worker[WORKERS_MAX]; /* files of /proc, or -1 */
    bool schedstat;
};

/* One load, from start to end. */
struct run {
    const struct load *load;
    unsigned workers;
    double seconds;
    atomic_bool stop;
    _Atomic(pid_t) client;
    atomic_uint port;
    struct spans timer, echo;
    struct machine machine;
};

/* The loads. Each runs as a task until it is told to stop. */

static bool stopped(struct run *r)
{
    return atomic_load_explicit(&r->stop, memory_order_relaxed);
}

static int none(void *arg)
{
    (void)arg;
    return 0;
}

static char flood_bytes[64 << 10];

static int drain(void *arg)
{
    static char buffer[sizeof flood_bytes];
    ssize_t n;

    while ((n = weft_read(arg, buffer, sizeof buffer)) > 0)
        ;
    ok(n, "read of the flood");
    return 0;
}

static int flood(void *arg)
{
    struct run *r = arg;
    char address[WEFT_ADDRESS_MAX];
    weft_listener *l;
    weft_stream *from, *to;
    weft_group *g = weft_group_open(NULL);

    ok(weft_tcp_listen(&l, "127.0.0.1:0", NULL), "listen");
    ok(weft_listener_address(l, address, sizeof address), "address");
    ok(weft_tcp_connect(&from, address), "connect");
    ok(weft_accept(l, &to), "accept");
    ok(weft_spawn(g, drain, to), "spawn");
    while (!stopped(r))
        ok(weft_write(from, flood_bytes, sizeof flood_bytes), "write of the flood");
    ok(weft_shutdown(from), "shutdown");
    ok(weft_group_wait(g), "wait");
    weft_group_close(g);
    weft_stream_close(from);
    weft_stream_close(to);
    weft_listener_close(l);
    return 0;
}

struct fib {
    struct run *run;
    int n;
    long result;
};

static int fork_join_fib(void *arg)
{
    struct fib *f = arg, a = {f->run, f->n - 1, 0}, b = {f->run, f->n - 2, 0};
    weft_group *g;

    if (f->n < 2 || stopped(f->run)) {
        f->result = f->n;
        return 0;
    }
    g = weft_group_open(NULL);
    ok(weft_spawn(g, fork_join_fib, &a), "spawn");
    ok(weft_spawn(g, fork_join_fib, &b), "spawn");
    ok(weft_group_wait(g), "wait");
    weft_group_close(g);
    f->result = a.result + b.result;
    return 0;
}

static int fork_join(void *arg)
{
    struct run *r = arg;

    while (!stopped(r)) {
        struct fib f = {r, 40, 0};

        ok(fork_join_fib(&f), "fib");
    }
    return 0;
}

/* Plain C, without a checkpoint: its worker is lost to all others. */
static __attribute__((noinline)) long plain_fib(struct run *r, int n)
{
    if (n < 2 || stopped(r))
        return n;
    return plain_fib(r, n - 1) + plain_fib(r, n - 2);
}

static int hold(void *arg)
{
    struct run *r = arg;
    volatile long sink;

    while (!stopped(r))
        sink = plain_fib(r, 40);
    (void)sink;
    return 0;
}

static int storm_in_bursts(void *arg)
{
    struct run *r = arg;
    weft_group *g = weft_group_open(NULL);

    while (!stopped(r)) {
        for (int i = 0; i < BURST && !stopped(r); i++)
            ok(weft_spawn(g, none, NULL), "spawn");
        ok(weft_group_wait(g), "wait");
    }
    weft_group_close(g);
    return 0;
}

static int count_down(void *arg)
{
    atomic_fetch_sub_explicit((atomic_long *)arg, 1, memory_order_relaxed);
    return 0;
}

static int storm(void *arg)
{
    struct run *r = arg;
    atomic_long alive = 0;
    weft_group *g = weft_group_open(NULL);

    while (!stopped(r)) {
        if (atomic_load_explicit(&alive, memory_order_relaxed) >= ALIVE_MAX) {
            ok(weft_yield(), "yield");
            continue;
        }
        atomic_fetch_add_explicit(&alive, 1, memory_order_relaxed);
        ok(weft_spawn(g, count_down, &alive), "spawn");
    }
    ok(weft_group_wait(g), "wait");
    weft_group_close(g);
    return 0;
}

struct pair {
    struct run *run;
    weft_chan *there, *back;
};

static int ping(void *arg)
{
    struct pair *p = arg;

    for (long i = 0; !stopped(p->run); i++) {
        long answer;

        ok(weft_chan_send(p->there, &i), "send");
        ok(weft_chan_recv(p->back, &answer), "receive");
        if (answer != i)
            fail("%ld came back, not %ld", answer, i);
    }
    ok(weft_chan_close(p->there), "close");
    return 0;
}

static int pong(void *arg)
{
    struct pair *p = arg;
    long i;
    int rc;

    while ((rc = weft_chan_recv(p->there, &i)) == 0)
        ok(weft_chan_send(p->back, &i), "send");
    if (rc != WEFT_ECLOSED)
        ok(rc, "receive");
    return 0;
}

static int ping_pong(void *arg)
{
    struct pair pairs[PAIRS];
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < PAIRS; i++) {
        pairs[i] = (struct pair){arg, weft_chan_create(sizeof(long), 1), weft_chan_create(sizeof(long), 1)};
        if (pairs[i].there == NULL || pairs[i].back == NULL)
            fail("no channel");
        ok(weft_spawn(g, ping, &pairs[i]), "spawn");
        ok(weft_spawn(g, pong, &pairs[i]), "spawn");
    }
    ok(weft_group_wait(g), "wait");
    weft_group_close(g);
    for (int i = 0; i < PAIRS; i++) {
        weft_chan_destroy(pairs[i].there);
        weft_chan_destroy(pairs[i].back);
    }
    return 0;
}

static int yield(void *arg)
{
    while (!stopped(arg))
        ok(weft_yield(), "yield");
    return 0;
}

/* Takes no notice of being cancelled, by two kinds of calls in turn. */
static int retry(void *arg)
{
    weft_scope *s = weft_scope_open(0);
    weft_chan *c = weft_chan_create(sizeof(int), 1);
    int item;

    if (c == NULL)
        fail("no channel");
    ok(weft_scope_cancel(s), "cancel");
    while (!stopped(arg)) {
        if (weft_sleep_ms(1000) != WEFT_ECANCELED)
            fail("a sleep in a cancelled scope was not cut short");
        if (weft_chan_recv(c, &item) != WEFT_ECANCELED)
            fail("a receive in a cancelled scope was not cut short");
    }
    weft_chan_destroy(c);
    (void)weft_scope_close(s, 0);
    return 0;
}

static const struct load {
    const char *name;
    weft_fn fn;
    unsigned workers; /* at least */
} loads[] = {
    {"none", none, 1},       {"flood", flood, 1}, {"fib", fork_join, 1},
    {"plain-fib", hold, 2},  {"storm", storm, 1}, {"bursts", storm_in_bursts, 1},
    {"pairs", ping_pong, 1}, {"yield", yield, 1}, {"retry", retry, 1},
};
enum { LOADS = sizeof loads / sizeof loads[0] };

/* What is measured. */

static int tick(void *arg)
{
    struct run *r = arg;
    weft_time deadline = weft_now() + PERIOD_MS * MS, now;

    while (!stopped(r)) {
        ok(weft_sleep_until(deadline), "sleep");
        now = weft_now();
        if (now < deadline)
            fail("a timer fired %" PRId64 " ns early", deadline - now);
        record(&r->timer, deadline, now);
        /* What it was late for has passed: the next is the first to come. */
        deadline += ((now - deadline) / (PERIOD_MS * MS) + 1) * PERIOD_MS * MS;
    }
    return 0;
}

static int echo(void *arg)
{
    char address[WEFT_ADDRESS_MAX], buffer[MESSAGE];
    struct run *r = arg;
    weft_listener *l;
    weft_stream *s;
    ssize_t n;

    ok(weft_tcp_listen(&l, "127.0.0.1:0", NULL), "listen");
    ok(weft_listener_address(l, address, sizeof address), "address");
    atomic_store(&r->port, (unsigned)strtoul(strrchr(address, ':') + 1, NULL, 10));
    ok(weft_accept(l, &s), "accept");
    while ((n = weft_read(s, buffer, sizeof buffer)) > 0)
        ok(weft_write_all(s, buffer, (size_t)n), "write");
    ok(n, "read");
    weft_stream_close(s);
    weft_listener_close(l);
    return 0;
}

static void *talk(void *arg)
{
    struct run *r = arg;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char out[MESSAGE], in[MESSAGE];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    atomic_store(&r->client, (pid_t)syscall(SYS_gettid));
    while (atomic_load(&r->port) == 0)
        pause_ns(MS);
    to.sin_port = htons((uint16_t)atomic_load(&r->port));
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        fail("connect: %s", strerror(errno));
    for (unsigned i = 0; !stopped(r); i++) {
        weft_time start = weft_now();

        memset(out, (int)(i % 251), sizeof out);
        if (send(fd, out, sizeof out, MSG_NOSIGNAL) != sizeof out || recv(fd, in, sizeof in, MSG_WAITALL) != sizeof in)
            fail("the echo does not answer: %s", strerror(errno));
        record(&r->echo, start, weft_now());
        if (memcmp(in, out, sizeof out) != 0)
            fail("the echo changed what was sent");
        pause_ns(5 * MS);
    }
    close(fd);
    return NULL;
}

/* The machine. */

/* How long the thread of an open schedstat has waited for a CPU, and how often it got one. They stay as they are where the file
 * or the thread is gone. */
static void run_delay(int file, int64_t *delay, int64_t *runs)
{
    char text[128];
    ssize_t n = file < 0 ? -1 : pread(file, text, sizeof text - 1, 0);
    int64_t ran, waited, slices;

    if (n <= 0)
        return;
    text[n] = '\0';
    if (sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64, &ran, &waited, &slices) != 3)
        return;
    *delay = waited;
    if (runs != NULL)
        *runs = slices;
}

static int64_t stolen(int file)
{
    char text[512];
    ssize_t n = file < 0 ? -1 : pread(file, text, sizeof text - 1, 0);
    int64_t steal;

    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (sscanf(text, "cpu %*d %*d %*d %*d %*d %*d %*d %" SCNd64, &steal) != 1)
        return 0;
    return steal * (1000000000 / sysconf(_SC_CLK_TCK));
}

static int open_schedstat(const char *tid)
{
    char path[320];

    snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", tid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Finds the runtime's threads by their names, which they may not have yet. Returns how many there were. */
static unsigned find_threads(struct machine *m)
{
    char path[320], name[32];
    DIR *d = opendir("/proc/self/task");
    unsigned found = 0;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        FILE *f;
        unsigned worker;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        if (e->d_name[0] == '.' || (f = fopen(path, "re")) == NULL)
            continue;
        if (fgets(name, sizeof name, f) != NULL) {
            int *file = NULL;

            if (sscanf(name, "weft-%u", &worker) == 1 && worker < WORKERS_MAX)
                file = &m->worker[worker];
            else if (strncmp(name, "weft-driver", 11) == 0)
                file = &m->driver;
            if (file != NULL) {
                found++;
                if (*file < 0)
                    *file = open_schedstat(e->d_name);
            }
        }
        fclose(f);
    }
    if (d != NULL)
        closedir(d);
    return found;
}

static void machine_open(struct machine *m, unsigned workers, pid_t client)
{
    char name[32];

    m->stat = open("/proc/stat", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < WORKERS_MAX; i++)
        m->worker[i] = -1;
    m->driver = -1;
    snprintf(name, sizeof name, "%d", (int)client);
    m->client = open_schedstat(name);
    m->schedstat = m->client >= 0;
    while (find_threads(m) < workers + 1)
        pause_ns(MS);
}

static void machine_close(struct machine *m)
{
    for (int i = 0; i < WORKERS_MAX; i++)
        if (m->worker[i] >= 0)
            close(m->worker[i]);
    if (m->stat >= 0)
        close(m->stat);
    if (m->driver >= 0)
        close(m->driver);
    if (m->client >= 0)
        close(m->client);
}

static void machine_look(struct machine *m, int64_t oversleep)
{
    static const struct look first;
    const struct look *before = m->n > 0 ? &m->looks[m->n - 1] : &first;
    struct look *l = &m->looks[m->n];

    if (m->n == m->capacity)
        return;
    *l = *before;
    for (int i = 0; i < WORKERS_MAX; i++)
        run_delay(m->worker[i], &l->worker[i], NULL);
    run_delay(m->driver, &l->driver, &l->driver_runs);
    run_delay(m->client, &l->client, NULL);
    l->steal = stolen(m->stat);
    l->oversleep = oversleep;
    l->at = weft_now();
    m->n++;
}

/* What the machine added to a span, in the cautious way that the top of this file explains. */
static int64_t machine_added(const struct machine *m, struct span s, bool with_client)
{
    size_t first = 0, last;
    int64_t worker = 0, oversleep = 0;

    /* The first look of which the next is later than the start: looks are some 10 ms apart, so a guess is close. */
    for (size_t lo = 0, hi = m->n; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;

        if (m->looks[mid].at <= s.from)
            first = mid, lo = mid + 1;
        else
            hi = mid;
    }
    for (last = first; last + 1 < m->n && m->looks[last].at < s.to; last++)
        if (m->looks[last + 1].oversleep > oversleep)
            oversleep = m->looks[last + 1].oversleep;
    const struct look *a = &m->looks[first], *b = &m->looks[last], *ticked = a;
    while (ticked < b && ticked->driver_runs < a->driver_runs + TICKS)
        ticked++;
    for (int i = 0; i < WORKERS_MAX; i++)
        if (b->worker[i] - a->worker[i] > worker)
            worker = b->worker[i] - a->worker[i];
    int64_t sum = worker + ticked->driver - a->driver + b->steal - a->steal;
    if (with_client)
        sum += b->client - a->client;
    return sum > oversleep ? sum : oversleep;
}

/* Measures for as long as the load runs, then stops it, and goes on until it has been told that all has ended. */
struct observer {
    struct run *run;
    atomic_bool ended;
};

static void *observe(void *arg)
{
    struct observer *o = arg;
    struct run *r = o->run;
    weft_time end, before = weft_now(), now = before;

    while (atomic_load(&r->client) == 0)
        pause_ns(MS);
    machine_open(&r->machine, r->workers, atomic_load(&r->client));
    machine_look(&r->machine, 0);
    end = weft_now() + (weft_time)(r->seconds * 1e9);
    for (;;) {
        before = weft_now();
        pause_ns(PERIOD_MS * MS);
        now = weft_now();
        machine_look(&r->machine, now - before - PERIOD_MS * MS);
        if (now >= end)
            atomic_store(&r->stop, true);
        if (atomic_load(&o->ended))
            break;
    }
    machine_close(&r->machine);
    return NULL;
}

/* Putting it together. */

static int run_task(void *arg)
{
    struct run *r = arg;
    weft_group *g = weft_group_open(NULL);

    ok(weft_spawn(g, tick, r), "spawn");
    ok(weft_spawn(g, echo, r), "spawn");
    ok(weft_sleep_ms(2 * PERIOD_MS), "sleep"); /* they have begun */
    ok(weft_spawn(g, r->load->fn, r), "spawn");
    ok(weft_group_wait(g), "wait");
    weft_group_close(g);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Prints how long the spans took; true when all were in time. */
static bool judge(const struct run *r, const char *what, const struct spans *s, bool with_client)
{
    int64_t *took = calloc(s->n + 1, sizeof *took), worst = INT64_MIN, worst_added = 0, worst_took = 0;
    size_t late = 0;

    if (took == NULL)
        fail("no memory");
    if (s->n == 0)
        fail("%s: the %s was never measured", r->load->name, what);
    for (size_t i = 0; i < s->n; i++) {
        int64_t added = machine_added(&r->machine, s->v[i], with_client);

        took[i] = s->v[i].to - s->v[i].from;
        late += took[i] - added > bound;
        if (took[i] - added > worst) {
            worst = took[i] - added;
            worst_took = took[i];
            worst_added = added;
        }
    }
    qsort(took, s->n, sizeof *took, by_value);
    printf("%-9s %2u workers  %-5s max %8.3f  p99 %8.3f  median %7.3f ms  (%zu times; less the machine's part at most "
           "%.3f = %.3f - %.3f)%s\n",
           r->load->name, r->workers, what, (double)took[s->n - 1] / 1e6, (double)took[s->n - 1 - s->n / 100] / 1e6,
           (double)took[s->n / 2] / 1e6, s->n, (double)worst / 1e6, (double)worst_took / 1e6, (double)worst_added / 1e6,
           late > 0 ? "  TOO LATE" : "");
    if (late > 0)
        printf("%-9s %zu of %zu were more than %d ms late\n", r->load->name, late, s->n, (int)(bound / MS));
    fflush(stdout);
    free(took);
    return late == 0;
}

static void on_alarm(int signal)
{
    static const char text[] = "lateness: FAILED: it hangs\n";

    (void)signal;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

static bool measure(const struct load *load, unsigned workers, double seconds)
{
    size_t capacity = (size_t)(seconds * 1000) + 100000;
    struct run r = {.load = load, .workers = workers, .seconds = seconds};
    struct observer o = {.run = &r};
    pthread_t client, observer;
    bool in_time;

    r.timer = (struct spans){.v = calloc(capacity, sizeof *r.timer.v), .capacity = capacity};
    r.echo = (struct spans){.v = calloc(capacity, sizeof *r.echo.v), .capacity = capacity};
    r.machine.capacity = (size_t)(seconds * 1000 / PERIOD_MS) + HANG_S * 1000 / PERIOD_MS;
    r.machine.looks = calloc(r.machine.capacity, sizeof *r.machine.looks);
    if (r.timer.v == NULL || r.echo.v == NULL || r.machine.looks == NULL)
        fail("no memory");
    alarm((unsigned)seconds + HANG_S);
    if (pthread_create(&client, NULL, talk, &r) != 0 || pthread_create(&observer, NULL, observe, &o) != 0)
        fail("no thread");
    ok(weft_run_with(run_task, &r, &(weft_runtime_options){.workers = workers}), "run");
    atomic_store(&o.ended, true);
    pthread_join(client, NULL);
    pthread_join(observer, NULL);
    alarm(0);
    if (!r.machine.schedstat)
        printf("no schedstat here: only the oversleep of a plain thread is subtracted\n");
    in_time = judge(&r, "timer", &r.timer, false);
    in_time &= judge(&r, "echo", &r.echo, true);
    free(r.timer.v);
    free(r.echo.v);
    free(r.machine.looks);
    return in_time;
}

static int usage(void)
{
    fprintf(stderr, "usage: lateness [--seconds S] [--workers N] [--load NAME]\nloads:");
    for (int i = 0; i < LOADS; i++)
        fprintf(stderr, " %s", loads[i].name);
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'},
        {"workers", required_argument, NULL, 'w'},
        {"load", required_argument, NULL, 'l'},
        {0},
    };
    double seconds = 30;
    unsigned workers = 0, measured = 0;
    const char *name = NULL;
    int option;
    bool in_time = true;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 's':
            seconds = strtod(optarg, NULL);
            break;
        case 'w':
            workers = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'l':
            name = optarg;
            break;
        default:
            return usage();
        }
    if (optind != argc || !(seconds > 0 && seconds <= 86400) || workers > WORKERS_MAX)
        return usage();
    if (workers == 0)
        workers = weft_cpus() < WORKERS_MAX ? weft_cpus() : WORKERS_MAX;
    const char *scale = getenv("WEFT_TEST_TIME_SCALE");
    if (scale != NULL && strtol(scale, NULL, 10) > 1)
        bound *= strtol(scale, NULL, 10);
    signal(SIGALRM, on_alarm);
    for (int i = 0; i < LOADS; i++) {
        if (name != NULL && strcmp(name, loads[i].name) != 0)
            continue;
        if (workers < loads[i].workers) {
            printf("%-9s needs %u workers: left out\n", loads[i].name, loads[i].workers);
            measured += name == NULL;
            continue;
        }
        in_time &= measure(&loads[i], workers, seconds);
        measured++;
    }
    if (measured == 0)
        return usage();
    return in_time ? 0 : 1;
}
