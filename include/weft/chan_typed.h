/* SPDX-License-Identifier: MIT */
/*
 * Channels that know the type of their items: what does not fit does not compile.
 *
 *     static int fetch_all(WEFT_CHAN(struct page) pages)
 *     {
 *         struct page p = {"/users"};
 *
 *         return WEFT_CHAN_SEND(pages, &p);
 *     }
 *
 *     WEFT_CHAN(struct page) pages = WEFT_CHAN_CREATE(struct page, 16);
 *
 *     rc = WEFT_CHAN_SEND(pages, &page);             weft_chan_send()
 *     rc = WEFT_CHAN_RECV(pages, &page);             weft_chan_recv()
 *     rc = WEFT_CHAN_TRY_SEND(pages, &page);         weft_chan_try_send()
 *     rc = WEFT_CHAN_TRY_RECV(pages, &page);         weft_chan_try_recv()
 *     n = WEFT_CHAN_SEND_MANY(pages, array, 3);      weft_chan_send_many()
 *     n = WEFT_CHAN_RECV_MANY(pages, array, 3);      weft_chan_recv_many()
 *     n = WEFT_CHAN_TRY_SEND_MANY(pages, array, 3);  weft_chan_try_send_many()
 *     n = WEFT_CHAN_TRY_RECV_MANY(pages, array, 3);  weft_chan_try_recv_many()
 *     weft_chan_close(WEFT_CHAN_OF(pages));          all other calls: WEFT_CHAN_OF is the channel as a weft_chan *
 *
 * Each is otherwise what the function beside it is. WEFT_CHAN(T) is a pointer, NULL where weft_chan_create() returned
 * that, and the same type wherever it is written with the same T, in C and in C++; T is the name of a type, no array,
 * and in C++ trivially copyable. What it points to is none of the caller's business: it is written as the address of a
 * function, so that nobody reads through it, and must not be called. WEFT_CHAN_FROM(T, c) makes one of a `weft_chan
 * *c`, say from weft_chan_create_with(); that its items are of T is the caller's to know. An item must be of T itself:
 * there is no conversion, not even of int to long. Each argument is evaluated once. (A channel of one type that is
 * passed as one of another is what any pointer to a wrong type is: an error in C++ and to newer C compilers, a warning
 * to older ones.)
 */
#ifndef WEFT_CHAN_TYPED_H
#define WEFT_CHAN_TYPED_H

#include <stdint.h>

#include <weft/attr.h>
#include <weft/chan.h>
#include <weft/typed.h>

#define WEFT_CHAN_CREATE(T, capacity) WEFT_CHAN_FROM(T, weft_chan_create(sizeof(T), (capacity)))

#define WEFT_CHAN_SEND(c, item) weft_chan_send(WEFT_CHAN_OF(c), WEFT__CHAN_OUT(c, item))
#define WEFT_CHAN_RECV(c, item) weft_chan_recv(WEFT_CHAN_OF(c), WEFT__CHAN_IN(c, item))
#define WEFT_CHAN_TRY_SEND(c, item) weft_chan_try_send(WEFT_CHAN_OF(c), WEFT__CHAN_OUT(c, item))
#define WEFT_CHAN_TRY_RECV(c, item) weft_chan_try_recv(WEFT_CHAN_OF(c), WEFT__CHAN_IN(c, item))
#define WEFT_CHAN_SEND_MANY(c, items, count) weft_chan_send_many(WEFT_CHAN_OF(c), WEFT__CHAN_OUT(c, items), (count))
#define WEFT_CHAN_RECV_MANY(c, items, max) weft_chan_recv_many(WEFT_CHAN_OF(c), WEFT__CHAN_IN(c, items), (max))
#define WEFT_CHAN_TRY_SEND_MANY(c, items, count)                                                                       \
    weft_chan_try_send_many(WEFT_CHAN_OF(c), WEFT__CHAN_OUT(c, items), (count))
#define WEFT_CHAN_TRY_RECV_MANY(c, items, max) weft_chan_try_recv_many(WEFT_CHAN_OF(c), WEFT__CHAN_IN(c, items), (max))

#ifndef __cplusplus

#if defined(__GNUC__) || defined(__clang__)

#define WEFT_CHAN(T) __typeof__(T(*)(weft_chan *))

/* The type of the items of `c`, which is not evaluated. */
#define WEFT__CHAN_ITEM(c) __typeof__((c)((weft_chan *)0))

/* An integer between keeps compilers from warning that functions and objects are different things. */
#define WEFT_CHAN_FROM(T, c) ((WEFT_CHAN(T))(uintptr_t)WEFT__CHAN_CHECKED(c, weft_chan *, weft_chan *))
#define WEFT_CHAN_OF(c)                                                                                                \
    ((weft_chan *)(uintptr_t)WEFT__CHAN_CHECKED(c, WEFT_CHAN(WEFT__CHAN_ITEM(c)), WEFT_CHAN(WEFT__CHAN_ITEM(c))))

/* `p` where it is an A or a B, else an error. */
#define WEFT__CHAN_CHECKED(p, A, B)                                                                                    \
    __extension__({                                                                                                    \
        _Static_assert(WEFT__IS(WEFT__PASSED(p), A) || WEFT__IS(WEFT__PASSED(p), B),                                   \
                       "not what the channel's items are");                                                            \
        (p);                                                                                                           \
    })
#define WEFT__CHAN_OUT(c, item) WEFT__CHAN_CHECKED(item, WEFT__CHAN_ITEM(c) *, const WEFT__CHAN_ITEM(c) *)
#define WEFT__CHAN_IN(c, item) WEFT__CHAN_CHECKED(item, WEFT__CHAN_ITEM(c) *, WEFT__CHAN_ITEM(c) *)

#else /* nothing is checked */

#define WEFT_CHAN(T) weft_chan *
#define WEFT_CHAN_FROM(T, c) (c)
#define WEFT_CHAN_OF(c) (c)
#define WEFT__CHAN_OUT(c, item) (item)
#define WEFT__CHAN_IN(c, item) (item)

#endif

#else /* C++ */

extern "C++" {

template <typename T> struct weft__chan_type {
    static_assert(__is_trivially_copyable(T), "only what is trivially copyable goes through a channel");
    typedef T (*type)(weft_chan *);
};

template <typename T> weft_chan *weft__chan_of(T (*c)(weft_chan *)) noexcept
{
    return reinterpret_cast<weft_chan *>(c);
}

/* Both arguments say what T is, and must agree. */
template <typename T> const T *weft__chan_out(T (*)(weft_chan *), const T *item) noexcept
{
    return item;
}

template <typename T> T *weft__chan_in(T (*)(weft_chan *), T *item) noexcept
{
    return item;
}

} /* extern "C++" */

#define WEFT_CHAN(T) weft__chan_type<T>::type
#define WEFT_CHAN_FROM(T, c) reinterpret_cast<WEFT_CHAN(T)>(static_cast<weft_chan *>(c))
#define WEFT_CHAN_OF(c) weft__chan_of(c)
#define WEFT__CHAN_OUT(c, item) weft__chan_out((c), (item))
#define WEFT__CHAN_IN(c, item) weft__chan_in((c), (item))

#endif

#endif
