/* SPDX-License-Identifier: MIT */
/* A deadline belongs to a scope, not to a call: it covers everything that runs between open and close. */
#include <stdio.h>
#include <weft.h>

static int wait_for(const char *what, int ms)
{
    weft_scope *s = weft_scope_open(weft_after_ms(500));
    int rc = weft_sleep_ms(ms);
    rc = (int)weft_scope_close(s, rc);

    if (rc == WEFT_ETIMEDOUT)
        printf("%s: timeout!\n", what);
    else if (rc == 0)
        printf("%s: in time\n", what);
    return rc == WEFT_ETIMEDOUT ? 0 : rc;
}

static int app(void *unused)
{
    (void)unused;
    int rc = wait_for("eternity", 3600 * 1000);
    return rc == 0 ? wait_for("moment", 1) : rc;
}

int main(void)
{
    return weft_main(app, NULL);
}
