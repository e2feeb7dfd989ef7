/* SPDX-License-Identifier: MIT */
/*
 * Pools of resources that are dear to open and are used by one task at a time: connections to a database, sessions,
 * buffers on a device. At most `max` are open; who comes when all of them are out waits, first come first served.
 *
 *     weft_resource_pool *pool = weft_resource_pool_create(&(weft_resource_pool_options){
 *         .open = connect_db, .close = close_db, .check = ping_db, .arg = &config, .max = 10, .idle_ms = 60000});
 *     void *db;
 *
 *     if ((rc = weft_resource_pool_acquire(pool, &db)) == 0) {
 *         rc = query(db);
 *         if (rc == WEFT_EBROKEN)
 *             weft_resource_pool_discard(pool, db);        it is closed, and there is room for another
 *         else
 *             weft_resource_pool_release(pool, db);        the next one gets it
 *     }
 *
 * The life of a resource, each step of it taken by the task or thread whose call needs it, with no lock held; so the
 * three functions of the user may suspend:
 *
 *     acquire: open --> out --release--> idle --acquire: check--> out          one that waits gets it without it being idle; it is checked
 *                        |                 |            `--it fails--> closed  and the acquire goes on to the next, or opens one
 *                        `--discard        `--idle for too long
 *                              `--> closed   `--> closed
 *
 * The resource that was released last is used first, so those beyond what is needed grow old. An acquire never gives
 * out one that has been idle for too long, and a release closes those that have. Nothing else looks at them: in a
 * program whose pool may lie still for long, spawn weft_resource_pool_tend() into a group, which closes each when its
 * time has come, or call weft_resource_pool_trim() now and then.
 *
 * An open that fails is the failure of the acquire that made it: the caller is told its code, and the one that has
 * waited longest tries in its turn. A task that is cancelled while it opens a resource gets from `open` what that makes
 * of it, WEFT_ECANCELED mostly, and passes the room on in the same way.
 *
 * `close` is called in the scope of whoever releases, discards or closes, which may be cancelled: where it waits for
 * something, it opens a shield.
 *
 * Threads: every call but weft_resource_pool_tend() may be made by any task and by any plain thread, which then also is
 * where the user's functions are called; a resource may be released by another than has acquired it.
 * weft_resource_pool_acquire() suspends the task, or blocks the thread.
 */
#ifndef WEFT_RESOURCE_POOL_H
#define WEFT_RESOURCE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>

WEFT_BEGIN_DECLS

typedef struct weft_resource_pool weft_resource_pool;

typedef struct weft_resource_pool_options {
    /* Opens a resource and stores it in `*resource`, which may be NULL if that is one to you. 0, or a negative code and
     * nothing is open. Required. */
    int (*open)(void **resource, void *arg);
    /* Closes one. Required. */
    void (*close)(void *resource, void *arg);
    /* Asked before a resource is used again: 0, or a negative code, and it is closed. May be NULL. */
    int (*check)(void *resource, void *arg);
    void *arg;
    size_t max;      /* open at a time, those that are just being opened or closed among them; 0: 16 */
    int64_t idle_ms; /* for how long one is kept that nobody uses; 0: until the pool is closed */
    uint64_t reserved[4];
} weft_resource_pool_options;

/* Makes a pool; opens nothing. Returns NULL where memory is out or the options make no sense. The caller owns it.
 * Callable anywhere. */
WEFT_API WEFT_CHECK weft_resource_pool *weft_resource_pool_create(const weft_resource_pool_options *options)
    WEFT_NONNULL(1);

/* Closes the pool, if that has not been done, and frees it. Returns 0, or WEFT_EBUSY: resources are out, or somebody
 * waits or tends, and nothing has changed; debug mode reports it. To be in another call meanwhile is undefined. Takes
 * NULL. Suspends where `close` does. */
WEFT_API int weft_resource_pool_destroy(weft_resource_pool *pool);

/*
 * Stores a resource in `*resource`: the one that was released last, a new one, or, where `max` are out, the next that
 * is released. It is the caller's until it is released or discarded. Returns 0, or with nothing stored
 *   WEFT_ECLOSED      the pool is closed
 *   WEFT_ECANCELED    and nobody behind has lost anything by it
 *   WEFT_ENOTASK      on a thread of a runtime that runs no task
 *   what `open` failed with
 * Suspends, also where the user's functions do; a plain thread is blocked.
 */
WEFT_API WEFT_CHECK int weft_resource_pool_acquire(weft_resource_pool *pool, void **resource) WEFT_NONNULL(1, 2);

/* The same without waiting for others: WEFT_EBUSY where `max` are out. Not a checkpoint; suspends only where the user's
 * functions do. */
WEFT_API WEFT_CHECK int weft_resource_pool_try_acquire(weft_resource_pool *pool, void **resource) WEFT_NONNULL(1, 2);

/* Gives a resource back, for the next one to use; where the pool is closed, closes it. Returns 0, or WEFT_EINVAL: none
 * is out, which debug mode reports (to give back what is not out is undefined while others are). Not a checkpoint;
 * suspends only where `close` does. */
WEFT_API int weft_resource_pool_release(weft_resource_pool *pool, void *resource) WEFT_NONNULL(1);

/* Closes a resource that is not to be used again, and makes room for another. Returns as
 * weft_resource_pool_release(). */
WEFT_API int weft_resource_pool_discard(weft_resource_pool *pool, void *resource) WEFT_NONNULL(1);

/* Closes the resources that have been idle for too long. Returns how many. Not a checkpoint; suspends only where
 * `close` does. */
WEFT_API size_t weft_resource_pool_trim(weft_resource_pool *pool) WEFT_NONNULL(1);

/* Closes each resource as soon as it has been idle for too long, until the pool is closed: a function to be spawned,
 * `pool` is a weft_resource_pool. Returns 0 when the pool is closed, or WEFT_ECANCELED, WEFT_ENOMEM (there is none for
 * a timer). Suspends; task only (WEFT_ENOTASK). */
WEFT_API WEFT_CHECK int weft_resource_pool_tend(void *pool) WEFT_NONNULL(1);

/* Closes the pool: who waits is told WEFT_ECLOSED, idle resources are closed, and those that are out as they come back.
 * Returns 0, or WEFT_ECLOSED when it was closed before. Not a checkpoint; suspends only where `close` does. */
WEFT_API int weft_resource_pool_close(weft_resource_pool *pool) WEFT_NONNULL(1);

typedef struct weft_resource_pool_stats {
    size_t open;    /* out, idle, just being opened or closed: never more than `max` */
    size_t idle;    /* to be had at once */
    size_t waiting; /* acquires that wait */
    uint64_t reserved[5];
} weft_resource_pool_stats;

/* Stores how it is at this moment. Does not suspend. */
WEFT_API void weft_resource_pool_get_stats(weft_resource_pool *pool, weft_resource_pool_stats *stats)
    WEFT_NONNULL(1, 2);

WEFT_END_DECLS

#endif
