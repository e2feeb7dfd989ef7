/* SPDX-License-Identifier: MIT */
/*
 * Notifications: "look again", for those who wait until something has changed that is kept elsewhere.
 *
 *     static weft_notify changed = WEFT_NOTIFY_INIT;
 *
 *     static int consume(void *arg)
 *     {
 *         while (!take_job(arg)) {                   looks, under a lock of its own
 *             int rc = weft_notify_wait(&changed);
 *
 *             if (rc < 0)
 *                 return rc;
 *         }
 *         return do_job(arg);
 *     }
 *
 * and whoever has made a change says so after it:
 *
 *     put_job(job);
 *     weft_notify_one(&changed);
 *
 * weft_notify_one() wakes the one that has waited longest. Where nobody waits it leaves a permit, which the next wait
 * takes at once; there is at most one, however often it is called. So whoever looks first and then waits loses nothing:
 * a notification that comes in between is the permit. But one permit may stand for several changes: whoever is let
 * through takes all that there is, or calls weft_notify_one() for the next.
 *
 * weft_notify_all() wakes all who wait at that moment, and leaves no permit: one who has looked, and does not wait yet,
 * would miss it. Such a one asks for the number of the round before it looks:
 *
 *     uint64_t round = weft_notify_round(&changed);
 *
 *     if (!is_over())
 *         rc = weft_notify_wait_since(&changed, round);       returns at once where weft_notify_all() came after the first line
 *
 * A waiter that is cancelled is passed over. One that was notified, and then cancelled before it went on, returns 0:
 * the notification is its own to use or to pass on, and the next call says WEFT_ECANCELED.
 *
 * Storage: 32 bytes of the caller's, initialised statically or by a call; zeroed memory is one without a permit. It
 * must not move while in use. Before the memory goes away weft_notify_fini() has to be called, and nobody may be in any
 * call for it then, but for a notification that let the caller through: fini waits until that is through.
 *
 * Threads: the waits suspend a task, and block a thread that runs none. All calls but init and fini may be made at any
 * time from any task of any runtime, and from any thread.
 */
#ifndef WEFT_NOTIFY_H
#define WEFT_NOTIFY_H

#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_notify {
    uint64_t opaque[4];
} weft_notify;

/* One without a permit. */
/* clang-format off */
#define WEFT_NOTIFY_INIT {{0}}
/* clang-format on */

/* The same at run time. Does not suspend. */
WEFT_API void weft_notify_init(weft_notify *n) WEFT_NONNULL(1);

/* Ends the use. Returns 0, or WEFT_EBUSY and changes nothing: somebody waits; debug mode reports it. Does not
 * suspend. */
WEFT_API int weft_notify_fini(weft_notify *n) WEFT_NONNULL(1);

/* Wakes the one that has waited longest, or leaves the permit. What was done before is seen by whom it lets through.
 * Does not suspend. */
WEFT_API void weft_notify_one(weft_notify *n) WEFT_NONNULL(1);

/* Wakes all who wait now, in their order, and begins the next round. Does not change the permit. Does not suspend. */
WEFT_API void weft_notify_all(weft_notify *n) WEFT_NONNULL(1);

/* The number of the round, for weft_notify_wait_since(). Does not suspend. */
WEFT_API uint64_t weft_notify_round(const weft_notify *n) WEFT_NONNULL(1);

/*
 * Takes the permit, or waits for a notification. The second form returns at once, and leaves the permit, where the
 * round is no longer `round`. Return
 *   0                 notified
 *   WEFT_ECANCELED    the scope is cancelled, or was before a notification came; the permit was not taken
 *   WEFT_ENOTASK      on a thread of a runtime that runs no task, where nothing may wait
 * Suspend; a plain thread is blocked.
 */
WEFT_API WEFT_CHECK int weft_notify_wait(weft_notify *n) WEFT_NONNULL(1);
WEFT_API WEFT_CHECK int weft_notify_wait_since(weft_notify *n, uint64_t round) WEFT_NONNULL(1);

/* Takes the permit: 0, or WEFT_EAGAIN: there is none. Does not suspend, and is no checkpoint. */
WEFT_API WEFT_CHECK int weft_notify_try_wait(weft_notify *n) WEFT_NONNULL(1);

WEFT_END_DECLS

#endif
