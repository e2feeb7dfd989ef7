/* SPDX-License-Identifier: MIT */
/* The inbox: two threads push, two take; each task comes out once, and those of one pusher in its order. */
#include "sched/inbox.h"

#include "tests/model/explorer.h"

enum { EACH = 4, PUSHERS = 2, TAKERS = 2, LOOKS = 3 };

struct run {
    struct weft__inbox inbox;
    struct weft__task *tasks[PUSHERS][EACH];
    int taken[PUSHERS][EACH]; /* plain: two takers of one task race */
};

struct party {
    struct run *run;
    unsigned index;
};

/* A task's `arg` is its number, written before the push, as `next` is in it: both are plain. */
static void push(void *arg)
{
    struct party *p = arg;

    for (unsigned i = 0; i < EACH; i++) {
        struct weft__task *t = model_alloc(sizeof *t, WEFT__CACHE_LINE);

        t->arg = (void *)(uintptr_t)(p->index * EACH + i + 1);
        weft__inbox_push(&p->run->inbox, t);
    }
}

static unsigned take_all(struct run *r, unsigned last[PUSHERS])
{
    unsigned n = 0;

    for (struct weft__task *t = weft__inbox_take(&r->inbox), *next; t != NULL; t = next, n++) {
        unsigned number = (unsigned)(uintptr_t)t->arg - 1, of = number / EACH, i = number % EACH;

        MODEL_CHECK(number < PUSHERS * EACH);
        MODEL_CHECK(++r->taken[of][i] == 1);
        MODEL_CHECK(i >= last[of]);
        last[of] = i + 1;
        next = t->next;
        model_free(t);
    }
    return n;
}

static void take(void *arg)
{
    struct party *p = arg;
    unsigned last[PUSHERS] = {0};

    for (int i = 0; i < LOOKS; i++)
        (void)take_all(p->run, last);
}

static void everything_once(void)
{
    struct run *r = model_alloc(sizeof *r, WEFT__CACHE_LINE);
    struct party *parties = model_alloc((PUSHERS + TAKERS) * sizeof *parties, WEFT__CACHE_LINE);
    unsigned threads[PUSHERS + TAKERS], last[PUSHERS] = {0};

    for (unsigned i = 0; i < PUSHERS + TAKERS; i++) {
        parties[i] = (struct party){r, i};
        threads[i] = model_start(i < PUSHERS ? "pusher" : "taker", i < PUSHERS ? push : take, &parties[i]);
    }
    for (unsigned i = 0; i < PUSHERS + TAKERS; i++)
        model_join(threads[i]);
    (void)take_all(r, last);
    MODEL_CHECK(weft__inbox_seems_empty(&r->inbox));
    for (unsigned of = 0; of < PUSHERS; of++)
        for (unsigned i = 0; i < EACH; i++)
            MODEL_CHECK(r->taken[of][i] == 1);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {{"everything_once", everything_once}};

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
