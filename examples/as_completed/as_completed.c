/* SPDX-License-Identifier: MIT */
/* Takes the results of several tasks in the order in which they come. */
#include <stdio.h>
#include <weft.h>

struct download {
    const char *name;
    int ms;
};

static int run(struct download *d)
{
    int rc = weft_sleep_ms(d->ms);

    if (rc == 0)
        rc = weft_task_set_result(d);
    return rc;
}

static int app(void *unused)
{
    (void)unused;
    struct download downloads[] = {{"large", 300}, {"small", 1}, {"middling", 150}};
    weft_task *tasks[3], *done;
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++)
        tasks[i] = WEFT_SPAWN_TASK(g, run, &downloads[i], NULL);
    while (weft_group_next(g, &done) == 0) {
        struct download *d = weft_task_result(done);

        if (d != NULL)
            printf("%s is there\n", d->name);
    }
    int rc = weft_group_wait(g);
    for (int i = 0; i < 3; i++)
        weft_task_release(tasks[i]);
    weft_group_close(g);
    return rc;
}

int main(void)
{
    return weft_main(app, NULL);
}
