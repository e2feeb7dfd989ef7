/* SPDX-License-Identifier: MIT */
/* The smallest program: one task that waits, as hello.py does. */
#include <stdio.h>
#include <weft.h>

static int hello(void *unused)
{
    (void)unused;
    printf("Hello ...\n");
    int rc = weft_sleep_ms(1000);
    printf("... World!\n");
    return rc;
}

int main(void)
{
    return weft_main(hello, NULL);
}
