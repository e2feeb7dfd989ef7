/* SPDX-License-Identifier: MIT */
/*
 * Six customers share two connections to a database. A connection is worn out after two queries: the pool asks how it is before it
 * gives it to the next one, closes it then, and opens another.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <weft.h>

enum { CUSTOMERS = 6, CONNECTIONS = 2, LIFETIME = 2 };

static atomic_int opened, alive, most, worn_out;

/* One task at a time has it, so it needs no lock. */
struct connection {
    int queries;
};

/* The pool calls these three in the task that needs them. They may wait, as any function may. */

static int open_db(void **resource, void *unused)
{
    struct connection *c = calloc(1, sizeof *c);
    int rc = c == NULL ? WEFT_ENOMEM : weft_sleep_ms(1);

    (void)unused;
    if (rc < 0) {
        free(c);
        return rc;
    }
    atomic_fetch_add(&opened, 1);
    int now = atomic_fetch_add(&alive, 1) + 1, seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
    *resource = c;
    return 0;
}

static void close_db(void *resource, void *unused)
{
    (void)unused;
    atomic_fetch_sub(&alive, 1);
    free(resource);
}

static int check_db(void *resource, void *unused)
{
    const struct connection *c = resource;

    (void)unused;
    return c->queries < LIFETIME ? 0 : WEFT_EBROKEN;
}

static int query(struct connection *c, int number, int *answer)
{
    if (c->queries >= LIFETIME)
        atomic_fetch_add(&worn_out, 1);
    c->queries++;
    *answer = number * number;
    return weft_sleep_ms(1);
}

struct customer {
    weft_resource_pool *pool;
    int number, answer;
};

static int ask(struct customer *c)
{
    void *connection;
    int rc = weft_resource_pool_acquire(c->pool, &connection);

    if (rc < 0)
        return rc;
    rc = query(connection, c->number, &c->answer);
    weft_resource_pool_release(c->pool, connection);
    return rc;
}

static int app(void *unused)
{
    (void)unused;
    struct customer customers[CUSTOMERS];
    weft_resource_pool *pool = weft_resource_pool_create(
        &(weft_resource_pool_options){.open = open_db, .close = close_db, .check = check_db, .max = CONNECTIONS});
    int rc = 0;

    if (pool == NULL)
        return WEFT_ENOMEM;
    WEFT_GROUP(g, NULL)
    {
        for (int i = 0; i < CUSTOMERS; i++) {
            customers[i] = (struct customer){.pool = pool, .number = i};
            WEFT_SPAWN(g, ask, &customers[i]);
        }
        rc = weft_group_wait(g);
    }
    weft_resource_pool_destroy(pool); /* closes what is idle */
    if (rc < 0)
        return rc;
    printf("answers:");
    for (int i = 0; i < CUSTOMERS; i++)
        printf(" %d", customers[i].answer);
    printf("\nnever more than %d open: %s\n", CONNECTIONS, most <= CONNECTIONS ? "yes" : "no");
    printf("new ones for those worn out: %s\n", opened >= CUSTOMERS / LIFETIME ? "yes" : "no");
    printf("queries over a connection that is worn out: %d\n", worn_out);
    printf("left open: %d\n", alive);
    return 0;
}

int main(void)
{
    return weft_main(app, NULL);
}
