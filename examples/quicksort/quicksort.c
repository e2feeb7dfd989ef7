/* SPDX-License-Identifier: MIT */
/* Fork-join: what the pivot parts is sorted by two halves, and each of them by two halves, for as long as it pays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft.h>

enum { SMALL = 2000 }; /* so few numbers are sorted sooner than shared */

struct part {
    int *first;
    size_t count;
};

/* Moves the smaller numbers to the front, as Hoare did, and returns how many there are: at least one of each kind. */
static size_t partition(int *a, size_t count)
{
    int pivot = a[(count - 1) / 2];
    size_t i = 0, j = count - 1;

    for (;; i++, j--) {
        while (a[i] < pivot)
            i++;
        while (a[j] > pivot)
            j--;
        if (i >= j)
            return j + 1;
        int swap = a[i];
        a[i] = a[j];
        a[j] = swap;
    }
}

static void sort_plainly(int *a, size_t count)
{
    while (count > 1) {
        size_t low = partition(a, count);
        sort_plainly(a, low);
        a += low;
        count -= low;
    }
}

static int sort(void *arg)
{
    struct part *p = arg;

    if (p->count <= SMALL) {
        sort_plainly(p->first, p->count);
        return 0;
    }
    size_t low = partition(p->first, p->count);
    return weft_join(sort, &(struct part){p->first, low}, sort, &(struct part){p->first + low, p->count - low});
}

static int app(void *arg)
{
    size_t count = *(size_t *)arg, size = count * sizeof(int);
    int *a = malloc(size), *b = malloc(size), rc = WEFT_ENOMEM;

    if (a != NULL && b != NULL) {
        unsigned random = 1;
        for (size_t i = 0; i < count; i++) {
            random = (random * 1103515245 + 12345) % 2147483648;
            a[i] = (int)random;
        }
        memcpy(b, a, size);

        weft_time begin = weft_now();
        rc = sort(&(struct part){a, count});
        double parallel = (double)(weft_now() - begin) / 1e6;
        begin = weft_now();
        sort_plainly(b, count);
        double plain = (double)(weft_now() - begin) / 1e6;

        if (rc == 0 && memcmp(a, b, size) != 0)
            rc = WEFT_EINVAL; /* it would be a bug */
        if (rc == 0)
            printf("%zu numbers from %d by way of %d to %d\n"
                   "%.0f ms on %u workers, %.0f ms in a row: %.2f times as fast\n",
                   count, a[0], a[count / 2], a[count - 1], parallel, weft_runtime_workers(weft_runtime_current()),
                   plain, plain / parallel);
    }
    free(a);
    free(b);
    return rc;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 4000000;

    return weft_main(app, &(size_t){count > 0 ? count : 1});
}
