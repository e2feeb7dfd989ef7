/* SPDX-License-Identifier: MIT */
/*
 * The items of a queue (weft/queue.h), in its order: a list for first-in-first-out and last-in-first-out, and for
 * priorities a leftist heap (Crane 1972), whose put and take are both O(log n) in the worst case, which matters under a
 * spin lock, and which needs no memory but its nodes. Nothing here locks or allocates.
 */
#ifndef WEFT_SYNC_QUEUE_ITEMS_H
#define WEFT_SYNC_QUEUE_ITEMS_H

#include <weft/queue.h>

struct weft__queue_node {
    struct weft__queue_node *next; /* of a list; the right child in the heap, where `left` is the deeper one */
    struct weft__queue_node *left;
    unsigned depth; /* of the heap to the right: how far it is to a missing child */
    int64_t priority;
    uint64_t number; /* decides between equal priorities */
    char item[];
};

struct weft__queue_items {
    enum weft_queue_kind kind;
    size_t count;
    uint64_t numbers;
    struct weft__queue_node *first, *last; /* last: of a list only */
};

/* Puts a node whose item and priority are set. */
void weft__queue_items_put(struct weft__queue_items *items, struct weft__queue_node *n);

/* Takes the next one; NULL: there is none. */
struct weft__queue_node *weft__queue_items_take(struct weft__queue_items *items);

#endif
