/* SPDX-License-Identifier: MIT */
/*
 * A shop publishes its orders on a bus, and every subscriber sees each of them. The bus holds the last four, and never waits for
 * anybody: who falls behind further than that loses the oldest, and is told how many. Mail and stock must not miss any, so the shop
 * waits until they have handled an order before it takes the next one. The audit looks in the evening.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weft.h>

enum { CAPACITY = 4, ORDERS = 10, FOLLOWERS = 2 };

struct order {
    int number, amount;
};

static weft_semaphore handled = WEFT_SEMAPHORE_INIT(0);
static weft_event evening = WEFT_EVENT_INIT;

struct follower {
    weft_subscriber orders;
    int count, sum;
};

static int follow(struct follower *f)
{
    struct order o;
    uint64_t lost;
    int rc;

    while ((rc = weft_broadcast_recv(&f->orders, &o, &lost)) == 0) {
        if (lost > 0)
            return -EOVERFLOW;
        f->count++;
        f->sum += o.amount;
        weft_semaphore_release(&handled);
    }
    return rc == WEFT_ECLOSED ? 0 : rc;
}

struct audit {
    weft_subscriber orders;
    uint64_t lost;
    int count, seen[ORDERS];
};

static int audit(struct audit *a)
{
    struct order o;
    uint64_t lost;
    int rc = weft_event_wait(&evening);

    if (rc < 0)
        return rc;
    while ((rc = weft_broadcast_recv(&a->orders, &o, &lost)) == 0) {
        a->lost += lost;
        a->seen[a->count++] = o.number;
    }
    return rc == WEFT_ECLOSED ? 0 : rc;
}

static int trade(weft_broadcast *bus)
{
    int rc = 0;

    for (int i = 0; i < ORDERS && rc == 0; i++) {
        rc = weft_broadcast_send(bus, &(struct order){.number = i, .amount = 10 * i});
        if (rc == 0)
            rc = weft_semaphore_acquire_n(&handled, FOLLOWERS);
    }
    weft_broadcast_close(bus); /* what is in it can still be read */
    weft_event_set(&evening);
    return rc;
}

static int app(void *unused)
{
    (void)unused;
    struct follower mail = {0}, stock = {0};
    struct audit auditor = {0};
    weft_broadcast *bus = weft_broadcast_create(sizeof(struct order), CAPACITY);
    int rc = 0;

    if (bus == NULL)
        return WEFT_ENOMEM;
    /* A subscriber sees what is sent from here on, also where its task starts later. */
    weft_subscribe(&mail.orders, bus);
    weft_subscribe(&stock.orders, bus);
    weft_subscribe(&auditor.orders, bus);
    WEFT_GROUP(g, NULL)
    {
        WEFT_SPAWN(g, follow, &mail);
        WEFT_SPAWN(g, follow, &stock);
        WEFT_SPAWN(g, audit, &auditor);
        WEFT_SPAWN(g, trade, bus);
        rc = weft_group_wait(g);
    }
    weft_broadcast_destroy(bus);
    if (rc < 0)
        return rc;
    printf("mail: %d orders of %d in all\n", mail.count, mail.sum);
    printf("stock: %d orders of %d in all\n", stock.count, stock.sum);
    printf("audit: lost %" PRIu64 ", then saw", auditor.lost);
    for (int i = 0; i < auditor.count; i++)
        printf(" %d", auditor.seen[i]);
    putchar('\n');
    return 0;
}

int main(void)
{
    return weft_main(app, NULL);
}
