/* SPDX-License-Identifier: MIT */
/* The last accesses of a run, for a reader who looks for what went wrong. */
#include <stdio.h>
#include <string.h>

#include "tests/model/internal.h"

enum { EVENTS = 1 << 14 };

struct event {
    const char *op;
    const struct model_site *site;
    uintptr_t address;
    uint64_t before, after;
    memory_order order;
    unsigned thread, age;
};

static struct event events[EVENTS];
static uint64_t count;

void model_trace_begin(void)
{
    count = 0;
}

void model_trace(const char *op, memory_order order, uintptr_t p, uint64_t before, uint64_t after, unsigned age,
                 const struct model_site *site)
{
    events[count++ % EVENTS] = (struct event){op, site, p, before, after, order, model_self(), age};
}

void model_trace_print(unsigned lines)
{
    static const char *const orders[] = {"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
    uint64_t from = count > lines ? count - lines : 0;

    if (count > EVENTS && from < count - EVENTS)
        from = count - EVENTS;
    for (uint64_t i = from; i < count; i++) {
        const struct event *e = &events[i % EVENTS];
        const char *file = strrchr(e->site->file, '/');

        printf("%6llu thread %u %-10s %-7s %s = %llx", (unsigned long long)i, e->thread, e->op, orders[e->order],
               e->site->what, (unsigned long long)e->before);
        if (e->after != e->before)
            printf(" -> %llx", (unsigned long long)e->after);
        if (e->age > 0)
            printf(" (%u older than the newest)", e->age);
        printf("   [%llx] %s:%d\n", (unsigned long long)(e->address & 0xffffff),
               file != NULL ? file + 1 : e->site->file, e->site->line);
    }
}
