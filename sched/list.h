/* SPDX-License-Identifier: MIT */
/* An intrusive doubly-linked list with a head; a zeroed head is empty. */
#ifndef WEFT_SCHED_LIST_H
#define WEFT_SCHED_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct weft__link {
    struct weft__link *next, *prev;
};

struct weft__list {
    struct weft__link *first, *last;
};

static inline void weft__list_append(struct weft__list *l, struct weft__link *e)
{
    e->next = NULL;
    e->prev = l->last;
    if (l->last != NULL)
        l->last->next = e;
    else
        l->first = e;
    l->last = e;
}

static inline void weft__list_prepend(struct weft__list *l, struct weft__link *e)
{
    e->prev = NULL;
    e->next = l->first;
    if (l->first != NULL)
        l->first->prev = e;
    else
        l->last = e;
    l->first = e;
}

static inline void weft__list_remove(struct weft__list *l, struct weft__link *e)
{
    if (e->prev != NULL)
        e->prev->next = e->next;
    else
        l->first = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
    else
        l->last = e->prev;
    e->next = e->prev = NULL;
}

/* The same with one end only: a head that is a pointer to the first. */
static inline void weft__link_push(struct weft__link **head, struct weft__link *e)
{
    e->prev = NULL;
    e->next = *head;
    if (*head != NULL)
        (*head)->prev = e;
    *head = e;
}

static inline void weft__link_remove(struct weft__link **head, struct weft__link *e)
{
    if (e->prev != NULL)
        e->prev->next = e->next;
    else
        *head = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
    e->next = e->prev = NULL;
}

#endif
