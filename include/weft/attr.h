/* SPDX-License-Identifier: MIT */
/* Attributes of public declarations. */
#ifndef WEFT_ATTR_H
#define WEFT_ATTR_H

#ifdef __cplusplus
#define WEFT_BEGIN_DECLS extern "C" {
#define WEFT_END_DECLS }
#else
#define WEFT_BEGIN_DECLS
#define WEFT_END_DECLS
#endif

#if defined(__GNUC__) || defined(__clang__)
#define WEFT_API __attribute__((visibility("default")))
#define WEFT_CHECK __attribute__((warn_unused_result))
#define WEFT_NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))
#define WEFT__CLEANUP(fn) __attribute__((cleanup(fn)))
#else
#define WEFT_API
#define WEFT_CHECK
#define WEFT_NONNULL(...)
#endif

#endif
