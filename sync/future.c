/* SPDX-License-Identifier: MIT */
/*
 * States: `done` changes once, under the lock, from false to true. Before that, `value` and `code` are the settler's,
 * under the lock; after it nobody changes them, and they are read without. Invariant, whenever the lock is free: nobody
 * waits who was not cancelled <= done. Order: the release store of `done` pairs with the acquire loads of those who did
 * not wait, who then see code and value. They also wait for the settler to let go of the lock, for their caller may be
 * about to free the future.
 */
#include <weft/future.h>

#include <string.h>

#include "sync/misuse.h"
#include "sync/waiter.h"

struct weft__future {
    void *value;
    size_t size;
    struct weft__list waiters;
    struct weft__spinlock lock; /* guards all; a leaf but for the wait words of the waiters */
    _Atomic bool done;
    int code;
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__future) == sizeof(weft_future) && sizeof(weft_future) == 40, "as the header says");
_Static_assert(_Alignof(struct weft__future) <= _Alignof(weft_future), "the caller's storage suits");
_Static_assert(offsetof(struct weft__future, size) == offsetof(weft_future, size), "WEFT_FUTURE_INIT sets these two");

static struct weft__future *of(const weft_future *f)
{
    return (struct weft__future *)(uintptr_t)f;
}

void weft_future_init(weft_future *f, void *place, size_t size)
{
    *f = (weft_future){.value = place, .size = size};
}

int weft_future_fini(weft_future *future)
{
    struct weft__future *f = of(future);

    return weft__may_end(&f->lock, &f->waiters, "ends a future that is waited for");
}

static int settle(struct weft__future *f, const void *value, int code)
{
    struct weft__wakes wakes = WEFT__WAKES_NONE;

    weft__spinlock_lock(&f->lock);
    if (A_LOAD(&f->done, relaxed)) { /* relaxed: it changes under the lock, here and in wait_for() */
        weft__spinlock_unlock(&f->lock);
        return WEFT_EALREADY;
    }
    f->code = code;
    if (value != NULL && f->size > 0)
        memcpy(f->value, value, f->size);
    A_STORE(&f->done, true, release);
    weft__waiters_claim_all(&f->waiters, &wakes);
    weft__spinlock_unlock(&f->lock);
    weft__wake(&wakes);
    return 0;
}

int weft_future_set(weft_future *future, const void *value)
{
    struct weft__future *f = of(future);

    return value != NULL || f->size == 0 ? settle(f, value, 0) : WEFT_EINVAL;
}

int weft_future_fail(weft_future *f, int code)
{
    return code < 0 ? settle(of(f), NULL, code) : WEFT_EINVAL;
}

int weft_future_close(weft_future *f)
{
    return settle(of(f), NULL, WEFT_ECLOSED);
}

/* Of one that is done. */
static int result(const struct weft__future *f, void *out)
{
    if (f->code == 0 && out != NULL && f->size > 0)
        memcpy(out, f->value, f->size);
    return f->code;
}

static int wait_for(struct weft__future *f, struct weft__waiter *w)
{
    int rc = 0;

    weft__spinlock_lock(&f->lock);
    if (!A_LOAD(&f->done, relaxed) && (rc = weft__wait_in(w, &f->waiters, &f->lock)) == 0)
        return 0;
    weft__spinlock_unlock(&f->lock);
    return rc;
}

int weft_future_wait(weft_future *future, void *out)
{
    struct weft__future *f = of(future);
    struct weft__waiter w;
    int rc = weft__wait_enter(&w);

    if (rc < 0)
        return rc;
    if (A_LOAD(&f->done, acquire)) /* pairs with settle() */
        weft__spinlock_wait(&f->lock);
    else if ((rc = wait_for(f, &w)) < 0)
        return rc;
    return result(f, out);
}

int weft_future_try_get(weft_future *future, void *out)
{
    struct weft__future *f = of(future);

    if (!A_LOAD(&f->done, acquire)) /* pairs with settle() */
        return WEFT_EEMPTY;
    weft__spinlock_wait(&f->lock);
    return result(f, out);
}

bool weft_future_is_done(const weft_future *future)
{
    struct weft__future *f = of(future);

    if (!A_LOAD(&f->done, acquire)) /* pairs with settle() */
        return false;
    weft__spinlock_wait(&f->lock);
    return true;
}
