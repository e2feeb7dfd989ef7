/* SPDX-License-Identifier: MIT */
/* The count of a group: the owner sees what all children wrote, one wakes it, and after it nobody touches the group. */
#include "sched/children.h"

#include "sched/platform.h"
#include "tests/model/explorer.h"

enum { CHILDREN = 5, ROUNDS = 2 };

/* The owner's record, which outlives the group, as a task does. */
struct owner {
    _Atomic uint32_t wakes;
    unsigned waited;
};

struct group {
    struct owner *owner;
    _Atomic int64_t pending;
    int64_t spawned;       /* by the owner */
    int results[CHILDREN]; /* plain: the owner must not read them before their writers have ended */
    unsigned threads[CHILDREN];
    _Atomic unsigned numbers; /* that were given out */
};

struct child {
    struct group *group;
    unsigned number;
    bool has_child; /* it spawns another */
};

static void child_main(void *arg);

static struct child *child_new(struct group *g, bool has_child)
{
    struct child *c = model_alloc(sizeof *c, 8);

    c->group = g;
    c->number = A_ADD(&g->numbers, 1, relaxed);
    c->has_child = has_child;
    return c;
}

static void child_main(void *arg)
{
    struct child *c = arg;
    struct group *g = c->group;
    struct owner *o = g->owner;

    if (c->has_child) {
        weft__children_add(&g->pending);
        (void)model_start("grandchild", child_main, child_new(g, false));
    }
    g->results[c->number] = 1;
    if (weft__children_end(&g->pending)) {
        (void)A_ADD(&o->wakes, 1, release);
        weft__futex_wake(&o->wakes, 1);
    }
}

static struct group *group_new(struct owner *o)
{
    struct group *g = model_alloc(sizeof *g, WEFT__CACHE_LINE);

    g->owner = o;
    return g;
}

static void spawn(struct group *g, bool has_child)
{
    g->spawned++;
    (void)model_start("child", child_main, child_new(g, has_child));
}

/* As join() in sched/group.c. `inlined`: children that the owner has run itself. */
static void wait(struct group *g, int64_t inlined)
{
    struct owner *o = g->owner;
    int64_t left = g->spawned - inlined;

    g->spawned = 0;
    if (weft__children_settled(&g->pending, left))
        return;
    if (weft__children_wait(&g->pending, left)) {
        o->waited++;
        while (A_LOAD(&o->wakes, acquire) != o->waited)
            weft__futex_wait(&o->wakes, o->waited - 1, INT64_MAX);
    }
    for (unsigned i = 0, n = A_LOAD(&g->numbers, relaxed); i < n; i++)
        MODEL_CHECK(g->results[i] == 1);
}

/* All threads end, and nobody woke the owner but once for each wait. */
static void end(struct owner *o)
{
    model_wait_quiet();
    MODEL_CHECK(A_LOAD(&o->wakes, relaxed) == o->waited);
}

static struct owner *owner_new(void)
{
    return model_alloc(sizeof(struct owner), WEFT__CACHE_LINE);
}

static void children(void)
{
    struct owner *o = owner_new();
    struct group *g = group_new(o);

    for (int i = 0; i < 4; i++)
        spawn(g, false);
    wait(g, 0);
    model_free(g);
    end(o);
}

/* Some are run by the owner itself, and so never counted. */
static void inlined(void)
{
    struct owner *o = owner_new();
    struct group *g = group_new(o);
    int64_t own = 0;

    for (int i = 0; i < 4; i++)
        if (model_choose(2) == 0) {
            g->spawned++;
            own++;
        } else {
            spawn(g, false);
        }
    wait(g, own);
    model_free(g);
    end(o);
}

/* Children spawn into the group that they are of, while the owner waits. */
static void children_spawn(void)
{
    struct owner *o = owner_new();
    struct group *g = group_new(o);

    spawn(g, true);
    spawn(g, true);
    spawn(g, false);
    wait(g, 0);
    model_free(g);
    end(o);
}

/* A group that has been waited for takes more. */
static void twice(void)
{
    struct owner *o = owner_new();
    struct group *g = group_new(o);

    for (int i = 0; i < ROUNDS; i++) {
        spawn(g, i == 0);
        spawn(g, false);
        wait(g, 0);
    }
    model_free(g);
    end(o);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"children", children}, {"inlined", inlined}, {"children_spawn", children_spawn}, {"twice", twice}};

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
