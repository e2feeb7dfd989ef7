/* SPDX-License-Identifier: MIT */
#include "sync/waiter.h"

void weft__wait_of_thread(struct weft__waiter *w)
{
    while (A_LOAD(&w->released, acquire) == 0) /* pairs with the release below */
        weft__futex_wait(&w->released, 0, WEFT_NEVER);
}

int weft__wait_in(struct weft__waiter *w, struct weft__list *queue, struct weft__spinlock *lock)
{
    int rc = weft__wait_begin(w, queue);

    if (rc < 0)
        return rc;
    weft__spinlock_unlock(lock);
    if ((rc = weft__wait(w)) < 0) {
        weft__spinlock_lock(lock);
        weft__wait_leave(w, queue);
    }
    return rc;
}

static void release_awake(struct weft__waiter *w)
{
    while (w != NULL) {
        struct weft__waiter *next =
            w->link.next != NULL ? WEFT__CONTAINER(w->link.next, struct weft__waiter, link) : NULL;
        bool is_thread = w->task == NULL;
        _Atomic uint32_t *released = &w->released;

        /* release: what was given. From here on the waiter may be gone: the kernel takes the address as a number, and
         * at worst somebody else's futex is woken for nothing. */
        A_STORE(released, 1, release);
        if (is_thread)
            weft__futex_wake(released, 1);
        w = next;
    }
}

void weft__wake_several(struct weft__task *first, struct weft__waiter *awake)
{
    release_awake(awake); /* first: tasks among them spin */
    weft__make_ready_all(first);
}
