/* SPDX-License-Identifier: MIT */
/* Tries again with exponential back-off: what fails for a moment, what fails for good, and what a deadline cuts short. */
#include <stdio.h>
#include <weft.h>

struct server {
    const char *name;
    int calls, up_after, code;
};

static int connect_to(struct server *s)
{
    s->calls++;
    printf("%s: call %d\n", s->name, s->calls);
    return s->calls > s->up_after ? 0 : s->code;
}

static bool worth_it(int code, void *arg)
{
    (void)arg;
    return code != -EACCES;
}

static int app(void *unused)
{
    (void)unused;
    const weft_retry_options often = {.times = 5, .first_ms = 1, .factor = 2, .jitter = true, .retry_if = worth_it};
    struct server sleepy = {"sleepy", 0, 2, -ECONNREFUSED}, closed = {"closed", 0, 100, -EACCES},
                  dead = {"dead", 0, 100, -ECONNREFUSED};

    int rc = weft_retry(WEFT_FN(connect_to, &sleepy), &sleepy, &often);
    printf("%s: %s\n", sleepy.name, rc == 0 ? "connected" : weft_strerror(rc));
    rc = weft_retry(WEFT_FN(connect_to, &closed), &closed, &often);
    printf("%s: %s\n", closed.name, weft_strerror(rc));

    weft_scope *s = weft_scope_open(weft_after_ms(100));
    rc = weft_retry(WEFT_FN(connect_to, &dead), &dead, &(weft_retry_options){.times = 5, .first_ms = 3600 * 1000});
    rc = (int)weft_scope_close(s, rc);
    printf("%s: %s\n", dead.name, weft_strerror(rc));
    return rc == WEFT_ETIMEDOUT ? 0 : rc;
}

int main(void)
{
    return weft_main(app, NULL);
}
