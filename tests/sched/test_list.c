/* SPDX-License-Identifier: MIT */
#include "sched/list.h"

#include "tests/support/test.h"

/* The list must hold exactly these, read from both ends. */
static void expect(const struct weft__list *l, struct weft__link *const *e, int n)
{
    const struct weft__link *at = l->first;

    for (int i = 0; i < n; i++, at = at->next)
        CHECK_PTR_EQ(at, e[i]);
    CHECK_NULL(at);
    at = l->last;
    for (int i = n - 1; i >= 0; i--, at = at->prev)
        CHECK_PTR_EQ(at, e[i]);
    CHECK_NULL(at);
}

WEFT_TEST(list, zeroed_head_is_empty)
{
    struct weft__list l = {0};

    expect(&l, NULL, 0);
}

WEFT_TEST(list, keeps_the_order_of_appending)
{
    struct weft__list l = {0};
    struct weft__link a, b, c;

    weft__list_append(&l, &a);
    weft__list_append(&l, &b);
    weft__list_append(&l, &c);
    expect(&l, (struct weft__link *[]){&a, &b, &c}, 3);
}

WEFT_TEST(list, entry_may_be_removed_at_each_place)
{
    for (int gone = 0; gone < 3; gone++) {
        struct weft__list l = {0};
        struct weft__link e[3], *left[3];
        int n = 0;

        for (int i = 0; i < 3; i++) {
            weft__list_append(&l, &e[i]);
            if (i != gone)
                left[n++] = &e[i];
        }
        weft__list_remove(&l, &e[gone]);
        CHECK_NULL(e[gone].next);
        CHECK_NULL(e[gone].prev);
        expect(&l, left, 2);
        weft__list_append(&l, &e[gone]);
        left[2] = &e[gone];
        expect(&l, left, 3);
    }
}

WEFT_TEST(list, becomes_empty_with_its_last_entry)
{
    struct weft__list l = {0};
    struct weft__link a;

    for (int i = 0; i < 3; i++) {
        weft__list_append(&l, &a);
        expect(&l, (struct weft__link *[]){&a}, 1);
        weft__list_remove(&l, &a);
        expect(&l, NULL, 0);
    }
}
