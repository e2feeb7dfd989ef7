/* SPDX-License-Identifier: MIT */
#include "sync/queue_items.h"

#include <stdbool.h>

static bool is_before(const struct weft__queue_node *a, const struct weft__queue_node *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a->number < b->number;
}

static unsigned depth_of(const struct weft__queue_node *n)
{
    return n != NULL ? n->depth : 0;
}

/* Merges two heaps. The right spines, along which it goes down, are no longer than log2 of the number of nodes: see
 * `depth`. */
static struct weft__queue_node *merge(struct weft__queue_node *a, struct weft__queue_node *b)
{
    struct weft__queue_node *root, *rest;

    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    root = is_before(a, b) ? a : b;
    rest = merge(root->next, root == a ? b : a);
    if (depth_of(root->left) < depth_of(rest)) {
        root->next = root->left;
        root->left = rest;
    } else {
        root->next = rest;
    }
    root->depth = depth_of(root->next) + 1;
    return root;
}

void weft__queue_items_put(struct weft__queue_items *items, struct weft__queue_node *n)
{
    items->count++;
    n->number = items->numbers++;
    n->next = n->left = NULL;
    n->depth = 1;
    if (items->kind == WEFT_QUEUE_PRIORITY) {
        items->first = merge(items->first, n);
    } else if (items->first == NULL) {
        items->first = items->last = n;
    } else if (items->kind == WEFT_QUEUE_LIFO) {
        n->next = items->first;
        items->first = n;
    } else {
        items->last->next = n;
        items->last = n;
    }
}

struct weft__queue_node *weft__queue_items_take(struct weft__queue_items *items)
{
    struct weft__queue_node *n = items->first;

    if (n == NULL)
        return NULL;
    items->count--;
    items->first = items->kind == WEFT_QUEUE_PRIORITY ? merge(n->next, n->left) : n->next;
    return n;
}
