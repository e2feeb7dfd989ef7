/* SPDX-License-Identifier: MIT */
/*
 * The list of all tasks: a walk over the records, which nobody keeps a list of. A record is read while its task goes on, ends, and makes
 * place for another: what was read counts if function and generation are the same before and after.
 */
#include <string.h>

#include <weft/task.h>

#include "sched/handle.h"
#include "sched/runtime.h"

static void read_name(weft_task *h, char *out)
{
    uint64_t words[(WEFT_NAME_MAX + 1) / 8];

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        words[i] = A_LOAD(&h->name[i], acquire); /* acquire: before the second look at the record */
    memcpy(out, words, sizeof words);
    out[WEFT_NAME_MAX] = '\0';
}

enum look { NOBODY, CHANGING, SEEN };

/* What task lives in `t`. acquire, here and below: one after the other. Pairs with the releases in weft__task_init() and handle.c */
static enum look look(weft_runtime *rt, struct weft__task *t, weft_task_info *out)
{
    weft_fn fn = A_LOAD(&t->fn, acquire);
    uint32_t generation = A_LOAD(&t->generation, acquire);
    weft_task *h = A_LOAD(&t->handle, acquire);

    if (fn == NULL)
        return NOBODY;
    memset(out, 0, sizeof *out);
    out->fn = fn;
    if (h != NULL) {
        out->fn = A_LOAD(&h->fn, acquire);
        read_name(h, out->name);
    }
    out->waiting = (A_LOAD(&t->wait, acquire) & WEFT__PHASE_MASK) == WEFT__PARKED;
    out->id = weft__task_id_in(rt, t);
    return A_LOAD(&t->fn, acquire) == fn && A_LOAD(&t->generation, acquire) == generation &&
                   A_LOAD(&t->handle, acquire) == h
               ? SEEN
               : CHANGING;
}

struct list {
    weft_runtime *rt;
    weft_task_info *out;
    size_t capacity, count;
};

static void add(void *record, void *arg)
{
    struct list *l = arg;
    weft_task_info info;
    enum look found;

    /* It changes at the begin and the end of a task, and where one gets a handle late. */
    while ((found = look(l->rt, record, &info)) == CHANGING)
        weft__stall();
    if (found == NOBODY)
        return;
    if (l->count < l->capacity)
        l->out[l->count] = info;
    l->count++;
}

size_t weft_tasks(weft_runtime *rt, weft_task_info *out, size_t capacity)
{
    struct list l = {.rt = rt, .out = out, .capacity = capacity};

    weft__slab_each(&rt->tasks, add, &l);
    return l.count;
}
