/* SPDX-License-Identifier: MIT */
/* The bias lock: two workers, and a thread that is none, exclude each other while its favourite changes. */
#include "sched/bias.h"

#include "sched/runtime.h"
#include "tests/model/explorer.h"

enum { HOLDS = 6, VISITS = 2 };

struct run {
    struct weft__bias_lock lock;
    weft_runtime *rt;
    int holds; /* plain: two holders race */
    int biased;
    _Atomic bool pause;
};

struct party {
    struct run *run;
    struct weft__worker *worker;
    int holds;
};

static void hold(void *arg)
{
    struct party *p = arg;

    for (int i = 0; i < p->holds; i++) {
        weft__bias_lock(&p->run->lock, p->worker);
        A_STORE(&p->run->pause, true, relaxed); /* here others may run */
        p->run->holds++;
        p->run->biased += p->run->lock.held_by != 0;
        weft__bias_unlock(&p->run->lock);
    }
}

static struct weft__worker *worker_of(struct run *r)
{
    struct weft__worker *w = model_alloc(sizeof *w, WEFT__CACHE_LINE);

    w->rt = r->rt;
    return w;
}

static void run(int workers, bool has_membarrier)
{
    struct run *r = model_alloc(sizeof *r, WEFT__CACHE_LINE);
    struct party p[3];
    unsigned threads[3];

    r->rt = model_alloc(sizeof *r->rt, WEFT__CACHE_LINE);
    r->rt->has_membarrier = has_membarrier;
    for (int i = 0; i < 3; i++)
        p[i] = (struct party){r, i < workers ? worker_of(r) : NULL, i < workers ? HOLDS : VISITS};
    for (int i = 0; i < 3; i++)
        threads[i] = model_start(i < workers ? "worker" : "visitor", hold, &p[i]);
    for (int i = 0; i < 3; i++)
        model_join(threads[i]);
    MODEL_CHECK(r->holds == p[0].holds + p[1].holds + p[2].holds);
    MODEL_CHECK(has_membarrier || r->biased == 0);
}

static void two_workers(void)
{
    run(2, true);
}

static void one_worker(void)
{
    run(1, true);
}

static void without_membarrier(void)
{
    run(2, false);
}

/* A worker has gone, maybe as the favourite, and the next one, of another runtime, has its address. */
static void another_at_the_same_address(void)
{
    struct run *r = model_alloc(sizeof *r, WEFT__CACHE_LINE);
    struct party p, visitor = {r, NULL, VISITS};
    unsigned thread, outside;

    r->rt = model_alloc(sizeof *r->rt, WEFT__CACHE_LINE);
    r->rt->has_membarrier = true;
    p = (struct party){r, worker_of(r), HOLDS};
    outside = model_start("visitor", hold, &visitor);
    for (int i = 0; i < 2; i++) {
        thread = model_start("worker", hold, &p);
        model_join(thread);
    }
    model_join(outside);
    MODEL_CHECK(r->holds == 2 * HOLDS + VISITS);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"two_workers", two_workers},
        {"one_worker", one_worker},
        {"without_membarrier", without_membarrier},
        {"another_at_the_same_address", another_at_the_same_address},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
