/* SPDX-License-Identifier: MIT */
/*
 * What it costs to cancel a tree from its top: groups nested in one another, with tasks in each.
 *
 *      cancel_tree [--workers N] [--tasks N] [--shape tasks|groups|flat] [--state asleep|awake] [--rounds N] [LEVELS ...]
 *
 * For each number of levels it prints nanoseconds a task, the least of the rounds: of the call that cancels, and from there until the
 * last task has been joined. Linear means that the figures do not grow with the levels.
 *
 *      tasks   each level is a task, which opens the group of the next
 *      groups  one task opens all of them, in one another
 *      flat    levels times tasks in a single group
 *      asleep  the tasks sleep, awake: they yield until they are told
 */
#include <getopt.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft.h>

enum shape { TASKS, GROUPS, FLAT };

static struct {
    unsigned workers, tasks, rounds;
    enum shape shape;
    bool awake;
} options = {.tasks = 100, .rounds = 5};

struct tree {
    size_t levels;
    atomic_size_t ready, canceled;
    weft_time called, returned, joined; /* the cancellation, and the end of the last task */
};

static _Noreturn void fail(const char *what, int code)
{
    fprintf(stderr, "cancel_tree: %s: %s\n", what, weft_strerror(code));
    exit(1);
}

static void check(const char *what, int code, int expected)
{
    if (code != expected)
        fail(what, code);
}

static int leaf(void *arg)
{
    struct tree *tree = arg;
    int rc;

    atomic_fetch_add(&tree->ready, 1);
    if (options.awake)
        while ((rc = weft_yield()) == 0)
            ;
    else
        rc = weft_sleep_until(WEFT_NEVER);
    if (rc == WEFT_ECANCELED)
        atomic_fetch_add(&tree->canceled, 1);
    return rc;
}

static void add_leaves(weft_group *g, struct tree *tree)
{
    for (unsigned i = 0; i < options.tasks; i++)
        check("weft_spawn", weft_spawn(g, leaf, tree), 0);
}

struct level {
    struct tree *tree;
    size_t left;
};

static int grow(void *arg)
{
    struct level *here = arg, below = {here->tree, here->left - 1};
    weft_group *g = weft_group_open(NULL);
    int rc;

    if (g == NULL)
        fail("weft_group_open", WEFT_ENOMEM);
    add_leaves(g, here->tree);
    if (below.left > 0)
        check("weft_spawn", weft_spawn(g, grow, &below), 0);
    rc = weft_group_wait(g);
    weft_group_close(g);
    return rc;
}

static int grow_groups(void *arg)
{
    struct tree *tree = arg;
    weft_group **groups = calloc(tree->levels, sizeof *groups);

    if (groups == NULL)
        fail("calloc", WEFT_ENOMEM);
    for (size_t i = 0; i < tree->levels; i++) {
        groups[i] = weft_group_open(NULL);
        if (groups[i] == NULL)
            fail("weft_group_open", WEFT_ENOMEM);
        add_leaves(groups[i], tree);
    }
    for (size_t i = tree->levels; i-- > 0;) {
        check("weft_group_wait", weft_group_wait(groups[i]), WEFT_ECANCELED);
        weft_group_close(groups[i]);
    }
    free(groups);
    return WEFT_ECANCELED;
}

static int fell(void *arg)
{
    struct tree *tree = arg;
    struct level top = {tree, tree->levels};
    size_t all = tree->levels * options.tasks;
    weft_group *g = weft_group_open(NULL);

    if (g == NULL)
        fail("weft_group_open", WEFT_ENOMEM);
    if (options.shape == FLAT)
        for (size_t i = 0; i < tree->levels; i++)
            add_leaves(g, tree);
    else if (options.shape == GROUPS)
        check("weft_spawn", weft_spawn(g, grow_groups, tree), 0);
    else
        check("weft_spawn", weft_spawn(g, grow, &top), 0);
    while (atomic_load(&tree->ready) < all)
        check("weft_yield", weft_yield(), 0);
    check("weft_sleep_ms", weft_sleep_ms(20), 0); /* the last ones are on their way to sleep */

    tree->called = weft_now();
    check("weft_group_cancel", weft_group_cancel(g), 0);
    tree->returned = weft_now();
    check("weft_group_wait", weft_group_wait(g), 0);
    tree->joined = weft_now();
    weft_group_close(g);
    if (atomic_load(&tree->canceled) != all)
        fail("not all were told", WEFT_ECANCELED);
    return 0;
}

/* Nanoseconds of the call, and until the end. */
static void measure(size_t levels, double *call, double *total)
{
    double tasks = (double)(levels * options.tasks);

    *call = *total = 0;
    for (unsigned i = 0; i < options.rounds; i++) {
        struct tree tree = {.levels = levels};

        check("weft_run", weft_run_with(fell, &tree, &(weft_runtime_options){.workers = options.workers}), 0);
        if (i == 0 || (double)(tree.joined - tree.called) < *total) {
            *total = (double)(tree.joined - tree.called);
            *call = (double)(tree.returned - tree.called);
        }
    }
    *call /= tasks;
    *total /= tasks;
}

static unsigned number(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || n == 0 || n > 10000000) {
        fprintf(stderr, "cancel_tree: not a number: %s\n", text);
        exit(2);
    }
    return (unsigned)n;
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"workers", required_argument, NULL, 'w'}, {"tasks", required_argument, NULL, 't'},
        {"shape", required_argument, NULL, 's'},   {"state", required_argument, NULL, 'a'},
        {"rounds", required_argument, NULL, 'r'},  {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (c == 'w')
            options.workers = number(optarg);
        else if (c == 't')
            options.tasks = number(optarg);
        else if (c == 'r')
            options.rounds = number(optarg);
        else if (c == 's' && strcmp(optarg, "tasks") == 0)
            options.shape = TASKS;
        else if (c == 's' && strcmp(optarg, "groups") == 0)
            options.shape = GROUPS;
        else if (c == 's' && strcmp(optarg, "flat") == 0)
            options.shape = FLAT;
        else if (c == 'a' && strcmp(optarg, "asleep") == 0)
            options.awake = false;
        else if (c == 'a' && strcmp(optarg, "awake") == 0)
            options.awake = true;
        else
            exit(2);
    }
}

int main(int argc, char **argv)
{
    static char *preset[] = {"250", "500", "1000", "2000"};
    char **levels = preset;
    int count = 4;

    read_options(argc, argv);
    if (optind < argc) {
        levels = argv + optind;
        count = argc - optind;
    }
    printf("%8s %8s %12s %12s\n", "levels", "tasks", "call ns", "joined ns");
    for (int i = 0; i < count; i++) {
        double call, total;

        measure(number(levels[i]), &call, &total);
        printf("%8s %8u %12.0f %12.0f\n", levels[i], options.tasks, call, total);
        fflush(stdout);
    }
    return 0;
}
