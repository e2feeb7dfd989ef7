/* SPDX-License-Identifier: MIT */
/* Options: what the structs of the public headers share. */
#ifndef WEFT_SCHED_OPTIONS_H
#define WEFT_SCHED_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A program that sets a reserved word was built for a later library, and would not get what it asks for. */
static inline bool weft__reserved_are_zero(const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] != 0)
            return false;
    return true;
}

/* For the array `reserved` of an options struct. */
#define WEFT__RESERVED_ARE_ZERO(o) weft__reserved_are_zero((o)->reserved, sizeof(o)->reserved / sizeof(o)->reserved[0])

#endif
