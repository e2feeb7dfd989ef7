/* SPDX-License-Identifier: MIT */
/* Results of several tasks, in the order in which they were asked for: each task writes into its own argument. */
#include <stdio.h>
#include <weft.h>

struct job {
    const char *name;
    int number;
    int result;
};

static int factorial(void *arg)
{
    struct job *j = arg;

    j->result = 1;
    for (int i = 2; i <= j->number; i++) {
        printf("Task %s: computes factorial(%d), currently i=%d\n", j->name, j->number, i);
        int rc = weft_sleep_ms(100);
        if (rc < 0)
            return rc;
        j->result *= i;
    }
    printf("Task %s: factorial(%d) = %d\n", j->name, j->number, j->result);
    return 0;
}

static int app(void *unused)
{
    (void)unused;
    struct job jobs[] = {{"A", 4, 0}, {"B", 3, 0}, {"C", 2, 0}};
    weft_group *g = weft_group_open(NULL);

    for (int i = 0; i < 3; i++)
        weft_spawn(g, factorial, &jobs[i]);
    int rc = weft_group_wait(g);
    weft_group_close(g);

    if (rc == 0)
        printf("[%d, %d, %d]\n", jobs[0].result, jobs[1].result, jobs[2].result);
    return rc;
}

int main(void)
{
    return weft_main(app, NULL);
}
