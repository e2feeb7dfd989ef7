/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "sched/context.h"

#include <pthread.h>
#include <string.h>

#include "sched/valgrind.h"

#if WEFT__ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if WEFT__TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if WEFT__CONTEXT_ASM
void weft__context_start(void); /* context_<machine>.S */

/* Lays out what weft__context_swap() takes off a stack whose highest address is `high`. Returns the stack pointer. */
static void *first_frame(void *high, weft__context_entry *entry)
{
    void **sp = (void **)((uintptr_t)high & ~(uintptr_t)15);

#if defined(__x86_64__)
    /* rbp rbx r12-r15, then the address to go on from. */
    *--sp = NULL; /* ends backtraces */
    *--sp = NULL; /* keeps the stack aligned at the entry */
    *--sp = (void *)weft__context_start;
    *--sp = NULL;          /* rbp */
    *--sp = (void *)entry; /* rbx */
    for (int i = 0; i < 4; i++)
        *--sp = NULL; /* r12-r15 */
#elif defined(__aarch64__)
    /* x29, the address to go on from, x19-x28, d8-d15. A frame pointer of zero ends backtraces. */
    sp -= 20;
    memset(sp, 0, 20 * sizeof *sp);
    sp[1] = (void *)weft__context_start;
    sp[2] = (void *)entry; /* x19 */
#endif
    return sp;
}
#endif

void weft__context_init(struct weft__context *c, void *low, void *high, weft__context_entry *entry)
{
    size_t size = (size_t)((char *)high - (char *)low);

    memset(c, 0, sizeof *c);
#if WEFT__CONTEXT_ASM
    c->sp = first_frame(high, entry);
#else
    getcontext(&c->uc);
    c->uc.uc_stack.ss_sp = low;
    c->uc.uc_stack.ss_size = size;
    c->uc.uc_link = NULL;
    makecontext(&c->uc, entry, 0);
#endif
#if WEFT__ASAN || WEFT__TSAN
    c->low = low;
    c->size = size;
#endif
#if WEFT__TSAN
    c->fiber = __tsan_create_fiber(0);
#endif
    c->valgrind_id = VALGRIND_STACK_REGISTER(low, (char *)low + size);
    (void)size;
}

void weft__context_fini(struct weft__context *c)
{
#if WEFT__TSAN
    __tsan_destroy_fiber(c->fiber);
#endif
    VALGRIND_STACK_DEREGISTER(c->valgrind_id);
}

void weft__context_init_thread(struct weft__context *c)
{
    memset(c, 0, sizeof *c);
#if WEFT__ASAN || WEFT__TSAN
    {
        pthread_attr_t attr;
        void *low;

        if (pthread_getattr_np(pthread_self(), &attr) == 0) {
            (void)pthread_attr_getstack(&attr, &low, &c->size);
            (void)pthread_attr_destroy(&attr);
            c->low = low;
        }
    }
#endif
#if WEFT__TSAN
    c->fiber = __tsan_get_current_fiber();
#endif
}

void weft__context_entered(void)
{
#if WEFT__ASAN
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
}

#if !(WEFT__CONTEXT_ASM && !WEFT__ASAN && !WEFT__TSAN)
void weft__context_switch(struct weft__context *from, struct weft__context *to)
{
#if WEFT__ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->low, to->size);
#endif
#if WEFT__TSAN
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
#if WEFT__CONTEXT_ASM
    weft__context_swap(&from->sp, to->sp);
#else
    swapcontext(&from->uc, &to->uc);
#endif
#if WEFT__ASAN
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}
#endif
