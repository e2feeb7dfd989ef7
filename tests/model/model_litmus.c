/* SPDX-License-Identifier: MIT */
/*
 * The explorer itself: what C11 forbids never happens, what it allows does. Cases whose names begin with finds_ fail when the
 * explorer shows what it should, and are run with --expect-failure.
 */
#include "sched/platform.h"
#include "tests/model/explorer.h"

struct litmus {
    WEFT__ALIGNED _Atomic int x;
    WEFT__ALIGNED _Atomic int y;
    WEFT__ALIGNED _Atomic uint32_t word;
    int plain;
    int a, b, c, d; /* what the threads saw */
};

static struct litmus *make(void)
{
    return model_alloc(sizeof(struct litmus), WEFT__CACHE_LINE);
}

static void run(void (*first)(void *), void (*second)(void *), struct litmus *l)
{
    unsigned t = model_start("first", first, l), u = model_start("second", second, l);

    model_join(t);
    model_join(u);
}

/* Store buffering. */

#define STORE_THEN_LOAD(name, to, from, into, store_order, load_order)                                                 \
    static void name(void *arg)                                                                                        \
    {                                                                                                                  \
        struct litmus *l = arg;                                                                                        \
                                                                                                                       \
        A_STORE(&l->to, 1, store_order);                                                                               \
        l->into = A_LOAD(&l->from, load_order);                                                                        \
    }

STORE_THEN_LOAD(strong_x_y, x, y, a, seq_cst, seq_cst)
STORE_THEN_LOAD(strong_y_x, y, x, b, seq_cst, seq_cst)
STORE_THEN_LOAD(weak_x_y, x, y, a, release, acquire)
STORE_THEN_LOAD(half_x_y, x, y, a, release, seq_cst)

static void sb_strong(void)
{
    struct litmus *l = make();

    run(strong_x_y, strong_y_x, l);
    MODEL_CHECK(l->a == 1 || l->b == 1);
}

static void sb_weak(void)
{
    struct litmus *l = make();

    run(weak_x_y, strong_y_x, l);
    MODEL_CHECK(l->a == 1 || l->b == 1);
}

/* One weak store is enough, even where all loads are strong. */
static void sb_half(void)
{
    struct litmus *l = make();

    run(half_x_y, strong_y_x, l);
    MODEL_CHECK(l->a == 1 || l->b == 1);
}

static void barrier_y_x(void *arg)
{
    struct litmus *l = arg;

    A_STORE(&l->y, 1, relaxed);
    model_membarrier();
    l->b = A_LOAD(&l->x, relaxed);
}

static void light_x_y(void *arg)
{
    struct litmus *l = arg;

    A_STORE(&l->x, 1, relaxed);
    l->a = A_LOAD(&l->y, relaxed);
}

/* A membarrier on one side is as good as fences on both. */
static void sb_membarrier(void)
{
    struct litmus *l = make();

    run(light_x_y, barrier_y_x, l);
    MODEL_CHECK(l->a == 1 || l->b == 1);
}

/* Message passing. */

static void publish(void *arg)
{
    struct litmus *l = arg;

    l->plain = 1;
    A_STORE(&l->x, 1, relaxed);
    A_STORE(&l->y, 1, release);
}

static void publish_weakly(void *arg)
{
    struct litmus *l = arg;

    A_STORE(&l->x, 1, relaxed);
    A_STORE(&l->y, 1, relaxed);
}

static void publish_plain_weakly(void *arg)
{
    struct litmus *l = arg;

    l->plain = 1;
    A_STORE(&l->y, 1, relaxed);
}

static void receive(void *arg)
{
    struct litmus *l = arg;

    if (A_LOAD(&l->y, acquire) == 1)
        MODEL_CHECK(A_LOAD(&l->x, relaxed) == 1 && l->plain == 1);
}

static void receive_weakly(void *arg)
{
    struct litmus *l = arg;

    if (A_LOAD(&l->y, relaxed) == 1)
        MODEL_CHECK(A_LOAD(&l->x, relaxed) == 1);
}

static void receive_atomic(void *arg)
{
    struct litmus *l = arg;

    if (A_LOAD(&l->y, acquire) == 1)
        MODEL_CHECK(A_LOAD(&l->x, relaxed) == 1);
}

static void receive_plain(void *arg)
{
    struct litmus *l = arg;

    if (A_LOAD(&l->y, acquire) == 1)
        MODEL_CHECK(l->plain == 1);
}

static void message(void)
{
    run(publish, receive, make());
}

static void weak_message(void)
{
    run(publish_weakly, receive_atomic, make());
}

static void weak_receiver(void)
{
    run(publish, receive_weakly, make());
}

static void race(void)
{
    run(publish_plain_weakly, receive_plain, make());
}

/* A thread in the middle hands on what it has read; and a release sequence goes on through an exchange that is relaxed. */
static void middle(void *arg)
{
    struct litmus *l = arg;

    (void)A_ADD(&l->y, 1, relaxed);
}

static void last(void *arg)
{
    struct litmus *l = arg;

    if (A_LOAD(&l->y, acquire) == 2)
        MODEL_CHECK(A_LOAD(&l->x, relaxed) == 1 && l->plain == 1);
}

static void release_sequence(void)
{
    struct litmus *l = make();
    unsigned t = model_start("first", publish, l), u = model_start("middle", middle, l);
    unsigned v = model_start("last", last, l);

    model_join(t);
    model_join(u);
    model_join(v);
}

/* Coherence: nobody sees a location go back. */

static void count_up(void *arg)
{
    struct litmus *l = arg;

    for (int i = 1; i <= 12; i++)
        A_STORE(&l->x, i, relaxed);
}

static void watch(void *arg)
{
    struct litmus *l = arg;

    for (int i = 0, before = 0; i < 8; i++) {
        int x = A_LOAD(&l->x, relaxed);

        MODEL_CHECK(x >= before);
        before = x;
    }
}

static void coherence(void)
{
    run(count_up, watch, make());
}

/* Two writers, two readers that agree on who came first when all is seq_cst. */

#define WRITER(name, to, order)                                                                                        \
    static void name(void *arg)                                                                                        \
    {                                                                                                                  \
        struct litmus *l = arg;                                                                                        \
                                                                                                                       \
        A_STORE(&l->to, 1, order);                                                                                     \
    }
#define READER(name, first, second, into, into_too, order)                                                             \
    static void name(void *arg)                                                                                        \
    {                                                                                                                  \
        struct litmus *l = arg;                                                                                        \
                                                                                                                       \
        l->into = A_LOAD(&l->first, order);                                                                            \
        l->into_too = A_LOAD(&l->second, order);                                                                       \
    }

WRITER(strong_writer_x, x, seq_cst)
WRITER(strong_writer_y, y, seq_cst)
WRITER(weak_writer_x, x, release)
WRITER(weak_writer_y, y, release)
READER(strong_reader_x_y, x, y, a, b, seq_cst)
READER(strong_reader_y_x, y, x, c, d, seq_cst)
READER(weak_reader_x_y, x, y, a, b, acquire)
READER(weak_reader_y_x, y, x, c, d, acquire)

static void independent(void (*const threads[4])(void *))
{
    struct litmus *l = make();
    unsigned t[4];

    for (int i = 0; i < 4; i++)
        t[i] = model_start("iriw", threads[i], l);
    for (int i = 0; i < 4; i++)
        model_join(t[i]);
    MODEL_CHECK(!(l->a == 1 && l->b == 0 && l->c == 1 && l->d == 0));
}

static void iriw_strong(void)
{
    independent((void (*const[])(void *)){strong_writer_x, strong_writer_y, strong_reader_x_y, strong_reader_y_x});
}

static void iriw_weak(void)
{
    independent((void (*const[])(void *)){weak_writer_x, weak_writer_y, weak_reader_x_y, weak_reader_y_x});
}

/* What else a run can fail of. */

static void nothing(void *arg)
{
    (void)arg;
}

static void wait_for_word(void *arg)
{
    struct litmus *l = arg;

    while (A_LOAD(&l->word, acquire) == 0)
        weft__futex_wait(&l->word, 0, INT64_MAX);
}

static void set_word(void *arg)
{
    struct litmus *l = arg;

    A_STORE(&l->word, 1, release);
    weft__futex_wake(&l->word, 1);
}

static void futex(void)
{
    run(wait_for_word, set_word, make());
}

static void lost_wake_up(void)
{
    run(wait_for_word, nothing, make());
}

static void spin_for_word(void *arg)
{
    struct litmus *l = arg;
    unsigned turns = 0;

    while (A_LOAD(&l->word, acquire) == 0)
        weft__spin(&turns);
}

static void spinning(void)
{
    run(spin_for_word, set_word, make());
}

static void livelock(void)
{
    run(spin_for_word, nothing, make());
}

static void free_it(void *arg)
{
    model_free(arg);
}

static void use_after_free(void)
{
    run(free_it, light_x_y, make());
}

static void double_free(void)
{
    run(free_it, free_it, make());
}

static void read_plain(void *arg)
{
    struct litmus *l = arg;

    l->a = l->plain;
}

static void plain_use_after_free(void)
{
    run(free_it, read_plain, make());
}

static void ends_too_early(void)
{
    (void)model_start("left", nothing, NULL);
}

/* The deadline of a sleeper comes when nobody else can run. */
static void deadline(void)
{
    struct litmus *l = make();
    int64_t until = model_clock() + 1000000;

    while (weft__clock() < until)
        weft__futex_wait(&l->word, 0, until);
    MODEL_CHECK(weft__clock() >= until);
}

int main(int argc, char **argv)
{
    static const struct model_case cases[] = {
        {"sb_strong", sb_strong},
        {"sb_membarrier", sb_membarrier},
        {"message", message},
        {"release_sequence", release_sequence},
        {"coherence", coherence},
        {"iriw_strong", iriw_strong},
        {"futex", futex},
        {"spinning", spinning},
        {"deadline", deadline},
        {"finds_sb_weak", sb_weak},
        {"finds_sb_half", sb_half},
        {"finds_weak_message", weak_message},
        {"finds_weak_receiver", weak_receiver},
        {"finds_iriw_weak", iriw_weak},
        {"finds_race", race},
        {"finds_lost_wake_up", lost_wake_up},
        {"finds_livelock", livelock},
        {"finds_use_after_free", use_after_free},
        {"finds_plain_use_after_free", plain_use_after_free},
        {"finds_double_free", double_free},
        {"finds_thread_left", ends_too_early},
    };

    return model_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
