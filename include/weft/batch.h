/* SPDX-License-Identifier: MIT */
/*
 * Batching: many tasks ask for one thing each, one call answers for all of them. Kin: Facebook's DataLoader.
 *
 *     static int load_users(void *const *items, int *codes, size_t count, void *db);      one query for `count` users
 *
 *     weft_batcher *b = weft_batcher_create(g, load_users, db, &(weft_batch_options){.max = 100, .linger_ms = 2});
 *     ...in any number of tasks:
 *     struct lookup l = {.id = 42};
 *     rc = weft_batch(b, &l);                                       its own answer, although the query was everybody's
 *
 * A batch begins with the first item that finds none open. It is closed when `max` items have come or `linger_ms` have passed since the
 * first, and its function is called, once, in a task of the batcher's group; meanwhile others may collect and run.
 *
 *      open (collecting) --max items | linger_ms | group cancelled--> running --fn returns--> every submitter has its code
 *
 * A submitter that is cancelled harms nobody else. Before its batch runs it takes its item back and returns WEFT_ECANCELED; after that it
 * waits for its code, as a batch cannot be undone in part. When all the submitters of a batch that runs have been cancelled, the batch is.
 */
#ifndef WEFT_BATCH_H
#define WEFT_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/task.h>

WEFT_BEGIN_DECLS

typedef struct weft_batcher weft_batcher;

/*
 * What is called for a batch: items[0 .. count) are what the submitters gave, in the order in which they came, and stay theirs; answers
 * are written into them. `codes` is all zero: what the function puts there are the codes of single items. It returns 0, or an error that all
 * items have which got no code of their own. Both arrays are gone when it returns. It runs as a task of the group, and may suspend.
 */
typedef int (*weft_batch_fn)(void *const *items, int *codes, size_t count, void *ctx);

typedef struct weft_batch_options {
    size_t max;        /* items of a batch at the most; 0: 100 */
    int64_t linger_ms; /* how long a batch waits for more items; 0: until the tasks that are ready have had a turn */
    uint64_t reserved[4];
} weft_batch_options;

/* Makes a batcher whose batches run as tasks of `g`. Returns NULL where memory is out, or for bad options (a negative time, a reserved word
 * that is set), or where `g` is NULL. `options` may be NULL. The caller owns it. Callable anywhere. */
WEFT_API WEFT_CHECK weft_batcher *weft_batcher_create(weft_group *g, weft_batch_fn fn, void *ctx,
                                                      const weft_batch_options *options) WEFT_NONNULL(2);

/* Frees it, at the latest with its last batch. Nobody may be in weft_batch() nor call it any more (undefined otherwise). Takes NULL. */
WEFT_API void weft_batcher_destroy(weft_batcher *b);

/*
 * Hands `item` in and waits for its code, which it returns: 0 or more, or an error.
 *   WEFT_ECANCELED      the caller is cancelled, and the item was in no batch; or in one that was cancelled like all its submitters
 *   WEFT_ETASKCANCELED  the group of the batcher is being cancelled
 *   WEFT_ENOMEM         no memory, or `b` is NULL. Where there is none for the batch's task, the group fails with it too
 *   WEFT_ENOTASK        outside of a task
 * The caller must be a task of the batcher's group, or further in (see weft_spawn()). Suspends; task only.
 */
WEFT_API int weft_batch(weft_batcher *b, void *item);

WEFT_END_DECLS

#endif
