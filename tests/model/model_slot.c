/* SPDX-License-Identifier: MIT */
/* The hand-off slot: its worker fills it and takes from it, the monitor takes at any time. Each task comes out once. */
#include "sched/slot.h"

#include "sched/task.h"
#include "tests/model/explorer.h"

enum { TASKS = 5, LOOKS = 3 };

struct run {
    struct weft__slot slot;
    bool has_membarrier;
    struct weft__task *tasks[TASKS];
    int taken[TASKS]; /* plain: two takers of one task race */
};

/* A task's `arg` is its number, written before it is put: plain, as a saved context is. */
static void count(struct run *r, struct weft__task *t)
{
    if (t == NULL)
        return;
    MODEL_CHECK(++r->taken[(uintptr_t)t->arg] == 1);
    model_free(t);
}

static void work(void *arg)
{
    struct run *r = arg;

    for (unsigned i = 0; i < TASKS; i++) {
        struct weft__task *t = model_alloc(sizeof *t, WEFT__CACHE_LINE);

        t->arg = (void *)(uintptr_t)i;
        count(r, weft__slot_put(&r->slot, t));
        if (i % 3 != 0)
            count(r, weft__slot_take(&r->slot));
    }
}

static void watch(void *arg)
{
    struct run *r = arg;

    for (int i = 0; i < LOOKS; i++)
        count(r, weft__slot_take_from_outside(&r->slot, r->has_membarrier));
}

static void run(bool has_membarrier)
{
    struct run *r = model_alloc(sizeof *r, WEFT__CACHE_LINE);
    unsigned worker, monitor;

    r->has_membarrier = has_membarrier;
    if (!has_membarrier)
        weft__slot_bar(&r->slot);
    worker = model_start("worker", work, r);
    monitor = model_start("monitor", watch, r);
    model_join(worker);
    model_join(monitor);
    count(r, weft__slot_take(&r->slot));
    for (unsigned i = 0; i < TASKS; i++)
        MODEL_CHECK(r->taken[i] == 1);
}

static void once(void)
{
    run(true);
}

static void without_membarrier(void)
{
    run(false);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {{"once", once}, {"without_membarrier", without_membarrier}};

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
