/* SPDX-License-Identifier: MIT */
/* A parallel loop over the rows of a product of matrices, and a parallel sum of what came out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft.h>

struct product {
    size_t n;
    double *a, *b, *c;
};

static int multiply_row(size_t i, void *arg)
{
    struct product *p = arg;
    double *row = p->c + i * p->n;

    memset(row, 0, p->n * sizeof *row);
    for (size_t k = 0; k < p->n; k++)
        for (size_t j = 0; j < p->n; j++)
            row[j] += p->a[i * p->n + k] * p->b[k * p->n + j];
    return 0;
}

static int sum_up(size_t begin, size_t end, void *acc, void *arg)
{
    struct product *p = arg;
    double sum = 0;

    for (size_t i = begin; i < end; i++)
        sum += p->c[i];
    *(double *)acc = sum;
    return 0;
}

static int add(void *acc, void *right, void *arg)
{
    (void)arg;
    *(double *)acc += *(double *)right;
    return 0;
}

static int multiply(struct product *p)
{
    size_t n = p->n;
    double sum = 0, plain_sum = 0;

    for (size_t i = 0; i < n * n; i++) {
        p->a[i] = (double)(i % 7);
        p->b[i] = (double)(i % 5);
        p->c[i] = 0; /* so that neither of the two measurements meets fresh memory */
    }
    weft_time begin = weft_now();
    int rc = weft_parallel_for(0, n, 0, multiply_row, p);
    double parallel = (double)(weft_now() - begin) / 1e6;
    if (rc == 0)
        rc = weft_parallel_reduce(0, n * n, 0, &sum, sizeof sum, sum_up, add, p);
    if (rc < 0)
        return rc;

    begin = weft_now();
    for (size_t i = 0; i < n; i++)
        multiply_row(i, p);
    double plain = (double)(weft_now() - begin) / 1e6;
    sum_up(0, n * n, &plain_sum, p);
    if (sum < plain_sum || sum > plain_sum) /* whole numbers, so the order of additions does not matter */
        return WEFT_EINVAL;
    printf("%zu by %zu, sum %.0f\n%.1f ms on %u workers, %.1f ms in a row: %.2f times as fast\n", n, n, sum, parallel,
           weft_runtime_workers(weft_runtime_current()), plain, plain / parallel);
    return 0;
}

static int app(void *arg)
{
    size_t n = *(size_t *)arg, size = n * n * sizeof(double);
    struct product p = {n, malloc(size), malloc(size), malloc(size)};
    int rc = WEFT_ENOMEM;

    if (p.a != NULL && p.b != NULL && p.c != NULL)
        rc = multiply(&p);
    free(p.a);
    free(p.b);
    free(p.c);
    return rc;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 600;

    return weft_main(app, &n);
}
