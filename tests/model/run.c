/* SPDX-License-Identifier: MIT */
/* One run: its threads, and who goes on. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "sched/context.h"
#include "tests/model/internal.h"

enum {
    STACK = 256 << 10,
    STACK_GUARD = 16 << 10,
    STEPS_MAX = 200000,  /* more is a livelock */
    IN_A_ROW_MAX = 1000, /* steps of one thread while others could run, under PCT */
    CHANGES_MAX = 6,     /* places where priorities change */
    TICK_NS = 500,       /* of the clock, at each look */
};

enum state { READY, ASLEEP, QUIET, ENDED };

struct thread {
    struct weft__context context;
    const char *name;
    void (*run)(void *arg);
    void *arg;
    void *local;
    enum state state;
    const volatile void *key; /* what it sleeps on */
    int64_t deadline;
    bool timed_out;
    int64_t priority;
};

static struct thread threads[MODEL_THREADS];
static char *stacks[MODEL_THREADS]; /* made once */
static unsigned count, current;
static uint64_t random_state, steps, run_number;
static int64_t now;
static struct weft__context driver;
static struct model_result *result;

/* The strategy of this run. */
static unsigned staleness;
static unsigned switch_chance; /* in 256; 0: PCT */
static uint64_t change_at[CHANGES_MAX];
static unsigned changes;
static int64_t lowest; /* priority */
static unsigned in_a_row;

/* Chance. */

static uint64_t next_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u; /* Steele, Lea, Flood, "Fast Splittable PRNGs" (2014) */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

unsigned model_choose(unsigned n)
{
    return (unsigned)(next_random() >> 33) % n;
}

bool model_chance(unsigned n)
{
    return n > 0 && next_random() >> 56 < n;
}

unsigned model_staleness(void)
{
    return staleness;
}

bool model_has_company(void)
{
    return count > 1;
}

unsigned model_thread_count(void)
{
    return count;
}

unsigned model_self(void)
{
    return current;
}

uint64_t model_run_number(void)
{
    return run_number;
}

void **model_local(void)
{
    return &threads[current].local;
}

static void draw_strategy(uint64_t seed)
{
    static const unsigned stale[] = {0, 16, 64, 160}, chances[] = {128, 64, 32, 8};

    random_state = seed * 0x2545f4914f6cdd1du + 1;
    staleness = stale[model_choose(4)];
    switch_chance = seed % 2 == 0 ? chances[model_choose(4)] : 0;
    changes = model_choose(CHANGES_MAX + 1);
    lowest = 0;
    in_a_row = 0;
    /* The length of a run is not known beforehand: so all lengths between 64 and 2048 steps are as likely. */
    for (unsigned i = 0, length = 64u << model_choose(6); i < changes; i++)
        change_at[i] = 1 + model_choose(length);
}

/* Who goes on. */

static void go(unsigned next)
{
    struct thread *from = &threads[current];

    if (next == current)
        return;
    current = next;
    weft__context_switch(&from->context, &threads[next].context);
}

static unsigned ready(unsigned list[MODEL_THREADS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++)
        if (threads[i].state == READY)
            list[n++] = i;
    return n;
}

static unsigned highest(const unsigned *list, unsigned n)
{
    unsigned best = list[0];

    for (unsigned i = 1; i < n; i++)
        if (threads[list[i]].priority > threads[best].priority)
            best = list[i];
    return best;
}

/* Nobody can run: lets time go on, or the one that waits for this. */
static unsigned wake_somebody(void)
{
    struct thread *first = NULL;

    for (unsigned i = 0; i < count; i++)
        if (threads[i].state == ASLEEP && threads[i].deadline != INT64_MAX &&
            (first == NULL || threads[i].deadline < first->deadline))
            first = &threads[i];
    if (first != NULL) {
        if (now < first->deadline)
            now = first->deadline;
        first->timed_out = true;
        first->state = READY;
        return (unsigned)(first - threads);
    }
    for (unsigned i = 0; i < count; i++)
        if (threads[i].state == QUIET) {
            threads[i].state = READY;
            for (unsigned other = 0; other < count; other++)
                if (other != i)
                    model_memory_joined(i, other);
            return i;
        }
    model_fail("all threads sleep: a deadlock, or a wake-up that was lost");
}

/* The calling thread cannot go on. */
static void leave(void)
{
    unsigned list[MODEL_THREADS], n = ready(list);

    if (n == 0)
        go(wake_somebody());
    else
        go(switch_chance > 0 ? list[model_choose(n)] : highest(list, n));
}

static bool is_quiet;

void model_quiet(bool quiet)
{
    is_quiet = quiet;
}

void model_step(void)
{
    unsigned list[MODEL_THREADS], n;

    if (count == 1 || is_quiet)
        return;
    if (++steps > STEPS_MAX)
        model_fail("%d steps and no end: a livelock", STEPS_MAX);
    if (switch_chance > 0) {
        if (model_chance(switch_chance) && (n = ready(list)) > 1)
            go(list[model_choose(n)]);
        return;
    }
    for (unsigned i = 0; i < changes; i++)
        if (change_at[i] == steps)
            threads[current].priority = --lowest;
    n = ready(list);
    if (n > 1 && ++in_a_row > IN_A_ROW_MAX)
        threads[current].priority = --lowest;
    n = highest(list, n);
    if (n != current)
        in_a_row = 0;
    go(n);
}

void model_spin(void)
{
    unsigned list[MODEL_THREADS], n = 0;

    if (count > 1 && ++steps > STEPS_MAX)
        model_fail("%d steps and no end: a livelock", STEPS_MAX);
    threads[current].priority = --lowest;
    for (unsigned i = 0; i < count; i++)
        if (i != current && threads[i].state == READY)
            list[n++] = i;
    if (n > 0)
        go(switch_chance > 0 ? list[model_choose(n)] : highest(list, n));
}

void model_pause(void)
{
    for (unsigned i = model_choose(8); i > 0; i--)
        model_spin();
}

/* Threads. */

static void thread_main(void)
{
    struct thread *t = &threads[current];

    weft__context_entered();
    t->run(t->arg);
    t->state = ENDED;
    if (current == 0) {
        for (unsigned i = 1; i < count; i++)
            if (threads[i].state != ENDED)
                model_fail("the case has ended before its thread %u", i);
        weft__context_switch(&t->context, &driver);
    }
    (void)model_wake(t, MODEL_THREADS);
    leave();
    __builtin_unreachable();
}

unsigned model_start(const char *name, void (*run)(void *arg), void *arg)
{
    struct thread *t = &threads[count];

    if (count == MODEL_THREADS)
        model_fail("more than %d threads", MODEL_THREADS);
    memset(t, 0, sizeof *t);
    t->name = name;
    t->run = run;
    t->arg = arg;
    t->priority = 1 + (int64_t)(next_random() >> 32);
    weft__context_init(&t->context, stacks[count] + STACK_GUARD, stacks[count] + STACK, thread_main);
    if (count > 0)
        model_memory_started(current, count);
    return count++;
}

void model_join(unsigned thread)
{
    model_step();
    while (threads[thread].state != ENDED)
        (void)model_sleep(&threads[thread], INT64_MAX);
    model_memory_joined(current, thread);
}

bool model_sleep(const volatile void *key, int64_t deadline)
{
    struct thread *t = &threads[current];

    t->key = key;
    t->deadline = deadline;
    t->timed_out = false;
    t->state = ASLEEP;
    leave();
    return !t->timed_out;
}

unsigned model_wake(const volatile void *key, unsigned n)
{
    unsigned woken = 0;

    /* Whom a wake of one finds is not for its sender to say. */
    for (unsigned i = 0, first = model_choose(count); i < count && woken < n; i++) {
        struct thread *t = &threads[(first + i) % count];

        if (t->state == ASLEEP && t->key == key) {
            t->state = READY;
            woken++;
        }
    }
    return woken;
}

void model_wait_quiet(void)
{
    threads[current].state = QUIET;
    leave();
}

int64_t model_clock(void)
{
    return now += model_choose(TICK_NS);
}

/* Runs. */

static void finish(void)
{
    struct weft__context left;

    weft__context_switch(&left, &driver);
    __builtin_unreachable();
}

_Noreturn void model_fail(const char *format, ...)
{
    va_list ap;

    result->failed = true;
    va_start(ap, format);
    (void)vsnprintf(result->message, sizeof result->message, format, ap);
    va_end(ap);
    finish();
    __builtin_unreachable();
}

const char *model_threads_text(void)
{
    static const char *const states[] = {"ready", "asleep", "waits for quiet", "ended"};
    static char text[1024];
    size_t used = 0;

    for (unsigned i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "  thread %u (%s): %s%s\n", i, threads[i].name,
                                 states[threads[i].state], i == current ? ", running last" : "");
    return text;
}

static void run_case(void *arg)
{
    const struct model_case *c = arg;

    c->run();
}

void model_run(const struct model_case *c, uint64_t seed, struct model_result *r)
{
    struct model_case copy = *c;

    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (stacks[i] == NULL) {
            stacks[i] = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (stacks[i] == MAP_FAILED || mprotect(stacks[i], STACK_GUARD, PROT_NONE) < 0) {
                r->failed = true;
                (void)snprintf(r->message, sizeof r->message, "no memory for stacks");
                return;
            }
        }
    memset(r, 0, sizeof *r);
    result = r;
    run_number++;
    count = 0;
    current = 0;
    steps = 0;
    now = 1;
    draw_strategy(seed);
    model_trace_begin();
    model_memory_begin();
    (void)model_start(c->name, run_case, &copy);
    weft__context_switch(&driver, &threads[0].context);
    for (unsigned i = 0; i < count; i++)
        weft__context_fini(&threads[i].context);
    r->steps = steps;
}
