/* SPDX-License-Identifier: MIT */
/* What weft/typed.h must not compile, a case each, by the number in CASE; case 0 compiles. check.py runs them, in C and C++. */
#include <weft.h>

#ifdef __cplusplus
#define EXTERN extern "C"
#else
#define EXTERN extern
#endif

struct page {
    int bytes;
};
struct other {
    int bytes;
};
struct large {
    char bytes[WEFT_COPY_MAX + 1];
};

EXTERN int fetch(struct page *p);
EXTERN int fetch_large(struct large *p);
EXTERN long fetch_long(struct page *p);
EXTERN int fetch_number(int number);
EXTERN int fetch_two(struct page *p, struct page *q);

int use(weft_group *g, struct page *p, const struct page *constant, struct other *o, struct large *l, int number);

int use(weft_group *g, struct page *p, const struct page *constant, struct other *o, struct large *l, int number)
{
    (void)g, (void)p, (void)constant, (void)o, (void)l, (void)number;
#if CASE == 0 /* compiles: what fits */
    return WEFT_SPAWN(g, fetch, p) + WEFT_SPAWN(g, fetch_large, l) + WEFT_SPAWN_COPY(g, fetch, *p) +
           WEFT_MAP(p, 1, fetch, NULL);
#elif CASE == 1  /* refused: a pointer to another structure */
    return WEFT_SPAWN(g, fetch, o);
#elif CASE == 2  /* refused: a pointer to what is constant, for a function that may write */
    return WEFT_SPAWN(g, fetch, constant);
#elif CASE == 3  /* refused: the structure in its pointer's place */
    return WEFT_SPAWN(g, fetch, *p);
#elif CASE == 4  /* refused: a number */
    return WEFT_SPAWN(g, fetch, number);
#elif CASE == 5  /* refused: a pointer to a pointer */
    return WEFT_SPAWN(g, fetch, &p);
#elif CASE == 6  /* refused: a function that returns something else */
    return WEFT_SPAWN(g, fetch_long, p);
#elif CASE == 7  /* refused: a function that takes a number */
    return WEFT_SPAWN(g, fetch_number, number);
#elif CASE == 8  /* refused: a function of two arguments */
    return WEFT_SPAWN(g, fetch_two, p);
#elif CASE == 9  /* refused: something that is no function */
    return WEFT_SPAWN(g, number, p);
#elif CASE == 10 /* refused: a copy of another structure */
    return WEFT_SPAWN_COPY(g, fetch, *o);
#elif CASE == 11 /* refused: a copy of a pointer */
    return WEFT_SPAWN_COPY(g, fetch, p);
#elif CASE == 12 /* refused: a copy that is too large */
    return WEFT_SPAWN_COPY(g, fetch_large, *l);
#elif CASE == 13 /* refused: a map over another structure */
    return WEFT_MAP(o, 1, fetch, NULL);
#elif CASE == 14 /* refused: another structure with options */
    return WEFT_SPAWN_WITH(g, fetch, o, NULL);
#elif CASE == 15 /* refused: another structure for any other call */
    return weft_retry(WEFT_FN(fetch, o), o, NULL);
#elif CASE == 16 /* refused: void * for a function of two arguments */
    return WEFT_SPAWN(g, fetch_two, (void *)p);
#endif
}
