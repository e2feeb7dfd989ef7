/* SPDX-License-Identifier: MIT */
/* The version of the headers, and of the library that is linked. */
#ifndef WEFT_VERSION_H
#define WEFT_VERSION_H

#include <weft/attr.h>

WEFT_BEGIN_DECLS

#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0
#define WEFT_VERSION_STRING "0.1.0"

/* The version of the library at run time, "MAJOR.MINOR.PATCH". Never NULL; not to be freed. Callable anywhere. */
WEFT_API const char *weft_version(void);

WEFT_END_DECLS

#endif
