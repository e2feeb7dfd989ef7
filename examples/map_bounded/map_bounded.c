/* SPDX-License-Identifier: MIT */
/* Downloads, at most four at once: of the pages in an array, then of pages without end. The first error stops all. */
#include <stdatomic.h>
#include <stdio.h>
#include <weft.h>

struct page {
    int number;
    int bytes;
};

static atomic_int alive, most;

static int fetch(struct page *p)
{
    int now = atomic_fetch_add(&alive, 1) + 1, seen = atomic_load(&most);

    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
    int rc = weft_sleep_ms(10 + p->number % 3 * 10);
    atomic_fetch_sub(&alive, 1);
    p->bytes = 100 * p->number;
    return rc == 0 && p->number == 13 ? -EPROTO : rc;
}

/* A generator: makes another page for as long as it is asked. */
static int next_page(void *ctx, void *item)
{
    int *number = ctx;

    *(struct page *)item = (struct page){.number = ++*number};
    return 0;
}

static int app(void *unused)
{
    (void)unused;
    const weft_map_options four = {.limit = 4};
    struct page pages[10];

    for (int i = 0; i < 10; i++)
        pages[i] = (struct page){.number = i};
    int rc = WEFT_MAP(pages, 10, fetch, &four);
    if (rc < 0)
        return rc;
    printf("bytes:");
    for (int i = 0; i < 10; i++)
        printf(" %d", pages[i].bytes);
    printf("\nat most four at once: %s\n", atomic_load(&most) <= 4 ? "yes" : "no");

    int made = 0;
    rc = weft_map_each(sizeof(struct page), next_page, &made, WEFT_FN(fetch, &pages[0]), &four);
    if (rc == -EPROTO)
        printf("page 13 failed; others still run: %s\n", atomic_load(&alive) == 0 ? "no" : "yes");
    return rc == -EPROTO ? 0 : rc;
}

int main(void)
{
    return weft_main(app, NULL);
}
