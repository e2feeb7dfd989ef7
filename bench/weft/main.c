/* SPDX-License-Identifier: MIT */
/*
 * weft-bench CASE [N]: runs one case and prints its figure as `name value`.
 * weft-bench --count ITERATIONS CASE [N]: does the work so many times without timing it, for tools that count.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

typedef struct bench_case {
    const char *name;
    const char *number; /* what N means; NULL: the case takes none */
    uint64_t preset, least, most;
    bench_case_fn run;
    const char *text;
    bool counts; /* --count applies: the work is an iteration that can be repeated */
} bench_case;

/* A number without a preset has to be given. */
#define NO_PRESET UINT64_MAX
#define COUNT_MAX 1000000000000

static const bench_case cases[] = {
    {"spawn", "TASKS", 1000, 1, 10000000, bench_spawn, "spawn empty tasks into one group and wait; ns a task", true},
    {"spawn1", NULL, 0, 0, 0, bench_spawn1, "spawn one empty task and wait; ns", true},
    {"yield", "TASKS", 100, 1, 1000000, bench_yield, "tasks that only yield; ns a yield", true},
    {"pingpong", NULL, 0, 0, 0, bench_pingpong, "two tasks, two channels of capacity 1; ns a round trip", true},
    {"mpmc", NULL, 0, 0, 0, bench_mpmc, "4 producers, 4 consumers, capacity 256; ns a message", true},
    {"select", NULL, 0, 0, 0, bench_select, "one task sends to 8 channels in turn, one selects; ns a select", true},
    {"mutex", NULL, 0, 0, 0, bench_mutex, "8 tasks lock and unlock one mutex; ns a lock", true},
    {"lock", NULL, 0, 0, 0, bench_lock, "one task locks and unlocks a mutex; ns", true},
    {"semaphore", NULL, 0, 0, 0, bench_semaphore, "acquire and release a semaphore, alone; ns", true},
    {"semaphores", NULL, 0, 0, 0, bench_semaphores, "the same by 8 tasks with 2 permits; ns", true},
    {"wakeall", "TASKS", 10000, 1, 10000000, bench_wakeall, "tasks woken by an event, again and again; ns a task",
     true},
    {"broadcast", "RECEIVERS", 1000, 1, 1000000, bench_broadcast, "one sender, capacity 16; ns a delivery", true},
    {"fib", "K", 27, 2, 40, bench_fib, "fork-join by groups, no cut-off; ns of wall time a spawn", true},
#ifdef BENCH_HAS_JOIN
    {"joinfib", "K", 27, 2, 40, bench_joinfib, "fork-join by weft_join(), no cut-off; ns of wall time a join", true},
#endif
    {"skynet", "LEAVES", 1000000, 10, 100000000, bench_skynet, "a tree of tasks with ten children each, summed; ms",
     true},
    {"sleepers", "TASKS", 100000, 1, 10000000, bench_sleepers, "tasks asleep at once; resident bytes a task", true},
    {"spawn_wait_all", "TASKS", 1000, 1, 10000000, bench_spawn_wait_all,
     "the same as spawn in a group that waits for all; ns", true},
    {"spawn_limited", "TASKS", 1000, 1, 10000000, bench_spawn_limited, "tasks in a group of at most 10 alive; ns",
     true},
    {"spawn_named", "TASKS", 1000, 1, 10000000, bench_spawn_named, "tasks with a name each; ns", true},
    {"spawn_copied", "TASKS", 1000, 1, 10000000, bench_spawn_copied, "tasks with a copied argument each; ns", true},
    {"spawn_high", "TASKS", 1000, 1, 10000000, bench_spawn_high, "tasks of high priority; ns", true},
    {"spawn_handle", "TASKS", 1000, 1, 10000000, bench_spawn_handle, "tasks with a handle each, released; ns", true},
    {"spawn_local", "TASKS", 1000, 1, 10000000, bench_spawn_local, "tasks that inherit a task-local; ns", true},
    {"spawn_started", "TASKS", 1000, 1, 10000000, bench_spawn_started,
     "tasks started with a ready signal, one by one; ns", true},
    {"spawn_detached", "TASKS", 1000, 1, 10000000, bench_spawn_detached, "tasks detached; ns", true},
    {"scope", "TASKS", 1000, 1, 10000000, bench_scope, "open and close a scope; ns", true},
    {"scope_deadline", "TASKS", 1000, 1, 10000000, bench_scope_deadline, "with a deadline; ns", true},
    {"scope_shield", "TASKS", 1000, 1, 10000000, bench_scope_shield, "a shield; ns", true},
    {"scope_reschedule", "TASKS", 1000, 1, 10000000, bench_scope_reschedule, "move a deadline; ns", true},
    {"http", "PORT", NO_PRESET, 0, 65535, bench_http, "the fixed answer to whatever is read; serves until SIGINT",
     false},
    {"echo", "PORT", NO_PRESET, 0, 65535, bench_echo, "what is read is written back; serves until SIGINT", false},
};

#define CASES (sizeof cases / sizeof cases[0])

static void list(FILE *out)
{
    for (size_t i = 0; i < CASES; i++) {
        const bench_case *c = &cases[i];
        char use[32];
        if (c->number == NULL)
            snprintf(use, sizeof use, "%s", c->name);
        else
            snprintf(use, sizeof use, c->preset == NO_PRESET ? "%s %s" : "%s [%s]", c->name, c->number);
        fprintf(out, "%-18s %s", use, c->text);
        if (c->number != NULL && c->preset != NO_PRESET)
            fprintf(out, "; preset %llu", (unsigned long long)c->preset);
        fputc('\n', out);
    }
}

static int usage(void)
{
    fputs("usage: weft-bench [--count ITERATIONS] CASE [N] | --list\n", stderr);
    list(stderr);
    return 2;
}

static const bench_case *find(const char *name)
{
    for (size_t i = 0; i < CASES; i++)
        if (strcmp(cases[i].name, name) == 0)
            return &cases[i];
    return NULL;
}

/* Zero means every CPU, as for the peers. */
static unsigned workers_wanted(void)
{
    const char *text = getenv("WEFT_WORKERS");
    unsigned n = 0;
    if (text != NULL && *text != '\0')
        n = (unsigned)bench_number("WEFT_WORKERS", text, 0, WEFT_WORKERS_MAX);
    return n != 0 ? n : weft_cpus();
}

typedef struct run_arg {
    const bench_case *which;
    uint64_t n;
} run_arg;

static int run_case(void *p)
{
    const run_arg *arg = p;
    return arg->which->run(arg->n);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list(stdout);
        return 0;
    }
    bool count = argc >= 3 && strcmp(argv[1], "--count") == 0;
    if (count) {
        bench_count(bench_number("ITERATIONS", argv[2], 1, COUNT_MAX));
        argc -= 2;
        argv += 2;
    }
    const bench_case *c = argc >= 2 ? find(argv[1]) : NULL;
    if (c == NULL || argc > (c->number != NULL ? 3 : 2) || (argc == 2 && c->preset == NO_PRESET) ||
        (count && !c->counts))
        return usage();

    run_arg arg = {.which = c, .n = argc == 3 ? bench_number(c->number, argv[2], c->least, c->most) : c->preset};
    weft_runtime_options options = {.workers = workers_wanted()};
    int rc = weft_run_with(run_case, &arg, &options);
    /* A server ends by SIGINT, which is no failure of it. */
    if (rc == WEFT_ECANCELED && c->preset == NO_PRESET)
        rc = 0;
    bench_check(rc, c->name);
    return 0;
}
