/* SPDX-License-Identifier: MIT */
#include "sched/report.h"

#include <stdio.h>
#include <string.h>

#include "sched/runtime.h"

weft_error weft__error_of(struct weft__task *t, int code)
{
    weft_error e = {.code = code, .fn = weft__task_fn(t), .task_id = weft__task_id(t)};
    const char *name = weft__task_name(t);

    if (name != NULL)
        (void)snprintf(e.task_name, sizeof e.task_name, "%s", name);
    return e;
}

/* How people may know a task. */
static void describe(const weft_error *e, char *text, size_t size)
{
    if (e->fn == NULL)
        (void)snprintf(text, size, "the body of a group");
    else if (e->task_name[0] != '\0')
        (void)snprintf(text, size, "task %s", e->task_name);
    else
        (void)snprintf(text, size, "task %llu of the function at %#llx", (unsigned long long)e->task_id,
                       (unsigned long long)(uintptr_t)e->fn);
}

/* How many errors are printed in the life of a runtime. */
enum { PRINTED_MAX = 100 };

static void print_error(weft_runtime *rt, const weft_error *e)
{
    char task[96];

    if (e->left_over)
        (void)A_ADD(&rt->left_over, 1, relaxed); /* relaxed: a number, read after all have ended */
    if (e->code >= 0 || (e->left_over && e->code == WEFT_ECANCELED))
        return;
    if (A_ADD(&rt->unheard, 1, relaxed) >= PRINTED_MAX) /* relaxed: as above */
        return;
    describe(e, task, sizeof task);
    (void)fprintf(stderr, "weft: %s failed: %s (%d)\n", task, weft_strerror(e->code), e->code);
}

void weft__report_error(weft_runtime *rt, const weft_error *e)
{
    if (rt->on_error != NULL)
        rt->on_error(e, rt->on_error_arg);
    else
        print_error(rt, e);
}

void weft__report_rest(weft_runtime *rt)
{
    unsigned n = A_LOAD(&rt->left_over, relaxed), unheard = A_LOAD(&rt->unheard, relaxed);

    if (unheard > PRINTED_MAX)
        (void)fprintf(stderr, "weft: %u more errors of tasks were not printed\n", unheard - PRINTED_MAX);

    if (n > 0)
        (void)fprintf(stderr, "weft: %u detached task%s still running at the end, and canceled\n", n,
                      n == 1 ? " was" : "s were");
}

void weft__report_misuse(struct weft__task *t, const char *what)
{
    weft_error e;
    char task[96];

    if (!t->rt->debug)
        return;
    e = weft__error_of(t, 0);
    describe(&e, task, sizeof task);
    (void)fprintf(stderr, "weft: %s %s\n", task, what);
}
