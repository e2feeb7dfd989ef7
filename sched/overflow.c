/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "sched/overflow.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sched/runtime.h"

/* The former handler runs on it too, and may print a backtrace. */
static const size_t signal_stack_size = (size_t)64 << 10;

/* The message. */

enum { NAME_SHOWN = 100 };

struct text {
    char bytes[512];
    size_t used;
};

/* The first `most` bytes of `s`. */
static void add_some(struct text *t, const char *s, size_t most)
{
    while (*s != '\0' && most-- > 0 && t->used < sizeof t->bytes)
        t->bytes[t->used++] = *s++;
}

static void add(struct text *t, const char *s)
{
    add_some(t, s, sizeof t->bytes);
}

static void add_number(struct text *t, uint64_t n, unsigned base)
{
    char digits[24];
    size_t i = sizeof digits;

    digits[--i] = '\0';
    do
        digits[--i] = "0123456789abcdef"[n % base];
    while ((n /= base) != 0);
    add(t, digits + i);
}

static void add_task(struct text *t, struct weft__task *task)
{
    if (task == NULL) {
        add(t, "weft's own code");
        return;
    }
    add(t, "the task of the function at 0x");
    add_number(t, (uintptr_t)weft__task_fn(task), 16);
    add(t, ", number ");
    add_number(t, weft__task_id(task), 10);
    if (weft__task_name(task) != NULL) {
        add(t, ", named ");
        add_some(t, weft__task_name(task), NAME_SHOWN);
    }
}

static void report(const struct weft__worker *w, const struct weft__stack *s)
{
    struct text t = {.used = 0};

    add(&t, "weft: stack overflow in ");
    add_task(&t, w->current);
    add(&t, ": its stack of ");
    add_number(&t, s->pool->promise >> 10, 10);
    add(&t, " KiB is full; stack_size in weft_task_options or weft_runtime_options asks for more\n");
    /* Nothing can be done where it cannot be written. */
    if (write(STDERR_FILENO, t.bytes, t.used) < 0)
        return;
}

/* The handler. */

enum { SIGNALS = 2 };
static const int signals[SIGNALS] = {SIGSEGV, SIGBUS};

static struct weft__lock lock; /* guards the rest; a leaf */
static unsigned users;         /* runtimes */
static bool covered[SIGNALS];  /* ours is installed, and another on top of it */
static struct sigaction former[SIGNALS];

static const struct sigaction *former_of(int signal)
{
    return &former[signal == signals[0] ? 0 : 1];
}

/* The stack into whose guard `at` points, of those that this thread may be on. */
static const struct weft__stack *overflown(const struct weft__worker *w, const void *at)
{
    const struct weft__stack *s = w->stack;

    if (s != NULL && weft__stack_guards(s, at))
        return s;
    /* A task that is just being left: w->stack is the next one's already. */
    if (w->after == WEFT__AFTER_YIELD || w->after == WEFT__AFTER_SLICE || w->after == WEFT__AFTER_PARK ||
        w->after == WEFT__AFTER_HOLD) {
        s = ((const struct weft__task *)w->after_what)->stack;
        if (weft__stack_guards(s, at))
            return s;
    }
    return NULL;
}

/* What would have happened without us. */
static void chain(int signal, siginfo_t *info, void *context)
{
    const struct sigaction *f = former_of(signal);
    bool sent = info->si_code <= 0; /* by a process; else the instruction faults again when we return to it */
    sigset_t before;

    if (!(f->sa_flags & SA_SIGINFO)) {
        if (f->sa_handler == SIG_IGN && sent)
            return;
        /* The system does not let a fault be ignored either. */
        if (f->sa_handler == SIG_DFL || f->sa_handler == SIG_IGN) {
            (void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
            if (sent)
                (void)raise(signal); /* comes when we return */
            return;
        }
    }
    (void)pthread_sigmask(SIG_BLOCK, &f->sa_mask, &before);
    if (f->sa_flags & SA_SIGINFO)
        f->sa_sigaction(signal, info, context);
    else
        f->sa_handler(signal);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    int saved = errno;
    const struct weft__worker *w = weft__worker_self();

    if (w == NULL)
        w = weft__worker_stand_in();
    if (w != NULL && info->si_code > 0) {
        const struct weft__stack *s = overflown(w, info->si_addr);

        if (s != NULL)
            report(w, s);
    }
    errno = saved;
    chain(signal, info, context);
}

static bool is_ours(const struct sigaction *act)
{
    return (act->sa_flags & SA_SIGINFO) && act->sa_sigaction == on_fault;
}

static int install(int i)
{
    struct sigaction act, now;

    if (sigaction(signals[i], NULL, &now) < 0)
        return -errno;
    if (is_ours(&now))
        return 0;
    /* The one on top may call ours: were it also the former one of ours, they would call each other for ever. Where there is none,
     * whoever covered ours is gone. */
    if (covered[i] && ((now.sa_flags & SA_SIGINFO) || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN)))
        return 0;
    covered[i] = false;
    former[i] = now; /* before the handler is there, which reads it */
    memset(&act, 0, sizeof act);
    act.sa_sigaction = on_fault;
    act.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    return sigaction(signals[i], &act, NULL) < 0 ? -errno : 0;
}

static void restore(int i)
{
    struct sigaction now;

    if (sigaction(signals[i], NULL, &now) < 0)
        return;
    covered[i] = !is_ours(&now);
    if (!covered[i])
        (void)sigaction(signals[i], &former[i], NULL);
}

int weft__overflow_install(void)
{
    int rc = 0;

    weft__lock(&lock);
    if (users == 0) {
        if ((rc = install(0)) == 0 && (rc = install(1)) < 0)
            restore(0);
    }
    users += rc == 0;
    weft__unlock(&lock);
    return rc;
}

void weft__overflow_restore(void)
{
    weft__lock(&lock);
    if (--users == 0)
        for (int i = 0; i < SIGNALS; i++)
            restore(i);
    weft__unlock(&lock);
}

/* Signal stacks. */

void *weft__signal_stack_create(void)
{
    return weft__map(signal_stack_size);
}

void weft__signal_stack_destroy(void *stack)
{
    if (stack != NULL)
        weft__unmap(stack, signal_stack_size);
}

void weft__signal_stack_enter(void *stack)
{
    stack_t now, ours = {.ss_sp = stack, .ss_size = signal_stack_size};

    /* AddressSanitizer gives each thread one, and takes it for its own when the thread ends. */
    if (stack != NULL && sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE))
        (void)sigaltstack(&ours, NULL);
}

void weft__signal_stack_leave(void *stack)
{
    stack_t now, none = {.ss_flags = SS_DISABLE};

    if (stack != NULL && sigaltstack(NULL, &now) == 0 && now.ss_sp == stack)
        (void)sigaltstack(&none, NULL);
}
