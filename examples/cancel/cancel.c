/* SPDX-License-Identifier: MIT */
/* Cancelling on purpose: the task sees WEFT_ECANCELED, cleans up and passes it on; the group's wait returns 0. */
#include <stdio.h>
#include <weft.h>

static int cancel_me(void *unused)
{
    (void)unused;
    printf("cancel_me: before sleep\n");
    int rc = weft_sleep_ms(3600 * 1000);
    if (rc == WEFT_ECANCELED)
        printf("cancel_me: cancel sleep\n");
    printf("cancel_me: after sleep\n");
    return rc;
}

static int app(void *unused)
{
    (void)unused;
    weft_group *g = weft_group_open(NULL);

    weft_spawn(g, cancel_me, NULL);
    if (weft_sleep_ms(500) == 0)
        weft_group_cancel(g);
    int rc = weft_group_wait(g);
    if (rc == 0 && weft_group_canceled(g))
        printf("app: cancel_me is cancelled now\n");
    weft_group_close(g);
    return rc;
}

int main(void)
{
    return weft_main(app, NULL);
}
