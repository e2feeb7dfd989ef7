/* SPDX-License-Identifier: MIT */
#include "sched/retry.h"

#include <limits.h>

#include <weft/error.h>
#include <weft/time.h>

#include "sched/options.h"
#include "sched/park.h"
#include "sched/scope.h"

enum { TIMES = 3, FIRST_MS = 100, MAX_MS = 30000, NS_OF_MS = 1000000 };

/* No wait is longer, so that clocks do not overflow: some 29 years. */
static const double LONGEST_MS = 9e11;

int weft__retry_settle(weft_retry_options *out, const weft_retry_options *in)
{
    *out = in != NULL ? *in : (weft_retry_options){0};
    if (!WEFT__RESERVED_ARE_ZERO(out) || out->first_ms < 0 || out->max_ms < 0 || out->jitter < WEFT_JITTER_NONE ||
        out->jitter > WEFT_JITTER_EQUAL)
        return WEFT_EINVAL;
    if (out->factor == 0)
        out->factor = 2;
    if (!(out->factor >= 1)) /* nor is it a number */
        return WEFT_EINVAL;
    if (out->times == 0)
        out->times = TIMES;
    if (out->first_ms == 0)
        out->first_ms = FIRST_MS;
    if (out->max_ms == 0)
        out->max_ms = out->first_ms > MAX_MS ? out->first_ms : MAX_MS;
    if (out->first_ms > out->max_ms)
        out->first_ms = out->max_ms;
    return 0;
}

double weft__retry_next_cap(const weft_retry_options *o, double cap_ms)
{
    double next = cap_ms * o->factor;

    return next < (double)o->max_ms ? next : (double)o->max_ms;
}

int64_t weft__retry_wait_ns(double cap_ms, int jitter, uint64_t random)
{
    double share = (double)(random >> 11) * 0x1p-53; /* [0, 1) */

    if (cap_ms > LONGEST_MS)
        cap_ms = LONGEST_MS;
    if (jitter == WEFT_JITTER_FULL)
        cap_ms *= share;
    else if (jitter == WEFT_JITTER_EQUAL)
        cap_ms = cap_ms / 2 + cap_ms / 2 * share;
    return (int64_t)(cap_ms * NS_OF_MS);
}

/* Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int weft_retry(weft_fn fn, void *arg, const weft_retry_options *options)
{
    struct weft__task *t = weft__task_self();
    weft_retry_options o;
    weft_scope *scope;
    uint64_t random;
    double cap;
    int rc = weft__retry_settle(&o, options);

    if (t == NULL)
        return WEFT_ENOTASK;
    if (rc < 0 || (rc = weft__checkpoint(weft__worker_self(), t)) < 0)
        return rc;
    scope = t->scope;
    cap = (double)o.first_ms;
    /* Tasks that fail at the same moment differ in their records. */
    random = (uint64_t)weft__clock() ^ (uint64_t)(uintptr_t)t << 20;
    for (unsigned call = 1;; call += o.times != UINT_MAX) {
        rc = fn(arg);
        weft__scope_close_inner(t, scope);
        if (rc >= 0 || rc == WEFT_ECANCELED || call >= o.times || (o.retry_if != NULL && !o.retry_if(rc, arg)))
            return rc;
        rc = weft_sleep_until(weft__clock() + weft__retry_wait_ns(cap, o.jitter, next_random(&random)));
        if (rc < 0)
            return rc;
        cap = weft__retry_next_cap(&o, cap);
    }
}
