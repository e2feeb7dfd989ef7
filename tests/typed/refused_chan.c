/* SPDX-License-Identifier: MIT */
/* What weft/chan_typed.h must not compile, a case each, by the number in CASE; case 0 compiles. check.py runs them, in C and C++. */
#include <weft.h>

struct page {
    int bytes;
};
struct other {
    int bytes;
};

int use(WEFT_CHAN(struct page) pages, WEFT_CHAN(int) numbers, weft_chan *plain, struct page *p,
        const struct page *constant, struct other *o, int number, long wide);

int use(WEFT_CHAN(struct page) pages, WEFT_CHAN(int) numbers, weft_chan *plain, struct page *p,
        const struct page *constant, struct other *o, int number, long wide)
{
    (void)pages, (void)numbers, (void)plain, (void)p, (void)constant, (void)o, (void)number, (void)wide;
#if CASE == 0 /* compiles: what fits */
    return WEFT_CHAN_SEND(pages, constant) + WEFT_CHAN_RECV(pages, p) + WEFT_CHAN_TRY_SEND(numbers, &number) +
           (int)WEFT_CHAN_SEND_MANY(pages, p, 1) + weft_chan_close(WEFT_CHAN_OF(pages));
#elif CASE == 1  /* refused: a send of another structure */
    return WEFT_CHAN_SEND(pages, o);
#elif CASE == 2  /* refused: a receive into another structure */
    return WEFT_CHAN_RECV(pages, o);
#elif CASE == 3  /* refused: a receive into what is constant */
    return WEFT_CHAN_RECV(pages, constant);
#elif CASE == 4  /* refused: a structure in its pointer's place */
    return WEFT_CHAN_SEND(pages, *p);
#elif CASE == 5  /* refused: a wider number */
    return WEFT_CHAN_SEND(numbers, &wide);
#elif CASE == 6  /* refused: a receive into a wider number */
    return WEFT_CHAN_RECV(numbers, &wide);
#elif CASE == 7  /* refused: a pointer to a pointer */
    return WEFT_CHAN_SEND(pages, &p);
#elif CASE == 8  /* refused: void * */
    return WEFT_CHAN_SEND(pages, (void *)p);
#elif CASE == 9  /* refused: a channel that does not know its type */
    return WEFT_CHAN_SEND(plain, p);
#elif CASE == 10 /* refused: something that is no channel */
    return WEFT_CHAN_SEND(number, &number);
#elif CASE == 11 /* refused: a channel of something that is no channel */
    return WEFT_CHAN_FROM(int, p) == numbers;
#elif CASE == 12 /* refused: a try of another structure */
    return WEFT_CHAN_TRY_SEND(pages, o);
#elif CASE == 13 /* refused: a try into another structure */
    return WEFT_CHAN_TRY_RECV(pages, o);
#elif CASE == 14 /* refused: several of another structure */
    return (int)WEFT_CHAN_SEND_MANY(pages, o, 1);
#elif CASE == 15 /* refused: several into another structure */
    return (int)WEFT_CHAN_RECV_MANY(pages, o, 1);
#elif CASE == 16 /* refused: a try of several of another structure */
    return (int)WEFT_CHAN_TRY_SEND_MANY(pages, o, 1);
#elif CASE == 17 /* refused: a try of several into another structure */
    return (int)WEFT_CHAN_TRY_RECV_MANY(pages, o, 1);
#elif CASE == 18 /* refused: reading through the channel */
    return (*pages).bytes;
#endif
}
