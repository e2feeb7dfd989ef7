/* SPDX-License-Identifier: MIT */
/* A token bucket: a request takes a token, and a token comes in every period. Those that nobody takes are kept, up to a burst. */
#include <stdio.h>
#include <stdlib.h>
#include <weft.h>

enum { BURST = 3, CLIENTS = 4, REQUESTS = 2 };

static const weft_time period = 10 * 1000 * 1000;

static weft_semaphore tokens = WEFT_SEMAPHORE_INIT(BURST);

/* Ticks are due at fixed times. After a late one the next come at once, so that no token is lost in the long run. */
static int refill(const weft_time *start)
{
    weft_interval every;
    int rc = weft_interval_init(&every, *start + period, period, WEFT_MISSED_BURST);

    while (rc == 0 && (rc = weft_interval_tick(&every, NULL)) == 0)
        if (weft_semaphore_value(&tokens) < BURST) /* nobody else gives tokens, so there is room still */
            weft_semaphore_release(&tokens);
    return rc;
}

struct client {
    weft_time start;
    weft_time served[REQUESTS]; /* after the start */
};

static int run(struct client *c)
{
    for (int i = 0; i < REQUESTS; i++) {
        int rc = weft_semaphore_acquire(&tokens); /* those who wait are served in their order */

        if (rc < 0)
            return rc;
        c->served[i] = weft_now() - c->start;
    }
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const weft_time *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int serve(struct client *clients, weft_time start)
{
    int rc = 0;

    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < CLIENTS; i++) {
            clients[i].start = start;
            WEFT_SPAWN(g, run, &clients[i]);
        }
        rc = weft_group_wait(g);
    }
    return rc;
}

static int app(void *unused)
{
    (void)unused;
    struct client clients[CLIENTS];
    weft_time start = weft_now(), served[CLIENTS * REQUESTS];
    int rc = 0;

    WEFT_GROUP(g, NULL)
    {
        rc = WEFT_SPAWN(g, refill, &start);
        if (rc == 0)
            rc = serve(clients, start);
    } /* the end of the block cancels the refilling, which would go on for ever */
    if (rc < 0)
        return rc;
    for (int i = 0; i < CLIENTS * REQUESTS; i++)
        served[i] = clients[i / REQUESTS].served[i % REQUESTS];
    qsort(served, CLIENTS * REQUESTS, sizeof served[0], by_time);
    for (int i = 0; i < CLIENTS * REQUESTS; i++) {
        int periods = i < BURST ? 0 : i + 1 - BURST;
        printf("request %d: not before %d periods: %s\n", i, periods,
               served[i] >= periods * period ? "kept" : "BROKEN");
    }
    return 0;
}

int main(void)
{
    return weft_main(app, NULL);
}
