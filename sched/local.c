/* SPDX-License-Identifier: MIT */
#include "sched/local.h"

#include <weft/error.h>

#include "sched/handle.h"

struct value {
    _Atomic uint32_t refs;
    const weft_local *key;
    void *value;
};

struct weft__locals {
    _Atomic uint32_t refs;
    uint32_t count;
    struct value *values[];
};

static void drop_value(struct value *v)
{
    if (A_SUB(&v->refs, 1, acq_rel) != 1) /* acq_rel: the last sees what all others did with it */
        return;
    if (v->key->drop != NULL && v->value != NULL)
        v->key->drop(v->value);
    weft__free(v);
}

void weft__locals_drop(struct weft__locals *l)
{
    if (l == NULL || A_SUB(&l->refs, 1, acq_rel) != 1) /* as above */
        return;
    for (uint32_t i = 0; i < l->count; i++)
        drop_value(l->values[i]);
    weft__free(l);
}

struct weft__locals *weft__locals_share(const struct weft__task *t)
{
    struct weft__locals *l;

    if (!(t->extras & WEFT__HAS_LOCALS))
        return NULL;
    l = A_LOAD(&t->handle, relaxed)->locals; /* relaxed: the task's own */
    A_ADD(&l->refs, 1, relaxed);             /* relaxed: the task holds it */
    return l;
}

int weft__locals_adopt(struct weft__task *t, struct weft__locals *l)
{
    weft_task *h = weft__handle_late(t);

    if (h == NULL)
        return WEFT_ENOMEM;
    A_ADD(&l->refs, 1, relaxed); /* relaxed: the caller holds it */
    h->locals = l;
    t->extras |= WEFT__HAS_LOCALS;
    return 0;
}

void weft__locals_end(struct weft__task *t)
{
    weft_task *h = A_LOAD(&t->handle, relaxed); /* relaxed: the task's own */

    /* What is called for a value that is dropped may set others. */
    while (t->extras & WEFT__HAS_LOCALS) {
        struct weft__locals *l = h->locals;

        h->locals = NULL;
        t->extras &= (uint8_t)~WEFT__HAS_LOCALS;
        weft__locals_drop(l);
    }
}

/* Where `key` stands, or the count. */
static uint32_t find(const struct weft__locals *l, const weft_local *key)
{
    uint32_t i = 0;

    while (i < l->count && l->values[i]->key != key)
        i++;
    return i;
}

/* A set like `old`, which may be NULL, with the key at `at` replaced or added. */
static struct weft__locals *copy_with(const struct weft__locals *old, uint32_t at, struct value *v)
{
    uint32_t count = old != NULL ? old->count : 0;
    struct weft__locals *l;

    if (at == count)
        count++;
    l = weft__alloc(sizeof *l + count * sizeof(struct value *));
    if (l == NULL)
        return NULL;
    A_STORE(&l->refs, 1, relaxed); /* relaxed: not shared yet */
    l->count = count;
    for (uint32_t i = 0; i < count; i++) {
        l->values[i] = i == at ? v : old->values[i];
        if (i != at)
            A_ADD(&l->values[i]->refs, 1, relaxed); /* relaxed: the old set holds it */
    }
    return l;
}

int weft_local_set(const weft_local *key, void *value)
{
    struct weft__task *t = weft__task_self();
    struct weft__locals *old, *l;
    struct value *v;
    weft_task *h;
    uint32_t at;

    if (t == NULL)
        return WEFT_ENOTASK;
    if ((h = weft__handle_late(t)) == NULL)
        return WEFT_ENOMEM;
    old = h->locals;
    at = old != NULL ? find(old, key) : 0;
    v = weft__alloc(sizeof *v);
    if (v == NULL)
        goto no_value;
    A_STORE(&v->refs, 1, relaxed); /* relaxed: not shared yet */
    v->key = key;
    v->value = value;
    /* acquire: what those did with it who have let go of it */
    if (old != NULL && at < old->count && A_LOAD(&old->refs, acquire) == 1) {
        struct value *replaced = old->values[at];

        old->values[at] = v;
        drop_value(replaced);
        return 0;
    }
    l = copy_with(old, at, v);
    if (l == NULL)
        goto no_set;
    h->locals = l;
    t->extras |= WEFT__HAS_LOCALS;
    weft__locals_drop(old);
    return 0;

no_set:
    weft__free(v);
no_value:
    if (!h->runs && !(t->extras & WEFT__HAS_LOCALS))
        weft__handle_late_end(t);
    return WEFT_ENOMEM;
}

void *weft_local_get(const weft_local *key)
{
    struct weft__task *t = weft__task_self();
    const struct weft__locals *l;
    uint32_t at;

    if (t == NULL || !(t->extras & WEFT__HAS_LOCALS))
        return NULL;
    l = A_LOAD(&t->handle, relaxed)->locals; /* relaxed: the task's own */
    at = find(l, key);
    return at < l->count ? l->values[at]->value : NULL;
}
