/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <string.h>

#include <weft/error.h>

const char *weft_error_name(int code)
{
    switch (code) {
#define CASE(name, value, text)                                                                                        \
    case WEFT_##name:                                                                                                  \
        return "WEFT_" #name;
        WEFT_ERRORS(CASE)
#undef CASE
    default:
        return NULL;
    }
}

const char *weft_strerror(int code)
{
    switch (code) {
    case 0:
        return "success";
#define CASE(name, value, text)                                                                                        \
    case WEFT_##name:                                                                                                  \
        return text;
        WEFT_ERRORS(CASE)
#undef CASE
    default:
        break;
    }
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
    if (code < 0 && code > -4096 && strerrordesc_np(-code) != NULL)
        return strerrordesc_np(-code);
#endif
    return "unknown error";
}
