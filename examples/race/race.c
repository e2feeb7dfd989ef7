/* SPDX-License-Identifier: MIT */
/* Asks three servers at once and takes the first good answer: the others are cancelled, and have cleaned up before the answer is used. */
#include <stdio.h>
#include <weft.h>

struct query {
    const char *server;
    int ms, code;
    int answer;
};

static int ask(void *arg)
{
    struct query *q = arg;
    int rc = weft_sleep_ms(q->ms);

    if (rc == WEFT_ECANCELED)
        printf("%s: cancelled\n", q->server);
    if (rc < 0)
        return rc;
    printf("%s: %s\n", q->server, q->code == 0 ? "answers" : "fails");
    q->answer = 42;
    return q->code;
}

static int app(void *unused)
{
    (void)unused;
    struct query q[] = {{"far", 3600 * 1000, 0, 0}, {"near", 100, 0, 0}, {"broken", 1, -EIO, 0}};

    int winner = weft_race(3, (weft_fn[]){ask, ask, ask}, (void *[]){&q[0], &q[1], &q[2]});
    if (winner < 0)
        return winner;
    printf("%s is first: %d\n", q[winner].server, q[winner].answer);
    return 0;
}

int main(void)
{
    return weft_main(app, NULL);
}
