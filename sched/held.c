/* SPDX-License-Identifier: MIT */
#include "sched/held.h"

#include "sched/report.h"
#include "sched/stack.h"

void weft__held_end(struct weft__task *t, const char *first)
{
    struct weft__held *h;

    while ((h = t->held) != NULL) {
        /* One in the frames that are gone is no more, and with it the way to the rest. Nobody who is left can know of it. */
        if ((const char *)h >= t->stack->low && (const char *)h < first) {
            t->held = NULL;
            weft__report_misuse(t, "ended while it held a lock in a frame of its own, which is gone");
            return;
        }
        t->held = h->next;
        h->abandon(h, t);
    }
}
