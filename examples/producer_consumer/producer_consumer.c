/* SPDX-License-Identifier: MIT */
/* Three producers and two consumers share a channel. It holds 8 readings: producers that are faster than the consumers wait. */
#include <stdio.h>
#include <weft.h>

enum { STATIONS = 3, READINGS = 100, CONSUMERS = 2, CAPACITY = 8 };

struct reading {
    int station;
    int degrees;
};

struct station {
    int number;
    weft_chan *readings;
};

/* Consumers run at the same time, so each has sums of its own, which are added up when both have ended. */
struct summary {
    weft_chan *readings;
    int counts[STATIONS], sums[STATIONS];
};

static int measure(struct station *s)
{
    int rc = 0;

    for (int hour = 0; hour < READINGS && rc == 0; hour++) {
        struct reading r = {.station = s->number, .degrees = hour * 7 % 30 + s->number};
        rc = weft_chan_send(s->readings, &r); /* items are copied */
    }
    return rc;
}

static int summarise(struct summary *s)
{
    struct reading r;
    int rc;

    while ((rc = weft_chan_recv(s->readings, &r)) == 0) {
        s->counts[r.station]++;
        s->sums[r.station] += r.degrees;
    }
    return rc == WEFT_ECLOSED ? 0 : rc; /* closed and drained: so no sentinels are needed */
}

static int app(void *unused)
{
    (void)unused;
    weft_chan *readings = weft_chan_create(sizeof(struct reading), CAPACITY);
    struct summary parts[CONSUMERS] = {0};
    int rc = 0;

    if (readings == NULL)
        return WEFT_ENOMEM;
    WEFT_GROUP(consumers, NULL)
    {
        for (int i = 0; i < CONSUMERS; i++) {
            parts[i].readings = readings;
            WEFT_SPAWN(consumers, summarise, &parts[i]);
        }
        WEFT_GROUP(producers, NULL)
        {
            for (int i = 0; i < STATIONS; i++)
                WEFT_SPAWN_COPY(producers, measure, (struct station){.number = i, .readings = readings});
            rc = weft_group_wait(producers);
        }
        weft_chan_close(readings); /* nothing more will come */
        if (rc == 0)
            rc = weft_group_wait(consumers);
    }
    weft_chan_destroy(readings);
    for (int i = 0; i < STATIONS && rc == 0; i++) {
        int count = 0, sum = 0;
        for (int p = 0; p < CONSUMERS; p++) {
            count += parts[p].counts[i];
            sum += parts[p].sums[i];
        }
        printf("station %d: %d readings, %.2f degrees on average\n", i, count, (double)sum / count);
    }
    return rc;
}

int main(void)
{
    return weft_main(app, NULL);
}
