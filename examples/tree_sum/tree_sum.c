/* SPDX-License-Identifier: MIT */
/* Fork-join down a tree, to the last leaf: a join costs so little that nodes need not be put together in larger pieces. */
#include <stdio.h>
#include <stdlib.h>
#include <weft.h>

struct node {
    struct node *left, *right;
    unsigned long value;
    unsigned long sum; /* of the weights of the tree below */
};

/* The steps from `n` to 1 after Collatz: nobody knows beforehand how many there are. */
static unsigned long weight(unsigned long n)
{
    unsigned long steps = 0;

    for (; n > 1; steps++)
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    return steps;
}

static int sum_up(void *arg)
{
    struct node *n = arg;
    int rc = 0;

    n->sum = weight(n->value);
    if (n->left != NULL) {
        rc = weft_join(sum_up, n->left, sum_up, n->right);
        n->sum += n->left->sum + n->right->sum;
    }
    return rc;
}

static unsigned long sum_up_plainly(const struct node *n)
{
    unsigned long sum = weight(n->value);

    return n->left == NULL ? sum : sum + sum_up_plainly(n->left) + sum_up_plainly(n->right);
}

/* Node n has the children 2n and 2n + 1, as in a heap. */
static void plant(struct node *nodes, size_t count)
{
    for (size_t n = 1; n <= count; n++) {
        nodes[n].value = n;
        nodes[n].left = 2 * n < count ? &nodes[2 * n] : NULL;
        nodes[n].right = 2 * n < count ? &nodes[2 * n + 1] : NULL;
    }
}

static int app(void *arg)
{
    size_t count = ((size_t)1 << *(unsigned *)arg) - 1;
    struct node *nodes = calloc(count + 1, sizeof *nodes);

    if (nodes == NULL)
        return WEFT_ENOMEM;
    plant(nodes, count);
    weft_time begin = weft_now();
    int rc = sum_up(&nodes[1]);
    double parallel = (double)(weft_now() - begin) / 1e6;
    begin = weft_now();
    unsigned long sum = sum_up_plainly(&nodes[1]);
    double plain = (double)(weft_now() - begin) / 1e6;

    if (rc == 0 && nodes[1].sum != sum)
        rc = WEFT_EINVAL; /* it would be a bug */
    if (rc == 0)
        printf("%zu nodes weigh %lu\n%.1f ms on %u workers, %.1f ms in a row: %.2f times as fast\n", count, sum,
               parallel, weft_runtime_workers(weft_runtime_current()), plain, plain / parallel);
    free(nodes);
    return rc;
}

int main(int argc, char **argv)
{
    unsigned depth = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20;

    return weft_main(app, &(unsigned){depth >= 1 && depth <= 26 ? depth : 20});
}
