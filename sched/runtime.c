/* SPDX-License-Identifier: MIT */
#include "sched/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>

#include "sched/cancel.h"
#include "sched/group.h"
#include "sched/handle.h"
#include "sched/options.h"
#include "sched/overflow.h"
#include "sched/park.h"
#include "sched/report.h"

/* Creating and destroying. */

/* The environment's WEFT_WORKERS, where it is a number in range, or else the usable CPUs. */
static unsigned default_workers(void)
{
    const char *text = getenv("WEFT_WORKERS");
    char *end;
    long n;

    if (text != NULL && *text != '\0') {
        n = strtol(text, &end, 10);
        if (*end == '\0' && n > 0 && n <= WEFT_WORKERS_MAX)
            return (unsigned)n;
    }
    n = (long)weft_cpus();
    return n < WEFT_WORKERS_MAX ? (unsigned)n : WEFT_WORKERS_MAX;
}

/* Lets the first `n` workers leave, and waits for their threads. */
static void join_workers(weft_runtime *rt, unsigned n)
{
    A_STORE(&rt->stopping, true, seq_cst); /* pairs with the last look of a sleeper in weft__runtime_has_work() */
    weft__idle_wake_all(rt);
    for (unsigned i = 0; i < n; i++)
        (void)pthread_join(rt->workers[i].thread, NULL);
}

static int start_workers(weft_runtime *rt)
{
    for (unsigned i = 0; i < rt->workers_count; i++) {
        char name[16];
        int rc;

        (void)snprintf(name, sizeof name, "weft-%u", i % 100000);
        rc = weft__thread_start(&rt->workers[i].thread, weft__worker_main, &rt->workers[i], name, (size_t)128 << 10);
        if (rc < 0) {
            join_workers(rt, i);
            return rc;
        }
    }
    return 0;
}

/* Frees what init() made; takes a record that it left half made. */
static void fini(weft_runtime *rt)
{
    for (unsigned i = 0; rt->workers != NULL && i < rt->workers_count; i++)
        weft__worker_fini(&rt->workers[i]);
    weft__free(rt->workers);
    if (rt->names_overflows)
        weft__overflow_restore();
    weft__idle_fini(&rt->idle);
    weft__stack_pools_fini(rt->stacks);
    weft__slab_fini(&rt->tasks);
    weft__slab_fini(&rt->groups);
    weft__slab_fini(&rt->scopes);
    weft__slab_fini(&rt->handles);
    weft__calls_fini(&rt->calls);
    weft__free(rt);
}

/* The environment's WEFT_DEBUG, when it is neither empty nor 0. */
static bool debug_is_asked_for(void)
{
    const char *text = getenv("WEFT_DEBUG");

    return text != NULL && *text != '\0' && strcmp(text, "0") != 0;
}

static int init(weft_runtime *rt, const weft_runtime_options *o)
{
    size_t promise = o->stack_size != 0 ? (o->stack_size + 4095) & ~(size_t)4095 : WEFT__STACK_DEFAULT;
    int rc;

    weft__slab_init(&rt->tasks, sizeof(struct weft__task));
    weft__slab_init(&rt->groups, sizeof(weft_group));
    weft__slab_init(&rt->scopes, sizeof(weft_scope));
    weft__slab_init(&rt->handles, sizeof(weft_task));
    rt->on_error = o->on_error;
    rt->on_error_arg = o->on_error_arg;
    rt->debug = o->debug || debug_is_asked_for();
    weft__pool_init(&rt->blocking,
                    &(weft_pool_options){.threads = o->blocking_threads, .idle_ms = o->blocking_idle_ms});
    weft__calls_init(&rt->calls);
    A_STORE(&rt->cancel_epoch, 1, relaxed); /* relaxed: not shared yet, here and below */
    rt->has_membarrier = weft__membarrier_works();
    rt->workers_count = o->workers != 0 ? o->workers : default_workers();
    if ((rc = weft__idle_init(&rt->idle, rt->workers_count)) < 0)
        return rc;
    if ((rc = weft__stack_pools_init(rt->stacks, promise, rt->workers_count, weft__worker_entry)) < 0)
        return rc;
    if (!o->no_fault_handler) {
        if ((rc = weft__overflow_install()) < 0)
            return rc;
        rt->names_overflows = true;
    }
    rt->workers = weft__alloc_aligned(rt->workers_count * sizeof(struct weft__worker));
    if (rt->workers == NULL)
        return WEFT_ENOMEM;
    for (unsigned i = 0; i < rt->workers_count; i++)
        if ((rc = weft__worker_init(&rt->workers[i], rt, i)) < 0)
            return rc;
    return 0;
}

int weft__runtime_create(weft_runtime **out, const weft_runtime_options *options, const struct weft__io_ops *ops)
{
    static const weft_runtime_options defaults;
    weft_runtime *rt;
    int rc;

    *out = NULL;
    if (options == NULL)
        options = &defaults;
    if (weft__worker_self() != NULL)
        return WEFT_EDEADLK;
    if (options->workers > WEFT_WORKERS_MAX || options->stack_size > WEFT__STACK_DEFAULT_MAX ||
        !WEFT__RESERVED_ARE_ZERO(options))
        return WEFT_EINVAL;
    rt = weft__alloc_aligned(sizeof *rt);
    if (rt == NULL)
        return WEFT_ENOMEM;
    if ((rc = init(rt, options)) < 0)
        goto no_init;
    rt->ops = ops;
    if ((rc = ops->open(rt, &rt->io)) < 0)
        goto no_init;
    if ((rc = start_workers(rt)) < 0)
        goto no_workers;
    *out = rt;
    return 0;

no_workers:
    ops->close(rt->io);
no_init:
    fini(rt);
    return rc;
}

void weft_runtime_stop(weft_runtime *rt)
{
    A_STORE(&rt->stopped, true, seq_cst); /* pairs with admit() in enter.c */
    (void)weft__cancel(rt, &rt->root.scope, WEFT_REASON_SHUTDOWN);
}

void weft_runtime_destroy(weft_runtime *rt)
{
    unsigned turns = 0;
    uint32_t left;

    if (rt == NULL)
        return;
    weft_runtime_stop(rt);
    /* seq_cst pairs with admit() in enter.c; acquire of what the tasks wrote */
    while ((left = A_LOAD(&rt->entered, seq_cst)) != 0)
        weft__futex_wait(&rt->entered, left, WEFT_NEVER);
    join_workers(rt, rt->workers_count);
    weft__pool_fini(&rt->blocking);
    while (A_LOAD(&rt->visitors, acquire) != 0)
        weft__spin(&turns);
    rt->ops->close(rt->io);
    weft__report_rest(rt);
    fini(rt);
}

unsigned weft_runtime_workers(const weft_runtime *rt)
{
    return rt->workers_count;
}

weft_runtime *weft_runtime_current(void)
{
    struct weft__task *t = weft__task_self();

    return t != NULL ? t->rt : NULL;
}

void weft__runtime_interrupt(weft_runtime *rt)
{
    A_STORE(&rt->interrupted, true, release); /* pairs with the exchange in weft__monitor_wake() */
    rt->ops->wake_driver(rt->io);
}

/* Looking over all workers. */

bool weft__runtime_has_work(weft_runtime *rt, bool fresh)
{
    if (!weft__inbox_seems_empty(&rt->inbox) || A_LOAD(&rt->stopping, seq_cst))
        return true;
    for (unsigned i = 0; i < rt->workers_count; i++)
        if (weft__worker_has_work(&rt->workers[i], fresh))
            return true;
    return false;
}

weft_time weft__runtime_earliest_timer(weft_runtime *rt)
{
    weft_time earliest = A_LOAD(&rt->calls.retry_at, seq_cst); /* as below */

    for (unsigned i = 0; i < rt->workers_count; i++) {
        weft_time t = A_LOAD(&rt->workers[i].timers.earliest, seq_cst); /* pairs with publish() in timer.c */

        if (t < earliest)
            earliest = t;
    }
    return earliest;
}

unsigned weft__runtime_run_timers(weft_runtime *rt)
{
    weft_time now;
    unsigned fired = 0;

    if (weft__runtime_earliest_timer(rt) == WEFT_NEVER)
        return 0;
    now = weft__clock();
    for (unsigned i = 0; i < rt->workers_count; i++)
        /* relaxed: a hint, what is due is found under the lock */
        if (A_LOAD(&rt->workers[i].timers.earliest, relaxed) <= now)
            fired += weft__timers_run(&rt->workers[i].timers, now);
    fired += weft__calls_retry(rt, now);
    if (fired > 0)
        WEFT__COUNT(rt, timers, fired);
    return fired;
}
