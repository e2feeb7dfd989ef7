/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "sched/stack_use.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sched/valgrind.h"

size_t weft__stack_use_max(const weft_runtime *rt, unsigned stack_class)
{
    return A_LOAD(&rt->stacks[stack_class].use_max, relaxed); /* relaxed: a number */
}

#if WEFT__STACK_USE

/* OWN: more than the frames of the functions below, which must not clear themselves. */
enum { PAGES_AT_ONCE = 256, OWN = 2048 };

/* The lowest word that is not zero of a page, or of its part below `end`. NULL: there is none. */
static char *lowest_in(char *page, size_t size, const char *end)
{
    for (char *at = page; at < page + size && at < end; at += sizeof(uintptr_t))
        if (*(uintptr_t *)(void *)at != 0)
            return at;
    return NULL;
}

/* The same from `low`, the start of a page, on. Pages that were never touched are not touched by it. */
static char *lowest(char *low, char *end, size_t page)
{
    unsigned char in[PAGES_AT_ONCE];

    while (low < end) {
        size_t pages = ((size_t)(end - low) + page - 1) / page;
        char *at;

        if (pages > PAGES_AT_ONCE)
            pages = PAGES_AT_ONCE;
        if (mincore(low, pages * page, in) != 0)
            return end;
        for (size_t i = 0; i < pages; i++)
            if ((in[i] & 1) && (at = lowest_in(low + i * page, page, end)) != NULL)
                return at;
        low += pages * page;
    }
    return end;
}

static void warn(struct weft__task *t, size_t used, size_t promise)
{
    char text[256];
    int n = snprintf(
        text, sizeof text,
        "weft: the task of the function at %#llx used %zu bytes of the %zu KiB of stack that it may count on\n",
        (unsigned long long)(uintptr_t)weft__task_fn(t), used, promise >> 10);

    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        return; /* nothing can be done */
}

WEFT__NOINLINE void weft__stack_use_ended(struct weft__task *t, char *first)
{
    struct weft__stack_pool *p = &t->rt->stacks[t->kind.stack_class];
    char *end = (char *)__builtin_frame_address(0) - OWN;
    char *low = t->stack->low, *deepest;
    size_t used, most;

    if (RUNNING_ON_VALGRIND || end <= low)
        return;
    end = (char *)((uintptr_t)end & ~(uintptr_t)(sizeof(uintptr_t) - 1));
    deepest = lowest(low, end, p->page);
    for (char *at = deepest; at < end; at += sizeof(uintptr_t))
        *(volatile uintptr_t *)(void *)at = 0;
    used = (size_t)(first - deepest);
    most = A_LOAD(&p->use_max, relaxed); /* relaxed: numbers, here and below */
    while (used > most)
        if (A_CAS_WEAK(&p->use_max, &most, used, relaxed, relaxed))
            break;
    if (used > p->promise - p->promise / 8 && !A_XCHG(&p->use_warned, true, relaxed))
        warn(t, used, p->promise);
}

#endif
