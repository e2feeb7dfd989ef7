/* SPDX-License-Identifier: MIT */
/* The smallest program that shows that headers and library fit together. */
#include <stdio.h>
#include <string.h>

#include <weft.h>

static int square(void *arg)
{
    int *n = arg;
    int rc = weft_sleep_ms(1);
    *n *= *n;
    return rc;
}

static int app(void *arg)
{
    int numbers[] = {1, 2, 3, 4};
    int *sum = arg;

    weft_group *g = weft_group_open(NULL);
    for (int i = 0; i < 4; i++)
        weft_spawn(g, square, &numbers[i]);
    int rc = weft_group_wait(g);
    weft_group_close(g);
    for (int i = 0; i < 4; i++)
        *sum += numbers[i];
    return rc;
}

int main(void)
{
    if (strcmp(weft_version(), WEFT_VERSION_STRING) != 0) {
        fprintf(stderr, "the library is %s, the headers are %s\n", weft_version(), WEFT_VERSION_STRING);
        return 1;
    }
    int sum = 0;
    int status = weft_main(app, &sum);
    printf("weft %s: %d\n", weft_version(), sum);
    return status != 0 || sum != 30;
}
