/* SPDX-License-Identifier: MIT */
/* How threads bring tasks into a runtime. They are children of the root group, whose end weft_runtime_destroy() waits for. */
#include <weft/error.h>
#include <weft/runtime.h>

#include "sched/group.h"
#include "sched/handle.h"
#include "sched/idle.h"
#include "sched/runtime.h"
#include "sched/spawn.h"

void weft__runtime_task_left(weft_runtime *rt)
{
    /* release: the runtime's end sees what the task wrote */
    if (A_SUB(&rt->entered, 1, seq_cst) == 1 && A_LOAD(&rt->stopped, seq_cst))
        weft__futex_wake(&rt->entered, 1);
}

int weft__runtime_admit(weft_runtime *rt)
{
    /* seq_cst: count, then look; weft_runtime_destroy() says that it stops, then looks at the count */
    A_ADD(&rt->entered, 1, seq_cst);
    if (!A_LOAD(&rt->stopped, seq_cst))
        return 0;
    weft__runtime_task_left(rt);
    return WEFT_ECLOSED;
}

/* Makes a task of the root group, and stores it in `*made`. */
static int make(weft_runtime *rt, weft_fn fn, void *arg, bool detached, struct weft__task **made)
{
    struct weft__task *t;
    int rc;

    if ((rc = weft__runtime_admit(rt)) < 0)
        return rc;
    if ((rc = weft__stack_credit_take(&rt->stacks[0], 1)) < 0)
        goto no_credit;
    t = weft__slab_take(&rt->tasks);
    if (t == NULL) {
        rc = WEFT_ENOMEM;
        goto no_record;
    }
    weft__task_init(t, rt, &rt->root, fn, arg, 0);
    if (detached && (rc = weft__handle_attach(t, NULL, &(struct weft__handle_wish){.detached = true})) < 0)
        goto no_handle;
    *made = t;
    return 0;

no_handle:
    A_STORE(&t->fn, NULL, relaxed); /* relaxed: for weft_tasks() */
    weft__slab_give(&rt->tasks, t);
no_record:
    weft__stack_credit_give(&rt->stacks[0], 1);
no_credit:
    weft__runtime_task_left(rt);
    return rc;
}

int weft__runtime_enter_task(weft_runtime *rt, weft_fn fn, void *arg)
{
    struct weft__task *t;
    int rc = make(rt, fn, arg, true, &t);

    if (rc == 0)
        weft__make_ready(t);
    return rc;
}

/* The same, for any thread. */
static int visit(weft_runtime *rt, weft_fn fn, void *arg, bool detached)
{
    struct weft__task *t;
    int rc;

    weft__runtime_enter(rt); /* the task may end, and the runtime with it, before we are out of here */
    rc = make(rt, fn, arg, detached, &t);
    if (rc == 0) {
        weft__inbox_push(&rt->inbox, t);
        weft__idle_notify(rt);
    }
    weft__runtime_leave(rt);
    return rc;
}

int weft_runtime_spawn(weft_runtime *rt, weft_fn fn, void *arg)
{
    return visit(rt, fn, arg, true);
}

/* Running a task for a thread. */

struct run {
    weft_fn fn;
    void *arg;
    int rc;
    struct weft__completion done;
};

/* The task: its last act is to tell the thread that waits, so what it has open is closed, and what it holds let go, first. */
static int run_task(void *arg)
{
    struct run *run = arg;
    struct weft__task *t = weft__task_self();

    run->rc = run->fn(run->arg);
    if (t->scope != &t->group->scope)
        weft__scope_close_left(t, &t->group->scope);
    weft__task_lets_go(t, __builtin_frame_address(0));
    weft__completion_tell(&run->done);
    return 0;
}

int weft_runtime_run(weft_runtime *rt, weft_fn fn, void *arg)
{
    struct run run = {.fn = fn, .arg = arg};
    int rc;

    if (weft__worker_self() != NULL)
        return WEFT_EDEADLK;
    weft__completion_init(&run.done);
    if ((rc = visit(rt, run_task, &run, false)) < 0)
        return rc;
    weft__completion_wait(&run.done);
    return run.rc;
}
