/* SPDX-License-Identifier: MIT */
/* Two tasks that start together: sleeps of one and of two seconds take two seconds, not three. */
#include <stdio.h>
#include <weft.h>

struct saying {
    int delay_s;
    const char *what;
};

static int say_after(void *arg)
{
    const struct saying *s = arg;
    int rc = weft_sleep_ms(s->delay_s * 1000);

    if (rc == 0)
        printf("%s\n", s->what);
    return rc;
}

static int app(void *unused)
{
    (void)unused;
    weft_time started = weft_now();
    weft_group *g = weft_group_open(NULL);

    weft_spawn(g, say_after, &(struct saying){2, "world"});
    weft_spawn(g, say_after, &(struct saying){1, "hello"});
    int rc = weft_group_wait(g);
    weft_group_close(g);

    printf("took %d s\n", (int)((weft_now() - started) / 1000000000));
    return rc;
}

int main(void)
{
    return weft_main(app, NULL);
}
