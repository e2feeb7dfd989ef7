/* SPDX-License-Identifier: MIT */
/*
 * Spawning without `void *`: the function takes a pointer of its own type, and the compiler checks that the argument is one.
 *
 *     static int fetch(struct page *p);
 *
 *     WEFT_SPAWN(g, fetch, &pages[i]);                      weft_spawn()
 *     WEFT_SPAWN_WITH(g, fetch, &page, &options);           weft_spawn_with()
 *     WEFT_SPAWN_COPY(g, fetch, (struct page){"/users"});   weft_spawn_copy(): the task has a copy of its own
 *     t = WEFT_SPAWN_TASK(g, fetch, &page, NULL);           weft_spawn_task()
 *     WEFT_SPAWN_DETACHED(fetch, &page, NULL);              weft_spawn_detached()
 *     rc = WEFT_START(g, serve, &server, NULL);             weft_start()
 *     WEFT_MAP(pages, count, fetch, NULL);                  weft_map() over an array
 *     weft_retry(WEFT_FN(fetch, &page), &page, NULL);       any other call: WEFT_FN is the function as a weft_fn
 *
 * What does not fit does not compile. The type of the argument must be the one of the parameter, with two exceptions: a parameter may
 * add `const`, and a function that takes `void *` takes everything; in C an argument of type `void *` (so also NULL) suits every
 * function, as in a call. Each argument of a macro is evaluated once. Each is otherwise what the function beside it is.
 *
 * In C the task is entered through a pointer to `int (void *)` whatever its parameter points to. C leaves such a call open, though it
 * means the representations of `void *` and `char *`, and of all pointers to structures, to be interchangeable as arguments (C11 6.2.5, 28,
 * and its footnote); on the machines that weft runs on all pointers to objects are, and the calling conventions know but one kind. A
 * checker of function types sees it (clang's -fsanitize=function, 17 and later, where weft itself is compiled with it;
 * -fsanitize=cfi-icall has -fsanitize-cfi-icall-generalize-pointers for this): there write functions that take `void *`, for which
 * WEFT_FN is no conversion. The way without any, a function of its own for each that is spawned, C could only offer by a macro around each
 * definition. In C++ that function is made by a template, so nothing is left open, and it is noexcept: an
 * exception that leaves the task ends the program (see weft.h). There `fn` must be the name of a function.
 */
#ifndef WEFT_TYPED_H
#define WEFT_TYPED_H

#include <stddef.h>
#include <stdint.h>

#include <weft/attr.h>
#include <weft/combine.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/task.h>

#define WEFT_SPAWN(g, fn, arg) weft_spawn((g), WEFT_FN(fn, arg), WEFT__ARG(fn, arg))
#define WEFT_SPAWN_WITH(g, fn, arg, options) weft_spawn_with((g), WEFT_FN(fn, arg), WEFT__ARG(fn, arg), (options))
#define WEFT_SPAWN_TASK(g, fn, arg, options) weft_spawn_task((g), WEFT_FN(fn, arg), WEFT__ARG(fn, arg), (options))
#define WEFT_SPAWN_DETACHED(fn, arg, options) weft_spawn_detached(WEFT_FN(fn, arg), WEFT__ARG(fn, arg), (options))
#define WEFT_START(g, fn, arg, options) weft_start((g), WEFT_FN(fn, arg), WEFT__ARG(fn, arg), (options))
#define WEFT_MAP(items, count, fn, options) weft_map((items), (count), sizeof *(items), WEFT_FN(fn, items), (options))

#ifndef __cplusplus

#if defined(__GNUC__) || defined(__clang__)

/* What an expression is when it is passed: arrays and functions as pointers. */
#define WEFT__PASSED(x) __typeof__(1 ? (x) : (x))
#define WEFT__IS(a, b) __builtin_types_compatible_p(a, b)

/* Whether `fn` takes a pointer to T. */
#define WEFT__TAKES(fn, T)                                                                                             \
    (WEFT__IS(WEFT__PASSED(fn), int (*)(T *)) || WEFT__IS(WEFT__PASSED(fn), int (*)(const T *)) ||                     \
     WEFT__IS(WEFT__PASSED(fn), int (*)(void *)) || WEFT__IS(WEFT__PASSED(fn), int (*)(const void *)))

/* Whether `fn` is a task's function at all: one argument, a pointer, and int. (A call with NULL does not compile otherwise.) */
#define WEFT__IS_TASK(fn) WEFT__IS(__typeof__((fn)((void *)0)), int)

/* `fn` where `fits`, else an error. The inner cast keeps compilers from warning of the outer one. */
#define WEFT__CHECKED(fn, fits)                                                                                        \
    __extension__({                                                                                                    \
        _Static_assert(fits, "the argument is not what the task's function takes");                                    \
        (weft_fn)(void (*)(void))(fn);                                                                                 \
    })

/* The function as a weft_fn. */
#define WEFT_FN(fn, arg)                                                                                               \
    WEFT__CHECKED(fn, WEFT__TAKES(fn, __typeof__(*(arg))) || (WEFT__IS(WEFT__PASSED(arg), void *) && WEFT__IS_TASK(fn)))

/* An integer between keeps compilers from warning that it loses `const`, which the function has. */
#define WEFT__ARG(fn, arg) ((void *)(uintptr_t)(arg))

/* The value may have commas in it. Passed, it loses its `const`. */
#define WEFT_SPAWN_COPY(g, fn, ...)                                                                                    \
    weft_spawn_copy((g), WEFT__CHECKED(fn, WEFT__TAKES(fn, WEFT__VALUE(__VA_ARGS__)) && WEFT__CAN_COPY(__VA_ARGS__)),  \
                    (WEFT__VALUE(__VA_ARGS__)[1]){__VA_ARGS__}, sizeof(WEFT__VALUE(__VA_ARGS__)), NULL)
#define WEFT__VALUE(...) __typeof__(1 ? (__VA_ARGS__) : (__VA_ARGS__))

/* A copy lies at the start of a cache line. */
#define WEFT__CAN_COPY(...)                                                                                            \
    (sizeof(WEFT__VALUE(__VA_ARGS__)) <= WEFT_COPY_MAX && __alignof__(WEFT__VALUE(__VA_ARGS__)) <= WEFT_COPY_MAX)

#else /* nothing is checked */

#define WEFT_FN(fn, arg) ((weft_fn)(fn))
#define WEFT__ARG(fn, arg) ((void *)(arg))

#endif

#else /* C++ */

extern "C++" {

/* Functions that take a P *. */
template <typename P> struct weft__taker {
    template <int (*F)(P *)> static int enter(void *arg) noexcept
    {
        return F(static_cast<P *>(arg));
    }

    static void *pass(P *arg) noexcept
    {
        return const_cast<void *>(static_cast<const volatile void *>(arg));
    }

    template <int (*F)(P *), typename V> static int spawn_copy(weft_group *g, const V &value)
    {
        static_assert(sizeof(V) <= WEFT_COPY_MAX && alignof(V) <= WEFT_COPY_MAX,
                      "too large to be copied into the task");
        static_assert(__is_trivially_copyable(V), "only what is trivially copyable is copied into the task");
        static_assert(weft__same(static_cast<P *>(nullptr), static_cast<const V *>(nullptr)),
                      "the argument is not what the task's function takes");
        return weft_spawn_copy(g, &enter<F>, &value, sizeof value, nullptr);
    }

  private:
    template <typename V> static constexpr bool weft__same(const V *, const V *)
    {
        return true;
    }
    static constexpr bool weft__same(const void *, const void *)
    {
        return false;
    }
};

template <typename P> weft__taker<P> weft__taker_of(int (*)(P *));

} /* extern "C++" */

#define WEFT__TAKER(fn) decltype(weft__taker_of(fn))
#define WEFT_FN(fn, arg)                                                                                               \
    (static_cast<void>(sizeof(WEFT__TAKER(fn)::pass(arg))), static_cast<weft_fn>(&WEFT__TAKER(fn)::enter<fn>))
#define WEFT__ARG(fn, arg) WEFT__TAKER(fn)::pass(arg)
#define WEFT_SPAWN_COPY(g, fn, ...) WEFT__TAKER(fn)::spawn_copy<fn>((g), (__VA_ARGS__))

#endif

#endif
