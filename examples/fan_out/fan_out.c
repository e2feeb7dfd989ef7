/* SPDX-License-Identifier: MIT */
/*
 * Fan-out and fan-in: the pages of two sites are downloaded by a task each, and all results run into one channel. A semaphore stands
 * for what is scarce, three connections, whoever needs them; a group's limit would hold for the tasks of that one group.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <weft.h>

enum { SITES = 2, PAGES = 6, CONNECTIONS = 3 };

static const char *const names[SITES] = {"news", "shop"};
static weft_semaphore connections = WEFT_SEMAPHORE_INIT(CONNECTIONS);
static atomic_int alive, most;

struct page {
    int site, number, size;
};

struct fetch {
    struct page page;
    weft_chan *results;
};

static int download(struct page *p)
{
    int now = atomic_fetch_add(&alive, 1) + 1, seen = atomic_load(&most);

    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
    int rc = weft_sleep_ms(1 + p->number % 3);
    atomic_fetch_sub(&alive, 1);
    p->size = 100 * (p->number + 1);
    return rc;
}

static int fetch(struct fetch *f)
{
    int rc = weft_semaphore_acquire(&connections);

    if (rc < 0)
        return rc; /* cancelled while it waited: there is no permit to give back */
    rc = download(&f->page);
    weft_semaphore_release(&connections);
    return rc < 0 ? rc : weft_chan_send(f->results, &f->page);
}

struct crawl {
    int site;
    weft_chan *results;
};

static int crawl(struct crawl *c)
{
    int rc = 0;

    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < PAGES; i++)
            WEFT_SPAWN_COPY(g, fetch, (struct fetch){{.site = c->site, .number = i}, c->results});
        rc = weft_group_wait(g);
    }
    return rc;
}

struct summary {
    weft_chan *results;
    int sizes[SITES][PAGES];
};

static int collect(struct summary *s)
{
    struct page p;
    int rc = 0;

    for (int i = 0; i < SITES * PAGES && rc == 0; i++) { /* in the order in which they come */
        rc = weft_chan_recv(s->results, &p);
        if (rc == 0)
            s->sizes[p.site][p.number] = p.size;
    }
    return rc;
}

static int app(void *unused)
{
    (void)unused;
    struct summary s = {.results = weft_chan_create(sizeof(struct page), 4)};
    int rc = 0;

    if (s.results == NULL)
        return WEFT_ENOMEM;
    WEFT_GROUP(g, NULL)
    {
        for (int site = 0; site < SITES; site++)
            WEFT_SPAWN_COPY(g, crawl, (struct crawl){site, s.results});
        WEFT_SPAWN(g, collect, &s);
        rc = weft_group_wait(g); /* a download that fails cancels all others, and the wait says with what */
    }
    weft_chan_destroy(s.results);
    for (int site = 0; site < SITES && rc == 0; site++) {
        int sum = 0;
        printf("%s:", names[site]);
        for (int i = 0; i < PAGES; i++) {
            printf(" %d", s.sizes[site][i]);
            sum += s.sizes[site][i];
        }
        printf(" together %d\n", sum);
    }
    if (rc == 0)
        printf("never more than %d at once: %s\n", CONNECTIONS, atomic_load(&most) <= CONNECTIONS ? "yes" : "no");
    return rc;
}

int main(void)
{
    return weft_main(app, NULL);
}
