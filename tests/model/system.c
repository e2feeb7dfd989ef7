/* SPDX-License-Identifier: MIT */
/* What system.h puts in the place of the system, and the rest of the model's sched/platform.h: threads, mappings, an epoll
 * set, and switches of contexts, which are checked. Compiled as the explorer is, not as the code under test. */
#include "tests/model/fake.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "sched/context.h"
#include "sched/pages.h"
#include "sched/platform.h"
#include "tests/model/internal.h"

/* Things of the current run only. */
static uint64_t of_run;

/* Threads. */

struct start {
    void *(*run)(void *arg);
    void *arg;
};

static void thread_main(void *arg)
{
    struct start *s = arg;

    (void)s->run(s->arg);
}

static uint64_t refused_in;
static unsigned refused_one_in;

void model_refuse_threads(unsigned one_in)
{
    refused_in = one_in != 0 ? model_run_number() : 0;
    refused_one_in = one_in;
}

int weft__thread_start(pthread_t *thread, void *(*run)(void *), void *arg, const char *name, size_t stack_size)
{
    struct start *s;

    (void)name;
    (void)stack_size;
    if (refused_in == model_run_number() && model_choose(refused_one_in) == 0)
        return -EAGAIN;
    s = model_alloc(sizeof *s, 16);
    *s = (struct start){run, arg};
    *thread = (pthread_t)(uintptr_t)model_start("worker", thread_main, s); /* a number here, a pointer there */
    return 0;
}

void weft__thread_name(const char *name)
{
    (void)name;
}

pthread_t model_pthread_self(void)
{
    return (pthread_t)(uintptr_t)model_self();
}

int model_pthread_join(pthread_t thread, void **result)
{
    (void)result;
    model_join((unsigned)(uintptr_t)thread);
    return 0;
}

/* Mappings: kept from run to run, since they are large and most of them is never touched. */

enum { MAPPINGS = 16 };

static struct mapping {
    void *p;
    size_t size;
    uint64_t taken; /* in this run */
} mappings[MAPPINGS];

void *weft__map(size_t size)
{
    for (struct mapping *m = mappings; m < mappings + MAPPINGS; m++) {
        if (m->p == NULL) {
            m->p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (m->p == MAP_FAILED)
                model_fail("no memory for a mapping");
            m->size = size;
        }
        if (m->size == size && m->taken != model_run_number()) {
            m->taken = model_run_number();
            return m->p;
        }
    }
    model_fail("more than %d mappings", MAPPINGS);
}

void weft__unmap(void *p, size_t size)
{
    (void)p;
    (void)size;
}

unsigned weft__guard(const struct weft__ranges *r, unsigned *mapped, int *rc)
{
    *rc = 0;
    *mapped = 0;
    return r->count;
}

void weft__guards_forget(unsigned mapped)
{
    (void)mapped;
}

void weft__discard(const struct iovec *ranges, unsigned n)
{
    (void)ranges;
    (void)n;
}

void weft__populate(const struct iovec *ranges, unsigned n)
{
    (void)ranges;
    (void)n;
}

/* The epoll set: one, with edges. An edge goes to one of those that wait, and stays until somebody asks. The kernel's lock
 * orders who made it before who gets it. */

enum { DESCRIPTORS = 4 };

static struct {
    uint64_t lock; /* only for its order */
    bool event;    /* the eventfd's */
    bool ready[DESCRIPTORS];
} set;

/* Another thread may go on before a system call. */
static void enter_kernel(void)
{
    static const struct model_site site = {__FILE__, __LINE__, "system call"};

    if (of_run != model_run_number()) {
        of_run = model_run_number();
        memset(&set, 0, sizeof set);
    }
    (void)model_rmw((uintptr_t)&set.lock, sizeof set.lock, MODEL_ADD, 1, memory_order_acq_rel, &site);
}

static int collect(struct epoll_event *events, int max)
{
    int n = 0;

    enter_kernel();
    if (set.event && n < max) {
        set.event = false;
        events[n++].data.u64 = UINT64_MAX;
    }
    for (unsigned i = 0; i < DESCRIPTORS && n < max; i++)
        if (set.ready[i]) {
            set.ready[i] = false;
            events[n].events = EPOLLIN;
            events[n++].data.u64 = i;
        }
    return n;
}

static int wait_for(struct epoll_event *events, int max, int64_t deadline)
{
    int n;

    while ((n = collect(events, max)) == 0 && deadline > 0)
        if (!model_sleep(&set, deadline))
            deadline = 0;
    return n;
}

int model_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    (void)epoll;
    return wait_for(events, max,
                    timeout < 0    ? INT64_MAX
                    : timeout == 0 ? 0
                                   : model_clock() + timeout * (int64_t)1000000);
}

/* Only epoll_pwait2(2). */
long model_syscall(long number, ...)
{
    struct epoll_event *events;
    const struct timespec *t;
    va_list ap;
    int max;

    if (number != SYS_epoll_pwait2)
        model_fail("system call %ld", number);
    va_start(ap, number);
    (void)va_arg(ap, int);
    events = va_arg(ap, struct epoll_event *);
    max = va_arg(ap, int);
    t = va_arg(ap, const struct timespec *);
    va_end(ap);
    return wait_for(events, max, model_clock() + t->tv_sec * 1000000000 + t->tv_nsec);
}

/* Only to the eventfd. */
long model_write(int fd, const void *data, size_t size)
{
    (void)fd;
    (void)data;
    enter_kernel();
    set.event = true;
    (void)model_wake(&set, 1);
    return (long)size;
}

void model_make_ready(unsigned descriptor)
{
    enter_kernel();
    set.ready[descriptor] = true;
    (void)model_wake(&set, 1);
}

/* Contexts. To go over to one that has not been saved, since somebody is still on its stack, would be the end of both. */

enum { CONTEXTS = 64 };

static struct saved {
    void **place;
    bool saved;
} contexts[CONTEXTS];
static unsigned context_count;
static uint64_t contexts_of_run;

static struct saved *record_of(void **place)
{
    if (contexts_of_run != model_run_number()) {
        contexts_of_run = model_run_number();
        context_count = 0;
    }
    for (struct saved *s = contexts; s < contexts + context_count; s++)
        if (s->place == place)
            return s;
    if (context_count == CONTEXTS)
        model_fail("more than %d contexts", CONTEXTS);
    contexts[context_count].place = place;
    return &contexts[context_count++];
}

void model_context_init(struct weft__context *c, void *low, void *high, weft__context_entry *entry)
{
    weft__context_init(c, low, high, entry);
    record_of(&c->sp)->saved = true;
}

/* Notes a switch that is about to be made. */
static void note_switch(void **save, void *load)
{
    struct saved *to = NULL, *from;

    /* Saving is no atomic access, but others may well go on before it. */
    model_step();
    from = record_of(save);
    for (struct saved *s = contexts; s < contexts + context_count; s++)
        if (s->saved && *s->place == load)
            to = s;
    if (to == NULL)
        model_fail("a switch to a context that has not been saved");
    to->saved = false;
    from->saved = true;
}

void model_context_swap(void **save, void *load)
{
    note_switch(save, load);
    weft__context_swap(save, load);
}

int model_context_leave(void **save, void *load, weft__context_land *land)
{
    note_switch(save, load);
    return weft__context_leave(save, load, land);
}
