/* SPDX-License-Identifier: MIT */
#include "sched/context.h"

#include <stdint.h>
#include <stdlib.h>
#include <unwind.h>

#include "tests/support/test.h"

enum { SIZE = 256 << 10, TURNS = 1000 };

static struct weft__context native, one, two;
static long trace, landings;

static char *make(struct weft__context *c, weft__context_entry *entry)
{
    char *stack = aligned_alloc(4096, SIZE);

    CHECK_NOT_NULL(stack);
    weft__context_init(c, stack, stack + SIZE, entry);
    return stack;
}

static void enter_aligned(void)
{
    uintptr_t frame;

    weft__context_entered();
    frame = (uintptr_t)__builtin_frame_address(0);
    /* The ABI has the stack aligned at calls; a frame pointer is pushed right after one. */
    CHECK_EQ(frame % 16, 0);
    trace = 1;
    weft__context_switch(&one, &native);
    FAIL("a context that was left for good was entered again");
}

WEFT_TEST(context, entry_runs_on_its_own_aligned_stack)
{
    char *stack;

    weft__context_init_thread(&native);
    stack = make(&one, enter_aligned);
    weft__context_switch(&native, &one);
    CHECK_EQ(trace, 1);
    weft__context_fini(&one);
    free(stack);
}

#if defined(__x86_64__)
#define IN_REGISTER "+x"
#elif defined(__aarch64__)
#define IN_REGISTER "+w"
#else
#define IN_REGISTER "+m"
#endif

/* What a context that was left does when it is come back to. */
static int land(void)
{
    /* As in enter_aligned(). */
    CHECK_EQ((uintptr_t)__builtin_frame_address(0) % 16, 0);
    landings++;
    return 4711 + (int)(landings % 10);
}

/* The two ways to leave a context. A `leave` is the last thing that its caller does. */

typedef int leave_fn(struct weft__context *from, struct weft__context *to);

static __attribute__((noinline)) int leave_by_switch(struct weft__context *from, struct weft__context *to)
{
    weft__context_switch(from, to);
    return land();
}

static __attribute__((noinline)) int leave_and_land(struct weft__context *from, struct weft__context *to)
{
    return weft__context_switch_and_land(from, to, land);
}

/* Locals across many switches: as many as there are registers that a callee keeps (aarch64: ten and, of floating point,
 * eight), and some on the stack. */
static void keep_locals(struct weft__context *self, struct weft__context *other, long seed, leave_fn *const ways[2])
{
    volatile long on_stack[8];
    long a = seed, b = seed + 1, c = seed + 2, d = seed + 3, e = seed + 4, f = seed + 5, g = seed + 6;
    double x = (double)seed, x1 = x + 1, x2 = x + 2, x3 = x + 3, x4 = x + 4, x5 = x + 5, x6 = x + 6, x7 = x + 7;

    for (int i = 0; i < 8; i++)
        on_stack[i] = seed * 100 + i;
    for (long i = 0; i < TURNS; i++) {
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
        __asm__ volatile("" : IN_REGISTER(x), IN_REGISTER(x1), IN_REGISTER(x2), IN_REGISTER(x3));
        __asm__ volatile("" : IN_REGISTER(x4), IN_REGISTER(x5), IN_REGISTER(x6), IN_REGISTER(x7));
        CHECK_EQ(ways[i / 2 % 2](self, other), 4711 + landings % 10);
        a += 1, b += 2, c += 3, d += 4, e += 5, f += 6, g += 7;
        x += 1, x1 += 2, x2 += 3, x3 += 4, x4 += 5, x5 += 6, x6 += 7, x7 += 8;
        trace++;
    }
    CHECK_EQ(a, seed + TURNS);
    CHECK_EQ(b, seed + 1 + 2 * TURNS);
    CHECK_EQ(c, seed + 2 + 3 * TURNS);
    CHECK_EQ(d, seed + 3 + 4 * TURNS);
    CHECK_EQ(e, seed + 4 + 5 * TURNS);
    CHECK_EQ(f, seed + 5 + 6 * TURNS);
    CHECK_EQ(g, seed + 6 + 7 * TURNS);
    CHECK_EQ(x, seed + TURNS);
    CHECK_EQ(x1, seed + 1 + 2 * TURNS);
    CHECK_EQ(x2, seed + 2 + 3 * TURNS);
    CHECK_EQ(x3, seed + 3 + 4 * TURNS);
    CHECK_EQ(x4, seed + 4 + 5 * TURNS);
    CHECK_EQ(x5, seed + 5 + 6 * TURNS);
    CHECK_EQ(x6, seed + 6 + 7 * TURNS);
    CHECK_EQ(x7, seed + 7 + 8 * TURNS);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(on_stack[i], seed * 100 + i);
}

static void enter_first(void)
{
    weft__context_entered();
    keep_locals(&one, &two, 1000, (leave_fn *[]){leave_by_switch, leave_and_land});
    weft__context_switch(&one, &two);
    FAIL("entered again");
}

static leave_fn *ways_of_second[2];

static void enter_second(void)
{
    weft__context_entered();
    keep_locals(&two, &one, 5000, ways_of_second);
    weft__context_switch(&two, &native);
    FAIL("entered again");
}

static void keep_registers_and_locals(leave_fn *even, leave_fn *odd)
{
    char *first, *second;
    volatile long mine = 4711;

    ways_of_second[0] = even;
    ways_of_second[1] = odd;
    trace = landings = 0;
    weft__context_init_thread(&native);
    first = make(&one, enter_first);
    second = make(&two, enter_second);
    weft__context_switch(&native, &one);
    CHECK_EQ(trace, 2 * TURNS);
    CHECK_EQ(landings, 2 * TURNS);
    CHECK_EQ(mine, 4711);
    weft__context_fini(&one);
    weft__context_fini(&two);
    free(first);
    free(second);
}

WEFT_TEST(context, switches_keep_registers_and_locals)
{
    keep_registers_and_locals(leave_by_switch, leave_by_switch);
}

/* Each of the two ways meets each, and itself. */
WEFT_TEST(context, one_that_was_left_lands_with_its_registers_and_locals)
{
    keep_registers_and_locals(leave_and_land, leave_and_land);
    keep_registers_and_locals(leave_by_switch, leave_and_land);
    keep_registers_and_locals(leave_and_land, leave_by_switch);
}

static void enter_and_return_often(void)
{
    weft__context_entered();
    for (;;) {
        trace++;
        weft__context_switch(&one, &native);
    }
}

static void *resume(void *arg)
{
    struct weft__context before = native;

    (void)arg;
    weft__context_init_thread(&native);
    weft__context_switch(&native, &one);
    native = before;
    return NULL;
}

WEFT_TEST(context, may_go_on_on_another_thread)
{
    char *stack;

    trace = 0;
    weft__context_init_thread(&native);
    stack = make(&one, enter_and_return_often);
    weft__context_switch(&native, &one);
    for (int i = 0; i < 10; i++) {
        pthread_t thread;

        CHECK_OK(pthread_create(&thread, NULL, resume, NULL));
        CHECK_OK(pthread_join(thread, NULL));
    }
    CHECK_EQ(trace, 11);
    weft__context_fini(&one);
    free(stack);
}

/* The unwinder of a gcc for glibc does not link with musl. */
#if WEFT__CONTEXT_ASM && defined(__GLIBC__)

void weft__context_start(void);

struct backtrace {
    int depth;
    uintptr_t last;
};

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *frame, void *arg)
{
    struct backtrace *b = arg;

    /* At the end libgcc reports a frame with no address. */
    if (_Unwind_GetIP(frame) != 0)
        b->last = (uintptr_t)_Unwind_GetIP(frame);
    return ++b->depth < 100 ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static struct backtrace seen;

static void enter_and_look_up(void)
{
    weft__context_entered();
    (void)_Unwind_Backtrace(count_frame, &seen);
    weft__context_switch(&one, &native);
    /* The frames are still there after a switch. */
    (void)_Unwind_Backtrace(count_frame, &seen);
    weft__context_switch(&one, &native);
    FAIL("entered again");
}

static int land_and_look_up(void)
{
    (void)_Unwind_Backtrace(count_frame, &seen);
    return 0;
}

static __attribute__((noinline)) int leave_and_look_up(void)
{
    return weft__context_switch_and_land(&one, &native, land_and_look_up);
}

static void enter_and_land(void)
{
    weft__context_entered();
    for (;;)
        CHECK_OK(leave_and_look_up());
}

/* Come back to in either way. */
WEFT_TEST(context, backtraces_of_one_that_lands_end_there_too)
{
    char *stack;

    weft__context_init_thread(&native);
    stack = make(&one, enter_and_land);
    weft__context_switch(&native, &one);
    for (int i = 0; i < 2; i++) {
        seen = (struct backtrace){0};
        if (i == 0)
            weft__context_switch(&native, &one);
        else
            (void)weft__context_switch_and_land(&native, &one, land);
        CHECK_GE(seen.depth, 3);
        CHECK_LT(seen.depth, 20);
        CHECK_GT(seen.last, (uintptr_t)weft__context_start);
        CHECK_LE(seen.last, (uintptr_t)weft__context_start + 8);
    }
    weft__context_fini(&one);
    free(stack);
}

WEFT_TEST(context, backtraces_end_where_the_context_began)
{
    char *stack;

    weft__context_init_thread(&native);
    stack = make(&one, enter_and_look_up);
    for (int i = 0; i < 2; i++) {
        seen = (struct backtrace){0};
        weft__context_switch(&native, &one);
        CHECK_GE(seen.depth, 2);
        CHECK_LT(seen.depth, 20);
        CHECK_GT(seen.last, (uintptr_t)weft__context_start);
        CHECK_LE(seen.last, (uintptr_t)weft__context_start + 8);
    }
    weft__context_fini(&one);
    free(stack);
}

#endif
